"""What the register has forgotten: SQLite drops the end of a write-ahead log that does not check, and says nothing.

Theory. Who acknowledges in a stream has committed to the register before, and an anchor of the audit log is noted in
the folder of keys after its entries are on disk. So none of them is ever ahead of the register; one that is tells that
the register lost its end. The write-ahead log itself is looked at too, before anything is written to it. Its commits
are synced one after the other: where more than one does not check, one was on disk and is lost; where it is the last
alone, it may be what a kill, a power cut or a transaction that was given up left, and is no proof: `hub check` prints
it, and it is written nowhere.

Seen is whatever was followed by a worker's turn, by triage letting go of stream 2, or by an anchor; and each
frame that does not check. Not seen are whole commits cut off cleanly that none of these came behind.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import closing, suppress
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import msgspec

from carecordon.hub.config import Paths
from carecordon.hub.trust.anchors import read_anchors
from carecordon.hub.worker.checkpoint import Done, done, known, read_checkpoint
from carecordon.model.errors import TheirFault
from carecordon.model.kept import Trouble
from carecordon.model.stream import Stream
from carecordon.register.backends.sqlite import SQLITE as REGISTER
from carecordon.register.backends.sqlite import look_at_log
from carecordon.register.register import Register
from carecordon.stream.backends.on_sqlite.wal import FRAME_HEAD, HEAD, dropped
from carecordon.stream.backends.sqlite import SQLITE as STREAM

KEY = "damage/register/"
"""How the keys of these troubles begin. Behind it stands which partitions and kinds are concerned, so that what is
seen again is the same trouble. It ends by itself a day after it was seen last (`hub/triage/passing.py`)."""
TRIAGE = "triage"
"""The consumer of stream 2."""
TOLD = 3
"""Partitions that are named."""
TROUBLES = 10_000
LOG = "log"
"""The kind of what the write-ahead log itself shows."""
UNSURE = "nothing that anybody was told was in it if a kill, a power cut or a transaction that was given up left it so"
SURE = "more than one commit stood there, so some of it was on disk"
LOST = (
    "Events and what was found in them are in the other logs, and are gone on with from there. What else was written "
    "last is lost: devices that enrolled, what people did, which notices went (they may go once more). Look at the "
    "disk; this is told until nothing more of it was seen for a day"
)


class Witnesses(NamedTuple):
    """What others say that the register knew: of each partition, the end of the audit log, triage's place."""

    workers: tuple[Done, ...]
    audit: int
    triage: int


class Missing(NamedTuple):
    """One thing that is missing, in words: what of, and in which partitions."""

    concerned: tuple[str, ...]
    text: str


class Dropped(NamedTuple):
    """What is wrong with the end of the write-ahead log, and whether something that was on disk is lost for sure."""

    reason: str
    is_sure: bool


def look_at_end(paths: Paths) -> Dropped | None:
    """Return what SQLite drops of the register's write-ahead log: to be called before anybody writes.

    Raises TheirFault or OSError where it cannot be looked at.
    """
    return look_at_log(str(paths.register), _dropped)


def write_down(paths: Paths, end: Dropped | None, now: int) -> None:
    """Write down that the end was lost, where that is sure: whoever writes to the register takes what shows it away.

    Raises TheirFault or OSError where the register cannot be written.
    """
    if end is not None and end.is_sure:
        with closing(REGISTER.open_register(str(paths.register))) as register:
            register.cases.trouble([_trouble(end, [], now)])


def unsure(end: Dropped | None) -> str | None:
    """Return in words what is no proof of a loss; None where nothing is, or all is sure."""
    if end is None or end.is_sure:
        return None
    return f"the end of what was written to the register may be lost: {end.reason}; {UNSURE}"


def forgotten(paths: Paths, end: Dropped | None, now: int) -> Trouble | None:
    """Return what is to be told of a register whose end was found to be such (`look_at_end`); written down already.

    None where nothing is lost for sure. Raises TheirFault or OSError where a log or the register cannot be read.
    """
    write_down(paths, end, now)
    if not (paths.events.exists() and paths.found.exists()):
        return None
    with (
        closing(STREAM.open(str(paths.events), None)) as events,
        closing(STREAM.open(str(paths.found), None)) as found,
        closing(REGISTER.open_register(str(paths.register))) as register,
    ):
        witnesses = _witnesses(paths, events, found)  # first: meanwhile the register only comes to know more
        missing = list(_missing(register, witnesses, events.epoch, found))
        sure = end if end and end.is_sure else None
        if not missing:
            return _trouble(sure, [], now) if sure else None  # written down above
        known = [one for one in told(register) if all(each.text in one.text for each in missing)]
        if known and end is None:
            return known[0]
        trouble = _trouble(end, missing, now)
        shorter = [replace(_trouble(sure, [], now), until=now)] if sure else []
        register.cases.trouble([*shorter, trouble])
    return trouble


def told(register: Register) -> list[Trouble]:
    """Return what was told of it before, and lasts."""
    return [one for one in register.cases.troubles(limit=TROUBLES) if one.key.startswith(KEY)]


def _trouble(end: Dropped | None, missing: list[Missing], now: int) -> Trouble:
    """Return it in words, under a key that it has again while the same is concerned, wherever positions are by then."""
    reason = [end.reason] if end else []
    sure = [] if missing else [SURE]
    words = [*reason, *sure, *(one.text for one in missing), LOST]
    concerned = sorted({name for one in missing for name in one.concerned}) or [LOG]
    key = KEY + hashlib.sha256("\n".join(concerned).encode()).hexdigest()[:12]
    return Trouble(
        key, "damage", None, "the register has lost the end of what was written to it: " + "; ".join(words), now
    )


def _dropped(path: Path, frames: int) -> Dropped | None:
    """Look at what is behind the frames that SQLite takes for whole."""
    reason = dropped(path, frames)
    return None if reason is None else Dropped(reason, _is_sure(path, frames))


def _is_sure(path: Path, frames: int) -> bool:
    """Return whether a commit ends behind these frames and another begins behind that: so the first was synced.

    Source: SQLite, Database File Format, section 4.1 (sqlite.org/fileformat2.html, 2025).
    """
    has_ended = False
    with path.open("rb") as file:
        head = file.read(HEAD)
        size = FRAME_HEAD + int.from_bytes(head[8:12], "big")
        file.seek(HEAD + frames * size)
        while len(raw := file.read(size)) >= FRAME_HEAD:
            if raw[8:16] == head[16:24]:  # else of an older log
                if has_ended:
                    return True
                has_ended = raw[4:8] != bytes(4)
    return False


def _witnesses(paths: Paths, events: Stream, found: Stream) -> Witnesses:
    workers = tuple(done(events, found, partition) for partition in range(events.partitions))
    number = 0
    with suppress(TheirFault):  # a file that is damaged says nothing; `hub check` tells of it
        number = max((anchor.number for anchor in read_anchors(paths.keys)), default=0)
    return Witnesses(workers, number, found.acked(TRIAGE, 0))


def _missing(register: Register, witnesses: Witnesses, epoch: int, found: Stream) -> Iterator[Missing]:
    behind = []
    for partition, seen in enumerate(witnesses.workers):
        at = known(read_checkpoint(register.checkpoints, partition, epoch))
        if seen.detected > at.detected or seen.stored > at.stored:
            text = (
                f"partition {partition} was matched up to {seen.detected} and stored up to {seen.stored}, "
                f"and it says {at.detected} and {at.stored}"
            )
            behind.append(Missing((f"partition/{partition}",), text))
    yield from behind[:TOLD]
    if more := behind[TOLD:]:
        yield Missing(tuple(one.concerned[0] for one in more), f"as much of {len(more)} more partitions")
    end = register.audit.head().number
    if witnesses.audit > end:
        yield Missing(("audit",), f"entries {end + 1} to {witnesses.audit} of the audit log are gone")
    position = _position(register, found.epoch)
    if position is not None and witnesses.triage > position:
        yield Missing(("incidents",), _incidents(found, position, witnesses.triage))


def _position(register: Register, epoch: int) -> int | None:
    """Return where triage stands in the log of this epoch; None where it is another log, which triage tells itself."""
    record = register.cases.record(("stream",))
    base = 0
    if record is not None:
        with suppress(msgspec.DecodeError):
            of, base = msgspec.msgpack.decode(record, type=tuple[int, int])
            if of != epoch:
                return None
    return register.cases.position() - base


def _incidents(found: Stream, position: int, acked: int) -> str:
    entries = found.pull(0, position, 1)
    first = entries[0].position if entries else acked + 1
    text = f"incidents were made of what was found up to {acked}, and only those up to {position} are there"
    if first > position + 1:
        return f"{text}: what lies at {position + 1} to {first - 1} is in no log any more, incidents of it are lost"
    return f"{text}: all of it is still in the log, and they are made again"
