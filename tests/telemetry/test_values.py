"""Every value comes back as it was, whatever it was."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carecordon.model.event import Scalar, Value
from carecordon.telemetry.values import MARKS, number, read, shape_marks, shape_text, write

SCALARS: st.SearchStrategy[Scalar] = st.one_of(
    st.text(), st.integers(-(1 << 63), (1 << 63) - 1), st.booleans(), st.none(), st.floats(allow_nan=False)
)
VALUES: st.SearchStrategy[Value] = st.one_of(SCALARS, st.lists(SCALARS, max_size=4).map(tuple))


@given(VALUES)
def test_a_value_comes_back(value: Value) -> None:
    back = read(*write(value))
    assert repr(back) == repr(value)


def test_what_is_no_number_comes_back() -> None:
    back = read(*write(math.nan))
    assert isinstance(back, float)
    assert math.isnan(back)


@given(VALUES)
def test_a_number_comes_back_or_is_none(value: Value) -> None:
    found = number(value)
    if found is not None:
        kept, mark = found
        assert repr(str(kept) if mark else kept) == repr(value)


@pytest.mark.parametrize("value", ["007", "-0", "+1", "1.0", "", " 1", "9223372036854775808", "٣", True, None, 1.0])
def test_no_number_for_a_column_of_numbers(value: Value) -> None:
    assert number(value) is None


@given(st.dictionaries(st.text(), st.sampled_from([mark for mark in MARKS if mark])))
def test_a_shape_comes_back(marks: dict[str, str]) -> None:
    assert shape_marks(shape_text(marks)) == marks


def test_an_unknown_mark_is_told() -> None:
    with pytest.raises(ValueError, match="no mark"):
        read("x", "?")
