"""What was revoked, written down in the folder of keys too: a restored register learns from it what it forgot.

`revoked.log` is only ever added to, one line each: number, kind, id, time (UTC ns), seal; the seal covers the line and
all before it. A revocation stands here, on disk, before it stands in the register; `merge` carries it over after a
crash in between, at each start of the hub and after a restore. A line of kind `hole` says that what was revoked before
it may be missing: the keys themselves came from a backup.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from carecordon.hub.trust.keyfile import FILE_MODE, sync_folder
from carecordon.model.errors import TheirFault
from carecordon.register.register import Register

JOURNAL = "revoked.log"
HUB = "hub"
_GENESIS = hashlib.sha256(b"carecordon revocations 1").hexdigest()


class Revoked(StrEnum):
    """What was revoked."""

    DEVICE = "device"
    TOKEN = "token"  # noqa: S105  # a word, no secret
    ENROL_TOKEN = "enrol-token"  # noqa: S105  # a word, no secret
    PERSON = "person"
    HOLE = "hole"


@dataclass(frozen=True, slots=True)
class Revocation:
    """One line: what, which, when (UTC ns), and its seal."""

    kind: Revoked
    id: str
    at: int
    seal: str


class Revocations:
    """The journal of one folder of keys. Several processes may add to it at once."""

    def __init__(self, keys: Path) -> None:
        """Use the folder, which exists."""
        self._path = keys / JOURNAL

    def all(self) -> list[Revocation]:
        """Return every line. Raises TheirFault where one is not what was written; an unfinished last one never was."""
        try:
            text = self._path.read_bytes()
        except FileNotFoundError:
            return []
        return read_journal(text, str(self._path))

    def add(self, kind: Revoked, identifier: str, now: int) -> None:
        """Write a revocation down; on return it is on disk. One that is there already is not written again.

        Raises TheirFault for an id that would not stand there as it is: a restore would not know it again.
        """
        if identifier != " ".join(identifier.split()):
            raise TheirFault(f"{identifier!r} cannot stand in the journal of revocations: it has blanks of its own")
        descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_APPEND, FILE_MODE)
        with os.fdopen(descriptor, "r+b") as file:
            fcntl.flock(file, fcntl.LOCK_EX)  # until the file is closed
            file.seek(0)
            text = file.read()
            known = read_journal(text, str(self._path))
            if kind is not Revoked.HOLE and any((one.kind, one.id) == (kind, identifier) for one in known):
                return
            end = text.rfind(b"\n") + 1
            if end < len(text):  # a crash cut this line off before anybody was told that it is there
                file.truncate(end)
            file.write(_line(len(known) + 1, kind, identifier, now, known[-1].seal if known else _GENESIS).encode())
            file.flush()
            os.fsync(file.fileno())
        sync_folder(self._path.parent)


def revoke_device(register: Register, keys: Path, device_id: str, why: str, who: str, now: int) -> bool:
    """Revoke a device so that no restore revives it; return False where there is none, or it was revoked before."""
    if register.devices.get(device_id) is None:
        return False
    Revocations(keys).add(Revoked.DEVICE, device_id, now)
    return register.devices.revoke(device_id, why, who, now)


def revoke_token(register: Register, keys: Path, token_id: str, who: str, now: int) -> bool:
    """Revoke a person's token so that no restore revives it; return False where there is none that is good."""
    if register.people.token(token_id) is None:
        return False
    Revocations(keys).add(Revoked.TOKEN, token_id, now)
    return register.people.revoke_token(token_id, who, now)


def revoke_enrol_token(register: Register, keys: Path, token_id: str, who: str, now: int) -> bool:
    """Revoke an enrolment token so that no restore revives it; return False where there is none that is good."""
    if not any(token.id == token_id for token in register.devices.enrol_tokens()):
        return False
    Revocations(keys).add(Revoked.ENROL_TOKEN, token_id, now)
    return register.devices.revoke_enrol_token(token_id, who, now)


def remove_person(register: Register, keys: Path, name: str, who: str, now: int) -> bool:
    """Let a person do nothing any more, after a restore too; return False where there is none."""
    person = register.people.get(name)
    if person is None or person.gone is not None:
        return False
    Revocations(keys).add(Revoked.PERSON, name, now)
    return register.people.remove(name, who, now)


def merge(register: Register, revocations: Iterable[Revocation], now: int) -> list[Revocation]:
    """Revoke in the register what the journal says and the register does not; return what that was."""
    why = "it stands in the journal of revocations"
    todo: dict[Revoked, Callable[[str], bool]] = {
        Revoked.DEVICE: lambda name: register.devices.revoke(name, why, HUB, now),
        Revoked.TOKEN: lambda name: register.people.revoke_token(name, HUB, now),
        Revoked.ENROL_TOKEN: lambda name: register.devices.revoke_enrol_token(name, HUB, now),
        Revoked.PERSON: lambda name: register.people.remove(name, HUB, now),
        Revoked.HOLE: lambda _: False,
    }
    return [one for one in revocations if todo[one.kind](one.id)]


def read_journal(text: bytes, where: str) -> list[Revocation]:
    """Return the lines of a journal that are whole. Raises TheirFault, with file and line, where the chain breaks."""
    seal = _GENESIS
    found = []
    for number, raw in enumerate(text.split(b"\n")[:-1], 1):
        try:
            line = raw.decode("utf-8")
            _, kind, identifier, at, _ = line.split("\t")
            one = Revocation(Revoked(kind), identifier, int(at), "")
        except ValueError as fault:
            raise TheirFault(f"{where}:{number}: this is no line that the hub wrote: {_ADVICE}") from fault
        if f"{line}\n" != _line(number, one.kind, one.id, one.at, seal):
            raise TheirFault(f"{where}:{number}: the line, or one before it, was changed: {_ADVICE}")
        seal = line.rpartition("\t")[2]
        found.append(Revocation(one.kind, one.id, one.at, seal))
    return found


_ADVICE = "put the file back from a copy of the folder of keys; without it, nobody knows what was revoked"


def _line(number: int, kind: Revoked, identifier: str, at: int, former: str) -> str:
    clean = " ".join(identifier.split())
    body = f"{number}\t{kind.value}\t{clean}\t{at}"
    seal = hashlib.sha256(f"{former} {body}".encode()).hexdigest()
    return f"{body}\t{seal}\n"
