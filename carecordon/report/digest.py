"""Any number of matches folded to what a person can read: counts, and the first few of each rule on each device."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from msgspec.structs import replace

from carecordon.model.event import Fields
from carecordon.model.match import CorrelationMatch, Level, Match, RuleHead
from carecordon.report.visible import shortened, value_text, visible

FIRST_SHOWN = 3
"""Matches of one rule on one device that are shown; the others are only counted."""
GROUPS_SHOWN = 500
"""Pairs of rule and device that are shown for each level; the others are only counted."""
MEMBERS_KEPT = 5
_FIELD_CHARS = 1000
_DEVICE_FIELDS = ("Computer", "Hostname", "host.name", "ComputerName", "device")

Finding = Match | CorrelationMatch


@dataclass(slots=True)
class Group:
    """The findings of one rule on one device: the first ones, how many in all, and their time span (UTC ns)."""

    rule: RuleHead
    shown: list[Finding] = field(default_factory=list)
    count: int = 0
    first: int | None = None
    last: int | None = None


class Digest:
    """Takes findings in the order of the result; keeps what a terminal shows, however many there are."""

    def __init__(self) -> None:
        """Start with nothing found."""
        self.levels: Counter[Level] = Counter()
        self.rules: Counter[str] = Counter()
        self.heads: dict[str, RuleHead] = {}
        self.devices: Counter[str] = Counter()
        """Devices that a rule matched on, by rule; counted among the groups that are kept."""
        self.matches = 0
        self.correlations = 0
        self.beyond: Counter[Level] = Counter()
        """Findings of groups that are not kept, by level."""
        self._groups: dict[Level, dict[tuple[str | None, str], Group]] = {level: {} for level in Level}

    def take(self, found: Finding) -> None:
        """Take in the next finding."""
        rule, device = found.rule, device_of(found)
        self.matches += isinstance(found, Match)
        self.correlations += isinstance(found, CorrelationMatch)
        self.levels[rule.level] += 1
        self.rules[rule.id] += 1
        self.heads.setdefault(rule.id, rule)
        groups = self._groups[rule.level]
        group = groups.get((device, rule.id))
        if group is None:
            if len(groups) >= GROUPS_SHOWN:
                self.beyond[rule.level] += 1
                return
            group = groups[device, rule.id] = Group(rule)
            self.devices[rule.id] += 1
        _add(group, found)

    def by_device(self, level: Level) -> list[tuple[str | None, list[Group]]]:
        """Return the devices with a finding of this level, each with its groups, the earliest first."""
        devices: dict[str | None, list[Group]] = {}
        for (device, _), group in self._groups[level].items():
            devices.setdefault(device, []).append(group)
        return sorted(devices.items(), key=lambda entry: (min(_start(group) for group in entry[1]), entry[0] or ""))


def device_of(found: Finding) -> str | None:
    """Return the device that a finding is about; of a correlation only if it is grouped by the device."""
    if isinstance(found, Match):
        return found.device
    for name in _DEVICE_FIELDS:
        if isinstance(device := found.group.get(name), str):
            return device
    return None


def time_of(found: Finding) -> int | None:
    """Return when a finding began (UTC ns), if that is known."""
    return found.time if isinstance(found, Match) else found.start


def _add(group: Group, found: Finding) -> None:
    group.count += 1
    if len(group.shown) < FIRST_SHOWN:
        group.shown.append(_small(found))
    begin, end = (found.time, found.time) if isinstance(found, Match) else (found.start, found.end)
    if begin is not None and (group.first is None or begin < group.first):
        group.first = begin
    if end is not None and (group.last is None or end > group.last):
        group.last = end


def _small(found: Finding) -> Finding:
    """Return the finding with its long texts cut, so that what is kept stays small."""
    if isinstance(found, Match):
        return replace(found, fields=_cut(found.fields), carried={})
    return replace(found, group=_cut(found.group), members=found.members[:MEMBERS_KEPT])


def _cut(fields: Fields) -> Fields:
    return {name: shortened(visible(value_text(value)), _FIELD_CHARS) for name, value in fields.items()}


def _start(group: Group) -> tuple[bool, int]:
    return group.first is None, group.first or 0
