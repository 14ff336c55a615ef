"""Sessions as scripts: both ends speak to each other, and what each tells its owner is looked at."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from typing import Any

import msgspec
import pytest
import zstandard

from carecordon.model.errors import OurFault, TheirFault
from carecordon.wire.device_session import DeviceSession
from carecordon.wire.hub_session import HubSession
from carecordon.wire.messages import Batch, Credit, Hello, Ping, Pong, Receipt, Refusal, Welcome
from carecordon.wire.reconnect import CALM_S, MOST_S, Reconnect
from carecordon.wire.session import (
    MAX_BATCH_BYTES,
    MAX_MESSAGE_BYTES,
    WINDOW_BATCHES,
    Acknowledged,
    Answered,
    Disowned,
    Ended,
    Fault,
    Forked,
    Greeted,
    Offered,
    RenewalAsked,
    Renewed,
    Send,
    State,
    Turned,
    Welcomed,
    read,
    write,
)
from tests.wire.words import CREDIT, EPOCH, PEM, data_of, seconds


class Pair:
    """A device and a hub that talk at once, at a time that the test sets."""

    def __init__(self, next_number: int = 0, mark: int = -1, credit: Credit = CREDIT, check: int | None = None) -> None:
        self.now = 0
        self.device = DeviceSession("1.0.0", "ward-pc-07", "Windows 11", EPOCH, next_number, 0)
        self.hub = HubSession(0)
        (greeted,) = self.to_hub(self.device.hello())
        assert isinstance(greeted, Greeted)
        self.first = self.to_device(self.hub.welcome(77, mark, credit, check))

    def to_hub(self, message: bytes) -> list[Any]:
        return self._said(self.hub.receive(message, self.now), self.device)

    def to_device(self, message: bytes) -> list[Any]:
        return self._said(self.device.receive(message, self.now), self.hub)

    def send(self, first: int, last: int) -> list[Any]:
        return self.to_hub(self.device.batch(first, last, data_of(first, last), self.now))

    def _said(self, events: list[Any], other: DeviceSession | HubSession) -> list[Any]:
        """Carry what is to be sent to the other end, and return everything that came of it."""
        found: list[Any] = []
        for event in events:
            if isinstance(event, Send):
                back = self.hub if other is self.device else self.device
                found += self._said(list(other.receive(event.message, self.now)), back)
            else:
                found.append(event)
        return found


def test_a_batch_flies_until_its_receipt() -> None:
    pair = Pair(next_number=2)
    assert pair.first == [Welcomed(-1, 77)]
    (offered,) = pair.send(0, 1)
    assert offered == Offered(Batch(EPOCH, 0, 1, data_of(0, 1)))
    assert [flight.last for flight in pair.device.flights] == [1]
    assert pair.to_device(pair.hub.receipt(1, CREDIT)) == [Acknowledged(1)]
    assert not pair.device.flights


def test_a_welcome_lets_go_of_what_is_on_disk() -> None:
    pair = Pair(next_number=9, mark=7)
    assert pair.first == [Welcomed(7, 77)]
    assert pair.device.mark == 7


def test_a_device_that_disowns_what_the_hub_holds_says_so_and_is_done() -> None:
    pair = Pair(next_number=9, mark=7, check=12)
    assert pair.first == [Welcomed(7, 77, 12)]
    disowned, ended = pair.to_hub(pair.device.disown())
    assert disowned == Disowned()
    assert isinstance(ended, Ended)
    assert ended.fault is Fault.NOBODY
    assert (pair.device.state, pair.hub.state) == (State.ENDED, State.ENDED)


def test_the_window_holds_until_a_receipt_comes() -> None:
    pair = Pair(credit=Credit(math.inf, 0.0))
    for number in range(WINDOW_BATCHES):
        assert pair.device.room(pair.now) > 0
        pair.send(number, number)
        pair.now += 1
    assert pair.device.room(pair.now) == 0
    assert pair.device.wait_s(pair.now) == 0
    pair.to_device(pair.hub.receipt(0, CREDIT))
    assert pair.device.room(pair.now + seconds(1)) > 0


def test_credit_slows_a_device() -> None:
    pair = Pair(credit=Credit(10.0, 0.0))
    pair.send(0, 4)
    pair.to_device(pair.hub.receipt(4, Credit(10.0, 0.0)))
    assert pair.device.room(pair.now + seconds(0.4)) == 0
    assert pair.device.wait_s(pair.now + seconds(0.4)) == pytest.approx(0.1)
    assert pair.device.room(pair.now + seconds(0.5)) > 0
    pair.to_device(pair.hub.receipt(4, Credit(10.0, 2.0)))
    assert pair.device.wait_s(pair.now) == pytest.approx(2.0)


@pytest.mark.parametrize("rate", [0.0, -1.0, math.nan, -math.inf])
@pytest.mark.parametrize("delay", [math.nan, -1.0, math.inf, 1e300])
def test_a_mad_credit_breaks_nothing(rate: float, delay: float) -> None:
    pair = Pair(credit=Credit(rate, delay))
    assert pair.device.state is State.OPEN
    assert 0 <= pair.device.wait_s(pair.now) <= 86_400
    pair.send(0, 0)
    assert pair.device.wait_s(pair.now) > 0


def test_after_a_refusal_everything_behind_comes_again_in_order() -> None:
    pair = Pair(credit=Credit(math.inf, 0.0))
    late = [pair.device.batch(number, number, data_of(number, number), pair.now) for number in range(3)]
    assert isinstance(pair.to_hub(late[0])[0], Offered)
    assert pair.to_device(pair.hub.refuse(1, "the disk is nearly full", 5.0)) == [
        Turned(1, 1, "the disk is nearly full", 5.0)
    ]
    assert [flight.first for flight in pair.device.flights] == [0]
    assert pair.device.wait_s(pair.now) == pytest.approx(5.0)
    assert pair.to_hub(late[2]) == []  # it was on its way: refused too, and the device takes that for an echo
    pair.now = seconds(5)
    assert isinstance(pair.send(1, 2)[0], Offered)
    assert isinstance(pair.send(3, 3)[0], Offered)


def test_a_refused_batch_that_was_dropped_holds_up_nothing() -> None:
    pair = Pair(credit=Credit(math.inf, 0.0))
    pair.send(0, 4)
    pair.to_device(pair.hub.refuse(0, "the disk is nearly full", 5.0))
    pair.now = seconds(4)
    assert pair.device.room(pair.now) == 0
    pair.now = seconds(5)
    behind = pair.device.batch(5, 5, data_of(5, 5), pair.now)
    turned = pair.to_hub(behind)
    assert not any(isinstance(event, Offered) for event in turned), "it may have been on its way"
    pair.now = seconds(11)
    assert isinstance(pair.send(5, 5)[0], Offered), "its ping was answered: the device has heard"


def test_a_batch_that_comes_twice_behind_a_refused_one_is_not_taken() -> None:
    pair = Pair(credit=Credit(math.inf, 0.0))
    sent = [pair.device.batch(number, number, data_of(number, number), pair.now) for number in range(2)]
    pair.hub.receive(sent[0], pair.now)
    pair.hub.refuse(0, "the disk is nearly full", 5.0)
    for _ in range(3):
        assert not any(isinstance(event, Offered) for event in pair.hub.receive(sent[1], pair.now))
    assert isinstance(pair.hub.receive(sent[0], pair.now)[0], Offered)


def test_what_is_never_taken_is_left_out_and_the_rest_goes_on() -> None:
    pair = Pair()
    pair.send(0, 0)
    pair.device.batch(1, 1, data_of(1, 1), pair.now)
    assert pair.to_device(pair.hub.refuse(0, "no", -1.0)) == [Turned(0, 0, "no", -1.0)]
    assert [flight.first for flight in pair.device.flights] == [1]
    assert isinstance(pair.send(2, 2)[0], Offered)


def test_numbers_that_were_never_given_are_a_fork() -> None:
    assert Pair(next_number=5, mark=5).first[0] == Forked()
    assert Pair(next_number=5, mark=4).first == [Welcomed(4, 77)]
    pair = Pair(next_number=5)
    pair.send(3, 4)
    assert pair.to_device(pair.hub.receipt(5, CREDIT))[0] == Forked()
    assert pair.device.state is State.ENDED


def test_a_recount_says_what_is_still_ours() -> None:
    pair = Pair()
    pair.send(0, 1)
    acknowledged, forked, ended = pair.to_device(pair.hub.recount(0, "two go on with one count"))
    assert (acknowledged, forked) == (Acknowledged(0), Forked())
    assert ended == Ended("two go on with one count", Fault.NOBODY, 0.0)
    assert pair.hub.state is State.ENDED


def test_a_certificate_is_renewed_in_the_session() -> None:
    pair = Pair()
    assert pair.to_hub(pair.device.renew(PEM)) == [RenewalAsked(PEM)]
    assert pair.to_device(pair.hub.issued(PEM)) == [Renewed(PEM)]


def test_only_the_silent_are_asked_and_their_answer_counts() -> None:
    pair = Pair()
    assert pair.hub.tick(seconds(29)) == []
    (ask,) = pair.hub.tick(seconds(30))
    assert isinstance(ask, Send)
    assert read(ask.message) == Ping()
    assert pair.hub.tick(seconds(40)) == []
    pair.now = seconds(41)
    (pong,) = pair.device.receive(ask.message, pair.now)
    assert isinstance(pong, Send)
    assert read(pong.message) == Pong()
    assert pair.hub.receive(pong.message, pair.now) == [Answered()]
    assert pair.hub.tick(seconds(70)) == []
    assert pair.device.tick(seconds(85)) == []  # the hub's ping was heard: no second one
    assert len(pair.device.tick(seconds(86))) == 1


def has_ended(events: Sequence[object]) -> bool:
    return any(isinstance(event, Ended) for event in events)


@pytest.mark.parametrize("end", ["hub", "device"])
def test_a_half_open_link_is_seen_within_90_seconds(end: str) -> None:
    pair = Pair()
    session = pair.hub if end == "hub" else pair.device
    pair.now = seconds(100)
    pair.send(0, 0)
    pair.to_device(pair.hub.receipt(0, CREDIT))
    ended_at = next(second for second in range(110, 300, 10) if has_ended(session.tick(seconds(second))))
    assert ended_at - 100 <= 90


def test_who_never_greets_is_let_go() -> None:
    hub = HubSession(0)
    assert hub.tick(seconds(19)) == []
    assert isinstance(hub.tick(seconds(20))[-1], Ended)
    device = DeviceSession("1", "a", "b", EPOCH, 0, 0)
    device.hello()
    assert isinstance(device.tick(seconds(20))[-1], Ended)


def test_another_protocol_ends_it_without_a_fault() -> None:
    hub = HubSession(0)
    ended = hub.receive(write(Hello(2, "9", "a", "b", EPOCH, 0)), 0)[-1]
    assert isinstance(ended, Ended)
    assert "protocol 1" in ended.reason
    device = DeviceSession("1", "a", "b", EPOCH, 0, 0)
    device.hello()
    (end,) = device.receive(write(Welcome(2, 0, -1, CREDIT)), 0)
    assert end == Ended("the hub speaks protocol 2, this device 1: bring both to one release", Fault.NOBODY, -1.0)


def test_a_receipt_for_another_epoch_is_the_hubs_fault() -> None:
    pair = Pair()
    ended = pair.device.receive(write(Receipt(EPOCH + 1, 0, CREDIT)), 0)[-1]
    assert isinstance(ended, Ended)
    assert ended.fault is Fault.THEIRS


def test_a_refusal_of_what_does_not_fly_changes_nothing() -> None:
    pair = Pair()
    pair.send(0, 0)
    assert pair.device.receive(write(Refusal(EPOCH, 7, "no", 1.0)), 0) == []
    assert len(pair.device.flights) == 1


def test_the_order_of_calls_is_held() -> None:
    device = DeviceSession("1", "a", "b", EPOCH, 0, 0)
    with pytest.raises(OurFault):
        device.batch(0, 0, data_of(0, 0), 0)
    with pytest.raises(OurFault):
        HubSession(0).welcome(0, 0, CREDIT)


BAD = [
    (Batch(EPOCH, 5, 4, data_of(0, 0)), "no range"),
    (Batch(EPOCH, 0, 65_536, data_of(0, 0)), "65537 events"),
    (Batch(EPOCH, 0, (1 << 63) - 1, data_of(0, 0)), "no range"),
    (Batch(EPOCH, 0, 0, b""), "not zstd"),
    (Batch(EPOCH, 0, 0, b"no frame at all"), "not zstd"),
    (Batch(EPOCH, 0, 0, b"\x28\xb5\x2f\xfd" + bytes(MAX_BATCH_BYTES)), "at most 1048576"),
    (Batch(EPOCH, 0, 0, zstandard.compress(bytes(5_000_000))), "too many"),
    (Batch(EPOCH, 0, 0, zstandard.compress(bytes(80_000_000))), "too many"),
]


@pytest.mark.parametrize(("batch", "says"), BAD, ids=range(len(BAD)))
def test_a_batch_with_a_wrong_outside_is_refused_for_ever_and_not_sent_by_us(batch: Batch, says: str) -> None:
    pair = Pair()
    message = write(batch)
    if len(message) <= MAX_MESSAGE_BYTES:
        (refusal,) = pair.hub.receive(message, 0)
        assert isinstance(refusal, Send)
        word = read(refusal.message)
        assert isinstance(word, Refusal)
        assert says in word.reason
        assert word.retry_s < 0
    with pytest.raises(TheirFault, match=says):
        pair.device.batch(batch.first, batch.last, batch.data, 0)
    assert pair.hub.state is State.OPEN


def packed(value: Any) -> bytes:
    return msgspec.msgpack.encode(value)


BOMBS = [
    b"",
    b"\xc1",
    b"\x91" * 100_000,
    b"\x92\xa5hello" + b"\x91" * 100_000,
    b"\xdd\xff\xff\xff\xff",
    b"\xdf\xff\xff\xff\xff",
    b"\xc6\xff\xff\xff\xff",
    packed(["batch", EPOCH, 0, 0, b""]) + b"\x00" * 9,
    packed(["batch", -1, 0, 0, b""]),
    packed(["batch", EPOCH, 0, 0, "text"]),
    packed(["batch", EPOCH, 0]),
    packed(["order", "isolate"]),
    packed({"type": "batch"}),
    packed(["hello", 1, "r", "h" * 257, "s", 0, 0]),
    packed(["hello", 1, "r", b"h", "s", 0, 0]),
    packed(["renew", "x" * 16_385]),
    packed(["bye", "x" * 1_025, 0.0]),
    packed(["batch", EPOCH, 0, 0, bytes(MAX_MESSAGE_BYTES)]),
]


@pytest.mark.parametrize("bomb", BOMBS, ids=range(len(BOMBS)))
@pytest.mark.parametrize("end", ["hub", "device"])
def test_a_bomb_ends_the_session_as_their_fault(bomb: bytes, end: str) -> None:
    pair = Pair()
    session = pair.hub if end == "hub" else pair.device
    ended = session.receive(bomb, 0)[-1]
    assert isinstance(ended, Ended)
    assert ended.fault is Fault.THEIRS
    assert session.receive(bomb, 0) == []


def test_the_way_back_is_full_jitter() -> None:
    waits = Reconnect(random.Random(1))
    ceilings = [min(MOST_S, 2.0**number) for number in range(40)]
    drawn = [waits.delay_s() for _ in ceilings]
    assert all(0 <= delay <= ceiling for delay, ceiling in zip(drawn, ceilings, strict=True))
    assert max(drawn) > MOST_S / 2
    waits.lasted(CALM_S - 1)
    assert waits.failures == 40
    waits.lasted(CALM_S)
    assert waits.delay_s() <= 1.0


@pytest.mark.parametrize("failed", [0, 9], ids=["all was well", "the hub was away"])
def test_who_is_asked_back_at_once_comes_so_once_and_not_in_a_circle(failed: int) -> None:
    waits = [Reconnect(random.Random(seed)) for seed in range(200)]
    for one in waits:
        one.failures = failed
    first = [one.delay_s(0.0) for one in waits]
    assert 0.05 < max(first) <= 0.1
    assert max(first) - min(first) > 0.05, "they do not come together"
    assert max(one.delay_s(0.0) for one in waits) > 0.9 * min(MOST_S, 2.0**failed)
    assert max(one.delay_s(0.0) for one in waits) > 0.9 * min(MOST_S, 2.0 ** (failed + 1))
    waits[0].lasted(CALM_S)
    assert waits[0].delay_s(0.0) <= 0.1


def test_the_hubs_wish_is_kept_and_spread() -> None:
    delays = [Reconnect(random.Random(seed)).delay_s(30.0) for seed in range(200)]
    assert all(30 <= delay <= 60 for delay in delays)
    assert max(delays) - min(delays) > 20
    assert Reconnect(random.Random(1)).delay_s(-1.0) >= MOST_S
