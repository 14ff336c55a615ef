"""Progress is shown on a terminal and nowhere else."""

from __future__ import annotations

import io

from rich.console import Console

from carecordon.cli.progress import ScanProgress


def shown(size_bytes: int | None, *, terminal: bool) -> str:
    out = io.StringIO()
    console = Console(file=out, force_terminal=terminal, width=120, _environ={"TERM": "xterm"})
    with ScanProgress(console, 3, size_bytes) as progress:
        progress.say("reading")
        progress.advance(size_bytes=500, files=1, events=10)
        progress.advance(size_bytes=250, files=1, events=10, matches=1204)
    return out.getvalue()


def test_a_terminal_shows_how_far_it_is() -> None:
    text = shown(1000, terminal=True)
    assert "reading" in text
    assert "75 %, 2 of 3 files" in text
    assert "1,204 matches" in text


def test_of_a_pipe_nobody_knows_how_long_it_is() -> None:
    text = shown(None, terminal=True)
    assert "2 of 3 files" in text
    assert "%" not in text


def test_without_a_terminal_nothing_is_said() -> None:
    assert shown(1000, terminal=False) == ""
