"""The outbox: told once for ever, marked before and after, repeated at most once after a crash."""

from __future__ import annotations

from dataclasses import replace

from carecordon.model.kept import Commit, Trouble
from carecordon.model.notice import LONGEST_WAIT_NS, NewNotice, NoticeState
from carecordon.register.register import Register
from tests.register.example import HOUR, NOW, alert, incident, notice


def put(register: Register, *notices: object) -> None:
    told = [incident("i1", [alert(10)])]
    register.cases.commit(Commit(NOW, 0, 1, incidents=told, notices=notices))  # type: ignore[arg-type]  # made by `notice`


def test_a_notice_goes_out_and_is_done(register: Register) -> None:
    put(register, notice("i1"))
    assert register.outbox.due(NOW - 1, 10) == []
    (due,) = register.outbox.due(NOW, 10)
    assert (due.incident, due.tries, due.is_repeat) == (1, 0, False)
    register.outbox.begun([due.number], NOW, "digest 1")
    assert register.outbox.due(NOW, 10) == []
    register.outbox.done([due.number], NOW + 1)
    (done,) = register.outbox.all()
    assert (done.state, done.tries, done.sent, done.digest) == (NoticeState.DONE, 1, NOW + 1, "digest 1")
    assert register.outbox.went("mail", NOW + 1) == [done]
    assert register.outbox.went("mail", NOW + 2) == register.outbox.went("hook", NOW) == []


def test_the_same_is_not_told_twice(register: Register) -> None:
    put(register, notice("i1"), notice("i1"), notice("i1", channel="hook"), notice(None), notice(None))
    assert len(register.outbox.due(NOW, 10)) == 3


def test_what_failed_comes_again_or_is_given_up(register: Register) -> None:
    put(register, notice("i1"))
    (due,) = register.outbox.due(NOW, 10)
    register.outbox.begun([due.number], NOW)
    register.outbox.failed([due.number], "no answer", NOW + 60)
    assert register.outbox.due(NOW + 59, 10) == []
    (again,) = register.outbox.due(NOW + 60, 10)
    assert (again.why, again.is_repeat) == ("no answer", False)
    register.outbox.begun([due.number], NOW + 60)
    register.outbox.failed([due.number], "refused", None)
    assert register.outbox.count() == {"failed": 1}
    assert register.outbox.all()[0].tries == 2


def test_what_was_given_up_is_sent_again_when_a_person_says_so(register: Register) -> None:
    put(register, notice("i1"), notice("i1", channel="hook"), notice("i1", channel="pager"))
    first, second, third = (one.number for one in register.outbox.due(NOW, 10))
    register.outbox.begun([first, second], NOW)
    register.outbox.failed([first, second], "gone", None)
    later = NOW + 10 * HOUR
    assert register.outbox.again([first, third], "ada", later) == 1, "the third waits already"
    (again,) = register.outbox.get([first])
    assert (again.state, again.tries, again.made, again.is_repeat) == (NoticeState.WAITING, 0, later, True)
    assert [one.number for one in register.outbox.all(state=NoticeState.FAILED)] == [second]
    assert register.outbox.again(None, "ada", later) == 1
    assert register.outbox.again(None, "ada", later) == 0
    assert register.outbox.count() == {"waiting": 3}
    acts = [(one.act.who, one.act.verb, one.act.subject, one.act.detail) for one in register.audit.entries()[:3]]
    assert acts[2] == ("ada", "send-again", f"notices {first} {third}", "1")
    assert [act[2:] for act in acts[:2]] == [("all failed notices", "0"), ("all failed notices", "1")]


def test_notices_are_listed_page_by_page(register: Register) -> None:
    put(register, *(notice("i1", channel=f"c{number}") for number in range(5)))
    numbers = [one.number for one in register.outbox.all()]
    assert [one.number for one in register.outbox.all(2, before=numbers[1])] == numbers[2:4]


def test_after_a_crash_only_what_was_on_its_way_is_repeated(register: Register) -> None:
    put(register, notice("i1"), notice("i1", "critical"), notice(None, "silent"))
    going, waiting, sent = register.outbox.due(NOW, 10)
    register.outbox.begun([going.number, sent.number], NOW)
    register.outbox.done([sent.number], NOW)
    assert register.outbox.resume(NOW + 1) == 1
    assert register.outbox.resume(NOW + 1) == 0
    due = register.outbox.due(NOW + 1, 10)
    assert [(one.number, one.is_repeat) for one in due] == [(going.number, True), (waiting.number, False)]


def test_what_is_not_on_its_way_cannot_be_done(register: Register) -> None:
    put(register, notice("i1"))
    register.outbox.done([1], NOW)
    register.outbox.failed([1], "why", None)
    assert register.outbox.count() == {"waiting": 1}


def test_what_waits_for_one_receiver_does_not_hide_what_waits_for_another(register: Register) -> None:
    put(register, *(notice(None, f"old {number}", "down") for number in range(5)), notice(None, "new", "mail"))
    due = register.outbox.due(NOW, 3)
    assert [(one.channel, one.key) for one in due] == [*(("down", f"old {n}") for n in range(3)), ("mail", "new")]
    assert [one.key for one in register.outbox.due(NOW, 3, {"down", "nobody"})] == ["new"]


def test_a_time_that_a_wrong_clock_gave_keeps_nothing_waiting(register: Register) -> None:
    ahead = replace(notice(None), due=NOW + 10 * 365 * 86_400 * 10**9)
    put(register, ahead, replace(notice(None, "soon"), due=NOW + LONGEST_WAIT_NS))
    (due,) = register.outbox.due(NOW, 10)
    assert due.key == ahead.key
    register.outbox.begun([due.number], NOW)
    register.outbox.failed([due.number], "no answer", ahead.due)
    assert len(register.outbox.due(NOW, 10)) == 1, "nor does a try that was put off then"


def test_what_was_delivered_is_asked_for_between_two_times(register: Register) -> None:
    put(register, notice(None, "a"), notice(None, "b"))
    register.outbox.begun([1, 2], NOW)
    register.outbox.done([1], NOW)
    register.outbox.done([2], NOW + 9)
    assert [one.number for one in register.outbox.went("mail", NOW, NOW + 8)] == [1]


def test_a_trouble_and_what_is_told_of_it_are_written_together_and_told_once(register: Register) -> None:
    trouble = Trouble("store/w", "store", None, "it does not answer", NOW)
    told = NewNotice("mail", "trouble/store/1", None, "high", "s", b"{}", NOW + 1)
    for _ in range(2):
        register.cases.trouble([trouble], [told])
    (row,) = register.outbox.due(NOW + 1, 10)
    assert (row.key, row.incident, row.made) == (told.key, None, NOW + 1)
    assert register.cases.troubles() == [trouble]


def test_troubles_of_many_are_found_among_those_of_one(register: Register) -> None:
    lone = [Trouble(f"silent/{n}", "silent", f"d{n}", "quiet", NOW + n) for n in range(5)]
    crowd = Trouble("silent/all", "silent", None, "many", NOW - 1, None, 40)
    other = Trouble("store/w", "store", None, "down", NOW - 2)
    register.cases.trouble([*lone, crowd, other])
    assert register.cases.troubles(limit=2, without_lone=("silent",)) == [crowd, other]
    assert len(register.cases.troubles()) == 7
