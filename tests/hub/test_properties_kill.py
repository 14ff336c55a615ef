"""Killed between any two steps, and made anew from disk, a hub comes to what it would have come to.

A step is a commit, a publish, an insert, an acknowledgement or a trim; all of one turn after another are tried, each
before it took effect. Where it took effect and nothing after it did is the same on disk as before the next.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

import pytest

from carecordon.hub.news.found import Found
from carecordon.hub.worker.detector import Detector
from carecordon.model.kept import IncidentQuery
from carecordon.register.register import Register
from tests.hub.property_kit import Blade, Hub, Killed, Memory, Outcome, founded, part, template
from tests.hub.property_moves import QUIET_S, SENT
from tests.hub.property_world import PARTITIONS, ROUND_S, SECOND, Event, detector_of, world
from tests.hub.test_desk import T0, desk, entry, match, register

__all__ = ["register"]
SEED = 16
"""A world in which each of the three correlations matches, and people are told of what each came to."""


@dataclass(frozen=True)
class Eve:
    """A hub in which something happened already, and more waits in its log; `whole` is what it comes to undisturbed."""

    folder: Path
    detector: Detector
    now: int
    whole: Outcome
    events: list[tuple[str, int, str]]
    before: Memory

    def hub(self, folder: Path, blade: Blade, *, hold_s: int, is_late: bool) -> Hub:
        shutil.copytree(self.folder, folder)
        memory = Memory(dict(self.before.kept), list(self.before.tokens))
        hold = hold_s * SECOND
        return Hub(folder, self.detector, telemetry=memory, hold_ns=hold, is_late=is_late, now=self.now, blade=blade)


@pytest.fixture(scope="module")
def eve(tmp_path_factory: pytest.TempPathFactory) -> Eve:
    place = tmp_path_factory.mktemp("kill")
    detector = detector_of(place / "rules")
    hub = Hub(founded(place / "eve", template(place / "template.db")), detector)
    told: dict[str, list[Event]] = {}
    for begin, fresh in world(SEED).rounds:
        hub.rest()
        hub.now = max(hub.now, begin + ROUND_S * SECOND)
        for sender in SENT:
            first, told[sender] = len(told.get(sender, ())), [*told.get(sender, ()), *fresh[sender]]
            for number in range(first, len(told[sender]), 3):
                hub.gate([part(told[sender], number, min(number + 3, len(told[sender])) - 1)])
    hub.close()
    memory = hub.telemetry
    assert isinstance(memory, Memory)
    nobody = Eve(place / "eve", detector, hub.now, Outcome([], [], [], []), [], memory)
    quiet = nobody.hub(place / "whole", Blade(), hold_s=0, is_late=False)
    goes_on(quiet, quiet.now + QUIET_S * SECOND)
    whole, events = quiet.outcome(), stored(quiet)
    quiet.close()
    assert len(whole.incidents) > 1
    assert len({chain.rule.id for one in whole.incidents for chain in one.chains}) > 1
    return Eve(place / "eve", detector, hub.now, whole, events, memory)


def stored(hub: Hub) -> list[tuple[str, int, str]]:
    assert isinstance(hub.telemetry, Memory)
    return hub.telemetry.events()


def goes_on(hub: Hub, until: int) -> None:
    """Let it work until all is done, and time go by until all windows are over, with a trim now and then."""
    for partition in range(PARTITIONS):
        hub.work(partition)
    hub.triage()
    hub.trim()
    hub.rest()
    hub.trim()
    hub.pass_time(until, 250)


@pytest.mark.parametrize(("hold_s", "is_late", "deaths"), [(0, False, 1), (2, True, 2)])
def test_a_kill_between_any_two_steps_changes_nothing(
    eve: Eve, tmp_path: Path, hold_s: int, is_late: bool, deaths: int
) -> None:
    seen: set[str] = set()
    at = 1 - deaths
    while True:
        at += deaths  # of those that die twice every second step is enough
        hub = eve.hub(tmp_path / f"{at}", Blade(at), hold_s=hold_s, is_late=is_late)
        died = 0
        for death in range(deaths + 1):
            try:
                goes_on(hub, hub.now + QUIET_S * SECOND)  # after a start, what is open waits anew
            except Killed as fault:
                died += 1
                seen.add(str(fault))
                hub.restart(Blade(1 + at % 7) if death + 1 < deaths else None)
            else:
                break
        assert stored(hub) == eve.events, at
        assert hub.outcome() == eve.whole, at
        hub.close()
        shutil.rmtree(hub.folder)
        if not died:
            break
    assert seen == {
        "SqlCheckpoints.set",
        "SqliteStream.publish",
        "Memory.insert",
        "SqliteStream.ack",
        "SqlCases.commit",
        "SqliteStream.trim",
        "trim",
    }
    assert at > 20, "it was all of a turn and more"


@pytest.mark.parametrize("waiting", [1, 3, 6])
def test_what_was_written_but_not_yet_told_is_told_after_a_start(register: Register, waiting: int) -> None:
    """Where no device logs the start of a process, nothing else wakes a triage that begins anew."""
    one = desk(register)
    for place in range(1, 8):
        known = match(place, device=f"pc-{place}", rule=f"r{place}")
        one.turn([entry(place, Found([known], [], T0))], T0 + place * 12 * SECOND)
    now = T0 + 84 * SECOND + 1
    for place in range(8, 8 + waiting):
        late = match(place, device=f"late-{place}", rule="late")
        one.turn([entry(place, Found([late], [], T0))], now + place)
    one = desk(register)
    one.turn([], now + 2 * SECOND)
    told = {device for row in register.cases.incidents(IncidentQuery()) for device in row.devices}
    assert {f"late-{place}" for place in range(8, 8 + waiting)} <= told
