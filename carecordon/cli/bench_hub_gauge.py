"""What each process of a hub uses while it is watched: cores, memory, and what it says of itself."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from carecordon.cli.bench_hub_proc import machine_s, own, used
from carecordon.hub.pulse import Pulse

EVERY_S = 1.0
MIB = 1 << 20
CORES = 2
"""The machine that the figures are held against."""
FULL = 0.9
"""A core of which more is used has nothing left."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One look. `cpu_s`, `rss` and `own` (the process's share of what several have) are by name and process number."""

    at: float
    cpu_s: dict[tuple[str, int], float]
    rss: dict[str, int]
    own: dict[str, int]
    figures: Mapping[str, Mapping[str, float]]
    machine_s: float
    """What all processes of the machine have used."""
    bench_s: float
    """What this one has."""


@dataclass(slots=True)
class Gauge:
    """Looks once a second. `pids` and `pulses` give the hub's processes and what they say, by name."""

    pids: Callable[[], dict[str, int]]
    pulses: Callable[[], dict[str, Pulse]]
    samples: list[Sample] = field(default_factory=list)
    _stop: threading.Event = field(default_factory=threading.Event)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def start(self) -> None:
        """Begin to look."""
        self._stop.clear()
        threading.Thread(target=self._run, name="gauge", daemon=True).start()

    def stop(self) -> None:
        """Look no longer."""
        self._stop.set()

    def look(self, *, is_whole: bool = True) -> Sample:
        """Look now; `is_whole`: at all that can be seen."""
        cpu_s: dict[tuple[str, int], float] = {}
        rss: dict[str, int] = {}
        shares: dict[str, int] = {}
        for name, pid in self.pids().items():
            found = used(pid)
            if found is not None:
                cpu_s[name, pid], rss[name] = found
                if is_whole:
                    shares[name] = own(pid)
        figures = {name: pulse.figures for name, pulse in self.pulses().items()}
        sample = Sample(time.monotonic(), cpu_s, rss, shares, figures, machine_s(), time.process_time())
        with self._lock:
            self.samples.append(sample)
        return sample

    def told(self, start: Sample, end: Sample) -> dict[str, Any]:
        """Return what was used between two looks."""
        with self._lock:
            during = [one for one in self.samples if start.at <= one.at <= end.at]
        took = max(1e-9, end.at - start.at)
        cores = {
            name: round((end.cpu_s[name, pid] - start.cpu_s[name, pid]) / took, 3)
            for name, pid in end.cpu_s
            if (name, pid) in start.cpu_s
        }
        total = sum(cores.values())
        return {
            "hub_cores": cores,
            "hub_cores_total": round(total, 3),
            "hub_percent_of_2_cores": round(100 * total / CORES, 1),
            "others_cores": round(
                max(0.0, (end.machine_s - start.machine_s - end.bench_s + start.bench_s) / took - total), 3
            ),
            "hub_rss_mb": {name: round(max(one.rss.get(name, 0) for one in during) / MIB) for name in end.rss},
            "hub_rss_total_mb": round(max(sum(one.rss.values()) for one in during) / MIB),
            "hub_pss_total_mb": round(max(sum(one.own.values()) for one in during) / MIB),
            "lag_max_s": round(max(one.figures.get("gate", {}).get("lag_s", 0.0) for one in during), 2),
            "gate_ack_p50_ms": _middle([one.figures.get("gate", {}).get("ack_p50_ms", 0.0) for one in during]),
            "gate_ack_p99_ms": _highest([one.figures.get("gate", {}).get("ack_p99_ms", 0.0) for one in during]),
            "costs": _costs(start, end, cores, took),
        }

    def shared(self, start: Sample, end: Sample) -> dict[str, Any]:
        """Return how the machine was shared between the fleet, which has one thread, and all others.

        Where that thread had no time left it may have been the fleet that the hub waited for.
        """
        took = max(1e-9, end.at - start.at)
        fleet = (end.bench_s - start.bench_s) / took
        others = (end.machine_s - start.machine_s) / took - fleet
        return {
            "fleet_cores": round(fleet, 3),
            "hub_and_others_cores": round(others, 3),
            "falsified": fleet > FULL,
        }

    def _run(self) -> None:
        while not self._stop.wait(EVERY_S):
            self.look(is_whole=False)


def counted(start: Sample, end: Sample, name: str, figure: str) -> float:
    """Return by how much a counter of all processes whose name begins so has risen."""
    return sum(
        told.get(figure, 0.0) - start.figures.get(process, {}).get(figure, 0.0)
        for process, told in end.figures.items()
        if process.startswith(name)
    )


def _costs(start: Sample, end: Sample, cores: Mapping[str, float], took: float) -> dict[str, float]:
    """Return microseconds of a process's time for each message, event or insert that it worked on."""

    def each(process: str, counter: str, name: str) -> float:
        number = counted(start, end, name, counter)
        used = sum(core for one, core in cores.items() if one.startswith(process)) * took
        return round(used / number * 1e6, 1) if number > 0 else 0.0

    return {
        "gate_us_per_message": each("gate", "messages_total", "gate"),
        "gate_us_per_event": each("gate", "events_total", "gate"),
        "worker_us_per_message": each("worker", "messages_total", "gate"),
        "worker_us_per_event": each("worker", "events_total", "worker"),
        "worker_us_per_merge": each("worker", "merges_total", "worker"),
        "keeper_us_per_event": each("keeper", "events_total", "worker"),
        "keeper_us_per_insert": each("keeper", "inserts_total", "keeper"),
        "events_per_merge": _ratio(
            counted(start, end, "worker", "events_total"), counted(start, end, "worker", "merges_total")
        ),
    }


def _ratio(one: float, other: float) -> float:
    return round(one / other, 1) if other > 0 else 0.0


def _middle(values: list[float]) -> float:
    return round(sorted(values)[len(values) // 2], 1) if values else 0.0


def _highest(values: list[float]) -> float:
    return round(max(values, default=0.0), 1)
