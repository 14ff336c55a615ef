"""Nested documents become flat fields: nothing is lost, whatever the nesting."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carecordon.model.fields import flatten, harden, unspaced

SCALARS = st.sampled_from(["x", "", 1, True, 1.5, None])
NAMES = st.sampled_from(["a", "b", "a.b"])
NESTED = st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3))


@pytest.mark.parametrize(
    ("document", "fields"),
    [
        ({"a": {"b": {"c": 1}}}, {"a.b.c": 1}),
        ({"a": [1, "x"]}, {"a": (1, "x")}),
        ({"a": []}, {"a": ()}),
        ({"a": {}}, {"a": None}),
        ({"a": [{"b": 1}, {"b": 2, "c": None}]}, {"a.b": (1, 2), "a.c": (None,)}),
        ({"a": [{"b": 1}, "x", {}]}, {"a.b": (1,), "a": ("x", None)}),
        ({"a": [{"b": {"c": None}}]}, {"a.b.c": (None,)}),
        ({"a": [["x"], ["y", "z"]]}, {"a": ("x", "y", "z")}),
        ({"a.b": 1, "a": {"b": 2}}, {"a.b": (1, 2)}),
    ],
)
def test_what_a_document_becomes(document: dict[str, Any], fields: dict[str, Any]) -> None:
    assert flatten(document) == fields
    harden(document)
    assert document == fields


def test_names_lose_their_spaces() -> None:
    assert unspaced({"a b": 1, " c": None, "d": "e f"}) == {"ab": 1, "c": None, "d": "e f"}
    document: dict[str, Any] = {"a b": 1, "c": {"d e": [2]}}
    harden(document)
    assert document == {"ab": 1, "c.de": (2,)}


@given(st.dictionaries(NAMES, NESTED, max_size=3))
def test_every_scalar_is_kept_and_nothing_else_stays(document: dict[str, Any]) -> None:
    fields = flatten(document)
    flat = [part for value in fields.values() for part in (value if isinstance(value, tuple) else (value,))]
    assert not any(isinstance(part, list | dict | tuple) for part in flat)
    assert sorted(map(repr, _scalars(document))) == sorted(repr(part) for part in flat if part is not None)


def _scalars(value: Any) -> list[Any]:
    if isinstance(value, dict | list):
        parts = value.values() if isinstance(value, dict) else value
        return [scalar for part in parts for scalar in _scalars(part)]
    return [] if value is None else [value]


def test_hardening_leaves_flat_fields_alone() -> None:
    fields = {"a": ("x", 1), "b": None}
    harden(fields)
    assert fields == {"a": ("x", 1), "b": None}


def test_neither_depth_nor_width_can_hurt() -> None:
    deep: dict[str, Any] = {"x": 1}
    for _ in range(5_000):
        deep = {"a": deep}
    (name,) = flatten(deep)
    assert name.count("a") == 5_000
    lists: list[Any] = ["x"]
    for _ in range(5_000):
        lists = [lists]
    assert flatten({"a": lists}) == {"a": ("x",)}
    assert flatten({"a": [{"b": number} for number in range(50_000)]}) == {"a.b": tuple(range(50_000))}
