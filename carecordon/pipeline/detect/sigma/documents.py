"""YAML bytes to documents, hostile input included: every document of a file stands or falls alone.

Read from libyaml's events rather than by its composer, so that depth, aliases and repeated
keys are seen before anything is built. Scalars follow YAML 1.1 as all Sigma tools read it
(`yes` is true), but what YAML 1.1 and 1.2 read differently and an author means as
written (dates, 1:30, 007, 1_000, 1e5) stays text.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import yaml
from yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    StreamEndEvent,
)

from carecordon.pipeline.detect.sigma.refusal import Step

MAX_BYTES = 8 * 1024 * 1024
MAX_DEPTH = 64
MAX_NODES = 500_000
MAX_ALIAS_NODES = 10_000
"""How many nodes aliases may add to a document: enough for shared lists, too few for a bomb."""

_MARKER = re.compile(r"^(?:---|\.\.\.)(?=\s|\Z)", re.MULTILINE)
_BLANK = re.compile(r"(?:\s|#[^\n]*|%[^\n]*|---(?=\s|\Z))*+\Z")
_ID = re.compile(r"^id:[ \t]*['\"]?([^\s'\"#]+)", re.MULTILINE)
_NUMBER_STARTS = frozenset("0123456789+-.")
_INT = re.compile(r"[-+]?(?:0|[1-9][0-9]*)\Z")
_HEX = re.compile(r"[-+]?0x[0-9a-fA-F]+\Z")
_FLOAT = re.compile(r"[-+]?(?:[0-9]+\.[0-9]*|\.[0-9]+)(?:[eE][-+][0-9]+)?\Z")
_TAG = "tag:yaml.org,2002:"
_KINDS: dict[str, tuple[type, ...]] = {"int": (int,), "float": (int, float), "bool": (bool,), "null": (type(None),)}


def _spellings(*words: str) -> Iterator[str]:
    for word in words:
        yield from (word, word.capitalize(), word.upper())


_WORDS: dict[str, bool | None] = {
    **dict.fromkeys(_spellings("yes", "true", "on"), True),
    **dict.fromkeys(_spellings("no", "false", "off"), False),
    **dict.fromkeys(("", "~", *_spellings("null"))),
}

Places = dict[tuple[Step, ...], tuple[tuple[int, int], tuple[int, int]]]
"""Path in a document -> (line, column) of the key and of the value, both from 0."""


@dataclass(frozen=True, slots=True)
class Document:
    """One document: mappings are dicts with text keys (as written), lists lists, scalars str, int, float, bool, None.

    Parts may be shared (aliases): do not change them. `line` counts from 1.
    """

    content: Any
    line: int
    source: str
    offset: int

    def place(self, where: tuple[Step, ...], *, at_value: bool = False) -> tuple[int, int]:
        """Return line and column, from 1, of the key or value that `where` leads to, or the nearest place above."""
        places: Places = {}
        _Builder(self.source, places).document()
        while where not in places:
            where = where[:-1]
        line, column = places[where][at_value]
        return self.offset + line + 1, column + 1


@dataclass(frozen=True, slots=True)
class Broken:
    """A document that is no readable YAML. `line` and `column` count from 1; 0 = the whole file."""

    line: int
    column: int
    rule_id: str | None
    reason: str


def read(data: bytes) -> Iterator[Document | Broken]:
    """Yield the documents of a file in order; empty ones are left out."""
    if len(data) > MAX_BYTES:
        yield Broken(0, 0, None, f"the file is larger than {MAX_BYTES // 1024 // 1024} MiB; split it")
        return
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as fault:
        yield Broken(*_bytes_place(data, fault.start), None, "this is not UTF-8 text; save the file as UTF-8")
        return
    for offset, source in _pieces(text):
        if not _BLANK.match(source):
            yield _read_one(source, offset)


def is_blank(data: bytes) -> bool:
    """Return whether a file holds no document at all: nothing but white space and comments."""
    return bool(_BLANK.match(data.decode("utf-8-sig", "replace")))


def _pieces(text: str) -> Iterator[tuple[int, str]]:
    """Yield (lines before it, text) of each document, so that a broken one leaves the others whole."""
    if "\n---" not in text and "\n..." not in text:
        yield 0, text
        return
    start, lines = 0, 0
    for marker in _MARKER.finditer(text):
        yield lines, text[start : marker.start()]
        lines += text.count("\n", start, marker.start())
        start = marker.end() if marker.group() == "..." else marker.start()
    yield lines, text[start:]


def _read_one(source: str, offset: int) -> Document | Broken:
    found = _ID.search(source)
    rule_id = found.group(1) if found else None
    try:
        line, content = _Builder(source, None).document()
    except _Flaw as flaw:
        return Broken(offset + flaw.line + 1, flaw.column + 1, rule_id, flaw.reason)
    except yaml.MarkedYAMLError as fault:
        mark = fault.problem_mark or fault.context_mark
        line, column = (mark.line, mark.column) if mark else (0, 0)
        return Broken(offset + line + 1, column + 1, rule_id, f"not valid YAML: {fault.problem or fault.context}")
    except yaml.reader.ReaderError as fault:
        line, column = _bytes_place(source.encode(), fault.position)
        return Broken(offset + line, column, rule_id, f"not valid YAML: {fault.reason}")
    return Document(content, offset + line + 1, source, offset)


def _bytes_place(data: bytes, position: int) -> tuple[int, int]:
    before = data[:position].decode("utf-8-sig", "replace")
    return before.count("\n") + 1, len(before) - (before.rfind("\n") + 1) + 1


class _Flaw(Exception):
    """A document that YAML allows and we do not."""

    def __init__(self, mark: Any, reason: str) -> None:
        super().__init__(reason)
        self.line: int = mark.line
        self.column: int = mark.column
        self.reason = reason


class _Builder:
    """Builds the one document of `source`; notes where every key stands if given `places`."""

    def __init__(self, source: str, places: Places | None) -> None:
        self._next: Callable[[], Any] = yaml.CSafeLoader(source).get_event
        self._places = places
        self._anchors: dict[str, tuple[Any, int]] = {}
        self._nodes = 0
        self._aliased = 0

    def document(self) -> tuple[int, Any]:
        """Return the line (from 0) of the document's first node, and its content."""
        while not isinstance(event := self._next(), DocumentStartEvent):
            if isinstance(event, StreamEndEvent):
                raise _Flaw(event.start_mark, "the document is empty")
        event = self._next()
        line: int = event.start_mark.line
        if self._places is not None:
            self._note((), event, event)
        content = self._node(event, 0, ())
        self._next()
        if not isinstance(extra := self._next(), StreamEndEvent):
            raise _Flaw(extra.start_mark, "a second document starts here; separate documents by a line `---`")
        return line, content

    def _node(self, event: Any, depth: int, path: tuple[Step, ...]) -> Any:
        self._nodes += 1
        if isinstance(event, ScalarEvent):
            value = _scalar(event)
            if event.anchor:
                self._anchors[event.anchor] = (value, 1)
            return value
        if isinstance(event, AliasEvent):
            return self._alias(event)
        self._guard(event, depth)
        before = self._nodes + self._aliased
        is_map = isinstance(event, MappingStartEvent)
        content = self._mapping(depth + 1, path) if is_map else self._list(depth + 1, path)
        if event.anchor:
            self._anchors[event.anchor] = (content, self._nodes + self._aliased - before + 1)
        return content

    def _guard(self, event: Any, depth: int) -> None:
        if depth >= MAX_DEPTH:
            raise _Flaw(event.start_mark, f"nested deeper than {MAX_DEPTH} levels")
        if self._nodes > MAX_NODES:
            raise _Flaw(event.start_mark, f"more than {MAX_NODES:,} values in one document; split it")
        if event.tag not in (None, "!", _TAG + "map", _TAG + "seq"):
            raise _Flaw(event.start_mark, f"the YAML tag {event.tag} has no place in a rule")

    def _alias(self, event: Any) -> Any:
        if event.anchor not in self._anchors:
            raise _Flaw(event.start_mark, f"the alias *{event.anchor} stands for nothing before it")
        content, nodes = self._anchors[event.anchor]
        self._aliased += nodes
        if self._aliased > MAX_ALIAS_NODES:
            raise _Flaw(event.start_mark, f"aliases repeat more than {MAX_ALIAS_NODES:,} values; write them out")
        return content

    def _list(self, depth: int, path: tuple[Step, ...]) -> list[Any]:
        items: list[Any] = []
        while not isinstance(event := self._next(), SequenceEndEvent):
            inner = path if self._places is None else self._note((*path, len(items)), event, event)
            items.append(self._node(event, depth, inner))
            if len(items) > MAX_NODES:
                raise _Flaw(event.start_mark, f"more than {MAX_NODES:,} values in one document; split it")
        return items

    def _mapping(self, depth: int, path: tuple[Step, ...]) -> dict[str, Any]:
        content: dict[str, Any] = {}
        merged: list[Any] = []
        while not isinstance(event := self._next(), MappingEndEvent):
            key = self._key(event)
            if key in content:
                raise _Flaw(event.start_mark, f"the key `{key}` stands twice in this mapping; keep one")
            beside = self._next()
            inner = path if self._places is None else self._note((*path, key), event, beside)
            value = self._node(beside, depth, inner)
            if key == "<<" and event.implicit[0]:
                merged.extend(value if isinstance(value, list) else [value])
            else:
                content[key] = value
        for other in merged:
            if not isinstance(other, dict):
                raise _Flaw(event.start_mark, "`<<` merges mappings only")
            content = {**other, **content}
        return content

    def _key(self, event: Any) -> str:
        if not isinstance(event, ScalarEvent):
            raise _Flaw(event.start_mark, "a key must be plain text")
        self._nodes += 1
        if self._nodes > MAX_NODES:
            raise _Flaw(event.start_mark, f"more than {MAX_NODES:,} values in one document; split it")
        key: str = event.value
        if event.anchor:
            self._anchors[event.anchor] = (key, 1)
        return key

    def _note(self, path: tuple[Step, ...], key: Any, value: Any) -> tuple[Step, ...]:
        if self._places is not None:
            marks = (key.start_mark, value.start_mark)
            self._places[path] = ((marks[0].line, marks[0].column), (marks[1].line, marks[1].column))
        return path


def _scalar(event: Any) -> str | int | float | bool | None:
    text: str = event.value
    if event.implicit[0]:
        return _resolve(text)
    if event.implicit[1] or event.tag in ("!", _TAG + "str"):
        return text
    value = _resolve(text)
    if isinstance(value, _KINDS.get(event.tag.removeprefix(_TAG), ())):
        return value
    raise _Flaw(event.start_mark, f"the YAML tag {event.tag} does not fit here")


def _resolve(text: str) -> str | int | float | bool | None:
    """Return what a plain scalar stands for."""
    if text in _WORDS:
        return _WORDS[text]
    if text[0] not in _NUMBER_STARTS or len(text) > 300:
        return text
    if _INT.match(text):
        return int(text)
    if _HEX.match(text):
        return int(text, 16)
    return float(text) if _FLOAT.match(text) else text
