"""A shard under what would break it: a store that fails or chokes, batches that unfold, entries that kill."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest

from carecordon.hub.news import found as stream2
from carecordon.hub.worker import merge, opened
from carecordon.hub.worker import shard as room
from carecordon.hub.worker.detector import Detector
from carecordon.hub.worker.shard import STORE, Doors, Shard
from carecordon.model.merged import Merged
from carecordon.model.stream import Part
from tests.hub import shard_kit
from tests.hub.shard_kit import SENDER, Shelf, part, run, shelf, told, wide

detector, doors = shard_kit.detector, shard_kit.doors


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


def test_what_the_store_step_was_never_meant_to_meet_is_set_aside_alone(
    doors: Doors, detector: Detector, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = Shelf.insert

    def insert(self: Shelf, merged: Merged, token: str) -> None:
        if any(merged.table.complete(row).get("CommandLine") == "odd" for row in range(len(merged))):
            raise OverflowError("nobody thought of it")
        real(self, merged, token)

    monkeypatch.setattr(Shelf, "insert", insert)
    doors.events.publish([part(0, "odd", "plain"), part(2, "mischief")], 1)
    run(Shard(doors, 0), detector)
    assert shelf(doors).events() == [(f"{SENDER}/9", 1), (f"{SENDER}/9", 2)]
    assert doors.register.letters.count() == 1


def test_what_has_many_fields_is_stored_before_more_is_joined_to_it(
    doors: Doors, detector: Detector, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(room, "WIDE", 100)
    widest: list[int] = []
    real = merge.joined

    def joined(parts: Sequence[Merged]) -> Merged:
        whole = real(parts)
        widest.append(len(whole.table.columns.names))
        return whole

    monkeypatch.setattr(room, "joined", joined)
    shard = Shard(doors, 0, 10**15)
    for number in range(6):
        doors.events.publish([wide(number, 90 + 30 * number)], 1)
        shard.turn(detector)
    shard.finish()
    assert len(shelf(doors).events()) == 6
    assert len(widest) > 3, "it is stored in several goes"


def test_what_cannot_be_opened_is_set_aside_also_where_storing_came_behind(
    doors: Doors, detector: Detector, monkeypatch: pytest.MonkeyPatch
) -> None:
    shelf(doors).is_down = True
    doors.events.publish([part(0, "a")], 1)
    shard = Shard(doors, 0)
    shard.turn(detector)
    doors.events.publish([part(1, "b")], 1)
    shard.turn(detector)
    real = opened.Opener.open

    def refuse(self: opened.Opener, entries: Any) -> Any:
        found = real(self, [entry for entry in entries if entry.part.first != 1])
        found.letters += [opened.letter_of(entry, "not beside these") for entry in entries if entry.part.first == 1]
        return found

    monkeypatch.setattr(opened.Opener, "open", refuse)
    shelf(doors).is_down = False
    run(Shard(doors, 0), detector)
    assert shelf(doors).events() == [(f"{SENDER}/9", 0)]
    assert doors.register.letters.count() == 1
