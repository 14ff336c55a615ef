"""How many events a second the gate takes in for good: sessions that send as fast as they get receipts."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from random import Random
from typing import Any

import numpy as np
import uvloop

from carecordon.agent.fill import BATCH_EVENTS
from carecordon.agent.identity import Identity
from carecordon.agent.queued import Part
from carecordon.agent.rank import Rank
from carecordon.cli.bench_hub_gauge import Gauge, counted
from carecordon.cli.bench_hub_site import Site
from carecordon.exercise.fleet.fleet import Fleet, FleetConfig
from carecordon.exercise.fleet.member import Member
from carecordon.exercise.fleet.pattern import Tape, copied
from carecordon.exercise.fleet.template import Template

LIMITS = ("device_events_per_s = 1000000.0", "device_burst_events = 100000000.0")
"""What one device may send is not what is measured."""
DIFFERENT = 12
"""So many batches differ in more than times, numbers and names."""
DONE_S = 300.0
LOOK_S = 0.02
SEED = 20_261_127


def measured(
    site: Site, tapes: Sequence[Tape], identities: Sequence[Identity], events: int, tell: Callable[[str], None]
) -> dict[str, Any]:
    """Return how fast these devices deliver so many events in all, all written down beforehand; the hub runs."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(_measured(site, tapes, identities, events, tell))


async def _measured(
    site: Site, tapes: Sequence[Tape], identities: Sequence[Identity], events: int, tell: Callable[[str], None]
) -> dict[str, Any]:
    fleet = Fleet(FleetConfig(tuple(tapes), seed=SEED), identities)
    gauge = Gauge(site.pids, site.pulses)
    async with fleet:
        connected_s = await fleet.connect()
        tell(f"{len(identities)} sessions are held; {events:,} events are written down ...")
        each = max(1, round(events / BATCH_EVENTS / len(identities)))
        templates = _templates(tapes)
        filled = [(member, _parts(member, templates, each)) for member in fleet.members]
        start, cpu, began = gauge.look(), time.process_time(), time.monotonic()
        gauge.start()
        for member, parts in filled:
            member.keep(parts, time.monotonic_ns())
            if member.link is not None:
                member.link.pump()
        total = sum(part.events for _, parts in filled for part in parts)
        end_by = began + DONE_S
        while fleet.acknowledged_total < total and time.monotonic() < end_by:  # noqa: ASYNC110  # receipts come by the thousand
            await asyncio.sleep(LOOK_S)
        took = time.monotonic() - began
        gauge.stop()
        end = gauge.look()
        told = {
            "sessions": len(identities),
            "connected_s": round(connected_s, 1),
            "batch_events": BATCH_EVENTS,
            "batch_bytes": round(sum(len(part.data) for _, parts in filled for part in parts) / len(filled) / each),
            "events": total,
            "acknowledged": fleet.acknowledged_total,
            "seconds": round(took, 2),
            "events_per_s": round(fleet.acknowledged_total / took),
            "hub_worked_on_per_s": round(counted(start, end, "worker", "events_total") / took),
            "fleet_cores": round((time.process_time() - cpu) / took, 3),
            **gauge.told(start, end),
        }
        tell(f"{told['events_per_s']:,} events/s are on disk and acknowledged")
        return told


def _templates(tapes: Sequence[Tape]) -> list[Template]:
    """Return batches of the stories' events, as many as a batch has, of several devices' in turn."""
    rows = [row for tape in tapes for pattern in tape.patterns for row in pattern.rows]
    rng = Random(SEED)  # noqa: S311  # a bench is to be the same each time
    found = []
    for _ in range(DIFFERENT):
        first = rng.randrange(max(1, len(rows) - BATCH_EVENTS))
        some = [(*row[:3], None, *row[4:]) for row in copied(rows[first : first + BATCH_EVENTS])]
        found.append(Template(some))
    return found


def _parts(member: Member, templates: Sequence[Template], count: int) -> list[Part]:
    parts, first = [], member.spool.next
    for number in range(count):
        template = templates[(member.index + number) % len(templates)]
        times = time.time_ns() + np.arange(template.events, dtype=np.int64)
        data = template.batch((), times, first)
        parts.append(Part(Rank.PROCESS, first, first + template.events - 1, data))
        first += template.events
    return parts
