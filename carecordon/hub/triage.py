"""The process that makes incidents, one to an organisation: `python -m carecordon.hub.triage DATA KEYS`."""

from __future__ import annotations

import sys
import time
from importlib import resources
from pathlib import Path

from carecordon.hub.config import Paths, Settings, read_settings
from carecordon.hub.desk import Desk, Office
from carecordon.hub.process import Process
from carecordon.hub.pulse import read_pulses
from carecordon.hub.receivers import names
from carecordon.hub.rules import RuleWatch, read_rules, today
from carecordon.hub.silence import Silence
from carecordon.model.match import Level
from carecordon.notify.teller import Teller
from carecordon.pipeline.triage.score import Estate
from carecordon.register.backends.sqlite import SQLITE as REGISTER
from carecordon.register.register import Register
from carecordon.report import story
from carecordon.report.story.catalogue import words_of
from carecordon.stream.backends.sqlite import SQLITE as STREAM

CONSUMER = "triage"
GATE = "gate"
CATALOGUE = "words.toml"
PULL_BYTES = 4 * 1024 * 1024
IDLE_S = 0.1
LOOK_S = 10.0


def main() -> None:
    """Make incidents until somebody asks for an end."""
    paths = Paths(Path(sys.argv[1]), Path(sys.argv[2]))
    process = Process("triage", paths)
    settings = read_settings(paths.settings)
    register = REGISTER.open_register(str(paths.register))
    stream = STREAM.open(str(paths.found), None)
    watch = RuleWatch(settings, paths)
    desk = Desk(register.cases, read_rules(settings, paths, today()).rules, _estate(register), _office(settings))
    silence = Silence(register, settings.limits.silent_after_s)
    process.ready()
    looked = 0.0
    while not process.is_stopping:
        entries = stream.pull(0, desk.position, PULL_BYTES)
        desk.turn(entries, time.time_ns())
        if entries:
            stream.ack(CONSUMER, 0, desk.position)
        if time.monotonic() - looked >= LOOK_S:
            looked = time.monotonic()
            stream.trim((CONSUMER,))
            silence.look(time.time_ns(), _heard(paths))
            book = watch.changed()
            if book is not None:
                desk.change_rules(book.rules, _estate(register))
        process.beat(desk.figures)
        if not entries:
            process.wait(IDLE_S)
    process.log.info("stopped")


def _office(settings: Settings) -> Office:
    words = words_of((resources.files(story) / CATALOGUE).read_text("utf-8"), CATALOGUE)
    teller = Teller(settings.name, names(settings.notify), Level(settings.notify.level))
    return Office(settings.ods, teller, words)


def _heard(paths: Paths) -> int:
    return max((pulse.at for pulse in read_pulses(paths.run) if pulse.name == GATE), default=0)


def _estate(register: Register) -> Estate:
    return Estate(sum(register.devices.count().values()))


if __name__ == "__main__":
    main()
