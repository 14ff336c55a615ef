"""What is wrong is told while it lasts, and over when it is over, whoever began it."""

from __future__ import annotations

from dataclasses import replace

from carecordon.hub.news.complaints import Complaints
from carecordon.hub.triage.blindness import LOOK_NS, Blindness
from carecordon.hub.triage.passing import LOOK_NS as PASSING_NS
from carecordon.hub.triage.passing import OVER_NS, Passing
from carecordon.model.kept import Trouble
from carecordon.model.match import BlindSpot, Unseen
from carecordon.register.register import Register
from tests.hub.test_desk import SECOND, T0, register

__all__ = ["register"]


def test_what_a_former_process_complained_of_ends(register: Register) -> None:
    Complaints(register.cases, lambda: T0).set("store/worker-0", "store", "away")
    assert Complaints(register.cases, lambda: T0 + SECOND).set("store/worker-0", "store", None)
    assert register.cases.troubles() == []


def test_what_lasts_over_a_restart_is_no_news(register: Register) -> None:
    Complaints(register.cases, lambda: T0).set("store/worker-0", "store", "away")
    later = Complaints(register.cases, lambda: T0 + SECOND)
    assert not later.set("store/worker-0", "store", "away")
    assert later.set("store/worker-0", "store", "still away")
    assert [(one.text, one.since) for one in register.cases.troubles()] == [("still away", T0)]
    assert not later.set("else", "store", None)


def test_what_does_not_come_again_for_a_day_is_over(register: Register) -> None:
    poison = Trouble("poison/1", "poison", None, "a batch was set aside", T0)
    often = Trouble("name/1", "name", None, "it speaks for others", T0)
    lag = Trouble("lag", "lag", None, "behind", T0)
    register.cases.trouble([poison, often, lag])
    passing = Passing(register.cases)
    passing.look(T0, {})
    passing.look(T0 + OVER_NS - PASSING_NS, {})
    assert len(register.cases.troubles()) == 3
    passing.look(T0 + OVER_NS, {"name/1": T0 + SECOND})
    assert sorted(one.kind for one in register.cases.troubles()) == ["lag", "name"]
    register.cases.trouble([replace(often, text="it speaks for more")])
    passing.look(T0 + OVER_NS + PASSING_NS, {})
    assert len(register.cases.troubles()) == 2, "another process told it again"
    passing.look(T0 + 3 * OVER_NS, {})
    assert [one.kind for one in register.cases.troubles()] == ["lag"]


def test_what_triage_cannot_see_is_told_when_it_grows() -> None:
    blindness = Blindness()
    spot = BlindSpot(Unseen.CLOCK, "match came too late for its window", count=2)
    (told,) = blindness.news([spot], T0).values()
    assert (told.kind, told.count, told.since) == ("blind", 2, T0)
    assert blindness.news([replace(spot, count=3)], T0 + SECOND) == {}, "once a minute"
    (more,) = blindness.news([replace(spot, count=3)], T0 + LOOK_NS).values()
    assert (more.key, more.count, more.since) == (told.key, 3, T0)
    (over,) = blindness.news([replace(spot, count=3)], T0 + 2 * OVER_NS).values()
    assert over.until == T0 + 2 * OVER_NS


def test_what_a_former_process_could_not_see_ends(register: Register) -> None:
    spot = BlindSpot(Unseen.CLOCK, "match came too late for its window", count=2)
    register.cases.trouble(list(Blindness().news([spot], T0).values()))
    anew = Blindness()
    anew.resume(register.cases.troubles(), T0 + SECOND)
    (over,) = anew.news([], T0 + SECOND + OVER_NS).values()
    assert (over.until, over.count) == (T0 + SECOND + OVER_NS, 2)
