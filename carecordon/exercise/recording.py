"""A recording: a scenario of a seed over some days, played to its end as lines in time order."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta

from carecordon.exercise.habits import all_habits
from carecordon.exercise.hospital import Hospital
from carecordon.exercise.life import Span, live
from carecordon.exercise.names import invented, kit, known
from carecordon.exercise.oddities import all_oddities
from carecordon.exercise.scenario import Plot, Scenario
from carecordon.exercise.stage import Line, Stage
from carecordon.exercise.world import World, make_world


@dataclass(frozen=True, slots=True)
class Recording:
    """What is asked for: the same recording gives the same lines."""

    scenario: Scenario
    seed: int
    days: int = 1
    start: date | None = None
    """The first day; None for the scenario's own."""
    span: Span = field(default_factory=Span)
    has_random_names: bool = False

    def world(self) -> World:
        """Return the hospital that it takes place in."""
        return make_world(self.seed)

    def lines(self) -> Iterator[Line]:
        """Yield every event in time order with its truth; holds one day of plans and no event."""
        first = self.start or self.scenario.start
        midnight = datetime.combine(first, time())
        last = midnight + timedelta(days=self.days - 1, hours=self.span.last)
        stage = Stage(midnight, last)
        hospital = Hospital(self.world(), stage, str(self.seed))
        habits = all_habits() + (all_oddities() if self.scenario.has_oddities else ())
        live(hospital, habits, self.days, first.weekday(), self.span)
        names = (invented if self.has_random_names else known)(hospital.rng("names"))
        tools = kit(hospital.rng("kit"), drawn=self.has_random_names)
        self.scenario.plot(Plot(hospital, names, tools, self.span, self.days))
        return stage.play()
