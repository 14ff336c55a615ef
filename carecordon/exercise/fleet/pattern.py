"""What the devices of a made-up hospital tell over some hours, ready to be played for any number of copies of it."""

from __future__ import annotations

import re
from collections import Counter, OrderedDict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from carecordon.exercise.fleet.template import Names, Template
from carecordon.exercise.recording import Recording
from carecordon.exercise.stage import Line
from carecordon.exercise.world import DOMAIN, NETWORK, ZONE
from carecordon.model.batch import Row
from carecordon.model.block import Run
from carecordon.model.errors import OurFault
from carecordon.pipeline.ingest.normalise import Normaliser

NS = 1_000_000_000
TEMPLATES = 30_000
"""Encoded batches that are kept for the next copy that needs them."""
_PREFIX = ZONE.split(".", maxsplit=1)[0]
_GUID = re.compile(r"\{([0-9a-f]{8})-")
_LETTERS = "abcdefghijkmnpqrstuvxyz"


@dataclass(frozen=True, slots=True)
class Pattern:
    """One device's events in time order. `offsets`: ns since the recording began; `machine` stands in its GUIDs."""

    name: str
    full_name: str
    machine: str
    rows: tuple[Row, ...]
    offsets: tuple[int, ...]
    marked: tuple[bool, ...]
    """Which events belong to an attack."""


@dataclass(frozen=True, slots=True)
class Tape:
    """All devices of one recording; `length` ns until it begins again."""

    patterns: tuple[Pattern, ...]
    start: int
    """When its recording began, UTC ns."""
    length: int

    @property
    def events(self) -> int:
        """Return how many events one copy of it tells."""
        return sum(len(pattern.rows) for pattern in self.patterns)


def tape_of(recording: Recording) -> Tape:
    """Return a recording, played once and kept."""
    world = recording.world()
    by_name: dict[str, list[tuple[Row, bool]]] = {device.full_name: [] for device in world.devices}
    normaliser = Normaliser()
    for line in recording.lines():
        row, is_marked = _row(normaliser, line)
        by_name[row[3] or ""].append((row, is_marked))
    every = [row[2] or 0 for told in by_name.values() for row, _ in told]
    start, end = min(every), max(every)
    patterns = []
    for device in world.devices:
        told = sorted(by_name[device.full_name], key=lambda one: one[0][2] or 0)
        rows = tuple(row for row, _ in told)
        offsets = tuple((row[2] or 0) - start for row in rows)
        marked = tuple(is_marked for _, is_marked in told)
        patterns.append(Pattern(device.name, device.full_name, _machine(rows), rows, offsets, marked))
    return Tape(tuple(patterns), start, end - start + NS)


def names_of(copy: int) -> Names:
    """Return what the names of a hospital are in one of its copies; 0 is the hospital itself."""
    if copy == 0:
        return ()
    letters = f"{_LETTERS[copy // 100 % len(_LETTERS)]}{copy % 100:02d}"
    octets = f"10.{20 + copy // 10 % 80:02d}.{copy % 10}."
    if len(octets) != len(NETWORK) or len(letters) != len(_PREFIX) or copy >= 100 * len(_LETTERS):
        raise OurFault(f"fleet: there is no name for copy {copy} of the hospital")
    return (
        (_PREFIX.encode(), letters.encode()),
        (DOMAIN.encode(), letters.upper().encode()),
        (NETWORK.encode(), octets.encode()),
    )


def renamed(text: str, names: Names) -> str:
    """Return a name as it is in a copy."""
    data = text.encode()
    for old, new in names:
        data = data.replace(old, new)
    return data.decode()


def machine_of(pattern: Pattern, copy: int) -> tuple[bytes, bytes]:
    """Return what stands for the machine in the GUIDs of a copy's device."""
    own = int(pattern.machine, 16) ^ (copy * 0x9E3779B1 & 0xFFFFFFFF)
    return pattern.machine.encode(), f"{own:08x}".encode()


class Templates:
    """Batches that were encoded before, the latest used of them."""

    def __init__(self, limit: int = TEMPLATES) -> None:
        """Keep at most `limit`."""
        self._limit = limit
        self._known: OrderedDict[tuple[int, int, int], Template] = OrderedDict()
        self.made_total = 0

    def of(self, number: int, pattern: Pattern, first: int, last: int) -> Template:
        """Return events `first` to `last` (exclusive) of a pattern, whose `number` tells it from others."""
        key = (number, first, last)
        known = self._known.get(key)
        if known is None:
            self.made_total += 1
            known = self._known[key] = Template(copied(pattern.rows[first:last]))
            if len(self._known) > self._limit:
                self._known.popitem(last=False)
        else:
            self._known.move_to_end(key)
        return known


def copied(rows: Iterable[Row]) -> list[Row]:
    """Return events whose fields may be changed."""
    return [(kind, dict(fields), time, device, record, at) for kind, fields, time, device, record, at in rows]


def _row(normaliser: Normaliser, line: Line) -> tuple[Row, bool]:
    document, mark = line
    rows, refused = normaliser.read(Run(1, [document]))
    if refused:
        raise OurFault(f"fleet: the world told what cannot be read: {refused[0].reason}")
    return rows[0], mark is not None


def _machine(rows: Sequence[Row]) -> str:
    """Return the machine that stands in most GUIDs of its processes."""
    found = (_GUID.match(str(row[1].get("ProcessGuid", ""))) for row in rows)
    counted = Counter(one[1] for one in found if one is not None)
    return counted.most_common(1)[0][0] if counted else "00000000"
