"""What a scan finds to read: always in the same order, never twice round a loop, and every refusal told."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from carecordon.scan.walk import Source, Unread, walk

posix_only = pytest.mark.skipif(os.name != "posix", reason="needs POSIX file names, links and pipes")


def names(*paths: str) -> list[str]:
    return [found.name for found in walk(paths)]


def test_folders_are_opened_out_in_the_order_of_names(tmp_path: Path) -> None:
    for name in ("b/2.evtx", "b/10.evtx", "a.evtx", "c.evtx"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"x")
    assert names(str(tmp_path)) == [str(tmp_path / name) for name in ("a.evtx", "b/10.evtx", "b/2.evtx", "c.evtx")]


def test_a_name_begins_as_the_path_was_given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / "a.evtx").write_bytes(b"x")
    monkeypatch.chdir(tmp_path)
    assert names("logs") == [f"logs{os.sep}a.evtx"]
    assert names("." + os.sep + "logs") == [f".{os.sep}logs{os.sep}a.evtx"]
    assert names("logs/a.evtx", "logs/a.evtx") == ["logs/a.evtx"] * 2


def test_only_a_path_given_by_name_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(b"1234")
    path = str(tmp_path / "a.txt")
    assert list(walk([path])) == [Source(path, Path(path), 4, True)]
    assert list(walk([str(tmp_path)])) == [Source(path, Path(path), 4, False)]
    assert list(walk(["-"])) == [Source("stdin", None, None, True)]


def test_what_is_not_there_is_a_failure(tmp_path: Path) -> None:
    path = str(tmp_path / "absent")
    assert list(walk([path])) == [Unread(path, "there is no such file or folder", True)]
    assert list(walk(["a\0b"])) == [Unread("a\0b", "embedded null byte", True)]


@posix_only
def test_links_in_a_circle_end(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.evtx").write_bytes(b"x")
    (tmp_path / "in" / "up").symlink_to(tmp_path)
    (tmp_path / "self").symlink_to("self")
    (tmp_path / "nowhere").symlink_to("absent")
    found = list(walk([str(tmp_path)]))
    assert [item.name for item in found if isinstance(item, Source)] == [str(tmp_path / "in" / "a.evtx")]
    reasons = {Path(item.name).name: item.reason for item in found if isinstance(item, Unread)}
    assert reasons.keys() == {"up", "self", "nowhere"}
    assert reasons["up"] == "a link that leads back to a folder around it"
    assert reasons["nowhere"] == "a link that leads nowhere"


@posix_only
def test_a_folder_with_many_names_is_read_once(tmp_path: Path) -> None:
    """Ten folders, each with two links to the next: a thousand ways to one file."""
    for number in range(10):
        folder = tmp_path / f"d{number}"
        folder.mkdir()
        for link in ("a", "b"):
            (folder / link).symlink_to(tmp_path / f"d{number + 1}")
    (tmp_path / "d10").mkdir()
    (tmp_path / "d10" / "a.evtx").write_bytes(b"x")
    found = list(walk([str(tmp_path / "d0"), str(tmp_path / "d10")]))
    only = str(tmp_path / "d0" / "/".join("a" * 10) / "a.evtx")
    assert [item.name for item in found if isinstance(item, Source)] == [only]
    unread = [item for item in found if isinstance(item, Unread)]
    assert len(unread) == 11
    assert unread[-1] == Unread(str(tmp_path / "d10"), f"already read under {Path(only).parent}", False)


def test_folders_within_folders_without_an_end_are_walked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    deep = Path(*["d"] * 600)
    deep.mkdir(parents=True)
    (deep / "a.evtx").write_bytes(b"x")
    assert names("d") == [str(deep / "a.evtx")]


@posix_only
def test_a_pipe_is_never_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    assert list(walk([str(tmp_path)])) == [Unread(str(tmp_path / "pipe"), "it is no file but a pipe", False)]
    assert list(walk([str(tmp_path / "pipe")])) == [Unread(str(tmp_path / "pipe"), "it is no file but a pipe", True)]


@posix_only
@pytest.mark.skipif(sys.platform == "darwin", reason="the file system refuses such names")
def test_every_name_is_valid_unicode_and_keeps_its_control_characters(tmp_path: Path) -> None:
    os.close(os.open(os.fsencode(tmp_path) + b"/bad\xff.evtx", os.O_CREAT))
    (tmp_path / "two\nlines\x1b[31m.evtx").write_bytes(b"")
    found = [item for item in walk([str(tmp_path)]) if isinstance(item, Source)]
    assert [item.name.removeprefix(str(tmp_path) + "/") for item in found] == [
        "bad\\xff.evtx",
        "two\nlines\x1b[31m.evtx",
    ]
    assert all(item.path is not None and item.path.exists() for item in found)
