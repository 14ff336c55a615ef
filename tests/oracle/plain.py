"""The plain evaluator: whether a Sigma rule matches an event, by direct recursion over the rule's YAML.

It shares no line with the engine and none with pySigma. It knows no index, no plan and no memo; rules are only put
together by log source, so that a few hundred events a second are possible.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from tests.oracle import conditions
from tests.oracle.checks import Item, Values, item_matches, read_item
from tests.oracle.conditions import Condition, Refused
from tests.oracle.events import Event, Fields
from tests.oracle.sources import fields_for, is_mapped, serves

__all__ = ["Refused", "Rule", "RuleSet", "evaluate", "read_rules"]


@dataclass(frozen=True, slots=True)
class Every:
    """All parts must hold: a map of items."""

    parts: tuple["Detection", ...]


@dataclass(frozen=True, slots=True)
class Some:
    """One part must hold: a list."""

    parts: tuple["Detection", ...]


Detection = Every | Some | Item


@dataclass(frozen=True, slots=True, eq=False)
class Rule:
    """One rule, its YAML kept beside what was read from it."""

    path: str
    rule_id: str
    document: dict[str, Any]
    logsource: dict[str, Any]
    detections: dict[str, Detection]
    condition: Condition

    def matches(self, event: Event) -> bool:
        """Returns whether the event is of the rule's log source and its condition holds."""
        return serves(event, self.logsource) and self.holds_for(seen_fields(event, self.logsource))

    def holds_for(self, fields: Fields) -> bool:
        """Returns whether the condition holds for the fields, the log source apart."""
        return conditions.holds(self.condition, lambda name: detection_holds(self.detections[name], fields))


def evaluate(
    document: dict[str, Any], event: Event, values: Values = None, filters: Iterable[dict[str, Any]] = ()
) -> bool:
    """Returns whether the rule matches the event and no Sigma filter for it takes the match away."""
    rule = read_rule(document, "", values)
    return rule.matches(event) and all(_lets_pass(one, rule, event, values) for one in filters)


def read_rule(document: dict[str, Any], path: str, values: Values = None) -> Rule:
    """Returns the rule of a YAML document. Raises Refused with the reason if it cannot be run."""
    named = {name: content for name, content in document["detection"].items() if name != "condition"}
    detections = {name: read_detection(content, values) for name, content in named.items()}
    condition = conditions.parse_any(document["detection"]["condition"], detections)
    return Rule(path, str(document.get("id")), document, document["logsource"], detections, condition)


def read_detection(content: Any, values: Values = None) -> Detection:
    """Returns a detection: a map is joined by AND, a list by OR, a bare text or number is a keyword."""
    if isinstance(content, dict):
        return Every(tuple(read_item(str(key), value, values) for key, value in content.items()))
    if isinstance(content, list):
        return Some(tuple(read_detection(one, values) for one in content))
    return read_item("", content, values)


def detection_holds(detection: Detection, fields: Fields) -> bool:
    """Returns whether the detection holds for the fields."""
    match detection:
        case Every(parts):
            return all(detection_holds(part, fields) for part in parts)
        case Some(parts):
            return any(detection_holds(part, fields) for part in parts)
        case Item():
            return item_matches(detection, fields)


def seen_fields(event: Event, logsource: dict[str, Any]) -> Fields:
    """Returns the fields as rules of this category meet them; kept with the event."""
    category = str(logsource.get("category"))
    if category not in event.seen_as:
        event.seen_as[category] = fields_for(event, logsource.get("category"))
    fields: Fields = event.seen_as[category]
    return fields


def _lets_pass(document: dict[str, Any], rule: Rule, event: Event, values: Values) -> bool:
    """Returns whether a filter leaves the match: it is for other rules, or its condition says so."""
    content = document["filter"]
    wanted = content["rules"]
    is_meant = wanted == "any" or rule.rule_id in wanted or rule.document.get("name") in wanted
    source = {part: value for part, value in document["logsource"].items() if part != "definition"}
    if not is_meant or any(rule.logsource.get(part) != value for part, value in source.items()):
        return True
    named = {name: read_detection(one, values) for name, one in content.items() if name not in ("rules", "condition")}
    condition = conditions.parse_any(content["condition"], named)
    fields = seen_fields(event, rule.logsource)
    holds = conditions.holds(condition, lambda name: detection_holds(named[name], fields))
    first_word = str(content["condition"]).replace("(", " ").split()[0]
    return holds if first_word == "not" else not holds


def read_rules(folders: Iterable[Path]) -> tuple[list[Rule], list[tuple[str, str]]]:
    """Returns the rules of all YAML files below the folders that Windows events can serve, and the refused ones."""
    rules: list[Rule] = []
    refused: list[tuple[str, str]] = []
    for path, document in _documents(folders):
        if not is_mapped(document.get("logsource") or {}):
            continue
        try:
            rules.append(read_rule(document, str(path)))
        except Refused as reason:
            refused.append((str(path), str(reason)))
    return rules, refused


def _documents(folders: Iterable[Path]) -> Iterator[tuple[Path, dict[str, Any]]]:
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    for folder in folders:
        for path in sorted(folder.rglob("*.yml")):
            with path.open(encoding="utf-8") as stream:
                for document in yaml.load_all(stream, Loader=loader):
                    if isinstance(document, dict) and "detection" in document:
                        yield path, document


class RuleSet:
    """Rules put together by the log sources that an event's channel, id, provider and EventType can serve."""

    def __init__(self, rules: Iterable[Rule]) -> None:
        self.rules = list(rules)
        self._served: dict[tuple[object, ...], list[Rule]] = {}

    def rules_for(self, event: Event) -> list[Rule]:
        """Returns the rules whose log source the event serves."""
        bound = tuple(sorted(event.bound.items())) if event.bound is not None else None
        header = tuple(event.fields.get(name) for name in ("Channel", "EventID", "Provider_Name"))
        key = (bound, *header, event.fields.get("EventType") if header[1] == 12 else None)
        if key not in self._served:
            self._served[key] = [rule for rule in self.rules if serves(event, rule.logsource)]
        return self._served[key]

    def hits(self, event: Event) -> set[str]:
        """Returns the ids of the rules that match the event."""
        served = self.rules_for(event)
        return {rule.rule_id for rule in served if rule.holds_for(seen_fields(event, rule.logsource))}
