"""From all that was found to cases: correlated, grouped to incidents, their events fetched, their story told."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import islice

from carecordon.model.effect import Effect, recorded
from carecordon.model.incident import Incident
from carecordon.model.match import BlindSpot, CorrelationMatch
from carecordon.pipeline import journey
from carecordon.pipeline.detect.sigma.ir import RuleSet
from carecordon.pipeline.triage.score import Estate
from carecordon.scan.spool import Spool

PIECE = 10_000
"""Matches and process starts that triage takes in at a time."""


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
    told = journey.triage_scores(state, list(incidents.values()))
    triaged.incidents = sorted(told, key=lambda one: (-one.score.total, one.first, one.id))
    return triaged


def _take(effects: Sequence[Effect], triaged: Triaged, incidents: dict[str, Incident]) -> None:
    for item in recorded(effects):
        if isinstance(item, CorrelationMatch):
            triaged.correlations.append(item)
        elif isinstance(item, Incident):
            for former in item.aliases:
                incidents.pop(former, None)
            incidents[item.id] = item
