"""Whether the hub lives and can be used, for whoever watches machines; and its figures for Prometheus."""

from __future__ import annotations

from collections import Counter

from fastapi import Response

from carecordon.console.answer import encoded
from carecordon.console.metrics import metrics
from carecordon.console.premises import Hub
from carecordon.hub.pulse import is_alive, read_pulses
from carecordon.model.kept import IncidentQuery, Status

NEEDED = frozenset({"gate", "keeper", "triage", "carry"})
"""Without these, and one worker at least, events are not taken in or nobody is told of them."""
WORKER = "worker"
EXPOSITION = "text/plain; version=0.0.4; charset=utf-8"
"""Source: Prometheus, exposition formats."""


def healthz() -> Response:
    """Say that this process answers."""
    return Response(encoded({"is_alive": True}), media_type="application/json")


def readyz(hub: Hub) -> Response:
    """Say whether all that the hub is made of is at work: 200, else 503. Names nothing but what is not."""
    now = hub.clock()
    alive = {pulse.name.partition("-")[0] for pulse in read_pulses(hub.paths.run) if is_alive(pulse, now)}
    lacking = sorted({*NEEDED, WORKER} - alive)
    return Response(
        encoded({"is_ready": not lacking, "lacking": lacking}), 503 if lacking else 200, media_type="application/json"
    )


def told_metrics(hub: Hub) -> Response:
    """Return the hub's figures."""
    now = hub.clock()
    register = hub.register
    open_ones = register.cases.incidents(IncidentQuery((Status.NEW, Status.OPEN), limit=10_000))
    counted = {
        "devices": register.devices.count(),
        "notices": register.outbox.count(),
        "incidents_open": dict(Counter(row.level.value for row in open_ones)),
        "dead_letters": {"waiting": register.letters.count()},
        "troubles": dict(Counter(one.kind for one in register.cases.troubles(is_over=False))),
    }
    return Response(metrics(read_pulses(hub.paths.run), counted, now), media_type=EXPOSITION)
