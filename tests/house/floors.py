"""Law 1, floors: a room imports only from lower floors, stations meet only in the journey, nothing goes in circles."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import NamedTuple

from tests.house.tree import PACKAGE, Source, Tree, Violation, dotted

FLOORS = {
    "model": 1,
    "sources": 2, "actions": 2, "wire": 2, "pipeline": 2, "report": 2, "estate": 2, "compliance": 2, "notify": 2,
    "federation": 2, "telemetry": 2, "register": 2, "stream": 2,
    "scan": 3, "agent": 3, "hub": 3,
    "console": 4, "exercise": 4, "bench": 4,
    "cli": 5,
}  # fmt: skip
STATIONS = frozenset({"ingest", "detect", "triage", "respond"})
JOURNEY = "journey"


class Import(NamedTuple):
    """One name that a file imports from us, wherever in the file it does so."""

    line: int
    parts: tuple[str, ...]
    """The dotted name without the package, e.g. ('pipeline', 'detect', 'sigma')."""


def imports_of(source: Source) -> Iterator[Import]:
    """Yield what a file imports from the package: at the top, in functions, for types, and by importlib."""
    for node in ast.walk(source.syntax):
        for name in _imported_names(node):
            first, *rest = name.split(".")
            if first == PACKAGE:
                yield Import(getattr(node, "lineno", 1), tuple(rest))


def _imported_names(node: ast.AST) -> list[str]:
    match node:
        case ast.Import(names=names):
            return [alias.name for alias in names]
        case ast.ImportFrom(module=str(module), names=names, level=0):
            return [f"{module}.{alias.name}" for alias in names]
        case ast.Call(func=func, args=[ast.Constant(value=str(name)), *_]):
            by_name = dotted(func) in {"importlib.import_module", "import_module", "__import__"}
            return [name] if by_name else []
        case _:
            return []


def floors(tree: Tree) -> Iterator[Violation]:
    """Yield imports that go up or sideways, relative imports, and rooms that the design does not name."""
    for source in tree.package:
        room = _room(source.parts[1:])
        if room is None:
            yield Violation(source.path, 1, "floors", f"the design names no room `{source.parts[1]}`")
            continue
        yield from _relative(source)
        for imported in imports_of(source):
            reason = _forbidden(source, room, imported)
            if reason:
                yield Violation(source.path, imported.line, "floors", reason)


def _room(parts: tuple[str, ...]) -> str | None:
    """Return the room a path is in, '' for the package's own __init__ (its name and version), None if unknown.

    `python -m carecordon` is the command line by another name.
    """
    if not parts or parts == ("__init__",):
        return ""
    if parts == ("__main__",):
        return "cli"
    return parts[0] if parts[0] in FLOORS else None


def _relative(source: Source) -> Iterator[Violation]:
    for node in ast.walk(source.syntax):
        if isinstance(node, ast.ImportFrom) and node.level:
            yield Violation(source.path, node.lineno, "floors", "imports are absolute")


def _forbidden(source: Source, room: str, imported: Import) -> str:
    """Return why `source` may not import this, or ''."""
    other = imported.parts[0] if imported.parts else ""
    if other not in FLOORS:  # a name of the package itself, such as its version
        return ""
    if other == room:
        return _between_stations(source, imported) if room == "pipeline" else ""
    here, there = FLOORS.get(room, 0), FLOORS[other]
    if there < here:
        return ""
    way = "from a higher floor" if there > here else "from its own floor"
    return f"`{room or PACKAGE}` (floor {here}) imports `{other}` (floor {there}) {way}"


def _between_stations(source: Source, imported: Import) -> str:
    station = source.parts[2] if len(source.parts) > 2 else ""
    other = imported.parts[1] if len(imported.parts) > 1 else ""
    if station in (JOURNEY, other):
        return ""
    if other in STATIONS or other == JOURNEY:
        return f"only pipeline/journey.py joins the stations, yet `{station}` imports `{other}`"
    return ""


def outward(tree: Tree) -> Iterator[Violation]:
    """Yield files of the package that import the tests."""
    for source in tree.package:
        for node in ast.walk(source.syntax):
            if any(name.split(".")[0] == "tests" for name in _imported_names(node)):
                yield Violation(source.path, getattr(node, "lineno", 1), "floors", "the package imports the tests")


def circles(tree: Tree) -> Iterator[Violation]:
    """Yield one violation for each circle of imports, at the file where the search met it."""
    edges = {source.module: _modules(source, tree) for source in tree.package}
    done: set[str] = set()
    for start in edges:
        path: list[str] = []
        yield from _search(start, edges, path, done, tree)


def _modules(source: Source, tree: Tree) -> set[str]:
    found: set[str] = set()
    for imported in imports_of(source):
        name = ".".join((PACKAGE, *imported.parts))
        parent = name.rpartition(".")[0]
        found.update(module for module in (name, parent) if module in tree.modules)
        if name in tree.modules:  # `from package import module` needs only the module
            found.discard(parent)
    return found - {source.module}


def _search(
    module: str, edges: dict[str, set[str]], path: list[str], done: set[str], tree: Tree
) -> Iterator[Violation]:
    if module in path:
        circle = " -> ".join([*path[path.index(module) :], module])
        yield Violation(tree.modules[module].path, 1, "circles", circle)
        return
    if module in done:
        return
    path.append(module)
    for target in sorted(edges.get(module, ())):
        yield from _search(target, edges, path, done, tree)
    path.pop()
    done.add(module)
