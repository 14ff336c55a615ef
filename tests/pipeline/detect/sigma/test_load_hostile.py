"""Rules made to break the loader are refused or loaded, and nothing else happens."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carecordon.pipeline.detect.sigma.load import load
from carecordon.pipeline.detect.sigma.texts import RuleText
from tests.pipeline.detect.sigma.rule_text import load_text, refused, rule_text

BOMB = "a: &a [1, 2, 3, 4, 5, 6, 7, 8, 9]\n" + "".join(
    f"{new}: &{new} [{', '.join([f'*{old}'] * 9)}]\n" for old, new in zip("abcdefgh", "bcdefghi", strict=True)
)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("[" * 100_000, "nest"),
        ("- " * 100_000 + "x", "deeper than 64"),
        ("a: {" * 100_000, "deeper than 64"),
        ("? " * 100_000, "key must be plain text"),
        (BOMB, "aliases"),
        ("a: &a [*a]", "*a"),
        ("- a\n" * 500_001, "500,000"),
    ],
    ids=["flow lists", "block lists", "flow maps", "complex keys", "alias bomb", "recursive alias", "many nodes"],
)
def test_yaml_that_would_explode_is_refused(text: str, reason: str) -> None:
    assert reason in refused(text).reason


def selections(count: int) -> str:
    return "".join(f"s{number}: {{F{number}: v}}\n" for number in range(count))


@pytest.mark.parametrize("word", ["or", "and not"])
def test_ten_thousand_selections_are_a_rule(word: str) -> None:
    condition = f" {word} ".join(f"s{number}" for number in range(10_000))
    (rule,) = load_text(rule_text(f"{selections(10_000)}condition: {condition}")).rules
    assert len(rule.fields) == 10_000


def test_what_cannot_be_answered_together_is_bounded() -> None:
    """Lists of mappings: of each the event must hold all, so that each is a bit of its own."""
    listed = "\n".join(f"    - {{A: a{number}, B: b{number}}}" for number in range(10_001))
    assert "20,000 things one by one" in refused(rule_text(f"s:\n{listed}\ncondition: s")).reason
    values = ", ".join(f"a{number}" for number in range(20_001))
    assert load_text(rule_text(f"s: {{A: [{values}]}}\ncondition: s")).rules
    assert "20,000 things one by one" in refused(rule_text(f"s: {{A|contains|all: [{values}]}}\ncondition: s")).reason


def test_ten_thousand_selections_asked_for_again_and_again_are_refused() -> None:
    condition = " or ".join(["all of s*"] * 100)
    assert "one by one" in refused(rule_text(f"{selections(10_000)}condition: {condition}")).reason
    lists = "".join(f"s{number}: {{F: [{', '.join(map(str, range(100)))}]}}\n" for number in range(100))
    assert "comparisons" in refused(rule_text(f"{lists}condition: {condition}")).reason


@pytest.mark.parametrize(
    ("condition", "reason"),
    [
        ("(" * 50_000 + "s" + ")" * 50_000, "brackets deeper than 64"),
        ("(" * 50_000, "brackets deeper than 64"),
        ("s" + " or s" * 200_000, "200,000 words"),
        ("1 of " + "a*" * 3_000 + "b", "no selection is named so"),
    ],
    ids=["deep brackets", "open brackets", "many words", "many stars"],
)
def test_a_condition_made_to_hang_is_refused(condition: str, reason: str) -> None:
    text = rule_text(f"s: {{A: 1}}\n? {'a' * 3_000}\n: {{A: 1}}\ncondition: {condition}")
    assert reason in refused(text).reason


def test_deep_brackets_within_the_bound_are_read() -> None:
    condition = "(s and not " * 60 + "s" + ")" * 60
    assert len(load_text(rule_text(f"s: {{A: 1}}\ncondition: {condition}")).rules) == 1


@pytest.mark.parametrize(
    ("item", "reason"),
    [
        ("A|windash: [" + "' -a -b -c', " * 1_000 + "]", "more than 100,000"),
        ("A|re: '" + "(x+x+)+y" * 100_000 + "'", "linear time"),
        ("A|windash: '" + " -x" * 100_000 + "'", "too long"),
        ("A: [" + "x, " * 100_001 + "]", "more than 100,000"),
    ],
    ids=["variants", "pattern", "dashes", "values"],
)
def test_an_item_made_to_grow_is_refused(item: str, reason: str) -> None:
    assert reason in refused(rule_text(f"s:\n    {item}\ncondition: s")).reason


def test_a_placeholder_product_is_bounded() -> None:
    values = {"x": [str(number) for number in range(30)]}
    refusal = refused(rule_text("s: {A|expand: '%x%%x%%x%%x%'}\ncondition: s"), values=values)
    assert "10,000" in refusal.reason


def chain(count: int, *, closed: bool) -> str:
    """Return correlations that each refer to the next, the last to the first if closed."""
    return "---\n".join(
        f"title: t\nid: c{number}\ncorrelation:\n  type: event_count\n  timespan: 1m\n  condition: {{gte: 1}}\n"
        f"  rules: [c{(number + 1) % count if closed else number + 1}]\n"
        for number in range(count)
    )


def test_a_long_chain_of_correlations_is_resolved() -> None:
    end = rule_text("s: {A: 1}\ncondition: s", head="title: t\nid: c1000")
    loaded = load_text(f"{chain(1_000, closed=False)}---\n{end}")
    assert [correlation.id for correlation in loaded.correlations] == [f"c{number}" for number in range(999, -1, -1)]


def test_a_long_circle_and_a_long_broken_chain_are_refused_briefly() -> None:
    for closed in (True, False):
        loaded = load_text(chain(1_000, closed=closed))
        assert len(loaded.refused) == 1_000
        assert max(len(refusal.reason) for refusal in loaded.refused) < 400


SEED = """title: t
id: &i r
tags: [attack.t1059]
level: low
logsource: {product: windows, category: &c process_creation}
detection:
    s: [{A|contains|all: [x, 'y*']}, {B|re|i: a+}]
    t: {C|cidr: 192.0.2.0/24, D: *c}
    condition: s and not 1 of t*
---
title: c
correlation: {type: value_count, rules: [r], timespan: 5m, condition: {field: D, gte: 3, lt: 9}}
"""
SPICE = "|:*?{}[]&!%#-\n\t '\"\\\0\x85\ufeff"


@given(st.lists(st.tuples(st.integers(0, len(SEED)), st.integers(0, 9), st.text(SPICE, max_size=4)), max_size=5))
def test_a_mutilated_rule_is_loaded_or_refused(edits: list[tuple[int, int, str]]) -> None:
    """Whatever stands in a file, no fault comes out, and every refusal has its place."""
    text = SEED
    for at, cut, new in edits:
        text = text[:at] + new + text[at + cut :]
    loaded = load([RuleText("x.yml", text.encode())])
    assert edits or (len(loaded.rules), len(loaded.correlations)) == (1, 1)
    assert all(refusal.line >= 1 and refusal.column >= 1 and refusal.reason for refusal in loaded.refused)
    assert not any("cannot be read:" in refusal.reason for refusal in loaded.refused)
