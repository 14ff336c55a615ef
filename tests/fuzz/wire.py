"""What comes over the wire, fuzzed: batches packed and unpacked, and talks at both ends of a session."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from contextlib import suppress

import zstandard

from carecordon.model.errors import TheirFault
from carecordon.wire import codec, frame
from carecordon.wire.device_session import DeviceSession
from carecordon.wire.hub_session import HubSession
from carecordon.wire.messages import Batch, Bye, Disown, Hello, Renew
from carecordon.wire.outside import fault_of
from carecordon.wire.session import Greeted, Offered, State, write
from tests.wire.words import CREDIT, EPOCH, WORD, data_of

_LENGTH = struct.Struct("<H")
_ONE, _TWO = data_of(0, 0), data_of(10, 11)


def batches() -> tuple[bytes, ...]:
    """Return whole frames, with the dictionary and without."""
    made = (data_of(0, 0), data_of(1, 40))
    return (*made, *(zstandard.compress(frame.unpack(data)) for data in made))


def read_batch(content: bytes) -> int:
    """Return how many rows a frame has, after asking for everything in it."""
    with suppress(TheirFault):
        frame.check_frame(content)
        table = codec.decode(content)
        for row in range(len(table)):
            table.header(row)
            dict(table.complete(row))
        return len(table)
    return 0


def unpacked_batches() -> tuple[bytes, ...]:
    """Return what is in whole frames: damage is done behind the packing."""
    return tuple(map(frame.unpack, batches()))


def read_unpacked(content: bytes) -> int:
    """Return how many rows there are in what is packed here."""
    return read_batch(zstandard.compress(content))


def talks() -> tuple[bytes, ...]:
    """Return talks: messages behind their lengths."""
    more = Batch(EPOCH, 12, 12, data_of(12, 12))
    from_device = [WORD[Hello], WORD[Batch], WORD[Renew], more, WORD[Disown], WORD[Bye]]
    from_hub = [word for word in WORD.values() if type(word) not in (Hello, Batch, Renew, Disown)]
    alone = [[word] for word in WORD.values()]
    return tuple(
        b"".join(_LENGTH.pack(len(message)) + message for message in map(write, words))
        for words in (from_device, from_hub[3:], from_hub, *alone)
    )


def talk(content: bytes) -> int:
    """Return how many messages both ends took: from the beginning of a session, and once it is open."""
    return _talk(content, is_open=False) + _talk(content, is_open=True)


def _talk(content: bytes, *, is_open: bool) -> int:
    hub, device = HubSession(0), DeviceSession("1", "ward-pc-07", "Windows 11", EPOCH, 12, 0)
    hello = device.hello()
    if is_open:
        hub.receive(hello, 0)
        device.receive(hub.welcome(0, 9, CREDIT), 0)
        device.batch(10, 11, _TWO, 0)
    taken = 0
    for number, message in enumerate(_messages(content)):
        for event in hub.receive(message, number):
            if isinstance(event, Greeted):
                hub.welcome(0, -1, CREDIT)
            elif isinstance(event, Offered):
                assert fault_of(event.batch) is None
                hub.receipt(event.batch.last, CREDIT)
        device.receive(message, number)
        if device.state is State.OPEN and device.room(number + (1 << 40)):
            device.batch(100 + number, 100 + number, _ONE, number)
        taken += (hub.state is not State.ENDED) + (device.state is not State.ENDED)
    hub.tick(1 << 60)
    device.tick(1 << 60)
    return taken


def _messages(content: bytes) -> Iterator[bytes]:
    at = 0
    while at + _LENGTH.size <= len(content):
        (length,) = _LENGTH.unpack_from(content, at)
        at += _LENGTH.size
        yield content[at : at + length]
        at += length
