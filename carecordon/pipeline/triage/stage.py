"""One correlation rule at work: matches in time order to its groups' windows, and what these tell."""

from __future__ import annotations

from bisect import bisect_left
from collections import OrderedDict
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass
from itertools import count

from carecordon.model.correlation import CorrelationRule, CorrelationType
from carecordon.model.event import Value
from carecordon.model.match import CorrelationMatch, Unseen
from carecordon.pipeline.triage.conditions import needs_whole_window, plain
from carecordon.pipeline.triage.gather import Gatherer, Held, Key, Occurrence, Payload, Place, Tally, identity_of
from carecordon.pipeline.triage.measures import measure_for, opener_of
from carecordon.pipeline.triage.windows import Burst, Group, Sliding, Whole, Window


@dataclass(frozen=True, slots=True)
class Limits:
    """How much one correlation rule may keep in memory; what goes beyond is dropped, oldest first, and told."""

    group_events: int = 100_000
    """Events of one group (more where the rule's own figure asks for more), and of one burst."""
    events: int = 400_000
    groups: int = 50_000
    waiting: int = 400_000
    """Matches that wait for earlier ones to arrive."""


BEGINNING_OF_TIME = -(2**80)
"""Before any time that an event can have (UTC ns)."""

Waiting = tuple[int, str, int, str, int, Payload]
"""Time, file, position, rule id, a running number (so that no two are equal), and what happened."""


class Stage:
    """Runs one rule. `settled` is the time before which it has told everything; `is_heard`: others build on it."""

    def __init__(self, rule: CorrelationRule, limits: Limits, tally: Tally, *, builds_on_correlations: bool) -> None:
        """`builds_on_correlations`: one of the rules is itself a correlation."""
        self.rule = rule
        self.told: list[Held] = []
        self.is_heard = False
        self.settled = BEGINNING_OF_TIME
        self._builds_on_correlations = builds_on_correlations
        self._gatherer = Gatherer(rule, tally, builds_on_correlations=builds_on_correlations)
        self._limits = limits
        self._cap = _cap(rule, limits)
        self._tally = tally
        self._is_whole = needs_whole_window(rule)
        self._is_ordered = rule.type is CorrelationType.TEMPORAL_ORDERED
        self._opener = opener_of(rule)
        self._waiting: list[Waiting] = []
        self._is_sorted = True
        self._done = BEGINNING_OF_TIME
        self._numbers = count(1)
        self._groups: OrderedDict[Key, Window] = OrderedDict()  # the next to be over first
        self._kept = 0
        self._found: list[CorrelationMatch] = []

    def take(self, waiting: Waiting) -> None:
        """Take in one match, or one moment of a correlation, to wait for its turn."""
        if waiting[0] < self._done:
            self._count(Unseen.CLOCK, "match came too late for its window", 1)
        else:
            self._waiting.append(waiting)
            self._is_sorted = False

    def advance(self, until: int) -> list[CorrelationMatch]:
        """Process what happened before `until` (nothing earlier will come); return what is found.

        What the rules built on this one need is added to `told`.
        """
        waiting = self._waiting
        if not self._is_sorted:
            waiting.sort()
            self._is_sorted = True
        if len(waiting) > self._limits.waiting:
            until = max(until, waiting[-self._limits.waiting - 1][0] + 1)
        ready = waiting[: bisect_left(waiting, (until,))]
        del waiting[: len(ready)]
        self._done = max(self._done, until)
        start = 0
        for end in range(1, len(ready) + 1):
            if end == len(ready) or ready[end][0] != ready[start][0]:
                self._moment(ready[start][0], ready[start:end])
                start = end
        self._close_due(self._done)
        self.settled = self._told_before()
        found, self._found = self._found, []
        return found

    def places(self) -> Iterator[Place]:
        """Yield where the events stand that wait, or are in a window."""
        lists = [each for window in self._groups.values() for each in window.places()]
        for *_, payload in self._waiting:
            if isinstance(payload, Held):
                lists.append(payload.places)
            else:
                yield payload.time or 0, payload.file, payload.position
        for each in {id(each): each for each in lists}.values():  # all moments of a burst have one list between them
            yield from each

    def _moment(self, time: int, waiting: Sequence[Waiting]) -> None:
        """Take in everything that happened at one time: events that are the same count once."""
        self._close_due(time)
        if len(waiting) == 1:
            gathered = self._gatherer.read(waiting[0][-1])
            if gathered is not None:
                key, group, event = gathered
                self._add(key, group, time, [event])
            return
        groups: dict[Key, tuple[tuple[Value, ...], dict[Hashable, Occurrence]]] = {}
        for *_, payload in waiting:
            gathered = self._gatherer.read(payload)
            if gathered is not None:
                key, group, event = gathered
                same = groups.setdefault(key, (group, {}))[1].setdefault(identity_of(payload), event)
                if same is not event:
                    same.absorb(event)
        for key, (group, events) in groups.items():
            self._add(key, group, time, self._in_order(list(events.values())))

    def _in_order(self, events: list[Occurrence]) -> list[Occurrence]:
        """Return events of one moment in the order of the rule's steps where that matters."""
        return sorted(events, key=lambda event: event.steps) if self._is_ordered else events

    def _add(self, key: Key, group: tuple[Value, ...], time: int, events: Sequence[Occurrence]) -> None:
        """Add events of one moment to their group's window."""
        window = self._groups.get(key)
        if window is None:
            if self._opener is not None and all(event.steps[0] > self._opener for event in events):
                return  # nothing has begun that they could go on with
            window = self._groups[key] = self._open(dict(zip(self.rule.group_by, group, strict=True)), time)
        due, kept = window.due, window.kept
        for burst in window.add(time, events):
            self._tell(window.group, burst)
        if window.due != due:
            self._groups.move_to_end(key)
        self._kept += window.kept - kept
        burst_now = window.held()
        if burst_now is not None:
            self._tell_held(window.group, burst_now, time)
        if self._kept > self._limits.events or len(self._groups) > self._limits.groups:
            self._make_room()

    def _open(self, group: Group, time: int) -> Window:
        """Return a new window whose first event is at `time`."""
        measure = measure_for(self.rule, builds_on_correlations=self._builds_on_correlations)
        if self._is_whole:
            return Whole(group, measure, self.rule.timespan_ns, self._cap, self._numbers, time)
        return Sliding(group, measure, self.rule.timespan_ns, self._cap, self._numbers)

    def _close_due(self, now: int) -> None:
        """Close the windows that no event from `now` on can join."""
        while self._groups:
            key, window = next(iter(self._groups.items()))
            if window.due >= now:
                return
            del self._groups[key]
            self._close(window)

    def _close(self, window: Window) -> None:
        """Tell what a window that is over has found."""
        self._kept -= window.kept
        if window.dropped:
            self._count(Unseen.RECORD, "more events in one window than are kept", window.dropped)
        burst = window.close()
        if burst is None:
            return
        found = self._tell(window.group, burst)
        if self._is_whole:
            self._tell_held(window.group, burst, found.end)

    def _make_room(self) -> None:
        """Give up the windows that have been quiet longest, telling what they found so far."""
        while self._kept > self._limits.events or len(self._groups) > self._limits.groups:
            _, window = self._groups.popitem(last=False)
            self._count(Unseen.RECORD, "too many groups at a time, events forgotten early", window.kept)
            if self._is_whole:
                self._kept -= window.kept  # judged before its time it could only mislead
            else:
                self._close(window)

    def _tell(self, group: Group, burst: Burst) -> CorrelationMatch:
        """Add a finished burst to what is found, unless the rule is silent; return it."""
        places = sorted(set(burst.places))
        members = tuple((file, position) for _, file, position in places)
        found = CorrelationMatch(self.rule.head, group, plain(burst.figure), places[0][0], places[-1][0], members)
        if not self.rule.silent:
            self._found.append(found)
        return found

    def _tell_held(self, group: Group, burst: Burst, time: int) -> None:
        """Add this moment of a burst to what other correlations may build on."""
        if not self.is_heard:
            return
        identity = (self.rule.head.id, burst.number)
        is_first = not burst.is_told
        burst.is_told = True
        self.told.append(Held(self.rule.head.id, time, group, identity, is_first, burst.places, len(burst.places)))

    def _told_before(self) -> int:
        """Return the time before which nothing more will be told: an open whole window is told at its last event."""
        if not self._is_whole or not self._groups:
            return self._done
        first_open = next(iter(self._groups.values()))
        return min(self._done, first_open.due - self.rule.timespan_ns)

    def _count(self, kind: Unseen, what: str, number: int) -> None:
        """Note that events could not take part."""
        self._tally[kind, f"correlation '{self.rule.head.title}': {what}"] += number


def _cap(rule: CorrelationRule, limits: Limits) -> int:
    """Return how many events of a group to keep: enough to reach the rule's own figure, if memory allows."""
    asked = 0
    if rule.type in {CorrelationType.EVENT_COUNT, CorrelationType.VALUE_COUNT}:
        asked = max((int(limit) + 2 for _, limit in rule.bounds), default=0)
    return min(max(limits.group_events, asked), limits.events)
