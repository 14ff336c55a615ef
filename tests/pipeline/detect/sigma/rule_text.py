"""Short ways to write rule files for tests and to load them."""

from __future__ import annotations

from textwrap import dedent, indent

from carecordon.pipeline.detect.sigma.ir import Node, RefusedRule, Rule, RuleSet
from carecordon.pipeline.detect.sigma.load import load
from carecordon.pipeline.detect.sigma.texts import NO_VALUES, RuleText, Values

SECURITY = "logsource: {product: windows, service: security}"


def load_text(*texts: str, values: Values = NO_VALUES) -> RuleSet:
    """Return what these files load to; they are called a.yml, b.yml and so on."""
    files = [RuleText(f"{letter}.yml", dedent(text).encode()) for letter, text in zip("abcdefgh", texts, strict=False)]
    return load(files, values)


def rule_text(detection: str, *, head: str = "title: Made up") -> str:
    """Return a rule document with this detection section."""
    return f"{dedent(head).strip()}\n{SECURITY}\ndetection:\n{indent(dedent(detection).strip(), '    ')}\n"


def one_rule(text: str, values: Values = NO_VALUES) -> Rule:
    """Return the one rule that a file loads to."""
    loaded = load_text(text, values=values)
    assert not loaded.refused, loaded.refused
    (rule,) = loaded.rules
    return rule


def condition_of(item: str, values: Values = NO_VALUES) -> Node:
    """Return the node of a rule with a single selection of this one item."""
    return one_rule(rule_text(f"pick:\n    {item}\ncondition: pick"), values).condition


def refused(*texts: str, values: Values = NO_VALUES) -> RefusedRule:
    """Return the one refusal that these files lead to."""
    (refusal,) = load_text(*texts, values=values).refused
    return refusal


def refused_item(item: str) -> RefusedRule:
    """Return the refusal of a rule with a single selection of this one item, which stands on line 5."""
    return refused(rule_text(f"pick:\n    {item}\ncondition: pick"))
