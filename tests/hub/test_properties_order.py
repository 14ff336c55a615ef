"""Whatever order batches come in, however often and however cut, and whoever dies on the way: the same incidents.

Left out of *the same*, for they say when the hub learnt something, not what happened:

- an incident's number, version, when it was known and changed, and the ids that it had before: two that turn out to
  be one were two for as long as what ties them was on its way;
- notices of levels that it had on the way: held is that it is told how bad it is in the end, and nothing twice;
- the words, not the points, of how rare its rules are: it is not written anew with each device that matched;
- the ranges under which events are stored.

All of it holds where what a device saw reaches triage within the 60 s that correlations wait, and each event bears a
time that its hub believes. Beyond, correlations take what came too late device by device (`test_desk_correlations.py`),
and the alerts of single rules stay the same up to a day, which the last property here holds.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from carecordon.hub.worker.detector import Detector
from tests.hub.property_kit import Hub, Memory, Outcome, founded, part, template
from tests.hub.property_moves import SENT, Move, moves, run, run_plainly
from tests.hub.property_world import ROUND_S, SECOND, detector_of, world

PHASES = (Phase.explicit, Phase.generate)
"""What fails is not made smaller: that would take minutes."""
SEEDS = (5, 9, 16, 17)
"""Worlds that correlations, incidents of several devices and of one, and devices without process starts are in."""


class Bench:
    """Rules and a register that are ready, and what each world comes to in its plain order."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.detector: Detector = detector_of(folder / "rules")
        self.register = template(folder / "template.db")
        self._plain: dict[int, tuple[Outcome, list[tuple[str, int, str]]]] = {}
        self._hubs = 0

    def hub(self, *, hold_s: int = 0, is_late: bool = False) -> Hub:
        self._hubs += 1
        place = founded(self.folder / f"hub-{self._hubs}", self.register)
        return Hub(place, self.detector, hold_ns=hold_s * SECOND, is_late=is_late)

    def plain(self, seed: int) -> tuple[Outcome, list[tuple[str, int, str]]]:
        if seed not in self._plain:
            hub = self.hub()
            run_plainly(hub, world(seed))
            self._plain[seed] = (hub.outcome(), stored(hub))
            hub.close()
        return self._plain[seed]


def stored(hub: Hub) -> list[tuple[str, int, str]]:
    assert isinstance(hub.telemetry, Memory)
    return hub.telemetry.events()


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    return Bench(tmp_path_factory.mktemp("order"))


def test_the_worlds_are_worth_it(bench: Bench) -> None:
    outcomes = [bench.plain(seed)[0] for seed in SEEDS]
    incidents = [one for outcome in outcomes for one in outcome.incidents]
    assert any(len(one.devices) > 1 for one in incidents)
    assert any(len(outcome.incidents) > 2 for outcome in outcomes)
    assert {chain.rule.title for one in incidents for chain in one.chains} == {
        "Rule many",
        "Rule break-in",
        "Rule wide",
        "Rule malign",
        "Rule and-then",
        "Rule pair",
    }


@settings(
    max_examples=8, phases=PHASES, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(
    st.sampled_from(SEEDS),
    moves(24),
    moves(24),
    st.sampled_from([0, 2]),
    st.booleans(),
    st.sampled_from([0, 10, 25]),
    st.sampled_from([None, 0, 100]),
)
def test_any_order_and_any_restart_give_the_same(
    bench: Bench,
    seed: int,
    first: list[Move],
    second: list[Move],
    hold_s: int,
    is_late: bool,
    early_s: int,
    anew_s: int | None,
) -> None:
    expected, events = bench.plain(seed)
    hub = bench.hub(hold_s=hold_s, is_late=is_late)
    try:
        run(hub, world(seed), [first, second], early_s, anew_s)
        assert stored(hub) == events
        assert hub.outcome() == expected
    finally:
        hub.close()


@settings(
    max_examples=4, phases=PHASES, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(st.permutations(SENT), st.integers(1, 5), st.lists(st.booleans(), min_size=30, max_size=30))
def test_what_comes_hours_late_changes_no_incident_but_its_correlations(
    bench: Bench, order: list[str], size: int, restarts: list[bool]
) -> None:
    """Each device was away and tells all of both rounds at once, an hour after the one before it."""
    seed = SEEDS[size % len(SEEDS)]
    rounds = world(seed).rounds
    hub = bench.hub()
    try:
        hub.now = rounds[-1][0] + ROUND_S * SECOND
        for sender, is_restart in zip(order, restarts, strict=False):
            events = [one for _, fresh in rounds for one in fresh[sender]]
            for first in range(0, len(events), size):
                hub.gate([part(events, first, min(first + size, len(events)) - 1)])
                hub.rest()
            if is_restart:
                hub.restart()
            hub.pass_time(hub.now + 3_600 * SECOND, 1_200)
        expected, stored_plainly = bench.plain(seed)
        assert stored(hub) == stored_plainly
        assert plain_alerts(hub.outcome()) == plain_alerts(expected)
    finally:
        hub.close()


def plain_alerts(outcome: Outcome) -> list[tuple[str, str, str, int, int, int]]:
    """Return each alert of a single rule: rule, device, process, first, last, count."""
    return sorted(
        (one.rule.id, one.device, one.process or "", one.first, one.last, one.count)
        for incident in outcome.incidents
        for one in incident.alerts
    )
