"""The tree as the laws read it: every Python file parsed once, and what a violation says."""

from __future__ import annotations

import ast
import io
import tokenize
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import NamedTuple

PACKAGE = "carecordon"
SCANNED = (PACKAGE, "sample", "tests")


class Violation(NamedTuple):
    """One place that breaks a law; reads `path:line: law: what is wrong`."""

    path: str
    line: int
    law: str
    text: str

    def __str__(self) -> str:
        """Return the line that a person clicks on."""
        return f"{self.path}:{self.line}: {self.law}: {self.text}"


@dataclass(frozen=True)
class Source:
    """One Python file; `path` is relative to the tree's top, with forward slashes."""

    path: str
    text: str

    @cached_property
    def syntax(self) -> ast.Module:
        """Return the parsed file."""
        return ast.parse(self.text, self.path)

    @cached_property
    def comments(self) -> list[tuple[int, str]]:
        """Return (line, text) of every comment."""
        tokens = tokenize.generate_tokens(io.StringIO(self.text).readline)
        return [(token.start[0], token.string) for token in tokens if token.type == tokenize.COMMENT]

    @cached_property
    def parts(self) -> tuple[str, ...]:
        """Return the folders of the path and the file's stem."""
        return PurePosixPath(self.path).with_suffix("").parts

    @property
    def in_package(self) -> bool:
        """Say whether the file ships with the package."""
        return self.parts[0] == PACKAGE

    @property
    def module(self) -> str:
        """Return the dotted name that the file is imported by."""
        return ".".join(part for part in self.parts if part != "__init__")


@dataclass(frozen=True)
class Tree:
    """All Python files under the scanned folders, by path."""

    sources: dict[str, Source]

    @cached_property
    def package(self) -> list[Source]:
        """Return the files that ship."""
        return [source for source in self.sources.values() if source.in_package]

    @cached_property
    def modules(self) -> dict[str, Source]:
        """Return the files by the name they are imported by."""
        return {source.module: source for source in self.sources.values()}


def read_tree(top: Path) -> Tree:
    """Return the Python files of the scanned folders under `top`."""
    paths = sorted(path for folder in SCANNED for path in (top / folder).rglob("*.py"))
    named = ((path.relative_to(top).as_posix(), path.read_text("utf-8")) for path in paths)
    return Tree({name: Source(name, text) for name, text in named})


def dotted(node: ast.AST) -> str:
    """Return `a.b.c` for such an expression, '' for any other."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        owner = dotted(node.value)
        return f"{owner}.{node.attr}" if owner else ""
    return ""
