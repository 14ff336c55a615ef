"""The EVTX parser, kept from harm by a chunk and from doing any: no endless loop, no flood of text, no panic.

The parser (omerbenamram/evtx 0.14) follows the chunk's table of names from entry to entry
and does not see a circle; it writes a long name out each time it is used; and it may panic.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from io import BytesIO
from itertools import chain, islice
from typing import Any

import orjson
from evtx import PyEvtxParser

from carecordon.pipeline.ingest.json_text import MAX_RECORD, decode

# Source of every offset: libyal, Windows XML Event Log (EVTX) format, chunk header and name.
_CHUNK_BYTES = 65_536
_TABLES = slice(128, 512)
_NAME_HEADS = struct.Struct("<64I")
_NAME = struct.Struct("<IHH")
_NO_TABLES = bytes(_TABLES.stop - _TABLES.start)
# The parser wants a file around the chunk; ours, so that it never sees a damaged one.
_FILE_HEADER = struct.pack("<8sQQQIHHHH76xII", b"ElfFile\0", 0, 0, 1, 128, 1, 3, 4096, 1, 0, 0).ljust(4096, b"\0")
_FLOOD = f"the parser was stopped: the chunk unpacks to more than {MAX_RECORD >> 20} MiB"


Parsed = tuple[dict[str, Any], str]
"""The document of a record, and the JSON that it was decoded from."""


def parse(chunk: bytes, expected: int) -> Iterator[Parsed | str]:
    """Return what each record of a whole chunk holds, or why nothing; may stop before the `expected` number.

    Where the chunk's tables of names and templates are damaged it is read without them: what
    they list is found by its offset too.
    """
    if not _has_sound_names(chunk):
        return _parsed(_without_tables(chunk))
    outcomes = _parsed(chunk)
    begin = list(islice(outcomes, 2))
    if len(begin) < min(expected, 2) or (expected == 1 and isinstance(begin[0], str)):
        begin, outcomes = [], _parsed(_without_tables(chunk))
    return chain(begin, outcomes)


def _has_sound_names(chunk: bytes) -> bool:
    """Return whether the table of names ends, names each once, and names no more text than a chunk can hold."""
    seen: set[int] = set()
    text_bytes = 0
    for head in _NAME_HEADS.unpack_from(chunk, _TABLES.start):
        at = head
        while at:
            if at in seen or at > _CHUNK_BYTES - _NAME.size:
                return False
            seen.add(at)
            at, _, length = _NAME.unpack_from(chunk, at)
            text_bytes += 2 * length
    return text_bytes <= _CHUNK_BYTES


def _without_tables(chunk: bytes) -> bytes:
    return chunk[: _TABLES.start] + _NO_TABLES + chunk[_TABLES.stop :]


def _parsed(chunk: bytes) -> Iterator[Parsed | str]:
    """Yield what the parser makes of each record."""
    records: Iterator[Any] | None = None
    flood = 0
    while flood <= MAX_RECORD:
        try:
            records = records or iter(PyEvtxParser(BytesIO(_FILE_HEADER + chunk), 1).records_json())
            record = next(records, None)
        except Exception as fault:  # noqa: BLE001 - whatever the parser raises concerns this chunk alone
            yield _shortened(fault)
            flood += _NAME.size  # an error that repeats for ever ends, too
            if records is None:
                return
        except (KeyboardInterrupt, SystemExit, GeneratorExit):
            raise
        except BaseException as panic:  # noqa: BLE001 - a panic of the Rust parser is no Exception
            yield f"the parser broke off: {_shortened(panic)}"
            return
        else:
            if record is None:
                return
            text = record["data"]
            flood += len(text)
            yield _document(text) if flood <= MAX_RECORD else _FLOOD


def _document(text: str) -> Parsed | str:
    """Return the event of a parsed record, or why it is none."""
    try:
        document = orjson.loads(text)
    except orjson.JSONDecodeError:
        document = decode(text.encode("utf-8", "replace"))
        if isinstance(document, str):
            return document
    event = document.get("Event") if isinstance(document, dict) else None
    return (document, text) if isinstance(event, dict) and "System" in event else "it holds no event"


def _shortened(fault: BaseException) -> str:
    return " ".join(str(fault).split())[:200]
