"""Events in ClickHouse, or in the keeper that speaks its protocol: one client, the same SQL for both."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any, TypeVar
from urllib.parse import quote

import clickhouse_connect
import msgspec
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError, OperationalError
from urllib3.exceptions import ReadTimeoutError

from carecordon.model.errors import OurFault, TheirFault
from carecordon.model.merged import Merged
from carecordon.telemetry.answer import STOPPED, Answer, Ceiling, Denied, Page, Place, Prevalence, Stopped, Stored
from carecordon.telemetry.backend import Backend
from carecordon.telemetry.columns import COLUMNS, DATABASE, TABLE
from carecordon.telemetry.question import ready
from carecordon.telemetry.question.asked import rebuild
from carecordon.telemetry.question.ready import Ready, Span
from carecordon.telemetry.restore import stored
from carecordon.telemetry.store import block_of
from carecordon.telemetry.tree import PROCESSES, process_tree

LOOPBACK = "127.0.0.1"
"""What does not leave the machine is not compressed: that takes longer than the way."""
FORM = "JSONCompactEachRow"
FORM_NAMED = "JSONCompactEachRowWithNamesAndTypes"
DENIED = frozenset({36, 43, 47, 53, 62, 42, 44, 46, 48, 60, 70, 81, 115, 184, 215, 386, 427, 497})
"""What the asker can mend. Source: ClickHouse, src/Common/ErrorCodes.cpp."""
NEVER = frozenset({6, 26, 27, 32, 33, 53, 69, 107, 117, 131})
"""Data that no store will ever take: it cannot be parsed, or is not of its type."""
TOO_BIG = frozenset({241, 307, 396, 413})
"""More than the store takes at once: parts of it may fit."""
TOO_SLOW, TOO_MUCH_MEMORY, TOO_LARGE = 159, 241, 396
BESIDE = 3_500
"""Characters, as an address has them, that all values of a question may have that travel beside it."""
MOST_MEMORY = 350 << 20
"""What the keeper lets a question have (hub/keeper/engine.py)."""
WAVES, SLACK_S = 2, 5.0
"""A question may wait for others of its ceiling first: a hub asks twice as many at once (console/questions.py) as its
keeper answers (hub/keeper/http.py). Who says nothing for so many ceilings, and this much longer, is stuck.
"""
T = TypeVar("T")
After = tuple[int, Place] | None


@dataclass(frozen=True, slots=True)
class Where:
    """Where a store listens, and as whom to speak to it."""

    host: str
    port: int
    user: str
    password: str


class _Connection:
    """A client that is made when it is needed and thrown away when it fails."""

    def __init__(self, where: Callable[[], Where], seconds: float) -> None:
        self._where = where
        self._seconds = seconds
        self._client: Client | None = None

    def call(self, ask: Callable[[Client], T]) -> T:
        """Return what `ask` gives. Raises ConnectionError for a store out of reach, ClickHouseError for its errors."""
        try:
            if self._client is None:
                where = self._where()
                self._client = clickhouse_connect.get_client(
                    host=where.host,
                    port=where.port,
                    username=where.user,
                    password=where.password,
                    database=DATABASE,
                    compress=False if where.host == LOOPBACK else "zstd",
                    connect_timeout=5,
                    send_receive_timeout=int(self._seconds),
                    query_retries=0,
                    autogenerate_session_id=False,
                )
            return ask(self._client)
        except OperationalError as fault:
            self.close()
            is_late = isinstance(fault.__cause__, ReadTimeoutError)
            how = f"has not answered for {self._seconds:.0f} s" if is_late else "cannot be reached"
            raise ConnectionError(f"the telemetry store {how}") from fault
        except ClickHouseError as fault:
            if _code(fault) in (None, 516, 202):
                self.close()
                raise ConnectionError(f"the telemetry store takes nothing now: {_plain(fault)}") from fault
            raise

    def close(self) -> None:
        """Let go of the client."""
        if self._client is not None:
            with suppress(ClickHouseError, OSError):
                self._client.close()
        self._client = None


def _code(fault: ClickHouseError) -> int | None:
    return getattr(fault, "code", None)


class ClickHouseTelemetry:
    """The port that workers insert through."""

    def __init__(self, where: Callable[[], Where], seconds: float = 60) -> None:
        """`where` is asked again after each failure: a keeper that starts anew has another port and another secret."""
        self._connection = _Connection(where, seconds)
        self._names = [column.name for column in COLUMNS]

    def insert(self, merged: Merged, token: str) -> None:
        """Keep these events; on return they are on disk. The same `token` again changes nothing.

        Raises ConnectionError where the store cannot be reached or has no room now, and TheirFault where it will
        never take them.
        """
        if not len(merged):
            return
        block = block_of(merged)
        settings = {"insert_deduplication_token": token}
        try:
            self._connection.call(
                lambda client: client.raw_insert(TABLE, self._names, block, settings=settings, fmt="Native")
            )
        except ClickHouseError as fault:
            where = f"{merged.file(0)}:{int(merged.sequence[0])} and {len(merged) - 1} more"
            if _code(fault) in NEVER or (_code(fault) in TOO_BIG and len(merged) > 1):
                raise TheirFault(f"{where}: the telemetry store refuses it: {_plain(fault)}") from fault
            raise ConnectionError(f"{where}: not kept now: {_plain(fault)}") from fault

    def close(self) -> None:
        """Let go of the connection."""
        self._connection.close()


class ClickHouseReader:
    """The reading side: questions of people, and ready ones. One thread at a time uses an object.

    All methods raise ConnectionError where the store cannot be reached, or cannot answer, now.
    """

    def __init__(self, where: Callable[[], Where], ceiling: Ceiling | None = None) -> None:
        """`where` as above; `ceiling` holds for every question that brings none."""
        self._ceiling = ceiling or Ceiling()
        self._connection = _Connection(where, WAVES * self._ceiling.seconds + SLACK_S)

    def ask(self, sql: str, ceiling: Ceiling | None = None) -> Answer | Denied:
        """Answer one SELECT over the published views (docs/questions.md)."""
        made = rebuild(sql)
        if isinstance(made, Denied):
            return made
        return self._answer(Ready(made.sql, {}), ceiling or self._ceiling)

    def events(
        self, device: str, start: int, end: int, after: tuple[int, Place] | None = None, limit: int = 1_000
    ) -> Page:
        """Return a device's events from `start` to before `end` (UTC ns), page by page."""
        return self._page(Span(start, end, device), after, limit)

    def event(self, place: Place) -> Stored | None:
        """Return one event; None where it is not kept (any more)."""
        found = self._rows(ready.event(place))
        if isinstance(found, Stopped):
            raise ConnectionError(f"the telemetry store gave no answer: {found.why}")
        return stored(found[0]) if found else None

    def search(
        self, text: str, start: int, end: int, device: str | None = None, after: tuple[int, Place] | None = None,
        limit: int = 100,
    ) -> Page:  # fmt: skip
        """Return events that have `text` in any of their fields, upper and lower case alike, the earliest first."""
        return self._page(Span(start, end, device), after, limit, ready.has_text(text))

    def counts(
        self, by: Sequence[str], start: int, end: int, device: str | None = None, limit: int = 100
    ) -> Answer | Denied:
        """Return how many events and devices there are for each combination of these columns, the most first."""
        most = min(limit, self._ceiling.rows)
        asked = ready.counts(by, Span(start, end, device), most + 1)
        return asked if isinstance(asked, Denied) else self._answer(asked, replace(self._ceiling, rows=most))

    def prevalence(self, field: str, value: str | int) -> Prevalence | Denied | Stopped:
        """Return how many devices have a value in a field, and when it was first and last seen."""
        asked = ready.prevalence(field, value)
        if isinstance(asked, Denied):
            return asked
        found = self._rows(asked)
        if isinstance(found, Stopped):
            return found
        devices, events, first, last = found[0]
        return Prevalence(field, value, devices, events, first if events else None, last if events else None)

    def process_tree(self, device: str, process: str, start: int, end: int) -> Page:
        """Return the tree of a process (telemetry/tree.py); all questions for it together have the time of one."""
        span, until = Span(start, end, device), time.monotonic() + self._ceiling.seconds

        def ask(names: Sequence[str], of_parents: bool) -> Page:  # noqa: FBT001  # the shape that tree.py asks for
            return self._pages(span, None, PROCESSES, ready.began(names, of_parents=of_parents), until)

        return process_tree(ask, process)

    def events_of(
        self,
        device: str,
        guids: Sequence[str],
        pids: Sequence[int],
        start: int,
        end: int,
        after: tuple[int, Place] | None = None,
        limit: int = 10_000,
    ) -> Page:
        """Return the device's events of a span (UTC ns) that name one of these processes, in order of time."""
        return self._pages(Span(start, end, device), after, limit, ready.names_process(guids, pids))

    def close(self) -> None:
        """Let go of the connection."""
        self._connection.close()

    def _pages(
        self, span: Span, after: After, limit: int, conditions: Sequence[Ready], until: float | None = None
    ) -> Page:
        """Return events that fulfil one of the conditions, each asked for by itself; `until` by the monotonic clock."""
        found: dict[Place, Stored] = {}
        has_more, cut = False, ""
        for one in conditions:
            left = self._ceiling.seconds if until is None else until - time.monotonic()
            page = Page((), None, _CUT[TOO_SLOW]) if left <= 0 else self._page(span, after, limit, one, left)
            found |= {event.place: event for event in page.events}
            has_more, cut = has_more or page.after is not None, page.cut
            if cut:
                break
        events = sorted(found.values(), key=lambda event: (event.moment, event.place))
        has_more = has_more or len(events) > limit
        last = (events[:limit][-1].moment, events[:limit][-1].place) if has_more else None
        return Page(tuple(events[:limit]), last, cut)

    def _page(
        self, span: Span, after: After, limit: int, also: Ready | None = None, seconds: float | None = None
    ) -> Page:
        rows = self._rows(ready.events(span, after, limit + 1, also), seconds)
        if isinstance(rows, Stopped):
            return Page((), None, rows.why)
        events = tuple(map(stored, rows[:limit]))
        return Page(events, (events[-1].moment, events[-1].place) if len(rows) > limit else None)

    def _rows(self, asked: Ready, seconds: float | None = None) -> list[list[Any]] | Stopped:
        ceiling = self._ceiling if seconds is None else replace(self._ceiling, seconds=seconds)
        try:
            return _decoded(self._raw(asked, FORM, _within(ceiling)))
        except ClickHouseError as fault:
            why = _CUT.get(_code(fault) or 0)
            if why is not None:
                return Stopped(why)
            raise ConnectionError(f"the telemetry store gave no answer: {_plain(fault)}") from fault

    def _raw(self, asked: Ready, form: str, settings: Mapping[str, Any]) -> bytes:
        sql, beside = _apart(asked)
        return self._connection.call(
            lambda client: client.raw_query(sql, parameters=beside, settings=dict(settings), fmt=form)
        )

    def _answer(self, asked: Ready, ceiling: Ceiling) -> Answer | Denied:
        settings = _within(ceiling) | {"limit": ceiling.rows + 1}
        try:
            names, _, *rows = _decoded(self._raw(asked, FORM_NAMED, settings))
        except ClickHouseError as fault:
            why = _CUT.get(_code(fault) or 0)
            if why is not None:
                return Answer((), (), is_cut=True, why=why)
            if _code(fault) in DENIED:
                return Denied(_plain(fault))
            raise ConnectionError(f"the telemetry store gave no answer: {_plain(fault)}") from fault
        is_cut = len(rows) > ceiling.rows
        why = f"cut after {ceiling.rows} rows: narrow the question or raise the limit" if is_cut else ""
        return Answer(tuple(names), tuple(map(tuple, rows[: ceiling.rows])), is_cut, why)


_CUT = {
    TOO_SLOW: f"{STOPPED}it took too long. Ask for a shorter time, or for one device",
    TOO_MUCH_MEMORY: f"{STOPPED}it needed too much memory. Ask for a shorter time, for fewer groups or columns",
    TOO_LARGE: f"{STOPPED}the answer was too large. Ask for fewer rows or columns",
}


def _within(ceiling: Ceiling) -> dict[str, int]:
    """Return the settings that hold a question to its time and memory."""
    return {
        "max_execution_time": max(1, round(ceiling.seconds)),
        "max_memory_usage": min(ceiling.memory_bytes, MOST_MEMORY),
    }


def _apart(asked: Ready) -> tuple[str, dict[str, Any] | None]:
    """Return a question and the values that travel beside it: the keeper then knows it from the last time.

    Lists and long texts are put into it here: they would have to fit into an address. Raises OurFault.
    """
    if not asked.values:
        return asked.sql, None
    words = [str(value) for value in asked.values.values() if isinstance(value, str | int)]
    if len(words) == len(asked.values) and len(quote("".join(words), errors="replace")) <= BESIDE:
        return asked.sql, dict(asked.values)
    made = rebuild(asked.sql, asked.values)
    if isinstance(made, Denied):
        raise OurFault(f"a ready question is refused: {made}")
    return made.sql, None


def _decoded(lines: bytes) -> list[list[Any]]:
    found: list[list[Any]] = msgspec.json.Decoder(list[Any]).decode_lines(lines)
    return found


def _plain(fault: ClickHouseError) -> str:
    """Return the store's words without what stands around them."""
    text = str(fault)
    for before in ("DB::Exception: ", "server response: "):
        text = text.rpartition(before)[2]
    for behind in (" (for url", " (version", ": In scope", "\n"):
        text = text.partition(behind)[0]
    return text[:500]


CLICKHOUSE = Backend("clickhouse", ClickHouseTelemetry, ClickHouseReader)
