"""A scenario: what happens to the hospital beside ordinary life, step by step."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date

from carecordon.exercise.hospital import Hospital
from carecordon.exercise.life import Span
from carecordon.exercise.names import Kit, Names
from carecordon.exercise.stage import Mark


@dataclass(frozen=True, slots=True)
class Step:
    """One step of an attack as a person would tell it, and all techniques that its events may bear (ATT&CK)."""

    number: int
    name: str
    what: str
    techniques: tuple[str, ...]

    def mark(self, *techniques: str) -> Mark:
        """Return the truth of an event that shows these techniques, or all of the step's."""
        return Mark(self.number, self.name, techniques or self.techniques)


@dataclass(frozen=True, slots=True)
class Plot:
    """What a scenario is given to set itself up."""

    hospital: Hospital
    names: Names
    kit: Kit
    span: Span
    days: int


@dataclass(frozen=True, slots=True)
class Scenario:
    """One thing that may happen; `plot` puts its scripts on the stage."""

    name: str
    title: str
    start: date
    """Its usual first day."""
    steps: tuple[Step, ...]
    plot: Callable[[Plot], None]
    has_oddities: bool = False
