"""What a hub needs before its processes start, and which processes those are."""

from __future__ import annotations

import os
import socket
import sys
from dataclasses import replace
from functools import partial
from importlib import import_module

from carecordon.hub.backup.forgotten import forgotten, look_at_end, write_down
from carecordon.hub.config import Paths, Settings
from carecordon.hub.main import Job
from carecordon.hub.trust.authority import open_authority, server_is_due
from carecordon.hub.trust.revocations import Revocations, merge
from carecordon.model.errors import TheirFault
from carecordon.register.backends.sqlite import SQLITE as REGISTER
from carecordon.stream.backends.sqlite import SQLITE as STREAM

OWNER_ONLY = 0o700
CONSOLE = "carecordon.console.app"
GATE_WAITS_S = 2.0
"""How long the gate lets the others come first: what devices held is sent as soon as it opens, on the same cores."""
KEEPER, TRIAGE, GATE, CARRY, API = "keeper", "triage", "gate", "carry", "api"


def prepare(paths: Paths, settings: Settings, now: int) -> None:
    """Make the folders and logs that lack, bring the register up to date, renew the hub's own certificate if it is due.

    Raises TheirFault where something is another version's, or not this organisation's; OSError where the machine fails.
    """
    if not paths.register.exists() or not paths.register.stat().st_size:
        raise TheirFault(
            f"{paths.register}: the register is not there, or empty; devices, people and incidents were in it: "
            "look for it, or bring the hub back from a backup with its keys into an empty folder "
            "(`carecordon hub restore`)"
        )
    for folder in (paths.data, paths.events.parent, paths.telemetry, paths.rules, paths.run, paths.logs):
        folder.mkdir(parents=True, exist_ok=True)
    paths.data.chmod(OWNER_ONLY)
    for left in paths.run.iterdir():
        left.unlink(missing_ok=True)  # what lived only while the hub did, the last time
    end = look_at_end(paths)
    REGISTER.prepare(str(paths.register))
    write_down(paths, end, now)  # at once: what follows may fail, and at the next start nothing shows it any more
    register = REGISTER.open_register(str(paths.register))
    try:
        merge(register, Revocations(paths.keys).all(), now)  # what was revoked, and then the power went
    finally:
        register.close()
    STREAM.open(str(paths.events), settings.partitions).close()
    STREAM.open(str(paths.found), 1).close()
    forgotten(paths, end, now)
    authority = open_authority(paths.keys, settings.ods)
    names = server_names()
    if server_is_due(authority, paths.keys, names, now):
        authority.issue_server(paths.keys, names, now)


def server_names() -> tuple[str, ...]:
    """Return the names that devices may know this machine by."""
    return tuple(dict.fromkeys((socket.gethostname(), socket.getfqdn())))


def workers_wanted(settings: Settings) -> int:
    """Return how many workers share the partitions: one a core, the gate and the keeper taken as one."""
    return max(1, min(settings.partitions, (os.cpu_count() or 1) - 1))


def jobs(paths: Paths, workers: int) -> list[Job]:
    """Return the hub's processes in the order in which they are to be ended: who takes in first, who keeps last.

    All are forks. The keeper's imports the store's library by itself: it is large, and no other needs it.
    """
    where = (str(paths.data.resolve()), str(paths.keys.resolve()))
    keeper = ("carecordon.hub.keeper", where[0])

    def job(name: str, command: str, *rest: str, module: str | None = None, slowness: int = 0) -> Job:
        words = (command, *where, *rest)
        module = module or _main_of(command)
        return Job(name, (sys.executable, "-m", *words), partial(_do, module, words), (module,), slowness)

    return [
        replace(job(GATE, "carecordon.hub.gate", slowness=-1), waits_s=GATE_WAITS_S),
        *(job(f"worker-{one}", "carecordon.hub.worker", str(one), str(workers), slowness=2) for one in range(workers)),
        job(TRIAGE, "carecordon.hub.triage", slowness=3),
        job(CARRY, "carecordon.hub.carry"),
        job(API, CONSOLE, module=CONSOLE),
        Job(KEEPER, (sys.executable, "-m", *keeper), partial(_do, _main_of(keeper[0]), keeper), slowness=4),
    ]


def _main_of(command: str) -> str:
    """Return the module that has the main of `python -m` with this package."""
    return f"{command}.{command.rpartition('.')[2]}"


def _do(module: str, words: tuple[str, ...]) -> int | None:
    """Do in this process what `python -m` with these words does; `module` has its main."""
    sys.argv = [*words]
    done: int | None = import_module(module).main()
    return done
