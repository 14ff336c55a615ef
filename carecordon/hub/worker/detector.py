"""Detection over merged batches: rules in, matches and process starts out, one bad event never the end of the rest."""

from __future__ import annotations

import dataclasses
import gc
import os
import sys
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Any

from msgspec.structs import replace

from carecordon.hub.collector import at_rest
from carecordon.hub.worker.costly import MATCH_UNITS
from carecordon.hub.worker.merge import picked
from carecordon.model.effect import Effect, recorded
from carecordon.model.errors import TheirFault, defect
from carecordon.model.match import Match
from carecordon.model.merged import Merged
from carecordon.model.process import ProcessStart
from carecordon.pipeline import journey
from carecordon.pipeline.detect.disk.cache import DiskCache
from carecordon.pipeline.detect.disk.rulebook import Rulebook
from carecordon.pipeline.detect.sigma.accelerate import accelerator
from carecordon.pipeline.detect.sigma.engine import Engine
from carecordon.pipeline.detect.sigma.memo import Allowance

GC_THRESHOLD = (50_000, 20, 50)
"""Objects between two collections: events come and go by the thousand and hold no circles."""

AHEAD_NS = 30 * 1_000_000_000
"""How far a device's clock may run ahead; beyond, the hub's own decides: one wrong clock must not age all the rest.

It is less than what correlations wait for (`hub/triage/desk.py`, HORIZON_NS).
"""


@dataclass(slots=True)
class Detected:
    """What was found in a merged batch; `poisoned` the rows that no rule could be held against, and why."""

    matches: list[Match] = field(default_factory=list)
    starts: list[ProcessStart] = field(default_factory=list)
    poisoned: list[tuple[int, str]] = field(default_factory=list)


class Detector:
    """The rules, ready to be held against merged batches."""

    def __init__(self, book: Rulebook, cache: DiskCache) -> None:
        """Build the engine; what compiling gave is kept in `cache`."""
        self._book = book
        self._matches: Counter[str] = Counter()
        self.rules = book.rules
        secret = sys.hash_info.width >= 64 and os.environ.get("PYTHONHASHSEED", "random") == "random"
        with at_rest():
            engine = Engine(book.rules, accelerator(cache), None, Allowance(has_secret_hashes=secret))
            self._state = journey.detecting(book.rules, engine)
        gc.set_threshold(*GC_THRESHOLD)

    def find(self, merged: Merged, now: int) -> Detected:
        """Return what a batch holds (`now` UTC ns), each named by its event's `sender/epoch` and number."""
        found = Detected()
        try:
            _take(found, merged, journey.detect_step(self._state, merged.table, now)[1])
        except Exception:  # noqa: BLE001  # one event must not take the others with it
            found = Detected()
            for row in range(len(merged)):
                self._find_alone(merged, row, now, found)
        self._matches.update(match.rule.id for match in found.matches)
        return found

    def work(self) -> dict[str, int]:
        """Return what rules (by their ids) have cost so far, in the units of `hub/worker/costly.py`."""
        rules = self.rules.rules
        work = Counter({rules[index].id: read for index, read in self._state.engine.program.work().items()})
        work.update({rule: MATCH_UNITS * count for rule, count in self._matches.items()})
        return dict(work)

    def without(self, ids: Collection[str], cache: DiskCache) -> Detector:
        """Return a detector without these rules."""
        left = tuple(rule for rule in self.rules.rules if rule.id not in ids)
        return Detector(dataclasses.replace(self._book, rules=replace(self.rules, rules=left)), cache)

    def _find_alone(self, merged: Merged, row: int, now: int, found: Detected) -> None:
        one = picked(merged, [row])
        try:
            _take(found, one, journey.detect_step(self._state, one.table, now)[1])
        except Exception as fault:  # noqa: BLE001  # told, with its place
            why = str(fault) if isinstance(fault, TheirFault) else defect(fault)
            found.poisoned.append((row, why))


def _take(found: Detected, merged: Merged, effects: Sequence[Effect]) -> None:
    """Put what a step gave into `found`, each with the name of its event instead of its row."""
    for item in recorded(effects):
        if isinstance(item, Match):
            row = item.position
            found.matches.append(replace(item, **_place(item.time, merged, row)))
        elif isinstance(item, ProcessStart):
            row = item.position
            found.starts.append(replace(item, **_place(item.time, merged, row)))


def _place(time: int | None, merged: Merged, row: int) -> dict[str, Any]:
    """Return when it was, and where its event stands."""
    return {
        "time": _moment(time, int(merged.received[row])),
        "file": merged.file(row),
        "position": int(merged.sequence[row]),
    }


def _moment(time: int | None, received: int) -> int:
    """Return when an event happened: when it says, but for one that says nothing, or a time that has not come yet."""
    return received if time is None or time > received + AHEAD_NS else time
