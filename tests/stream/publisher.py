"""A process that publishes to a log and says on standard output what was acknowledged, one line a call.

`python -m tests.stream.publisher LOG PARTITIONS CALLS GROUP SENDER...`: each call publishes GROUP parts of each sender,
of three numbers each. CALLS 0: until it is killed.
"""

from __future__ import annotations

import itertools
import sys
from contextlib import closing

from carecordon.stream.backends.sqlite import open_stream
from tests.stream.plain import NOW, part


def main(log: str, partitions: int, calls: int, group: int, senders: list[str]) -> None:
    """Publish."""
    with closing(open_stream(log, partitions)) as stream:
        for call in itertools.count() if calls == 0 else range(calls):
            firsts = [3 * number for number in range(call * group, (call + 1) * group)]
            told = stream.publish([part(sender, first, first + 2) for sender in senders for first in firsts], NOW)
            print(firsts[-1] + 2, *(one.outcome for one in told), flush=True)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]), sys.argv[5:])
