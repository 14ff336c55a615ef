"""The same on further devices: told in full on the first, in one sentence on each other, so that a worm fits a page."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from carecordon.model.incident import EventSeen, Phase
from carecordon.model.match import RuleHead
from carecordon.report.story.kind import DEVICE, Kind
from carecordon.report.story.runs import Run

DEVICES = 8
"""On so many further devices the same is told one by one; on more, the rest in one sentence."""
_FOLDERS = re.compile(r"(?:[a-z]:|%\w+%|\\)\\(?:[^\\\s\"]+\\)*")
_NUMBERS = re.compile(r"[0-9a-f]*[0-9][0-9a-f]*")
_WHO = frozenset({"account", "by", "under"})
"""Slots in which the same may differ from device to device."""

Signature = tuple[str, ...]
Pair = tuple[Run, Run]
"""A run, and the run that told the same before."""


@dataclass(frozen=True, slots=True)
class Copy:
    """What further devices, or further sources of connections, had in common with what was told before.

    `run` the first of its runs that a rule matched (else the first), `gravest` the gravest;
    `original` what told the same before; `steps` how many runs, `count` how
    many events; `last` UTC ns of the last event; `places` the devices, or the sources, it is about.
    """

    run: Run
    gravest: Run
    original: Run
    steps: int
    count: int
    last: int
    places: tuple[str, ...]
    rules: dict[str, RuleHead]

    @property
    def is_about_sources(self) -> bool:
        """Say whether further sources of connections are meant, not further devices."""
        return self.run.kind.varies == DEVICE

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
    """Return the runs, which come in order of time, with those gathered that only repeat what was told before.

    What led up to the attack is not gathered: each device has its own way into it.
    """
    told: dict[Signature, Run] = {}
    on_devices: dict[str, list[Pair]] = {}
    from_sources: dict[Signature, list[Pair]] = {}
    things: list[Run | Copy] = []
    for run in runs:
        device, own = run.event.device, signature(run)
        before = told.get(own)
        if run.kind.varies == DEVICE and before is not None:
            from_sources.setdefault(own, []).append((run, before))
        elif device is None or before is None or before.event.device == device or run.phase is Phase.BEFORE:
            if device is not None:
                told.setdefault(own, run)
            things.append(run)
        else:
            on_devices.setdefault(device, []).append((run, before))
    things.extend(_gathered(list(on_devices.values())))
    things.extend(_copy(pairs) for pairs in from_sources.values())
    return sorted(things, key=lambda thing: (thing.event.time, thing.event.file, thing.event.position))


def signature(run: Run) -> Signature:
    """Return what must agree for two runs to be the same: names without folders and numbers, but a port whole."""
    if run.kind.varies == DEVICE:
        return (run.kind.key, run.values.get("port", ""))
    parts = [run.values.get(slot, "").lower() for slot in run.kind.same if slot not in _WHO]
    if run.kind.varies in (None, "service") or run.kind.key == "program_written":
        parts.extend(run.values.get(slot, "").lower() for slot in ("command", "service", "file"))
    if run.kind.key in ("logon", "logon_failed"):
        parts.append(run.values.get("account", "").lower())
    return (run.kind.key, *(_NUMBERS.sub("#", _FOLDERS.sub("", part)) for part in parts))


def _gathered(found: list[list[Pair]]) -> list[Copy]:
    """Return one copy for each device; beyond DEVICES one for all the rest."""
    found.sort(key=lambda pairs: pairs[0][0].event.time)
    if len(found) <= DEVICES + 1:
        return [_copy(pairs) for pairs in found]
    return [*map(_copy, found[:DEVICES]), _copy([pair for pairs in found[DEVICES:] for pair in pairs])]


def _copy(pairs: list[Pair]) -> Copy:
    runs = [run for run, _ in pairs]
    first = next((run for run in runs if run.rules), runs[0])
    is_source = first.kind.varies == DEVICE
    places = (run.values.get("address") if is_source else run.event.device for run in runs)
    return Copy(
        run=first,
        gravest=max([first, *runs], key=_gravity),
        original=next(original for run, original in pairs if run is first),
        steps=len(runs),
        count=sum(run.count for run in runs),
        last=max(run.last for run in runs),
        places=tuple(dict.fromkeys(place for place in places if place)),
        rules={rule.id: rule for run in runs for rule in run.rules.values()},
    )


def _gravity(run: Run) -> tuple[int, int]:
    return max((rule.level.rank + 1 for rule in run.rules.values()), default=0), run.count
