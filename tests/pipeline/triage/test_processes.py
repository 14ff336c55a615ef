"""The table of processes answers by what it was told, not by when, and keeps no more than it may."""

from __future__ import annotations

from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carecordon.model.process import ProcessStart
from carecordon.pipeline.triage.processes import Processes, Tops
from carecordon.pipeline.triage.starts import DeviceStarts, order, process_key
from tests.pipeline.triage.grouping import HOUR, MINUTE, NOON, SECOND, start
from tests.pipeline.triage.test_parts import started
from tests.replacing import replace

EXPLORER = r"C:\Windows\explorer.exe"


def test_a_process_id_means_who_had_it_then() -> None:
    first, second = start(pid=9, at=0), start(pid=9, at=HOUR)
    for arrival in permutations([first, second]):
        table = Processes()
        for one in arrival:
            table.add(one)
        assert table.find("ws1", None, 9, NOON + MINUTE) is first
        assert table.find("ws1", None, 9, NOON + 2 * HOUR) is second
        assert table.find("ws1", None, 9, NOON - MINUTE) is None
        assert table.find("ws2", None, 9, NOON + MINUTE) is None


def test_of_two_tellings_of_one_start_the_one_with_its_own_id_counts() -> None:
    audit, sysmon = start(pid=9, at=SECOND), start("a-1", pid=9, at=0)
    table = Processes()
    table.add(sysmon)
    table.add(audit)
    assert table.find("ws1", None, 9, NOON + MINUTE) is sysmon


@given(st.lists(started(), max_size=12, unique_by=order))
def test_taken_in_together_they_are_as_one_by_one(starts: list[ProcessStart]) -> None:
    filled, added = Processes(), Processes()
    gone = filled.fill(starts)
    refused = [one for start in sorted(starts, key=order) for one in added.add(start)]
    assert sorted(gone, key=order) == sorted(refused, key=order)
    assert {name: (one.ordered, one.guids, one.pids) for name, one in filled._devices.items()} == {
        name: (one.ordered, one.guids, one.pids) for name, one in added._devices.items()
    }
    assert filled._size == added._size


@given(st.lists(started(), max_size=12, unique_by=order), st.sets(st.integers(0, 11)), st.booleans())
def test_what_is_kept_is_as_if_nothing_else_had_come(
    starts: list[ProcessStart], chosen: set[int], are_oldest: bool
) -> None:
    table, alone = DeviceStarts(), DeviceStarts()
    table.fill(starts)
    held = list(table.ordered)
    if are_oldest:
        gone = table.forget(len(chosen))
    else:
        gone = table.keep({id(one) for place, one in enumerate(held) if place in chosen})
    alone.fill(one for one in held if one not in gone)
    assert (table.ordered, table.guids, table.pids) == (alone.ordered, alone.guids, alone.pids)


class Sleeping:
    """Starts that are read when their device is asked for."""

    def __init__(self, starts: list[ProcessStart]) -> None:
        """Have these."""
        self._starts = starts
        self.asked: list[str] = []

    def count(self) -> int:
        """Return how many there are."""
        return len(self._starts)

    def of(self, device: str) -> list[ProcessStart]:
        """Return those of a device."""
        self.asked.append(device)
        return [one for one in self._starts if one.device == device]

    def all(self) -> list[ProcessStart]:
        """Return all."""
        return list(self._starts)


@given(st.lists(started(), max_size=12, unique_by=order), st.data())
def test_who_sleeps_answers_as_who_is_awake(starts: list[ProcessStart], data: st.DataObject) -> None:
    asleep, awake = Processes(), Processes()
    gone = [[*asleep.sleep(Sleeping(starts))], [*awake.fill(starts)]]
    now = NOON
    for new in data.draw(st.lists(st.one_of(started(), st.just(None)), max_size=8)):
        now += 2 * HOUR
        for table, told in zip((asleep, awake), gone, strict=True):
            told.extend(table.forget_before(now - 24 * HOUR, []) if new is None else table.add(new))
        if new is not None:
            ids = new.device, new.parent_guid, new.parent_pid, new.time
            assert asleep.find(*ids) == awake.find(*ids)
            assert list(asleep.ancestors(new)) == list(awake.ancestors(new))
    for table, told in zip((asleep, awake), gone, strict=True):
        for moment in (now + 48 * HOUR, now + 50 * HOUR):  # who was just taken up is not swept at once
            told.extend(table.forget_before(moment, []))
    assert sorted(gone[0], key=order) == sorted(gone[1], key=order)
    assert asleep._size == awake._size
    assert {name: one.ordered for name, one in asleep._devices.items()} == {
        name: one.ordered for name, one in awake._devices.items()
    }


def test_one_device_wakes_alone_and_all_where_room_must_be_made(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("carecordon.pipeline.triage.processes.TOTAL", 8)
    starts = [start(f"g{at}", at=at * SECOND, device=f"ws{at % 2}") for at in range(8)]
    sleeping, table = Sleeping(starts), Processes()
    assert table.sleep(sleeping) == []
    assert table.find("ws1", "g3", None, NOON + HOUR) == starts[3]
    assert table.find("ws1", "g5", None, NOON + HOUR) == starts[5]
    assert sleeping.asked == ["ws1"]
    assert len(table.add(start("g9", at=MINUTE, device="ws2"))) == 4, "each that has four keeps two"
    assert table.find("ws0", "g6", None, NOON + HOUR) == starts[6]
    assert sleeping.asked == ["ws1", "ws2"]


def test_more_than_there_is_room_for_is_taken_in_as_it_would_one_by_one() -> None:
    starts = [start(f"g{number}", at=number * SECOND) for number in range(8)]
    table = Processes(limit=4)
    gone = table.fill(starts)
    assert (len(gone), table.forgotten) == (4, 4)
    assert table.find("ws1", "g7", None, NOON + HOUR) is starts[7]
    assert table.find("ws1", "g0", None, NOON + HOUR) is None


def test_children_and_ancestors_meet() -> None:
    top, middle, low = start("a-1", pid=1), start("b-1", "a-1", pid=2, at=1), start("c-1", "b-1", pid=3, at=2)
    by_pid = start(pid=4, parent_pid=3, at=3)
    table = Processes()
    for one in (by_pid, low, middle, top):
        table.add(one)
    assert list(table.ancestors(by_pid)) == [low, middle, top]
    assert table.children(low) == [by_pid]
    assert table.children(top) == [middle]


def test_a_circle_ends() -> None:
    one, other = start("a-1", "b-1"), start("b-1", "a-1", at=1)
    table = Processes()
    table.add(one)
    table.add(other)
    assert list(table.ancestors(one)) == [other]
    tops = Tops(table)
    assert tops.of(one) == tops.of(other) == "a-1"


def test_the_top_of_a_tree_is_below_what_starts_things_for_everybody() -> None:
    desktop = start("e-1", image=EXPLORER)
    shell, tool = start("a-1", "e-1", at=1), start("b-1", "a-1", at=2)
    orphan = start("c-1", "x-9", at=3)
    table = Processes()
    for one in (desktop, shell, tool, orphan):
        table.add(one)
    tops = Tops(table)
    assert [tops.of(one) for one in (desktop, shell, tool)] == [None, "a-1", "a-1"]
    assert tops.of(orphan) == process_key(orphan), "nothing is known of what started it"


def test_a_device_keeps_the_newest_only() -> None:
    table = Processes(limit=100)
    for number in range(1_000):
        table.add(start(f"a-{number}", pid=number + 1, at=number * SECOND))
    table.add(start("b-1", device="ws2"))
    kept = [number for number in range(1_000) if table.find("ws1", f"a-{number}", None, NOON)]
    assert kept == list(range(kept[0], 1_000))
    assert 100 <= len(kept) <= 125
    assert table.forgotten == 1_000 - len(kept)
    assert table.find("ws2", "b-1", None, NOON) is not None


def test_old_starts_go_unless_something_younger_hangs_on_them() -> None:
    parent, child, old, open_yet = start("a-1"), start("b-1", "a-1", at=10 * HOUR), start("c-1"), start("d-1")
    first, second = start(pid=9), start(pid=9, at=1)
    table = Processes()
    for one in (parent, child, old, open_yet, first, second):
        table.add(one)
    assert table.forget_before(NOON + HOUR, [open_yet]) == [first, old]
    assert table.find("ws1", "a-1", None, NOON) is parent
    assert table.find("ws1", "d-1", None, NOON) is open_yet
    assert table.find("ws1", None, 9, NOON + 20 * HOUR) is second, "it may still run"


def test_all_devices_together_keep_no_more_than_they_may(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("carecordon.pipeline.triage.processes.TOTAL", 300)
    table = Processes()
    for number in range(1_000):
        table.add(start(f"a-{number}", at=number * SECOND, device=f"ws{number % 10}"))
    kept = [number for number in range(1_000) if table.find(f"ws{number % 10}", f"a-{number}", None, NOON)]
    assert 200 <= len(kept) <= 300
    assert kept == list(range(kept[0], 1_000))
    assert table.forgotten == 1_000 - len(kept)


def test_a_loud_device_does_not_make_others_forget(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("carecordon.pipeline.triage.processes.TOTAL", 300)
    table = Processes()
    for number in range(50):
        table.add(start(f"b-{number}", at=number, device="ws2"))
    for number in range(2_000):
        table.add(start(f"a-{number}", at=HOUR + number * SECOND))
    assert all(table.find("ws2", f"b-{number}", None, NOON) for number in range(50))
    assert table.find("ws1", "a-1999", None, NOON) is not None
    assert 1_750 <= table.forgotten <= 1_825


def test_more_devices_than_there_is_room_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("carecordon.pipeline.triage.processes.TOTAL", 100)
    table = Processes()
    for number in range(1_000):
        table.add(start("a-1", at=number * SECOND, device=f"ws{number}"))
    kept = [number for number in range(1_000) if table.find(f"ws{number}", "a-1", None, NOON)]
    assert kept == list(range(kept[0], 1_000))
    assert 75 <= len(kept) <= 100
    assert table.forgotten == 1_000 - len(kept)
    assert len(table._devices) == len(kept)


def test_a_process_has_its_number_until_another_has_it() -> None:
    first, twin, second = start("a-1", pid=9), start(pid=9, at=SECOND), start("b-1", pid=9, at=HOUR)
    table = Processes()
    for one in (second, first, twin):
        table.add(one)
    assert table.until(first) == NOON + HOUR
    assert table.until(second) is None


def test_what_is_forgotten_leaves_nothing_behind() -> None:
    table = Processes(limit=10)
    for number in range(1_000):
        table.add(start(f"a-{number}", f"p-{number}", pid=number + 1, at=number * SECOND))
        table.add(start(pid=number + 1, parent_pid=5_000 + number, at=number * SECOND))
    held = table._devices["ws1"]
    assert len(held.ordered) <= 12
    assert len(held.guids) + len(held.pids) <= 2 * len(held.ordered)


def test_a_start_that_comes_again_is_known_already() -> None:
    for one in (start("a-1", pid=4), start(pid=4)):
        table = Processes()
        assert table.add(one) == []
        assert table.add(start("b-1", pid=5, at=1)) == []
        assert table.add(replace(one)) == [], "its record stays"
        assert table.version("ws1") == 2
