"""The events in the store, held still for a backup: hard links to its parts, and copies of the little that changes.

Parts are never written again once they are there, so a link holds them whatever is merged or dropped since. The keeper
makes the links between two inserts, so the tokens that it remembers are those of the parts. What comes of it, under
`shadow/` of the store's own folder, is a store that a keeper opens.
Where no keeper runs, all that lies there is linked.
"""

from __future__ import annotations

import fcntl
import http.client
import os
import shutil
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

from carecordon.hub.config import Paths
from carecordon.hub.keeper.address import HOST, LOCK, Role, read_address
from carecordon.model.errors import TheirFault

NAME = "backup"
BUSY = "backup.lock"
"""Held while a backup is being taken."""
SHADOW = "shadow"
PATH = "/freeze"
OK = 200
FREEZE_S = 20.0
"""The whole hub waits meanwhile, and gives up after 30 s."""
_KEPT = frozenset({"metadata", "store"})
_TABLE, _PART = "format_version.txt", "checksums.txt"
"""The file that only a table's folder has, and the one that only a part's has."""
_TOKENS = "deduplication_logs"
_UNFINISHED = ("tmp_", "delete_tmp_")


def shadow_of(telemetry: Path) -> Path:
    """Return where the store is held still."""
    return telemetry / SHADOW / NAME


class FrozenStore:
    """The store of a hub, as a backup copies it."""

    def __init__(self, paths: Paths) -> None:
        """Do nothing yet."""
        self._paths = paths

    def freeze(self) -> Path:
        """Hold what is there now. Raises TheirFault where the keeper does not do it."""
        try:
            _ask(self._paths.run)
        except ConnectionError as fault:
            with _alone(self._paths, str(fault)):
                thaw(self._paths.telemetry)
                hold(self._paths.telemetry, with_parts=True)
        return shadow_of(self._paths.telemetry)

    def thaw(self) -> None:
        """Let go of what was held."""
        thaw(self._paths.telemetry)


def hold(telemetry: Path, *, with_parts: bool) -> None:
    """Copy everything but the parts to where the store is held still; `with_parts` links these too."""
    for folder, below, names in os.walk(telemetry):
        here = Path(folder)
        target = shadow_of(telemetry) / here.relative_to(telemetry)
        if here == telemetry:
            below[:] = [name for name in below if name in _KEPT]
            continue
        if _TABLE in names:
            below[:] = [name for name in below if name == _TOKENS or (with_parts and (here / name / _PART).exists())]
            below[:] = [name for name in below if not name.startswith(_UNFINISHED)]
        target.mkdir(mode=0o700, parents=True, exist_ok=True)
        for name in names:
            with suppress(FileNotFoundError):  # it was of a change that has just ended
                if _PART in names:
                    os.link(here / name, target / name)
                elif not (here / name).is_symlink():
                    shutil.copyfile(here / name, target / name)


def thaw(telemetry: Path) -> None:
    """Let go of what was held, if anything was."""
    shutil.rmtree(shadow_of(telemetry), ignore_errors=True)


def tidy(paths: Paths) -> None:
    """Let go of what a backup held that was cut off: links keep what is dropped or merged on the disk."""
    with (paths.data / BUSY).open("ab") as busy:
        try:
            fcntl.flock(busy, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return
        thaw(paths.telemetry)


def _ask(run: Path) -> None:
    """Have the keeper hold its parts. Raises ConnectionError where it does not answer, TheirFault where it cannot."""
    address = read_address(run)
    with closing(http.client.HTTPConnection(HOST, address.port, timeout=FREEZE_S)) as link:
        try:
            headers = {"X-ClickHouse-User": Role.WORKER.value, "X-ClickHouse-Key": address.worker}
            link.request("POST", PATH, b"", headers)
            answer = link.getresponse()
            text = answer.read(1_000).decode("utf-8", "replace")
        except (OSError, http.client.HTTPException) as fault:
            raise ConnectionError(f"the keeper does not answer: {fault}") from fault
    if answer.status != OK:
        raise TheirFault(f"the store of events cannot be held still: {text.strip()}")


@contextmanager
def _alone(paths: Paths, why: str) -> Iterator[None]:
    """Be the store's only owner. Raises TheirFault where a keeper is."""
    paths.run.mkdir(parents=True, exist_ok=True)
    with (paths.run / LOCK).open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as fault:
            raise TheirFault(f"the store of events starts or is busy ({why}): try again in a moment") from fault
        yield
