"""The rules that a worker uses: changed when their files do, and one that costs too much left out until it is changed.

What is left out is noted in the register with a digest of the rule as it was compiled, exceptions and all: over
restarts it stays out until that differs. A change of a comment alone is none: the rule would cost the same.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from dataclasses import replace
from typing import Any

import msgspec

from carecordon.hub.config import Paths, Settings
from carecordon.hub.news.complaints import Complaints
from carecordon.hub.worker.costly import Costs
from carecordon.hub.worker.detector import Detector
from carecordon.hub.worker.notes import Notes
from carecordon.hub.worker.rules import RuleWatch, cache_of
from carecordon.model.event import LogSource
from carecordon.pipeline.detect.disk.rulebook import Rulebook
from carecordon.pipeline.detect.sigma.ir import About, Rule

NAMED = 3
OFF = "rules/off/"
"""How the keys of rules that are off begin, as `notify/alarm.py` knows them; the worker's number comes next."""


class Off(msgspec.Struct, frozen=True, array_like=True):
    """A rule that is switched off: what it was then, and what was told of it."""

    digest: str
    text: str


_NOTED = msgspec.msgpack.Decoder(dict[str, Off])


class RulesInUse:
    """The detector of worker `number` of `of`. The first one speaks of the rules for all of them."""

    def __init__(
        self, settings: Settings, paths: Paths, complaints: Complaints, notes: Notes, log: Any, number: int, of: int
    ) -> None:
        """Read the rules."""
        self._cache = cache_of(paths)
        self._watch = RuleWatch(settings, paths)
        self._complaints = complaints
        self._notes = notes
        self._log = log
        self._number, self._of = number, of
        self._costs = Costs()
        self._events = 0
        self._name = f"rules-off/{number}"
        self._noted: dict[str, Off] | None = notes.read(self._name, _NOTED.decode)
        self._is_told = False
        self._book = self._watch.first()
        self._off = _still_off(self._noted or {}, self._book)
        if self._off:
            log.warning("rules stay switched off", rules=sorted(self._off))
        self.detector = Detector(_without(self._book, self._off), self._cache)

    def look(self, events: int, lag_s: float) -> None:
        """Take up changed rules, and switch off one that is too dear. `events` worked on so far, of all time."""
        book = self._watch.changed()
        if book is not None:
            self._book = book
            self._off = _still_off(self._off, book)
            self._is_told = False
            self._use(events)
            self._log.info("rules changed", rules=len(book.rules.rules), refused=len(book.rules.refused))
        worst = self._costs.worst(self.detector.work(), events - self._events, lag_s)
        if worst is not None:
            self._switch_off(worst, events, lag_s)
        self._note()
        if self._number == 0:
            self._tell()

    def figures(self) -> dict[str, float]:
        """Return how many rules there are, of which sort."""
        rules = self.detector.rules
        return {"rules": len(rules.rules), "rules_refused": len(rules.refused), "rules_off": len(self._off)}

    def _use(self, events: int) -> None:
        self.detector = Detector(_without(self._book, self._off), self._cache)
        self._costs.begin()
        self._events = events

    def _switch_off(self, rule_id: str, events: int, lag_s: float) -> None:
        rule = next((one for one in self._book.rules.rules if one.id == rule_id), None)
        if rule is None:
            return
        text = (
            f"the rule '{rule.title}' is switched off in worker {self._number}: events had waited {lag_s:.0f} s, and "
            "most of the work was its; mend it, or make an exception: it is used again when it changes"
        )
        self._off = {**self._off, rule_id: Off(digest_of(rule), text)}
        self._is_told = False
        self._use(events)
        self._log.warning("rule switched off", rule=rule_id, title=rule.title, lag_s=lag_s)

    def _note(self) -> None:
        """Note down what is off, then tell it: what a process could not finish of this, the next one does."""
        if self._is_told:
            return
        if self._off != (self._noted or {}):
            self._notes.write(self._name, msgspec.msgpack.encode(self._off))
            self._noted = self._off
        own = f"{OFF}{self._number}/"
        for rule_id, off in self._off.items():
            self._complaints.set(f"{own}{rule_id}", "rule", off.text)
        for key in self._complaints.open(OFF):
            if (key.startswith(own) and key.removeprefix(own) not in self._off) or self._is_orphan(key):
                self._complaints.set(key, "rule", None)
        self._is_told = True

    def _is_orphan(self, key: str) -> bool:
        """Return whether it is of a worker that is no more: the first one ends it."""
        number = key.removeprefix(OFF).partition("/")[0]
        is_of_none = not number.isdecimal() or int(number) >= self._of
        return self._number == 0 and is_of_none

    def _tell(self) -> None:
        broken = self._watch.trouble
        text = None if broken is None else f"the changed rules do not load, the former ones stay in use: {broken}"
        self._complaints.set("rules/broken", "rule", text)
        book = self._book
        former = [f"'{one.title}' of {one.path}" for one in _rules_of(book) if one.id in book.former]
        told = {
            "refused": _several("rules were refused", list(map(str, book.rules.refused))),
            "former": _several("rules do not load any more and go on as they were until they are mended", former),
            "unread": _several("places of rules cannot be read, what they held goes on as it was", list(book.unread)),
            "unused": _several("exceptions are not used", list(book.unused)),
        }
        for key, text in told.items():
            self._complaints.set(f"rules/{key}", "rule", text)


def _rules_of(book: Rulebook) -> tuple[About, ...]:
    return *book.rules.rules, *book.rules.correlations


def digest_of(rule: Rule) -> str:
    """Return what a rule is, wherever it stands and whatever correlations make of it: any other one differs.

    By the names of what it holds, without what holds its default: it stands in the register, and a release that
    declares the same fields in another order, or one more, must not switch all dear rules on again.
    """
    nowhere = msgspec.structs.replace(rule, path="", line=0, silent=False)
    return hashlib.sha256(msgspec.msgpack.encode(_by_name(nowhere), order="sorted")).hexdigest()


def _by_name(value: Any) -> Any:
    if isinstance(value, msgspec.Struct):
        held = ((one.name, getattr(value, one.name), one.default) for one in msgspec.structs.fields(value))
        return [value.__struct_config__.tag, {name: _by_name(part) for name, part, usual in held if part != usual}]
    if isinstance(value, LogSource):
        return value._asdict()
    return [_by_name(one) for one in value] if isinstance(value, tuple) else value


def _still_off(off: dict[str, Off], book: Rulebook) -> dict[str, Off]:
    """Return those that are still the rules that they were when they were switched off."""
    if not off:
        return {}
    digests = {rule.id: digest_of(rule) for rule in book.rules.rules if rule.id in off}
    return {rule_id: one for rule_id, one in off.items() if digests.get(rule_id) == one.digest}


def _without(book: Rulebook, ids: Collection[str]) -> Rulebook:
    if not ids:
        return book
    left = tuple(rule for rule in book.rules.rules if rule.id not in ids)
    return replace(book, rules=msgspec.structs.replace(book.rules, rules=left))


def _several(what: str, reasons: list[str]) -> str | None:
    """Return one sentence for what is wrong with several; None where there are none."""
    if not reasons:
        return None
    more = f"; and {len(reasons) - NAMED:,} more" if len(reasons) > NAMED else ""
    return f"{len(reasons):,} {what}: {'; '.join(reasons[:NAMED])}{more}"
