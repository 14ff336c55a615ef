"""A small EVTX file made by hand, for where there is no outside data, and for attacks that no true log holds."""

from __future__ import annotations

import struct
from collections.abc import Sequence

CHUNK = 65_536
_NAMES_AT = 48_000
Element = tuple[str, "str | list[Element]"]


def made_log(*events: Sequence[Element]) -> bytes:
    """Return a log of one chunk, a record for each event: its elements by name, each with text or more elements."""
    chunk = made_chunk(*events)
    header = struct.pack("<8sQQQIHHHH", b"ElfFile\0", 0, 0, len(events) + 1, 128, 1, 3, 4096, 1)
    return header.ljust(4096, b"\0") + chunk


def made_chunk(*events: Sequence[Element]) -> bytes:
    """Return a chunk of these events, numbered from 1; every name stands once in the chunk, at its end."""
    chunk = bytearray(CHUNK)
    names: dict[str, int] = {}
    at, last = 512, 512
    for number, event in enumerate(events, 1):
        body = b"\x0f\1\1\0" + _element(names, "Event", list(event)) + b"\0"
        size = (28 + len(body) + 7) // 8 * 8
        head = struct.pack("<4sIQQ", b"**\0\0", size, number, 0)
        last, end = at, at + size
        chunk[at:end] = (head + body).ljust(size - 4, b"\0") + struct.pack("<I", size)
        at = end
    for name, place in names.items():
        text = struct.pack("<IHH", 0, 0, len(name)) + name.encode("utf-16-le") + b"\0\0"
        assert at <= place < place + len(text) <= CHUNK
        chunk[place : place + len(text)] = text
    struct.pack_into("<8sQQQQIII", chunk, 0, b"ElfChnk\0", 1, len(events), 1, len(events), 128, last, at)
    return bytes(chunk)


def _element(names: dict[str, int], name: str, content: str | list[Element]) -> bytes:
    """Return an element in binary XML that refers to its name by offset. Source: libyal, EVTX format, binary XML."""
    place = names.setdefault(name, _NAMES_AT + sum(2 * len(other) + 16 for other in names))
    start = struct.pack("<BII", 1, 0, place)
    if not content:
        return start + b"\3"
    if isinstance(content, str):
        return start + b"\2" + struct.pack("<BBH", 5, 1, len(content)) + content.encode("utf-16-le") + b"\4"
    return start + b"\2" + b"".join(_element(names, *child) for child in content) + b"\4"


def made_event(user: str) -> list[Element]:
    """Return the elements of a logon."""
    system: list[Element] = [("EventID", "4624"), ("Channel", "Security"), ("Computer", "ward7.example.org")]
    return [("System", system), ("EventData", [("TargetUserName", user)])]
