"""Windows events as XML: the export of Event Viewer, and the `<Event>`s that wevtutil prints one after another.

Sees: UTF-8 and UTF-16, with or without `<Events>` around; rendered messages. Gives the shape that EVTX gives.
Costs: about 60 µs an event.
Misses: events over 2 MiB; carriage returns (XML drops them before a line end); the difference of null and '',
which XML does not show: '' in EventData, null elsewhere.
Dangers: a document type is told and ignored, an entity of its own makes the event that uses it a bad one.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator
from typing import Any
from xml.etree.ElementTree import Element, ParseError, fromstring

from carecordon.model.block import Bad, Block, Run
from carecordon.model.feed import Feed, Stream
from carecordon.pipeline.ingest.pieces import into_blocks, pieces_of
from carecordon.pipeline.ingest.runs import Record, in_runs
from carecordon.pipeline.ingest.stream import head_as_utf8, take, utf8

_NAME = "winxml"
_BLOCK_BYTES = 256 * 1024
_MAX_EVENT = 2 * 1024 * 1024
_TOO_LONG = Bad(0, f"the event is longer than {_MAX_EVENT >> 20} MiB and was skipped")
_MAX_ELEMENTS = 20_000
_LONGEST_TAG = 64

_START = re.compile(rb"<Event(?=[\s>])")
_END = re.compile(rb"</Event\s{0,8}>")
_DOCTYPE = re.compile(rb"<!(?:DOCTYPE|ENTITY)")
# What XML 1.0 does not allow, plain and as a reference. Source: XML 1.0 section 2.2.
_CONTROL = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]"
    "|&#x0*(?:[0-8bcef]|1[0-9a-f]|d[89a-f][0-9a-f]{2}|fff[ef]);"
    "|&#0*(?:[0-8]|1[124-9]|2[0-9]|3[01]);",
    re.IGNORECASE,
)
_NUMBERS = frozenset(
    ("EventID", "Version", "Level", "Task", "Opcode", "EventRecordID", "ProcessID", "ThreadID", "Qualifiers")
)


def _recognise(head: bytes) -> bool:
    text = head_as_utf8(head).lstrip()
    return text[:1] == b"<" and re.search(rb"<Events?[\s>]", text) is not None


def _split(stream: Stream) -> Iterator[Block | Bad]:
    """Return blocks of whole events; what is told about the text between them stands between the blocks."""
    return into_blocks(_NAME, _events(utf8(stream)), _BLOCK_BYTES)


def _events(text: Stream) -> Iterator[bytes | Bad]:
    """Yield each event from its start tag to its end tag; one without end tag ends where the next begins."""
    held = b""
    while more := take(text, max(_BLOCK_BYTES, len(held))):
        held += more
        at = 0
        while start := _START.search(held, at):
            if _DOCTYPE.search(held, at, start.start()):
                yield Bad(0, "the file declares a document type or entities: they are ignored", 0)
            end, following = _END.search(held, start.end()), _START.search(held, start.end())
            if following and (end is None or following.start() < end.start()):
                at = following.start()
            elif end:
                at = end.end()
            else:
                at = start.start()
                break
            yield held[start.start() : at] if at - start.start() <= _MAX_EVENT else _TOO_LONG
        else:
            at = max(at, len(held) - _LONGEST_TAG)
        held = held[at:]
        if len(held) > _MAX_EVENT:
            yield _TOO_LONG
            held = held[-_LONGEST_TAG:]
    if _START.match(held):
        yield held


def _read(block: Block) -> Iterator[Run | Bad]:
    """Yield the events."""
    return in_runs(_records(block))


def _records(block: Block) -> Iterator[Record | Bad]:
    for position, piece in enumerate(pieces_of(block), 1):
        try:
            yield Record(position, {"Event": _sections(_parsed(piece))})
        except (ParseError, ValueError) as fault:
            yield Bad(position, f"no event in XML: {str(fault)[:200]}")
        except RecursionError:
            yield Bad(position, "the event is nested too deep")


def _parsed(piece: bytes) -> Element:
    """Return the event, characters that XML does not allow as U+FFFD. Raises ParseError or ValueError.

    A piece begins with `<Event`, so that it has no prolog, and XML allows a document type
    nowhere else: there are no entities that could expand or reach out.
    """
    if piece.count(b"<") > 2 * _MAX_ELEMENTS:
        raise ValueError(f"it has more than {_MAX_ELEMENTS:,} elements")
    try:
        return fromstring(piece)  # noqa: S314 - no prolog, no entities
    except ParseError:
        return fromstring(_CONTROL.sub("\ufffd", piece.decode("utf-8", "replace")))  # noqa: S314 - no prolog here either


def _sections(event: Element) -> dict[str, Any]:
    """Return the sections of an event: System with its numbers as numbers, EventData by name, the rest as it stands."""
    sections: dict[str, Any] = {}
    for section in event:
        name = _plain(section.tag)
        if name == "EventData":
            sections[name] = _event_data(section)
        else:
            sections[name] = _content(section, numbers=name == "System")
    return sections


def _event_data(section: Element) -> dict[str, Any] | None:
    """Return the data by name; data without a name as one text or a list under `Data`."""
    data: dict[str, Any] = {}
    if section.attrib:
        data["#attributes"] = dict(section.attrib)
    unnamed: list[str] = []
    repeats: dict[str, int] = {}
    for item in section:
        name = item.get("Name")
        if _plain(item.tag) != "Data":
            _add(data, repeats, _plain(item.tag), _content(item))
        elif name is None:
            unnamed.append(_own_text(item))
        else:
            _add(data, repeats, name, _content(item) if len(item) else _own_text(item))
    if unnamed:
        data["Data"] = {"#text": unnamed if len(unnamed) > 1 else unnamed[0]}
    return data or None


def _content(element: Element, *, numbers: bool = False) -> Any:
    """Return an element as EVTX gives it: null, text, or attributes, text and children by name."""
    name = _plain(element.tag)
    text = _typed(name, _own_text(element) or None, numbers=numbers)
    if not element.attrib and not len(element):
        return text
    content: dict[str, Any] = {}
    repeats: dict[str, int] = {}
    if element.attrib:
        attributes = ((_plain(attribute), value) for attribute, value in element.attrib.items())
        content["#attributes"] = {
            attribute: _typed(attribute, value, numbers=numbers) for attribute, value in attributes
        }
    if text:
        content["#text"] = text
    for child in element:
        _add(content, repeats, _plain(child.tag), _content(child, numbers=numbers))
    return content


def _own_text(element: Element) -> str:
    """Return the text before the first child; '' for white space that only lays the file out."""
    text = element.text or ""
    return "" if text.isspace() and (len(element) or "\n" in text) else text


def _add(content: dict[str, Any], repeats: dict[str, int], name: str, value: Any) -> None:
    """Put a value under its name; a name used before gets `_1`, `_2` …, as the EVTX reader does."""
    free = name
    while free in content:
        repeats[name] = repeats.get(name, 0) + 1
        free = f"{name}_{repeats[name]}"
    content[free] = value


def _typed(name: str, text: str | None, *, numbers: bool) -> str | int | None:
    """Return a header's number as a number."""
    if numbers and text and name in _NUMBERS and len(text) < 20 and text.isascii() and text.isdecimal():
        return int(text)
    return text


@functools.lru_cache(maxsize=4096)
def _plain(tag: str) -> str:
    """Return a name without its namespace."""
    return tag.rpartition("}")[2]


WINXML = Feed(_NAME, _recognise, _split, _read)
