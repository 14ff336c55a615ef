"""Rules with one thing left out: what a proof must notice."""

from __future__ import annotations

from collections.abc import Iterator
from typing import assert_never

import msgspec

from carecordon.pipeline.detect.sigma.ir import Always, And, Correlation, Item, Node, Not, Or


def drops(node: Node, *, neutral: bool = True) -> Iterator[tuple[str, Node]]:
    """Yield (what was left out, the tree without it) for each item and each group of items.

    What is left out becomes the constant that the place around it does not feel: true
    under an and, false under an or, the opposite beneath a not. `neutral` is that constant
    for the node itself. A group of one is transparent.
    """
    match node:
        case Always():
            return
        case Item():
            yield describe(node), Always(neutral)
        case Not(part):
            for label, changed in drops(part, neutral=not neutral):
                yield label, Not(changed)
        case And(parts) | Or(parts):
            if len(parts) > 1:
                yield describe(node), Always(neutral)
            inner = isinstance(node, And) if len(parts) > 1 else neutral
            for place, part in enumerate(parts):
                for label, changed in drops(part, neutral=inner):
                    yield label, type(node)((*parts[:place], changed, *parts[place + 1 :]))
        case _:
            assert_never(node)


def value_drops(node: Node) -> Iterator[tuple[str, Node]]:
    """Yield (what was left out, the tree without it) for each value of an item that has several."""
    match node:
        case Item(atoms, every):
            for atom in atoms if len(atoms) > 1 else ():
                yield describe(Item((atom,))), Item(tuple(other for other in atoms if other != atom), every)
        case Not(part):
            for label, changed in value_drops(part):
                yield label, Not(changed)
        case And(parts) | Or(parts):
            for place, part in enumerate(parts):
                for label, changed in value_drops(part):
                    yield label, type(node)((*parts[:place], changed, *parts[place + 1 :]))
        case Always():
            return


def weakened(correlation: Correlation) -> Iterator[tuple[str, Correlation]]:
    """Yield (what was left out, the correlation without it): bounds, group-by, timespan, distinct values, rules."""
    for place, (op, figure) in enumerate(correlation.bounds):
        bounds = (*correlation.bounds[:place], ("gte", 0.0), *correlation.bounds[place + 1 :])
        yield f"condition {op} {figure:g}", msgspec.structs.replace(correlation, bounds=bounds)
    for name in correlation.group_by:
        kept = tuple(other for other in correlation.group_by if other != name)
        yield f"group-by {name}", msgspec.structs.replace(correlation, group_by=kept)
    yield "timespan", msgspec.structs.replace(correlation, timespan_s=correlation.timespan_s * 1000)
    if correlation.type == "value_count":
        counted = msgspec.structs.replace(correlation, type="event_count", fields=())
        yield f"the counting of distinct {', '.join(correlation.fields)}", counted
    if correlation.type in {"temporal", "temporal_ordered"}:
        for place, rule_id in enumerate(correlation.rules):
            fewer = (*correlation.rules[:place], *correlation.rules[place + 1 :])
            bounds = (("gte", float(len(fewer))),) if _wants_all(correlation) else correlation.bounds
            yield f"rule {rule_id}", msgspec.structs.replace(correlation, rules=fewer, bounds=bounds)


def _wants_all(correlation: Correlation) -> bool:
    return correlation.expression is None and correlation.bounds == (("gte", float(len(correlation.rules))),)


def describe(node: Node) -> str:
    """Return a node in words short enough for one line of a report."""
    match node:
        case Item(atoms, every):
            first = atoms[0]
            more = f" and {len(atoms) - 1} more" if len(atoms) > 1 else ""
            joined = " all of" if every else ""
            return f"{first.field or 'keyword'} {first.op.value}{joined} {first.value!r}{more}"
        case Not(part):
            return f"not {describe(part)}"
        case And(parts):
            return "(" + " and ".join(describe(part) for part in parts) + ")"
        case Or(parts):
            return "(" + " or ".join(describe(part) for part in parts) + ")"
        case Always(holds):
            return "always" if holds else "never"
        case _:
            assert_never(node)
