"""The outbox in SQL: a notice is marked before it goes and after, so that a crash costs at most one repeat."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import Any

from sqlalchemy import Connection, Row, bindparam, func, or_, select, update

from carecordon.model.audit import Act
from carecordon.model.errors import OurFault
from carecordon.model.notice import LONGEST_WAIT_NS, NewNotice, NoticeRow, NoticeState
from carecordon.register.backends.sql.audit import append
from carecordon.register.backends.sql.door import Door, add_missing, changed, chunks, count_by
from carecordon.register.tables import INCIDENT_IDS, NOTICES

NO_INCIDENT = 0
MOST_WENT = 10_000
_WHY_CHARS = 1_000


class SqlOutbox:
    """What is to be sent."""

    def __init__(self, door: Door) -> None:
        """Use the database behind `door`."""
        self._door = door

    def resume(self, now: int) -> int:
        """Put what was begun and never finished back to be sent, marked as a perhaps-repeat."""
        values = {"state": NoticeState.WAITING.value, "next_try": now, "is_repeat": 1}
        with self._door.writing() as connection:
            return changed(connection, NOTICES, [NOTICES.c.state == NoticeState.BEGUN.value], values)

    def due(self, now: int, limit: int, besides: Collection[str] = ()) -> list[NoticeRow]:
        """Return notices whose time has come: of each channel but `besides` the oldest, `limit` of it at most."""
        is_due = or_(NOTICES.c.next_try <= now, NOTICES.c.next_try > now + LONGEST_WAIT_NS)
        waiting = (NOTICES.c.sent.is_(None), NOTICES.c.state == NoticeState.WAITING.value, is_due)
        found: list[NoticeRow] = []
        with self._door.reading() as connection:
            for channel in _channels(connection):
                if channel not in besides:
                    of_it = select(NOTICES).where(NOTICES.c.channel == channel, *waiting)
                    found += map(_notice, connection.execute(of_it.order_by(NOTICES.c.number).limit(limit)))
        return found

    def begun(self, numbers: Sequence[int], now: int, digest: str = "") -> None:
        """Mark notices as on their way: called before they go."""
        values = {"state": NoticeState.BEGUN.value, "tries": NOTICES.c.tries + 1, "digest": digest, "next_try": now}
        self._mark(numbers, NoticeState.WAITING, values)

    def done(self, numbers: Sequence[int], now: int) -> None:
        """Mark notices as delivered."""
        self._mark(numbers, NoticeState.BEGUN, {"state": NoticeState.DONE.value, "sent": now, "why": ""})

    def failed(self, numbers: Sequence[int], why: str, next_try: int | None) -> None:
        """Mark notices to be tried again at `next_try` (UTC ns), or given up (None)."""
        values: dict[str, Any] = {"why": why[:_WHY_CHARS], "state": NoticeState.FAILED.value}
        if next_try is not None:
            values |= {"state": NoticeState.WAITING.value, "next_try": next_try}
        self._mark(numbers, NoticeState.BEGUN, values)

    def went(self, channel: str, since: int, until: int | None = None) -> list[NoticeRow]:
        """Return what was delivered by a channel from `since` to `until` (UTC ns), the oldest first."""
        statement = select(NOTICES).where(NOTICES.c.channel == channel, NOTICES.c.sent >= since)
        if until is not None:
            statement = statement.where(NOTICES.c.sent <= until)
        with self._door.reading() as connection:
            rows = connection.execute(statement.order_by(NOTICES.c.sent, NOTICES.c.number).limit(MOST_WENT))
            return list(map(_notice, rows))

    def count(self) -> dict[str, int]:
        """Return how many notices are in each state."""
        with self._door.reading() as connection:
            return count_by(connection, NOTICES, "state")

    def all(self, limit: int = 100, state: NoticeState | None = None, before: int | None = None) -> list[NoticeRow]:
        """Return notices, the latest first: those of a state and of numbers below `before`, if given."""
        statement = select(NOTICES).order_by(NOTICES.c.number.desc()).limit(limit)
        if state is not None:
            statement = statement.where(NOTICES.c.state == state.value)
        if before is not None:
            statement = statement.where(NOTICES.c.number < before)
        with self._door.reading() as connection:
            return list(map(_notice, connection.execute(statement)))

    def get(self, numbers: Sequence[int]) -> list[NoticeRow]:
        """Return the notices of these numbers, as many of them as there are."""
        with self._door.reading() as connection:
            found = (connection.execute(select(NOTICES).where(NOTICES.c.number.in_(some))) for some in chunks(numbers))
            return [_notice(row) for rows in found for row in rows]

    def again(self, numbers: Sequence[int] | None, who: str, now: int) -> int:
        """Let notices that were given up be sent again, all of them for None, and audit it."""
        waiting = {"state": NoticeState.WAITING.value, "tries": 0, "made": now, "next_try": now, "is_repeat": 1}
        has_failed = NOTICES.c.state == NoticeState.FAILED.value
        with self._door.writing() as connection:
            if numbers is None:
                count = changed(connection, NOTICES, [has_failed], waiting)
            else:
                those = [[NOTICES.c.number.in_(some), has_failed] for some in chunks(numbers)]
                count = sum(changed(connection, NOTICES, some, waiting) for some in those)
            what = "all failed notices" if numbers is None else f"notices {' '.join(map(str, numbers))}"
            append(connection, [Act(who, "send-again", what, f"{count}")], now)
            return count

    def _mark(self, numbers: Sequence[int], was: NoticeState, values: dict[str, Any]) -> None:
        with self._door.writing() as connection:
            for some in chunks(numbers):
                changed(connection, NOTICES, [NOTICES.c.number.in_(some), NOTICES.c.state == was.value], values)


def put_out(connection: Connection, notices: Sequence[NewNotice], now: int) -> None:
    """Put notices in the outbox within a transaction that writes; those that are there already stay as they are."""
    rows = [
        {
            "channel": notice.channel,
            "key": notice.key,
            "incident": NO_INCIDENT if notice.incident is None else _number_of(connection, notice.incident),
            "level": notice.level,
            "subject": notice.subject,
            "body": notice.body,
            "state": NoticeState.WAITING.value,
            "tries": 0,
            "made": now,
            "next_try": notice.due,
            "why": "",
            "digest": "",
            "is_repeat": 0,
            "sent": None,
        }
        for notice in notices
    ]
    add_missing(connection, NOTICES, rows)


def merge_notices(connection: Connection, losers: Sequence[int], survivor: int) -> None:
    """Let notices of incidents count as those of the one that they became part of, so that it is not told again."""
    same = (NOTICES.c.key, NOTICES.c.channel)
    has = {tuple(row) for row in connection.execute(select(*same).where(NOTICES.c.incident == survivor))}
    moved = []
    found = select(NOTICES.c.number, *same).where(NOTICES.c.incident.in_(losers)).order_by(NOTICES.c.number)
    for number, key, channel in connection.execute(found).all():
        if (key, channel) not in has:
            has.add((key, channel))
            moved.append({"one": number})
    if moved:
        statement = update(NOTICES).where(NOTICES.c.number == bindparam("one")).values(incident=survivor)
        connection.execute(statement, moved)


def _channels(connection: Connection) -> Iterator[str]:
    """Yield each channel that there are notices of, by one step in the index for each."""
    after = ""
    while channel := connection.execute(select(func.min(NOTICES.c.channel)).where(NOTICES.c.channel > after)).scalar():
        yield channel
        after = channel


def _number_of(connection: Connection, incident: str) -> int:
    found = connection.execute(select(INCIDENT_IDS.c.incident).where(INCIDENT_IDS.c.id == incident)).scalar()
    if found is None:
        raise OurFault(f"a notice of incident {incident}, which is not in the register")
    return int(found)


def _notice(row: Row[Any]) -> NoticeRow:
    return NoticeRow(
        number=row.number,
        channel=row.channel,
        key=row.key,
        incident=row.incident or None,
        level=row.level,
        subject=row.subject,
        body=row.body,
        state=NoticeState(row.state),
        tries=row.tries,
        made=row.made,
        next_try=row.next_try,
        why=row.why,
        digest=row.digest,
        is_repeat=bool(row.is_repeat),
        sent=row.sent,
    )
