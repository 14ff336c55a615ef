"""What travels on stream 2: what workers found in a range of events, and what is wrong with a device or with us."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
from msgspec.structs import replace

from carecordon.model.errors import TheirFault
from carecordon.model.event import Fields, Value
from carecordon.model.match import Match
from carecordon.model.process import ProcessStart


class Found(msgspec.Struct, array_like=True, frozen=True, tag="found"):
    """What one merged batch held: matches and process starts. `received` UTC ns, when the newest of it came."""

    matches: Sequence[Match]
    starts: Sequence[ProcessStart]
    received: int


class Trouble(msgspec.Struct, array_like=True, frozen=True, tag="trouble"):
    """Something that a person must know of a device or of the hub itself. `key` tells it once; `at` UTC ns.

    `kind`: `gap` numbers are missing, `poison` an event that could not be worked on,
    `name` a device speaks for another, `damage` a log does not read back, `rule` a rule was switched off.
    """

    key: str
    kind: str
    sender: str | None
    text: str
    at: int


Word = Found | Trouble
CHARS = (8_192, 512, 64)
"""Longest values in what is handed on, tried in turn until all fits; the whole event lies in the store."""
MOST_BYTES = 48 * 1024 * 1024
MOST_WORDS = 1_000
_DECODER = msgspec.msgpack.Decoder(list[Word])


def encode(words: Sequence[Word]) -> bytes:
    """Return the words as one part of stream 2."""
    return msgspec.msgpack.encode(words)


def fitted(words: Sequence[Word]) -> bytes:
    """Return the words as one part that a log takes: long values are cut, and in the end the last matches left out."""
    for chars in CHARS:
        data = encode([_cut(word, chars) for word in words])
        if len(data) <= MOST_BYTES:
            return data
    kept: list[Word] = []
    size = 0
    for word in (_cut(one, CHARS[-1]) for one in words):
        matches = (
            [match for match in word.matches if (size := size + len(encode([Found([match], (), 0)]))) < MOST_BYTES // 2]
            if isinstance(word, Found)
            else []
        )
        kept.append(Found(matches, (), word.received) if isinstance(word, Found) else word)
    lost = sum(len(word.matches) for word in words if isinstance(word, Found)) - sum(
        len(word.matches) for word in kept if isinstance(word, Found)
    )
    at = max((word.received for word in words if isinstance(word, Found)), default=0)
    text = f"{lost:,} matches were more than can be told at once: they are in the store, and in no incident"
    return encode([*kept[:MOST_WORDS], Trouble(f"found/{at}", "poison", None, text, at)])


def _cut(word: Word, chars: int) -> Word:
    """Return the word with no value longer than so many characters."""
    if not isinstance(word, Found):
        return word
    matches = [
        replace(
            match,
            fields=_short(match.fields, chars),
            subject=_short(match.subject, chars),
            carried=_short(match.carried, chars),
        )
        for match in word.matches
    ]
    starts = [replace(start, command_line=_clipped(start.command_line, chars)) for start in word.starts]
    return Found(matches, starts, word.received)


def _short(fields: Fields, chars: int) -> Fields:
    if all(not isinstance(value, str | tuple) or len(value) <= chars for value in fields.values()):
        return fields
    return {name: _clipped(value, chars) for name, value in fields.items()}


def _clipped(value: Value, chars: int) -> Any:
    return value[:chars] if isinstance(value, str | tuple) else value


def decode(data: bytes) -> list[Word]:
    """Return the words of a part. Raises TheirFault where they are none of ours."""
    try:
        return _DECODER.decode(data)
    except (msgspec.DecodeError, RecursionError) as fault:
        raise TheirFault(f"stream 2: what was found cannot be read: {fault}; it is another version's") from fault
