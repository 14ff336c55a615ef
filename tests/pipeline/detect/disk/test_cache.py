"""The cache gives back what was put in, or nothing: never a torn value, never a fault."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from carecordon.pipeline.detect.disk import cache as room
from carecordon.pipeline.detect.disk.cache import DIGEST, DiskCache


def only_file(folder: Path) -> Path:
    (path,) = folder.iterdir()
    return path


@pytest.mark.parametrize("blob", [b"", b"x", bytes(range(256)) * 1_000])
def test_what_is_saved_is_loaded(tmp_path: Path, blob: bytes) -> None:
    cache = DiskCache(tmp_path / "made" / "here")
    assert cache.load("key") is None
    cache.save("key", blob)
    assert cache.load("key") == blob
    assert cache.load("other") is None
    cache.save("key", b"newer")
    assert DiskCache(tmp_path / "made" / "here").load("key") == b"newer"
    assert only_file(tmp_path / "made" / "here").name == "key.cache"


DAMAGES: dict[str, Callable[[bytes], bytes]] = {
    "empty": lambda _: b"",
    "cut in the digest": lambda whole: whole[: DIGEST - 1],
    "digest alone": lambda whole: whole[:DIGEST],
    "last byte gone": lambda whole: whole[:-1],
    "one bit flipped": lambda whole: whole[:-1] + bytes([whole[-1] ^ 1]),
    "digest flipped": lambda whole: bytes([whole[0] ^ 1]) + whole[1:],
    "something else": lambda _: b"#!/bin/sh\n" * 50,
    "zeroes": lambda whole: bytes(len(whole)),
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_a_damaged_file_reads_as_absent_and_is_made_again(tmp_path: Path, damage: Callable[[bytes], bytes]) -> None:
    cache = DiskCache(tmp_path)
    cache.save("key", b"compiled plans")
    path = only_file(tmp_path)
    path.write_bytes(damage(path.read_bytes()))
    assert cache.load("key") is None
    cache.save("key", b"compiled plans")
    assert cache.load("key") == b"compiled plans"


def test_a_folder_that_is_none_is_silent(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    for folder in (tmp_path / "file", tmp_path / "file" / "below"):
        cache = DiskCache(folder)
        cache.save("key", b"x")
        assert cache.load("key") is None


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_may_not_be_written_is_silent(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    cache = DiskCache(tmp_path)
    cache.save("key", b"x")
    assert cache.load("key") is None


def test_what_cannot_be_put_in_place_leaves_nothing_behind(tmp_path: Path) -> None:
    (tmp_path / "key.cache").mkdir()
    (tmp_path / "key.cache" / "full").touch()
    cache = DiskCache(tmp_path)
    cache.save("key", b"x")
    assert cache.load("key") is None
    assert only_file(tmp_path).name == "key.cache"


def test_the_oldest_use_goes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cache = DiskCache(tmp_path)
    for number in range(4):
        cache.save(f"key{number}", bytes(100))
        os.utime(tmp_path / f"key{number}.cache", (number, number))
    assert cache.load("key0") is not None  # used again: now the newest
    monkeypatch.setattr(room, "MAX_BYTES", 3 * (DIGEST + 100))
    cache.save("key4", bytes(100))
    assert [cache.load(f"key{number}") is not None for number in range(5)] == [True, False, False, True, True]


def test_what_a_killed_process_left_is_trimmed(tmp_path: Path) -> None:
    for name in ("tmpold.part", "tmpnew.part", "tmpold", "notes.part"):
        (tmp_path / name).write_text("half")
    cache = DiskCache(tmp_path)
    cache.save("key", b"x")
    newest = (tmp_path / "key.cache").stat().st_mtime
    for name in ("tmpold.part", "tmpold", "notes.part"):
        os.utime(tmp_path / name, (newest, newest - room.STALE_S - 60))
    cache.save("key", b"y")
    assert {path.name for path in tmp_path.iterdir()} == {"key.cache", "tmpnew.part", "tmpold", "notes.part"}


def test_the_folder_can_be_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CARECORDON_CACHE", str(tmp_path / "named"))
    DiskCache().save("key", b"x")
    assert only_file(tmp_path / "named").name == "key.cache"
