"""What a worker does beside its shards: it takes in whom the gate heard, and knows when silence is no proof."""

from __future__ import annotations

import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
import structlog

from carecordon.hub.config import Paths, Settings
from carecordon.hub.founding import Wishes, found
from carecordon.hub.start import prepare
from carecordon.hub.worker.channels_heard import ChannelsHeard
from carecordon.hub.worker.worker import CALM_S, Worker
from carecordon.model.device import Certificate, DeviceKind, NewDevice
from carecordon.register.backends.sqlite import SQLITE

ID = "5e" * 16


def test_whom_the_gate_heard_is_taken_in_and_counts_unless_events_wait(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths, settings = Paths(tmp_path / "data", tmp_path / "keys"), Settings("XX1", "Example Trust", own_rules=False)
    found(paths, Wishes("XX1", "Example Trust", "B. Osei"), time.time_ns())
    prepare(paths, settings, time.time_ns())
    register = SQLITE.open_register(str(paths.register))
    now = time.time_ns()
    register.devices.add(
        NewDevice(ID, "pc-00", "Windows", DeviceKind.AGENT, Certificate("f" * 64, "1", now, now * 2)), "t", now
    )
    heard: list[tuple[dict[str, int], bool]] = []
    monkeypatch.setattr(ChannelsHeard, "there", lambda _, seen, __, *, counts: heard.append((seen, counts)))
    monkeypatch.setattr("carecordon.hub.worker.worker.THERE_S", 0.0)
    waited = iter([0.0, CALM_S, 0.0])
    monkeypatch.setattr(Worker, "_lag_s", lambda _: next(waited))
    process = cast("Any", SimpleNamespace(name="worker-0", log=structlog.get_logger()))
    worker = Worker(process, settings, paths, 0, 1)
    for at in (now, now + 1, now + 1):
        register.devices.seen({ID: at})
        worker.look_around()
    assert heard == [({ID: now}, True), ({ID: now + 1}, False), ({}, True)]
    register.close()
