"""A filter document: what to suppress in other rules. Source: Sigma filters specification 2.1.

The filter's condition names what is to be suppressed, as in the specification's own
example: a rule then matches where the filter does not. A condition that starts with `not`
is one written for pySigma, which joins it with `and` as it stands.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import msgspec

from carecordon.model.event import LogSource
from carecordon.pipeline.detect.sigma.convert import fields_of, read_detection
from carecordon.pipeline.detect.sigma.fold import all_of, negate
from carecordon.pipeline.detect.sigma.head import read_head, read_logsource
from carecordon.pipeline.detect.sigma.ir import Node, Rule
from carecordon.pipeline.detect.sigma.refusal import BadRule
from carecordon.pipeline.detect.sigma.texts import Values

ANY = "any"
_KEEPS = re.compile(r"[\s(]*not(?=[\s(])", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Filter:
    """`keep` must hold beside a rule's own condition. `references` are ids or names; None = every rule."""

    logsource: LogSource
    keep: Node
    references: tuple[str, ...] | None

    def fits(self, logsource: LogSource) -> bool:
        """Return whether a rule's log source is this one or a narrower one."""
        return all(mine in (None, theirs) for mine, theirs in zip(self.logsource, logsource, strict=True))

    def apply(self, rule: Rule) -> Rule:
        """Return the rule without what the filter suppresses."""
        condition = all_of([rule.condition, self.keep])
        fields = tuple(sorted({*rule.fields, *fields_of(self.keep)}))
        return msgspec.structs.replace(rule, condition=condition, fields=fields)


def read_filter(content: dict[str, Any], values: Values) -> Filter:
    """Return the filter of a document. Raises BadRule with where it is at fault."""
    read_head(content)
    logsource = read_logsource(content)
    try:
        return _filter(content["filter"], logsource, values)
    except BadRule as bad:
        raise bad.under("filter") from bad


def _filter(section: Any, logsource: LogSource, values: Values) -> Filter:
    if not isinstance(section, dict):
        raise BadRule("`filter` must be a mapping with rules, selections and a condition")
    references = _references(section.get("rules"))
    condition = section.get("condition")
    if not isinstance(condition, str):
        raise BadRule("a filter needs one `condition`, a text", "condition")
    node = read_detection(section, values, beside=frozenset({"rules"}))
    return Filter(logsource, node if _KEEPS.match(condition) else negate(node), references)


def _references(raw: Any) -> tuple[str, ...] | None:
    items = raw if isinstance(raw, list) else [raw]
    if [item.lower() if isinstance(item, str) else item for item in items] == [ANY]:
        return None
    if raw is None or not items or not all(isinstance(item, str) and item.strip() for item in items):
        raise BadRule("`rules` must name the rules to filter by id or name, or say `any`", "rules")
    return tuple(item.strip() for item in items)
