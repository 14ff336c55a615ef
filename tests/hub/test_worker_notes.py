"""A worker process that is asked to end notes down what it heard, and the next one goes on from it."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from carecordon.hub.config import Paths, read_settings
from carecordon.hub.founding import Wishes, found
from carecordon.hub.start import prepare
from carecordon.hub.worker.shard import DETECT
from carecordon.hub.worker.sources_piece import decode
from carecordon.model.batch import Rows
from carecordon.model.event import Kind
from carecordon.model.gather import gather
from carecordon.model.stream import Part
from carecordon.register.backends.sqlite import SQLITE as REGISTER
from carecordon.stream.backends.sqlite import SQLITE as STREAM
from carecordon.wire import codec

DEADLINE_S = 60.0
SENDER = "5e" * 16


def batch(channel: str) -> bytes:
    return codec.encode(gather(Rows([Kind(channel, None, 1)], [{}], [1], ["pc-00"], [None], [0])))


def until(claim: Callable[[], bool]) -> None:
    end = time.monotonic() + DEADLINE_S
    while not claim():
        assert time.monotonic() < end, "it did not come about"
        time.sleep(0.02)


@contextmanager
def working(paths: Paths) -> Iterator[None]:
    """Let a worker work; ask it to end, and wait until it has."""
    command = [sys.executable, "-m", "carecordon.hub.worker", str(paths.data), str(paths.keys), "0", "1"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
        try:
            yield
            process.send_signal(signal.SIGTERM)
            assert process.wait(DEADLINE_S) == 0
        finally:
            process.kill()


def test_what_a_worker_heard_is_known_to_the_next(tmp_path: Path) -> None:
    paths = Paths(tmp_path / "data", tmp_path / "keys")
    found(paths, Wishes("XX1", "Example Trust", "B. Osei"), time.time_ns())
    paths.settings.write_text('ods = "XX1"\nname = "Example Trust"\nown_rules = false\npartitions = 1\n')
    prepare(paths, read_settings(paths.settings), time.time_ns())
    stream, register = STREAM.open(str(paths.events), None), REGISTER.open_register(str(paths.register))
    numbers = iter(range(9))
    heard = []
    for channel in ("Security", "System"):
        with working(paths):
            for _ in range(2):  # the second one after the first look: the end alone notes it
                number = next(numbers)
                stream.publish([Part(SENDER, 1, number, number, batch(channel))], time.time_ns())
                until(lambda: stream.lag(DETECT).parts == 0)
        note = register.checkpoints.get("sources/0/0")
        assert note is not None
        piece = decode(note)
        assert piece.ids == (SENDER,)
        heard.append({piece.channels[one["channel"]]: int(one["times"]) for one in piece.sources})
    assert heard == [{"Security": 2}, {"Security": 2, "System": 2}]
    stream.close()
    register.close()
