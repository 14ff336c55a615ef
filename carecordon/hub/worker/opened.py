"""Parts of stream 1 opened: decoded, given the name that their certificate says, merged; what is none is set aside."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from carecordon.hub.news.found import Trouble
from carecordon.hub.trust.roster import Roster
from carecordon.hub.worker.merge import Merger, Sent, some
from carecordon.model.batch import Table
from carecordon.model.device import HUB_LOGS
from carecordon.model.errors import TheirFault
from carecordon.model.kept import Letter
from carecordon.model.merged import Merged
from carecordon.model.stream import Entry, Part
from carecordon.wire import codec
from carecordon.wire.frame import Unpacker

MOST_NAMES = 1_024
FRESH_NAMES = 128
MOST_CELLS = 40_000_000
MOST_RANGE_NAMES = 4 * MOST_NAMES
MOST_BYTES = 32 * 1024 * 1024
"""Of one batch: fields, bytes of all values of all rows. Of a range: cells and fields; beyond either, so many fields of
one sender that are new to it, and of all senders together no more than as much again.
"""
NAME_CHARS = 256
NAMES_TOLD = 100
"""Names that one sender has no right to and that are told."""
SENDERS_WATCHED = 50_000
_PART = "part/"
_PLACE = re.compile(r"(.+)/(\d+) numbers (\d+) to (\d+)(?: of (\d+) to (\d+))?", re.ASCII | re.DOTALL)


@dataclass(slots=True)
class Opened:
    """A range of entries as one batch; `troubles` what is wrong with senders; `letters` what could not be opened."""

    merged: Merged
    troubles: list[Trouble] = field(default_factory=list)
    letters: list[Letter] = field(default_factory=list)


class Opener:
    """Opens the parts of one partition, in one thread."""

    def __init__(self, roster: Roster) -> None:
        """`roster` knows whose certificate is whose."""
        self._roster = roster
        self._unpacker = Unpacker()
        self._told: dict[str, set[str]] = {}

    def open(self, entries: Sequence[Entry]) -> Opened:
        """Return the entries as one batch."""
        merger = Merger()
        troubles: list[Trouble] = []
        letters: list[Letter] = []
        names: set[str] = set()
        beyond: Counter[str] = Counter()
        rows = sum(entry.part.last - entry.part.first + 1 for entry in entries)
        for entry in entries:
            try:
                sent = self._sent(entry)
                _check_names(names, sent, rows, beyond)
            except TheirFault as fault:
                letters.append(letter_of(entry, str(fault)))
                troubles.append(_poison(entry, str(fault)))
                continue
            merger.add(sent)
            troubles += self._strangers(sent)
        return Opened(merger.merged(), troubles, letters)

    def _sent(self, entry: Entry) -> Sent:
        """Return an entry's batch. Raises TheirFault where it is none, or has not as many rows as it has numbers."""
        part = entry.part
        table = codec.decode(part.data, self._unpacker.unpack)
        numbers = part.last - part.first + 1
        if len(table) != numbers:
            raise TheirFault(f"batch: {len(table)} rows under {numbers} numbers")
        _check_logs(table)
        _check_size(table)
        table.columns.all_values()  # a wrong value is this batch's fault, not that of those it is merged with
        if entry.skip or entry.drop:
            table = some(table, np.arange(entry.skip, len(table) - entry.drop, dtype=np.int64))
        name = self._roster.name(part.sender)
        return Sent(table, part.sender, part.epoch, part.first + entry.skip, entry.received, name)

    def _strangers(self, sent: Sent) -> list[Trouble]:
        """Return the names that a sender has no right to, each told once."""
        names = [name[:NAME_CHARS] for name in self._roster.strangers(sent.sender, sent.table.devices)]
        if not names or len(self._told) > SENDERS_WATCHED:
            return []
        told = self._told.setdefault(sent.sender, set())
        fresh = [name for name in dict.fromkeys(names) if name not in told][: max(0, NAMES_TOLD - len(told))]
        told.update(fresh)
        return [
            Trouble(
                f"name/{sent.sender}/{name}",
                "name",
                sent.sender,
                f"its events name {name}, which it has no right to speak for",
                sent.received,
            )
            for name in fresh
        ]


def _check_logs(table: Table) -> None:
    """Raise TheirFault for a batch with events of a log that only the hub writes: people believe what stands there."""
    for kind in table.kinds:
        if (kind.channel or "").casefold().startswith(HUB_LOGS):
            raise TheirFault(
                f"batch: events of the log {(kind.channel or '')[:NAME_CHARS]!r}, which the hub alone writes"
            )


def _check_size(table: Table) -> None:
    """Raise TheirFault for a batch that is small where it travels and huge where its rows are written out."""
    names, rows = len(table.columns.names), len(table)
    if names > MOST_NAMES:
        raise TheirFault(f"batch: {names} fields, at most {MOST_NAMES} are worked on: send batches of fewer kinds")
    text = 0 if table.text is None else len(table.text)
    if rows * text <= MOST_BYTES:
        return
    size = 0
    for place in range(names):
        lengths = np.array([*(len(str(value)) for value in table.columns.values(place)), 0], np.int64)
        size += int(lengths[table.columns.index[place]].sum())
    if size > MOST_BYTES:
        raise TheirFault(f"batch: its rows are {size} bytes written out, at most {MOST_BYTES} are worked on")


def _check_names(known: set[str], sent: Sent, rows: int, beyond: Counter[str]) -> None:
    """Add the names of a batch's fields to those of its range; `beyond`: how many each sender brought it too late.

    Raises TheirFault for too many: a merged batch has a cell for each field and row, so that few rows of many made-up
    fields would fill the memory, there or beside the rows of other ranges. Whoever made none up brings a few that are
    new, and is not refused for the others'.
    """
    if known.issuperset(sent.table.columns.names):
        return
    fresh = [name for name in sent.table.columns.names if name not in known]
    total = len(known) + len(fresh)
    share = max(total * rows / MOST_CELLS, total / MOST_RANGE_NAMES)
    if fresh and share > 1:
        beyond[sent.sender] += len(fresh)
        if beyond[sent.sender] > FRESH_NAMES or share > 2:
            raise TheirFault(
                f"batch: {len(fresh)} fields that no other batch has, too many beside {rows} rows of others"
            )
    known.update(fresh)


def letter_of(entry: Entry, why: str) -> Letter:
    """Return an entry as a dead letter: `entry_of` makes it one again."""
    part = entry.part
    first, last = part.first + entry.skip, part.last - entry.drop
    whole = f" of {part.first} to {part.last}" if entry.skip or entry.drop else ""
    place = f"{part.sender}/{part.epoch} numbers {first} to {last}{whole}"
    return Letter(f"{_PART}{place}", f"stream 1, position {entry.position}: {place}", why, part.data, entry.received)


def entry_of(letter: Letter) -> Entry | None:
    """Return the entry that a dead letter is of; None where it is of something else, or its content was not kept."""
    found = _PLACE.fullmatch(letter.key.removeprefix(_PART)) if letter.key.startswith(_PART) else None
    if found is None or not letter.payload:
        return None
    sender, *numbers = found.groups()
    epoch, first, last, low, high = (None if one is None else int(one) for one in numbers)
    if epoch is None or first is None or last is None:
        return None
    low, high = first if low is None else low, last if high is None else high
    return Entry(0, letter.at, first - low, Part(sender, epoch, low, high, letter.payload), high - last)


def _poison(entry: Entry, why: str) -> Trouble:
    sender = entry.part.sender
    return Trouble(f"poison/{sender}", "poison", sender, f"a batch was set aside: {why}", entry.received)
