"""The rules that a worker uses: changed when their files do, and one that costs too much left out while events wait."""

from __future__ import annotations

from typing import Any

from carecordon.hub.config import Paths, Settings
from carecordon.hub.news.complaints import Complaints
from carecordon.hub.worker.costly import Costs
from carecordon.hub.worker.detector import Detector
from carecordon.hub.worker.rules import RuleWatch, cache_of, read_rules, today

NAMED = 3


class RulesInUse:
    """The detector of one worker. `tells`: this worker speaks of the rules for all of them."""

    def __init__(self, settings: Settings, paths: Paths, complaints: Complaints, log: Any, *, tells: bool) -> None:
        """Read the rules. Raises TheirFault where a path that the settings name cannot be read."""
        self._cache = cache_of(paths)
        self._watch = RuleWatch(settings, paths)
        self._complaints = complaints
        self._log = log
        self._tells = tells
        self._costs = Costs()
        self._off: dict[str, str] = {}
        self._events = 0
        self.detector = Detector(read_rules(settings, paths, today()), self._cache)

    def look(self, events: int, lag_s: float) -> None:
        """Take up changed rules, and switch off one that is too dear. `events` worked on so far, of all time."""
        book = self._watch.changed()
        if book is not None:
            self._use(Detector(book, self._cache), events)
            for rule in self._off:
                self._complaints.set(f"rules/off/{rule}", "rule", None)
            self._off.clear()  # they may have been mended
            self._log.info("rules changed", rules=len(book.rules.rules), refused=len(book.rules.refused))
        worst = self._costs.worst(self.detector.work(), events - self._events, lag_s)
        if worst is not None:
            self._switch_off(worst, events, lag_s)
        if self._tells:
            self._tell()

    def figures(self) -> dict[str, float]:
        """Return how many rules there are, of which sort."""
        rules = self.detector.rules
        return {"rules": len(rules.rules), "rules_refused": len(rules.refused), "rules_off": len(self._off)}

    def _use(self, detector: Detector, events: int) -> None:
        self.detector = detector
        self._costs.begin()
        self._events = events

    def _switch_off(self, rule: str, events: int, lag_s: float) -> None:
        title = next((one.title for one in self.detector.rules.rules if one.id == rule), rule)
        self._off[rule] = title
        self._use(self.detector.without({rule}, self._cache), events)
        text = (
            f"the rule '{title}' is switched off: events had waited {lag_s:.0f} s, and most of the work was its; "
            "mend it, or make an exception: it is used again when the rules change"
        )
        self._complaints.set(f"rules/off/{rule}", "rule", text)
        self._log.warning("rule switched off", rule=rule, title=title, lag_s=lag_s)

    def _tell(self) -> None:
        broken = self._watch.trouble
        text = None if broken is None else f"the changed rules do not load, the former ones stay in use: {broken}"
        self._complaints.set("rules/broken", "rule", text)
        refused = self.detector.rules.refused
        self._complaints.set("rules/refused", "rule", _several("rules were refused", list(map(str, refused))))
        self._complaints.set("rules/unused", "rule", _several("exceptions are not used", self._watch.unused()))


def _several(what: str, reasons: list[str]) -> str | None:
    """Return one sentence for what is wrong with several; None where there are none."""
    if not reasons:
        return None
    more = f"; and {len(reasons) - NAMED:,} more" if len(reasons) > NAMED else ""
    return f"{len(reasons):,} {what}: {'; '.join(reasons[:NAMED])}{more}"
