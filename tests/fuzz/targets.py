"""What is fuzzed: each feed from bytes to events, and the opening of packed files."""

from __future__ import annotations

import functools
import gzip
import io
import json
import random
import struct
import sys
import types
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import zstandard

from carecordon.model.batch import Rows
from carecordon.model.block import Bad
from carecordon.model.feed import HEAD_BYTES, Feed
from carecordon.pipeline.ingest.feeds import all_feeds
from carecordon.pipeline.ingest.normalise import Normaliser
from carecordon.scan.open import open_source
from carecordon.scan.walk import Source, Unread
from tests.fuzz import hostile, merging, wire
from tests.fuzz.mutate import mutated
from tests.pipeline.ingest.feeds.evtx_made import made_event, made_log
from tests.pipeline.ingest.feeds.evtx_sample import CHUNK, HEADER, SHARED

EVENTS = (
    {"Channel": "Security", "EventID": 4624, "TargetUserName": "nürse", "Hostname": "ward7.example.org", "n": None},
    {"Event": {"System": {"EventID": {"#text": 1}, "Channel": "Application"}, "EventData": {"Data": ["a", "b"]}}},
    {"winlog": {"channel": "System", "event_id": 7045, "event_data": {"ServiceName": "x"}}, "@timestamp": "2026-11-25"},
)
XML = """<Event xmlns='http://schemas.microsoft.com/win/2004/08/events/event'><System><Provider Name='a'/><EventID
Qualifiers='1'>4624</EventID><TimeCreated SystemTime='2026-11-25T01:02:03Z'/><Channel>Security</Channel></System>
<EventData><Data Name='TargetUserName'>n&#252;rse &amp; co</Data><Data>x</Data></EventData></Event>"""
_EVTX_RECORDS = 6
_EVTX_SEEDS = 12


@dataclass(frozen=True)
class Target:
    """Something that takes bytes: its name, what whole input looks like, and the way the bytes go.

    `make` makes an input; `mutated` damages one of the seeds.
    """

    name: str
    seeds: Callable[[], tuple[bytes, ...]]
    take: Callable[[bytes], int]
    make: Callable[[random.Random, Sequence[bytes]], bytes] = mutated


def targets() -> dict[str, Target]:
    """Return every target by name; a feed without seeds here has none, which the test of this folder tells."""
    feeds = (Target(feed.name, SEEDS[feed.name], functools.partial(_read, feed)) for feed in all_feeds())
    return {target.name: target for target in (*feeds, Target("archive", _archives, _open), *WIRE)}


WIRE = (
    Target("codec", wire.batches, wire.read_batch),
    Target("codec-unpacked", wire.unpacked_batches, wire.read_unpacked),
    Target("session", wire.talks, wire.talk),
    Target("merge", hostile.seeds, merging.merge, hostile.pieces),
    Target("store", hostile.seeds, merging.store, hostile.pieces),
)


def _read(feed: Feed, content: bytes) -> int:
    """Return how many records a feed finds; whatever it gives goes on into events."""
    feed.recognise(content[:HEAD_BYTES])
    normaliser, count = Normaliser(None), 0
    for item in feed.split(io.BytesIO(content)):
        for run in (item,) if isinstance(item, Bad) else feed.read(item):
            if isinstance(run, Bad):
                count += 1
                continue
            count += len(run.documents)
            rows, _ = normaliser.read(run)
            json.dumps(Rows.of(rows).fields).encode("utf-8")
    return count


def _open(content: bytes) -> int:
    """Return how many blocks a packed file holds."""
    count = 0
    before, sys.stdin = sys.stdin, types.SimpleNamespace(buffer=io.BytesIO(content))
    try:
        for opened in open_source(Source("stdin", None, None, True)):
            if not isinstance(opened, Unread):
                count += sum(1 for _ in opened.blocks())
                opened.facts()
    finally:
        sys.stdin = before
    return count


def _jsonlines() -> tuple[bytes, ...]:
    text = "".join(json.dumps(event) + "\n" for event in EVENTS)
    return text.encode(), text.replace("\n", "\r\n").encode("utf-16"), json.dumps(EVENTS[0]).encode()


def _jsonstream() -> tuple[bytes, ...]:
    layouts = (json.dumps(EVENTS), json.dumps(EVENTS, indent=2), json.dumps(EVENTS[1]) * 3)
    return (*(text.encode() for text in layouts), layouts[1].encode("utf-16"))


def _winxml() -> tuple[bytes, ...]:
    whole = f"<?xml version='1.0'?>\n<Events>{XML * 3}</Events>"
    return whole.encode(), (XML * 2).encode(), whole.encode("utf-16")


def _evtx() -> tuple[bytes, ...]:
    """Return small logs: one made by hand, and the first records of some true ones where there is outside data."""
    paths = sorted(SHARED.rglob("*.evtx"))
    return made_log(made_event("nurse"), made_event("porter")), *(
        _few_records(path.read_bytes()[: HEADER + CHUNK]) for path in paths[:: len(paths) // _EVTX_SEEDS or 1]
    )


def _few_records(log: bytes) -> bytes:
    """Return a log cut behind its first records, with a chunk header that says so."""
    first = struct.unpack_from("<Q", log, HEADER + 24)[0]
    at = HEADER + 512
    count = 0
    while count < _EVTX_RECORDS and log[at : at + 4] == b"**\0\0":
        at += struct.unpack_from("<I", log, at + 4)[0]
        count += 1
    few = bytearray(log[:at])
    last = first + count - 1
    struct.pack_into("<QQQQ", few, HEADER + 8, first, last, first, last)
    struct.pack_into("<I", few, HEADER + 48, at - HEADER)
    struct.pack_into("<H", few, 42, 1)
    return bytes(few)


def _archives() -> tuple[bytes, ...]:
    lines = _jsonlines()[0] * 5
    deflated, stored = io.BytesIO(), io.BytesIO()
    for buffer, method in ((deflated, zipfile.ZIP_DEFLATED), (stored, zipfile.ZIP_STORED)):
        with zipfile.ZipFile(buffer, "w", method) as archive:
            archive.writestr(zipfile.ZipInfo("a.jsonl"), lines, method)
            archive.writestr(zipfile.ZipInfo("b.gz"), gzip.compress(lines, mtime=0), method)
    zstd = zstandard.ZstdCompressor().compress(lines)
    return deflated.getvalue(), stored.getvalue(), gzip.compress(lines, mtime=0), zstd, zstd * 2


SEEDS: dict[str, Callable[[], tuple[bytes, ...]]] = {
    "evtx": _evtx,
    "jsonlines": _jsonlines,
    "jsonstream": _jsonstream,
    "winxml": _winxml,
}
