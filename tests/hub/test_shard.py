"""A shard loses nothing and counts nothing twice, wherever it is stopped, and one bad thing never stops the rest."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from carecordon.hub.worker import shard as room
from carecordon.hub.worker.detector import Detector
from carecordon.hub.worker.shard import DETECT, STORE, Doors, Shard
from carecordon.model.merged import Merged
from carecordon.model.stream import Part
from carecordon.pipeline import journey
from tests.hub import shard_kit
from tests.hub.shard_kit import SENDER, part, run, shelf, told

detector, doors = shard_kit.detector, shard_kit.doors


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
