"""A file that grows, is rotated, cut off or renamed gives each of its lines once."""

from __future__ import annotations

import os
from pathlib import Path

from carecordon.agent.follow import MAX_LINE, Follower, Lines
from carecordon.model.block import Bad


def take(follower: Follower) -> list[str]:
    """Return the lines that have come."""
    return [line for one in follower.read() if isinstance(one, Lines) for line in one.block.data.decode().splitlines()]


def write(path: Path, text: str) -> None:
    with path.open("a") as file:
        file.write(text)


def test_lines_come_when_they_are_whole_and_only_once(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    write(path, "one\ntwo\nthr")
    follower = Follower(path, None)
    assert take(follower) == ["one", "two"]
    assert take(follower) == []
    write(path, "ee\n")
    assert take(follower) == ["three"]
    follower.close()


def test_after_a_restart_it_goes_on_where_the_mark_says(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    write(path, "one\n\ntwo\n")
    follower = Follower(path, None)
    marks = [(one.first, one.mark) for one in follower.read() if isinstance(one, Lines)]
    follower.close()
    write(path, "three\n")
    again = Follower(path, marks[-1][1])
    (came,) = again.read()
    assert isinstance(came, Lines)
    assert (came.block.data, came.first) == (b"three\n", 2)
    again.close()


def test_a_rotated_file_is_read_to_its_end_and_then_its_successor(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    write(path, "one\n")
    follower = Follower(path, None)
    assert take(follower) == ["one"]
    write(path, "two\n")
    path.rename(tmp_path / "a.jsonl.1")
    assert take(follower) == ["two"]
    write(tmp_path / "a.jsonl.1", "late\nno end")
    write(path, "new\n")
    found = take(follower) + take(follower) + take(follower)
    assert found == ["late", "no end", "new"]
    follower.close()


def test_a_file_that_was_rotated_while_nobody_read_is_found_under_its_new_name(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    write(path, "one\n")
    follower = Follower(path, None)
    (came,) = follower.read()
    follower.close()
    write(path, "two\n")
    path.rename(tmp_path / "a.jsonl.7")
    write(path, "new\n")
    assert isinstance(came, Lines)
    again = Follower(path, came.mark)
    assert take(again) + take(again) == ["two", "new"]
    again.close()


def test_a_file_that_is_cut_off_or_written_anew_begins_again(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    write(path, "one\ntwo\n")
    follower = Follower(path, None)
    assert take(follower) == ["one", "two"]
    with path.open("r+") as file:
        file.truncate(0)
        file.write("x\n")
    assert take(follower) == ["x"]
    with path.open("r+") as file:
        file.truncate(0)
        file.write("longer than it was before\n")
    assert take(follower) == ["longer than it was before"]
    follower.close()


def test_another_file_with_the_same_number_is_not_mistaken_for_it(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    write(path, "one\n")
    follower = Follower(path, None)
    (came,) = follower.read()
    follower.close()
    assert isinstance(came, Lines)
    with path.open("r+") as file:
        file.write("two\nthree\n")
    again = Follower(path, came.mark)
    assert take(again) == ["two", "three"]
    again.close()


def test_a_file_that_is_not_there_yet_is_waited_for(tmp_path: Path) -> None:
    follower = Follower(tmp_path / "a.jsonl", None)
    assert take(follower) == []
    write(tmp_path / "a.jsonl", "one\n")
    assert take(follower) == ["one"]
    follower.close()


def test_a_line_without_measure_is_told_and_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    with path.open("wb") as file:
        file.write(b"one\n")
        file.truncate(MAX_LINE + 600_000)
        file.seek(0, os.SEEK_END)
        file.write(b"\ntwo\n")
    follower = Follower(path, None)
    came = list(follower.read())
    follower.close()
    assert [one.block.data for one in came if isinstance(one, Lines)] == [b"one\n", b"two\n"]
    assert [one.position for one in came if isinstance(one, Bad)] == [2]
