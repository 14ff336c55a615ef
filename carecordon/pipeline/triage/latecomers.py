"""Correlations of devices that were away: what they tell of hours ago is held together by itself, device by device.

Everybody's windows are closed when a match of such a time comes. What belongs together on that device is found all the
same; what it would have been together with others' matches of that time is not. A burst half of which came in time is
told in two pieces, or not at all where neither half is enough.
"""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from carecordon.model.correlation import CorrelationRule
from carecordon.model.match import BlindSpot, CorrelationMatch, Match, Unseen
from carecordon.pipeline.triage.correlate import Correlator
from carecordon.pipeline.triage.stage import BEGINNING_OF_TIME, Limits

DEVICES = 64
"""Devices held together at a time; beyond, the one that has been quiet longest is told as it is."""
LIMITS = Limits(group_events=5_000, events=10_000, groups=2_000, waiting=10_000)
LOOK_NS = 1_000_000_000
"""How long at least lies between two looks at what is over."""


@dataclass(slots=True)
class _Away:
    """One device's windows, by the island of their rules; the time of its newest match, and when its last one came.

    Both UTC ns, the second by the hub's clock.
    """

    newest: int
    came: int
    correlators: dict[int, Correlator] = field(default_factory=dict)


class Latecomers:
    """The windows of all devices that are catching up."""

    def __init__(self, rules: Sequence[CorrelationRule], horizon_ns: int) -> None:
        """`horizon_ns` how much later than its successors a match of one device may come."""
        self._islands = _islands(rules)
        self._heard: dict[str, list[int]] = {}
        """The islands of rules that refer to a rule."""
        for number, island in enumerate(self._islands):
            for name in {name for rule in island for name in rule.rules}:
                self._heard.setdefault(name, []).append(number)
        self._horizon = horizon_ns
        self._patience = horizon_ns + max((rule.timespan_ns for rule in rules), default=0)
        self._away: OrderedDict[str, _Away] = OrderedDict()  # who has been quiet longest first
        self._looked = 0
        self._tally: Counter[tuple[Unseen, str]] = Counter()

    def feed(self, matches: Iterable[Match], now: int) -> list[CorrelationMatch]:
        """Take in what came too late for the others (`now` UTC ns); return the correlations that are over."""
        found: list[CorrelationMatch] = []
        devices: dict[str, list[Match]] = {}
        for match in matches:
            if match.rule.id in self._heard:
                devices.setdefault(match.device or match.file, []).append(match)
        for device, late in devices.items():
            away = self._away.pop(device, None) or _Away(BEGINNING_OF_TIME, now)
            away.came = now
            self._away[device] = away
            found += self._take(away, late)
            if len(self._away) > DEVICES:
                found += self._close(next(iter(self._away)))
        return found

    def _take(self, away: _Away, late: Sequence[Match]) -> list[CorrelationMatch]:
        """Hand a device's matches to the rules that refer to them; their windows are made when they are needed."""
        found: list[CorrelationMatch] = []
        islands: dict[int, list[Match]] = {}
        for match in late:
            away.newest = max(away.newest, match.time or BEGINNING_OF_TIME)
            for number in self._heard[match.rule.id]:
                islands.setdefault(number, []).append(match)
        for number, own in islands.items():
            if number not in away.correlators:
                away.correlators[number] = Correlator(self._islands[number], self._horizon, LIMITS)
            found += away.correlators[number].feed(own)
        return found + [one for correlator in away.correlators.values() for one in correlator.pass_time(away.newest)]

    def pass_time(self, now: int) -> list[CorrelationMatch]:
        """Let time go by, for each device as the hub's clock does; return the correlations that are over."""
        if 0 <= now - self._looked < LOOK_NS:
            return []
        self._looked = now
        found: list[CorrelationMatch] = []
        for device, away in list(self._away.items()):
            quiet = now - away.came
            if not 0 <= quiet <= self._patience:
                found += self._close(device)
            else:
                until = away.newest + quiet
                found += [one for correlator in away.correlators.values() for one in correlator.pass_time(until)]
        return found

    def places(self) -> set[tuple[str, int]]:
        """Return file and position of every event that is counted, or may be."""
        correlators = [one for away in self._away.values() for one in away.correlators.values()]
        return set().union(*(correlator.places() for correlator in correlators))

    def unseen(self) -> list[BlindSpot]:
        """Return what could not take part with those that are over, with reasons and counts."""
        return [BlindSpot(kind, reason, count=number) for (kind, reason), number in sorted(self._tally.items())]

    def _close(self, device: str) -> list[CorrelationMatch]:
        found: list[CorrelationMatch] = []
        for correlator in self._away.pop(device).correlators.values():
            found += correlator.close()
            for spot in correlator.unseen():
                self._tally[spot.kind, f"of devices that were away, {spot.reason}"] += spot.count or 1
        return found


def _islands(rules: Sequence[CorrelationRule]) -> list[list[CorrelationRule]]:
    """Return the rules in groups that have nothing to do with each other: none refers to one of another group."""
    islands = {rule.head.id: [rule] for rule in rules}
    for rule in rules:
        for name in rule.rules:
            one, other = islands[rule.head.id], islands.get(name)
            if other is not None and other is not one:
                joined = [*one, *other]
                islands |= {each.head.id: joined for each in joined}
    return list({id(island): island for island in islands.values()}.values())
