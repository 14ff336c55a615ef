"""The events that belong to incidents, found by reading the same input once more.

What belongs to an incident is a question over places, names and time, which is known only
after everything has been read once. Reading is cheaper than matching, and where nothing was
found nothing is read again.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace

from carecordon.model.batch import Rows
from carecordon.model.block import Bad
from carecordon.model.event import Value
from carecordon.model.incident import EventSeen, Incident
from carecordon.pipeline import journey
from carecordon.pipeline.ingest.feeds import feed_named
from carecordon.scan.hand import Task
from carecordon.scan.question import Question
from carecordon.scan.worker import Setup, wanted

EVENTS_KEPT = 20_000
"""Events of one incident: those that matched before those that stand around them."""


class Collector:
    """Answers tasks with the events asked for; a worker of the fan."""

    def __init__(self, setup: Setup, asked: Question) -> None:
        """Read as `setup` says, keep what is `asked` for."""
        self._setup = setup
        self._asked = asked
        self._read = journey.reading_only(setup.bound)

    def __call__(self, task: Task | None) -> Collected | list[Collected]:
        """Return what of a block is asked for."""
        return [] if task is None else self.answer(task)

    def answer(self, task: Task) -> Collected:
        """Return the events of a block that are asked for, each with its incidents."""
        collected = Collected(task.source)
        before = self._asked.before[task.source][task.number]
        places = self._asked.places.get(task.source, {})
        for rows in journey.read_step(self._read, feed_named(task.block.feed), task.block):
            if not isinstance(rows, Bad):
                self._collect(wanted(rows, self._setup), before, places, collected)
        return collected

    def _collect(self, rows: Rows, before: int, places: Mapping[int, Sequence[int]], collected: Collected) -> None:
        for row, (kind, named) in enumerate(zip(rows.kinds, rows.fields, strict=True)):
            matched = places.get(before + rows.positions[row], ())
            if not matched and not self._asked.is_likely(named, kind):
                continue
            _, device, time, record_id, position = rows.header(row)
            position += before
            if time is None:
                continue
            fields = rows.complete(row)
            told = self._asked.about(device or "", time, kind, fields)
            told |= {number: told.get(number) for number in matched}
            if told:
                event = EventSeen(
                    "", position, record_id, time, device, kind.channel, kind.event_id, None, dict(fields)
                )
                collected.events.append((event, told, frozenset(matched)))


@dataclass(slots=True)
class Collected:
    """What one block gave: events, the incidents that each belongs to with its process, those that it matched in."""

    source: int
    events: list[tuple[EventSeen, dict[int, str | None], frozenset[int]]] = field(default_factory=list)


class Evidence:
    """The events of incidents, put together from all blocks; bounded: those far from the matches go first."""

    def __init__(self, incidents: Sequence[Incident]) -> None:
        """Begin with none."""
        self._incidents = incidents
        self._held: list[dict[tuple[object, ...], tuple[bool, EventSeen]]] = [{} for _ in incidents]
        self.left_out = [0] * len(incidents)

    def take(self, collected: Collected, name: str) -> None:
        """Take in what a block of the input `name` gave."""
        for event, told, matched in collected.events:
            for number, process in told.items():
                self._keep(number, replace(event, file=name, process=process), is_match=number in matched)

    def drop(self, names: Collection[str]) -> None:
        """Let go of what came from these inputs: what they said the second time is not what they said the first."""
        for held in self._held:
            for key in [key for key, (_, event) in held.items() if event.file in names]:
                del held[key]

    def events(self, number: int) -> list[EventSeen]:
        """Return the events of an incident in time order, each once however many files it stands in."""
        self._thin(number)
        return sorted((event for _, event in self._held[number].values()), key=_order)

    def _keep(self, number: int, event: EventSeen, *, is_match: bool) -> None:
        held = self._held[number]
        what = hash(repr(sorted(event.fields.items(), key=_name))) if event.record_id is None else 0
        key = (event.time, event.device, event.channel, event.event_id, event.record_id, what)
        known = held.get(key)
        if known is None or (not is_match, _order(event)) < (not known[0], _order(known[1])):
            held[key] = (is_match, event)
        if len(held) > 2 * EVENTS_KEPT:
            self._thin(number)

    def _thin(self, number: int) -> None:
        held = self._held[number]
        if len(held) <= EVENTS_KEPT:
            return
        incident = self._incidents[number]

        def distance(entry: tuple[bool, EventSeen]) -> tuple[bool, int, tuple[int, str, int]]:
            is_match, event = entry
            return not is_match, max(incident.first - event.time, event.time - incident.last, 0), _order(event)

        ordered = sorted(held.items(), key=lambda item: distance(item[1]))
        self.left_out[number] += len(ordered) - EVENTS_KEPT
        self._held[number] = dict(ordered[:EVENTS_KEPT])


def _name(item: tuple[str, Value]) -> str:
    return item[0]


def _order(event: EventSeen) -> tuple[int, str, int]:
    return event.time, event.file, event.position
