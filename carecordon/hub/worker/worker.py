"""The process that works on some partitions of stream 1: `python -m carecordon.hub.worker DATA KEYS NUMBER OF`."""

from __future__ import annotations

import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from carecordon.hub.config import Paths, Settings, read_settings
from carecordon.hub.keeper.store import open_telemetry
from carecordon.hub.news.complaints import Complaints
from carecordon.hub.news.losses import KEPT, Losses, Way
from carecordon.hub.process import Process, give_way
from carecordon.hub.pulse import read_pulses
from carecordon.hub.trust.roster import Roster
from carecordon.hub.worker.channels_heard import ChannelsHeard, teller_of, whose
from carecordon.hub.worker.hearing import Hearing
from carecordon.hub.worker.lag import DEEP_S, Lag
from carecordon.hub.worker.notes import Notes
from carecordon.hub.worker.rules_in_use import RulesInUse
from carecordon.hub.worker.shard import DETECT, STORE, Doors, Shard
from carecordon.model.kept import Trouble
from carecordon.register.backends.sqlite import SQLITE as REGISTER
from carecordon.stream.backends.sqlite import SQLITE as STREAM

TURN_S = 0.4
"""How long events gather before they are merged: the batch is larger, and each costs less."""
HOLD_NS = 5_000_000_000
"""How long what was matched waits until it is stored: an insert costs the store some 50 ms, however little is in it,
and what is stored in larger pieces is merged less often.
"""
IDLE_S = 0.05
LOOK_S = 5.0
"""How often the roster and the rules are looked at."""
TRIM_S = 10.0
THERE_S = 30.0
"""How often it is asked whom the gate heard, which it writes down each minute."""
GATE = "gate"
OWN_FAULTS = ("disk", "lag", "commit", "queue")
"""Kinds of refusals (`hub/gate/pressure.py`) for which what devices have to say waits on them."""
CALM_S = 15.0
"""While events wait no longer than this, what devices said until they were last heard was seen, or will be at once."""
BAD_DISK_S = 2.0
DAMAGES_TOLD = 100


def main() -> None:
    """Work until somebody asks for an end."""
    paths = Paths(Path(sys.argv[1]), Path(sys.argv[2]))
    number, of = int(sys.argv[3]), int(sys.argv[4])
    process = Process(f"worker-{number}", paths)
    worker = Worker(process, read_settings(paths.settings), paths, number, of)
    give_way()
    worker.run()


class Worker:
    """The loop around the shards of one process."""

    def __init__(self, process: Process, settings: Settings, paths: Paths, number: int, of: int) -> None:
        """Open what worker `number` of `of` works with, and go on from what a former process left."""
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
        self._number, self._of = number, of
        self._is_first = number == 0
        self._complaints = Complaints(self._register.cases, time.time_ns)
        self._notes = Notes(self._register, time.time_ns)
        self.rules = RulesInUse(settings, paths, self._complaints, self._notes, process.log, number, of)
        self._shards = [Shard(self._doors, one, HOLD_NS) for one in range(settings.partitions) if one % of == number]
        self._lag = Lag(self._complaints, min(DEEP_S, settings.limits.max_lag_s))
        self._channels = ChannelsHeard(
            settings.limits.silent_after_s, self._doors.events.partition_of, whose(number), self._doors.roster.called
        )
        self._run = paths.run
        self._refused = 0.0
        self._there_until = 0
        """When the newest of the signs that devices are there was made, of those that were taken in (UTC ns)."""
        self._losses = Losses()
        self._untold: dict[str, Trouble] = {}
        """News of these two that the register has not taken yet, by key."""
        self._is_deaf = False
        """Whether it was told that these two failed."""
        self._resume()
        for shard in self._shards:
            shard.heard = Hearing([self._channels.see, self._losses.see], self._fail_to_hear).hear
        self._looked = self._trimmed = self._asked = 0.0

    def _resume(self) -> None:
        """Go on from what a former process noted and told."""
        now = time.time_ns()
        told = [one for one in self._register.cases.troubles(is_over=False, limit=KEPT) if self._is_mine(one)]
        self._losses.resume(told, now)
        self._channels.resume(self._notes, [shard.partition for shard in self._shards], told, now)

    def run(self) -> None:
        """Take turns until somebody asks for an end."""
        process = self._process
        process.ready()
        while not process.is_stopping:
            began = time.monotonic()
            busy = self.turn()
            self._look(began)
            process.beat(self._figures())
            left = TURN_S - (time.monotonic() - began) if busy else IDLE_S
            if left > 0:
                process.wait(left)
        self._finish()
        self._doors.threads.shutdown()
        process.log.info("stopped")

    def turn(self) -> bool:
        """Let each shard take a turn; return whether there was anything. A disk that fails is waited for."""
        busy = False
        for shard in self._shards:
            try:
                busy |= shard.turn(self.rules.detector)
            except OSError as fault:
                self._process.log.warning("turn", partition=shard.partition, fault=str(fault))
                self._process.wait(BAD_DISK_S)
        return busy

    def _finish(self) -> None:
        """Store what is held; what cannot be is taken out of the log again at the next start."""
        for shard in self._shards:
            try:
                shard.finish()
            except OSError as fault:
                self._process.log.warning("finish", partition=shard.partition, fault=str(fault))
        try:
            self._channels.note_all(self._notes)
        except OSError as fault:  # the last minute of what was heard is not known at the next start
            self._process.log.warning("finish", fault=str(fault))

    def _look(self, now: float) -> None:
        if now - self._looked >= LOOK_S:
            self._looked = now
            try:
                self.look_around()
            except OSError as fault:  # a full disk, a register that is busy: looked at again
                self._process.log.warning("look", fault=str(fault))
        if self._is_first and now - self._trimmed >= TRIM_S:
            self._trimmed = now
            try:
                self._doors.events.trim((DETECT, STORE))
            except OSError as fault:  # tried again: until then the log is longer than it need be
                self._process.log.warning("trim", fault=str(fault))

    def look_around(self) -> None:
        """Take in what changed around the worker, and write down what it has to tell. Raises OSError."""
        self._doors.roster.refresh()
        lag_s, now = self._lag_s(), time.time_ns()
        self.rules.look(sum(int(shard.figures["events_total"]) for shard in self._shards), lag_s)
        self._lag.look(lag_s)
        self._complain()
        self._see_who_is_there(lag_s, now)
        self._untold.update((one.key, one) for one in [*self._channels.news(now), *self._losses.news(now)])
        self._channels.note(self._notes)  # before it is told: what was told is known after a restart
        if self._untold:
            self._register.cases.trouble(list(self._untold.values()))
            self._untold.clear()

    def _see_who_is_there(self, lag_s: float, now: int) -> None:
        """Take in whom the gate heard, whatever they said.

        While events wait, here or on devices whose batches the gate refuses, nobody's silence is a proof.
        """
        if time.monotonic() - self._asked >= THERE_S:
            self._asked = time.monotonic()
            seen = self._register.devices.seen_since(self._there_until)
            self._there_until = max([self._there_until, *(at for at in seen.values() if at <= now)])
            refused, self._refused = self._refused, self._refusals()
            self._channels.there(seen, now, counts=lag_s < CALM_S and refused == self._refused)

    def _refusals(self) -> float:
        """Return how often the gate that runs has refused a batch for the hub's own state."""
        gate = next((one for one in read_pulses(self._run) if one.name == GATE), None)
        return 0.0 if gate is None else sum(gate.figures.get(f"refused_{kind}_total", 0.0) for kind in OWN_FAULTS)

    def _fail_to_hear(self, why: str) -> None:
        """Log that something was not noted, and complain of it once; written with the other news."""
        self._process.log.warning("heard", fault=why)
        if not self._is_deaf:
            self._is_deaf = True
            key = f"poison/heard/{self._process.name}"
            self._untold[key] = Trouble(key, "poison", None, f"{self._process.name}: {why}", time.time_ns())

    def _is_mine(self, trouble: Trouble) -> bool:
        """Return whether this worker tells of it: by its sender; missing numbers are the gate's to tell."""
        if trouble.key.endswith(f"/{Way.NUMBERS}"):
            return False
        if trouble.device is None:
            return teller_of(trouble) % self._of == self._number
        return self._doors.events.partition_of(trouble.device) in {shard.partition for shard in self._shards}

    def _lag_s(self) -> float:
        """Return how long the oldest event has waited to be matched."""
        oldest = self._doors.events.lag(DETECT).oldest
        return 0.0 if oldest is None else (time.time_ns() - oldest) / 1e9

    def _complain(self) -> None:
        """Write down what is wrong with the store, and with the logs (one worker for all)."""
        trouble = next((one.store_trouble for one in self._shards if one.store_trouble), None)
        text = None if trouble is None else f"the store of events does not answer, what comes waits for it: {trouble}"
        if self._complaints.set(f"store/{self._process.name}", "store", text):
            self._process.log.warning("store", trouble=trouble)
        if not self._is_first:
            return
        for log, stream in (("1", self._doors.events), ("2", self._doors.found)):
            for one in stream.damaged()[:DAMAGES_TOLD]:
                text = f"stream {log} does not read back, partition {one.partition}, groups {one.first} to {one.last}: "
                self._complaints.set(f"damage/{log}/{one.partition}/{one.first}", "damage", text + one.reason)

    def _figures(self) -> dict[str, float]:
        totals: dict[str, float] = {}
        for shard in self._shards:
            for name, value in shard.figures.items():
                totals[name] = totals.get(name, 0) + value
        return {**totals, **self.rules.figures()}
