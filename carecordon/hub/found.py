"""What travels on stream 2: what workers found in a range of events, and what is wrong with a device or with us."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from carecordon.model.errors import TheirFault
from carecordon.model.match import Match
from carecordon.model.process import ProcessStart


class Found(msgspec.Struct, array_like=True, frozen=True, tag="found"):
    """What one merged batch held: matches and process starts. `received` UTC ns, when the newest of it came."""

    matches: Sequence[Match]
    starts: Sequence[ProcessStart]
    received: int


class Trouble(msgspec.Struct, array_like=True, frozen=True, tag="trouble"):
    """Something that a person must know of a device or of the hub itself. `key` tells it once; `at` UTC ns.

    `kind`: `gap` numbers are missing, `clone` one key in two places, `poison` an event that could not be worked on,
    `name` a device speaks for another, `damage` a log does not read back, `rule` a rule was switched off.
    """

    key: str
    kind: str
    sender: str | None
    text: str
    at: int


Word = Found | Trouble
_DECODER = msgspec.msgpack.Decoder(list[Word])


def encode(words: Sequence[Word]) -> bytes:
    """Return the words as one part of stream 2."""
    return msgspec.msgpack.encode(words)


def decode(data: bytes) -> list[Word]:
    """Return the words of a part. Raises TheirFault where they are none of ours."""
    try:
        return _DECODER.decode(data)
    except (msgspec.DecodeError, RecursionError) as fault:
        raise TheirFault(f"stream 2: what was found cannot be read: {fault}; it is another version's") from fault
