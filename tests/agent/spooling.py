"""Spools for tests: batches that are easy to tell apart, and a look at everything that is in them."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from carecordon.agent.losses import telling
from carecordon.agent.queued import Kept, Part
from carecordon.agent.rank import Rank
from carecordon.agent.spool import Spool
from carecordon.model.batch import Rows, Table
from carecordon.model.event import Kind
from carecordon.model.gather import gather
from carecordon.wire import codec

NOW = 1_795_000_000_000_000_000
SYSMON = "Microsoft-Windows-Sysmon/Operational"
TELL = telling("ward-pc-07.example.org", lambda: NOW)


def rows(count: int, event_id: int = 1, text: str = "whoami", **fields: Any) -> Rows:
    """Return some events of one kind, told apart by their command line."""
    kind = Kind(SYSMON, "Microsoft-Windows-Sysmon", event_id)
    return Rows(
        [kind] * count,
        [{"CommandLine": f"{text} {number}", **fields} for number in range(count)],
        [NOW + number for number in range(count)],
        ["ward-pc-07.example.org"] * count,
        [None] * count,
        list(range(1, count + 1)),
    )


def batch(first: int, count: int, text: str = "whoami", size: int = 0) -> bytes:
    """Return a batch of the wire, counted from `first`; `size` more bytes that do not pack."""
    noise = np.random.default_rng(first).integers(0, 256, size, np.uint8).tobytes().hex() if size else ""
    some = rows(count, text=text + noise)
    some.positions = list(range(first, first + count))
    return codec.encode(gather(some))


def put(spool: Spool, count: int = 1, rank: Rank = Rank.PROCESS, text: str = "whoami", size: int = 0) -> Part:
    """Append one part and return it."""
    first = spool.next
    part = Part(rank, first, first + count - 1, batch(first, count, text, size))
    spool.append([part])
    return part


def everything(spool: Spool, epoch: int | None = None) -> list[Kept]:
    """Return all that is carried of an epoch."""
    found: list[Kept] = []
    after = -1
    while some := spool.read(spool.carried if epoch is None else epoch, after, 10_000):
        found += some
        after = some[-1].last
    return found


def tables(kept: list[Kept]) -> list[Table]:
    return [codec.decode(one.data) for one in kept]


def told(kept: list[Kept]) -> list[dict[str, Any]]:
    """Return the agent's own events among batches, as fields with their event id."""
    found = []
    for table in tables(kept):
        for row in range(len(table)):
            header = table.header(row)
            if header.kind.channel == "Carecordon-Agent":
                found.append({"id": header.kind.event_id, "number": header.position, **table.complete(row)})
    return found


def kill(spool: Spool) -> None:
    """Let go of a spool as a process does that is killed: without a last word."""
    for lane in spool._lanes.values():
        lane.close()
    spool._lock.release()


class Make:
    """Makes spools whose epochs are drawn from a list (or 1, 2, …), and lets go of all of them."""

    def __init__(self) -> None:
        self._made: list[Spool] = []

    def __call__(self, folder: Path, limit_bytes: int = 1 << 20, epochs: list[int] | None = None) -> Spool:
        drawn = iter(epochs or range(1, 1_000))
        spool = Spool(folder, TELL, limit_bytes, lambda: next(drawn))
        self._made.append(spool)
        return spool

    def end(self) -> None:
        for spool in self._made:
            with suppress(OSError):
                kill(spool)
