"""Dead letters and checkpoints in SQL."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Row, func, insert, select, update

from carecordon.model.audit import Act
from carecordon.model.kept import Letter, LetterRow
from carecordon.register.backends.sql.audit import append
from carecordon.register.backends.sql.door import Door, changed, counter, replace, set_counter
from carecordon.register.tables import CHECKPOINTS, LETTERS, LETTERS_BYTES, LETTERS_COUNT

MAX_LETTERS = 100_000
MAX_BYTES = 1024 * 1024 * 1024
"""An enrolled device may be hostile, and send what nothing can work on without end."""
OVERFLOW = "overflow"
_SIZE = func.length(LETTERS.c.payload).label("size")
_LISTED = (*(column for column in LETTERS.c if column.name != "payload"), _SIZE)


class SqlLetters:
    """What nothing could work on."""

    def __init__(self, door: Door) -> None:
        """Use the database behind `door`."""
        self._door = door

    def add(self, letters: Sequence[Letter]) -> None:
        """Set these aside."""
        if letters:
            with self._door.writing() as connection:
                set_aside(connection, letters)

    def all(self, *, is_replayed: bool | None = False, limit: int = 100) -> list[LetterRow]:
        """Return letters without their payload, the latest first: those that wait, were replayed, or (None) both."""
        statement = select(*_LISTED).order_by(LETTERS.c.number.desc()).limit(limit)
        if is_replayed is not None:
            replayed = LETTERS.c.replayed
            statement = statement.where(replayed.is_not(None) if is_replayed else replayed.is_(None))
        with self._door.reading() as connection:
            return list(map(_letter, connection.execute(statement)))

    def get(self, number: int) -> LetterRow | None:
        """Return one letter."""
        with self._door.reading() as connection:
            row = connection.execute(select(LETTERS, _SIZE).where(LETTERS.c.number == number)).first()
        return None if row is None else _letter(row)

    def count(self) -> int:
        """Return how many letters wait."""
        waiting = select(func.count()).select_from(LETTERS).where(LETTERS.c.replayed.is_(None))
        with self._door.reading() as connection:
            return connection.execute(waiting).scalar() or 0

    def replayed(self, number: int, who: str, now: int) -> bool:
        """Mark a letter to be played again and audit it."""
        waits = [LETTERS.c.number == number, LETTERS.c.replayed.is_(None)]
        with self._door.writing() as connection:
            if not changed(connection, LETTERS, waits, {"replayed": now}):
                return False
            append(connection, [Act(who, "replay", f"dead letter {number}")], now)
            return True

    def marked(self, limit: int = 10) -> list[LetterRow]:
        """Return letters that are to be played again and were not yet, the oldest first."""
        marked = select(LETTERS, _SIZE).where(LETTERS.c.replayed.is_not(None), LETTERS.c.done.is_(None))
        with self._door.reading() as connection:
            return list(map(_letter, connection.execute(marked.order_by(LETTERS.c.number).limit(limit))))

    def done(self, number: int, now: int) -> None:
        """Remember that a marked letter was played again, and let go of its content."""
        marked = (LETTERS.c.number == number, LETTERS.c.replayed.is_not(None), LETTERS.c.done.is_(None))
        with self._door.writing() as connection:
            size = connection.execute(select(_SIZE).where(*marked)).scalar()
            if size is not None:
                changed(connection, LETTERS, marked, {"done": now, "payload": b""})
                set_counter(connection, LETTERS_BYTES, counter(connection, LETTERS_BYTES) - size)


class SqlCheckpoints:
    """A few bytes of each worker that say how far it is."""

    def __init__(self, door: Door) -> None:
        """Use the database behind `door`."""
        self._door = door

    def get(self, worker: str) -> bytes | None:
        """Return what the worker wrote last."""
        statement = select(CHECKPOINTS.c.checkpoint).where(CHECKPOINTS.c.worker == worker)
        with self._door.reading() as connection:
            return connection.execute(statement).scalar()

    def set(self, worker: str, checkpoint: bytes) -> None:
        """Replace it; on return it is on disk."""
        with self._door.writing() as connection:
            replace(connection, CHECKPOINTS, [{"worker": worker, "checkpoint": checkpoint}])


def set_aside(connection: Connection, letters: Sequence[Letter]) -> None:
    """Set letters aside within a transaction that writes."""
    if not letters:
        return
    count, size = counter(connection, LETTERS_COUNT), counter(connection, LETTERS_BYTES)
    left_out = 0
    for letter in letters:
        former = connection.execute(
            select(LETTERS.c.number, LETTERS.c.replayed, _SIZE).where(LETTERS.c.key == letter.key)
        ).first()
        if former is not None and former.replayed is None:
            continue
        if former is None and count >= MAX_LETTERS:
            left_out += 1
            continue
        size -= 0 if former is None else former.size
        row = _row(letter, has_room=size + len(letter.payload) <= MAX_BYTES)
        size += len(row["payload"])
        if former is None:
            count += 1
            connection.execute(insert(LETTERS), row)
        else:
            again = row | {"replayed": None, "done": None}
            connection.execute(update(LETTERS).where(LETTERS.c.number == former.number).values(**again))
    if left_out:
        _count_left_out(connection, left_out, letters[-1].at)
    set_counter(connection, LETTERS_COUNT, count)
    set_counter(connection, LETTERS_BYTES, size)


def _row(letter: Letter, *, has_room: bool) -> dict[str, Any]:
    reason = letter.reason if has_room else f"{letter.reason} (no room for its content: dead letters fill theirs)"
    payload = letter.payload if has_room else b""
    return {"key": letter.key, "where": letter.where, "reason": reason, "payload": payload, "at": letter.at}


def _count_left_out(connection: Connection, more: int, at: int) -> None:
    total = counter(connection, OVERFLOW) + more
    set_counter(connection, OVERFLOW, total)
    reason = f"{total:,} more dead letters were only counted: there are {MAX_LETTERS:,}; look at them first"
    row = {"key": OVERFLOW, "where": "anywhere", "reason": reason, "payload": b"", "at": at, "replayed": None}
    if not changed(connection, LETTERS, [LETTERS.c.key == OVERFLOW], row):
        connection.execute(insert(LETTERS), row)


def _letter(row: Row[Any]) -> LetterRow:
    letter = Letter(row.key, row.where, row.reason, getattr(row, "payload", b""), row.at)
    return LetterRow(row.number, letter, row.replayed, row.done, row.size)
