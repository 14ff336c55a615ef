"""Who is told, by the settings: each person and each program by a name that outbox, logs and audit use."""

from __future__ import annotations

import hashlib
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import urlsplit

import msgspec

from carecordon.hub.config import Notify, Webhook
from carecordon.model.errors import TheirFault
from carecordon.notify.channel import HOOK, MAIL, Target


def names(notify: Notify) -> tuple[str, ...]:
    """Return the names of all receivers, each once, in the order of the settings."""
    found = [_person(to) for mail in notify.mail for to in mail.to]
    return tuple(dict.fromkeys([*found, *(_program(hook) for hook in notify.webhook)]))


def targets(notify: Notify, folder: Path) -> dict[str, Target]:
    """Return how each receiver is reached, by its name. Files named in the settings are looked for from `folder`.

    Raises TheirFault where a secret's file cannot be read, or a webhook would go over a network in clear text.
    """
    found: dict[str, Target] = {}
    for mail in notify.mail:
        secret = "" if mail.password_file is None else _secret(folder / mail.password_file)
        for to in mail.to:
            name = _person(to)
            found.setdefault(name, Target(MAIL, name, {**msgspec.to_builtins(mail), "to": to}, secret))
    for hook in notify.webhook:
        _check_address(hook.url)
        name = _program(hook)
        found.setdefault(name, Target(HOOK, name, {"url": hook.url}, _secret(folder / hook.secret_file)))
    return found


def _check_address(url: str) -> None:
    """Refuse what goes over a network in clear text; the address is not told, since it may hold a secret."""
    try:
        parts = urlsplit(url)
        is_here = parts.hostname is not None and ip_address(parts.hostname).is_loopback
    except ValueError:  # a name
        is_here = False
    if not url.startswith("https://") and not (url.startswith("http://") and is_here):
        raise TheirFault("hub.toml: notify.webhook: url begins with https:// (http:// only to 127.0.0.1 or [::1])")


def _person(to: str) -> str:
    return f"{MAIL}/{to}"


def _program(hook: Webhook) -> str:
    """Return a name that gives away nothing of the address, which may hold a secret."""
    return f"{HOOK}/{hashlib.sha256(hook.url.encode()).hexdigest()[:12]}"


def _secret(path: Path) -> str:
    try:
        return path.read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError) as fault:
        raise TheirFault(f"{path}: a receiver's secret cannot be read: {fault}") from fault
