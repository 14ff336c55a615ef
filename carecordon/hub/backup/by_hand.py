"""What people put into a hub's folders by hand, which a backup copies as it lies there, and what they keep elsewhere.

A file that a link leads to counts as if it lay here: rules are read through links too, and the archive of a certificate
manager is made of them.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from carecordon.hub.config import SETTINGS, Paths, Settings

RULES, KEYS = "rules", "keys"
_OF_THE_HUB = frozenset({KEYS, "telemetry", "stream", "run", "logs", "locks", "cache", "backup.tmp", "register.db"})
"""What the hub itself keeps in the data; the backup has it in another way, or need not have it."""


def by_hand(paths: Paths, settings: Settings) -> dict[str, Path]:
    """Return what is to be copied, by its name in the backup: settings, the list of devices, rules and keys.

    Of what the settings name, that which lies in the data is among it.
    """
    found = {SETTINGS: paths.settings}
    found.update(_below(paths.devices.name, paths.devices))
    found.update(_below(RULES, paths.rules))
    found.update(_below(KEYS, paths.keys))
    for _, path in named(paths, settings):
        name = _name_in(paths.data, path)
        if name is not None:
            found.update(_below(name, path))
    return found


def elsewhere(paths: Paths, settings: Settings) -> list[str]:
    """Return what the settings name that a backup does not hold: `PATH (SETTING)` of each."""
    return list(dict.fromkeys(f"{path} ({what})" for what, path in named(paths, settings) if not _is_here(paths, path)))


def named(paths: Paths, settings: Settings) -> Iterator[tuple[str, Path]]:
    """Yield the name of a setting and the whole path that it gives, for each that gives one."""
    listen, notify = settings.listen, settings.notify
    given = [
        *(("rules", paths.data / one) for one in settings.rules),
        *(("api_certificate", Path(one)) for one in (listen.api_certificate,) if one),
        *(("api_key", Path(one)) for one in (listen.api_key,) if one),
        *(("password_file", paths.keys / one.password_file) for one in notify.mail if one.password_file),
        *(("secret_file", paths.keys / one.secret_file) for one in notify.webhook),
    ]
    for what, path in given:
        yield what, Path(os.path.abspath(path))  # noqa: PTH100  # `absolute` leaves `..`, `resolve` follows links


def _is_here(paths: Paths, path: Path) -> bool:
    keys = Path(os.path.abspath(paths.keys))  # noqa: PTH100  # as `named` does
    return path.is_relative_to(keys) or _name_in(paths.data, path) is not None


def _name_in(data: Path, path: Path) -> str | None:
    """Return the name in a backup of what people put into the data; None of what lies elsewhere, or is the hub's."""
    folder = Path(os.path.abspath(data))  # noqa: PTH100  # as `named` does
    if not path.is_relative_to(folder):
        return None
    parts = path.relative_to(folder).parts
    return "/".join(parts) if parts and parts[0] not in _OF_THE_HUB else None


def _below(name: str, path: Path) -> Iterator[tuple[str, Path]]:
    """Yield a file, or those in a folder; what is just being written is left out."""
    if path.is_file():
        yield name, path
        return
    for file in sorted(path.rglob("*")) if path.is_dir() else ():
        if file.is_file() and file.suffix != ".new":
            yield f"{name}/{file.relative_to(path).as_posix()}", file
