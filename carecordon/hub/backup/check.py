"""What `carecordon hub check` looks at: whether what the hub keeps is what it wrote, and who could get at its keys.

It reads everything once: the register and its audit log, both streams, the keys. The events in the store are the
keeper's to check. It may run beside a hub that is at work, and changes nothing but for two things: that the register
has lost its end is written down in it, for that may be seen only once; and, where the register is sound, the check
itself is audited, last, for whatever is written before it may take away what is to be seen.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from carecordon.hub.backup.forgotten import forgotten, look_at_end, told, unsure
from carecordon.hub.config import Paths, read_settings
from carecordon.hub.trust.anchors import read_anchors
from carecordon.hub.trust.authority import open_authority, server_is_due
from carecordon.hub.trust.identity import facts_of
from carecordon.hub.trust.keyfile import too_open
from carecordon.hub.trust.revocations import Revocations, Revoked
from carecordon.model.audit import Act
from carecordon.model.device import Standing
from carecordon.model.errors import TheirFault
from carecordon.model.notice import NoticeState
from carecordon.register.backends.sqlite import SQLITE as REGISTER
from carecordon.register.register import Register
from carecordon.stream.backends.sqlite import SQLITE as STREAM

DAY_NS = 86_400 * 1_000_000_000
CA_SOON_DAYS = 180
PULL_BYTES = 16 * 1024 * 1024
TOLD = 100
"""Findings of one kind that are told one by one."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is not as it should be: where, what, and what to do. `is_grave`: something was lost or altered."""

    where: str
    what: str
    is_grave: bool


Look = Callable[[Paths, int], Iterator[Finding]]


def check(paths: Paths, now: int) -> list[Finding]:
    """Return what is wrong with a hub, the gravest first; nothing where all is well. `now` UTC ns."""
    found: list[Finding] = []
    for look in LOOKS:
        try:
            found += look(paths, now)
        except (TheirFault, OSError) as fault:
            found.append(Finding(look.__name__.strip("_"), str(fault), is_grave=True))
    return sorted(found, key=lambda one: not one.is_grave)


def audited(paths: Paths, found: list[Finding], who: str, now: int) -> str:
    """Write in the audit log that somebody checked the hub and found so much; return why not, '' where it is done.

    Nothing is written into a register in which something was found to be wrong.
    """
    grave = [one for one in found if one.is_grave]
    if any(one.where in (str(paths.register), *REGISTER_LOOKS) for one in grave):
        return "the register is not sound, so nothing is written into it"
    try:
        register = REGISTER.open_register(str(paths.register))
    except (TheirFault, OSError) as fault:
        return str(fault)
    try:
        register.audit.add([Act(who, "check", str(paths.data), f"{len(found)} findings, {len(grave)} grave")], now)
    except (TheirFault, OSError) as fault:
        return str(fault)
    finally:
        register.close()
    return ""


def _settings(paths: Paths, _now: int) -> Iterator[Finding]:
    read_settings(paths.settings)
    mode = paths.data.stat().st_mode & 0o777
    if mode & 0o077:
        yield Finding(str(paths.data), f"others may read it ({mode:04o}): chmod 0700 {paths.data}", is_grave=False)


def _keys(paths: Paths, now: int) -> Iterator[Finding]:
    for text in too_open(paths.keys):
        yield Finding(str(paths.keys), text, is_grave=True)
    authority = open_authority(paths.keys, read_settings(paths.settings).ods)
    days = (facts_of(authority.certificate).expires - now) // DAY_NS
    if days < CA_SOON_DAYS:
        text = f"the certificate authority expires in {days} days: plan for the devices to enrol with a new one"
        yield Finding(str(paths.keys), text, is_grave=days < 0)
    due = server_is_due(authority, paths.keys, (), now)
    if due:
        text = f"the hub's own certificate is due: {due}; it is made anew when the hub starts"
        yield Finding(str(paths.keys), text, is_grave=False)


def _end(paths: Paths, now: int) -> Iterator[Finding]:
    """Yield what the register has lost; before it is opened for anything else, which takes what is to be seen away."""
    if not paths.register.exists():
        return
    end = look_at_end(paths)
    doubt = unsure(end) if forgotten(paths, end, now) is None else None
    if doubt is not None:
        yield Finding(str(paths.register), doubt, is_grave=False)
    register = REGISTER.open_register(str(paths.register))
    try:
        for trouble in told(register):
            yield Finding(str(paths.register), trouble.text, is_grave=True)
    finally:
        register.close()


def _register(paths: Paths, _now: int) -> Iterator[Finding]:
    register = REGISTER.open_register(str(paths.register))
    try:
        where = str(paths.register)
        for text in register.check():
            yield Finding(where, f"the database is damaged: {text}; restore a backup", is_grave=True)
        for broken in register.audit.verify(read_anchors(paths.keys))[:TOLD]:
            yield Finding(where, f"audit log, entry {broken.number}: {broken.what}", is_grave=True)
        yield from _let_in(register, paths)
        yield from _waiting(register, where)
    finally:
        register.close()


def _let_in(register: Register, paths: Paths) -> Iterator[Finding]:
    """Yield devices that stand in the journal of revocations and are let in."""
    for one in Revocations(paths.keys).all():
        device = register.devices.get(one.id) if one.kind is Revoked.DEVICE else None
        if device is not None and device.standing is not Standing.REVOKED:
            text = f"device {device.id} was revoked, and the register has forgotten it: start the hub again"
            yield Finding(str(paths.register), text, is_grave=True)


def _waiting(register: Register, where: str) -> Iterator[Finding]:
    """Yield what waits for a person."""
    standings = register.devices.count()
    for standing, text in (
        (Standing.HELD, "devices are held since a restore: confirm them"),
        (
            Standing.UNPROVEN,
            "devices are unproven, another may use their key, until that is revoked: see the steps of their incidents",
        ),
    ):
        if count := standings.get(standing.value):
            yield Finding(where, f"{count} {text}", is_grave=False)
    if count := register.outbox.count().get(NoticeState.FAILED.value):
        yield Finding(where, f"{count} notices could not be delivered: see `carecordon hub notices`", is_grave=False)
    if count := register.letters.count():
        yield Finding(where, f"{count} dead letters wait: look at them, and play them again", is_grave=False)


def _streams(paths: Paths, _now: int) -> Iterator[Finding]:
    for path in (paths.events, paths.found):
        yield from _stream(path)


def _stream(path: Path) -> Iterator[Finding]:
    if not path.exists():
        yield Finding(str(path), "the log is not there: start the hub, or restore a backup", is_grave=True)
        return
    try:
        with closing(sqlite3.connect(path, timeout=30, isolation_level=None)) as connection:
            connection.execute("PRAGMA wal_autocheckpoint = 0")
            for (text,) in connection.execute(f"PRAGMA quick_check({TOLD})"):
                if text != "ok":
                    yield Finding(str(path), f"the database is damaged: {text}; restore a backup", is_grave=True)
    except sqlite3.Error as fault:
        yield Finding(str(path), f"the database cannot be read: {fault}; restore a backup", is_grave=True)
        return
    stream = STREAM.open(str(path), None)
    try:
        for partition in range(stream.partitions):
            last = 0
            while entries := stream.pull(partition, last, PULL_BYTES):
                last = entries[-1].position
        for damage in stream.damaged()[:TOLD]:
            place = f"partition {damage.partition}, groups {damage.first} to {damage.last}"
            yield Finding(str(path), f"{place}: {damage.reason}", is_grave=True)
    finally:
        stream.close()


LOOKS: tuple[Look, ...] = (_settings, _keys, _end, _register, _streams)
REGISTER_LOOKS = ("end", "register")
"""Where a finding stands that ended a look at the register."""
