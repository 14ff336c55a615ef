"""`python -m tests.fuzz [--feed NAME] [--inputs N] [--seed N]`: one line a target, exit status 1 if one fails.

Each input is made from seed and number alone, so that `--only NUMBER` runs it again.
"""

from __future__ import annotations

import argparse
import faulthandler
import multiprocessing
import random
import resource
import sys
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from multiprocessing.connection import Connection

from tests.fuzz.targets import Target, targets

MAX_INPUT_S = 1.0
MAX_GROWTH_MB = 64
_STEP = 200
_HANG_S = 30 + _STEP * MAX_INPUT_S
_PROCESSES = 2


@dataclass
class Result:
    """What became of some inputs."""

    inputs: int = 0
    records: int = 0
    slowest_s: float = 0.0
    slowest: int = -1
    growth_mb: float = 0.0
    failures: list[str] = field(default_factory=list)

    def add(self, other: Result) -> None:
        """Take in the result of other inputs."""
        self.inputs += other.inputs
        self.records += other.records
        self.growth_mb = max(self.growth_mb, other.growth_mb)
        self.failures += other.failures
        if other.slowest_s > self.slowest_s:
            self.slowest_s, self.slowest = other.slowest_s, other.slowest


def fuzz(target: Target, seed: int, numbers: Iterable[int], seeds: Sequence[bytes] | None = None) -> Result:
    """Return what becomes of the inputs with these numbers, run here; the clock is processor time."""
    seeds = target.seeds() if seeds is None else seeds
    result = Result()
    for number in numbers:
        content = target.make(random.Random(f"{target.name}:{seed}:{number}"), seeds)
        start = time.process_time()
        try:
            result.records += target.take(content)
        except Exception as fault:  # noqa: BLE001 - whatever escapes a reader is what is looked for
            result.failures.append(f"input {number}: {type(fault).__name__}: {fault}")
        took = time.process_time() - start
        if took > result.slowest_s:
            result.slowest_s, result.slowest = took, number
        result.inputs += 1
    return result


def _peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def _run(target: Target, seed: int, inputs: int) -> Result:
    """Return what becomes of all inputs, spread over processes, so that a crash of one is told and not shared."""
    context = multiprocessing.get_context("fork")
    hands = []
    for part in range(_PROCESSES):
        ours, theirs = context.Pipe(duplex=False)
        process = context.Process(target=_part, args=(theirs, target, seed, range(part, inputs, _PROCESSES)))
        process.start()
        theirs.close()
        hands.append((process, ours))
    result = Result()
    for process, pipe in hands:
        try:
            result.add(pipe.recv())
        except EOFError:
            result.failures.append("a process died or hung: see the trace above")
        process.join()
    return result


def _part(pipe: Connection, target: Target, seed: int, numbers: range) -> None:
    """Fuzz these inputs in steps, each with an alarm for a reader that never comes back.

    Memory is counted from where every whole seed was read once.
    """
    result = Result()
    seeds = target.seeds()
    for whole in seeds:
        target.take(whole)
    base_mb = _peak_mb()
    for start in range(0, len(numbers), _STEP):
        faulthandler.dump_traceback_later(_HANG_S, exit=True)
        result.add(fuzz(target, seed, numbers[start : start + _STEP], seeds))
    result.growth_mb = _peak_mb() - base_mb
    pipe.send(result)


def main() -> int:
    """Return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz")
    parser.add_argument("--feed", action="append", choices=sorted(targets()))
    parser.add_argument("--inputs", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", type=int, help="run this one input here")
    given = parser.parse_args()
    return max(_tell(targets()[name], given) for name in given.feed or targets())


def _tell(target: Target, given: argparse.Namespace) -> int:
    """Fuzz a target, print its line, and return 1 if it failed."""
    start = time.monotonic()
    only = given.only is not None
    result = fuzz(target, given.seed, [given.only]) if only else _run(target, given.seed, given.inputs)
    if result.slowest_s > MAX_INPUT_S:
        result.failures.append(f"input {result.slowest} took {result.slowest_s:.2f} s")
    if result.growth_mb > MAX_GROWTH_MB:
        result.failures.append(f"memory grew by {result.growth_mb:.0f} MB")
    print(
        f"{target.name}: {result.inputs:,} inputs, {result.records:,} records, {len(result.failures)} failures, "
        f"slowest {result.slowest_s * 1000:.0f} ms (input {result.slowest}), memory +{result.growth_mb:.0f} MB, "
        f"{time.monotonic() - start:.0f} s"
    )
    for failure in result.failures[:20]:
        print(f"  {failure}")
    return 1 if result.failures else 0


if __name__ == "__main__":
    sys.exit(main())
