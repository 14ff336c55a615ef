"""A detection to one node, and a rule document to a rule."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from carecordon.pipeline.detect.sigma.condition import parse
from carecordon.pipeline.detect.sigma.fold import all_of, atoms_of, some_of, weigh
from carecordon.pipeline.detect.sigma.head import read_head, read_logsource
from carecordon.pipeline.detect.sigma.ir import REF_OPS, Item, Node, Rule
from carecordon.pipeline.detect.sigma.items import read_item
from carecordon.pipeline.detect.sigma.refusal import BadRule
from carecordon.pipeline.detect.sigma.texts import Values

MAX_ATOMS = 200_000
"""Comparisons in one rule, counting a selection as often as its condition names it."""
MAX_APART = 20_000
"""Those of one rule that are answered one by one: what an event satisfies is as many bits long."""
MAX_LOOKS = 2_000_000
"""Selections held against patterns in one condition."""


def read_rule(content: dict[str, Any], path: str, line: int, values: Values) -> Rule:
    """Return the rule of a document. Raises BadRule with where it is at fault."""
    head = read_head(content)
    logsource = read_logsource(content)
    try:
        condition = read_detection(content["detection"], values)
    except BadRule as bad:
        raise bad.under("detection") from bad
    return Rule(
        id=head.id_or(f"{path}:{line}"),
        title=head.title,
        level=head.level,
        techniques=head.techniques,
        tactics=head.tactics,
        triage=head.triage,
        benign=head.benign,
        path=path,
        line=line,
        logsource=logsource,
        condition=condition,
        name=head.name,
        fields=fields_of(condition),
    )


def fields_of(condition: Node) -> tuple[str, ...]:
    """Return every field that a condition names, sorted; keywords name none."""
    fields = set()
    for atom in atoms_of(condition):
        fields.add(atom.field)
        if atom.op in REF_OPS:
            fields.add(str(atom.value))
    return tuple(sorted(fields - {""}))


def read_detection(detection: Any, values: Values, beside: frozenset[str] = frozenset()) -> Node:
    """Return the node of a detection section; keys in `beside` are no selections. Raises BadRule."""
    if not isinstance(detection, dict):
        raise BadRule("this must be a mapping of selections and a `condition`")
    if "condition" not in detection:
        raise BadRule("there is no `condition`; say which selections must hold, e.g. `condition: selection`")
    if isinstance(detection.get("timeframe"), str):
        raise BadRule("`timeframe` is no longer part of Sigma; write a correlation rule with a `timespan`", "timeframe")
    names = [name for name in detection if name != "condition" and name not in beside]
    if not names:
        raise BadRule("there is no selection beside the condition")
    selections = _Selections({name: _read_selection(name, detection[name], values) for name in names})
    conditions = detection["condition"] if isinstance(detection["condition"], list) else [detection["condition"]]
    if not conditions:
        raise BadRule("the condition is an empty list", "condition")
    return some_of([_read_condition(text, selections) for text in conditions])


def _read_condition(text: Any, selections: _Selections) -> Node:
    if not isinstance(text, str):
        raise BadRule("a condition must be text, e.g. `selection and not filter`", "condition", at_value=True)
    try:
        return parse(text, selections.named, selections.matching)
    except BadRule as bad:
        raise BadRule(bad.reason, "condition", at_value=True) from bad


def _read_selection(name: str, definition: Any, values: Values) -> Node:
    try:
        return _selection(definition, values)
    except BadRule as bad:
        raise bad.under(name) from bad


def _selection(definition: Any, values: Values) -> Node:
    """Return the node of a selection: a mapping (and), a list of mappings (or), or keywords."""
    if isinstance(definition, dict):
        if not definition:
            raise BadRule("the selection is empty")
        return all_of([_item(key, value, values) for key, value in definition.items()])
    if isinstance(definition, list) and any(isinstance(part, dict | list) for part in definition):
        return some_of([_element(index, part, values) for index, part in enumerate(definition)])
    if definition in (None, []):
        raise BadRule("the selection is empty")
    return read_item("", definition, values)


def _item(key: str, value: Any, values: Values) -> Node:
    try:
        return read_item(key, value, values)
    except BadRule as bad:
        raise BadRule(f"`{key}`: {bad.reason}", key) from bad


def _element(index: int, part: Any, values: Values) -> Node:
    try:
        return _selection(part, values)
    except BadRule as bad:
        raise bad.under(index) from bad


class _Selections:
    """The selections of one rule by name, and how many atoms its condition has drawn so far."""

    def __init__(self, nodes: Mapping[str, Node]) -> None:
        self._nodes = nodes
        self._weights = {name: (weigh(node, _atoms), weigh(node, _asked_apart)) for name, node in nodes.items()}
        self._drawn = self._drawn_apart = 0
        self._found: dict[str, list[str]] = {}

    def named(self, name: str) -> Node:
        if name not in self._nodes:
            raise BadRule(f"the condition names `{name}`, but there is no such selection; check its spelling")
        return self._draw([name])[0]

    def matching(self, pattern: str) -> list[Node]:
        if pattern not in self._found:
            if len(self._found) * len(self._nodes) > MAX_LOOKS:
                raise BadRule("the condition asks for too many patterns; split the rule")
            self._found[pattern] = list(_matches(pattern, self._nodes))
        if not self._found[pattern]:
            raise BadRule(f"the condition asks for `{pattern}`, but no selection is named so")
        return self._draw(self._found[pattern])

    def _draw(self, names: list[str]) -> list[Node]:
        self._drawn += sum(self._weights[name][0] + 1 for name in names)
        self._drawn_apart += sum(self._weights[name][1] for name in names)
        if self._drawn > MAX_ATOMS:
            raise BadRule(f"the rule makes more than {MAX_ATOMS:,} comparisons; split it")
        if self._drawn_apart > MAX_APART:
            raise BadRule(
                f"the rule asks more than {MAX_APART:,} things one by one; write values as lists, or split it"
            )
        return [self._nodes[name] for name in names]


def _atoms(item: Item) -> int:
    return len(item.atoms)


def _asked_apart(item: Item) -> int:
    """Return how many things an item asks one by one: a list is one, unless all of it must hold."""
    return len(item.atoms) if item.every else 1


def _matches(pattern: str, names: Iterable[str]) -> Iterable[str]:
    """Return the names that a pattern takes in: those with a leading `_` only if the pattern has it too."""
    wanted = "*" if pattern.lower() == "them" else pattern
    for name in names:
        if (wanted.startswith("_") or not name.startswith("_")) and _fits(wanted, name):
            yield name


def _fits(pattern: str, name: str) -> bool:
    """Return whether the name fits a pattern with `*`, in time linear in both."""
    first, *rest = pattern.split("*")
    if not rest:
        return name == pattern
    last = rest.pop()
    if not name.startswith(first) or len(name) < len(first) + len(last):
        return False
    at, end = len(first), len(name) - len(last)
    for piece in rest:
        found = name.find(piece, at, end)
        if found < 0:
            return False
        at = found + len(piece)
    return name.endswith(last)
