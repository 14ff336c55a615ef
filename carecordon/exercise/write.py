"""Writes a recording to disk: the events, the truth beside them, and the list of devices."""

from __future__ import annotations

import csv
import gzip
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import BinaryIO, NamedTuple, cast

import orjson
import zstandard

from carecordon.exercise.recording import Recording
from carecordon.exercise.world import World

COLUMNS = ("device", "address", "role", "class", "impact")
PIECE = 2_000
"""Lines that are handed to the disk together."""


class Written(NamedTuple):
    """What stands on disk now."""

    events: int
    malicious: int
    devices: int
    missing: tuple[int, ...]
    """Steps of the scenario that did not come to pass: the recorded time was too short."""


class Paths(NamedTuple):
    """The three files of a recording."""

    events: Path
    truth: Path
    devices: Path


def paths_of(out: Path) -> Paths:
    """Return where events, truth and devices go: `x.jsonl.gz` has its truth in `x.jsonl.gz.truth.jsonl`."""
    return Paths(out, out.with_name(out.name + ".truth.jsonl"), out.with_name(out.name + ".devices.csv"))


def write(recording: Recording, out: Path) -> Written:
    """Write the three files anew and return the counts; packed where `out` ends with .gz or .zst.

    They get their names when they are whole: whatever goes wrong, no half-written file is left, and what stood there
    before stands there still. Raises OSError if a file cannot be written.
    """
    paths = paths_of(out)
    parts = Paths(*(path.with_name(f"{path.name}.part") for path in paths))
    world = recording.world()
    with _removed_on_failure(parts):
        with ExitStack() as stack:
            events = stack.enter_context(_packed(parts.events, out.suffix))
            truth = stack.enter_context(parts.truth.open("wb"))
            total, steps = _write_lines(recording, events.write, truth.write)
        _write_devices(world, parts.devices)
        for part, path in zip(parts, paths, strict=True):
            part.replace(path)
    missing = tuple(step.number for step in recording.scenario.steps if not steps[step.number])
    return Written(total, steps.total(), len(world.devices) + 1, missing)


def _write_lines(
    recording: Recording, put: Callable[[bytes], object], put_truth: Callable[[bytes], object]
) -> tuple[int, Counter[int]]:
    """Return how many events there are, and how many of each step."""
    dumps, name = orjson.dumps, recording.scenario.name
    piece: list[bytes] = []
    position, steps = 0, Counter[int]()
    for position, (document, mark) in enumerate(recording.lines(), 1):
        piece.append(dumps(document))
        if mark is not None:
            steps[mark.step] += 1
            told = {"position": position, "scenario": name, "step": mark.step, "name": mark.name}
            told |= {"techniques": mark.techniques, "device": document["Computer"]}
            put_truth(dumps(told) + b"\n")
        if len(piece) >= PIECE:
            put(b"\n".join(piece) + b"\n")
            piece.clear()
    if piece:
        put(b"\n".join(piece) + b"\n")
    return position, steps


def _write_devices(world: World, path: Path) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file, lineterminator="\n")
        rows.writerow(COLUMNS)
        for device in (*world.devices, world.old):
            rows.writerow((device.full_name, device.address, device.role, device.asset_class, device.impact))


@contextmanager
def _removed_on_failure(paths: Paths) -> Iterator[None]:
    try:
        yield
    except BaseException:
        for path in paths:
            path.unlink(missing_ok=True)
        raise


@contextmanager
def _packed(path: Path, suffix: str) -> Iterator[BinaryIO]:
    """Open for writing, through the packer that `suffix` asks for; the same lines give the same bytes."""
    with path.open("wb") as file:
        if suffix == ".gz":
            with gzip.GzipFile("", "wb", 6, cast("BinaryIO", file), mtime=0) as packer:
                yield cast("BinaryIO", packer)
        elif suffix == ".zst":
            with zstandard.ZstdCompressor(level=3).stream_writer(file, closefd=False) as stream:
                yield cast("BinaryIO", stream)
        else:
            yield file
