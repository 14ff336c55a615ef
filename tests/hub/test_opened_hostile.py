"""Made-up fields of few rows fill no memory, whoever sends them in however many batches, and harm nobody else's."""

from __future__ import annotations

import tracemalloc

import pytest

from carecordon.hub.trust.roster import Roster
from carecordon.hub.worker import opened
from carecordon.hub.worker.opened import Opened, Opener
from carecordon.hub.worker.shard import Doors
from carecordon.model.event import Kind
from carecordon.model.stream import Entry, Part
from carecordon.telemetry.store import block_of
from carecordon.wire import codec
from tests.hub import shard_kit
from tests.wire.test_codec import Event, table_of

doors = shard_kit.doors
ROWS = 1_000
MADE_UP = 100
"""Fields in each batch: fewer than anybody may bring anew."""
KIND = Kind("Security", "made up", 4624)


def entry(position: int, sender: str, names: list[str], rows: int = 1) -> Entry:
    events: list[Event] = [(KIND, dict.fromkeys(names, "v"), 1, "ward-7")] * rows
    return Entry(
        position, 7, 0, Part(sender, 1, position * ROWS, position * ROWS + rows - 1, codec.encode(table_of(events)))
    )


def made_up(position: int, sender: str) -> Entry:
    return entry(position, sender, [f"x{position}_{number}" for number in range(MADE_UP)])


@pytest.fixture
def few_cells(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(opened, "MOST_CELLS", 500 * ROWS)


def open_all(doors: Doors, entries: list[Entry]) -> Opened:
    return Opener(Roster(doors.register.devices)).open(entries)


@pytest.mark.parametrize("channel", ["Carecordon-Hub/Devices", "CARECORDON-HUB/x", "carecordon-hub/"])
def test_no_device_tells_in_a_log_of_the_hubs_own(doors: Doors, channel: str) -> None:
    events: list[Event] = [(kind, {"DeviceId": "5e" * 16}, 1, "ward-7") for kind in (KIND, Kind(channel, None, 1))]
    bad = Entry(1, 7, 0, Part("bad", 1, 0, 1, codec.encode(table_of(events))))
    found = open_all(doors, [bad, entry(2, "good", ["Image"])])
    assert len(found.merged) == 1
    (letter,) = found.letters
    assert letter.key.startswith("part/bad/")
    assert "which the hub alone writes" in letter.reason
    assert [trouble.sender for trouble in found.troubles] == ["bad"]


def test_a_log_with_nearly_such_a_name_is_anybodys(doors: Doors) -> None:
    event: Event = (Kind("Carecordon-Hubs/Devices", None, 1), {"DeviceId": "5e" * 16}, 1, "ward-7")
    found = open_all(doors, [Entry(1, 7, 0, Part("good", 1, 0, 0, codec.encode(table_of([event]))))])
    assert (len(found.merged), found.letters) == (1, [])


@pytest.mark.usefixtures("few_cells")
def test_one_sender_brings_no_more_fields_than_it_may_in_many_batches(doors: Doors) -> None:
    busy = entry(1, "good", ["Image", "User"], ROWS)
    found = open_all(doors, [busy, *(made_up(2 + number, "bad") for number in range(30)), entry(40, "good", ["New"])])
    assert len(found.merged.table.columns.names) <= 500 + MADE_UP
    assert {letter.key.split("/")[1] for letter in found.letters} == {"bad"}
    assert "New" in found.merged.table.columns.names, "who made nothing up is not refused for it"
    assert len(found.merged) == ROWS + 1 + 30 - len(found.letters)
    assert {trouble.kind for trouble in found.troubles if trouble.kind == "poison"}


@pytest.mark.usefixtures("few_cells")
def test_many_senders_together_bring_no_more_than_all_may(doors: Doors) -> None:
    busy = entry(1, "good", ["Image", "User"], ROWS)
    found = open_all(doors, [busy, *(made_up(2 + number, f"bad-{number}") for number in range(30))])
    assert 500 < len(found.merged.table.columns.names) <= 1_000
    assert len(found.letters) > 15


def test_a_range_of_few_rows_has_no_more_fields_either(doors: Doors) -> None:
    """They are stored together with the rows of other ranges."""
    found = open_all(doors, [made_up(1 + number, "bad") for number in range(60)])
    assert len(found.merged.table.columns.names) <= opened.MOST_RANGE_NAMES + opened.FRESH_NAMES
    assert len(found.letters) == 60 - len(found.merged)
    assert len(found.merged) >= opened.MOST_RANGE_NAMES // MADE_UP


def test_fields_that_few_rows_carry_cost_what_they_carry_when_they_are_stored(doors: Doors) -> None:
    busy = entry(1, "good", ["Image", "User"], 10 * ROWS)
    merged = open_all(doors, [busy, *(made_up(100 + number, f"d{number}") for number in range(20))]).merged
    cells = merged.table.columns.index.size
    assert cells > 20 * MADE_UP * 10 * ROWS
    tracemalloc.start()
    block_of(merged)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < cells / 2, "it was forty bytes for each field and row"
