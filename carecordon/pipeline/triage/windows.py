"""The window of one group: sliding with the events, or whole from its first event on."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Protocol

from carecordon.model.event import Value
from carecordon.pipeline.triage.conditions import Figure
from carecordon.pipeline.triage.gather import Occurrence, Place
from carecordon.pipeline.triage.measures import Measure

Group = dict[str, Value]

NEAR_END = 64


@dataclass(slots=True)
class Burst:
    """One finding in the making: windows for which the condition holds and that share events.

    `figure` the greatest so far; `upto` the number after the last event taken in; `places`
    only ever grows at its end, since others hold on to its beginning.
    """

    number: int
    upto: int
    figure: Figure = -math.inf
    is_told: bool = False
    places: list[Place] = field(default_factory=list)
    _taken: dict[tuple[str, int], int] = field(default_factory=dict)

    def take(self, event: Occurrence) -> None:
        """Add the places of an event, or those of a correlation's burst that are not here yet."""
        if event.burst is None:
            self.places.extend(event.places)
            return
        done = self._taken.get(event.burst, 0)
        if event.shown > done:
            self.places.extend(event.places[done : event.shown])
            self._taken[event.burst] = event.shown


class Window(Protocol):
    """The state of one group of one rule."""

    group: Group
    """As its first event spells it."""
    due: int
    """Event time after which no event can join: the window is over."""
    kept: int
    """Events held in memory."""
    dropped: int
    """Events that found no room."""

    def add(self, time: int, events: Sequence[Occurrence]) -> list[Burst]:
        """Take in all events of one moment; return the bursts that are over."""

    def held(self) -> Burst | None:
        """Return the burst whose condition holds at the moment of the last `add`."""

    def close(self) -> Burst | None:
        """Return what is left to tell when the window is over."""

    def places(self) -> Iterator[list[Place]]:
        """Yield where its events stand, and those of the burst under way; some may have one list between them."""


class Sliding:
    """For conditions that hold once reached: every moment ends a window of the timespan before it."""

    __slots__ = (
        "_burst",
        "_cap",
        "_entries",
        "_first",
        "_held",
        "_measure",
        "_numbers",
        "_span",
        "dropped",
        "due",
        "group",
        "kept",
    )

    def __init__(self, group: Group, measure: Measure, span: int, cap: int, numbers: Iterator[int]) -> None:
        """`cap` events at most are kept, and told in one burst; `numbers` names the bursts."""
        self.group = group
        self.due = 0
        self.kept = 0
        self.dropped = 0
        self._measure = measure
        self._span = span
        self._cap = cap
        self._numbers = numbers
        self._entries: deque[Occurrence] = deque()
        self._first = 0
        self._burst: Burst | None = None
        self._held = False

    def add(self, time: int, events: Sequence[Occurrence]) -> list[Burst]:
        """Slide to `time`, take in its events, and see whether the condition holds."""
        since = time - self._span
        self._let_go(since)
        finished = self._part()
        entries = self._entries
        for event in events:
            self._measure.enter(event, self._first + len(entries))
            entries.append(event)
        while len(entries) > self._cap:
            self._drop_oldest()
            self.dropped += 1
        self.due = time + self._span
        self.kept = len(entries)
        verdict = self._measure.verdict(since, self._first)
        self._held = verdict is not None
        if verdict is not None:
            finished += self._follow(*verdict)
        return finished

    def held(self) -> Burst | None:
        """Return the burst whose condition holds now."""
        return self._burst if self._held else None

    def close(self) -> Burst | None:
        """Return the burst under way."""
        burst, self._burst = self._burst, None
        return burst if burst is not None and burst.places else None

    def places(self) -> Iterator[list[Place]]:
        """Yield where its events stand, and those of the burst under way."""
        yield from (event.places for event in self._entries)
        if self._burst is not None:
            yield self._burst.places

    def _let_go(self, since: int) -> None:
        """Drop the events before `since`."""
        entries = self._entries
        while entries and entries[0].time < since:
            self._drop_oldest()

    def _drop_oldest(self) -> None:
        """Drop the oldest event."""
        self._measure.leave(self._entries.popleft())
        self._first += 1

    def _part(self) -> list[Burst]:
        """Return the burst under way if no window can share its events any more, or if it is full."""
        burst = self._burst
        if burst is None:
            return []
        if self._first >= burst.upto:
            self._burst = None
        elif len(burst.places) >= self._cap:
            self._burst = self._begin(burst.upto)
        else:
            return []
        return [burst] if burst.places else []

    def _begin(self, upto: int) -> Burst:
        """Return a new burst that takes in events from number `upto` on."""
        return Burst(next(self._numbers), upto)

    def _follow(self, figure: Figure, first: int) -> list[Burst]:
        """Add the events from number `first` on to the burst; return the burst before if they share none."""
        finished = []
        burst = self._burst
        if burst is not None and first >= burst.upto:
            finished = [burst] if burst.places else []
            burst = None
        if burst is None:
            burst = self._burst = self._begin(first)
        for event in self._since(burst.upto):
            burst.take(event)
        burst.upto = self._first + len(self._entries)
        burst.figure = max(burst.figure, figure)
        return finished

    def _since(self, number: int) -> Iterator[Occurrence]:
        """Return the events from `number` on: near the end of a long deque it is cheaper to count from there."""
        entries = self._entries
        skipped = max(number - self._first, 0)
        fresh = len(entries) - skipped
        if fresh <= NEAR_END:
            return (entries[back] for back in range(-fresh, 0))
        return islice(entries, skipped, None)


class Whole:
    """For conditions that more events could undo: a window opens with an event and is judged when it is over."""

    __slots__ = ("_cap", "_entries", "_measure", "_numbers", "dropped", "due", "group", "kept")

    def __init__(
        self, group: Group, measure: Measure, span: int, cap: int, numbers: Iterator[int], opened: int
    ) -> None:
        """`opened` is the time of the first event."""
        self.group = group
        self.due = opened + span
        self.kept = 0
        self.dropped = 0
        self._measure = measure
        self._cap = cap
        self._numbers = numbers
        self._entries: list[Occurrence] = []

    def add(self, time: int, events: Sequence[Occurrence]) -> list[Burst]:
        """Take in the events of one moment, none of them after `due`."""
        for event in events:
            if len(self._entries) >= self._cap:
                self.dropped += 1
                continue
            self._measure.enter(event, len(self._entries))
            self._entries.append(event)
        self.kept = len(self._entries)
        return []

    def held(self) -> Burst | None:
        """Return None: nothing is known before the window is over."""
        return None

    def close(self) -> Burst | None:
        """Return all events of the window if the condition holds for them."""
        verdict = self._measure.verdict(self._entries[0].time, 0)
        if verdict is None:
            return None
        burst = Burst(next(self._numbers), len(self._entries), verdict[0])
        for event in self._entries:
            burst.take(event)
        return burst

    def places(self) -> Iterator[list[Place]]:
        """Yield where its events stand."""
        return (event.places for event in self._entries)
