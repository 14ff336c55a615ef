"""How fast and how lean a whole scan is: each figure from processes of their own, start-up taken out.

Every run is the command itself, `carecordon scan … --json`, timed from outside. Two sizes of
the same input are scanned, and the difference of events is divided by the difference of
time: what every run pays once (starting Python, loading plans) cancels out.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import msgspec
import zstandard

COPIES = (10, 40)
"""How often the folder of EVTX files is scanned, small and big."""
LINES_COPIES = (1, 4)
SMALL_BYTES = 200_000_000
BIG_BYTES = 2_000_000_000
RUNS = 3
"""Runs of each size; the fastest counts, since nothing but the work itself can make one faster."""
_UNREAD_AT = 4_092
"""Where in an EVTX file four bytes of its header are unused. Source: libyal, EVTX format, file header."""
_READ_BYTES = 1 << 20
_LOOK_S = 0.02
_PAGE = os.sysconf("SC_PAGE_SIZE") if hasattr(os, "sysconf") else 4096


@dataclass(frozen=True, slots=True)
class Run:
    """One scan: seconds from start to end, events read, and the greatest sum of its processes' memory."""

    seconds: float
    events: int
    rss_bytes: int


@dataclass(frozen=True, slots=True)
class Job:
    """What every run has in common: the rules, and a folder for their plans."""

    rules: Sequence[Path]
    cache: Path

    def scan(self, paths: Sequence[Path], cores: int, feed: Callable[[IO[bytes]], None] | None = None) -> Run:
        """Run the command on the paths, or on what `feed` writes to its standard input."""
        command = [sys.executable, "-m", "carecordon", "scan", *map(str, paths), "--json", "--no-own-rules"]
        command += ["--cores", str(cores), *(["--stdin"] if feed else [])]
        for one in self.rules:
            command += ["--rules", str(one)]
        environment = {**os.environ, "CARECORDON_CACHE": str(self.cache)}
        with tempfile.TemporaryFile() as out:
            started = time.monotonic()
            source = subprocess.PIPE if feed else subprocess.DEVNULL
            with subprocess.Popen(command, stdin=source, stdout=out, env=environment) as running:  # noqa: S603  # our own command
                peak = _Peak(running)
                if feed and running.stdin:
                    feed(running.stdin)
                    running.stdin.close()
                running.wait()
            seconds = time.monotonic() - started
            return Run(seconds, _events(out), peak.bytes())


def measure(evtx: Path, lines: Path, rules: Sequence[Path], big_bytes: int = BIG_BYTES) -> dict[str, Any]:
    """Return all figures for a folder of EVTX files and a file of JSON lines (plain or zstd)."""
    with tempfile.TemporaryDirectory(prefix="carecordon-bench-") as room:
        job = Job(rules, Path(room) / "cache")
        plain = _unpacked(lines, Path(room) / "lines.jsonl")
        job.scan([evtx, plain], 1)  # plans compiled and files in the system's cache before anything is timed
        logs = [_copied(evtx, Path(room) / f"evtx-{copies}", copies) for copies in COPIES]
        found: dict[str, Any] = {}
        found.update(_rates("evtx", [[folder] for folder in logs], job))
        for folder in logs:
            _tell_apart(folder)
        found.update(_rates("evtx_apart", [[folder] for folder in logs], job))
        found.update(_rates("lines", [[plain] * copies for copies in LINES_COPIES], job))
        found.update(_memory(plain, big_bytes, job))
        return found


def _rates(name: str, sizes: Sequence[Sequence[Path]], job: Job) -> dict[str, float]:
    """Return events a second on one core and how much two cores gain, from a small and a big input.

    The runs take turns, so that a slow stretch of the machine falls on all alike; the fastest of each counts.
    """
    turns = [(cores, size) for size in range(len(sizes)) for cores in (1, 2)]
    runs: dict[tuple[int, int], list[Run]] = {turn: [] for turn in turns}
    for _ in range(RUNS):
        for cores, size in turns:
            runs[cores, size].append(job.scan(sizes[size], cores))
    one, two = (
        _per_second(name, *(min(runs[cores, size], key=lambda run: run.seconds) for size in range(len(sizes))))
        for cores in (1, 2)
    )
    return {
        f"{name}_events_per_s": round(one, 1),
        f"{name}_cores_2_events_per_s": round(two, 1),
        f"{name}_cores_2_speedup": round(two / one, 3),
    }


def _per_second(name: str, small: Run, big: Run) -> float:
    """Return events a second without start-up. Raises ValueError where the sizes are too much alike to tell."""
    if big.events == small.events or big.seconds <= small.seconds:
        raise ValueError(f"{name}: too few events to measure anything: give more of them")
    return (big.events - small.events) / (big.seconds - small.seconds)


def _memory(plain: Path, big_bytes: int, job: Job) -> dict[str, int]:
    """Return the greatest memory of all processes of a scan of a small and of a big input, on two cores."""
    found: dict[str, int] = {}
    for name, size in (("small", min(SMALL_BYTES, big_bytes)), ("big", big_bytes)):
        fed: list[int] = []
        run = job.scan([], 2, lambda pipe, size=size, fed=fed: fed.append(_fed(pipe, plain, size)))  # type: ignore[misc]  # mypy knows no lambda defaults
        found |= {f"{name}_input_bytes": fed[0], f"rss_{name}_bytes": run.rss_bytes}
    return found


def _fed(pipe: IO[bytes], plain: Path, size_bytes: int) -> int:
    """Write the file's whole lines again and again until `size_bytes` are written; return how many were."""
    written = 0
    while written < size_bytes:
        with plain.open("rb") as file:
            while written < size_bytes and (piece := file.read(_READ_BYTES) + file.readline()):
                pipe.write(piece)
                written += len(piece)
    return written


class _Peak:
    """Watches the memory of a process and of those that it starts, until it ends."""

    def __init__(self, running: subprocess.Popen[bytes]) -> None:
        """Begin to watch; where the system has no /proc nothing is seen."""
        self._running = running
        self._bytes = 0
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def bytes(self) -> int:
        """Return the greatest sum seen; the process must have ended. Memory that they share counts once for each."""
        self._thread.join()
        return self._bytes

    def _watch(self) -> None:
        while self._running.poll() is None:
            self._bytes = max(self._bytes, sum(map(_resident, _family(self._running.pid))))
            time.sleep(_LOOK_S)


def _family(pid: int) -> list[int]:
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError:
        return [pid]
    return [pid, *(one for child in children for one in _family(int(child)))]


def _resident(pid: int) -> int:
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * _PAGE
    except (OSError, IndexError):
        return 0


def _events(out: IO[bytes]) -> int:
    """Return how many events a scan says that it read. Raises ValueError if it did not come to its end."""
    out.seek(0)
    last = b""
    for line in out:
        last = line
    found = msgspec.json.decode(last) if last else {}
    if found.get("type") != "summary" or found["partial"]:
        raise ValueError("a scan did not come to its end")
    return int(found["events_read"])


def _unpacked(lines: Path, target: Path) -> Path:
    if lines.suffix != ".zst":
        return lines
    with lines.open("rb") as packed, target.open("wb") as plain:
        zstandard.ZstdDecompressor().copy_stream(packed, plain)
    return target


def _copied(folder: Path, target: Path, copies: int) -> Path:
    """Return a folder with so many copies of another: real ones, for a linked file would be no file of its own."""
    for number in range(copies):
        shutil.copytree(folder, target / str(number), copy_function=shutil.copyfile)
    return target


def _tell_apart(copies: Path) -> None:
    """Write into each copy's EVTX files which copy it is, where nobody reads: what is alike but for that is no copy."""
    for path in copies.rglob("*.evtx"):
        with path.open("r+b") as file:
            if len(file.read(_UNREAD_AT)) == _UNREAD_AT:
                file.write(int(path.relative_to(copies).parts[0]).to_bytes(4, "little"))
