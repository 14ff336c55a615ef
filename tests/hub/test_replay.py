"""A dead letter played again is stored once and told once, and only what was really in it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from carecordon.hub.trust.roster import Roster
from carecordon.hub.worker.detector import Detector
from carecordon.hub.worker.opened import Opener, entry_of, letter_of
from carecordon.hub.worker.replay import Player
from carecordon.model.batch import Rows
from carecordon.model.device import Certificate, DeviceKind, NewDevice
from carecordon.model.errors import TheirFault
from carecordon.model.gather import gather
from carecordon.model.kept import Letter
from carecordon.model.merged import Merged
from carecordon.model.stream import Entry, Part
from carecordon.pipeline.detect.disk.cache import DiskCache
from carecordon.pipeline.detect.disk.rulebook import read_rulebook
from carecordon.register.backends.sqlite import SQLITE as REGISTER
from carecordon.register.register import Register
from carecordon.stream.backends.sqlite import SQLITE as STREAM
from carecordon.telemetry.answer import Place, Stored
from carecordon.wire import codec
from tests.hub.shard_kit import CREATED, RULE, SENDER

NOW = 10**18


@dataclass(slots=True)
class Shelf:
    """A store that keeps in memory what it is given, once a token."""

    kept: dict[str, list[int]] = field(default_factory=dict)

    def insert(self, merged: Merged, token: str) -> None:
        self.kept.setdefault(token, [int(number) for number in merged.sequence])

    def event(self, place: Place) -> Stored | None:
        known = [number for part in self.kept.values() for number in part]
        fields: dict[str, Any] = {"CommandLine": "mischief"}
        return Stored(place, CREATED, "ward-7", NOW, NOW, fields) if place.sequence in known else None

    def numbers(self) -> list[int]:
        return sorted(number for part in self.kept.values() for number in part)


@dataclass(slots=True)
class Room:
    """A player with a real register and a real stream 2."""

    register: Register
    shelf: Shelf
    player: Player

    def play(self, letter: Letter) -> int:
        self.register.letters.add([letter])
        number = self.register.letters.all()[0].number
        self.player.play(number, "ann", NOW)
        return number


@pytest.fixture
def room(tmp_path: Path) -> Iterator[Room]:
    REGISTER.prepare(str(tmp_path / "register.db"))
    register = REGISTER.open_register(str(tmp_path / "register.db"))
    device = NewDevice(SENDER, "ward-7", "Windows", DeviceKind.AGENT, Certificate("ab" * 32, "01", 0, NOW))
    register.devices.add(device, "test", 1)
    (tmp_path / "bad.yml").write_text(RULE)
    cache = DiskCache(tmp_path / "cache")
    detector = Detector(read_rulebook([tmp_path / "bad.yml"], cache, own=False), cache)
    found, shelf = STREAM.open(str(tmp_path / "2.db"), 1), Shelf()
    player = Player(register, shelf.insert, shelf.event, lambda: detector, found.publish)
    yield Room(register, shelf, player)
    found.close()
    register.close()


def entry(skip: int = 0, drop: int = 0) -> Entry:
    """Return ten process starts, so many of which were on disk before at either end."""
    lines: list[dict[str, Any]] = [{"CommandLine": "mischief", "Image": "C:\\a.exe"} for _ in range(10)]
    rows = Rows([CREATED] * 10, lines, [NOW - 5] * 10, ["ward-7"] * 10, [None] * 10, list(range(10)))
    return Entry(4, NOW, skip, Part(SENDER, 9, 100, 109, codec.encode(gather(rows))), drop)


@pytest.mark.parametrize(("skip", "drop"), [(0, 0), (3, 0), (0, 4), (3, 4)])
def test_a_letter_is_of_what_was_really_in_the_entry(room: Room, skip: int, drop: int) -> None:
    letter = letter_of(entry(skip, drop), "the worker died of it")
    again = entry_of(letter)
    assert again is not None
    assert (again.skip, again.drop, again.part) == (skip, drop, entry().part)
    room.play(letter)
    assert room.shelf.numbers() == list(range(100 + skip, 110 - drop))


def test_two_entries_of_one_part_are_two_letters() -> None:
    assert letter_of(entry(skip=6), "x").key != letter_of(entry(drop=6), "x").key


def test_a_letter_of_something_else_is_no_entry() -> None:
    for key in ("event/a/1 number 3", "part/a numbers 1 to 2", "part/a/1 numbers 1 to 2 of 3", "stored/a/1 number 2"):
        assert entry_of(Letter(key, "", "", b"x", 0)) is None
    kept = letter_of(entry(), "x")
    assert entry_of(Letter(kept.key, kept.where, kept.reason, b"", kept.at)) is None, "its content was not kept"


def test_a_letter_that_was_played_is_done_and_lets_its_content_go(room: Room) -> None:
    number = room.play(letter_of(entry(), "the worker died of it"))
    row = room.register.letters.get(number)
    assert row is not None
    assert (row.replayed, row.done, row.size_bytes) == (NOW, NOW, 0)
    assert room.register.letters.marked() == []
    with pytest.raises(TheirFault, match="played again before"):
        room.player.play(number, "ann", NOW)


def test_a_letter_that_was_marked_when_its_player_died_is_played_to_the_end(room: Room) -> None:
    room.register.letters.add([letter_of(entry(), "the worker died of it")])
    number = room.register.letters.all()[0].number
    room.register.letters.replayed(number, "ann", NOW)
    room.player.play(number, "ann", NOW)
    row = room.register.letters.get(number)
    assert row is not None
    assert row.done == NOW
    assert room.shelf.numbers() == list(range(100, 110))


def test_what_a_worker_stored_before_it_died_is_not_stored_again(room: Room) -> None:
    whole = entry()
    room.shelf.insert(Opener(Roster(room.register.devices)).open([whole]).merged, "0:3-4:1")
    room.play(letter_of(whole, "the worker died of it"))
    assert room.shelf.numbers() == list(range(100, 110))
