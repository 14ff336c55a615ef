"""Power loss of a device's spool: what `append` returned from is there at every cut, and nothing is there twice.

Run by itself with a folder, a seed and a number of turns it is the spool's life, whose system calls are recorded.
"""

from __future__ import annotations

import os
import random
import sys
from pathlib import Path

from carecordon.agent import spool as spool_module
from carecordon.agent.queued import Part
from carecordon.agent.rank import Rank
from carecordon.agent.spool import Spool
from tests.agent.spooling import TELL, batch
from tests.chaos.outcome import Options, Outcome
from tests.chaos.trace import NEEDED, Replay, is_here, traced
from tests.chaos.tree import TracedDisk

LIMIT_BYTES = 400_000
WEAK = "CHAOS_WEAK_SPOOL"


def main() -> None:
    """Append, acknowledge and reopen, and say after each append what is kept; WEAK: nothing is ever synced."""
    if WEAK in os.environ:
        os.fsync = lambda fd: None  # noqa: ARG005  # the rig must see a spool that is kept too late
    folder, rng, turns = Path(sys.argv[1]), random.Random(int(sys.argv[2])), int(sys.argv[3])
    spool_module._SMALL = 3_000  # files come and go in a short life too
    spool = Spool(folder, TELL, LIMIT_BYTES)
    for turn in range(turns):
        parts, first = [], spool.next
        for _ in range(rng.randint(1, 3)):
            count = rng.randint(1, 9)
            rank = rng.choice([Rank.PROCESS, Rank.NETWORK, Rank.FILE])
            parts.append(Part(rank, first, first + count - 1, batch(first, count, size=rng.choice([0, 0, 2_000]))))
            first += count
        spool.append(parts)
        for part in parts:
            _say(f"kept {spool.epoch} {part.first} {part.last}")
        if turn % 5 == 4:
            mark = max(0, spool.next - rng.randint(1, 60))
            _say(f"acked {spool.carried} {mark}")
            spool.ack(spool.carried, mark)
        if turn % 40 == 39:
            spool.close()
            spool = Spool(folder, TELL, LIMIT_BYTES)
    assert spool.dropped_total == 0, "the life is too short for its spool to be full"


def _say(what: str) -> None:
    os.write(2, f"RECEIPT {what}\n".encode())


def power_spool(folder: Path, options: Options) -> Outcome:
    """Let the power fail at `options.cuts` points, half of them right behind a receipt, on both kinds of disks."""
    if not is_here():
        return Outcome.unrun("power-spool", NEEDED)
    place, trace = folder / "spool", folder / "trace"
    traced([sys.executable, "-m", __name__, str(place), str(options.seed), str(3 * options.cuts)], trace)
    rng = random.Random(options.seed)
    kinds = list(Replay(place, [TracedDisk(is_journalled=True)]).run(trace))
    receipts = [number for number, kind in enumerate(kinds) if kind == "receipt"]
    cuts = {*rng.sample(receipts, options.cuts // 2), *rng.sample(range(len(kinds)), options.cuts - options.cuts // 2)}
    disks = [TracedDisk(is_journalled=False), TracedDisk(is_journalled=True)]
    replay, faults, held = Replay(place, disks), [], 0
    for number, _ in enumerate(replay.run(trace)):
        if number in cuts:
            for kind, disk in enumerate(disks):
                found = folder / f"cut-{number}-{kind}"
                disk.write_to(found)
                faults += [f"cut {number}, disk {kind}: {one}" for one in _missing(found, disk.receipts)]
                held += len(disk.receipts)
    faults += [f"not replayed: {one}" for one in replay.odd]
    line = (
        f"{len(cuts)} cuts of {len(kinds):,} calls ({len(receipts):,} receipts, {disks[0].syncs:,} syncs) on a plain "
        f"and a journalled disk; {held:,} receipts held against what was there, {len(faults)} missing"
    )
    return Outcome("power-spool", line, faults)


def _missing(folder: Path, receipts: list[str]) -> list[str]:
    """Return what a spool lacks of what was told."""
    kept: dict[int, list[tuple[int, int]]] = {}
    acked: dict[int, int] = {}
    for receipt in receipts:
        what, *rest = receipt.split()
        numbers = list(map(int, rest))
        if what == "kept":
            kept.setdefault(numbers[0], []).append((numbers[1], numbers[2]))
        else:
            acked[numbers[0]] = max(acked.get(numbers[0], -1), numbers[1])
    spool = Spool(folder, TELL, LIMIT_BYTES)
    faults = []
    try:
        for epoch, parts in kept.items():
            there: list[tuple[int, int]] = []
            while some := spool.read(epoch, there[-1][1] if there else -1, 1 << 20):
                there += [(one.first, one.last) for one in some]
            if len(set(there)) != len(there):
                faults.append(f"epoch {epoch}: there twice")
            waiting = [part for part in parts if part[1] > acked.get(epoch, -1)]
            faults += [f"epoch {epoch}: {part} is missing" for part in waiting if part not in there]
    finally:
        spool.close()
    return faults


if __name__ == "__main__":
    main()
