"""How bad an incident is, as a sum that anybody can check by hand: every summand says what it is for.

    severity    the worst rule: informational 1, low 5, medium 20, high 55, critical 80; the next
                adds an eighth of its own points, the one after a sixteenth, and so on, the
                worst first: many small things add up, but never without end.
    techniques  2 for each distinct ATT&CK technique after the first, at most 10.
    spread      2 for each device with an alert of its own after the first, at most 10.
    rarity      the rarest rule of the incident: on one device of twenty or fewer 6, on one of
                five 3; nothing where fewer than five devices are seen.
    asset       the worst impact class among these devices: S1 2, S2 4, S3 6.

From 80 points on critical, from 55 high, from 20 medium, from 5 low: so a single match
stands at its rule's own level, and several together can rise one level above it, no more.

Source: ours. The falling weights follow the idea of Elastic's published risk score
(sorted, with falling weight); figures are our choice, docs/incidents.md says why.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import ldexp

from carecordon.model.incident import Score, Summand
from carecordon.model.match import Level, RuleHead

SEVERITY = {Level.INFORMATIONAL: 1, Level.LOW: 5, Level.MEDIUM: 20, Level.HIGH: 55, Level.CRITICAL: 80}
FURTHER_SHARE = 8
TECHNIQUE_POINTS, TECHNIQUES_MOST = 2, 10
DEVICE_POINTS, SPREAD_MOST = 2, 10
RARE = ((20, 6), (5, 3))
"""One device in so many: points."""
FEWEST_DEVICES = 5
IMPACT = {"S0": 0, "S1": 2, "S2": 4, "S3": 6}
BANDS = ((80, Level.CRITICAL), (55, Level.HIGH), (20, Level.MEDIUM), (5, Level.LOW), (0, Level.INFORMATIONAL))


@dataclass(frozen=True, slots=True)
class Asset:
    """What a device is for: its class, such as `imaging.modality`, and its impact class, S0 to S3."""

    kind: str
    impact: str


@dataclass(frozen=True, slots=True)
class Estate:
    """What is known of the devices: how many are seen at all, and what those that are listed are for (lower case)."""

    devices: int = 0
    assets: Mapping[str, Asset] = field(default_factory=dict)

    def asset(self, device: str) -> Asset | None:
        """Return what a device is for, by its full name or its first label; None where nobody said."""
        name = device.lower()
        return self.assets.get(name) or self.assets.get(name.split(".", 1)[0])


def score(
    rules: Sequence[RuleHead], techniques: Sequence[str], devices: Sequence[str], rarest: int, estate: Estate
) -> Score:
    """Return the score; `rules` each once, `rarest` the fewest devices that one of them matched on.

    `devices` are those with an alert of their own: to have been connected to is not to have been taken.
    """
    parts = [
        _severity(rules),
        _capped("techniques", len(techniques), TECHNIQUE_POINTS, TECHNIQUES_MOST, "distinct techniques"),
        _capped("spread", len(devices), DEVICE_POINTS, SPREAD_MOST, "devices"),
        rarity(rarest, estate.devices),
        _asset(devices, estate),
    ]
    return Score(sum(part.points for part in parts), tuple(parts))


def level_of(score: Score) -> Level:
    """Return the level that a score stands for."""
    return next(level for least, level in BANDS if score.total >= least)


def rarity(rarest: int, devices: int) -> Summand:
    """Return the part for how rare a rule is that matched on `rarest` of these devices."""
    if devices < FEWEST_DEVICES:
        return Summand("rarity", 0, f"only {devices} devices seen" if devices != 1 else "only 1 device seen")
    points = next((points for share, points in RARE if rarest * share <= devices), 0)
    return Summand("rarity", points, f"rarest rule on {rarest} of {devices} devices")


def _severity(rules: Sequence[RuleHead]) -> Summand:
    worst, *others = sorted((rule.level for rule in rules), key=lambda level: -level.rank)
    points = float(SEVERITY[worst])
    for place, level in enumerate(others):
        points += ldexp(SEVERITY[level] / FURTHER_SHARE, -place)
    why = f"worst rule {worst.value}, {SEVERITY[worst]}"
    if others:
        why += f"; {len(others)} further, {int(points) - SEVERITY[worst]}"
    return Summand("severity", int(points), why)


def _capped(name: str, count: int, each: int, most: int, what: str) -> Summand:
    return Summand(name, min(most, max(0, count - 1) * each), f"{count} {what if count != 1 else what[:-1]}")


def _asset(devices: Sequence[str], estate: Estate) -> Summand:
    known = [(asset, device) for device in devices if (asset := estate.asset(device))]
    if not known:
        return Summand("asset", 0, "impact class unknown")
    asset, device = max(known, key=lambda pair: (IMPACT.get(pair[0].impact, 0), pair[1]))
    return Summand("asset", IMPACT.get(asset.impact, 0), f"{asset.impact} {asset.kind}: {device}")
