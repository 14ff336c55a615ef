"""A device that sends fifty times its share keeps nobody else from his receipts: counted through a whole gate."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from websockets.exceptions import ConnectionClosed

from carecordon.hub.config import read_settings
from carecordon.hub.gate import tls, writing
from carecordon.hub.gate.commit import Committer, Group, Written
from carecordon.hub.gate.gate import Gate
from carecordon.hub.gate.link import MAX_HELD
from carecordon.wire.session import Acknowledged, Turned
from tests.hub.gate_kit import WAIT_S, Talk, make_hub, member, running, wait_for
from tests.wire.words import data_of

TIMES = 50
SHARE = 50
GROUP_BYTES = 16 * 1024
"""A few batches of the flood: in the order in which they came, the other would be in the fifth group or so."""


class Brake:
    """Stands before the one that writes: a group goes to it when the test says so."""

    def __init__(self, committer: Committer, monkeypatch: pytest.MonkeyPatch) -> None:
        self._write = committer.write
        self._waiting: list[tuple[Group, Callable[[Written], None]]] = []
        self._lock = threading.Lock()
        self.is_on = False
        self.groups: list[list[str]] = []
        """Whose batches each group held that was written since."""
        monkeypatch.setattr(committer, "write", self.write)

    def write(self, group: Group, done: Callable[[Written], None]) -> None:
        with self._lock:
            if self.is_on:
                self._waiting.append((group, done))
                return
        self._write(group, done)

    @property
    def held(self) -> int:
        """Return how many batches stand before it."""
        return sum(len(group.parts) for group, _ in self._waiting)

    def let_one_go(self) -> None:
        wait_for(lambda: bool(self._waiting))
        group, done = self._waiting.pop()
        self.groups.append([part.sender for part in group.parts])
        self._write(group, done)

    def let_all_go(self) -> None:
        with self._lock:
            self.is_on = False
            left, self._waiting = self._waiting, []
        for group, done in left:
            self._write(group, done)


def test_who_floods_the_gate_waits_behind_himself_and_not_before_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Fifty batches lie at the door while the disk is busy; a batch that comes after them is in the next group."""
    monkeypatch.setattr(writing, "GROUP_BYTES", GROUP_BYTES)
    hub = make_hub(tmp_path / "hub")
    hub.paths.run.mkdir()
    tls.renew_server(hub.authority, hub.paths.keys)
    noisy, calm = member(hub, tmp_path / "noisy"), member(hub, tmp_path / "calm")

    def scene(port: int, gate: Gate, brake: Brake) -> None:
        with Talk(noisy, port) as loud, Talk(calm, port) as quiet:
            brake.is_on = True
            _flood(loud, [data_of(first, first + 299) for first in range(0, 300 * TIMES, 300)])
            wait_for(lambda: brake.held > 0 and brake.held + len(gate.reception.writing) >= MAX_HELD)
            quiet.send(0, 9)
            wait_for(lambda: gate.reception.writing._queue.has(calm.id))
            brake.let_one_go()
            brake.let_one_go()
            quiet.acknowledged(9)
            assert calm.id not in brake.groups[0]
            assert brake.groups[1].count(calm.id) == 1
            assert 2 <= sum(group.count(noisy.id) for group in brake.groups) < MAX_HELD
            brake.let_all_go()
            loud.acknowledged(300 * TIMES - 1)

    async def play() -> None:
        gate = Gate(hub.paths, read_settings(hub.paths.settings), hub.authority, hub.register)
        brake = Brake(gate._committer, monkeypatch)
        port = gate.start().devices
        try:
            await asyncio.to_thread(scene, port, gate, brake)
        finally:
            brake.let_all_go()
            await gate.stop()

    asyncio.run(play())
    assert hub.numbers(calm.id) == list(range(10))
    assert hub.numbers(noisy.id) == list(range(300 * TIMES))
    hub.register.close()


def test_fifty_times_a_share_costs_nobody_else_a_receipt(tmp_path: Path) -> None:
    """The noisy device has its share taken and is told to wait with the rest; the other's five batches all go in."""
    hub = make_hub(tmp_path / "hub", events_per_s=0.001, burst_events=SHARE)
    noisy, calm = member(hub, tmp_path / "noisy"), member(hub, tmp_path / "calm")
    with (
        running(hub) as process,
        Talk(noisy, process.ports.devices) as loud,
        Talk(calm, process.ports.devices) as quiet,
    ):
        flood = [(first, data_of(first, first + SHARE - 1)) for first in range(0, SHARE * TIMES, SHARE)]
        for number in range(5):
            for first, data in flood[number * TIMES // 5 : (number + 1) * TIMES // 5]:
                loud.web.send(loud.session.batch(first, first + SHARE - 1, data, loud.now()))
            quiet.send(10 * number, 10 * number + 9)
            quiet.acknowledged(10 * number + 9)
        loud.until(lambda: any(isinstance(event, Turned) for event in loud.events))
        process.kill()
        with contextlib.suppress(ConnectionClosed):
            while True:  # a link with words that nobody read takes its time to close
                loud.web.recv(WAIT_S)
    assert [event.mark for event in quiet.events if isinstance(event, Acknowledged)] == [9, 19, 29, 39, 49]
    assert not any(isinstance(event, Turned) for event in quiet.events)
    assert hub.numbers(calm.id) == list(range(SHARE))
    assert hub.numbers(noisy.id) == list(range(SHARE))
    hub.register.close()


def _flood(talk: Talk, batches: Sequence[bytes]) -> None:
    """Send batches, all that the gate reads and what stays in the sockets."""
    first = 0
    for data in batches:
        talk.send(first, first + 299, data)
        first += 300
