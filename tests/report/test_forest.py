"""Every process stands in its tree once, behind what started it, whatever the parents claim."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from carecordon.model.incident import ProcessSeen
from carecordon.report.forest import DEEPEST, base_name, forest


def process(key: str, parent: str | None = None, start: int | None = 0, device: str = "a") -> ProcessSeen:
    return ProcessSeen(key, parent, device, None, None, None, None, start, False)


def drawn(*processes: ProcessSeen) -> list[str]:
    lines = []
    for branches in forest(processes).values():
        for branch in branches:
            rails = "".join("|" if follows else "." for follows in branch.rails[1:])
            lines.append(rails + branch.process.key)
    return lines


def test_children_stand_behind_their_parent_by_their_start() -> None:
    made = drawn(process("late", "root", 3), process("early", "root", 2), process("root"), process("below", "early", 9))
    assert made == ["root", "|early", "|.below", ".late"]


def test_trees_are_of_one_device() -> None:
    assert list(forest([process("x", device="a"), process("x", device="b"), process("y", "x", device="b")])) == [
        "a",
        "b",
    ]
    assert drawn(process("x", device="a"), process("y", "x", device="b")) == ["x", "y"]


def test_a_parent_that_is_not_there_makes_a_root() -> None:
    assert drawn(process("x", "gone"), process("y", "x")) == ["x", ".y"]


def test_a_circle_is_told_once() -> None:
    assert drawn(process("x", "y"), process("y", "x"), process("z", "z")) == ["x", ".y", "z"]


def test_a_very_deep_tree_is_cut_in_depth_and_loses_nobody() -> None:
    chain = [process(str(n), str(n - 1)) for n in range(5000)]
    (branches,) = forest(chain).values()
    assert [branch.process.key for branch in branches] == [str(n) for n in range(5000)]
    assert max(branch.depth for branch in branches) == DEEPEST


KEYS = st.sampled_from("abcdef")


@given(st.lists(st.builds(process, KEYS, st.none() | KEYS, st.none() | st.integers(0, 9), st.sampled_from("xy"))))
def test_each_process_is_there_once(processes: list[ProcessSeen]) -> None:
    found = [branch.process for branches in forest(processes).values() for branch in branches]
    assert len(found) == len(processes)
    assert sorted(map(id, found)) == sorted(map(id, processes))


def test_the_last_part_of_a_path() -> None:
    assert base_name(r"C:\Windows\cmd.exe") == "cmd.exe"
    assert base_name("/usr/bin/sh") == "sh"
    assert base_name("cmd.exe") == "cmd.exe"
    assert base_name("\\") == "\\"
