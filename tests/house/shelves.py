"""Law 3, shelves: a file on a shelf holds one frozen object, named like the file in capitals."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from tests.house.tree import Source, Tree, Violation, dotted

SHELVES = frozenset({
    "sources", "actions", "feeds", "analytics", "formats", "standards", "channels", "backends",
    "worlds", "scenarios", "habits", "oddities", "pages", "api",
})  # fmt: skip
TUPLES = frozenset({"NamedTuple", "typing.NamedTuple"})


def shelves(tree: Tree) -> Iterator[Violation]:
    """Yield files on a shelf that lack their object, or whose object is not of a frozen class of ours."""
    for source in tree.package:
        if source.parts[-2] not in SHELVES or source.parts[-1] == "__init__":
            continue
        name = source.parts[-1].upper()
        found = _assigned(source, name)
        if found is None:
            yield Violation(source.path, 1, "shelves", f"a file on a shelf defines its object `{name}`")
        elif not _is_frozen(source, found, tree):
            yield Violation(source.path, found.lineno, "shelves", f"`{name}` is an object of a frozen class of ours")


def _assigned(source: Source, name: str) -> ast.expr | None:
    """Return what the module-level name is set to, None where it is not set."""
    for node in source.syntax.body:
        match node:
            case ast.Assign(targets=[ast.Name(id=target)], value=value) if target == name:
                return value
            case ast.AnnAssign(target=ast.Name(id=target), value=ast.expr() as value) if target == name:
                return value
            case _:
                continue
    return None


def _is_frozen(source: Source, value: ast.expr, tree: Tree) -> bool:
    if not (isinstance(value, ast.Call) and isinstance(value.func, ast.Name)):
        return False
    made = _class(source, value.func.id, tree)
    return made is not None and _declares_frozen(made)


def _class(source: Source, name: str, tree: Tree) -> ast.ClassDef | None:
    """Return the class that `name` means in the file: defined there, or imported from a file of ours."""
    for node in source.syntax.body:
        if isinstance(node, ast.ClassDef) and node.name == name:
            return node
        if isinstance(node, ast.ImportFrom) and node.module in tree.modules:
            for alias in node.names:
                if (alias.asname or alias.name) == name:
                    return _class(tree.modules[node.module], alias.name, tree)
    return None


def _declares_frozen(made: ast.ClassDef) -> bool:
    """Say whether it is a frozen dataclass, a frozen msgspec Struct or a NamedTuple."""
    if any(dotted(base) in TUPLES for base in made.bases):
        return True
    options = [*made.keywords, *(word for node in made.decorator_list for word in _keywords(node))]
    return any(
        word.arg == "frozen" and isinstance(word.value, ast.Constant) and word.value.value is True for word in options
    )


def _keywords(node: ast.expr) -> list[ast.keyword]:
    return node.keywords if isinstance(node, ast.Call) else []
