"""A fleet's load in phases: what the fleet reached in each, what its hub used, and whether the fleet was late."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

from carecordon.cli.bench_hub_found import Finds
from carecordon.cli.bench_hub_gauge import Gauge, Sample, counted
from carecordon.exercise.fleet.figures import Figures
from carecordon.exercise.fleet.fleet import Fleet

BEHIND_S = 0.1
"""By so much a fleet may be late before a figure that it takes is its own."""
BEHIND_SHARE = 0.02
"""In so many of a phase's seconds it may be later than that."""
OTHERS_CORES = 0.2
"""So much others on this machine may use beside hub and fleet before they, and not the hub, make the figures."""
CALM_S = 1.5
"""The oldest event that is not worked on is no older: there is no lag."""
CALM_WAITING_S = 1.5
"""No more waits in the devices than comes in so many seconds at the mean."""


@dataclass(frozen=True, slots=True)
class Phase:
    """So many times the mean, for so many seconds; `plants` events that somebody waits for, spread over them."""

    name: str
    load: float
    seconds: float
    plants: int = 0


@dataclass(slots=True)
class Load:
    """Plays phases on a fleet."""

    fleet: Fleet
    gauge: Gauge
    finds: Finds
    mean_per_s: float
    tell: Any
    _steps: AsyncIterator[Figures] | None = field(default=None)

    async def play(self, phase: Phase) -> dict[str, Any]:
        """Play one phase and return its figures."""
        fleet = self.fleet
        fleet.load = phase.load
        fleet.begin_delays()
        first, start = fleet.figures(), self.gauge.look()
        planting = asyncio.ensure_future(self._plant(phase))
        behind: list[float] = []
        ended: dict[str, int] = {}
        try:
            while time.monotonic() - start.at < phase.seconds:
                step = await self._second()
                behind.append(step.behind_s)
                for why, times in step.ended.items():
                    ended[why] = ended.get(why, 0) + times
        finally:
            planting.cancel()
            await asyncio.gather(planting, return_exceptions=True)
        last, waiting_ns, end = fleet.figures(), fleet.waiting_ns(), self.gauge.look()
        told = self._told(phase, first, last, behind, start, end) | self._receipts(waiting_ns)
        if ended:
            told["sessions_ended"] = ended
        self.tell(f"{phase.name}: {told['events_per_s']:,} events/s, ack p99 {told['ack_p99_ms']} ms "
                  f"({told['waiting_batches']:,} batches wait in the end, the oldest {told['waiting_oldest_s']} s), "
                  f"hub {told['hub_percent_of_2_cores']} % of 2 cores, lag at most {told['lag_max_s']} s")  # fmt: skip
        return told

    async def calm(self, within_s: float) -> float | None:
        """Return after how many seconds at this load nothing lags; None where that takes longer than `within_s`."""
        began = time.monotonic()
        while time.monotonic() - began < within_s:
            step = await self._second()
            sample = self.gauge.look()
            lag_s = sample.figures.get("gate", {}).get("lag_s", 0.0)
            if lag_s < CALM_S and step.waiting < CALM_WAITING_S * self.mean_per_s * max(1.0, self.fleet.load):
                return round(time.monotonic() - began, 1)
        return None

    async def _second(self) -> Figures:
        if self._steps is None:
            self._steps = self.fleet.run()
        return await anext(self._steps)

    async def close(self) -> None:
        """Play no longer."""
        if self._steps is not None:
            await self._steps.aclose()  # type: ignore[attr-defined]  # it is a generator
            self._steps = None

    async def _plant(self, phase: Phase) -> None:
        for _ in range(phase.plants):
            self.finds.plant(self.fleet)
            await asyncio.sleep(phase.seconds / phase.plants * 0.98)

    def _told(
        self, phase: Phase, first: Figures, last: Figures, behind: list[float], start: Sample, end: Sample
    ) -> dict[str, Any]:
        took = last.at_s - first.at_s
        late = sum(one > BEHIND_S for one in behind)
        cpu = last.cpu_s - first.cpu_s
        used = self.gauge.told(start, end)
        return {
            "phase": phase.name,
            "load": phase.load,
            "nominal_s": round(phase.seconds, 1),
            "seconds": round(took, 1),
            "events_per_s": round((last.written_total - first.written_total) / took),
            "acknowledged_per_s": round((last.acknowledged_total - first.acknowledged_total) / took),
            "messages_per_s": round((last.batches_total - first.batches_total) / took),
            "hub_worked_on_per_s": round(counted(start, end, "worker", "events_total") / took),
            "online": last.online,
            "fleet_cores": round(cpu / took, 3),
            "behind_max_s": round(max(behind, default=0.0), 3),
            "behind_share_of_seconds": round(late / max(1, len(behind)), 3),
            "falsified": late > BEHIND_SHARE * len(behind) or used["others_cores"] > OTHERS_CORES,
            **used,
        }

    def _receipts(self, waiting_ns: list[int]) -> dict[str, Any]:
        """Return how long receipts took: what waits for its own at the end of the phase took its age at the least."""
        shares = {"ack_p50_ms": 0.5, "ack_p99_ms": 0.99, "ack_p999_ms": 0.999}
        return {
            **{name: _ms(self.fleet.ack_ms(share, waiting_ns)) for name, share in shares.items()},
            "waiting_batches": len(waiting_ns),
            "waiting_oldest_s": round(max(waiting_ns, default=0) / 1e9, 3),
        }


def _ms(value: float | None) -> float | None:
    return None if value is None else round(value, 1)
