"""What becomes of hostile batches behind the codec, fuzzed: opened, merged, held against rules, written out."""

from __future__ import annotations

import functools
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any, cast

from carecordon.hub.trust.roster import Roster
from carecordon.hub.worker.detector import Detector
from carecordon.hub.worker.merge import joined, picked
from carecordon.hub.worker.opened import Opener, entry_of, letter_of
from carecordon.model.batch import ABSENT, UNKNOWN, Table
from carecordon.model.device import Device, DeviceKind, Standing
from carecordon.model.merged import Merged
from carecordon.model.stream import Entry
from carecordon.pipeline.detect.disk.cache import DiskCache
from carecordon.pipeline.detect.disk.rulebook import read_rulebook
from carecordon.register.register import Devices
from carecordon.telemetry.answer import Stored
from carecordon.telemetry.restore import stored
from carecordon.telemetry.store import block_of
from carecordon.wire import codec
from tests.fuzz.hostile import RECEIVED, SENDERS, entries, pieces
from tests.fuzz.native_read import rows_of

RULES = r"""
title: Bad word, whatever it is made of
id: 11111111-2222-4333-8444-000000000001
level: high
logsource: {product: windows, category: process_creation}
detection:
  words: {CommandLine|contains: [mischief, ' -enc ']}
  image: {Image|endswith: '\cmd.exe'}
  condition: words or image
---
title: Numbers and patterns
id: 11111111-2222-4333-8444-000000000002
level: low
logsource: {product: windows, category: process_creation}
detection:
  number: {ProcessId|gte: 42}
  pattern: {Image|re: '^[A-Z]:\\.*(cmd|sh)', User|cased|startswith: K}
  odd: {LogonId: null, IntegrityLevel: ''}
  list: {CommandLine|contains|all: [a, A], Hashes|windash|contains: ' -x'}
  condition: 1 of them
---
title: Networks
id: 11111111-2222-4333-8444-000000000003
level: medium
logsource: {product: windows, category: network_connection}
detection:
  from: {SourceIp|cidr: 192.0.2.0/24}
  same: {SourceIp|fieldref: DestinationIp}
  there: {QueryName|exists: true}
  text: {DestinationPort|base64offset|contains: mischief}
  condition: from or same or (there and text)
---
title: Any word
id: 11111111-2222-4333-8444-000000000004
level: informational
logsource: {product: windows, service: security}
detection:
  words: [mischief, '*powershell*']
  condition: words
"""
"""One of each way that a value is looked at."""
Row = tuple[str, int, int, str, str | None, int | None, list[tuple[str, str]]]
"""An event: sender and epoch, number, when it came, kind, device, time, fields."""


def merge(content: bytes) -> int:
    """Return how many rows were merged; each must be what it was where it came from, and no rule may stumble."""
    given = list(entries(content))
    merged = _opened(given)
    kept = rows(merged)
    compare(kept, [row for entry in _whose(merged, given) for row in _sent(entry)])
    half = len(merged) // 2
    parts = picked(merged, range(half)), picked(merged, range(half, len(merged)))
    compare(rows(joined(parts)), kept)
    found = _detector().find(merged, RECEIVED)
    assert not found.poisoned, found.poisoned[0]
    return len(merged)


def store(content: bytes) -> int:
    """Return how many rows were written out; each must come back whole."""
    merged = _opened(list(entries(content)))
    if not len(merged):
        return 0
    compare([told(stored(row)) for row in rows_of(block_of(merged))], rows(merged))
    return len(merged)


def merged_of(rng: Any) -> Merged:
    """Return a hostile batch, merged."""
    return _opened(list(entries(pieces(rng, ()))))


def _opened(given: list[Entry]) -> Merged:
    opened = _opener().open(given)
    for entry in given:
        assert entry_of(letter_of(entry, "why")) == Entry(0, entry.received, entry.skip, entry.part, entry.drop)
    return opened.merged


def _whose(merged: Merged, given: Iterable[Entry]) -> list[Entry]:
    """Return the entries that were taken, in their order; each is of an epoch of its own."""
    by_epoch = {entry.part.epoch: entry for entry in given}
    return [by_epoch[epoch] for epoch in dict.fromkeys(merged.epoch.tolist())]


def _sent(entry: Entry) -> list[Row]:
    """Return the rows of an entry as they have to be kept."""
    part = entry.part
    table = codec.decode(part.data)
    found = [
        (
            f"{part.sender}/{part.epoch}",
            part.first + row,
            entry.received,
            repr(table.kinds[int(table.kind[row])]),
            _name(part.sender, table.devices[int(table.device[row])]),
            None if table.time[row] == UNKNOWN else int(table.time[row]),
            fields,
        )
        for row, fields in enumerate(_fields(table))
    ]
    return found[entry.skip : len(found) - entry.drop]


def _name(sender: str, says: str | None) -> str | None:
    """Return the name that the events of a sender have to be kept under."""
    if sender == SENDERS[1]:
        return says
    return {SENDERS[0]: "ward-7", SENDERS[2]: f"Ward-7 ({sender[:6]})"}.get(sender, f"unknown device {sender}")


def compare(found: list[Row], wanted: list[Row]) -> None:
    """Raise AssertionError with the first event that is another than it has to be."""
    assert len(found) == len(wanted), f"{len(found)} events of {len(wanted)}"
    for row, (one, other) in enumerate(zip(found, wanted, strict=True)):
        assert one == other, f"event {row} is {one!a}"[:400] + f" and has to be {other!a}"[:400]


def rows(merged: Merged) -> list[Row]:
    """Return every event of a merged batch."""
    table = merged.table
    return [
        (
            merged.file(row),
            int(merged.sequence[row]),
            int(merged.received[row]),
            repr(table.kinds[int(table.kind[row])]),
            table.devices[int(table.device[row])],
            None if table.time[row] == UNKNOWN else int(table.time[row]),
            fields,
        )
        for row, fields in enumerate(_fields(table))
    ]


def told(found: Stored) -> Row:
    """Return an event that came back, in the same form."""
    fields = sorted((name, repr(value)) for name, value in found.fields.items())
    return found.file, found.place.sequence, found.received, repr(found.kind), found.device, found.time, fields


def _fields(table: Table) -> list[list[tuple[str, str]]]:
    """Return the fields of each row, written so that values differ that are equal but of another type."""
    found: list[list[tuple[str, str]]] = [[] for _ in range(len(table))]
    for name, place in sorted(table.columns.places.items()):
        values = list(map(repr, table.columns.values(place)))
        for row, at in enumerate(table.columns.index[place].tolist()):
            if at != ABSENT:
                found[row].append((name, values[at]))
    return found


class _Register:
    """The devices of a register, as far as a roster asks for them."""

    def changed_since(self, revision: int) -> tuple[int, list[Device]]:
        """Return all of them, once."""
        first, forwarder, second, _ = SENDERS
        kinds = ((first, "ward-7", DeviceKind.AGENT), (forwarder, "collector", DeviceKind.FORWARDER))
        found = [
            Device(each, name, "Windows", kind, Standing.ACTIVE, "", at, "t", "ab" * 32, "01", 1 << 62)
            for at, (each, name, kind) in enumerate((*kinds, (second, "Ward-7", DeviceKind.AGENT)))
        ]
        return 1, [] if revision else found


@functools.cache
def _opener() -> Opener:
    return Opener(Roster(cast(Devices, _Register())))


@functools.cache
def _detector() -> Detector:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "rules.yml")
        path.write_text(RULES)
        book = read_rulebook([path], DiskCache(Path(folder, "cache")), own=False)
        assert not book.rules.refused, book.rules.refused[0]
        return Detector(book, DiskCache(Path(folder, "cache")))
