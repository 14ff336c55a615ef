"""The process that works on some partitions of stream 1: `python -m carecordon.hub.worker DATA KEYS NUMBER OF`."""

from __future__ import annotations

import os
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from carecordon.hub.config import Paths, Settings, read_settings
from carecordon.hub.detector import Detector
from carecordon.hub.process import Process
from carecordon.hub.roster import Roster
from carecordon.hub.rules import RuleWatch, cache_of, read_rules
from carecordon.hub.shard import DETECT, STORE, Doors, Shard
from carecordon.hub.store import open_telemetry
from carecordon.model.kept import Trouble
from carecordon.register.backends.sqlite import SQLITE as REGISTER
from carecordon.stream.backends.sqlite import SQLITE as STREAM

TURN_S = 0.4
"""How long events gather before they are merged: the batch is larger, and each costs less."""
IDLE_S = 0.05
LOOK_S = 5.0
"""How often the roster and the rules are looked at."""
TRIM_S = 10.0
NICENESS = 5
"""The gate goes first: a device waits for its receipt, nobody waits for a worker's turn."""


def main() -> None:
    """Work until somebody asks for an end."""
    paths = Paths(Path(sys.argv[1]), Path(sys.argv[2]))
    number, of = int(sys.argv[3]), int(sys.argv[4])
    process = Process(f"worker-{number}", paths)
    os.nice(NICENESS)
    _Worker(process, read_settings(paths.settings), paths, number, of).run()


class _Worker:
    """The loop around the shards of one process."""

    def __init__(self, process: Process, settings: Settings, paths: Paths, number: int, of: int) -> None:
        self._process = process
        self._register = REGISTER.open_register(str(paths.register))
        self._doors = Doors(
            STREAM.open(str(paths.events), None),
            STREAM.open(str(paths.found), None),
            self._register,
            open_telemetry(paths),
            Roster(self._register.devices),
            ThreadPoolExecutor(1, "store"),
            time.time_ns,
        )
        self._cache = cache_of(paths)
        self._watch = RuleWatch(settings, paths)
        self._detector = Detector(read_rules(settings, paths), self._cache)
        self._shards = [Shard(self._doors, one) for one in range(settings.partitions) if one % of == number]
        self._is_first = number == 0
        self._looked = self._trimmed = 0.0
        self._said: str | None = None

    def run(self) -> None:
        """Take turns until somebody asks for an end."""
        process = self._process
        process.ready()
        while not process.is_stopping:
            began = time.monotonic()
            busy = False
            for shard in self._shards:
                busy |= shard.turn(self._detector)
            self._look(began)
            process.beat(self._figures())
            left = TURN_S - (time.monotonic() - began) if busy else IDLE_S
            if left > 0:
                process.wait(left)
        self._doors.threads.shutdown()
        process.log.info("stopped")

    def _look(self, now: float) -> None:
        if now - self._looked >= LOOK_S:
            self._looked = now
            self._doors.roster.refresh()
            book = self._watch.changed()
            if book is not None:
                self._detector = Detector(book, self._cache)
                self._process.log.info("rules changed", rules=len(book.rules.rules), refused=len(book.rules.refused))
            self._tell_trouble()
        if self._is_first and now - self._trimmed >= TRIM_S:
            self._trimmed = now
            self._doors.events.trim((DETECT, STORE))

    def _tell_trouble(self) -> None:
        """Write down that the store does not answer or the rules do not compile, and when that is over."""
        trouble = next((one.store_trouble for one in self._shards if one.store_trouble), None)
        if trouble != self._said:
            now = time.time_ns()
            text = f"the store of events does not answer: {trouble or self._said}"
            until = None if trouble else now
            self._register.cases.trouble([Trouble(f"store/{self._process.name}", "store", None, text, now, until)])
            self._process.log.warning("store", trouble=trouble)
            self._said = trouble

    def _figures(self) -> dict[str, float]:
        totals: dict[str, float] = {}
        for shard in self._shards:
            for name, value in shard.figures.items():
                totals[name] = totals.get(name, 0) + value
        return totals


if __name__ == "__main__":
    main()
