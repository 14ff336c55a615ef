"""A layer for the ATT&CK Navigator: which techniques the incidents show, in how many of them, and by which rules.

To open in the Navigator: "Open Existing Layer". Only incidents count; a technique that no
rule names is not there, which does not mean that nobody used it.
Source: mitre-attack/attack-navigator, layers/spec/v4.5/layerformat.md.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson

from carecordon.model.incident import Case
from carecordon.model.match import RuleHead
from carecordon.model.result import Result
from carecordon.report.format import Format, View
from carecordon.report.layout import number
from carecordon.report.visible import visible

LAYER = "4.5"
NAVIGATOR_LEAST = "4.9.0"
"""The oldest Navigator that reads such a layer."""
COLOURS = ("#fff4e5", "#f08c00", "#a30d22")
RULES_NAMED = 20
_TECHNIQUE = re.compile(r"T[0-9]{4}(?:\.[0-9]{3})?")


@dataclass(slots=True)
class _Seen:
    """One technique: in how many incidents, alerts and correlations, and by which rules."""

    incidents: int = 0
    alerts: int = 0
    correlations: int = 0
    rules: dict[str, None] = field(default_factory=dict)


def tell(result: Result, _view: View) -> Iterator[str]:
    """Return the layer as JSON."""
    yield orjson.dumps(layer(result), option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE).decode()


def layer(result: Result) -> dict[str, Any]:
    """Return the layer; a technique's score is the number of incidents that show it."""
    seen = _seen(result.cases)
    most = max((one.incidents for one in seen.values()), default=1)
    return {
        "name": "Carecordon incidents",
        "versions": {"navigator": NAVIGATOR_LEAST, "layer": LAYER},
        "domain": "enterprise-attack",
        "description": _description(result),
        "sorting": 3,
        "layout": {"layout": "side", "showID": True, "showName": True, "expandedSubtechniques": "annotated"},
        "hideDisabled": False,
        "techniques": [*_techniques(seen), *_parents(seen)],
        "gradient": {"colors": list(COLOURS), "minValue": 0, "maxValue": max(1, most)},
        "legendItems": [{"label": "in most incidents", "color": COLOURS[-1]}],
        "metadata": [
            {"name": "Carecordon", "value": visible(result.begin.version)},
            {"name": "SHA-256 of the rules", "value": visible(result.begin.rules_hash)},
        ],
        "selectTechniquesAcrossTactics": True,
        "selectSubtechniquesWithParent": False,
    }


def _description(result: Result) -> str:
    events = number(result.closing.summary.events_read, "event", "events")
    text = (
        f"{number(len(result.cases), 'incident', 'incidents')} in {events}. Score: incidents that show the technique."
    )
    return f"{text} The scan was stopped early." if result.closing.summary.partial else text


def _seen(cases: Sequence[Case]) -> dict[str, _Seen]:
    """Return the techniques of all incidents by id, the first seen first."""
    seen: dict[str, _Seen] = {}
    for case in cases:
        one = case.incident
        rules = [(alert.rule, True) for alert in one.alerts] + [(chain.rule, False) for chain in one.chains]
        named = (technique for rule, _ in rules for technique in rule.techniques)
        for technique in dict.fromkeys((*one.techniques, *named)):
            if _TECHNIQUE.fullmatch(technique):
                seen.setdefault(technique, _Seen()).incidents += 1
        for rule, is_alert in rules:
            _add(seen, rule, is_alert=is_alert)
    return seen


def _add(seen: dict[str, _Seen], rule: RuleHead, *, is_alert: bool) -> None:
    for technique in rule.techniques:
        if technique in seen:
            seen[technique].alerts += is_alert
            seen[technique].correlations += not is_alert
            seen[technique].rules[visible(rule.title)] = None


def _techniques(seen: dict[str, _Seen]) -> Iterator[dict[str, Any]]:
    for technique, one in sorted(seen.items()):
        titles = list(one.rules)
        named = "; ".join(titles[:RULES_NAMED])
        more = f" and {len(titles) - RULES_NAMED:,} more rules" if len(titles) > RULES_NAMED else ""
        yield {
            "techniqueID": technique,
            "score": one.incidents,
            "comment": f"{_counted(one)}: {named}{more}" if named else "",
            "enabled": True,
            "showSubtechniques": True,
        }


def _counted(one: _Seen) -> str:
    alerts = number(one.alerts, "alert", "alerts")
    correlations = number(one.correlations, "correlation", "correlations")
    return ", ".join(text for text, many in ((alerts, one.alerts), (correlations, one.correlations)) if many)


def _parents(seen: dict[str, _Seen]) -> Iterator[dict[str, Any]]:
    """Yield techniques that only a sub-technique of was seen, unscored, so that this one is shown."""
    for parent in sorted({technique.partition(".")[0] for technique in seen} - set(seen)):
        yield {"techniqueID": parent, "enabled": True, "showSubtechniques": True}


NAVIGATOR = Format("navigator", tell)
