"""A worker as a process has it, on real logs: what it does beside its shards."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
import structlog

from carecordon.hub.config import Limits, Paths, Settings
from carecordon.hub.founding import Wishes, found
from carecordon.hub.gate.pressure import MAX_QUEUE_BYTES, Pressure
from carecordon.hub.pulse import Heart
from carecordon.hub.start import prepare
from carecordon.hub.worker.channels_heard import ChannelsHeard
from carecordon.hub.worker.costly import EVENT_UNITS, EVENTS, LAG_S
from carecordon.hub.worker.worker import CALM_S, OWN_FAULTS, Worker
from carecordon.model.batch import Rows
from carecordon.model.device import Certificate, DeviceKind, NewDevice
from carecordon.model.event import Fields, Kind
from carecordon.model.gather import gather
from carecordon.model.stream import Part, Stream
from carecordon.register.backends.sqlite import SQLITE
from carecordon.register.register import Register
from carecordon.stream.backends.sqlite import SQLITE as STREAM
from carecordon.wire import codec
from tests.hub.test_costly import EVIL, RULES

ID = "5e" * 16
CREATED = Kind("Microsoft-Windows-Sysmon/Operational", "Microsoft-Windows-Sysmon", 1)
_, READS_ALL = RULES.split("---")
BATCH = 25
HARMLESS_ID = "41111111-2222-4333-8444-555555555555"
HARMLESS = f"""
title: Asks for a user
id: {HARMLESS_ID}
status: test
level: low
logsource: {{product: windows, category: process_creation}}
detection: {{selection: {{User: nobody}}, condition: selection}}
"""


@dataclass
class Hub:
    """A hub of one device, without its processes."""

    paths: Paths
    register: Register
    events: Stream

    def worker(self) -> Worker:
        settings = Settings("XX1", "Example Trust", own_rules=False)
        process = cast("Any", SimpleNamespace(name="worker-0", log=structlog.get_logger()))
        return Worker(process, settings, self.paths, 0, 1)

    def send(self, first: int, count: int, size: int, ago_s: float) -> None:
        """Let events with command lines of so many characters have come so long ago."""
        now, rng = time.time_ns(), random.Random(first)
        parts = []
        for start in range(first, first + count, BATCH):
            rows = min(BATCH, first + count - start)
            fields: list[Fields] = [{"CommandLine": rng.randbytes(size // 2).hex()} for _ in range(rows)]
            sent = Rows([CREATED] * rows, fields, [now] * rows, ["pc-00"] * rows, [None] * rows, [0] * rows)
            parts.append(Part(ID, 1, start, start + rows - 1, codec.encode(gather(sent))))
        self.events.publish(parts, now - int(ago_s * 1e9))


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[Hub]:
    paths, now = Paths(tmp_path / "data", tmp_path / "keys"), time.time_ns()
    found(paths, Wishes("XX1", "Example Trust", "B. Osei"), now)
    prepare(paths, Settings("XX1", "Example Trust", own_rules=False), now)
    register = SQLITE.open_register(str(paths.register))
    certificate = Certificate("f" * 64, "1", now, now * 2)
    register.devices.add(NewDevice(ID, "pc-00", "Windows", DeviceKind.AGENT, certificate), "t", now)
    events = STREAM.open(str(paths.events), None)
    yield Hub(paths, register, events)
    events.close()
    register.close()


@pytest.mark.parametrize(
    ("size", "waited_s", "off"),
    [
        (2 * EVENT_UNITS, 2 * LAG_S, [EVIL]),
        (2 * EVENT_UNITS, LAG_S / 2, []),
        (EVENT_UNITS // 2, 2 * LAG_S, []),
    ],
    ids=["dear", "nobody waits", "cheap enough"],
)
def test_a_rule_that_is_dear_is_left_out_while_events_wait(
    hub: Hub, size: int, waited_s: float, off: list[str]
) -> None:
    (hub.paths.rules / "rules.yml").write_text(f"{READS_ALL}---{HARMLESS}")
    worker = hub.worker()
    hub.send(0, EVENTS, size, waited_s)
    worker.turn()
    hub.send(EVENTS, 1, size, waited_s)
    worker.look_around()
    assert [one.key for one in hub.register.cases.troubles() if one.kind == "rule"] == [
        f"rules/off/0/{one}" for one in off
    ]
    used = {rule.id for rule in worker.rules.detector.rules.rules}
    assert used == {EVIL, HARMLESS_ID} - set(off)


def test_whom_the_gate_heard_is_taken_in_and_counts_unless_events_wait(
    hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard: list[tuple[dict[str, int], bool]] = []
    monkeypatch.setattr(ChannelsHeard, "there", lambda _, seen, __, *, counts: heard.append((seen, counts)))
    monkeypatch.setattr("carecordon.hub.worker.worker.THERE_S", 0.0)
    worker, now = hub.worker(), time.time_ns()
    hub.register.devices.seen({ID: now})
    worker.look_around()
    hub.send(0, 1, 1, 2 * CALM_S)
    hub.register.devices.seen({ID: now + 1})
    worker.look_around()
    worker.turn()
    worker.look_around()
    assert heard == [({ID: now}, True), ({ID: now + 1}, False), ({}, True)]


@pytest.mark.parametrize(("kind", "counts"), [("disk", False), ("commit", False), ("rate", True)])
def test_while_the_gate_refuses_what_devices_have_to_say_their_silence_is_no_proof(
    hub: Hub, monkeypatch: pytest.MonkeyPatch, kind: str, counts: bool
) -> None:
    heard: list[bool] = []
    monkeypatch.setattr(ChannelsHeard, "there", lambda *_, counts: heard.append(counts))
    monkeypatch.setattr("carecordon.hub.worker.worker.THERE_S", 0.0)
    worker, gate = hub.worker(), Heart(hub.paths.run, "gate", 1)
    for refused in (0.0, 7.0, 7.0):
        gate.beat(time.time_ns(), {f"refused_{kind}_total": refused})
        worker.look_around()
    assert heard == [True, counts, True]


def test_the_gate_counts_its_refusals_by_the_names_that_a_worker_looks_for() -> None:
    full, behind, failed, crowded = (Pressure(Limits(), lambda: 0.0) for _ in range(4))
    full.see(0, 0.0)
    behind.see(1 << 60, 1e9)
    failed.fail(1)
    told = [full.busy(0, 2), behind.busy(0, 2), failed.busy(0, 2), crowded.busy(MAX_QUEUE_BYTES, 2)]
    assert [one.kind for one in told if one] == list(OWN_FAULTS)
