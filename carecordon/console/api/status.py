"""The hub itself: its processes, how far behind it is, how fast it goes, what is wrong; and all of it as it happens."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from fastapi import Request, Response
from fastapi.responses import StreamingResponse
from starlette.concurrency import run_in_threadpool

from carecordon.console.answer import Row, encoded
from carecordon.console.endpoint import Endpoint, Endpoints
from carecordon.console.premises import Caller, Hub, Premises
from carecordon.console.telling import brief_of
from carecordon.hub.crew import Member, State, muster, read_crew
from carecordon.hub.pulse import read_pulses
from carecordon.model.kept import IncidentQuery, IncidentRow, Trouble
from carecordon.model.notice import NoticeState
from carecordon.model.person import Role
from carecordon.model.times import rfc3339

TROUBLES_SHOWN = 50
INCIDENTS_AT_ONCE = 20
LOOK_S = 0.5
RECENT_S = 600
OVERLAP_S = 5
"""A view begins with what changed so lately."""
WORKER = "worker"
NS = 1_000_000_000


def show_status(hub: Hub, caller: Caller) -> Response:
    """Show how the hub is. To whom a notice could not be sent is told to those who may list notices, else null."""
    return Response(encoded(status_of(hub, caller.role)), media_type="application/json")


def watch(request: Request, hub: Hub, caller: Caller) -> StreamingResponse:
    """Tell the hub's figures each half second, and each incident as it appears or changes, as lines of JSON."""
    return StreamingResponse(_watched(request, hub, caller.role), media_type="application/x-ndjson")


def status_of(hub: Premises, role: Role) -> Row:
    """Return how the hub is, to one in this role. Reads pulses and register: not to be called in the event loop."""
    now = hub.clock()
    pulses = read_pulses(hub.paths.run)
    rates = hub.rates.per_second()
    members = muster(read_crew(hub.paths.run), pulses, now)
    untold = hub.register.outbox.all(1, NoticeState.FAILED) if role.rank >= Role.ANALYST.rank else []
    troubles = hub.register.cases.troubles(is_over=False, limit=TROUBLES_SHOWN + 1)
    return {
        "organisation": {"ods": hub.settings.ods, "name": hub.settings.name},
        "at": rfc3339(now),
        "now": _now(members, rates),
        "processes": [_process(one, rates.get(one.name, {})) for one in members],
        "devices": hub.register.devices.count(),
        "incidents": hub.register.cases.count_open(),
        "notices": hub.register.outbox.count(),
        "last_untold": {"receiver": untold[0].channel, "why": untold[0].why} if untold else None,
        "dead_letters": hub.register.letters.count(),
        "troubles": [_trouble(one) for one in troubles[:TROUBLES_SHOWN]],
        "troubles_are_cut": len(troubles) > TROUBLES_SHOWN,
    }


def _now(members: list[Member], rates: dict[str, dict[str, float]]) -> Row:
    """Return what people look at first; None where no process that lives says it: what a dead one said is over."""
    figures = {one.name: one.pulse.figures for one in members if one.pulse and one.state is State.ALIVE}
    gate = figures.get("gate", {})
    events = [rates[name]["events"] for name in figures if name.startswith(WORKER) and "events" in rates.get(name, {})]
    return {
        "agents_online": gate.get("sessions"),
        "events_per_s": round(sum(events), 1) if events else None,
        "lag_s": gate.get("lag_s"),
        "ack_p99_ms": gate.get("ack_p99_ms"),
    }


def _process(member: Member, rates: dict[str, float]) -> Row:
    """Return how a process is; nothing is known of one that never spoke but what the supervisor says."""
    pulse = member.pulse
    return {
        "name": member.name,
        "is_alive": member.state is State.ALIVE,
        "state": member.state.value,
        "pid": pulse and pulse.pid,
        "started": pulse and rfc3339(pulse.started),
        "at": pulse and rfc3339(pulse.at),
        "fault": member.fault,
        "figures": pulse.figures if pulse else {},
        "per_second": {name: round(rate, 2) for name, rate in rates.items()},
    }


def _trouble(trouble: Trouble) -> Row:
    return {
        "kind": trouble.kind,
        "device": trouble.device,
        "text": trouble.text,
        "since": rfc3339(trouble.since),
        "count": trouble.count,
    }


async def _watched(request: Request, hub: Premises, role: Role) -> AsyncIterator[bytes]:
    since = hub.clock() - RECENT_S * NS
    told: dict[int, int] = {}
    while not await request.is_disconnected() and not request.app.state.is_stopping:
        yield encoded({"type": "status"} | await run_in_threadpool(status_of, hub, role)) + b"\n"
        began = hub.clock()
        for line in await run_in_threadpool(_news, hub, since, told):
            yield encoded({"type": "incident"} | line) + b"\n"
        since = began - OVERLAP_S * NS
        await asyncio.sleep(LOOK_S)


def _news(hub: Premises, since: int, told: dict[int, int]) -> list[Row]:
    """Return the incidents that are new or changed, the oldest first; `told` remembers which version was told."""
    rows = hub.register.cases.incidents(IncidentQuery(since=since, limit=INCIDENTS_AT_ONCE))
    news = [row for row in reversed(rows) if told.get(row.number) != row.version]
    for row in news:
        told.pop(row.number, None)
        told[row.number] = row.version
    while len(told) > 10_000:
        del told[next(iter(told))]
    return [_told(hub, row) for row in news]


def _told(hub: Premises, row: IncidentRow) -> Row:
    return {
        "number": row.number,
        "id": row.id,
        "title": row.title,
        "level": row.level.value,
        "status": row.status.value,
        "devices_total": len(row.devices),
        "devices": list(row.devices[:5]),
        "first": rfc3339(row.first),
        "last": rfc3339(row.last),
        "version": row.version,
        "summary": brief_of(hub, row.number),
    }


STATUS = Endpoints(
    "status",
    (
        Endpoint("GET", "/status", show_status, Role.READER, "read", form="object"),
        Endpoint("GET", "/watch", watch, Role.READER, "watch", form="stream"),
    ),
)
