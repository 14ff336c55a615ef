"""`carecordon send`: real logs go to a hub over the real wire, from files, folders, standard input, or as they grow."""

from __future__ import annotations

import asyncio
import contextlib
import platform
import signal
import socket
import tempfile
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from random import SystemRandom
from typing import Annotated, NoReturn

import platformdirs
import typer
from rich.console import Console

from carecordon.agent.enrol import ENROL_PORT, NotEnrolled, enrol, mark_of, read_token
from carecordon.agent.fill import Fresh
from carecordon.agent.identity import Identity, open_identity
from carecordon.agent.run import Agent
from carecordon.agent.state import State, open_state
from carecordon.cli.options import CLEAN, STOPPED, UNREAD, LogSourceOption, bound_of, fail, say
from carecordon.cli.sending import Report, files, next_of
from carecordon.cli.sending_followed import check_followed, following
from carecordon.model.device import DeviceKind
from carecordon.model.errors import TheirFault
from carecordon.model.event import LogSource
from carecordon.scan.walk import STDIN

REFUSED = 4
LOOK_S = 0.1
TELL_S = 5.0
"""A connection that is lost for longer is told."""
_KEPT_BYTES = 16_384
"""More than a key, its certificate and what is known of the hub."""
_ANEW = "to enrol anew, name a new folder with --state and a new token with --token: files are read whole there"
LEAVE_S = 10.0
"""Who is stopped while it follows waits so long for the last receipts."""


class Stop(asyncio.Event):
    """Set when it is to end; `is_urgent`: that was said twice."""

    is_urgent = False

    def hear(self) -> None:
        """Take in one more wish to end."""
        self.is_urgent = self.is_set()
        self.set()


@dataclass(frozen=True, slots=True)
class Job:
    """What is asked for."""

    paths: list[str]
    bound: LogSource | None
    is_following: bool
    timeout_s: float

    @property
    def reads_stdin(self) -> bool:
        """Return whether standard input is among it: what was read of that cannot be read once more."""
        return STDIN in self.paths


def send(
    *,
    paths: Annotated[list[str], typer.Argument(metavar="PATH...", help="Event files, archives, folders; - for stdin.")],
    hub: Annotated[str, typer.Option(metavar="HOST[:PORT]", help="The hub, and its port for enrolment.")],
    token: Annotated[
        str | None,
        typer.Option(
            envvar="CARECORDON_TOKEN", help="Enrolment token, needed the first time: `hub enrol-token --forwarder`."
        ),
    ] = None,
    state: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Identity, undelivered events and positions are kept here.")
    ] = None,
    follow: Annotated[
        bool, typer.Option("--follow", help="Read JSON lines as they are written, until stopped; - until it ends.")
    ] = False,
    logsource: LogSourceOption = None,
    timeout: Annotated[float, typer.Option(min=1.0, help="Seconds without any progress before giving up.")] = 60.0,
) -> None:
    """Send the events in PATH... to a hub and wait until it has all of them on disk.

    What was sent before from the same state folder is not sent again; what was interrupted goes on where it stopped.
    JSON lines on standard input go out as they come.
    Exit status: 0 all acknowledged, 2 wrong usage, 3 part of the input unreadable, 4 the hub refused or cannot be
    reached, 130 stopped.
    """
    host, port = _address(hub)
    bound = bound_of(logsource)
    if follow:
        check_followed(paths)
    folder = state or Path(platformdirs.user_state_dir("carecordon", appauthor=False), "send", f"{host}-{port}")
    identity = _identity(folder, host, port, token, timeout)
    try:
        with open_state(folder, socket.gethostname()) as opened:
            status = asyncio.run(_send(Job(paths, bound, follow, timeout), identity, opened))
    except BlockingIOError:
        fail(f"--state {folder}: another `carecordon send` is using it; wait for it, or name another folder")
    except (OSError, TheirFault) as fault:
        fail(f"--state {folder}: {fault}")
    raise typer.Exit(status)


def _address(text: str) -> tuple[str, int]:
    """Return host and port as `HOST[:PORT]` or `[HOST]:PORT` writes them."""
    host, colon, port = text.rpartition(":")
    if not colon or text.endswith("]") or (":" in host and not host.startswith("[")):
        host, port = text, str(ENROL_PORT)
    if not host or not port.isascii() or not port.isdigit() or not 0 < int(port) < 65_536:
        fail(f"--hub {text}: write it like hub.example.org or hub.example.org:{ENROL_PORT}")
    return host.strip("[]"), int(port)


def _identity(folder: Path, host: str, port: int, token: str | None, timeout_s: float) -> Identity:
    """Return who we are to the hub; enrols the first time."""
    try:
        known = open_identity(folder)
        if known is not None:
            if token is not None and mark_of(read_token(token)) != known.hub.token:
                fail(
                    f"--token: {folder} is enrolled already, as device {known.hub.device}, with another token, and "
                    "would keep its old key: leave --token (or CARECORDON_TOKEN) out to go on as this device, or name "
                    "a new folder with --state to enrol anew"
                )
            return replace(known, hub=known.hub.at(host))
        if token is None:
            fail(
                f"--state {folder}: it is not enrolled yet: give --token, as `carecordon hub enrol-token --forwarder` "
                "prints it at the hub (without --forwarder for a device that sends nothing but its own logs)"
            )
        _check_kept(folder)
        name, system = socket.gethostname(), platform.platform()
        made = enrol(folder, host, port, read_token(token), name=name, system=system, timeout_s=timeout_s)
    except TheirFault as fault:
        fail(str(fault))
    except OSError as fault:
        fail(f"--state {folder}: {fault.strerror or fault}")
    if isinstance(made, NotEnrolled):
        _give_up(made.reason)
    say(f"enrolled with {host} as device {made.hub.device}")
    if made.hub.kind == DeviceKind.AGENT:
        say(
            "its token was made without --forwarder: all events are taken for this machine's own, whatever names stand "
            "in them, and no more a second than one has; to pass on those of other machines, enrol anew, with a new "
            "--state and a token made with --forwarder"
        )
    return made


def _check_kept(folder: Path) -> None:
    """See that what enrolling gives can be kept, before a token is used up for it. Raises OSError where it cannot."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with tempfile.TemporaryFile(dir=folder) as file:
        file.write(bytes(_KEPT_BYTES))
        file.flush()


def _give_up(reason: str) -> NoReturn:
    say(reason)
    raise typer.Exit(REFUSED)


async def _send(job: Job, identity: Identity, state: State) -> int:
    """Return the exit status when everything is acknowledged, or it is clear that it will not be."""
    report, stop = Report(), Stop()
    _on_signals(stop)
    agent = Agent(
        state.spool,
        identity,
        host=socket.gethostname(),
        system=platform.platform(),
        rng=SystemRandom(),
        positions=state.positions,
    )
    source = _source(job, state, report, stop)
    working = asyncio.ensure_future(agent.run(source, is_patient=True))
    watching = asyncio.ensure_future(_watch(job, agent, state, report, stop))
    try:
        await asyncio.wait({working, watching}, return_when=asyncio.FIRST_COMPLETED)
        if working.done():
            working.result()
        reason, was_stopped = None if working.done() else watching.result(), stop.is_set()
        if job.reads_stdin and not working.done():
            await _kept(agent, stop)
    finally:
        stop.set()  # whoever waits for standard input in a thread looks at it
        for task in (working, watching):
            task.cancel()
        await asyncio.gather(working, watching, return_exceptions=True)
    typer.echo(_summary(agent, state, report))
    if reason is not None:
        say(f"{reason}; {_ANEW if agent.standing.is_refused else _rest(job, state)}")
        return REFUSED
    if was_stopped and (not job.is_following or state.spool.pending):
        say(f"stopped; {_rest(job, state)}")
        return STOPPED
    return UNREAD if report.is_partial or agent.filler.unsendable_total else CLEAN


async def _kept(agent: Agent, stop: asyncio.Event) -> None:
    """Put on disk what was read of standard input."""
    stop.set()
    agent.hurry()
    try:
        await asyncio.wait_for(agent.filled(), LEAVE_S)
    except TimeoutError:
        say(f"{len(agent.filler):,} events that were read are lost: {agent.trouble or 'the input does not end'}")


def _rest(job: Job, state: State) -> str:
    """Return what becomes of the rest, and what to do."""
    if not job.reads_stdin:
        return "the same command goes on from here"
    waiting = state.spool.pending
    if not waiting:
        return "all that was read of standard input is sent"
    return f"{waiting:,} events wait on this disk and go with the next `carecordon send` of the same hub and --state"


async def _source(job: Job, state: State, report: Report, stop: asyncio.Event) -> AsyncIterator[Fresh]:
    """Yield the events asked for; each piece is read in a thread, so that the connection goes on meanwhile."""
    if job.is_following and not job.reads_stdin:
        async for fresh in following(job.paths, job.bound, state.positions, report, stop):
            yield fresh
        return
    pieces: Iterator[Fresh] = files(job.paths, job.bound, state.positions, report, stop.is_set)
    while (piece := await asyncio.to_thread(next_of, pieces)) is not None:
        yield piece


async def _watch(job: Job, agent: Agent, state: State, report: Report, stop: Stop) -> str | None:
    """Return why it is given up; None where it was stopped. Shows meanwhile how far it has come."""
    loop = asyncio.get_running_loop()
    moved, before, left, told = loop.time(), (-1, -1), None, ""
    seen = moved
    with contextlib.ExitStack() as stack:
        console = Console(stderr=True)
        line = stack.enter_context(console.status("connecting")) if console.is_terminal else None
        while True:
            await asyncio.sleep(LOOK_S)
            now, figures = loop.time(), (state.spool.acked_total, agent.filler.kept_total)
            standing = agent.standing
            is_content = standing.is_open and not agent.trouble and (not state.spool.pending or job.is_following)
            seen = now if is_content else seen
            if told != (trouble := _trouble(agent, now - seen > TELL_S)):
                say(f"{trouble}; it is tried again" if trouble else "it goes on")
                told = trouble
            if figures != before or is_content or (job.is_following and standing.sessions):
                moved, before = now, figures
            if line is not None:
                line.update(_progress(agent, state, report))
            if standing.is_refused and standing.last_end is not None:
                return f"the hub refused this device: {standing.last_end.reason}"
            if now - moved > job.timeout_s:
                why = _trouble(agent, True) or "the hub gives no receipt"
                return f"no progress for {job.timeout_s:.0f} s: {why}"
            if stop.is_set():
                if not (job.is_following or job.reads_stdin) or stop.is_urgent or (left and now - left > LEAVE_S):
                    return None
                if left is None:
                    left = now
                    agent.hurry()
                    if state.spool.pending:
                        say(f"stopping: the hub has {LEAVE_S:.0f} s for its last receipts; Ctrl-C again ends it now")


def _trouble(agent: Agent, is_long: bool) -> str:
    """Return why nothing goes on; a lost connection only where that has been so for long."""
    end = agent.standing.last_end
    if agent.trouble or not is_long or agent.standing.is_open or end is None:
        return agent.trouble or ""
    return end.reason


def _progress(agent: Agent, state: State, report: Report) -> str:
    link = "connected" if agent.standing.is_open else "not connected"
    trouble = f", {agent.trouble}" if agent.trouble else ""
    return (
        f"{link}: {agent.filler.kept_total:,} events read, {state.spool.acked_total:,} acknowledged, "
        f"{report.files:,} of {report.found:,} files{trouble}"
    )


def _summary(agent: Agent, state: State, report: Report) -> str:
    filler, spool = agent.filler, state.spool
    sent = f"{filler.kept_total:,} read now in {filler.batches_total:,} batches of {filler.bytes_total:,} bytes"
    unread = f"{report.already:,} sent before, {report.unread:,} not read"
    lost = f"{filler.unsendable_total:,} events too large to send, {spool.dropped_total:,} dropped"
    return (
        f"{spool.acked_total:,} events acknowledged ({sent}), {spool.pending:,} waiting\n"
        f"{report.files:,} files read, {unread}; {report.bad:,} bad records, {lost}"
    )


def _on_signals(stop: Stop) -> None:
    """Let the first signal stop in order."""
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        with contextlib.suppress(NotImplementedError, RuntimeError, ValueError):  # Windows, or a thread of a test
            loop.add_signal_handler(number, stop.hear)
