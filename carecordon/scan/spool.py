"""Matches on disk until all are known: memory stays bounded, and they come back in one order.

The order is (time, file, position, rule), whatever order they came in; matches without a
time come last. The file is a temporary one that vanishes with the process.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import msgspec

from carecordon.model.event import Fields
from carecordon.model.match import Match, RuleHead

LAST = (1 << 63) - 1
LIMIT = 1 << 64
"""Whole numbers from here on do not fit msgpack: they are kept as their text."""


class Spool:
    """A temporary table of matches."""

    def __init__(self) -> None:
        """Open the temporary file."""
        self._table = sqlite3.connect("", isolation_level=None)
        self._table.execute("PRAGMA journal_mode = OFF")
        self._table.execute("PRAGMA synchronous = OFF")
        self._table.execute("CREATE TABLE m (time INTEGER, file TEXT, position INTEGER, rule TEXT, body BLOB)")
        self._table.execute("BEGIN")
        self._heads: dict[str, RuleHead] = {}
        self._encode = msgspec.msgpack.Encoder(enc_hook=str).encode

    def add(self, matches: Iterable[Match]) -> None:
        """Keep matches."""
        self._table.executemany("INSERT INTO m VALUES (?, ?, ?, ?, ?)", map(self._row, matches))

    def __iter__(self) -> Iterator[Match]:
        """Yield all matches in order."""
        rows = self._table.execute("SELECT time, file, position, rule, body FROM m ORDER BY time, file, position, rule")
        for time, file, position, rule, body in rows:
            record_id, device, channel, event_id, fields, carried = msgspec.msgpack.decode(body)
            yield Match(
                self._heads[rule],
                file,
                position,
                record_id,
                None if time == LAST else time,
                device,
                channel,
                event_id,
                _tuples(fields),
                _tuples(carried),
            )

    def close(self) -> None:
        """Let the temporary file go."""
        self._table.close()

    def _row(self, match: Match) -> Sequence[Any]:
        self._heads[match.rule.id] = match.rule
        body = (match.record_id, match.device, match.channel, match.event_id, match.fields, match.carried)
        try:
            packed = self._encode(body)
        except (OverflowError, UnicodeEncodeError):
            packed = self._encode((*map(_packed, body[:4]), _packable(match.fields), _packable(match.carried)))
        time = LAST if match.time is None else match.time
        return time, match.file, match.position, match.rule.id, packed


def _tuples(fields: dict[str, Any]) -> Fields:
    return {name: tuple(value) if isinstance(value, list) else value for name, value in fields.items()}


def _packable(fields: Fields) -> dict[str, Any]:
    return {_text(name): _packed(value) for name, value in fields.items()}


def _packed(value: Any) -> Any:
    if isinstance(value, tuple):
        return [_packed(part) for part in value]
    if isinstance(value, int) and not -LIMIT // 2 <= value < LIMIT:
        return str(value)
    return _text(value) if isinstance(value, str) else value


def _text(value: str) -> str:
    return value.encode("utf-8", "replace").decode()
