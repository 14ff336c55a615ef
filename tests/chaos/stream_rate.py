"""How fast a log is on this machine's disk, in parts and events a second: `python -m tests.chaos.stream_rate [FOLDER]`.

Not a test: the figures depend on the disk. Each line is a run of its own on a fresh log, every call an fsync.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from typing import NamedTuple

from carecordon.model.stream import Part
from carecordon.stream.backends.sqlite import SqliteStream, open_stream

SECONDS = 4.0


class Load(NamedTuple):
    """What is published: `group` parts a call, each of so many bytes and events, from so many senders in turn."""

    name: str
    group: int
    size_bytes: int
    events: int
    senders: int


LOADS = (
    Load("one small part a call", 1, 300, 1, 10_000),
    Load("groups of 25 small parts", 25, 300, 1, 10_000),
    Load("groups of 100 small parts", 100, 300, 3, 10_000),
    Load("one batch of 500 events a call", 1, 30_000, 500, 200),
    Load("groups of 20 batches of 500 events", 20, 30_000, 500, 200),
)


def parts_of(load: Load) -> Iterator[list[Part]]:
    """Yield calls for ever; data is random, as what is packed looks random."""
    data = os.urandom(load.size_bytes)
    turn = 0
    while True:
        call = []
        for number in range(turn * load.group, (turn + 1) * load.group):
            first = number // load.senders * load.events
            call.append(Part(f"device-{number % load.senders}", 1, first, first + load.events - 1, data))
        turn += 1
        yield call


def measure(load: Load, stream: SqliteStream) -> str:
    """Publish for a while, reading, acknowledging and trimming once a second as a worker would; return a line."""
    took: list[float] = []
    parts = slow = 0
    begin = due = time.perf_counter()
    processor = time.process_time()
    for call in parts_of(load):
        start = time.perf_counter()
        if start - begin > SECONDS:
            break
        stream.publish(call, time.time_ns())
        took.append(time.perf_counter() - start)
        parts += len(call)
        if start - due > 1:
            due = start
            slow = max(slow, _work(stream))
    seconds = time.perf_counter() - begin
    busy = (time.process_time() - processor) / seconds
    took.sort()
    return (
        f"{load.name:36} {len(took) / seconds:8.0f} groups/s {parts / seconds:9.0f} parts/s"
        f" {parts * load.events / seconds:11.0f} events/s   publish p50 {_ms(took, 0.5):6.2f} ms"
        f"  p99 {_ms(took, 0.99):6.2f} ms  max {_ms(took, 1):6.1f} ms   trim max {slow:3d} ms   {busy:4.2f} cores"
    )


def _work(stream: SqliteStream) -> int:
    for partition in range(stream.partitions):
        after = stream.acked("worker", partition)
        while entries := stream.pull(partition, after, 16 * 1024 * 1024):
            after = entries[-1].position
        stream.ack("worker", partition, after)
    slow = 0.0
    while True:
        start = time.perf_counter()
        gone = stream.trim(["worker"])
        slow = max(slow, time.perf_counter() - start)
        if not gone:
            return round(slow * 1000)


def _ms(took: Sequence[float], share: float) -> float:
    return took[min(len(took) - 1, int(len(took) * share))] * 1000


def main(folder: str | None = None) -> None:
    """Measure each load."""
    for load in LOADS:
        with tempfile.TemporaryDirectory(dir=folder) as place, closing(open_stream(f"{place}/log.db", 2)) as stream:
            print(measure(load, stream), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:2])
