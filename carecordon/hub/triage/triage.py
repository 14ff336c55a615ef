"""The process that makes incidents, one to an organisation: `python -m carecordon.hub.triage DATA KEYS`."""

from __future__ import annotations

import gc
import sys
import time
from collections.abc import Callable, Mapping
from importlib import resources
from pathlib import Path
from typing import Any

import carecordon
from carecordon.hub.carry.receivers import names
from carecordon.hub.config import Paths, Settings, read_settings
from carecordon.hub.news.complaints import Complaints
from carecordon.hub.news.doubts import hand_over
from carecordon.hub.process import Process, give_way
from carecordon.hub.pulse import read_pulses
from carecordon.hub.triage.desk import Desk, Office
from carecordon.hub.triage.passing import Passing
from carecordon.hub.triage.silence import Silence
from carecordon.hub.triage.unproven import Unproven
from carecordon.hub.triage.upkeep import Upkeep
from carecordon.hub.worker.rules import RuleWatch
from carecordon.model.errors import OurFault, TheirFault
from carecordon.model.match import Level
from carecordon.model.stream import Stream
from carecordon.notify.teller import Teller
from carecordon.pipeline.detect.disk.source import source_hash
from carecordon.pipeline.detect.sigma.ir import abridged
from carecordon.pipeline.triage.disk.assets import read_assets
from carecordon.pipeline.triage.score import Asset, Estate
from carecordon.register.backends.sqlite import SQLITE as REGISTER
from carecordon.register.register import Register
from carecordon.report import story
from carecordon.report.story.catalogue import words_of
from carecordon.stream.backends.sqlite import SQLITE as STREAM

CONSUMER = "triage"
GATE = "gate"
CATALOGUE = "words.toml"
PULL_BYTES = 256 * 1024
"""So much is written in one go at most, or a part: who else writes to the register waits for it."""
TELLING = ("carecordon.pipeline.triage", "carecordon.report.story", "carecordon.register")
"""Where what an incident says is made."""
TURN_S = 0.5
"""How long what was found gathers, unless incidents are to be told before: a commit costs much the same for little."""
IDLE_S = 0.1
LOOK_S = 10.0
GC_THRESHOLD = (50_000, 20, 50)
"""Objects between two collections: an outbreak's incident is told anew each time, and holds no circles."""


def main() -> None:
    """Make incidents until somebody asks for an end."""
    paths = Paths(Path(sys.argv[1]), Path(sys.argv[2]))
    process = Process("triage", paths)
    settings = read_settings(paths.settings)
    register = REGISTER.open_register(str(paths.register))
    stream = STREAM.open(str(paths.found), None)
    watch = RuleWatch(settings, paths)
    estate = _Estate(register, paths.devices)
    desk = Desk(register.cases, watch.first_abridged(), estate.now(), _office(settings), stream.epoch, time.time_ns())
    silence = Silence(register, settings.limits.silent_after_s)
    passing = Passing(register.cases)
    unproven = Unproven(register, lambda matches, now: hand_over(stream, CONSUMER, matches, now))
    upkeep = Upkeep(register, paths.keys, settings.retention_days)
    looks: dict[str, Callable[[], None]] = {
        "acknowledge": lambda: _acknowledge(stream, desk, register),
        "silence": lambda: silence.look(time.time_ns(), _heard(paths)),
        "unproven": lambda: unproven.look(time.time_ns()),
        "upkeep": lambda: upkeep.look(time.time_ns()),
        "passing": lambda: passing.look(time.time_ns(), desk.repeated),
    }
    gc.set_threshold(*GC_THRESHOLD)
    give_way()
    process.ready()
    looked = 0.0
    while not process.is_stopping:
        began = time.monotonic()
        entries = stream.pull(0, desk.position, PULL_BYTES)
        desk.turn(entries, time.time_ns())
        if time.monotonic() - looked >= LOOK_S:
            looked = time.monotonic()
            _look(looks, process.log)
            book = watch.changed()
            if book is not None:
                desk.change_rules(abridged(book.rules), estate.now())
            desk.change_estate(estate.now())
        process.beat(desk.figures)
        is_behind = sum(len(entry.part.data) for entry in entries) > PULL_BYTES // 2
        if not is_behind:
            gather_s = TURN_S - (time.monotonic() - began) if entries else IDLE_S
            due = desk.due
            tell_s = gather_s if due is None else max(IDLE_S, (due - time.time_ns()) / 1e9)
            process.wait(max(0.0, min(gather_s, tell_s)))
    upkeep.anchor()
    process.log.info("stopped")


def _look(looks: Mapping[str, Callable[[], None]], log: Any) -> None:
    """Do each of these though others fail: it is tried again, and nothing that was found hangs on it."""
    for name, look in looks.items():
        try:
            look()
        except OSError as fault:
            log.warning("upkeep", what=name, fault=str(fault))


def _acknowledge(stream: Stream, desk: Desk, register: Register) -> None:
    """Let go of what is in the register for good; a log that does not reach as far is another than was read before."""
    if desk.position > stream.acked(CONSUMER, 0) and not register.settle():
        return  # somebody reads: what the register's log might lose stays in ours until the next look
    try:
        stream.ack(CONSUMER, 0, desk.position)
    except OurFault as fault:
        desk.begin_anew(stream.epoch, str(fault))
    else:
        stream.trim((CONSUMER,))


def _office(settings: Settings) -> Office:
    words = words_of((resources.files(story) / CATALOGUE).read_text("utf-8"), CATALOGUE)
    teller = Teller(settings.name, names(settings.notify), Level(settings.notify.level))
    return Office(settings.ods, teller, words, " ".join([carecordon.__version__, *map(source_hash, TELLING)]))


def _heard(paths: Paths) -> int:
    return max((pulse.at for pulse in read_pulses(paths.run) if pulse.name == GATE), default=0)


class _Estate:
    """What is known of the devices: how many there are, and what the list that a person keeps says they are for."""

    def __init__(self, register: Register, path: Path) -> None:
        self._register = register
        self._path = path
        self._complaints = Complaints(register.cases, time.time_ns)
        self._stamp: int | None = None
        self._assets: Mapping[str, Asset] = {}

    def now(self) -> Estate:
        """Return it as it is; a list that cannot be read leaves the former one in use, and is told."""
        try:
            stamp = self._path.stat().st_mtime_ns
        except OSError:
            stamp = None
        if stamp != self._stamp:
            self._stamp = stamp
            try:
                self._assets = {} if stamp is None else read_assets(self._path)
                self._complaints.set("estate", "blind", None)
            except TheirFault as fault:
                self._complaints.set("estate", "blind", f"the list of devices, the former one stays in use: {fault}")
        return Estate(sum(self._register.devices.count().values()), self._assets)
