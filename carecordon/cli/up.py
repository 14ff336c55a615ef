"""`carecordon up`: a whole hub in one command, in the foreground, until it is told to end."""

from __future__ import annotations

import os
import pwd
import signal
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import typer

from carecordon.cli.options import STOPPED, USAGE, say
from carecordon.cli.places import DATA, KEYS, data_option, options
from carecordon.hub.config import Paths, Settings, read_settings
from carecordon.hub.crew import READY, Roll
from carecordon.hub.founding import Wishes, admin_of, check_empty, code_of, found, title_of
from carecordon.hub.lock import lock, lock_keys
from carecordon.hub.main import Supervisor
from carecordon.hub.start import jobs, prepare, workers_wanted
from carecordon.hub.trust.authority import CA_KEY
from carecordon.model.errors import TheirFault

LOOK_S = 0.5
MAKE = "carecordon hub init --ods CODE --name 'THE ORGANISATION' --admin 'YOUR NAME'"


def up(
    *,
    data: Path = DATA,
    keys: Path = KEYS,
    workers: int = typer.Option(0, min=0, help="Worker processes; 0: as many as there are cores to spare."),
) -> None:
    """Run the hub: gate, workers, keeper, triage, notices and API. Ctrl-C ends it, and nothing is lost."""
    paths = Paths(data, keys)
    with ExitStack() as held:
        try:
            settings = _settings(paths)
            held.enter_context(lock(paths))
            held.enter_context(lock_keys(paths.keys / CA_KEY))
            prepare(paths, settings, time.time_ns())
        except TheirFault as fault:
            say(str(fault))
            raise typer.Exit(USAGE) from fault
        except OSError as fault:
            say(f"{paths.data}: the hub cannot start: {fault}; look at the disk and at who owns it, and start it again")
            raise typer.Exit(USAGE) from fault
        run(paths, settings, workers or workers_wanted(settings))


def run(paths: Paths, settings: Settings, workers: int) -> None:
    """Run the processes until somebody asks for an end."""
    wanted = jobs(paths, workers)
    roll = Roll(paths.run, [job.name for job in wanted])
    supervisor = Supervisor(wanted, paths.logs, partial(_tell, roll))
    stopping: list[int] = []
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda one, _: stopping.append(one))
    began = time.monotonic()
    supervisor.start()
    was_ready = False
    while not stopping:
        supervisor.look(LOOK_S)
        if supervisor.is_ready and not was_ready:
            was_ready = True
            _greet(paths, settings, time.monotonic() - began)
    say("ending: what was acknowledged is on disk")
    supervisor.stop()


def _settings(paths: Paths) -> Settings:
    """Return the hub's settings; where there is no hub yet, ask for what it needs, or say how to make one."""
    if not paths.settings.exists():
        check_empty(paths)
        if not sys.stdin.isatty():
            raise TheirFault(
                f"{paths.data}: there is no hub here, and no terminal to ask who it is for; "
                f"make one, as {_user()}, with `{MAKE}{options(paths)}`"
            )
        try:
            wishes = _wishes(paths)
        except (typer.Abort, KeyboardInterrupt):
            say(f"no hub was made; answer the questions, or use `{MAKE}{options(paths)}`")
            raise typer.Exit(STOPPED) from None
        made = found(paths, wishes, time.time_ns())
        say(f"Your token, shown once; keep it like a password: {made.token}")
    return read_settings(paths.settings)


def _wishes(paths: Paths) -> Wishes:
    say(f"There is no hub in {paths.data} yet. Three questions, and it is made.")
    return Wishes(
        _asked("The organisation's ODS code (three to ten letters and digits)", code_of),
        _asked("Its name", title_of),
        _asked("Your own name, the first administrator's", admin_of),
    )


def _asked(question: str, taken: Callable[[str], str]) -> str:
    """Return an answer that can be taken; what is wrong with one that cannot is said, and it is asked again."""
    while True:
        answer = typer.prompt(question, err=True)
        try:
            return taken(answer)
        except TheirFault as fault:
            say(str(fault))


def _user() -> str:
    number = os.geteuid()
    try:
        return f"the user {pwd.getpwuid(number).pw_name}"
    except KeyError:  # a container's
        return f"the user of number {number}"


def _greet(paths: Paths, settings: Settings, seconds: float) -> None:
    listen = settings.listen
    say(f"{settings.name} ({settings.ods}): ready after {seconds:.1f} s")
    say(f"devices  {listen.host}:{listen.devices}, enrolment {listen.host}:{listen.enrol}")
    say(f"API      http://{listen.api_host}:{listen.api}/api/v1/ (its description: /api/v1/openapi.json)")
    say(f"look at  carecordon hub watch{data_option(paths)}")
    say(f"a device carecordon hub enrol-token{data_option(paths)}")
    say(f"or logs  carecordon hub enrol-token --forwarder{data_option(paths)}, then carecordon send")


def _tell(roll: Roll, name: str, what: str) -> None:
    roll.tell(name, what)
    if what != READY:
        say(f"{name} {what}")
