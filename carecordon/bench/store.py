"""What the telemetry store costs: rows a second, bytes an event, a search through command lines, a device's timeline.

`python -m carecordon.bench.store [--otrf FILE] [--rows N]` prints JSON; a keeper of its own in a temporary folder.
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from carecordon.hub.keeper.address import Role, read_address
from carecordon.hub.pulse import Pulse, read_pulses
from carecordon.model.batch import Columns, Row, Rows, Table
from carecordon.model.block import Block, Run
from carecordon.model.event import Kind
from carecordon.model.gather import gather
from carecordon.model.merged import Merged
from carecordon.pipeline.ingest.feeds import feed_named
from carecordon.pipeline.ingest.normalise import Normaliser
from carecordon.scan.open import Opened, open_source
from carecordon.scan.walk import Source, walk
from carecordon.telemetry.answer import Answer
from carecordon.telemetry.backends.clickhouse import ClickHouseReader, ClickHouseTelemetry, Where
from carecordon.telemetry.store import block_of

MEAN_ROWS = 1_160
"""A second of an average trust: the merged batch of a worker."""
STEP = 1_000_000_000 // MEAN_ROWS
LIKE_ROWS = 20_000
LIKE_DEVICES = 200
RARE = 10_000
"""The needle stands in one of so many command lines."""
SEED = 20_261_127
START = 1_795_000_000_000_000_000
RUNS = 5
PAGES = (100, 1_000)
"""Rows of a page: what fills a screen, and what `/api/v1/events` gives who does not say how many."""
SETTLED_S = 90.0


class Keeper:
    """A keeper in a process of its own, and its two doors."""

    def __init__(self, data: Path) -> None:
        """Start it in `data` and wait until it is ready."""
        self.data = data
        command = [sys.executable, "-m", "carecordon.hub.keeper", str(data)]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)  # noqa: S603  # our own module
        if self.process.stdout is None or self.process.stdout.readline() != "ready\n":
            raise OSError("the keeper did not start")
        self.store = ClickHouseTelemetry(lambda: self._where(Role.WORKER))
        self.reader = ClickHouseReader(lambda: self._where(Role.READER))

    def _where(self, role: Role) -> Where:
        address = read_address(self.data / "run")
        return Where("127.0.0.1", address.port, role.value, address.secret(role))

    def settled(self) -> Pulse:
        """Return the pulse once merging has come to rest: the same parts in five pulses, or time is up."""
        deadline, seen = time.monotonic() + SETTLED_S, list[tuple[float, float]]()
        while True:
            found = [one for one in read_pulses(self.data / "run") if one.name == "keeper"]
            state = (
                (found[0].figures.get("parts", 0.0), found[0].figures.get("disk_bytes", 0.0)) if found else (0.0, 0.0)
            )
            seen = [*seen[-4:], state]
            if found and ((len(seen) == 5 and len(set(seen)) == 1) or time.monotonic() > deadline):
                return found[0]
            time.sleep(1.1)

    def close(self) -> None:
        """Stop it."""
        self.store.close()
        self.reader.close()
        self.process.terminate()
        self.process.communicate()


@contextmanager
def _kept() -> Iterator[Keeper]:
    with tempfile.TemporaryDirectory(prefix="carecordon-bench-") as folder:
        keeper = Keeper(Path(folder))
        try:
            yield keeper
        finally:
            keeper.close()


def measure(otrf: Path | None, events: int, like_rows: int) -> dict[str, Any]:
    """Return all figures."""
    found = {"world": _stored(_world(events))}
    if otrf is not None:
        found["otrf"] = _stored(list(islice(_file(otrf), events)))
    return {**found, "like": _like(like_rows)}


def _world(events: int) -> list[Row]:
    """Return events of an ordinary day, as the command itself writes them."""
    with tempfile.TemporaryDirectory(prefix="carecordon-bench-") as folder:
        out = Path(folder) / "quiet.jsonl"
        command = [sys.executable, "-m", "carecordon", "exercise", "write", "quiet", "--out", str(out)]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)  # noqa: S603  # our own command
        return list(islice(_file(out), events))


def _file(path: Path) -> Iterator[Row]:
    for source in walk([str(path)]):
        if isinstance(source, Source):
            for opened in open_source(source):
                if isinstance(opened, Opened):
                    for block in opened.blocks():
                        if isinstance(block, Block):
                            yield from _rows(block)


def _rows(block: Block) -> Iterator[Row]:
    normaliser = Normaliser()
    for run in feed_named(block.feed).read(block):
        if isinstance(run, Run):
            yield from normaliser.read(run)[0]


def _stored(rows: Sequence[Row]) -> dict[str, Any]:
    """Return what it costs to keep these events, a second's worth at a time, re-dated to follow one another."""
    batches = []
    for first in range(0, len(rows), MEAN_ROWS):
        part = rows[first : first + MEAN_ROWS]
        batches.append(
            _merged(gather(Rows.of([(k, dict(f), 0, _device(f, d), r, p) for k, f, _, d, r, p in part])), first)
        )
    built, sent = [], []
    with _kept() as keeper:
        for number, batch in enumerate(batches):
            started = time.perf_counter()
            block_of(batch)
            between = time.perf_counter()
            keeper.store.insert(batch, f"bench:{number}")
            built.append(between - started)
            sent.append(time.perf_counter() - between)
        young = [one for one in read_pulses(keeper.data / "run") if one.name == "keeper"]
        pulse = keeper.settled()
        return {
            "events": len(rows),
            "rows_per_insert": MEAN_ROWS,
            "build_ms": _ms(statistics.median(built)),
            "insert_with_build_ms": _ms(statistics.median(sent)),
            "rows_per_s": round(len(rows) / sum(sent)),
            "bytes_per_event_young": _bytes(young),
            "bytes_per_event_settled": _bytes([pulse]),
            "parts_settled": pulse.figures["parts"],
            **_timeline(keeper.reader),
            "keeper_peak_rss_bytes": pulse.figures["peak_rss_bytes"],
        }


def _bytes(pulses: Sequence[Pulse]) -> float | None:
    figures = pulses[0].figures if pulses else {}
    return round(figures["disk_bytes"] / figures["rows"], 1) if figures.get("rows") else None


def _device(fields: Any, device: str | None) -> str:
    return device or str(fields.get("Hostname") or fields.get("Computer") or "unnamed")


def _merged(table: Table, first: int) -> Merged:
    total = len(table)
    place = np.arange(first, first + total, dtype=np.int64)
    dated = Table(table.kinds, table.kind, table.devices, table.device, START + place * STEP, place, table.columns)
    senders = tuple(f"d-{name}" for name in table.devices)
    received = np.full(total, START + (first + total) * STEP, np.int64)
    return Merged(dated, senders, table.device, np.full(total, 7, np.int64), place, received)


def _timeline(reader: ClickHouseReader) -> dict[str, float]:
    """Return how long a page of a device's timeline takes, of several the median."""
    found = reader.counts(["device"], 0, 1 << 62, limit=3)
    devices = [str(row[0]) for row in found.rows] if isinstance(found, Answer) else []
    return {
        f"timeline_page_of_{rows}_ms": _ms(
            statistics.median(
                _seconds(lambda name=name, rows=rows: reader.events(name, 0, 1 << 62, None, rows))
                for name in devices * 3
            )
        )
        for rows in PAGES
    }


def _like(rows: int) -> dict[str, Any]:
    """Return how long a search through command lines takes, half of them distinct, caches of answers off."""
    rng = random.Random(SEED)  # noqa: S311  # seeded, so that the figure comes back
    with _kept() as keeper:
        started = time.perf_counter()
        for first in range(0, rows, LIKE_ROWS):
            keeper.store.insert(_command_lines(rng, first, min(LIKE_ROWS, rows - first)), f"like:{first}")
        inserted = time.perf_counter() - started
        pulse = keeper.settled()
        reader = keeper.reader
        found: dict[str, Any] = {"rows": rows, "rows_per_s": round(rows / inserted), "bytes_per_event": _bytes([pulse])}
        for name, needle in (("absent", "zzq-nowhere"), ("one_in_10000", "rare-needle")):
            sql = f"SELECT count() FROM events WHERE CommandLine LIKE '%{needle}%'"  # noqa: S608  # constants of ours
            seconds = [_seconds(lambda sql=sql: reader.ask(sql)) for _ in range(RUNS)]
            told = reader.ask(sql)
            found[name] = {
                "matches": told.rows[0][0] if isinstance(told, Answer) and told.rows else None,
                "ms_median": _ms(statistics.median(seconds)),
                "ms_worst": _ms(max(seconds)),
            }
        distinct = reader.ask("SELECT uniq(CommandLine) FROM events")
        found["distinct"] = distinct.rows[0][0] if isinstance(distinct, Answer) and distinct.rows else None
        return {**found, **_timeline(reader)}


def _command_lines(rng: random.Random, first: int, total: int) -> Merged:
    """Return process events of many devices; every second command line is one of its own."""
    lines, codes = list[str](), list[int]()
    for number in range(first, first + total):
        if number % 2 == 0 or not lines:
            needle = " rare-needle" if number % (2 * RARE) == 0 else ""  # each line is there twice
            lines.append(
                f"C:\\Program Files\\Ward\\client.exe --case {rng.getrandbits(64):016x} --user {number}{needle}"
            )
        codes.append(len(lines) - 1)
    devices = tuple(f"ward-pc-{number}.example.org" for number in range(LIKE_DEVICES))
    index = np.array([codes, np.arange(total) % 40], np.int32)
    values = (tuple(lines), tuple(f"C:\\Windows\\System32\\tool{number}.exe" for number in range(40)))
    kinds = (Kind("Microsoft-Windows-Sysmon/Operational", "Microsoft-Windows-Sysmon", 1),)
    table = Table(
        kinds,
        np.zeros(total, np.int32),
        devices,
        np.array([rng.randrange(LIKE_DEVICES) for _ in range(total)], np.int32),
        np.zeros(total, np.int64),
        np.arange(total, dtype=np.int64),
        Columns(("CommandLine", "Image"), index, values.__getitem__),
    )
    return _merged(table, first)


def _seconds(act: Any) -> float:
    started = time.perf_counter()
    act()
    return time.perf_counter() - started


def _ms(seconds: float) -> float:
    return round(seconds * 1000, 1)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="What the telemetry store costs")
    parser.add_argument("--otrf", type=Path, help="a file of events as JSON lines, re-dated")
    parser.add_argument("--events", type=int, default=60_000, help="of the world and of the file: at most so many")
    parser.add_argument("--rows", type=int, default=1_000_000, help="of the search through command lines")
    given = parser.parse_args()
    sys.stdout.write(json.dumps(measure(given.otrf, given.events, given.rows), indent=2) + "\n")


if __name__ == "__main__":
    main()
