"""How much larger a question becomes when the store puts in, for each name, what it stands for.

The store does that before any of its limits on time and memory holds: names that double each other, ten deep, keep it
busy for minutes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from sqlglot import exp


class Circular(Exception):
    """Two names of one SELECT stand for each other."""


def expanded(tree: exp.Expr) -> int:
    """Return how many parts the names given by AS stand for, wherever they are used. Raises Circular."""
    total = 0
    waiting: list[tuple[exp.Expr, dict[str, int]]] = [(tree, {})]
    while waiting:
        query, outer = waiting.pop()
        weights = _weights(query, outer)
        for node in _own(query):
            if node is not query and isinstance(node, exp.Query):
                waiting.append((node, weights))
            elif isinstance(node, exp.Column):
                total += weights.get(node.name, 0)
    return total


def _own(query: exp.Expr) -> Iterator[exp.Expr]:
    """Yield the parts of a query, and each query within it without its own parts."""
    return query.walk(prune=lambda node: node is not query and isinstance(node, exp.Query))


def _weights(query: exp.Expr, outer: Mapping[str, int]) -> dict[str, int]:
    """Return, by name, how many parts it stands for in a query; `outer`: what the query around it gives."""
    given: dict[str, list[exp.Expr]] = {}
    for node in _own(query):
        if isinstance(node, exp.Alias):
            given.setdefault(node.alias, []).append(node.this)
    known: dict[str, int] = {}
    under_way: list[str] = []

    def weigh(name: str) -> int:
        if name in known or name not in given:
            return known.get(name, outer.get(name, 0))
        if name in under_way:
            if under_way[-1] != name:  # `lower(Image) AS Image` is of the column
                raise Circular(f"the names {name!r} and {under_way[-1]!r} stand for each other")
            return 0
        under_way.append(name)
        weight = 0
        for made in given[name]:
            for node in made.walk():
                weight += 1 + (weigh(node.name) if isinstance(node, exp.Column) else 0)
        under_way.pop()
        known[name] = weight
        return weight

    return {**outer, **{name: weigh(name) for name in given}}
