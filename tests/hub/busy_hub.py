"""A hub's processes in small: parts go to the stream, then to the register, then the stream is trimmed; for ever."""

from __future__ import annotations

import itertools
import sys
from pathlib import Path

from carecordon.hub.config import Paths
from carecordon.model.stream import Part
from carecordon.stream.backends.sqlite import SQLITE as STREAM
from tests.hub.hub_kit import NOW, opened


def main() -> None:
    """Work until killed; print how far it is."""
    paths = Paths(Path(sys.argv[1]), Path(sys.argv[2]))
    stream = STREAM.open(str(paths.events), None)
    partition = stream.partition_of("busy")
    with opened(paths) as register:
        for number in itertools.count():
            stream.publish([Part("busy", 7, number, number, b"x" * 2_000)], NOW)
            if number % 5 == 0:
                done = stream.pull(partition, stream.acked("worker", partition), 1)[-1].position
                register.checkpoints.set("trimmed", b"%d" % number)
                stream.ack("worker", partition, done)
                stream.trim(["worker"])
            register.checkpoints.set("busy", b"%d" % number)
            print(number, flush=True)


if __name__ == "__main__":
    main()
