"""How often each rule speaks: matches, devices, and the rate per device and day."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from carecordon.model.match import CorrelationMatch, Match, RuleHead
from carecordon.model.result import SourceSeen

DAY_NS = 86_400 * 1_000_000_000
"""Nanoseconds of a day."""


@dataclass(frozen=True, slots=True)
class Noise:
    """How often one rule matched: on how many devices, and per device and day over all devices seen."""

    rule: RuleHead
    matches: int
    devices: int
    rate: float


@dataclass(frozen=True, slots=True)
class Watched:
    """What was watched: devices, and the sum of the days each of them was seen for."""

    devices: int
    device_days: float


def watched(sources: Iterable[SourceSeen]) -> Watched:
    """Return the devices and device-days in these logs.

    A device's days reach from its first event to its last, and are at least one; events that
    name no device belong to one device without a name.
    """
    spans: dict[str | None, tuple[int | None, int | None]] = {}
    for one in sources:
        first, last = spans.get(one.device, (None, None))
        firsts = [time for time in (first, one.first) if time is not None]
        lasts = [time for time in (last, one.last) if time is not None]
        spans[one.device] = (min(firsts, default=None), max(lasts, default=None))
    return Watched(len(spans), sum(_days(first, last) for first, last in spans.values()))


def noise(found: Iterable[Match | CorrelationMatch], every: Iterable[Match], ground: Watched) -> list[Noise]:
    """Return one entry for each rule that matched, the loudest first.

    `found` is what is told, `every` all matches, those that only feed correlations too: they
    say on which devices a correlation's events happened. A correlation that came true counts once.
    """
    heads: dict[str, RuleHead] = {}
    counts: Counter[str] = Counter()
    devices: defaultdict[str, set[str | None]] = defaultdict(set)
    correlated: list[CorrelationMatch] = []
    for one in found:
        heads[one.rule.id] = one.rule
        counts[one.rule.id] += 1
        if isinstance(one, Match):
            devices[one.rule.id].add(one.device)
        else:
            correlated.append(one)
    homes = _homes(correlated, every)
    for each in correlated:
        devices[each.rule.id] |= {homes[member] for member in each.members if member in homes}
    entries = [
        Noise(heads[rule], count, len(devices[rule]), count / ground.device_days if ground.device_days else 0.0)
        for rule, count in counts.items()
    ]
    return sorted(entries, key=lambda entry: (-entry.rate, entry.rule.title, entry.rule.id))


def _homes(correlated: Sequence[CorrelationMatch], every: Iterable[Match]) -> dict[tuple[str, int], str | None]:
    """Return the device of each event that a correlation names."""
    wanted = {member for one in correlated for member in one.members}
    if not wanted:
        return {}
    return {(one.file, one.position): one.device for one in every if (one.file, one.position) in wanted}


def _days(first: int | None, last: int | None) -> float:
    if first is None or last is None:
        return 1.0
    return max(1.0, (last - first) / DAY_NS)
