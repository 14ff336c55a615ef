"""A file that grows, is rotated, cut off or renamed gives each of its lines once."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from carecordon.agent.follow import GONE, MAX_LINE, Follower, Lines
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


def reread(path: Path, mark: str | None) -> tuple[list[str], str | None]:
    """Return what a follower that was started again reads until nothing more comes, and how far it is then."""
    follower = Follower(path, mark)
    found: list[str] = []
    for _ in range(9):
        for one in follower.read():
            assert isinstance(one, Lines), one
            mark = one.mark
            found += one.block.data.decode().splitlines()
    follower.close()
    return found, mark


def aged(path: Path, seconds: int) -> None:
    """Let a file have been written so many seconds ago."""
    at = path.stat().st_mtime_ns - seconds * 1_000_000_000
    os.utime(path, ns=(at, at))


def test_who_writes_on_a_renamed_file_until_it_turns_to_the_new_one_loses_nothing(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    write(path, "one\n")
    follower = Follower(path, None)
    assert take(follower) == ["one"]
    path.rename(tmp_path / "a.jsonl.1")
    path.touch()
    for text in ("two", "three", "four"):
        assert take(follower) == []
        write(tmp_path / "a.jsonl.1", f"{text}\nno ")
        assert take(follower) == [text]
        write(tmp_path / "a.jsonl.1", "end\n")
        assert take(follower) == ["no end"]
    write(path, "new\n")
    assert take(follower) + take(follower) == ["new"]
    follower.close()


def test_files_that_were_rotated_more_than_once_meanwhile_are_read_in_their_order(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    write(path, '{"n": 1}\n')
    came, mark = reread(path, None)
    write(path, '{"n": 2}\n')
    for number, name in ((3, "a.jsonl.3"), (4, "a.jsonl.2"), (5, "a.jsonl.1")):
        path.rename(tmp_path / name)
        aged(tmp_path / name, 60 - 10 * number)
        write(path, f'{{"n": {number}}}\n')
    for name, content in (("a.jsonl.bak", path.read_text()), ("a.jsonl.state", "7\n"), ("b.jsonl", '{"n": 0}\n')):
        write(tmp_path / name, content)
    later, end = reread(path, mark)
    assert came + later == [f'{{"n": {number}}}' for number in range(1, 6)]
    assert reread(path, end)[0] == []


def test_files_that_were_rotated_while_nothing_stands_under_the_path_are_read_when_it_is_back(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    write(path, '{"n": 1}\n')
    _, mark = reread(path, None)
    write(path, '{"n": 2}\n{"n"')
    path.rename(tmp_path / "a.jsonl.2")
    aged(tmp_path / "a.jsonl.2", 60)
    write(tmp_path / "a.jsonl.1", '{"n": 4}\n')
    aged(tmp_path / "a.jsonl.1", 30)
    follower = Follower(path, mark)
    assert take(follower) == ['{"n": 2}']
    with (tmp_path / "a.jsonl.2").open("ab") as late:  # whoever writes has not turned yet
        late.write(b": 3}\n")
    aged(tmp_path / "a.jsonl.2", 60)
    assert take(follower) == ['{"n": 3}']
    write(path, '{"n": 5}\n')
    assert [line for _ in range(3) for line in take(follower)] == ['{"n": 4}', '{"n": 5}']
    follower.close()


def test_a_file_beside_it_that_may_not_be_read_holds_nothing_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.jsonl"
    write(path, '{"n": 1}\n')
    _, mark = reread(path, None)
    write(tmp_path / "a.jsonl.lock", '{"n": 0}\n')
    plain = Path.open

    def opened(self: Path, *options: Any, **more: Any) -> Any:
        if self.name == "a.jsonl.lock":
            raise PermissionError(13, "Permission denied", str(self))
        return plain(self, *options, **more)

    monkeypatch.setattr(Path, "open", opened)
    path.write_text('{"n": 20}\n')
    came, mark = reread(path, mark)
    assert came == ['{"n": 20}']
    write(path, '{"n": 21}\n')
    path.rename(tmp_path / "a.jsonl.1")
    aged(tmp_path / "a.jsonl.1", 60)
    write(path, '{"n": 22}\n')
    assert reread(path, mark)[0] == ['{"n": 21}', '{"n": 22}']


def test_a_file_that_is_copied_and_cut_off_gives_what_only_its_copy_has(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    write(path, "one\n")
    came, mark = reread(path, None)
    write(path, "two\n")
    (tmp_path / "a.jsonl.1").write_bytes(path.read_bytes())
    path.write_text("new\n")
    later, mark = reread(path, mark)
    write(path, "newer\n")
    assert came + later + reread(path, mark)[0] == ["one", "two", "new", "newer"]


def test_a_file_that_is_away_for_a_while_is_known_when_it_comes_back(tmp_path: Path) -> None:
    path = tmp_path / "logs" / "a.jsonl"
    path.parent.mkdir()
    write(path, "one\n")
    _, mark = reread(path, None)
    path.parent.rename(tmp_path / "away")
    follower = Follower(path, mark)
    assert take(follower) == []
    (tmp_path / "away").rename(path.parent)
    write(path, "two\n")
    assert take(follower) == ["two"]
    follower.close()


def test_where_the_file_that_was_read_is_gone_that_is_told(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    write(path, "one\ntwo\n")
    _, mark = reread(path, None)
    path.rename(tmp_path / "a.jsonl.1")
    (tmp_path / "a.jsonl.1.gz").write_bytes(b"packed")
    write(path, "new\n")
    (tmp_path / "a.jsonl.1").unlink()
    follower = Follower(path, mark)
    gone, came = follower.read()
    follower.close()
    assert isinstance(gone, Bad)
    assert (gone.position, gone.reason, gone.count) == (3, GONE, 0)
    assert isinstance(came, Lines)
    assert came.block.data == b"new\n"


def test_a_link_that_is_turned_to_the_next_file_is_followed(tmp_path: Path) -> None:
    folder, path = tmp_path / "logs", tmp_path / "current.jsonl"
    folder.mkdir()
    write(folder / "monday", "one\n")
    path.symlink_to(folder / "monday")
    came, mark = reread(path, None)
    write(folder / "monday", "two\n")
    path.unlink()
    path.symlink_to(folder / "tuesday")
    write(folder / "tuesday", "new\n")
    later, end = reread(path, mark)
    assert came + later == ["one", "two", "new"]
    assert reread(path, end)[0] == []


def test_a_mark_of_its_encoding_is_no_part_of_the_first_line(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(b"\xef\xbb\xbfone\n")
    follower = Follower(path, None)
    assert take(follower) == ["one"]
    write(path, "two\n")
    assert take(follower) == ["two"]
    follower.close()
