"""What `carecordon send --follow` reads: files of JSON lines, as they are written."""

from __future__ import annotations

import asyncio
import stat
from collections.abc import AsyncIterator, Iterable, Iterator
from pathlib import Path

from carecordon.agent.fill import Fresh
from carecordon.agent.follow import FEED, Follower, Lines
from carecordon.agent.positions import Place, Positions
from carecordon.cli.options import fail
from carecordon.cli.sending import Report, join, next_of, read_block
from carecordon.model.batch import Rows
from carecordon.model.block import Bad
from carecordon.model.event import LogSource
from carecordon.model.feed import HEAD_BYTES
from carecordon.pipeline import journey
from carecordon.pipeline.ingest.feeds import sniff
from carecordon.scan.walk import STDIN, os_reason, special_kind

IDLE_S = 0.2
"""A file that is followed is looked at so often."""


async def following(
    paths: Iterable[str], bound: LogSource | None, positions: Positions, report: Report, stop: asyncio.Event
) -> AsyncIterator[Fresh]:
    """Yield the events of files as they are written, until `stop`."""
    tails = [_Tail(path, bound, positions, report) for path in {_place(path): path for path in paths}.values()]
    try:
        while not stop.is_set():
            is_idle = True
            for tail in tails:
                pieces = tail.pieces()
                while not stop.is_set() and (fresh := await asyncio.to_thread(next_of, pieces)) is not None:
                    is_idle = False
                    yield fresh
            if is_idle:
                await _pause(stop)
    finally:
        for tail in tails:
            tail.close()


async def _pause(stop: asyncio.Event) -> None:
    try:
        async with asyncio.timeout(IDLE_S):
            await stop.wait()
    except TimeoutError:
        return


def _place(path: str) -> Path:
    """Return where a path is, by its own name: should that be a link, it may lead elsewhere tomorrow."""
    return Path(path).parent.resolve() / Path(path).name


class _Tail:
    """One file that is followed."""

    def __init__(self, path: str, bound: LogSource | None, positions: Positions, report: Report) -> None:
        """Go on where it was left."""
        self._path, self._report = path, report
        self._key = f"follow:{_place(path)}"
        self._follower = Follower(Path(path), positions.at(self._key))
        self._state = journey.reading_only(bound)
        self._trouble = ""
        report.found += 1
        report.files += 1

    def pieces(self) -> Iterator[Fresh]:
        """Yield what has come since the last call."""
        try:
            for some in self._follower.read():
                if isinstance(some, Bad):
                    self._report.bad_record(self._path, some, 0)
                else:
                    yield self._fresh(some)
            self._trouble = ""
        except OSError as fault:
            if self._trouble != (reason := os_reason(fault)):  # told once, and tried again
                self._report.fault(self._path, reason)
                self._trouble = reason

    def close(self) -> None:
        """Let go of the file."""
        self._follower.close()

    def _fresh(self, lines: Lines) -> Fresh:
        rows = Rows()
        for some in read_block(self._state, lines.block, self._path, lines.first, self._report):
            if isinstance(some, Rows):
                join(rows, some)
        return Fresh(rows, Place(self._key, lines.mark))


def check_followed(paths: list[str]) -> None:
    """End with status 2 where these cannot be followed."""
    if STDIN in paths and len(paths) > 1:
        fail(
            "--follow -: standard input is followed alone; follow the files by another call, with a --state of its own"
        )
    for path in paths:
        if path != STDIN:
            _check_followed(path)


def _check_followed(path: str) -> None:
    try:
        mode = Path(path).stat().st_mode
        if stat.S_ISDIR(mode):
            fail(f"--follow {path}: it is a folder; name the files in it that are written")
        if not stat.S_ISREG(mode):
            fail(
                f"--follow {path}: it is no file but a {special_kind(mode)}; read it with `carecordon send - < {path}`"
            )
        with Path(path).open("rb") as file:
            head = file.read(HEAD_BYTES)
    except FileNotFoundError:
        return  # it may come yet
    except OSError as fault:
        fail(f"--follow {path}: {os_reason(fault)}")
    if b"\0" in head[:4]:
        fail(f"--follow {path}: it is no UTF-8 but UTF-16: let its writer write UTF-8, or send it without --follow")
    feed = sniff(head) if head else None
    if head.strip() and (feed is None or feed.name != FEED) and b"\n" in head:
        fail(f"--follow {path}: this is no file of JSON lines, one object a line; send it without --follow")
