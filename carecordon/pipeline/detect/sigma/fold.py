"""Joins nodes and keeps them small: flat, without constants, one item per field where that means the same."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from carecordon.pipeline.detect.sigma.ir import Always, And, Atom, Item, Node, Not, Or


def all_of(nodes: Iterable[Node]) -> Node:
    """Return the node that holds where all of these hold; none = always."""
    parts: dict[Node, None] = {}
    for node in nodes:
        if node == Always(holds=False):
            return node
        if node != Always(holds=True):
            parts.update(dict.fromkeys(node.parts if isinstance(node, And) else (node,)))
    return _only(parts) if len(parts) == 1 else And(tuple(parts)) if parts else Always(holds=True)


def some_of(nodes: Iterable[Node]) -> Node:
    """Return the node that holds where at least one of these holds, each as it is; none = never."""
    parts: dict[Node, None] = {}
    for node in nodes:
        if node == Always(holds=True):
            return node
        if node != Always(holds=False):
            parts.update(dict.fromkeys(node.parts if isinstance(node, Or) else (node,)))
    return _only(parts) if len(parts) == 1 else Or(tuple(parts)) if parts else Always(holds=False)


def any_of(nodes: Iterable[Node]) -> Node:
    """Return what `some_of` does, with the items of one field made one, which the engine looks up at once."""
    node = some_of(nodes)
    if not isinstance(node, Or):
        return node
    parts = _merge(node.parts)
    return parts[0] if len(parts) == 1 else Or(tuple(parts))


def merged(node: Node) -> Node:
    """Return the same condition with one item per field wherever several would do the same."""
    match node:
        case And(parts):
            return all_of(map(merged, parts))
        case Or(parts):
            return any_of(map(merged, parts))
        case Not(part):
            return negate(merged(part))
        case Item() | Always():
            return node


def negate(node: Node) -> Node:
    """Return the node that holds where this one does not."""
    match node:
        case Not(part):
            return part
        case Always(holds):
            return Always(holds=not holds)
        case _:
            return Not(node)


def weigh(node: Node, weight: Callable[[Item], int]) -> int:
    """Return what the items of a node weigh together."""
    match node:
        case Item():
            return weight(node)
        case And(parts) | Or(parts):
            return sum(weigh(part, weight) for part in parts)
        case Not(part):
            return weigh(part, weight)
        case Always():
            return 0


def atoms_of(node: Node) -> Iterable[Atom]:
    """Yield every atom of a node."""
    match node:
        case Item(atoms):
            yield from atoms
        case And(parts) | Or(parts):
            for part in parts:
                yield from atoms_of(part)
        case Not(part):
            yield from atoms_of(part)
        case Always():
            return


def _only(parts: dict[Node, None]) -> Node:
    return next(iter(parts))


def _merge(parts: Iterable[Node]) -> list[Node]:
    """Merge the items of one field that ask for any of their atoms; the first keeps its place."""
    joined: list[Node] = []
    first: dict[str, int] = {}
    atoms: dict[str, dict[Atom, None]] = {}
    for part in parts:
        if not isinstance(part, Item) or (part.every and len(part.atoms) > 1):
            joined.append(part)
            continue
        field = part.atoms[0].field
        if field not in first:
            first[field] = len(joined)
            joined.append(part)
        atoms.setdefault(field, {}).update(dict.fromkeys(part.atoms))
    for field, at in first.items():
        joined[at] = Item(tuple(atoms[field]))
    return joined
