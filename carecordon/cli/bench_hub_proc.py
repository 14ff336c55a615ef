"""What Linux says of processes: the time that they used, and their memory. Source: proc(5)."""

from __future__ import annotations

import os
from pathlib import Path
from typing import NamedTuple

PROC = Path("/proc")
TICKS = os.sysconf("SC_CLK_TCK")
PAGE = os.sysconf("SC_PAGE_SIZE")
KIB = 1024
_BUSY = (0, 1, 2, 5, 6)
"""user, nice, system, irq, softirq: the columns of /proc/stat in which somebody works."""


class Used(NamedTuple):
    """Of one process: seconds of all its threads, and bytes in memory."""

    cpu_s: float
    rss: int


def used(pid: int) -> Used | None:
    """Return what a process has used; None where there is none."""
    try:
        fields = (PROC / str(pid) / "stat").read_text("utf-8", "replace").rpartition(")")[2].split()
    except OSError:
        return None
    return Used((int(fields[11]) + int(fields[12])) / TICKS, int(fields[21]) * PAGE)


def own(pid: int) -> int:
    """Return a process's share of the memory that it has alone or with others; 0 where there is none.

    The system walks all its pages for that, and it waits meanwhile: not to be asked often.
    """
    try:
        lines = (PROC / str(pid) / "smaps_rollup").read_text().splitlines()[1:]
    except OSError:
        return 0
    return dict(map(_line, lines)).get("Pss", 0)


def machine_s() -> float:
    """Return how many seconds all processes of this machine have used since it started."""
    fields = (PROC / "stat").read_text().splitlines()[0].split()[1:]
    return sum(int(fields[column]) for column in _BUSY) / TICKS


def _line(text: str) -> tuple[str, int]:
    name, _, value = text.partition(":")
    return name, int(value.split()[0]) * KIB
