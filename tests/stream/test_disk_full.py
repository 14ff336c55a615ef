"""A disk that is really full: a small one in memory, filled and freed again."""

from __future__ import annotations

import errno
import os
import subprocess
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from carecordon.model.stream import Outcome, Part
from carecordon.stream.backends.sqlite import open_stream
from tests.stream.plain import NOW, ack_all, pull_all

SIZE = 8 * 1024 * 1024


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    place = tmp_path / "disk"
    place.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={SIZE}", "tmpfs", str(place)]
    if os.geteuid() != 0 or subprocess.run(command, capture_output=True, check=False).returncode != 0:
        pytest.skip("a small disk in memory can be mounted by root only")
    yield place
    subprocess.run(["umount", str(place)], check=True)


def test_a_full_disk_refuses_and_goes_on_when_it_is_freed(small_disk: Path) -> None:
    filler = small_disk / "filler"
    filler.write_bytes(bytes(SIZE // 2))
    with closing(open_stream(small_disk / "log.db", 2)) as stream:
        acknowledged, data, told = 0, os.urandom(20_000), 0
        while not told:
            try:
                stream.publish([Part("a", 7, acknowledged, acknowledged, data)], NOW)
                acknowledged += 1
            except OSError as fault:
                told = fault.errno or -1
        assert told == errno.ENOSPC
        assert acknowledged > 20
        for _ in range(5):
            with pytest.raises(OSError, match="cannot be used now"):
                stream.publish([Part("a", 7, acknowledged, acknowledged, data)], NOW)
        assert stream.mark("a", 7) == acknowledged - 1
        assert [entry.part.first for entry in pull_all(stream)] == list(range(acknowledged))
        filler.unlink()
        told_now = stream.publish([Part("a", 7, acknowledged, acknowledged, data)], NOW)
        assert [one.outcome for one in told_now] == [Outcome.APPENDED]
        ack_all(stream, "worker")
        assert stream.trim(["worker"]) == (acknowledged + 1) * len(data)
    with closing(open_stream(small_disk / "log.db", 2)) as stream:
        assert stream.mark("a", 7) == acknowledged
        assert stream.damaged() == []


def test_a_log_that_was_killed_on_a_full_disk_opens_on_it(small_disk: Path) -> None:
    with closing(open_stream(small_disk / "log.db", 1)) as stream:
        stream.publish([Part("a", 7, 0, 0, bytes(100_000))], NOW)
    room = os.statvfs(small_disk)
    # Room for the shared memory is left, as a hub's reserve would be.
    (small_disk / "full").write_bytes(bytes(room.f_bavail * room.f_frsize - 64 * 1024))
    with closing(open_stream(small_disk / "log.db", 1)) as stream:
        assert [entry.part.last for entry in pull_all(stream)] == [0]
        with pytest.raises(OSError, match="cannot be used now"):
            stream.publish([Part("a", 7, 1, 1, bytes(100_000))], NOW)
        (small_disk / "full").unlink()
        stream.publish([Part("a", 7, 1, 1, bytes(100_000))], NOW)
        assert stream.mark("a", 7) == 1
