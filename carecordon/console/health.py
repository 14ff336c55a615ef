"""Whether the hub lives and can be used, for whoever watches machines; and its figures for Prometheus."""

from __future__ import annotations

from collections import Counter

from fastapi import Response

from carecordon.console.answer import encoded
from carecordon.console.metrics import metrics
from carecordon.console.premises import Caller, Hub
from carecordon.hub.crew import State, muster, read_crew
from carecordon.hub.pulse import read_pulses
from carecordon.model.audit import Act

NEEDED = frozenset({"gate", "keeper", "triage", "carry", "worker-0"})
"""Without these events are not taken in, or nobody is told of them; the supervisor names them all."""
API = "api"
"""It answers, so it is there, whether it has said so by now or not."""
DAY_NS = 86_400 * 1_000_000_000
EXPOSITION = "text/plain; version=0.0.4; charset=utf-8"
"""Source: Prometheus, exposition formats."""


def healthz() -> Response:
    """Say that this process answers."""
    return Response(encoded({"is_alive": True}), media_type="application/json")


def readyz(hub: Hub) -> Response:
    """Say whether all that the hub is made of is at work: 200, else 503. Names nothing but what is not."""
    now = hub.clock()
    crew = read_crew(hub.paths.run)
    alive = {one.name for one in muster(crew, read_pulses(hub.paths.run), now) if one.state is State.ALIVE}
    lacking = sorted({*(crew.faults if crew else NEEDED)} - alive - {API})
    return Response(
        encoded({"is_ready": not lacking, "lacking": lacking}), 503 if lacking else 200, media_type="application/json"
    )


def told_metrics(hub: Hub, caller: Caller) -> Response:
    """Return the hub's figures. Of each caller the first reading of a day is audited (docs/decisions/0020)."""
    now = hub.clock()
    register = hub.register
    who, day = f"{caller.name} {caller.token}", now // DAY_NS
    if hub.noted.get(who) != day:
        detail = {"method": "GET", "noted": "once a day"} | ({"token": caller.token} if caller.token else {})
        register.audit.add([Act(caller.name, "read", "/metrics", encoded(detail).decode())], now)
        hub.noted[who] = day
    counted = {
        "devices": register.devices.count(),
        "notices": register.outbox.count(),
        "incidents_open": register.cases.count_open(),
        "dead_letters": {"waiting": register.letters.count()},
        "troubles": dict(Counter(one.kind for one in register.cases.troubles(is_over=False))),
    }
    members = muster(read_crew(hub.paths.run), read_pulses(hub.paths.run), hub.clock())
    return Response(metrics(members, counted), media_type=EXPOSITION)
