"""What is found, as a row: packed by whoever finds it, sorted and kept so, made whole again when it is asked for."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import msgspec
from msgspec.structs import replace

from carecordon.model.event import Fields
from carecordon.model.match import Match, RuleHead
from carecordon.model.process import ProcessStart

LAST = (1 << 63) - 1
LIMIT = 1 << 64
"""Whole numbers from here on do not fit msgpack: they are kept as their text."""
ALIKE_BYTES = 1 << 20
"""Bodies of one moment, together, that are looked for among those that follow."""
ROW_BYTES = 300
"""What a match takes in memory beside its packed body."""
STARTED = tuple(name for name in ProcessStart.__struct_fields__ if name not in {"time", "file", "position"})

Row = tuple[int, str, int, str, bytes]
"""Time, file, position, rule id ('' for the start of a process), and the rest of it, packed."""
Found = Match | ProcessStart
_encode = msgspec.msgpack.Encoder(enc_hook=str).encode


def row_of(found: Found) -> Row:
    """Return a match or a process start as a row."""
    return _match_row(found) if isinstance(found, Match) else _start_row(found)


def placed(rows: Iterable[Row], file: str, before: int) -> Iterator[Row]:
    """Yield rows that were found in a block of `file`; `before` are the records before that block."""
    return ((time, file, before + position, rule, body) for time, _, position, rule, body in rows)


def found_in(rows: Iterable[Row], heads: Mapping[str, RuleHead]) -> Iterator[Found]:
    """Yield what rows hold; matches of one event that stands in several files have their fields in common.

    The start of a process that stands in several files comes once, as the first of them has it.
    """
    moment = held_bytes = -1
    alike: dict[tuple[str, bytes], Found] = {}
    for row in rows:
        time, file, position, rule, body = row
        if time != moment or held_bytes > ALIKE_BYTES:
            moment, held_bytes = time, 0
            alike.clear()
        known = alike.get((rule, body))
        if known is None:
            known = alike[rule, body] = _match(row, heads[rule]) if rule else _start(row)
            held_bytes += len(body) + ROW_BYTES
            yield known
        elif rule:
            yield replace(known, file=file, position=position)


def _match_row(match: Match) -> Row:
    head = (match.record_id, match.device, match.channel, match.event_id)
    maps = (match.fields, match.carried, match.subject)
    try:
        packed = _encode((*head, match.digest, *maps))
    except (OverflowError, UnicodeEncodeError):
        packed = _encode((*map(_packed, head), match.digest, *map(_packable, maps)))
    time = LAST if match.time is None else match.time
    return time, match.file, match.position, match.rule.id, packed


def _match(row: Row, rule: RuleHead) -> Match:
    time, file, position, _, body = row
    record_id, device, channel, event_id, digest, *maps = msgspec.msgpack.decode(body)
    fields, carried, subject = map(_tuples, maps)
    when = None if time == LAST else time
    return Match(rule, file, position, record_id, when, device, channel, event_id, fields, carried, subject, digest)


def _start_row(start: ProcessStart) -> Row:
    body = [getattr(start, name) for name in STARTED]
    try:
        packed = msgspec.msgpack.encode(body)
    except UnicodeEncodeError:
        packed = msgspec.msgpack.encode([_packed(part) for part in body])
    return start.time, start.file, start.position, "", packed


def _start(row: Row) -> ProcessStart:
    time, file, position, _, body = row
    device, *rest = msgspec.msgpack.decode(body)
    return ProcessStart(*[device, time, *rest, file, position])


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
