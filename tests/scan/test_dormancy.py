"""A correlation is dormant exactly where its condition cannot hold without a dormant rule."""

from __future__ import annotations

import pytest

from carecordon.model.event import LogSource
from carecordon.pipeline.detect.sigma.ir import RuleSet
from carecordon.pipeline.detect.sigma.program import Program
from carecordon.scan.dormancy import dormant_ids
from tests.pipeline.detect.sigma.matching import ready

RULE = """\
title: Rule {name}
name: {name}
logsource: {{product: {product}}}
detection: {{s: {{A: {name}}}, condition: s}}
---
"""
BASES = "".join(RULE.format(name=name, product="windows") for name in ("a", "b"))
BASES += "".join(RULE.format(name=name, product="macos") for name in ("x", "y"))


def correlation(section: str, name: str = "c") -> str:
    return f"title: Correlation {name}\nid: {name}\nname: {name}\ncorrelation: {{timespan: 1h, {section}}}\n"


def loaded(*sections: str) -> RuleSet:
    return ready(BASES + "---\n".join(correlation(one, f"c{number}") for number, one in enumerate(sections)))


def asleep(*sections: str) -> set[str]:
    rules = loaded(*sections)
    return {one.id for one in rules.correlations} & dormant_ids(rules, Program(rules, None))


SECTIONS = [
    ("type: event_count, rules: [a, x], condition: {gte: 2}", False),
    ("type: event_count, rules: [x, y], condition: {gte: 2}", True),
    ("type: value_count, rules: [x], condition: {field: A, lt: 2}", True),
    ("type: value_sum, rules: [x, b], condition: {field: A, gte: 2}", False),
    ("type: temporal, rules: [a, b]", False),
    ("type: temporal, rules: [a, x]", True),
    ("type: temporal_ordered, rules: [x, b]", True),
    ("type: temporal_ordered, rules: [a, b, a]", False),
    ("type: temporal, rules: [a, b, x], condition: {gte: 2}", False),
    ("type: temporal, rules: [a, x, y], condition: {gte: 2}", True),
    ("type: temporal_ordered, rules: [a, x, a], condition: {gt: 1}", False),
    ("type: temporal, rules: [x, y], condition: {lt: 2}", True),
    ("type: temporal, condition: a and x", True),
    ("type: temporal, condition: a or x", False),
    ("type: temporal, condition: a and not x", False),
    ("type: temporal, condition: a and not (b or x)", False),
    ("type: temporal, condition: b and not (a and not x) and y", True),
    ("type: temporal, condition: not (not x or a)", True),
    ("type: temporal, condition: not x", True),
]


@pytest.mark.parametrize(("section", "is_dormant"), SECTIONS, ids=[section for section, _ in SECTIONS])
def test_what_cannot_come_true_is_dormant(section: str, is_dormant: bool) -> None:
    assert asleep(section) == ({"c0"} if is_dormant else set())


def test_chains_are_followed() -> None:
    start = "type: temporal, rules: [a, x]"
    assert asleep(start, "type: event_count, rules: [c0], condition: {gte: 2}") == {"c0", "c1"}
    assert asleep(start, "type: event_count, rules: [c0, b], condition: {gte: 2}") == {"c0"}
    assert asleep(
        start, "type: event_count, rules: [c0, b], condition: {gte: 2}", "type: temporal, rules: [c1, b]"
    ) == {"c0"}


def test_a_bound_log_source_wakes_rules_and_their_correlations() -> None:
    rules = loaded("type: temporal, rules: [x, y]")
    assert dormant_ids(rules, Program(rules, None, LogSource("macos"))) == frozenset()
