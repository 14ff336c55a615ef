"""Whoever means harm, enrolled or not, ends his own session and holds up nobody else."""

from __future__ import annotations

import contextlib
import socket
import ssl
import time
from pathlib import Path

import pytest
import zstandard
from websockets.exceptions import ConnectionClosed

from carecordon.hub.gate.link import MAX_FRAMES
from carecordon.hub.gate.reception import MAX_LINKS
from carecordon.wire.messages import Batch, FromHub, Ping
from carecordon.wire.session import MAX_MESSAGE_BYTES, WORDS, Word, name_of, write
from tests.hub.gate_kit import Member, Running, Talk, member, wait_for
from tests.hub.strangers import Manner, strangers
from tests.wire.words import WORD, data_of

FLOOD = 400
"""Connections of the short form; the long one, `crowd` in `tests/chaos`, opens 10,000."""


@pytest.fixture
def device(gate: Running, tmp_path: Path) -> Member:
    return member(gate.hub, tmp_path / "device")


@pytest.mark.parametrize(
    "kind", [kind for kind in WORDS if kind in FromHub.__args__ and name_of(kind) not in ("ping", "pong", "bye")]
)
def test_a_hubs_word_from_a_device_ends_its_session(gate: Running, device: Member, kind: type[Word]) -> None:
    with Talk(device, gate.ports.devices) as talk:
        talk.web.send(write(WORD[kind]))
        end = talk.ended()
    assert f"`{name_of(kind)}`" in end.reason
    assert "a hub's word" in end.reason


@pytest.mark.parametrize("kind", ["batch", "renew", "welcome"])
def test_a_word_before_the_hello_ends_the_session(gate: Running, device: Member, kind: str) -> None:
    talk = Talk(device, gate.ports.devices)
    with talk.stack:
        talk.connect(says_hello=False)
        talk.web.send(write(next(word for one, word in WORD.items() if name_of(one) == kind)))
        end = talk.ended()
    assert "protocol broken" in end.reason


@pytest.mark.parametrize(
    "words", [b"", b"\xc1", b"\x91" * 200_000, b"\xdd\xff\xff\xff\xff", b"\x00" * MAX_MESSAGE_BYTES]
)
def test_a_bomb_ends_its_own_session(gate: Running, device: Member, words: bytes) -> None:
    with Talk(device, gate.ports.devices) as talk:
        talk.web.send(words)
        assert "cannot be read" in talk.ended().reason


@pytest.mark.parametrize(
    ("words", "code"), [(bytes(MAX_MESSAGE_BYTES + 1), 1009), ("hello", 1003)], ids=["large", "text"]
)
def test_a_message_too_large_or_of_text_is_not_read(
    gate: Running, device: Member, words: str | bytes, code: int
) -> None:
    with Talk(device, gate.ports.devices) as talk:
        talk.web.send(words)
        with pytest.raises(ConnectionClosed) as closed:
            talk.web.recv(timeout=20)
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == code


def test_a_message_in_pieces_is_one(gate: Running, device: Member) -> None:
    with Talk(device, gate.ports.devices) as talk:
        message = talk.session.batch(0, 3, data_of(0, 3), talk.now())
        talk.web.send([message[at : at + 7] for at in range(0, len(message), 7)])
        talk.acknowledged(3)
    assert gate.hub.numbers(device.id) == [0, 1, 2, 3]


def test_a_zstd_bomb_is_refused_and_never_unpacked(gate: Running, device: Member) -> None:
    with Talk(device, gate.ports.devices) as talk:
        talk.web.send(write(Batch(7, 0, 0, zstandard.compress(bytes(60_000_000)))))
        message = talk.web.recv(timeout=20)
        assert isinstance(message, bytes)
        assert b"too many" in message
        talk.send(0, 0)
        talk.acknowledged(0)


def test_who_asks_without_end_is_let_go(gate: Running, device: Member) -> None:
    ping = write(WORD[Ping])
    with Talk(device, gate.ports.devices) as talk:
        with contextlib.suppress(ConnectionClosed):
            for _ in range(MAX_FRAMES + 1):
                talk.web.send(ping)
        assert "too many messages" in talk.ended().reason


def test_a_batch_of_another_epoch_ends_the_session(gate: Running, device: Member) -> None:
    with Talk(device, gate.ports.devices) as talk:
        talk.web.send(write(Batch(8, 0, 0, data_of(0, 0))))
        assert "another epoch" in talk.ended().reason


def test_who_never_takes_a_receipt_is_not_read_and_holds_up_nobody(
    gate: Running, device: Member, tmp_path: Path
) -> None:
    good = member(gate.hub, tmp_path / "good")
    with Talk(device, gate.ports.devices) as bad, Talk(good, gate.ports.devices) as talk:
        raw = write(Batch(7, 0, 0, data_of(0, 0)))
        for _ in range(2_000):
            bad.web.send(raw)  # far beyond the window, and nothing is read
        talk.send(0, 4)
        talk.acknowledged(4)
    assert gate.hub.numbers(device.id) == [0]


def hello_of(device: Member) -> bytes:
    """Return the first bytes of a handshake."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    link = device.context().wrap_bio(incoming, outgoing, server_hostname="127.0.0.1")
    with contextlib.suppress(ssl.SSLWantReadError):
        link.do_handshake()
    return outgoing.read()


@pytest.mark.parametrize("said", ["nothing", "half a handshake", "a whole hello"])
def test_a_flood_of_half_open_connections_holds_up_nobody(
    gate: Running, device: Member, tmp_path: Path, said: str
) -> None:
    hello = hello_of(device)
    words = {"nothing": b"", "half a handshake": hello[:50], "a whole hello": hello}
    good = member(gate.hub, tmp_path / "good")
    with contextlib.ExitStack() as stack, Talk(device, gate.ports.devices) as talk:
        for number in range(FLOOD):
            link = stack.enter_context(socket.socket())
            link.bind((f"127.0.1.{1 + number % 4}", 0))
            link.connect(("127.0.0.1", gate.ports.devices))
            if words[said]:
                link.sendall(words[said])
        talk.send(0, 4)
        talk.acknowledged(4)
        began = time.monotonic()
        with Talk(good, gate.ports.devices) as other:
            other.send(0, 4)
            other.acknowledged(4)
        assert time.monotonic() - began < 15  # a good device comes in while they are there
        talk.send(5, 9)
        talk.acknowledged(9)
    wait_for(lambda: gate.figures().get("door_devices") == 0)


@pytest.mark.parametrize("manner", [Manner.FAIL, Manner.DRIP])
def test_strangers_who_fail_again_and_again_or_never_end_their_hello_hold_up_nobody(
    gate: Running, device: Member, tmp_path: Path, manner: Manner
) -> None:
    failed = "devices_handshake_failed_total"
    before = gate.figures().get(failed, 0)
    good = member(gate.hub, tmp_path / "good")
    with (
        Talk(device, gate.ports.devices) as talk,
        strangers(gate.ports.devices, manner, FLOOD, 50, tmp_path / "strangers") as band,
    ):
        if manner is Manner.FAIL:
            wait_for(lambda: gate.figures().get(failed, 0) >= before + FLOOD)
        else:
            wait_for(lambda: min(band.figures().held, gate.figures().get("door_devices", 0)) >= 0.9 * FLOOD)
        for number in range(20):
            talk.send(number, number)
            talk.acknowledged(number)
        with Talk(good, gate.ports.devices) as other:
            other.send(0, 4)
            other.acknowledged(4)
    assert gate.hub.numbers(device.id) == list(range(20))
    assert gate.hub.numbers(good.id) == [0, 1, 2, 3, 4]


def test_refusals_say_why_in_the_log_and_the_figures(gate: Running, device: Member) -> None:
    with Talk(device, gate.ports.devices) as talk:
        talk.web.send(b"\xc1")
        talk.ended()
    wait_for(lambda: any(line["event"] == "session_broken" and line["device"] == device.id for line in gate.log()))
    wait_for(lambda: gate.figures().get("ended_theirs_total", 0) >= 1)
    assert not any(line["event"] == "unforeseen" for line in gate.log())
    assert not any("defect" in line.get("why", "") for line in gate.log())


def test_a_device_that_never_closes_its_sessions_has_no_more_than_others(gate: Running, device: Member) -> None:
    """Links that were told to go used to be told again, while the newest stayed: thousands for one device."""
    upgrade = (
        b"GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n\r\n"
    )
    with contextlib.ExitStack() as stack:
        links = []
        for _ in range(3 * MAX_LINKS):
            bare = socket.create_connection(("127.0.0.1", gate.ports.devices), timeout=20)
            link = stack.enter_context(device.context().wrap_socket(bare, server_hostname="127.0.0.1"))
            link.sendall(upgrade)
            assert b"101" in link.recv(4096)
            links.append(link)
        told = b""
        for link in links[:-MAX_LINKS]:
            with contextlib.suppress(ConnectionError):
                while more := link.recv(4096):
                    told += more
        assert told.count(b"took its place") > MAX_LINKS, "each was told to go, not one again and again"
        for link in links[-MAX_LINKS:]:
            link.setblocking(False)
            assert is_open(link)


def is_open(link: ssl.SSLSocket) -> bool:
    try:
        return bool(link.recv(1))
    except ssl.SSLWantReadError:
        return True
