"""Events that wait too long are told once, as long as they do."""

from __future__ import annotations

from carecordon.hub.news.complaints import Complaints
from carecordon.hub.worker.lag import Lag
from carecordon.register.register import Register
from tests.hub.test_desk import SECOND, T0, register

__all__ = ["register"]


def lag(register: Register, now: int = T0) -> Lag:
    return Lag(Complaints(register.cases, lambda: now), 60.0)


def told(register: Register) -> list[tuple[str, int]]:
    return [(one.kind, one.since) for one in register.cases.troubles()]


def test_what_waits_is_told_while_it_does(register: Register) -> None:
    looked = lag(register)
    for lag_s, lasts in ((61, 0), (61, 1), (500, 1), (45, 1), (31, 1), (61, 1), (29, 0), (45, 0), (0, 0)):
        looked.look(lag_s)
        assert len(told(register)) == lasts, lag_s
    (trouble,) = register.cases.troubles(is_over=True)
    assert trouble.text.startswith("events wait for more than 60 s")


def test_one_look_alone_tells_nothing(register: Register) -> None:
    looked = lag(register)
    for lag_s in (3_600, 0, 3_600, 45, 3_600, -3_600, 0):
        looked.look(lag_s)
        assert told(register) == []


def test_a_clock_that_was_set_back_ends_nothing(register: Register) -> None:
    looked = lag(register)
    for lag_s in (61, 61, -3_600):
        looked.look(lag_s)
    assert told(register) == [("lag", T0)]


def test_several_workers_tell_of_it_as_one(register: Register) -> None:
    one, other = lag(register), lag(register, T0 + SECOND)
    for looked in (one, other, one, other):
        looked.look(90)
    assert told(register) == [("lag", T0)]
    later = lag(register, T0 + 9 * SECOND)
    for lag_s in (45, 90, 90):
        later.look(lag_s)
    assert told(register) == [("lag", T0)], "a worker that begins meanwhile neither ends it nor begins it anew"
    later.look(0)
    assert told(register) == []
