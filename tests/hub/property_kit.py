"""A hub in one process for properties: every part real and on disk, its clock a number, each step a place to die at."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import Executor, Future
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from carecordon.hub.news import found as stream2
from carecordon.hub.triage.desk import Desk, Office
from carecordon.hub.triage.triage import _acknowledge
from carecordon.hub.trust.roster import Roster
from carecordon.hub.worker.detector import Detector
from carecordon.hub.worker.shard import DETECT, STORE, Doors, Shard
from carecordon.model.batch import Rows
from carecordon.model.device import Certificate, NewDevice
from carecordon.model.gather import gather
from carecordon.model.incident import Alert, Incident, Story
from carecordon.model.kept import AlertQuery, IncidentQuery, Trouble
from carecordon.model.match import Level
from carecordon.model.merged import Merged
from carecordon.model.stream import Part
from carecordon.model.telemetry import Telemetry
from carecordon.notify.teller import Teller, key_of
from carecordon.pipeline.triage.score import Estate
from carecordon.register.backends.sqlite import SQLITE as REGISTER
from carecordon.register.identity import alert_of, incident_of
from carecordon.register.register import Register
from carecordon.report.story.samples import sample_events
from carecordon.report.story.tell import tell_story
from carecordon.stream.backends.sqlite import SQLITE as STREAM
from carecordon.wire import codec
from tests.hub.property_world import PARTITIONS, SECOND, SENDERS, T0, Event
from tests.hub.test_desk import WORDS
from tests.replacing import replace

PULL_BYTES = 4 * 1024 * 1024
EPOCH = 9
PATIENCE = 200
"""Turns after which a hub that is not at rest never will be."""


class Killed(BaseException):
    """The process is gone: nothing of ours may catch this."""


@dataclass(slots=True)
class Blade:
    """Kills at the step of this number, before or after it took effect; without one, counts. Dead stays dead."""

    at: int = 0
    is_before: bool = True
    done: list[str] = field(default_factory=list)
    is_dead: bool = False

    def step(self, name: str, act: Callable[[], Any]) -> Any:
        if self.is_dead:
            raise Killed(name)
        self.done.append(name)
        self.is_dead = len(self.done) == self.at
        if self.is_dead and self.is_before:
            raise Killed(name)
        told = act()
        if self.is_dead:
            raise Killed(name)
        return told


class Cut:
    """A port whose named methods are steps of a blade; the rest goes through."""

    def __init__(self, inner: Any, blade: Blade, *steps: str) -> None:
        self._inner = inner
        self._blade = blade
        self._steps = steps

    def __getattr__(self, name: str) -> Any:
        """Return what the port has under this name."""
        found = getattr(self._inner, name)
        if name not in self._steps:
            return found
        what = f"{type(self._inner).__name__}.{name}"
        return lambda *given, **named: self._blade.step(what, lambda: found(*given, **named))


class _Late(Future[Any]):
    """What is done when somebody waits for it, and not before."""

    def __init__(self, act: Callable[[], Any]) -> None:
        super().__init__()
        self._act = act

    def result(self, timeout: float | None = None) -> Any:
        return self._act()


class Threads(Executor):
    """A thread that is either done at once or not begun before somebody waits: the two ends of what one may be."""

    def __init__(self, is_late: bool) -> None:
        self._is_late = is_late

    def submit(self, act: Callable[..., Any], /, *given: Any, **named: Any) -> Future[Any]:
        if self._is_late:
            return _Late(lambda: act(*given, **named))
        told: Future[Any] = Future()
        try:
            told.set_result(act(*given, **named))
        except Exception as fault:  # noqa: BLE001  # as a thread does; a kill is none
            told.set_exception(fault)
        return told


@dataclass(slots=True)
class Memory:
    """A store that keeps what it is given, once a token, and remembers each time it was asked to."""

    kept: dict[str, list[tuple[str, int, str]]] = field(default_factory=dict)
    tokens: list[str] = field(default_factory=list)
    is_down: bool = False

    def insert(self, merged: Merged, token: str) -> None:
        if self.is_down:
            raise ConnectionError("the store is away")
        rows = range(len(merged))
        lines = [str(merged.table.complete(row).get("CommandLine")) for row in rows]
        told = [(merged.file(row), int(merged.sequence[row]), lines[row]) for row in rows]
        assert self.kept.setdefault(token, told) == told, "one token, other events"
        self.tokens.append(token)

    def events(self) -> list[tuple[str, int, str]]:
        return sorted(event for part in self.kept.values() for event in part)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a hub came to. See `test_properties_order.py` for what is left out of it, and why."""

    incidents: list[Incident]
    rows: list[tuple[Any, ...]]
    alerts: list[tuple[str, tuple[Any, ...], Alert]]
    """With the id of the incident of each."""
    stories: list[Story]


def part(events: Sequence[Event], first: int, last: int) -> Part:
    """Return numbers `first` to `last` of one device's events as a batch."""
    some = events[first : last + 1]
    rows = Rows(
        [one.kind for one in some],
        [dict(one.fields) for one in some],
        [one.time for one in some],
        [one.device for one in some],
        [one.record_id for one in some],
        list(range(len(some))),
    )
    return Part(some[0].sender, EPOCH, first, last, codec.encode(gather(rows)))


def template(path: Path) -> Path:
    """Return a register in which all senders of the world are enrolled."""
    REGISTER.prepare(str(path))
    register = REGISTER.open_register(str(path))
    for number, (sender, (name, kind)) in enumerate(SENDERS.items(), 1):
        certificate = Certificate(f"{number:064x}", f"{number:02x}", 0, 10**18)
        register.devices.add(NewDevice(sender, name, "Windows", kind, certificate), "test", number)
    register.close()
    return path


class Worker:
    """One process of a hub's workers, with a shard, as it stands after its start."""

    def __init__(self, hub: Hub, partition: int) -> None:
        events, found = STREAM.open(str(hub.folder / "1.db"), None), STREAM.open(str(hub.folder / "2.db"), None)
        register = REGISTER.open_register(str(hub.folder / "register.db"))
        self._open = (events, found, register)
        doors = Doors(
            hub.cut(events, "publish", "ack"),
            hub.cut(found, "publish"),
            replace(
                register,
                checkpoints=hub.cut(register.checkpoints, "set"),
                letters=hub.cut(register.letters, "add"),
            ),
            hub.cut(hub.telemetry, "insert"),
            Roster(register.devices),
            Threads(hub.is_late),
            lambda: hub.now,
        )
        self.shard = Shard(doors, partition, hub.hold_ns)
        self.events = doors.events

    def close(self) -> None:
        for one in self._open:
            one.close()


class Triage:
    """The process of triage, as it stands after its start; `turn` is one round of its loop."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._found = STREAM.open(str(hub.folder / "2.db"), None)
        self._register = REGISTER.open_register(str(hub.folder / "register.db"))
        self._stream = hub.cut(self._found, "ack", "trim")
        office = Office("XX1", Teller("Example Trust", ("smtp/soc@example.org",), Level.HIGH), WORDS)
        cases = hub.cut(self._register.cases, "commit")
        self.desk = Desk(cases, hub.detector.rules, Estate(len(SENDERS)), office, self._found.epoch, hub.now)

    def turn(self) -> bool:
        entries = self._stream.pull(0, self.desk.position, PULL_BYTES)
        self.desk.turn(entries, self._hub.now)
        self._hub.heard.update({one.position: one.part.data for one in entries})
        _acknowledge(self._stream, self.desk, self._register)
        return bool(entries)

    def close(self) -> None:
        self._found.close()
        self._register.close()


def founded(folder: Path, register: Path) -> Path:
    """Return a folder with all that a hub begins with."""
    folder.mkdir()
    shutil.copyfile(register, folder / "register.db")
    STREAM.open(str(folder / "1.db"), PARTITIONS).close()
    STREAM.open(str(folder / "2.db"), 1).close()
    return folder


class Hub:
    """A hub in a folder. Its parts are thrown away and made anew from disk at any time; `now` is its clock."""

    def __init__(
        self,
        folder: Path,
        detector: Detector,
        *,
        telemetry: Telemetry | None = None,
        hold_ns: int = 0,
        is_late: bool = False,
        now: int = T0,
        blade: Blade | None = None,
    ) -> None:
        self.folder = folder
        self.detector = detector
        self.telemetry = Memory() if telemetry is None else telemetry
        self.hold_ns = hold_ns
        self.is_late = is_late
        self.now = now
        self.blade = blade or Blade()
        self.heard: dict[int, bytes] = {}
        """What triage took from each position of stream 2."""
        self._gate = STREAM.open(str(folder / "1.db"), PARTITIONS)
        self._workers = {number: Worker(self, number) for number in range(PARTITIONS)}
        self._triage = Triage(self)

    def cut(self, port: Any, *steps: str) -> Any:
        """Return a port whose steps may be the last ones."""
        return Cut(port, self.blade, *steps)

    def gate(self, parts: Sequence[Part]) -> None:
        """Let the gate write a group."""
        self._gate.publish(parts, self.now)

    def work(self, partition: int) -> bool:
        return self._workers[partition].shard.turn(self.detector)

    def triage(self) -> bool:
        return self._triage.turn()

    def trim(self) -> None:
        """Let stream 1 go of what is both matched and stored."""
        self.blade.step("trim", lambda: self._gate.trim((DETECT, STORE)))

    def restart_gate(self) -> None:
        self._gate.close()
        self._gate = STREAM.open(str(self.folder / "1.db"), None)

    def restart_worker(self, partition: int, *, is_kill: bool) -> None:
        """Throw a worker away, with (a stop) or without (a kill) storing what it holds, and make it anew."""
        worker = self._workers[partition]
        if not is_kill:
            worker.shard.finish()
        worker.close()
        self._workers[partition] = Worker(self, partition)

    def restart_triage(self) -> None:
        self._triage.close()
        self._triage = Triage(self)

    def restart(self, blade: Blade | None = None) -> None:
        """Make everything anew, as after a kill of all, with a blade that does not cut or another one."""
        self.blade = blade or Blade()
        self.restart_gate()
        for partition in range(PARTITIONS):
            self.restart_worker(partition, is_kill=True)
        self.restart_triage()

    def rest(self) -> None:
        """Let all work be done that is there now."""
        for _ in range(PATIENCE):
            busy = [self.work(partition) for partition in range(PARTITIONS)]
            if not any([*busy, self.triage()]):
                return
        raise AssertionError("the hub does not come to rest")

    def pass_time(self, until: int, step_s: int = 100) -> None:
        """Let the clock go on with nothing new coming."""
        while self.now < until:
            self.now = min(until, self.now + step_s * SECOND)
            self.rest()

    def close(self) -> None:
        self._gate.close()
        for worker in self._workers.values():
            worker.close()
        self._triage.close()

    def told(self) -> list[stream2.Word]:
        """Return what lies in stream 2 and triage has not let go of."""
        found = STREAM.open(str(self.folder / "2.db"), None)
        entries = found.pull(0, 0, 1 << 30)
        found.close()
        return [word for one in entries for word in stream2.decode(one.part.data)]

    def outcome(self) -> Outcome:
        """Return what it came to, and hold against it what holds of any hub at rest."""
        words = [word for data in self.heard.values() for word in stream2.decode(data)]
        found = [word for word in words if isinstance(word, stream2.Found)]
        met = Counter((one.file, one.position, one.rule.id) for word in found for one in word.matches)
        met.update((one.file, one.position, "start") for word in found for one in word.starts)
        assert all(times == 1 for times in met.values()), "handed on twice"
        register = REGISTER.open_register(str(self.folder / "register.db"))
        try:
            return _outcome(register)
        finally:
            register.close()


def _outcome(register: Register) -> Outcome:
    listed = register.cases.incidents(IncidentQuery(limit=10_000))
    rows = [row for one in listed if (row := register.cases.incident(one.number)) is not None]
    whole = {row.number: incident_of(row.body) for row in rows}
    alerts = register.cases.alerts(AlertQuery(limit=10_000))
    _check_alerts({one.number: one.alerts for one in rows}, [(one.incident, one.id) for one in alerts])
    _check_notices(register, whole)
    assert register.letters.all() == []
    assert _troubles(register) == []
    slim = sorted(map(_slim, whole.values()), key=lambda one: (one.first, one.id))
    return Outcome(
        slim,
        sorted((one.id, one.title, one.level, one.score, one.devices, one.first, one.last, one.alerts) for one in rows),
        sorted(
            (
                (
                    whole[one.incident].id,
                    (one.id, one.rule_id, one.title, one.level, one.device, one.entity, one.first, one.last, one.count),
                    alert_of(one.body),
                )
                for one in alerts
            ),
            key=lambda told: told[1][0],
        ),
        [tell_story(one, sample_events(one), (), WORDS) for one in slim],
    )


def _slim(incident: Incident) -> Incident:
    """Return an incident without its former ids, and without the words (not the points) of how rare its rules are."""
    summands = tuple(replace(one, why="") if one.name == "rarity" else one for one in incident.score.summands)
    return replace(incident, aliases=(), score=replace(incident.score, summands=summands))


def _check_alerts(counts: dict[int, int], alerts: Sequence[tuple[int, str]]) -> None:
    """Hold that each alert row is one, and each incident has as many as it says."""
    assert len({name for _, name in alerts}) == len(alerts)
    assert Counter(number for number, _ in alerts) == Counter(counts)


def _check_notices(register: Register, whole: dict[int, Incident]) -> None:
    """Hold that of every incident people were told how bad it is, and of none twice the same."""
    notices = register.outbox.all(limit=10_000)
    told = [(one.incident, one.key, one.channel) for one in notices]
    assert len(set(told)) == len(told)
    for number, incident in whole.items():
        if incident.level.rank >= Level.HIGH.rank:
            assert any(owner == number and key == key_of(incident) for owner, key, _ in told), incident.title


def _troubles(register: Register) -> list[Trouble]:
    return register.cases.troubles(is_over=None)
