"""The same on further devices: told in full on the first, in one sentence on each other, so that a worm fits a page."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from carecordon.model.incident import EventSeen, Phase
from carecordon.model.match import RuleHead
from carecordon.report.story.kind import DEVICE, Kind
from carecordon.report.story.runs import Run

DEVICES = 12
"""On so many further devices the same is told one by one; on more, the rest in one sentence."""
_FOLDERS = re.compile(r"(?:[a-z]:|%\w+%|\\)\\(?:[^\\\s\"]+\\)*")
_NUMBERS = re.compile(r"[0-9a-f]*[0-9][0-9a-f]*")
_WHO = frozenset({"account", "by", "under"})
"""Slots in which the same may differ from device to device."""

Signature = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Copy:
    """What one device, or many, had in common with `other`: `run` the first of these runs, `gravest` the gravest.

    `steps` how many runs, `count` how many events; `last` UTC ns of the last; `devices` where.
    """

    run: Run
    gravest: Run
    other: str
    steps: int
    count: int
    last: int
    devices: tuple[str, ...]
    rules: dict[str, RuleHead]

    @property
    def kind(self) -> Kind:
        """Return the first run's kind."""
        return self.run.kind

    @property
    def phase(self) -> Phase:
        """Return the first run's phase."""
        return self.run.phase

    @property
    def event(self) -> EventSeen:
        """Return the first run's first event."""
        return self.run.event


def without_copies(runs: Sequence[Run]) -> list[Run | Copy]:
    """Return the runs, which come in order of time, with those that another device already had gathered by device."""
    told: dict[Signature, str] = {}
    copies: dict[tuple[str, Phase], list[tuple[Run, str]]] = {}
    things: list[Run | Copy] = []
    for run in runs:
        device = run.event.device
        if device is None or run.kind.varies == DEVICE:
            things.append(run)
            continue
        other = told.setdefault(signature(run), device)
        if other == device:
            things.append(run)
        else:
            copies.setdefault((device, run.phase), []).append((run, other))
    things.extend(_gathered(list(copies.values())))
    return sorted(things, key=lambda thing: (thing.event.time, thing.event.file, thing.event.position))


def signature(run: Run) -> Signature:
    """Return what must agree for two devices' runs to be the same: names without folders and numbers."""
    parts = [run.values.get(slot, "").lower() for slot in run.kind.same if slot not in _WHO]
    if run.kind.varies in (None, "service") or run.kind.key == "program_written":
        parts.extend(run.values.get(slot, "").lower() for slot in ("command", "service", "file"))
    if run.kind.key in ("logon", "logon_failed"):
        parts.append(run.values.get("account", "").lower())
    return (run.kind.key, *(_NUMBERS.sub("#", _FOLDERS.sub("", part)) for part in parts))


def _gathered(found: list[list[tuple[Run, str]]]) -> list[Copy]:
    """Return one copy for each device; beyond DEVICES one for all the rest."""
    copies = [_copy(pairs) for pairs in found]
    copies.sort(key=lambda copy: copy.event.time)
    if len(copies) <= DEVICES + 1:
        return copies
    return [*copies[:DEVICES], _copy([pair for pairs in _later(found, copies[DEVICES]) for pair in pairs])]


def _later(found: list[list[tuple[Run, str]]], first: Copy) -> list[list[tuple[Run, str]]]:
    rest = [pairs for pairs in found if pairs[0][0].event.time >= first.event.time]
    return sorted(rest, key=lambda pairs: pairs[0][0].event.time)


def _copy(pairs: list[tuple[Run, str]]) -> Copy:
    run, other = pairs[0]
    devices = dict.fromkeys(pair[0].event.device or "" for pair in pairs)
    rules = {rule.id: rule for pair in pairs for rule in pair[0].rules.values()}
    last = max(pair[0].last for pair in pairs)
    gravest = max((pair[0] for pair in pairs), key=_gravity)
    return Copy(run, gravest, other, len(pairs), sum(pair[0].count for pair in pairs), last, tuple(devices), rules)


def _gravity(run: Run) -> int:
    return max((rule.level.rank + 1 for rule in run.rules.values()), default=0)
