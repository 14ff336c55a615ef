"""Files and archives of every kind, whole, damaged, changing and hostile: read as far as they go, and the rest told."""

from __future__ import annotations

import bz2
import gzip
import hashlib
import io
import random
import struct
import sys
import types
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest

from carecordon.scan import layers, unzip
from carecordon.scan import open as opening_room
from carecordon.scan.unpack import Unzstd
from tests.pipeline.ingest.feeds.evtx_made import CHUNK, made_event, made_log
from tests.scan.opening import LINE, LINES, MIB, find, put, zipped, zstd

NOISE = random.Random(7)


def set_flag(archive: bytes, flag: int) -> bytes:
    """Return a zip archive whose first entry has this flag."""
    entry = archive.index(b"PK\x01\x02")
    return archive[: entry + 8] + struct.pack("<H", flag) + archive[entry + 10 :]


PACKINGS: dict[str, Callable[[bytes], bytes]] = {
    "plain": lambda content: content,
    "gzip": gzip.compress,
    "gzip members": lambda content: (
        gzip.compress(content[:50], mtime=0) + bytes(100) + gzip.compress(content[50:], mtime=0)
    ),
    "zstd": zstd,
    "zstd frames": lambda content: b"\x50\x2a\x4d\x18\x04\0\0\0abcd" + zstd(content[:50]) + zstd(content[50:]),
    "gzip in zstd": lambda content: zstd(gzip.compress(content, mtime=0)),
    "three layers": lambda content: gzip.compress(zstd(gzip.compress(content, mtime=0))),
}


@pytest.mark.parametrize("packing", PACKINGS)
def test_a_packed_file_is_one_input_whose_hash_is_that_of_the_file(tmp_path: Path, packing: str) -> None:
    content = PACKINGS[packing](LINES)
    path = put(tmp_path, content)
    found = find(path)
    assert found.events == {str(path): 5}
    facts = found.facts[str(path)]
    assert (facts.sha256, facts.size) == (hashlib.sha256(content).hexdigest(), len(content))
    assert (facts.feed, facts.faults) == ("jsonlines", ())
    assert not found.bad
    assert not found.unread


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_a_member_is_an_input_whose_hash_is_that_of_its_content(tmp_path: Path, method: int) -> None:
    packed = gzip.compress(LINES, mtime=0)
    path = put(tmp_path, zipped(("logs/", b""), ("logs/a.jsonl", LINES), ("b.gz", packed), method=method), "logs.zip")
    found = find(path)
    assert found.events == {f"{path}!logs/a.jsonl": 5, f"{path}!b.gz": 5}
    assert found.facts[f"{path}!logs/a.jsonl"].sha256 == hashlib.sha256(LINES).hexdigest()
    assert found.facts[f"{path}!b.gz"].sha256 == hashlib.sha256(packed).hexdigest()
    assert not found.unread
    assert not found.faults


def test_archives_in_archives_are_read_three_deep(tmp_path: Path) -> None:
    inner = zipped(
        ("c.jsonl.gz", gzip.compress(LINES, mtime=0)), ("d.gz", gzip.compress(gzip.compress(LINES, mtime=0)))
    )
    path = put(tmp_path, zipped(("b.zip", inner)))
    found = find(path)
    assert found.events == {f"{path}!b.zip!c.jsonl.gz": 5}
    assert [(unread.name, unread.is_failure) for unread in found.unread] == [(f"{path}!b.zip!d.gz", True)]
    assert "more than 3 times" in found.unread[0].reason


def test_a_zip_file_in_a_gzip_stream_is_read(tmp_path: Path) -> None:
    path = put(tmp_path, gzip.compress(zipped(("a", LINES))))
    assert find(path).events == {f"{path}!a": 5}


def test_a_zip_file_in_a_stream_is_refused_where_it_is_too_large(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(opening_room, "MAX_HELD_ARCHIVE", MIB)
    path = put(tmp_path, gzip.compress(zipped(("a", NOISE.randbytes(MIB)))))
    found = find(path)
    assert len(found.failures) == 1
    assert "unpack it first" in found.failures[0].reason


def test_zstd_as_a_zip_method_is_read(tmp_path: Path) -> None:
    archive = bytearray(zipped(("a", zstd(LINES)), method=zipfile.ZIP_STORED))
    entry = archive.index(b"PK\x01\x02")
    struct.pack_into("<H", archive, entry + 10, 93)
    struct.pack_into("<I", archive, entry + 16, zlib.crc32(LINES))
    struct.pack_into("<I", archive, entry + 24, len(LINES))
    path = put(tmp_path, bytes(archive))
    found = find(path)
    assert found.events == {f"{path}!a": 5}
    assert not found.faults


def test_names_inside_archives_are_only_names(tmp_path: Path) -> None:
    path = put(tmp_path, zipped(("../../outside", LINES), ("/etc/a\nb", LINES)))
    assert list(find(path).events) == [f"{path}!../../outside", f"{path}!/etc/a\nb"]
    assert [entry.name for entry in tmp_path.iterdir()] == ["input"]


@pytest.mark.parametrize("content", [LINES, gzip.compress(LINES, mtime=0), zstd(LINES)])
def test_standard_input_is_read(content: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", types.SimpleNamespace(buffer=io.BytesIO(content)))
    found = find("-")
    assert found.events == {"stdin": 5}
    assert found.facts["stdin"].sha256 == hashlib.sha256(content).hexdigest()


def test_a_zip_file_on_standard_input_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", types.SimpleNamespace(buffer=io.BytesIO(zipped(("a", LINES)))))
    assert find("-").events == {"stdin!a": 5}


# What is no event file


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "is empty"),
        (bytes(1000), "zero bytes"),
        (b"# Read me\n", "not an event file"),
        (b"%PDF-1.7", "PDF"),
        (gzip.compress(b"some text", mtime=0), "not an event file"),
        (gzip.compress(b"", mtime=0), "is empty"),
    ],
)
def test_what_holds_no_events_is_a_failure_only_if_it_was_asked_for(tmp_path: Path, content: bytes, says: str) -> None:
    path = put(tmp_path, content)
    for given, is_failure in ((path, True), (tmp_path, False)):
        unread = find(given).unread
        assert [(item.name, item.is_failure) for item in unread] == [(str(path), is_failure)]
        assert says in unread[0].reason


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("System.evtx", b""),
        ("System.evtx", b"overwritten"),
        ("events.jsonl.gz", gzip.compress(b"no events", mtime=0)),
        ("logs.7z", b"7z\xbc\xaf\x27\x1c" + bytes(100)),
        ("logs.tar", b"a.evtx".ljust(257, b"\0") + b"ustar"),
        ("old.evt", b"0\0\0\0LfLe" + bytes(100)),
    ],
)
def test_what_ought_to_hold_events_is_a_failure_also_in_a_folder(tmp_path: Path, name: str, content: bytes) -> None:
    put(tmp_path, content, name)
    assert [Path(unread.name).name for unread in find(tmp_path).failures] == [name]


@pytest.mark.parametrize("chunks", [2, 60])
@pytest.mark.parametrize("filling", [b"\0", b"A"])
def test_a_log_is_known_by_a_chunk_behind_its_overwritten_beginning(
    tmp_path: Path, filling: bytes, chunks: int
) -> None:
    log = made_log(made_event("nurse"))
    damaged = filling * (len(log) + (chunks - 1) * CHUNK) + log[-CHUNK:]
    put(tmp_path, damaged, "unnamed.bin")
    path = put(tmp_path, damaged, "Security.evtx")
    found = find(tmp_path)
    assert found.events == {str(path): 1}
    assert "the file header is overwritten" in found.bad[0][1]
    assert f"{chunks} chunks are overwritten: records are lost" in found.bad[1][1]
    assert ["by its beginning" in unread.reason or "zero" in unread.reason for unread in found.unread] == [True]


def test_members_that_are_no_events_are_told(tmp_path: Path) -> None:
    path = put(tmp_path, zipped(("a", LINES), ("README.md", b"# Read me"), ("bad.evtx", b"overwritten")))
    found = find(path)
    assert found.events == {f"{path}!a": 5}
    told = {unread.name: unread.is_failure for unread in found.unread}
    assert told == {f"{path}!README.md": False, f"{path}!bad.evtx": True}


# Damage


@pytest.mark.parametrize("pack", [gzip.compress, zstd])
@pytest.mark.parametrize("cut", [1, 9, 5000])
def test_cut_data_gives_what_stands_before_the_cut(tmp_path: Path, pack: Callable[[bytes], bytes], cut: int) -> None:
    noise = (b'{"a": "%s"}\n' % NOISE.randbytes(300).hex().encode() for _ in range(300))
    content = pack(LINES * 100 + b"".join(noise))
    path = put(tmp_path, content[:-cut])
    found = find(path)
    assert len(found.faults) == 1
    assert "ends too early" in found.faults[0]
    assert found.events[str(path)] > 0
    assert found.facts[str(path)].size == len(content) - cut


def test_damaged_gzip_data_gives_what_stands_before_the_damage(tmp_path: Path) -> None:
    content = bytearray(
        gzip.compress(b"".join(b'{"a": "%s"}\n' % NOISE.randbytes(300).hex().encode() for _ in range(300)))
    )
    content[len(content) // 2 :] = b"\xff" * (len(content) - len(content) // 2)
    path = put(tmp_path, bytes(content))
    found = find(path)
    assert "the compressed data" in found.faults[0]
    assert 100 < found.events[str(path)] < 200
    assert found.facts[str(path)].sha256 == hashlib.sha256(content).hexdigest()


@pytest.mark.parametrize("pack", [gzip.compress, zstd])
def test_what_follows_packed_data_and_is_none_is_told(tmp_path: Path, pack: Callable[[bytes], bytes]) -> None:
    path = put(tmp_path, pack(LINES) + b"rubbish" * 100)
    found = find(path)
    assert found.events == {str(path): 5}
    assert "damaged" in found.faults[0]


def test_a_damaged_beginning_is_a_failure(tmp_path: Path) -> None:
    put(tmp_path, b"\x1f\x8b\x08" + b"\xff" * 100, "a.gz")
    put(tmp_path, b"\x28\xb5\x2f\xfd" + b"\xff" * 100, "b.zst")
    put(tmp_path, b"PK\x03\x04" + b"\xff" * 100, "c.zip")
    assert [Path(unread.name).name for unread in find(tmp_path).failures] == ["a.gz", "b.zst", "c.zip"]


@pytest.mark.parametrize("cut", [1, 30, 80])
def test_a_zip_file_without_its_directory_is_a_failure(tmp_path: Path, cut: int) -> None:
    path = put(tmp_path, zipped(("a", LINES))[:-cut])
    assert "its end is cut off or damaged" in find(path).failures[0].reason


def test_a_member_that_fails_its_checksum_is_told_and_read(tmp_path: Path) -> None:
    archive = zipped(("a", LINES), ("b", LINES), method=zipfile.ZIP_STORED).replace(b"4624", b"4625", 1)
    path = put(tmp_path, archive)
    found = find(path)
    assert found.events == {f"{path}!a": 5, f"{path}!b": 5}
    assert "checksum" in found.facts[f"{path}!a"].faults[0]
    assert not found.facts[f"{path}!b"].faults


def test_a_directory_that_points_elsewhere_is_told(tmp_path: Path) -> None:
    archive = bytearray(zipped(("a", LINES), ("b", LINES)))
    struct.pack_into("<I", archive, archive.index(b"PK\x01\x02") + 42, 7)
    path = put(tmp_path, bytes(archive))
    found = find(path)
    assert found.events == {f"{path}!b": 5}
    assert [unread.name for unread in found.failures] == [f"{path}!a"]


@pytest.mark.parametrize(
    ("archive", "says"),
    [
        (set_flag(zipped(("a", LINES)), 1), "encrypted"),
        (zipped(("a", LINES), method=zipfile.ZIP_BZIP2), "zip method 12"),
        (bz2.compress(LINES), "bzip2"),
    ],
)
def test_what_cannot_be_unpacked_is_a_failure(tmp_path: Path, archive: bytes, says: str) -> None:
    put(tmp_path, archive)
    assert says in find(tmp_path).failures[0].reason


# Bombs


@pytest.fixture
def small_bombs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Judge bombs by 4 MiB instead of 1 GiB, and 20 to 1 instead of 1,000 to 1."""
    monkeypatch.setattr(layers, "MAX_UNJUDGED_BYTES", 4 * MIB)
    monkeypatch.setattr(layers, "MAX_RATIO", 20)


@pytest.mark.usefixtures("small_bombs")
@pytest.mark.parametrize(
    "content",
    [
        gzip.compress(LINE * 500_000, mtime=0),
        zstd(LINE * 500_000),
        zipped(("a", LINE * 500_000)),
        zipped(*((f"{number}", LINE * 50_000) for number in range(10))),
        gzip.compress(zipped(("a", LINE * 500_000), method=zipfile.ZIP_STORED)),
    ],
    ids=["gzip", "zstd", "zip", "many members", "zip in gzip"],
)
def test_a_bomb_is_stopped_and_what_was_read_counts(tmp_path: Path, content: bytes) -> None:
    found = find(put(tmp_path, content))
    told = found.faults + [unread.reason for unread in found.failures]
    assert any("more than 20 times its size" in reason for reason in told)
    assert sum(found.events.values()) < 500_000
    assert found.events or not content.startswith((b"PK", b"\x28\xb5"))


@pytest.mark.usefixtures("small_bombs")
def test_members_that_share_their_bytes_are_a_bomb_too(tmp_path: Path) -> None:
    one = zipped(("a", LINE * 5_000), method=zipfile.ZIP_STORED)
    start, end = one.index(b"PK\x01\x02"), one.index(b"PK\x05\x06")
    directory = one[start:end] * 100
    tail = struct.pack("<4sHHHHIIH", b"PK\x05\x06", 0, 0, 100, 100, len(directory), start, 0)
    found = find(put(tmp_path, one[:start] + directory + tail))
    assert any("times its size" in reason for reason in found.faults + [unread.reason for unread in found.failures])


def test_the_total_is_limited_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(layers, "MAX_UNPACKED_BYTES", MIB)
    path = put(tmp_path, gzip.compress(LINE * 200_000, mtime=0))
    found = find(path)
    assert "unpacks to more than" in found.faults[0]
    assert 0 < found.events[str(path)] < 200_000


def test_a_run_of_one_byte_comes_in_small_pieces() -> None:
    bomb = layers.Peeked(layers.FromFile(io.BytesIO(zstd(bytes(64 * MIB)))))
    unpacked = Unzstd(bomb, layers.Budget(lambda: MIB))
    sizes = []
    while piece := unpacked.read(MIB):
        sizes.append(len(piece))
    assert sum(sizes) == 64 * MIB
    assert max(sizes) <= MIB
    assert unpacked.fault is None


def test_an_archive_of_too_many_members_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unzip, "MAX_MEMBERS", 10)
    put(tmp_path, zipped(*((f"{number}", LINES) for number in range(11))), "eleven")
    put(tmp_path, zipped(*((f"{number}", LINES) for number in range(10))), "ten")
    found = find(tmp_path)
    assert "more than 10 members" in found.failures[0].reason
    assert len(found.events) == 10
