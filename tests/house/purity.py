"""Law 2, purity: floors 1 and 2 do no I/O, read no clock and draw no random number; they are handed them."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from tests.house.floors import FLOORS
from tests.house.tree import Source, Tree, Violation, dotted

WORLDLY_FLOOR = 3
TOUCHES_THE_WORLD = frozenset({"backends", "channels", "disk"})
"""Folders whose files reach outside by design: stores, the ways a notice takes to a person, where rules are read."""

MODULES = frozenset({
    "os", "io.open", "pathlib", "shutil", "tempfile", "glob", "fcntl", "mmap", "sqlite3", "zoneinfo",
    "socket", "ssl", "select", "selectors", "http", "urllib.request", "requests", "smtplib", "asyncio",
    "subprocess", "signal", "threading", "multiprocessing", "concurrent", "queue",
    "time", "random", "secrets", "uuid.uuid1", "uuid.uuid4", "numpy.random",
    "logging.handlers", "logging.basicConfig", "logging.FileHandler", "logging.StreamHandler",
    "pkgutil", "importlib",
})  # fmt: skip
HARMLESS = frozenset({"pathlib.PurePath", "pathlib.PurePosixPath", "pathlib.PureWindowsPath"})
BUILTINS = frozenset({"open", "print", "input", "breakpoint", "__import__"})
CLOCKS = frozenset({"now", "utcnow", "today"})
FILES = frozenset({
    "read_text", "read_bytes", "write_text", "write_bytes", "iterdir", "rglob", "mkdir", "unlink", "load_ruleset",
})  # fmt: skip
ATTRIBUTES = frozenset({
    "sys.stdin", "sys.stdout", "sys.stderr", "sys.argv",
    "np.random", "np.load", "np.save", "np.fromfile", "np.memmap",
    "numpy.random", "numpy.load", "numpy.save", "numpy.fromfile", "numpy.memmap",
    "uuid.uuid1", "uuid.uuid4", "io.open", "logging.basicConfig", "logging.FileHandler", "logging.StreamHandler",
})  # fmt: skip

FEEDS = "carecordon/pipeline/ingest/feeds/__init__.py"
ALLOWED: dict[tuple[str, str], str] = {
    (FEEDS, "pkgutil"): "a shelf lists its own folder, so that adding a file is all it takes",
    (FEEDS, "importlib"): "and imports what it lists",
}
"""(path, what) to the reason why it may stand there; one that is no longer needed is a violation too."""


def purity(tree: Tree) -> Iterator[Violation]:
    """Yield every touch of the world on floors 1 and 2 that has no allowance, and allowances without use."""
    used: set[tuple[str, str]] = set()
    for source in tree.package:
        if not _must_be_pure(source):
            continue
        for line, what in touches(source):
            used.add((source.path, what))
            if (source.path, what) not in ALLOWED:
                yield Violation(source.path, line, "purity", f"`{what}` touches the world, a clock or chance")
    for path, what in ALLOWED:
        if path in tree.sources and (path, what) not in used:
            yield Violation(path, 1, "purity", f"the allowance for `{what}` is no longer needed: remove it")


def _must_be_pure(source: Source) -> bool:
    room = source.parts[1] if len(source.parts) > 1 else ""
    return FLOORS.get(room, WORLDLY_FLOOR) < WORLDLY_FLOOR and not TOUCHES_THE_WORLD.intersection(source.parts)


def touches(source: Source) -> Iterator[tuple[int, str]]:
    """Yield (line, name) of each import, name, attribute or call that reaches out of the process."""
    for node in ast.walk(source.syntax):
        for what in _touches(node):
            yield getattr(node, "lineno", 1), what


def _touches(node: ast.AST) -> list[str]:
    match node:
        case ast.Import(names=names):
            return [name for name in (alias.name for alias in names) if _is_worldly(name)]
        case ast.ImportFrom(module=str(module), names=names, level=0):
            return [name for name in (f"{module}.{alias.name}" for alias in names) if _is_worldly(name)]
        case ast.Name(id=name, ctx=ast.Load()) if name in BUILTINS:
            return [name]
        case ast.Attribute() if dotted(node) in ATTRIBUTES:
            return [dotted(node)]
        case ast.Call(func=ast.Attribute(attr=attr)) if attr in CLOCKS or attr in FILES:
            return [f".{attr}()"]
        case _:
            return []


def _is_worldly(name: str) -> bool:
    """Say whether the dotted name is a banned module, or is inside one."""
    parts = name.split(".")
    prefixes = {".".join(parts[:end]) for end in range(1, len(parts) + 1)}
    return name not in HARMLESS and bool(prefixes & MODULES)
