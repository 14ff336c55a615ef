"""A memo never holds more than its bounds and never says anything but what was answered."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carecordon.pipeline.detect.sigma.memo import MAX_VALUE, MIN_SHARE, Allowance, Memo, ValueMemo

SCALARS = st.sampled_from([0, 1, True, False, 0.0, -0.0, 1.0, None, "", "1", "True", "a", "b", "c", "d"])
VALUES = SCALARS | st.lists(SCALARS, max_size=2).map(tuple)


@given(st.lists(VALUES, max_size=60), st.integers(min_value=1, max_value=5))
def test_a_value_memo_tells_apart_whatever_rules_tell_apart(values: list[Any], entries: int) -> None:
    memo = ValueMemo(repr, entries)
    for value in values:
        assert memo[value] == repr(value)
        assert len(memo) + len(memo._old) <= 2 * entries


def test_what_keeps_being_asked_stays_and_what_is_unique_passes_through() -> None:
    asked: list[int] = []

    def answer(key: int) -> int:
        asked.append(key)
        return -key

    memo = Memo(answer, entries=10)
    for key in range(1, 1_000):
        assert memo[0] == 0
        assert memo[key] == -key
        assert len(memo) + len(memo._old) <= 20
    assert asked.count(0) == 1
    assert len(asked) == 1_000


@pytest.mark.parametrize("has_secret_hashes", [True, False])
def test_memos_that_share_an_allowance_stay_within_it(*, has_secret_hashes: bool) -> None:
    allowance = Allowance(limit=4 * MIN_SHARE, has_secret_hashes=has_secret_hashes)
    memos = [ValueMemo(len, allowance=allowance) for _ in range(3)]
    for number in range(3_000):
        key = f"{number:05}" + "x" * 5_000
        memo = memos[number % 3]
        assert memo[key if number % 2 else (key, key)] == (len(key) if number % 2 else 2)
        assert allowance.used <= allowance.limit + len(memos) * (MIN_SHARE + MAX_VALUE)
    assert sum(map(characters, memos)) <= allowance.used


def characters(memo: ValueMemo) -> int:
    """Return the characters of all keys that are kept, whole or as traces."""
    return sum(len("".join(map(str, key))) for segment in (memo, memo._old) for key in segment)


@pytest.mark.parametrize("key", ["x" * (MAX_VALUE + 1), ("x" * MAX_VALUE, "y"), ("x", 1)])
def test_long_values_and_mixed_lists_are_answered_and_forgotten(key: Any) -> None:
    memo = ValueMemo(len, allowance=Allowance(has_secret_hashes=False))
    assert memo[key] == len(key)
    assert len(memo) == 0


def test_a_long_text_is_remembered_and_not_kept() -> None:
    asked: list[str] = []

    def answer(text: str) -> int:
        asked.append(text)
        return len(asked)

    memo = ValueMemo(answer, allowance=Allowance(has_secret_hashes=True))
    texts = [f"{'x' * MAX_VALUE}{middle}{'y' * MAX_VALUE}" for middle in "abc"]
    assert [memo[text] for text in texts * 3] == [1, 2, 3] * 3
    assert asked == texts
    assert not any(isinstance(key, str) for key in memo)
    assert memo._allowance.used < 2_000
