"""A shard loses nothing and counts nothing twice, wherever it is stopped, and one bad thing never stops the rest."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from carecordon.hub import found as stream2
from carecordon.hub import opened
from carecordon.hub import shard as room
from carecordon.hub.detector import Detector
from carecordon.hub.found import Found, Trouble
from carecordon.hub.roster import Roster
from carecordon.hub.shard import DETECT, STORE, Doors, Shard
from carecordon.model.batch import Rows
from carecordon.model.device import Certificate, DeviceKind, NewDevice
from carecordon.model.errors import TheirFault
from carecordon.model.event import Kind
from carecordon.model.gather import gather
from carecordon.model.match import Match
from carecordon.model.merged import Merged
from carecordon.model.stream import Part
from carecordon.pipeline import journey
from carecordon.pipeline.detect.disk.cache import DiskCache
from carecordon.pipeline.detect.disk.rulebook import read_rulebook
from carecordon.register.backends.sqlite import SQLITE as REGISTER
from carecordon.stream.backends.sqlite import SQLITE as STREAM
from carecordon.wire import codec

SENDER = "5e" * 16
RULE = """
title: Bad word
id: 11111111-2222-4333-8444-555555555555
status: test
level: high
logsource: {product: windows, category: process_creation}
detection:
  selection: {CommandLine|contains: mischief}
  condition: selection
"""
CREATED = Kind("Microsoft-Windows-Sysmon/Operational", "Microsoft-Windows-Sysmon", 1)


@dataclass(slots=True)
class Shelf:
    """A store that keeps in memory what it is given, once a token, and that can be out of order."""

    kept: dict[str, list[tuple[str, int]]] = field(default_factory=dict)
    is_down: bool = False
    refuses: str | None = None

    def insert(self, merged: Merged, token: str) -> None:
        if self.is_down:
            raise ConnectionError("the shelf is away")
        lines = [merged.table.complete(row).get("CommandLine") for row in range(len(merged))]
        if self.refuses is not None and self.refuses in lines:
            raise TheirFault("never that one")
        self.kept.setdefault(token, [(merged.file(row), int(merged.sequence[row])) for row in range(len(merged))])

    def events(self) -> list[tuple[str, int]]:
        return sorted(event for part in self.kept.values() for event in part)


@pytest.fixture(scope="module")
def detector(tmp_path_factory: pytest.TempPathFactory) -> Detector:
    folder = tmp_path_factory.mktemp("rules")
    (folder / "bad.yml").write_text(RULE)
    cache = DiskCache(folder / "cache")
    return Detector(read_rulebook([folder / "bad.yml"], cache, own=False), cache)


@pytest.fixture
def doors(tmp_path: Path) -> Iterator[Doors]:
    REGISTER.prepare(str(tmp_path / "register.db"))
    register = REGISTER.open_register(str(tmp_path / "register.db"))
    certificate = Certificate("ab" * 32, "01", 0, 10**18)
    register.devices.add(NewDevice(SENDER, "ward-7", "Windows", DeviceKind.AGENT, certificate), "test", 1)
    events, found = STREAM.open(str(tmp_path / "1.db"), 1), STREAM.open(str(tmp_path / "2.db"), 1)
    threads = ThreadPoolExecutor(1)
    yield Doors(events, found, register, Shelf(), Roster(register.devices), threads, lambda: 10**18)
    threads.shutdown()
    events.close()
    found.close()
    register.close()


def shelf(doors: Doors) -> Shelf:
    assert isinstance(doors.telemetry, Shelf)
    return doors.telemetry


def part(first: int, *lines: str, device: str = "ward-7") -> Part:
    """Return a batch of process starts with these command lines."""
    count = len(lines)
    fields: list[dict[str, Any]] = [{"CommandLine": line, "Image": "C:\\a.exe", "ProcessId": 7} for line in lines]
    rows = Rows([CREATED] * count, fields, [10**18 - 5] * count, [device] * count, [None] * count, list(range(count)))
    return Part(SENDER, 9, first, first + count - 1, codec.encode(gather(rows)))


def wide(first: int, names: int) -> Part:
    """Return a batch of one event with so many fields."""
    fields: list[dict[str, Any]] = [{f"x{number}": "v" for number in range(names)}]
    rows = Rows([CREATED], fields, [10**18 - 5], ["ward-7"], [None], [0])
    return Part(SENDER, 9, first, first, codec.encode(gather(rows)))


def told(doors: Doors) -> tuple[list[Match], list[Trouble]]:
    """Return everything that lies in stream 2."""
    words = [word for entry in doors.found.pull(0, 0, 1 << 30) for word in stream2.decode(entry.part.data)]
    matches = [match for word in words if isinstance(word, Found) for match in word.matches]
    return matches, [word for word in words if isinstance(word, Trouble)]


def run(shard: Shard, detector: Detector) -> None:
    while shard.turn(detector):
        pass


def test_events_are_stored_matched_and_handed_on(doors: Doors, detector: Detector) -> None:
    doors.events.publish([part(0, "quiet", "mischief"), part(2, "quiet")], 1)
    run(Shard(doors, 0), detector)
    assert shelf(doors).events() == [(f"{SENDER}/9", number) for number in range(3)]
    matches, troubles = told(doors)
    assert [(match.file, match.position, match.device) for match in matches] == [(f"{SENDER}/9", 1, "ward-7")]
    assert troubles == []
    assert doors.events.lag(DETECT).parts == doors.events.lag(STORE).parts == 0


def test_what_a_sender_repeats_is_left_out(doors: Doors, detector: Detector) -> None:
    doors.events.publish([part(0, "a", "mischief")], 1)
    doors.events.publish([part(0, "a", "mischief", "mischief")], 1)
    run(Shard(doors, 0), detector)
    assert shelf(doors).events() == [(f"{SENDER}/9", number) for number in range(3)]
    assert [match.position for match in told(doors)[0]] == [1, 2]


STEPS = ["_write", "_hand_on", "_begin_storing", "_end_storing"]


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("is_before", [True, False])
def test_a_crash_between_any_two_steps_changes_nothing(
    doors: Doors, detector: Detector, step: str, is_before: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The process dies before or after each step; what it had not written down comes again, under the same keys."""
    doors.events.publish([part(0, "mischief")], 1)
    dying = Shard(doors, 0)
    real = getattr(dying, step)

    def die(*given: Any, **named: Any) -> None:
        if not is_before:
            real(*given, **named)
        raise KeyboardInterrupt

    monkeypatch.setattr(Shard, step, lambda _, *given, **named: die(*given, **named))
    with pytest.raises(KeyboardInterrupt):
        dying.turn(detector)
    monkeypatch.undo()
    doors.events.publish([part(1, "mischief", "quiet")], 1)  # more has come meanwhile
    run(Shard(doors, 0), detector)
    assert shelf(doors).events() == [(f"{SENDER}/9", number) for number in range(3)]
    assert [match.position for match in told(doors)[0]] == [0, 1]


def test_finding_goes_on_while_the_store_is_away_and_storing_catches_up(doors: Doors, detector: Detector) -> None:
    shard = Shard(doors, 0)
    shelf(doors).is_down = True
    for number in range(3):
        doors.events.publish([part(number, "mischief")], 1)
        shard.turn(detector)
    assert [match.position for match in told(doors)[0]] == [0, 1, 2]
    assert shard.store_trouble == "the shelf is away"
    assert shelf(doors).events() == []
    shelf(doors).is_down = False
    run(Shard(doors, 0), detector)
    assert shelf(doors).events() == [(f"{SENDER}/9", number) for number in range(3)]
    assert [match.position for match in told(doors)[0]] == [0, 1, 2]
    assert doors.events.lag(STORE).parts == 0


def test_a_batch_that_is_none_is_set_aside_and_told(doors: Doors, detector: Detector) -> None:
    bad = Part(SENDER, 9, 0, 4, b"no batch")
    short = replace(part(5, "quiet"), last=8)
    doors.events.publish([bad, short, part(9, "mischief")], 1)
    run(Shard(doors, 0), detector)
    assert shelf(doors).events() == [(f"{SENDER}/9", 9)]
    letters = doors.register.letters.all()
    whole = [doors.register.letters.get(letter.number) for letter in letters]
    assert {one.letter.payload for one in whole if one is not None} == {b"no batch", short.data}
    matches, troubles = told(doors)
    assert len(matches) == 1
    assert {trouble.kind for trouble in troubles} == {"poison"}


def test_an_event_that_no_store_takes_is_set_aside_alone(doors: Doors, detector: Detector) -> None:
    shelf(doors).refuses = "never"
    doors.events.publish([part(0, "a", "never", "b", "c", "d")], 1)
    run(Shard(doors, 0), detector)
    assert shelf(doors).events() == [(f"{SENDER}/9", number) for number in (0, 2, 3, 4)]
    (letter,) = doors.register.letters.all()
    assert "number 1" in letter.letter.where


def test_an_event_that_the_rules_choke_on_is_set_aside_alone(
    doors: Doors, detector: Detector, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = journey.detect_step

    def choke(state: Any, batch: Any, now: int) -> Any:
        if any(batch.complete(row).get("CommandLine") == "choke" for row in range(len(batch))):
            raise ValueError("a bone")
        return real(state, batch, now)

    monkeypatch.setattr(journey, "detect_step", choke)
    doors.events.publish([part(0, "mischief", "choke", "mischief")], 1)
    run(Shard(doors, 0), detector)
    matches, troubles = told(doors)
    assert [match.position for match in matches] == [0, 2]
    assert [trouble.kind for trouble in troubles] == ["poison"]
    assert len(doors.register.letters.all()) == 1


def test_what_kills_the_worker_is_found_by_trying_one_by_one(
    doors: Doors, detector: Detector, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = Detector.find

    def killed(self: Detector, merged: Merged, now: int) -> Any:
        if any(merged.table.complete(row).get("CommandLine") == "kill" for row in range(len(merged))):
            raise KeyboardInterrupt
        return real(self, merged, now)

    monkeypatch.setattr(Detector, "find", killed)
    doors.events.publish([part(0, "mischief"), part(1, "kill"), part(2, "mischief")], 1)
    deaths = 0
    while True:
        try:
            run(Shard(doors, 0), detector)
            break
        except KeyboardInterrupt:
            deaths += 1
            assert deaths < 10
    assert deaths == room.TRIES + room.DEATHS
    assert [match.position for match in told(doors)[0]] == [0, 2]
    assert [letter.letter.reason for letter in doors.register.letters.all()] == ["the worker died of it"]
    assert {number for _, number in shelf(doors).events()} >= {0, 2}


def test_a_device_speaks_for_itself_alone(doors: Doors, detector: Detector) -> None:
    doors.events.publish([part(0, "mischief", device="other-9.example.org")], 1)
    doors.events.publish([part(1, "quiet", device="WARD-7.example.org")], 1)
    run(Shard(doors, 0), detector)
    matches, troubles = told(doors)
    assert [match.device for match in matches] == ["ward-7"], "the certificate says who it is"
    assert [(trouble.kind, trouble.sender) for trouble in troubles] == [("name", SENDER)]
    assert "other-9.example.org" in troubles[0].text


LONG = 10**12


def test_what_is_held_is_stored_together(doors: Doors, detector: Detector) -> None:
    shard = Shard(doors, 0, LONG)
    for number in range(3):
        doors.events.publish([part(number, "mischief")], 1)
        run(shard, detector)
    assert shelf(doors).events() == []
    assert [match.position for match in told(doors)[0]] == [0, 1, 2]
    shard.finish()
    assert shelf(doors).events() == [(f"{SENDER}/9", number) for number in range(3)]
    assert len(shelf(doors).kept) == 1
    assert doors.events.lag(STORE).parts == 0


def test_much_is_not_held(doors: Doors, detector: Detector, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "HOLD_ROWS", 3)
    shard = Shard(doors, 0, LONG)
    for number in range(4):
        doors.events.publish([part(number, "quiet")], 1)
        run(shard, detector)
    assert shelf(doors).events() == [(f"{SENDER}/9", number) for number in range(3)]


def test_what_was_held_when_the_process_died_is_stored_once(doors: Doors, detector: Detector) -> None:
    dying = Shard(doors, 0, LONG)
    for number in range(2):
        doors.events.publish([part(number, "mischief")], 1)
        run(dying, detector)
    doors.events.publish([part(2, "mischief")], 1)
    again = Shard(doors, 0, LONG)
    run(again, detector)
    again.finish()
    run(Shard(doors, 0), detector)
    assert [event for part in shelf(doors).kept.values() for event in part] == [
        (f"{SENDER}/9", number) for number in range(3)
    ]
    assert [match.position for match in told(doors)[0]] == [0, 1, 2]


@pytest.mark.parametrize("hold_rows", [2, 100])
def test_a_turn_that_fails_while_something_is_held_stores_nothing_twice(
    doors: Doors, detector: Detector, hold_rows: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(room, "HOLD_ROWS", hold_rows)
    shard = Shard(doors, 0, LONG)
    doors.events.publish([part(0, "mischief")], 1)
    run(shard, detector)
    doors.events.publish([part(1, "mischief")], 1)
    with monkeypatch.context() as broken:
        broken.setattr(shard, "_hand_on", _full)
        with pytest.raises(OSError, match="full"):
            shard.turn(detector)
    run(shard, detector)
    shard.finish()
    assert [event for part in shelf(doors).kept.values() for event in part] == [
        (f"{SENDER}/9", number) for number in range(2)
    ]


def _full(*_: Any) -> None:
    raise OSError("the disk is full")


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("is_before", [True, False])
def test_a_crash_when_what_was_held_is_stored_changes_nothing(
    doors: Doors, detector: Detector, step: str, is_before: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(room, "HOLD_ROWS", 2)
    dying = Shard(doors, 0, LONG)
    doors.events.publish([part(0, "mischief")], 1)
    run(dying, detector)
    doors.events.publish([part(1, "mischief")], 1)
    real = getattr(dying, step)

    def die(*given: Any, **named: Any) -> None:
        if not is_before:
            real(*given, **named)
        raise KeyboardInterrupt

    with monkeypatch.context() as broken:
        broken.setattr(dying, step, die)
        with pytest.raises(KeyboardInterrupt):
            dying.turn(detector)
    again = Shard(doors, 0, LONG)
    run(again, detector)
    again.finish()
    assert shelf(doors).events() == [(f"{SENDER}/9", number) for number in range(2)]
    assert sorted({(match.file, match.position) for match in told(doors)[0]}) == [
        (f"{SENDER}/9", 0),
        (f"{SENDER}/9", 1),
    ]


def test_storing_catches_up_while_more_keeps_coming(doors: Doors, detector: Detector) -> None:
    now = [10**18]
    shard = Shard(replace(doors, clock=lambda: now[0]), 0)
    shelf(doors).is_down = True
    doors.events.publish([part(0, "a")], 1)
    shard.turn(detector)
    shelf(doors).is_down = False
    for number in range(1, 60):
        now[0] += 400_000_000
        doors.events.publish([part(number, "a")], 1)
        shard.turn(detector)
    assert doors.events.lag(STORE).parts < 20


def test_what_the_store_step_dies_of_is_set_aside_alone(
    doors: Doors, detector: Detector, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = Shelf.insert

    def insert(self: Shelf, merged: Merged, token: str) -> None:
        if any(merged.table.complete(row).get("CommandLine") == "huge" for row in range(len(merged))):
            raise MemoryError
        real(self, merged, token)

    monkeypatch.setattr(Shelf, "insert", insert)
    doors.events.publish([part(0, "huge"), part(1, "mischief")], 1)
    run(Shard(doors, 0), detector)
    assert shelf(doors).events() == [(f"{SENDER}/9", 1)]
    assert doors.register.letters.count() == 1


def test_an_entry_that_kills_stays_aside_when_the_store_comes_back(
    doors: Doors, detector: Detector, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = opened.Opener.open

    def open_or_die(self: opened.Opener, entries: Any) -> Any:
        if any(entry.part.first == 1 for entry in entries):
            raise KeyboardInterrupt
        return real(self, entries)

    shelf(doors).is_down = True
    doors.events.publish([part(0, "a")], 1)
    Shard(doors, 0).turn(detector)
    monkeypatch.setattr(opened.Opener, "open", open_or_die)
    doors.events.publish([part(1, "kill"), part(2, "b")], 1)
    for _ in range(12):
        with suppress(KeyboardInterrupt):
            Shard(doors, 0).turn(detector)
    shelf(doors).is_down = False
    run(Shard(doors, 0), detector)
    assert shelf(doors).events() == [(f"{SENDER}/9", 0), (f"{SENDER}/9", 2)]
    assert doors.register.letters.count() == 1


def test_kills_from_outside_set_nothing_aside(
    doors: Doors, detector: Detector, monkeypatch: pytest.MonkeyPatch
) -> None:
    doors.events.publish([part(0, "mischief")], 1)

    def killed(*_: Any) -> Any:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(Detector, "find", killed)
        for _ in range(room.TRIES + 1):
            with pytest.raises(KeyboardInterrupt):
                Shard(doors, 0).turn(detector)
    run(Shard(doors, 0), detector)
    assert shelf(doors).events() == [(f"{SENDER}/9", 0)]
    assert len(told(doors)[0]) == 1
    assert doors.register.letters.count() == 0


def test_long_values_are_cut_in_what_is_handed_on(doors: Doors, detector: Detector) -> None:
    doors.events.publish([part(0, *["mischief" + "A" * 100_000] * 40)], 1)
    run(Shard(doors, 0), detector)
    matches, _ = told(doors)
    assert len(matches) == 40
    assert max(len(str(value)) for match in matches for value in match.fields.values()) == stream2.CHARS[0]
    assert len(shelf(doors).events()) == 40


def test_more_matches_than_a_log_takes_are_told_in_part(
    monkeypatch: pytest.MonkeyPatch, doors: Doors, detector: Detector
) -> None:
    monkeypatch.setattr(stream2, "MOST_BYTES", 20_000)
    doors.events.publish([part(0, *[f"mischief {number}" for number in range(500)])], 1)
    run(Shard(doors, 0), detector)
    matches, troubles = told(doors)
    assert 0 < len(matches) < 500
    assert "more than can be told" in troubles[0].text


@pytest.mark.parametrize(
    ("batch", "reason"),
    [
        (part(0, *["quiet" + "A" * 1_000_000] * 60), "written out"),
        (wide(0, opened.MOST_NAMES + 1), "fields, at most"),
    ],
)
def test_a_batch_that_unfolds_is_set_aside(doors: Doors, detector: Detector, batch: Part, reason: str) -> None:
    doors.events.publish([batch, part(1_000, "mischief")], 1)
    run(Shard(doors, 0), detector)
    assert [number for _, number in shelf(doors).events()] == [1_000]
    (letter,) = doors.register.letters.all()
    assert reason in letter.letter.reason


def test_few_rows_of_many_fields_do_not_swell_the_rows_of_others(
    doors: Doors, detector: Detector, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(opened, "MOST_CELLS", 20_000)
    doors.events.publish([part(0, *["quiet"] * 50), wide(50, 900), part(51, "mischief")], 1)
    run(Shard(doors, 0), detector)
    assert [number for _, number in shelf(doors).events()] == [*range(50), 51]
    assert "fields that no other batch has" in doors.register.letters.all()[0].letter.reason
