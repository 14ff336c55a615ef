"""A hub is founded: its authority, its register with the organisation and the first administrator, its settings.

The settings are written last: a folder without them is one where founding was cut off, and no hub starts there.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import msgspec

from carecordon.hub.config import SETTINGS, Paths
from carecordon.hub.naming import fault_of
from carecordon.hub.trust.access import make_token
from carecordon.hub.trust.authority import make_authority
from carecordon.hub.trust.keyfile import check_apart, make_folder
from carecordon.model.errors import TheirFault
from carecordon.model.person import Organisation, Person, Role
from carecordon.register.backends.sqlite import SQLITE

ODS = re.compile(r"[A-Z0-9]{3,10}", re.ASCII)
"""Source: NHS England, Organisation Data Service: three to ten letters and digits, of no meaning."""
NAME_CHARS = 200
LABEL = "made with the hub"
_EXPLAINED = """\
# The hub's settings; what each does: docs/hub.md. They are read when the hub starts.
ods = {ods}
name = {name}

# Who is told of incidents, by mail and by signed webhooks. Secrets lie in files in the folder of keys.
# [notify]
# level = "high"
# [[notify.mail]]
# host = "mail.example.org"
# sender = "carecordon@example.org"
# to = ["on-call@example.org"]
# [[notify.webhook]]
# url = "https://example.org/hook"
# secret_file = "hook.secret"
"""


@dataclass(frozen=True, slots=True)
class Wishes:
    """What whoever founds a hub says: the organisation's ODS code and name, and the first administrator's name."""

    ods: str
    name: str
    admin: str


@dataclass(frozen=True, slots=True)
class Founded:
    """What came of it: the first administrator's token, to be shown once, and the SHA-256 of the hub's CA."""

    token: str
    authority: str


def found(paths: Paths, wishes: Wishes, now: int) -> Founded:
    """Make a hub where there is none. Raises TheirFault for what is no code or name, and where a hub is already."""
    asked = Wishes(code_of(wishes.ods), title_of(wishes.name), admin_of(wishes.admin))
    check_empty(paths)
    make_folder(paths.keys)
    make_folder(paths.data)
    authority = make_authority(paths.keys, asked.ods, asked.name, now)
    SQLITE.prepare(str(paths.register))
    register = SQLITE.open_register(str(paths.register))
    try:
        token, shown = make_token(asked.admin, LABEL, now)
        register.people.found(Organisation(asked.ods, asked.name, now), Person(asked.admin, Role.ADMIN, now), token)
    finally:
        register.close()
    text = _EXPLAINED.format(ods=_toml(asked.ods), name=_toml(asked.name))
    new = paths.data / f"{SETTINGS}.new"
    new.write_text(text, "utf-8")
    new.chmod(0o600)
    new.replace(paths.settings)
    return Founded(shown, authority.fingerprint)


def code_of(text: str) -> str:
    """Return an ODS code as it is kept. Raises TheirFault for what is none."""
    code = text.strip().upper()
    if not ODS.fullmatch(code):
        raise TheirFault(f"--ods {text}: an ODS code is three to ten letters and digits, like RX1 or B81001")
    return code


def title_of(text: str) -> str:
    """Return an organisation's name as it is kept. Raises TheirFault for what is none."""
    name = " ".join(text.split())
    if not name or len(name) > NAME_CHARS or not name.isprintable():
        raise TheirFault(f"--name: a name of 1 to {NAME_CHARS} printable characters is needed")
    return name


def admin_of(text: str) -> str:
    """Return an administrator's name as it is kept. Raises TheirFault for what is none."""
    name = " ".join(text.split())
    fault = fault_of(name)
    if fault:
        raise TheirFault(f"--admin: {fault}")
    return name


def check_empty(paths: Paths) -> None:
    """Raise TheirFault where no hub can be made: there is one already, or something else."""
    check_apart(paths.data, paths.keys)
    if paths.settings.exists():
        raise TheirFault(f"{paths.data}: there is a hub here already; start it with `carecordon up`")
    for folder in (paths.data, paths.keys):
        if folder.exists() and not folder.is_dir():
            raise TheirFault(f"{folder}: this is no folder")
    for folder in (paths.data, paths.keys):
        others = sorted(one.name for one in folder.iterdir()) if folder.exists() else []
        if others:
            raise TheirFault(
                f"{folder}: it is not empty ({', '.join(others[:3])}): give an empty folder, or none; "
                "a hub from a backup comes back with `carecordon hub restore`"
            )


def _toml(text: str) -> str:
    """Return a text as TOML writes it; JSON's escapes are TOML's too, but for one that `_checked` lets nobody write."""
    return msgspec.json.encode(text).decode()
