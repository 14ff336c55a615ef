"""Several matches that mean more together than each alone: Sigma correlations, in event time.

What counts as one event
    Reports of one moment with equal device, channel, record id and fields are one event,
    however many files it stands in and however many of the rules match it; `members`
    names every place. An event without a time takes no part (told: clock).
Groups
    `group-by` values are compared as lower-case text, a list as its elements joined by
    commas; shown as the group's first event spells them. An alias means, per rule, its own
    field (its own name where the alias has no entry for that rule). `Computer`,
    `ComputerName`, `Hostname` and `host.name` fall back on the event's device. A missing or
    null field: the event is in no group and not counted (told: field). Without
    `group-by` everything is one group.
Windows
    A window holds events no further apart than the timespan, the ends included.
    *Sliding*, for lower bounds only (gt, gte) of event_count, value_count, value_sum,
    temporal, and for temporal_ordered: every event ends a window that reaches one timespan
    back. Windows for which the condition holds and that share an event are one burst, told
    once, when it is over: all its events, and the greatest figure that one window reached.
    *Whole*, for everything that further events could undo (lt, lte, eq, neq, ranges;
    value_avg, value_percentile, value_median; a temporal expression that denies a rule): a
    window opens with a group's first event, takes in one timespan, is judged when it is
    over, and the next event opens another. No events at all are no group and no window.
Figures
    event_count: events. value_count: different combinations of the fields' values (as
    lower-case text); an event that lacks one is not counted. value_sum, value_avg,
    value_percentile, value_median: of numbers, or text that reads as a decimal number; other
    events are not counted. Percentiles interpolate linearly (rank (n-1)p/100), so that 50 is
    the median; without `percentile` it is 50. All sums are exact.
    temporal: different rules seen; without a condition all of them. temporal_ordered:
    different rules seen in the order of the list, each by another event; events of equal
    time are taken in the list's order; its members are the events from the latest start
    that fits to the end. In its expressions `not x` means: no x between first and last.
Chains
    A correlation that other rules refer to is, for them, an event at each moment at which its
    condition holds (so a logon between the tenth and the twentieth failure still comes
    after "ten failures"); a whole window is one at its last event. It counts once a burst.
    Its fields are its group's values, its members those seen up to then.
Order and memory
    The result does not depend on the order of arrival within `horizon_ns`; what comes later
    still is not counted (told: clock). Groups are forgotten when their window has passed; see
    `Limits` for what happens beyond. A burst of more events than are kept is told in pieces.

Source: Sigma correlation rules specification 2.1.0; where it is silent, the choice is ours.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from graphlib import CycleError, TopologicalSorter
from itertools import count

from carecordon.model.correlation import CorrelationRule, CorrelationType
from carecordon.model.errors import OurFault
from carecordon.model.match import BlindSpot, CorrelationMatch, Match, Unseen
from carecordon.pipeline.triage.conditions import needs_whole_window
from carecordon.pipeline.triage.gather import Tally
from carecordon.pipeline.triage.stage import BEGINNING_OF_TIME, Limits, Stage

END_OF_TIME = 2**80
"""After any time that an event can have (UTC ns)."""


class Correlator:
    """The state of all correlations: feed it matches, take what they mean together, close it at the end."""

    def __init__(self, rules: Sequence[CorrelationRule], horizon_ns: int = 0, limits: Limits | None = None) -> None:
        """`horizon_ns` is how much later than its successors a match may be fed: 0 where all come in time order.

        Nothing is told before the horizon has passed it. Raises OurFault if rules refer to
        each other in a circle, which loading refuses.
        """
        self._tally: Tally = Counter()
        self._horizon = horizon_ns
        self._newest = BEGINNING_OF_TIME
        self._passed = BEGINNING_OF_TIME
        self._numbers = count()
        ids = {rule.head.id for rule in rules}
        self._stages = [
            Stage(rule, limits or Limits(), self._tally, builds_on_correlations=not ids.isdisjoint(rule.rules))
            for rule in by_dependency(rules)
        ]
        self._listeners: dict[str, list[Stage]] = {}
        for stage in self._stages:
            for rule_id in set(stage.rule.rules):
                self._listeners.setdefault(rule_id, []).append(stage)
        for stage in self._stages:
            stage.is_heard = stage.rule.head.id in self._listeners
        self._inputs = {
            stage.rule.head.id: [one for one in self._stages if one.rule.head.id in stage.rule.rules]
            for stage in self._stages
        }

    def feed(self, matches: Iterable[Match], now: int | None = None) -> list[CorrelationMatch]:
        """Take in matches in any order; return the correlations that are over, by time.

        `now` (UTC ns), if given, keeps one device's clock that runs ahead from closing
        everybody's windows: later times wait until it has come.
        """
        self._take(matches)
        newest = self._newest if now is None else min(self._newest, now)
        return self._advance(newest - self._horizon)

    def refill(self, matches: Iterable[Match], upto: int | None) -> None:
        """Take in what was there before; what was over at `upto` (UTC ns; None: at the newest) was told then."""
        self._take(matches)
        self._advance(self._newest - self._horizon if upto is None else upto)

    @property
    def newest(self) -> int:
        """Return the time of the newest match so far (UTC ns)."""
        return self._newest

    @property
    def passed(self) -> int:
        """Return the time (UTC ns) before which nothing can be taken in any more."""
        return self._passed

    def is_heard(self, rule_id: str) -> bool:
        """Return whether any correlation refers to this rule."""
        return rule_id in self._listeners

    def places(self) -> set[tuple[str, int]]:
        """Return file and position of every event that is counted, or may be."""
        return {(file, position) for stage in self._stages for _, file, position in stage.places()}

    def pass_time(self, until: int) -> list[CorrelationMatch]:
        """Let event time go on to `until` (UTC ns) though nothing matched; return the correlations that are over."""
        return self._advance(until - self._horizon)

    def close(self) -> list[CorrelationMatch]:
        """Return everything that is left, as if nothing more will ever happen."""
        return self._advance(END_OF_TIME)

    def unseen(self) -> list[BlindSpot]:
        """Return what could not take part so far, with reasons and counts."""
        return [BlindSpot(kind, reason, count=number) for (kind, reason), number in sorted(self._tally.items())]

    def _take(self, matches: Iterable[Match]) -> None:
        for match in matches:
            listeners = self._listeners.get(match.rule.id)
            if listeners:
                self._hand(match, listeners)

    def _hand(self, match: Match, listeners: Sequence[Stage]) -> None:
        """Hand one match to the rules that refer to it."""
        if match.time is None:
            self._tally[Unseen.CLOCK, "correlations: event without a time that can be read"] += 1
            return
        self._newest = max(self._newest, match.time)
        waiting = (match.time, match.file, match.position, match.rule.id, next(self._numbers), match)
        for stage in listeners:
            stage.take(waiting)

    def _advance(self, until: int) -> list[CorrelationMatch]:
        """Let every rule process what happened before `until`, those that others build on first."""
        self._passed = until = max(self._passed, until)
        found: list[CorrelationMatch] = []
        for stage in self._stages:
            rule_id = stage.rule.head.id
            found += stage.advance(min([until, *(one.settled for one in self._inputs[rule_id])]))
            told, stage.told = stage.told, []
            for listener in self._listeners.get(rule_id, ()):
                for held in told:
                    listener.take((held.time, "", 0, rule_id, next(self._numbers), held))
        return sorted(found, key=lambda one: (one.start, one.end, one.rule.id, one.members))


def lasting(rules: Sequence[CorrelationRule]) -> frozenset[str]:
    """Return the rules whose matches must be remembered though no window holds them any more.

    Where a window ends and the next begins hangs on all that came before in its group; so may a sum, of which what is
    negative has gone. Taken up again without that, it could be told otherwise.
    """
    by_id = {rule.head.id: rule for rule in rules}
    todo = [rule for rule in rules if needs_whole_window(rule) or rule.type is CorrelationType.VALUE_SUM]
    found: set[str] = set()
    while todo:
        names = set(todo.pop().rules) - found
        found |= names
        todo += [by_id[name] for name in names if name in by_id]
    return frozenset(found)


def by_dependency(rules: Sequence[CorrelationRule]) -> list[CorrelationRule]:
    """Return the rules so that each comes after those it refers to."""
    by_id = {rule.head.id: rule for rule in rules}
    needs = {rule_id: [name for name in rule.rules if name in by_id] for rule_id, rule in by_id.items()}
    try:
        return [by_id[rule_id] for rule_id in TopologicalSorter(needs).static_order()]
    except CycleError as error:
        raise OurFault(f"correlations refer to each other in a circle: {' -> '.join(error.args[1])}") from error
