"""Events made from a rule match it, and its near-miss differs in one field and does not."""

from typing import Any

import pytest

from tests.oracle.compare import CONTRADICTORY, are_made
from tests.oracle.events import from_document
from tests.oracle.generate import made_from
from tests.oracle.plain import read_rule

RULES: list[dict[str, Any]] = [
    {"s": {"Image|endswith": ["\\a.exe", "\\b.exe"], "CommandLine|contains|all": ["x", "-y"]}, "condition": "s"},
    {"s": {"CommandLine|re": "^[a-f0-9]{8}\\s+(run|go)+$"}, "condition": "s"},
    {"s": {"Ip|cidr": "192.0.2.0/28"}, "f": {"Port|lt": 1024}, "condition": "s and not f"},
    {"s": {"A|fieldref": "B"}, "f": {"A": None}, "condition": "s and not f"},
    {"s": {"A": "x*y?z"}, "f": [{"B": None}, {"B": ""}], "condition": "s and not f"},
    {"s": {"|all": ["one", "two"]}, "condition": "s"},
    {"s": {"A|neq": "x", "B|exists": True, "C|hour|gte": 22}, "condition": "s"},
    {"s": {"CommandLine|base64offset|contains": "pinging"}, "condition": "s"},
    {"a1": {"A": 1}, "a2": {"B": 2}, "f": {"C": "x"}, "condition": "all of a* and not 1 of f*"},
]


@pytest.mark.parametrize("detection", RULES)
def test_a_rule_gives_events_that_match_it_and_one_that_just_does_not(detection: dict[str, Any]) -> None:
    document = {"id": "r", "logsource": {"product": "windows", "category": "process_creation"}, "detection": detection}
    rule = read_rule(document, "")
    made, reason = made_from(rule, 1)
    assert reason is None
    assert len([one for one in made if one.must]) >= 2
    assert all(rule.matches(from_document(one.document)) for one in made if one.must)
    missed = [from_document(one.document) for one in made if one.must_not]
    assert len(missed) == 1
    assert not rule.matches(missed[0])
    fired = from_document(made[0].document).fields
    changed = [name for name in {*fired, *missed[0].fields} if fired.get(name, ...) != missed[0].fields.get(name, ...)]
    assert len(changed) == 1


def test_the_same_seed_makes_the_same_events_and_another_seed_others() -> None:
    detection = RULES[0]
    document = {"id": "r", "logsource": {"product": "windows", "category": "process_creation"}, "detection": detection}
    rule = read_rule(document, "")
    assert made_from(rule, 1) == made_from(rule, 1)
    assert made_from(rule, 1) != made_from(rule, 2)


def test_a_rule_that_nothing_matches_is_named_with_the_reason() -> None:
    detection = {"s": {"A": "x"}, "f": {"A": "*"}, "condition": "s and not f"}
    document = {"id": "r", "logsource": {"product": "windows"}, "detection": detection}
    made, reason = made_from(read_rule(document, ""), 1)
    assert not made
    assert reason is not None


def test_only_rules_that_contradict_themselves_may_be_without_events() -> None:
    (known,) = CONTRADICTORY
    source = {"logsource": {"product": "windows"}, "detection": RULES[0]}
    rules = [read_rule({"id": rule_id, **source}, "") for rule_id in ("r", known)]
    assert are_made(rules, [known])
    assert are_made(rules[:1], [])
    assert not are_made(rules, ["r", known])
    assert not are_made(rules, []), "it is no exception any more"
