"""The public SigmaHQ rules load, nearly all, and mean what pySigma's own reading of them means."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

import pytest
import yaml
from sigma.conditions import ConditionAND, ConditionFieldEqualsValueExpression, ConditionNOT, ConditionOR
from sigma.rule import SigmaRule
from sigma.types import SigmaExpansion

from carecordon.pipeline.detect.sigma.atoms import Setting, atom
from carecordon.pipeline.detect.sigma.fold import all_of, any_of, negate
from carecordon.pipeline.detect.sigma.ir import And, Item, Node, Not, Or, RuleSet
from carecordon.pipeline.detect.sigma.load import load
from carecordon.pipeline.detect.sigma.logsource import sources_for
from carecordon.pipeline.detect.sigma.texts import RuleText

SIGMA = Path(os.environ.get("CARECORDON_SHARED", "../shared")) / "data" / "sigma"

pytestmark = pytest.mark.skipif(not SIGMA.is_dir(), reason="SigmaHQ's rules are not in CARECORDON_SHARED")


@pytest.fixture(scope="module")
def texts() -> list[RuleText]:
    return [RuleText(str(path), path.read_bytes()) for path in sorted(SIGMA.glob("rules*/**/*.yml"))]


@pytest.fixture(scope="module")
def loaded(texts: list[RuleText]) -> RuleSet:
    return load(texts)


def test_nearly_all_rules_load_and_each_refused_one_says_why(loaded: RuleSet) -> None:
    total = len(loaded.rules) + len(loaded.refused)
    assert total >= 3_780
    assert len(loaded.rules) >= 0.99 * total
    assert all("placeholder" in refusal.reason and refusal.line > 1 for refusal in loaded.refused)


def test_nearly_all_windows_rules_are_ready(texts: list[RuleText], loaded: RuleSet) -> None:
    named = {
        text.path
        for text in texts
        if yaml.load(text.text, yaml.CSafeLoader).get("logsource", {}).get("product") == "windows"
    }
    ready = {rule.path for rule in loaded.rules if sources_for(rule.logsource)}
    assert len(named & ready) >= 0.99 * len(named)


def test_with_its_values_every_rule_loads(loaded: RuleSet, texts: list[RuleText]) -> None:
    paths = {refusal.path for refusal in loaded.refused}
    held = [text for text in texts if text.path in paths]
    names = {name for text in held for name in re.findall(r"%([\w-]+)%", text.text.decode())}
    again = load(held, {name: ["made-up"] for name in names})
    assert len(again.rules) == len(paths)


def test_rules_mean_what_pysigma_reads(texts: list[RuleText], loaded: RuleSet) -> None:
    """A seeded eighth of them; conditions are ours, so this compares the whole reading."""
    rules = {rule.path: rule for rule in loaded.rules}
    for text in Random(3).sample(texts, len(texts) // 8):
        if text.path in rules:
            theirs = SigmaRule.from_dict(yaml.load(text.text, yaml.CSafeLoader))
            node = any_of([_node(condition.parsed) for condition in theirs.detection.parsed_condition])
            assert _plain(rules[text.path].condition) == _plain(node), text.path


def _node(condition: Any) -> Node:
    """Return pySigma's condition as a node."""
    match condition:
        case ConditionAND(args):
            return all_of([_node(arg) for arg in args])
        case ConditionOR(args):
            return any_of([_node(arg) for arg in args])
        case ConditionNOT(args):
            return negate(_node(args[0]))
        case ConditionFieldEqualsValueExpression():
            return _leaf(condition.field, condition.value)
        case _:
            return _leaf("", condition.value)


def _leaf(field: str, value: Any) -> Node:
    if isinstance(value, SigmaExpansion):
        return any_of([_leaf(field, inner) for inner in value.values])
    return Item((atom(value, Setting(field)),))


def _plain(node: Node) -> Any:
    """Return a form in which neither order nor the two ways to say `every` count."""
    match node:
        case Item(atoms, every):
            return (
                ("and", frozenset(("any", frozenset({one})) for one in atoms)) if every else ("any", frozenset(atoms))
            )
        case And(parts):
            return "and", frozenset(_flat(parts))
        case Or(parts):
            return "or", frozenset(map(_plain, parts))
        case Not(part):
            return "not", _plain(part)
        case _:
            return node


def _flat(parts: tuple[Node, ...]) -> Iterator[Any]:
    for part in parts:
        plain = _plain(part)
        if plain[0] == "and":
            yield from plain[1]
        else:
            yield plain
