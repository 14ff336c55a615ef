"""Filters: what they take out of which rules."""

from __future__ import annotations

import pytest

from carecordon.pipeline.detect.sigma.ir import And, Atom, Item, Node, Not, Op, Or
from tests.pipeline.detect.sigma.rule_text import SECURITY, load_text, refused, rule_text

RULE = rule_text("s: {A: 1}\ncondition: s", head="title: R\nid: R-1\nname: rule_one")
OTHER = rule_text("s: {A: 1}\ncondition: s", head="title: S\nid: R-2").replace("security", "system")
A, B, C = (Item((Atom(name, Op.EQ, "1"),)) for name in "ABC")


def filter_text(condition: str = "f", rules: str = "[r-1]", source: str = SECURITY) -> str:
    section = f"filter:\n  rules: {rules}\n  f: {{B: 1}}\n  f_2: {{C: 1}}\n  condition: {condition}\n"
    return f"title: F\nid: f\n{source}\n{section}"


def filtered(text: str) -> dict[str, Node]:
    """Return the conditions of the two rules after a filter that is not refused."""
    loaded = load_text(text, RULE, OTHER)
    assert not loaded.refused, loaded.refused
    return {rule.id: rule.condition for rule in loaded.rules}


@pytest.mark.parametrize(
    ("condition", "node"),
    [
        ("f", And((A, Not(B)))),
        ("1 of f*", And((A, Not(Or((B, C)))))),
        ("all of them", And((A, Not(And((B, C)))))),
        ("f and f_2", And((A, Not(And((B, C)))))),
        ("not f", And((A, Not(B)))),
        ("not 1 of f*", And((A, Not(Or((B, C)))))),
        ("NOT(f)", And((A, Not(B)))),
        ("( (not f))", And((A, Not(B)))),
    ],
)
def test_a_filter_names_what_to_suppress_or_says_not_itself(condition: str, node: Node) -> None:
    assert filtered(filter_text(condition)) == {"R-1": node, "R-2": A}


@pytest.mark.parametrize(
    ("condition", "node"),
    [
        ("not-f", And((A, Not(C)))),
        ("not-f and f", And((A, Not(And((C, B)))))),
        ("not not-f", And((A, Not(C)))),
    ],
)
def test_a_name_that_begins_with_not_is_a_name(condition: str, node: Node) -> None:
    assert filtered(filter_text(condition).replace("f_2", "not-f")) == {"R-1": node, "R-2": A}


@pytest.mark.parametrize("rules", ["[R-1]", "r-1", "[rule_one]", "any", "[nope, rule_one]"])
def test_a_filter_finds_its_rules(rules: str) -> None:
    """By id or name; `any` means every rule of the log source; unknown ones among known ones do no harm."""
    assert filtered(filter_text(rules=rules)) == {"R-1": And((A, Not(B))), "R-2": A}


@pytest.mark.parametrize(
    ("source", "reached"),
    [("{product: windows}", {"R-1", "R-2"}), ("{service: system}", {"R-2"}), ("{product: Windows, service: x}", set())],
)
def test_a_filter_reaches_equal_and_narrower_log_sources(source: str, reached: set[str]) -> None:
    conditions = filtered(filter_text(rules="any", source=f"logsource: {source}"))
    assert {rule_id for rule_id, condition in conditions.items() if condition != A} == reached


def test_a_filtered_rule_names_the_filter_s_fields() -> None:
    loaded = load_text(filter_text(), filter_text("f_2").replace("id: f", "id: g"), RULE)
    (rule,) = loaded.rules
    assert rule.condition == And((A, Not(B), Not(C)))
    assert rule.fields == ("A", "B", "C")


BAD = [
    (filter_text(rules="[nope]"), 5, 3, "none of the rules"),
    (filter_text(rules="[]"), 5, 3, "`rules` must name"),
    (filter_text(rules="5"), 5, 3, "`rules` must name"),
    (filter_text(source="logsource: {product: linux}"), 5, 3, "log source"),
    (filter_text("g"), 8, 14, "`g`"),
    (filter_text("[f]"), 8, 3, "one `condition`"),
    (filter_text().replace("{B: 1}", "{B|x: 1}"), 6, 7, "no modifier `x`"),
    ("title: F\nid: f\nfilter: {rules: any, f: {A: 1}, condition: f}", 1, 1, "no `logsource`"),
]


@pytest.mark.parametrize(("text", "line", "column", "reason"), BAD)
def test_a_filter_that_could_do_nothing_is_refused(text: str, line: int, column: int, reason: str) -> None:
    """The rules run unfiltered: rather too many matches than too few."""
    refusal = refused(text, RULE, OTHER)
    assert reason in refusal.reason
    assert (refusal.path, refusal.line, refusal.column, refusal.rule_id) == ("a.yml", line, column, "f")
    assert {rule.condition for rule in load_text(text, RULE, OTHER).rules} == {A}
