"""Why a process ended stands in what the supervisor tells, not only in a log."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from carecordon.hub.last_words import CHARS, TAIL_BYTES, last_words
from carecordon.hub.main import Job, Supervisor


def record(**fields: object) -> str:
    return json.dumps(fields)


@pytest.mark.parametrize(
    ("lines", "why"),
    [
        ([], ""),
        ([record(event="cannot serve", level="error", why="the port is taken")], "the port is taken"),
        ([record(event="out of breath", level="critical")], "out of breath"),
        ([record(event="cannot serve", level="error", why="x"), record(event="ready", level="info")], ""),
        (["Traceback (most recent call last):", "  File x", "MemoryError", "", ""], "MemoryError"),
        (["[1, 2]"], "[1, 2]"),
        (["x" * 1_000], "x" * CHARS + "…"),
        (["a" * TAIL_BYTES, "the end"], "the end"),
    ],
)
def test_the_last_line_says_why(tmp_path: Path, lines: list[str], why: str) -> None:
    path = tmp_path / "a.log"
    path.write_text("\n".join(lines), "utf-8")
    assert last_words(path, 0) == why


def test_what_was_said_in_a_former_life_is_not_meant(tmp_path: Path) -> None:
    path = tmp_path / "a.log"
    path.write_text("MemoryError\n", "utf-8")
    assert last_words(path, path.stat().st_size) == ""
    assert last_words(path, 10_000) == "MemoryError", "the log was begun anew meanwhile"
    assert last_words(tmp_path / "none", 0) == ""


def test_the_supervisor_tells_it(tmp_path: Path) -> None:
    told: list[str] = []
    jobs = [Job("api", (sys.executable, "-c", "raise SystemExit('the port is taken')"))]
    supervisor = Supervisor(jobs, tmp_path, lambda _, what: told.append(what))
    supervisor.start()
    try:
        while not told:
            supervisor.look(0.05)
    finally:
        supervisor.stop()
    words = f"ended with status 1: the port is taken; it is started again (its words: {tmp_path}/api.log)"
    assert told[0] == words
