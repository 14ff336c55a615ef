"""A register put together from its doors."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from carecordon.register.backends.sql.audit import SqlAudit
from carecordon.register.backends.sql.cases import SqlCases
from carecordon.register.backends.sql.devices import SqlDevices
from carecordon.register.backends.sql.door import Door
from carecordon.register.backends.sql.letters import SqlCheckpoints, SqlLetters
from carecordon.register.backends.sql.outbox import SqlOutbox
from carecordon.register.backends.sql.people import SqlPeople
from carecordon.register.backends.sql.tidying import tidy
from carecordon.register.register import Register


def opened(door: Door, check: Callable[[], list[str]], settle: Callable[[], bool]) -> Register:
    """Return the register behind a door; `check` is the database's own look at its file, `settle` its own log."""
    return Register(
        devices=SqlDevices(door),
        checkpoints=SqlCheckpoints(door),
        cases=SqlCases(door),
        letters=SqlLetters(door),
        outbox=SqlOutbox(door),
        people=SqlPeople(door),
        audit=SqlAudit(door),
        check=check,
        still=door.still,
        settle=settle,
        tidy=partial(tidy, door),
        close=door.close,
    )
