"""From all that was found to cases: correlated, grouped to incidents, their events fetched, their story told."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import islice

from carecordon.model.block import Bad
from carecordon.model.effect import Effect, recorded
from carecordon.model.incident import EventSeen, Incident
from carecordon.model.match import BlindSpot, CorrelationMatch, Unseen
from carecordon.pipeline import journey
from carecordon.pipeline.detect.sigma.ir import RuleSet
from carecordon.pipeline.triage.score import Estate
from carecordon.scan.assembly import Assembly
from carecordon.scan.evidence import Collector, Evidence, question
from carecordon.scan.fan import Fan
from carecordon.scan.hand import Lost, Task
from carecordon.scan.open import Opened
from carecordon.scan.spool import Spool
from carecordon.scan.worker import Setup

PIECE = 10_000
"""Matches and process starts that triage takes in at a time."""
REREAD = "what belongs to the incidents could not be read a second time; their stories tell the first matches only"


@dataclass(slots=True)
class Triaged:
    """What triage made of everything that was found."""

    correlations: list[CorrelationMatch] = field(default_factory=list)
    incidents: list[Incident] = field(default_factory=list)
    """The worst first."""
    spots: list[BlindSpot] = field(default_factory=list)


def triage(spool: Spool, rules: RuleSet, estate: Estate) -> Triaged:
    """Return the correlations and incidents in all that was found."""
    state = journey.triaging(rules, estate)
    triaged = Triaged()
    incidents: dict[str, Incident] = {}
    found = spool.all()
    while piece := list(islice(found, PIECE)):
        _take(journey.triage_step(state, piece, 0)[1], triaged, incidents)
    rest, triaged.spots = journey.triage_end(state)
    _take(rest, triaged, incidents)
    triaged.correlations.sort(key=lambda one: (one.start, one.end, one.rule.id, one.members))
    triaged.incidents = sorted(incidents.values(), key=lambda one: (-one.score.total, one.first, one.id))
    return triaged


def _take(effects: Sequence[Effect], triaged: Triaged, incidents: dict[str, Incident]) -> None:
    for item in recorded(effects):
        if isinstance(item, CorrelationMatch):
            triaged.correlations.append(item)
        elif isinstance(item, Incident):
            for former in item.aliases:
                incidents.pop(former, None)
            incidents[item.id] = item


def gather(
    incidents: Sequence[Incident],
    setup: Setup,
    inputs: Sequence[Assembly],
    opened: Iterator[Opened],
    cores: int,
) -> Evidence:
    """Return the events of incidents from a second reading of the inputs, which `opened` yields in the same order."""
    numbers: dict[str, list[int]] = {}
    for number, assembly in enumerate(inputs):
        numbers.setdefault(assembly.name, []).append(number)
    asked = question(incidents, numbers)
    asked.before = {number: assembly.before for number, assembly in enumerate(inputs)}
    evidence = Evidence(incidents)
    fan = Fan(partial(Collector, setup, asked), cores)
    left = {name: list(known) for name, known in numbers.items()}
    for answer in fan.run(_tasks(opened, inputs, left)):
        source = answer.task.source if isinstance(answer, Lost) else answer.source
        evidence.take(answer, inputs[source].name)
    for _ in fan.finish():
        pass
    return evidence


def _tasks(opened: Iterator[Opened], inputs: Sequence[Assembly], left: dict[str, list[int]]) -> Iterator[Task]:
    """Yield the blocks of those inputs that were read before, as far as they were read then."""
    for one in opened:
        if not left.get(one.name):
            continue
        number = left[one.name].pop(0)
        for place, piece in enumerate(one.blocks()):
            if place >= len(inputs[number].before):
                break
            if not isinstance(piece, Bad):
                yield Task(number, place, piece)


def bare_events(incident: Incident) -> list[EventSeen]:
    """Return the earliest match of each alert as an event, for want of the events themselves."""
    events = []
    for alert in incident.alerts:
        match = alert.sample
        fields = match.carried or match.subject | match.fields
        place = (match.file, match.position, match.record_id, match.time or alert.first)
        events.append(EventSeen(*place, match.device, match.channel, match.event_id, alert.process, fields))
    return sorted(events, key=lambda event: (event.time, event.file, event.position))


def unread(incidents: Sequence[Incident]) -> list[BlindSpot]:
    """Return the blind spot of incidents whose events were not read."""
    return [BlindSpot(Unseen.RECORD, REREAD, count=len(incidents))] if incidents else []
