"""A hub restored from a backup, without reviving anything that was revoked since.

A backup cannot hold what was revoked after it was taken; the journal in the folder of keys does
(`trust/revocations.py`). Where that folder is still there, and its journal goes on from the backup's, it is carried
over and the hub goes on at once. Where it is not, nobody knows what was revoked: every device is held (refused, with a
retry time, so that it keeps its events) until a person confirms it, every token is revoked, and one administrator gets
a new one. Enrolment tokens are revoked in any case: how often they were used since is not known.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path

from carecordon.hub.backup.archive import Entry, Manifest, open_archive
from carecordon.hub.backup.backup import REGISTER
from carecordon.hub.backup.by_hand import KEYS
from carecordon.hub.lock import lock_keys
from carecordon.hub.trust.access import make_token
from carecordon.hub.trust.anchors import ANCHORS, read_anchors
from carecordon.hub.trust.authority import CA_CERTIFICATE, CA_KEY
from carecordon.hub.trust.keyfile import FOLDER_MODE, check_apart, make_folder, sync_folder, write_secret
from carecordon.hub.trust.revocations import JOURNAL, Revocation, Revocations, Revoked, merge, read_journal
from carecordon.model.audit import Act, Head
from carecordon.model.errors import TheirFault
from carecordon.model.person import Person, Role
from carecordon.register.backends.sqlite import SQLITE
from carecordon.register.register import Register

HUB = "hub"
WHY = "restored from a backup: what was revoked after it is not known"


@dataclass(frozen=True, slots=True)
class Restored:
    """What came of it: what was in the backup, what was revoked again, and, where the journal was lost, the rest.

    `held` devices wait for a person's confirmation; `token` is a new one of `person`, to be shown once, or None.
    """

    manifest: Manifest
    revoked: tuple[Revocation, ...]
    held: int
    person: str | None = None
    token: str | None = None


def restore(archive: Path, data: Path, keys: Path, passphrase: str, now: int) -> Restored:
    """Restore a hub into `data`, which is empty or not there. `keys` is empty too, or holds this hub's own keys.

    No hub runs with these keys meanwhile.
    Everything is unsealed beside `data` and held against the backup's list first; nothing is put in its place before
    all is as it should be. Raises TheirFault where it is not, and leaves both folders as they were.
    """
    check_apart(data, keys)
    with _held(keys):
        return _restored(archive, data, keys, passphrase, now)


@contextmanager
def _held(keys: Path) -> Iterator[None]:
    """Keep hubs off these keys, where they are there. Raises TheirFault where one runs with them."""
    try:
        held = lock_keys(keys / CA_KEY) if (keys / CA_KEY).exists() else nullcontext()
    except OSError as fault:
        raise TheirFault(f"{keys}: the hub was not restored: {fault.strerror or fault}") from fault
    with held:
        yield


def _restored(archive: Path, data: Path, keys: Path, passphrase: str, now: int) -> Restored:
    if data.exists() and any(data.iterdir()):
        raise TheirFault(f"{data}: it is not empty: a restore never writes over a hub; give an empty folder")
    data.parent.mkdir(parents=True, exist_ok=True)
    staging = data.with_name(f".{data.name}.restoring")
    shutil.rmtree(staging, ignore_errors=True)  # of one that was cut off
    staging.mkdir(FOLDER_MODE)
    try:
        manifest = open_archive(archive, passphrase, staging)
        tree, own = staging / "tree", staging / "own"
        _lay_out(manifest.files, staging, tree, own)
        journal = _journal(own, keys)
        anchors = _fitting_anchors(tree / REGISTER, keys if journal.has_keys else own)
        restored = _wake(tree / REGISTER, manifest, journal, now)
        _put_in_place(tree, own, data, keys, _Keys(journal, anchors, now))
    except OSError as fault:
        raise TheirFault(f"{fault.filename or data}: the hub was not restored: {fault.strerror or fault}") from fault
    finally:
        shutil.rmtree(staging, ignore_errors=True)
    return restored


@dataclass(frozen=True, slots=True)
class _Journal:
    """All revocations that are known; `is_whole`: nothing that came after the backup can be missing among them."""

    known: tuple[Revocation, ...]
    is_whole: bool
    has_keys: bool


def _journal(own: Path, keys: Path) -> _Journal:
    """Return what was revoked, by the backup's keys (`own`) and by those that are still there."""
    archived = _read(own / JOURNAL)
    if not keys.exists() or not any(keys.iterdir()):
        return _Journal(tuple(archived), is_whole=False, has_keys=False)
    certificate = keys / CA_CERTIFICATE
    if not certificate.exists() or certificate.read_bytes() != (own / CA_CERTIFICATE).read_bytes():
        raise TheirFault(
            f"{keys}: these are not the keys of the hub in the backup: give its own folder, or an empty one"
        )
    if not (keys / JOURNAL).exists():
        return _Journal(tuple(archived), is_whole=False, has_keys=True)
    present = Revocations(keys).all()
    since = present[len(archived) :]
    goes_on = present[: len(archived)] == archived
    is_whole = goes_on and not any(one.kind is Revoked.HOLE for one in since)
    return _Journal((*archived, *(since if goes_on else present)), is_whole, has_keys=True)


def _read(path: Path) -> list[Revocation]:
    return read_journal(path.read_bytes(), f"{path.name} in the backup") if path.exists() else []


def _lay_out(entries: Sequence[Entry], staging: Path, tree: Path, own: Path) -> None:
    """Give every file its name: those of keys under `own`, all others under `tree`."""
    make_folder(tree)
    make_folder(own)
    for number, entry in enumerate(entries):
        top, _, rest = entry.name.partition("/")
        path = own / rest if top == KEYS and rest else tree / entry.name
        path.parent.mkdir(FOLDER_MODE, parents=True, exist_ok=True)
        (staging / str(number)).rename(path)
        path.chmod(0o600)
    if not (tree / REGISTER).exists() or not (own / CA_CERTIFICATE).exists():
        raise TheirFault("the backup holds no register or no keys: it is none of a hub")


def _wake(place: Path, manifest: Manifest, journal: _Journal, now: int) -> Restored:
    """Bring the register to what may be believed of it, before anybody can open it in its place."""
    register = SQLITE.open_register(str(place))
    try:
        revoked = merge(register, journal.known, now)
        for token in register.devices.enrol_tokens():
            register.devices.revoke_enrol_token(token.id, HUB, now)
        register.devices.restored(manifest.created, now)
        detail = (
            f"backup of {manifest.created}; the journal of revocations {'goes on' if journal.is_whole else 'is lost'}"
        )
        register.audit.add([Act(HUB, "restore", manifest.ods, detail)], now)
        if journal.is_whole:
            return Restored(manifest, tuple(revoked), held=0)
        held = register.devices.hold(WHY, HUB, now)
        person, shown = _new_token(register, now)
        return Restored(manifest, tuple(revoked), held, person, shown)
    finally:
        register.close()


def _new_token(register: Register, now: int) -> tuple[str, str]:
    """Revoke all tokens and return the name of an administrator and a new one."""
    for token in register.people.tokens():
        register.people.revoke_token(token.id, HUB, now)
    admins = [one for one in register.people.all() if one.role is Role.ADMIN and one.gone is None]
    if not admins:
        admins = [Person("restorer", Role.ADMIN, now)]
        register.people.add(admins[0], HUB)
    first = min(admins, key=lambda one: (one.made, one.name))
    token, shown = make_token(first.name, "made by a restore", now)
    register.people.add_token(token, HUB)
    return first.name, shown


@dataclass(frozen=True, slots=True)
class _Keys:
    """What is to stand in the keys afterwards."""

    journal: _Journal
    anchors: Sequence[Head]
    now: int


def _put_in_place(tree: Path, own: Path, data: Path, keys: Path, wanted: _Keys) -> None:
    """Put the data in its place, whole or not at all, and then what changes in the keys."""
    _sync(tree)
    tree.rename(data)
    try:
        sync_folder(data.parent)
        _renew_keys(own, keys, wanted)
    except BaseException:
        data.rename(tree)  # data without their keys would look like a hub
        raise


def _renew_keys(own: Path, keys: Path, wanted: _Keys) -> None:
    make_folder(keys)
    if not wanted.journal.has_keys:
        for path in sorted(own.rglob("*")):
            target = keys / path.relative_to(own)
            if path.is_dir():
                make_folder(target)
            elif target != keys / ANCHORS:
                write_secret(target, path.read_bytes())
    present = Revocations(keys)
    for one in wanted.journal.known:
        if one.kind is not Revoked.HOLE:
            present.add(one.kind, one.id, one.at)
    if not wanted.journal.is_whole:
        present.add(Revoked.HOLE, "restore", wanted.now)
    if (keys / ANCHORS).exists():
        (keys / ANCHORS).replace(keys / f"{ANCHORS}.{wanted.now}")
    write_secret(keys / ANCHORS, "".join(f"{one.number} {one.seal}\n" for one in wanted.anchors).encode())


def _fitting_anchors(place: Path, keys: Path) -> list[Head]:
    """Return the anchors that the log, as it was in the backup, is long enough for."""
    SQLITE.prepare(str(place))
    register = SQLITE.open_register(str(place))
    try:
        end = register.audit.head().number
    finally:
        register.close()
    return [anchor for anchor in read_anchors(keys) if anchor.number <= end]


def _sync(folder: Path) -> None:
    for root, _, names in os.walk(folder):
        for name in names:
            with (Path(root) / name).open("rb") as file:
                os.fsync(file.fileno())
        sync_folder(Path(root))
