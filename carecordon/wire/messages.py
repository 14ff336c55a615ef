"""What a device and its hub say to each other: a closed list of small words, msgpack, one to a message."""

from __future__ import annotations

from typing import Annotated

import msgspec

PROTOCOL = 1
MAX_NUMBER = (1 << 63) - 1

_Number = Annotated[int, msgspec.Meta(ge=0, le=MAX_NUMBER)]
_Short = Annotated[str, msgspec.Meta(max_length=256)]
_Long = Annotated[str, msgspec.Meta(max_length=1_024)]


class Credit(msgspec.Struct, array_like=True, frozen=True):
    """How fast a device may go on: at most `events_per_s`, and nothing before `delay_s` seconds have passed."""

    events_per_s: float
    delay_s: float


class Hello(msgspec.Struct, array_like=True, frozen=True, tag="hello"):
    """The device's first word: what it speaks, what it is, and the count that it would go on with.

    `next` is the number that its next new event will get: one above the highest that it ever gave in this epoch.
    `host` and `system` are what it calls itself: shown to people, believed by nobody.
    """

    protocol: int
    release: _Short
    host: _Short
    system: _Short
    epoch: _Number
    next: _Number


class Batch(msgspec.Struct, array_like=True, frozen=True, tag="batch"):
    """Events `first` to `last` of an epoch, as `wire/codec.py` writes them."""

    epoch: _Number
    first: _Number
    last: _Number
    data: bytes


class Renew(msgspec.Struct, array_like=True, frozen=True, tag="renew"):
    """A certificate signing request (PEM) for a new certificate of the same device."""

    request: Annotated[str, msgspec.Meta(max_length=16_384)]


class Disown(msgspec.Struct, array_like=True, frozen=True, tag="disown"):
    """What the hub holds of the session's epoch is somebody else's: the device goes on in a new one. Its last word."""


class Ping(msgspec.Struct, array_like=True, frozen=True, tag="ping"):
    """Are you there? Either side may ask."""


class Pong(msgspec.Struct, array_like=True, frozen=True, tag="pong"):
    """The answer to a ping."""


class Welcome(msgspec.Struct, array_like=True, frozen=True, tag="welcome"):
    """The hub's first word: its clock (UTC ns), the highest number on disk of the device's epoch (-1: none), credit.

    `check`: the CRC-32 of the data of the batch that ends at `mark`, None where that is not known. By it a device that
    was set back (a restored image, a copy) sees that numbers which it has given anew mean something else to the hub.
    """

    protocol: int
    now: int
    mark: int
    credit: Credit
    check: int | None = None


class Receipt(msgspec.Struct, array_like=True, frozen=True, tag="receipt"):
    """Everything of `epoch` up to `mark` is on disk: the device may forget it."""

    epoch: int
    mark: int
    credit: Credit


class Refusal(msgspec.Struct, array_like=True, frozen=True, tag="refusal"):
    """A batch was not taken, nothing of it kept; it may come again after `retry_s` (a negative one: never as it is)."""

    epoch: int
    first: int
    reason: _Long
    retry_s: float


class Recount(msgspec.Struct, array_like=True, frozen=True, tag="recount"):
    """Numbers behind `mark` of the epoch are somebody else's: what has no receipt gets new ones, in a new epoch.

    Said where two go on with one device's count (a copy of it), so that what both saw is kept.
    """

    epoch: int
    mark: int
    reason: _Long


class Issued(msgspec.Struct, array_like=True, frozen=True, tag="issued"):
    """A new certificate (PEM), the hub's CA behind it."""

    certificate: Annotated[str, msgspec.Meta(max_length=65_536)]


class Bye(msgspec.Struct, array_like=True, frozen=True, tag="bye"):
    """The session ends, and why; the hub's word also says when to come back (s; negative: not without a person)."""

    reason: _Long
    retry_s: float


FromDevice = Hello | Batch | Renew | Disown | Ping | Pong | Bye
FromHub = Welcome | Receipt | Refusal | Recount | Issued | Ping | Pong | Bye
