"""Power loss of the store of events: what an insert returned for is there, and a replay of it is not kept twice.

Run by itself it is the store's life (`live`, traced) or a look at what came back (`look`). The engine is the keeper's
own; only the way over HTTP is left out, so that a receipt stands in the same trace as the writes before it. Now and
then all parts are merged and their sources are gone before it goes on: what was told to be kept is in one part then.
"""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

from carecordon.hub.keeper.engine import Engine, EngineFault
from carecordon.model.event import Fields
from carecordon.model.merged import Merged
from carecordon.telemetry.columns import DATABASE
from carecordon.telemetry.store import block_of
from tests.chaos.outcome import Options, Outcome
from tests.chaos.trace import NEEDED, Replay, is_here, traced
from tests.chaos.tree import TracedDisk
from tests.telemetry.keeping import NOW, SECOND, merged

ROWS = 200
DAY = 86_400 * SECOND
RETENTION = 3_000
"""Days: the events are of a made-up time."""
KINDS = ("plain", "journalled")
WEAK = "CHAOS_WEAK_STORE"
"""Set, merged parts are not synced: the rig must see it."""
MERGE_EVERY = 4
GONE_S = 60.0
HASTE = {
    "old_parts_lifetime": 0,
    "cleanup_delay_period": 0,
    "cleanup_delay_period_random_add": 0,
    "max_cleanup_delay_period": 1,
    "merge_tree_clear_old_parts_interval_seconds": 0,
}
"""So that what was merged is removed at once, and not within a minute."""


def main() -> None:
    """Live, or look."""
    if sys.argv[1] == "live":
        live(Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]))
    else:
        print(json.dumps(look(Path(sys.argv[2]), *map(int, sys.argv[3:]))))


def block(seed: int, number: int) -> bytes:
    """Return the block of an insert: events of one day, or of two, as they come at midnight."""
    rng = random.Random(seed * 1_000_003 + number)
    days = [0, 1] if number % 4 == 3 else [0]
    times = [NOW + rng.choice(days) * DAY + place * SECOND for place in range(ROWS)]
    events: list[Fields] = [{"CommandLine": f"insert {number} {place} {rng.random()}"} for place in range(ROWS)]
    made = merged(events, times=times)
    return bytes(block_of(_numbered(made, number)))


def _numbered(made: Merged, number: int) -> Merged:
    rows = len(made)
    sequence = np.arange(number * ROWS, number * ROWS + rows, dtype=np.int64)
    return Merged(made.table, made.senders, made.sender, made.epoch, sequence, made.received)


def token(number: int) -> str:
    """Return the token of an insert, as a worker would make it."""
    return f"0:{number}-{number + 1}:7e"


def live(folder: Path, seed: int, inserts: int) -> None:
    """Insert, now and then a token that came before, merge now and then, and say after each what is kept."""
    engine = Engine(folder, RETENTION, 1)
    _set(engine, HASTE)
    engine.close()
    engine = Engine(folder, RETENTION, 1)  # who removes what was merged looks at its settings when it begins
    if WEAK in os.environ:
        _set(engine, {"min_rows_to_fsync_after_merge": 0, "min_compressed_bytes_to_fsync_after_merge": 0})
    for number in range(inserts):
        os.write(2, f"RECEIPT begun {number}\n".encode())  # a worker has it in the register before it inserts
        engine.insert(block(seed, number), token(number))
        os.write(2, f"RECEIPT kept {number}\n".encode())
        if number % 7 == 6:
            engine.insert(block(seed, number - 3), token(number - 3))
        if number % MERGE_EVERY == MERGE_EVERY - 1:
            _merge(engine)
            os.write(2, f"RECEIPT merged {number}\n".encode())
    time.sleep(1.0)  # merges go on meanwhile
    engine.close()


def _set(engine: Engine, settings: Mapping[str, int]) -> None:
    changes = ", ".join(f"{name} = {value}" for name, value in settings.items())
    engine._run(engine._writer, f"ALTER TABLE events MODIFY SETTING {changes}", "Null")


def _merge(engine: Engine) -> None:
    """Make one part of all of a day, and wait until those that it was made of are removed."""
    engine._run(engine._writer, "OPTIMIZE TABLE events FINAL", "Null")
    end = time.monotonic() + GONE_S
    left = f"SELECT count() FROM system.parts WHERE NOT active AND database = '{DATABASE}'"  # noqa: S608  # a name of ours
    while int(engine.ask(left, "TabSeparated", {})):
        assert time.monotonic() < end, "what was merged is never removed"
        time.sleep(0.05)


def look(folder: Path, seed: int, kept: int, begun: int) -> dict[str, Any]:
    """Return what is missing of inserts 0 to `kept` and what is there twice, before and after a worker goes on.

    It goes on with the insert that was begun last, again, and what comes behind it; and comes with these once more.
    """
    try:
        engine = Engine(folder, RETENTION, 1)
        before = _counted(engine)
        for number in (begun, begun + 1, begun, begun + 1):
            engine.insert(block(seed, number), token(number))
        behind = _counted(engine)
        engine.close()
    except (EngineFault, RuntimeError) as fault:
        return {"dead": str(fault)[:500]}
    return {
        "missing": [number for number in range(kept + 1) if before.get(number, (0, 0))[1] < ROWS],
        "twice": [number for number, (n, unique) in before.items() if n != unique],
        "twice_after_replay": [number for number, (n, unique) in behind.items() if n != unique],
        "missing_after_replay": [number for number in range(begun + 2) if behind.get(number, (0, 0))[1] < ROWS],
    }


def _counted(engine: Engine) -> dict[int, tuple[int, int]]:
    sql = f"SELECT intDiv(sequence, {ROWS}) AS i, count(), uniqExact(sequence) FROM events GROUP BY i"  # noqa: S608  # a number of ours
    lines = engine.ask(sql, "TabSeparated", {}).decode().splitlines()
    return {int(i): (int(n), int(unique)) for i, n, unique in (line.split("\t") for line in lines)}


def power_store(folder: Path, options: Options) -> Outcome:
    """Let the power fail at `options.cuts` points, half of them right behind a receipt, on both kinds of disks."""
    if not is_here():
        return Outcome.unrun("power-store", NEEDED)
    place, trace = folder / "telemetry", folder / "trace"
    inserts = max(12, options.cuts // 2)
    traced([sys.executable, "-m", __name__, "live", str(place), str(options.seed), str(inserts)], trace)
    kinds, told, merged = _receipts(place, trace)
    rng = random.Random(options.seed)
    half = options.cuts // 2
    cuts = {
        *rng.sample(told[1:], min(half, len(told) - 1)),
        *rng.sample(range(told[1], len(kinds)), options.cuts - half),
    }
    cuts |= set(merged[: max(3, options.cuts // 10)])
    disks = [TracedDisk(is_journalled=False), TracedDisk(is_journalled=True)]
    replay = Replay(place, disks)
    found: dict[str, list[dict[str, Any]]] = {kind: [] for kind in KINDS}
    with ThreadPoolExecutor(2) as threads:
        for number, _ in enumerate(replay.run(trace)):
            if number in cuts:
                jobs = []
                for kind, disk in zip(KINDS, disks, strict=True):
                    at = folder / f"cut-{number}-{kind}"
                    disk.write_to(at)
                    told_so_far = [_last(disk.receipts, what) for what in ("kept", "begun")]
                    jobs.append((kind, threads.submit(_looked, at, options.seed, *told_so_far)))
                for kind, job in jobs:
                    found[kind].append(job.result() | {"cut": number})
    faults = [f"not replayed: {one}" for one in replay.odd]
    words = []
    for kind in KINDS:
        counted = {name: sum(bool(one.get(name)) for one in found[kind]) for name in WRONG}
        words.append(f"on a {kind} disk " + ", ".join(f"{name} {number}" for name, number in counted.items()))
        if kind == "journalled":
            faults += [f"{kind}: {one}" for one in found[kind] if any(one.get(name) for name in WRONG)]
    line = f"{len(cuts)} cuts of {len(kinds):,} calls ({inserts} inserts, {len(merged)} merges): {'; '.join(words)}"
    (folder / "found.json").write_text(json.dumps(found, indent=1), "utf-8")
    return Outcome("power-store", line, faults)


WRONG = ("dead", "missing", "twice", "twice_after_replay", "missing_after_replay")


def _receipts(place: Path, trace: Path) -> tuple[list[str], list[int], list[int]]:
    """Return the kind of each call, which of them are receipts of inserts, and which say that all is merged."""
    disk = TracedDisk(is_journalled=True)
    kinds: list[str] = []
    told: list[int] = []
    merged: list[int] = []
    for number, kind in enumerate(Replay(place, [disk]).run(trace)):
        kinds.append(kind)
        if kind == "receipt":
            (merged if disk.receipts[-1].startswith("merged") else told).append(number)
    return kinds, told, merged


def _last(receipts: list[str], what: str) -> int:
    return max(int(number) for word, number in map(str.split, receipts) if word == what)


def _looked(folder: Path, seed: int, kept: int, begun: int) -> dict[str, Any]:
    command = [sys.executable, "-m", __name__, "look", str(folder), str(seed), str(kept), str(begun)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    if done.returncode:
        return {"dead": f"exit status {done.returncode}: {done.stderr[-500:]}"}
    answer: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return answer


if __name__ == "__main__":
    main()
