"""Law 4 and the conventions: names, length, docstrings, dangerous calls, open ends and switched-off checks."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import PurePosixPath

from tests.house.tree import Tree, Violation, dotted

MAX_LINES = 400
EMPTY_NAMES = frozenset({
    "util", "utils", "helper", "helpers", "common", "base", "core", "manager", "managers", "misc",
})  # fmt: skip
DANGEROUS_MODULES = frozenset({"pickle", "cPickle", "dill", "marshal", "shelve"})
DANGEROUS_CALLS = frozenset({"eval", "exec"})
DANGEROUS_YAML = frozenset({"yaml.load", "yaml.load_all", "yaml.unsafe_load", "yaml.full_load"})
EXTRACTION = frozenset({"extract", "extractall", "unpack_archive"})
OPEN_END = re.compile(r"\b(TODO|FIXME|XXX)\b")
ISSUE = re.compile(r"#\d+")
WHOLE_FILE = re.compile(r"#\s*(ruff|flake8):\s*noqa|#\s*mypy:\s*(ignore|disable|allow)", re.IGNORECASE)
PRAGMA = re.compile(r"#\s*(noqa\b|type:\s*ignore|pragma:\s*no cover)", re.IGNORECASE)
CODED = re.compile(r"#\s*(noqa:\s*[A-Z]+\d+(\s*,\s*[A-Z]+\d+)*|type:\s*ignore\[[\w-]+(\s*,\s*[\w-]+)*\])")
REASON_WORDS = 3


def names(tree: Tree) -> Iterator[Violation]:
    """Yield files and folders named after nothing."""
    for source in tree.sources.values():
        for part in source.parts:
            if EMPTY_NAMES.intersection(part.lower().split("_")):
                yield Violation(source.path, 1, "names", f"`{part}` does not say what is inside")


def length(tree: Tree) -> Iterator[Violation]:
    """Yield files of more than 400 lines."""
    for source in tree.sources.values():
        lines = source.text.count("\n")
        if lines > MAX_LINES:
            yield Violation(source.path, MAX_LINES + 1, "length", f"{lines} lines: split at {MAX_LINES}")


def docstrings(tree: Tree) -> Iterator[Violation]:
    """Yield files that do not say their one idea, and folders of code without an `__init__.py` that does."""
    folders = {str(PurePosixPath(path).parent) for path in tree.sources}
    for folder in sorted(folders):
        if f"{folder}/__init__.py" not in tree.sources:
            yield Violation(f"{folder}/__init__.py", 1, "docstrings", "a folder of code has an __init__.py")
    for source in tree.sources.values():
        if not ast.get_docstring(source.syntax):
            yield Violation(source.path, 1, "docstrings", "the first line says the file's one idea")


def dangers(tree: Tree) -> Iterator[Violation]:
    """Yield what must never meet hostile input: unpickling, unsafe YAML, code from text, unpacked archives."""
    for source in tree.sources.values():
        for node in ast.walk(source.syntax):
            for what in _dangers(node):
                if source.in_package or what not in DANGEROUS_YAML:  # a test may name a safe loader: ruff's S506 looks
                    yield Violation(source.path, getattr(node, "lineno", 1), "dangers", f"`{what}` is never used here")


def _dangers(node: ast.AST) -> list[str]:
    match node:
        case ast.Import(names=aliases):
            return [alias.name for alias in aliases if alias.name.split(".")[0] in DANGEROUS_MODULES]
        case ast.ImportFrom(module=str(module), names=aliases):
            full = [f"{module}.{alias.name}" for alias in aliases]
            return [name for name in full if name in DANGEROUS_YAML or name.split(".")[0] in DANGEROUS_MODULES]
        case ast.Attribute() if dotted(node) in DANGEROUS_YAML:
            return [dotted(node)]
        case ast.Name(id=name, ctx=ast.Load()) if name in DANGEROUS_CALLS:
            return [name]
        case ast.Call(func=ast.Attribute(attr=attr)) if attr in EXTRACTION:
            return [f".{attr}()"]
        case _:
            return []


def open_ends(tree: Tree) -> Iterator[Violation]:
    """Yield comments that put work off without the number of an issue."""
    for source in tree.sources.values():
        for line, comment in source.comments:
            if OPEN_END.search(comment) and not ISSUE.search(comment):
                yield Violation(source.path, line, "open ends", "work put off names its issue, as `#12`")


def switched_off(tree: Tree) -> Iterator[Violation]:
    """Yield switched-off checks without their code and, on the same line, the reason."""
    for source in tree.sources.values():
        for line, comment in source.comments:
            if WHOLE_FILE.search(comment):
                yield Violation(source.path, line, "switched off", "no check is switched off for a whole file")
            elif PRAGMA.search(comment) and not _is_coded_with_reason(comment):
                yield Violation(source.path, line, "switched off", "a switched-off check names its code and its reason")


def _is_coded_with_reason(comment: str) -> bool:
    rest = CODED.sub("", comment)
    return not PRAGMA.search(rest) and len(re.findall(r"[A-Za-z`_']{2,}", rest)) >= REASON_WORDS
