"""How fast detection is: each figure measured in a process of its own, on one core.

`carecordon bench detect` runs this module once a figure (`python -m carecordon.bench.detect
FIGURE JOB`), so that no figure profits from what another has warmed up.
"""

from __future__ import annotations

import gc
import json
import random
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import orjson

from carecordon.model.batch import Rows
from carecordon.model.block import Block, Run
from carecordon.model.event import Kind
from carecordon.model.gather import gather
from carecordon.pipeline import journey
from carecordon.pipeline.detect.disk.cache import DiskCache
from carecordon.pipeline.detect.disk.rulebook import read_rulebook
from carecordon.pipeline.detect.sigma.accelerate import accelerator
from carecordon.pipeline.ingest.feeds import feed_named
from carecordon.pipeline.ingest.normalise import Normaliser
from carecordon.scan.hand import Task
from carecordon.scan.open import Opened, open_source
from carecordon.scan.walk import Source, walk
from carecordon.scan.worker import Setup, Worker
from carecordon.wire import codec

UNIQUE = ("CommandLine", "ContextInfo", "Payload", "ScriptBlockText", "TargetObject", "CallTrace")
"""Fields that get a suffix of their own in every event, so that no value comes twice."""
BATCH_ROWS = 500
DEVICES = 50
SEED = 20_261_125


class Job(msgspec.Struct, frozen=True):
    """What to measure: event file, rules, and the folder of compiled plans; `fast` False leaves Hyperscan out."""

    events: str
    rules: tuple[str, ...]
    cache: str
    fast: bool
    kinds: tuple[tuple[str | None, str | None, int | None], ...] = ()


def measure(events: Path, rules: Sequence[Path], *, fast: bool, repeat: int) -> dict[str, Any]:
    """Return all figures for these events and rules: of `repeat` runs each the best, since noise only ever slows."""
    with tempfile.TemporaryDirectory(prefix="carecordon-bench-") as cache:
        job = Job(str(events), tuple(map(str, rules)), cache, fast)
        facts = _child("survey", job)
        job = msgspec.structs.replace(job, kinds=tuple(tuple(kind) for kind in facts.pop("kinds")))
        with tempfile.TemporaryDirectory(prefix="carecordon-bench-") as empty:
            compiled = min(
                _timed("ready", msgspec.structs.replace(job, cache=f"{empty}/{run}")) for run in range(repeat)
            )
        _child("ready", job)
        warm = min(_timed("ready", job) for _ in range(repeat))
        firsts = [_child("first_pass", job) for _ in range(repeat)]

        def best(figure: str) -> float:
            return max(float(_child(figure, job)["events_per_s"]) for _ in range(repeat))

        return {
            **facts,
            "accelerator": "hyperscan" if fast and accelerator(DiskCache(Path(cache))) is not None else None,
            "first_pass_events_per_s": max(first["events_per_s"] for first in firsts),
            "second_pass_events_per_s": best("second_pass"),
            "no_memo_events_per_s": best("no_memo"),
            "batch_events_per_s": best("batch"),
            "compile_s": round(compiled, 3),
            "warm_start_s": round(warm, 3),
            "peak_rss_bytes": max((first["peak_rss_bytes"] or 0) for first in firsts),
            "decode_only_events_per_s": best("decode_only"),
        }


def _timed(figure: str, job: Job) -> float:
    """Return seconds from starting a process until it says that it is ready."""
    started = time.monotonic()
    ended: float = _child(figure, job)["at"]
    return ended - started


def _child(figure: str, job: Job) -> dict[str, Any]:
    """Return what one figure's own process printed."""
    command = [sys.executable, "-m", "carecordon.bench.detect", figure, msgspec.json.encode(job).decode()]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE)  # noqa: S603  # our own module
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def _worker(job: Job) -> Worker:
    cache = DiskCache(Path(job.cache))
    book = read_rulebook([Path(path) for path in job.rules], cache, own=False)
    worker = Worker(Setup(book.rules, cache, use_accelerator=job.fast))
    worker.engine.ready(Kind(*kind) for kind in job.kinds)
    return worker


def _blocks(job: Job) -> Iterator[Block]:
    for source in walk([job.events]):
        if isinstance(source, Source):
            for opened in open_source(source):
                if isinstance(opened, Opened):
                    yield from (block for block in opened.blocks() if isinstance(block, Block))


def _runs(block: Block) -> Iterator[Run]:
    return (run for run in feed_named(block.feed).read(block) if isinstance(run, Run))


def _per_second(events: int, started: float) -> float:
    return round(events / (time.perf_counter() - started), 1)


def survey(job: Job) -> dict[str, Any]:
    """Return the number of events and rules and the kinds of events; leaves compiled rules in the cache."""
    worker = _worker(job)
    events = sum(worker.answer(Task(0, number, block)).events for number, block in enumerate(_blocks(job)))
    kinds = [list(one.kind[:3]) for one in worker.kinds_seen()]
    return {"events": events, "rules": len(worker.engine.program.rules), "kinds": kinds}


def ready(job: Job) -> dict[str, Any]:
    """Return when every plan was ready (monotonic seconds, the same clock in every process)."""
    _worker(job)
    return {"at": time.monotonic()}


def first_pass(job: Job) -> dict[str, Any]:
    """Return events a second of a file never seen before: unpacked, decoded, watched, matched."""
    worker = _worker(job)
    started = time.perf_counter()
    events = sum(worker.answer(Task(0, number, block)).events for number, block in enumerate(_blocks(job)))
    return {"events_per_s": _per_second(events, started), "peak_rss_bytes": _peak_rss_bytes()}


def _peak_rss_bytes() -> int | None:
    """Return the most memory this process has held; None where the system does not tell (Windows)."""
    try:
        import resource  # noqa: PLC0415  # not on Windows, where the rest of the command line must start
    except ImportError:
        return None
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def second_pass(job: Job) -> dict[str, Any]:
    """Return events a second when every value was seen once before, as far as the memos keep it."""
    worker = _worker(job)
    for number, block in enumerate(_blocks(job)):
        worker.answer(Task(0, number, block))
    started = time.perf_counter()
    events = sum(worker.answer(Task(0, number, block)).events for number, block in enumerate(_blocks(job)))
    return {"events_per_s": _per_second(events, started)}


def no_memo(job: Job) -> dict[str, Any]:
    """Return events a second when no value of the fields named in UNIQUE comes twice."""
    worker = _worker(job)
    blocks: list[Block] = []
    number = 0
    for block in _blocks(job):
        lines = []
        for document in (document for run in _runs(block) for document in run.documents):
            number += 1
            for name in UNIQUE:
                if isinstance(document.get(name), str):
                    document[name] += f" {number:x}"
            lines.append(orjson.dumps(document))
        blocks.append(Block("jsonlines", b"\n".join(lines) + b"\n"))
    gc.freeze()
    started = time.perf_counter()
    events = sum(worker.answer(Task(0, place, block)).events for place, block in enumerate(blocks))
    return {"events_per_s": _per_second(events, started)}


def decode_only(job: Job) -> dict[str, Any]:
    """Return records a second that unpacking and decoding alone reach: what the machine gives today."""
    started = time.perf_counter()
    events = sum(len(run.documents) for block in _blocks(job) for run in _runs(block))
    return {"events_per_s": _per_second(events, started)}


def batch(job: Job) -> dict[str, Any]:
    """Return events a second of wire batches: mixed kinds of many devices, known values in rows newly combined."""
    worker = _worker(job)
    rows = _rows(job)
    random.Random(SEED).shuffle(rows)  # noqa: S311  # a seeded order, no secret
    state = journey.detecting(worker.rules, worker.engine)
    for wire in _wire(rows):
        journey.detect_step(state, codec.decode(wire), 0)
    _recombine(rows)
    wires = list(_wire(rows))
    del rows
    gc.collect()
    gc.freeze()
    started = time.perf_counter()
    events = 0
    for wire in wires:
        table = codec.decode(wire)
        journey.detect_step(state, table, 0)
        events += len(table)
    return {"events_per_s": _per_second(events, started)}


@dataclass(slots=True)
class _Row:
    kind: Kind
    fields: dict[str, Any]
    time: int | None


def _rows(job: Job) -> list[_Row]:
    normaliser = Normaliser()
    found: list[_Row] = []
    for block in _blocks(job):
        for run in _runs(block):
            found.extend(_Row(*row[:3]) for row in normaliser.read(run)[0])
    return found


def _recombine(rows: list[_Row]) -> None:
    """Permute each field among the events of one kind that carry it: known values, new rows."""
    by_kind: dict[Kind, list[_Row]] = defaultdict(list)
    for row in rows:
        by_kind[row.kind].append(row)
    rng = random.Random(SEED)  # noqa: S311  # a seeded order, no secret
    for members in by_kind.values():
        for name in {name for row in members for name in row.fields}:
            carriers = [row for row in members if name in row.fields]
            values = [row.fields[name] for row in carriers]
            rng.shuffle(values)
            for row, value in zip(carriers, values, strict=True):
                row.fields[name] = value


def _wire(rows: list[_Row]) -> Iterator[bytes]:
    for start in range(0, len(rows), BATCH_ROWS):
        part = rows[start : start + BATCH_ROWS]
        yield codec.encode(
            gather(
                Rows(
                    kinds=[row.kind for row in part],
                    fields=[dict(row.fields) for row in part],
                    times=[row.time for row in part],
                    devices=[f"device-{number % DEVICES}.example.org" for number in range(len(part))],
                    record_ids=[None] * len(part),
                    positions=list(range(start, start + len(part))),
                )
            )
        )


FIGURES: dict[str, Callable[[Job], dict[str, Any]]] = {
    function.__name__: function for function in (survey, ready, first_pass, second_pass, no_memo, decode_only, batch)
}


def main() -> None:
    """Measure one figure in this process, which has one thread, and print it as JSON."""
    figure, job = sys.argv[1:]
    sys.stdout.write(json.dumps(FIGURES[figure](msgspec.json.decode(job, type=Job))))


if __name__ == "__main__":
    main()
