"""A storm becomes a digest, and nothing is lost in it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from carecordon.model.notice import NoticeRow
from carecordon.notify.digest import LISTED, MINUTE_NS, Plan, digest_of, plan
from carecordon.notify.notice import Notice
from tests.notify.telling import NOON, notice, row


def many(count: int, level: str = "high") -> list[Notice]:
    return [notice(f"incident/{level}{number:04}/{level}/1", level, NOON + number) for number in range(count)]


def rows(count: int, level: str = "high", first: int = 0, **changes: Any) -> list[NoticeRow]:
    return [row(number, level, **changes) for number in range(first, first + count)]


def sent(singly: int, in_digest: int, at: int) -> list[NoticeRow]:
    return [*rows(singly, sent=at), *rows(in_digest, digest="digest/1", sent=at)]


def test_a_few_go_one_by_one() -> None:
    due = rows(10)
    assert plan(due, [], 10, NOON) == Plan(tuple(due))


def test_of_more_the_worst_go_and_the_others_are_one_digest() -> None:
    made = plan([*rows(11), *rows(2, "critical", 11)], [], 10, NOON)
    assert [one.level for one in made.single] == ["critical", "critical", *["high"] * 8]
    assert [len(digest) for digest in made.digests] == [3]


def test_within_a_minute_of_a_digest_the_rest_waits_for_the_next() -> None:
    assert plan(rows(3), sent(10, 4, NOON), 10, NOON + MINUTE_NS // 2) == Plan(wait_until=NOON + MINUTE_NS)
    made = plan(rows(3), sent(10, 4, NOON), 2, NOON + MINUTE_NS)
    assert (len(made.single), [len(digest) for digest in made.digests]) == (2, [1])


def test_what_was_in_a_digest_goes_again_in_the_same_one() -> None:
    known = rows(3, digest="digest/7", is_repeat=True)
    made = plan([*known, *rows(12, first=3)], [], 10, NOON)
    assert made.digests == (tuple(known),)
    assert len(made.single) == 10
    assert made.wait_until == NOON + MINUTE_NS


def test_what_was_sent_while_the_clock_was_ahead_holds_nothing_back() -> None:
    ahead = sent(10, 4, NOON + 10**9 * MINUTE_NS)
    assert plan(rows(13), ahead, 10, NOON) == plan(rows(13), [], 10, NOON)


@given(st.lists(st.integers(0, 5), max_size=40), st.integers(0, 5))
def test_a_minute_never_holds_more_than_allowed_and_each_notice_goes_once(arrivals: list[int], most: int) -> None:
    now, number = NOON, 0
    went, waiting = list[NoticeRow](), list[NoticeRow]()
    for arrived in [*arrivals, *[0] * 200]:
        now += MINUTE_NS // 4
        waiting += rows(arrived, first=number)
        number += arrived
        made = plan(waiting, went, most, now)
        went += [replace(one, sent=now) for one in made.single]
        went += [replace(one, sent=now, digest=f"digest/{now}") for digest in made.digests for one in digest]
        known = {one.number for one in went}
        waiting = [one for one in waiting if one.number not in known]
        lately = [one for one in went if one.sent is not None and one.sent > now - MINUTE_NS]
        assert sum(not one.digest for one in lately) <= most
        assert len({one.digest for one in lately if one.digest}) <= 1
    assert sorted(one.number for one in went) == list(range(number))


def test_a_digest_lists_by_level_and_counts_what_it_leaves_out() -> None:
    made = digest_of([*many(LISTED), *many(2, "critical")], "Westpark", NOON)
    assert made.level == "critical"
    assert "102 more incidents at Westpark: 2 critical, 100 high" in made.subject
    assert made.text.index("CRITICAL") < made.text.index("HIGH")
    assert "and 2 more, none of them worse" in made.text
    assert made.data["left_out"] == 2


def test_the_same_notices_make_the_same_digest_in_any_order() -> None:
    due = many(5)
    assert digest_of(due, "Westpark", NOON).key == digest_of(due[::-1], "Westpark", NOON + 1).key
    assert digest_of(due, "Westpark", NOON).key != digest_of(due[1:], "Westpark", NOON).key
