"""A process that is killed while it commits: run with the register's place, the step to die at, and two positions."""

from __future__ import annotations

import os
import signal
import sys

from sqlalchemy import Connection

from carecordon.model.kept import Commit
from carecordon.register.backends.sql import cases
from carecordon.register.backends.sqlite import SQLITE
from tests.register.example import whole_commit


def die(_connection: Connection, _commit: Commit) -> None:
    """Die as by kill -9, or at a power cut."""
    os.kill(os.getpid(), signal.SIGKILL)


def main() -> None:
    """Commit, and be killed before step `at`; behind the last, when all is on disk and nobody has been told."""
    place, at, after, position = sys.argv[1], *map(int, sys.argv[2:])
    register = SQLITE.open_register(place)
    if at <= len(cases.STEPS):
        cases.STEPS = (*cases.STEPS[:at], die, *cases.STEPS[at:])
    register.cases.commit(whole_commit(after, position))
    os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    main()
