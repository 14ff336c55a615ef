"""`carecordon rules` at a real terminal: whatever rules and file names hold, nothing of it steers the terminal."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.cli.calling import Call, jsonl, process

STEERS = "\x1b]0;x\x07\x1b[2J\x9b31m\x7f\x00\x85\u202e\u2066\u200f\u2028\u00ad"
"""Escapes, C0, C1, DEL, a change of direction, a line end of another kind, a hyphen that is not seen."""
WRITTEN = json.dumps(STEERS)[1:-1]
LOADED = f"""\
title: "Bad {WRITTEN}"
id: 11111111-0000-4000-8000-00000000000a
logsource: {{product: windows, category: process_creation}}
detection:
    sel: {{Image|endswith: "x{WRITTEN}"}}
    condition: sel
level: high
---
title: "Dormant {WRITTEN}"
id: 11111111-0000-4000-8000-00000000000b
logsource: {{product: "plan9{WRITTEN}", category: "x{WRITTEN}"}}
detection:
    sel: {{Image: a}}
    condition: sel
---
title: "Refused {WRITTEN}"
id: 11111111-0000-4000-8000-00000000000c
logsource: {{product: windows, category: process_creation}}
detection:
    sel: {{"Image|no{WRITTEN}": x}}
    condition: sel
"""
END = "-- end --"
SEVERAL = f"""
import json, sys
from carecordon.cli.main import main
for call in json.loads(sys.argv[1]):
    sys.argv = ["carecordon", *call]
    try:
        main()
    except SystemExit:
        pass
    sys.stdout.flush()
    print({END!r}, flush=True)
"""
NAME = "r\x1b[31m\u202e\x85\udcff.yml"


@pytest.fixture
def bad(tmp_path: Path) -> Path:
    path = tmp_path / NAME
    path.write_text(LOADED)
    return path


def at_terminal(calls: Sequence[Sequence[str | Path]]) -> list[str]:
    """Return what each call of the command shows on one terminal, standard error with it."""
    ours, theirs = pty.openpty()
    program = [sys.executable, "-c", SEVERAL, json.dumps([["rules", *map(str, call)] for call in calls])]
    terminal = {**os.environ, "TERM": "dumb", "COLUMNS": "200"}
    with subprocess.Popen(program, stdin=theirs, stdout=theirs, stderr=theirs, env=terminal):
        os.close(theirs)
        shown = b""
        while piece := _read(ours):
            shown += piece
    os.close(ours)
    return shown.decode().replace("\r\n", "\n").split(f"{END}\n")[:-1]


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 65_536)
    except OSError:  # how Linux tells that the other side is closed
        return b""


@pytest.mark.parametrize("as_json", [False, True])
def test_nothing_in_a_rule_or_a_name_steers_the_terminal(bad: Path, tmp_path: Path, as_json: bool) -> None:
    events = tmp_path / f"e{NAME}.jsonl"
    events.write_bytes(jsonl([process(Image=f"C:\\x{STEERS}")]) + b"no JSON\n")
    rules: list[str | Path] = ["--no-own-rules", "--rules", bad]
    calls: list[list[str | Path]] = [
        ["list", *rules],
        ["check", bad],
        ["test", bad],
        ["coverage", events, *rules],
        ["noise", events, *rules],
    ]
    found = at_terminal([[*call, *(["--json"] if as_json else [])] for call in calls])
    assert len(found) == len(calls)
    for call, shown in zip(calls, found, strict=True):
        assert all(line.isprintable() for line in shown.split("\n")), ascii(shown)
        assert "\\u202e" in shown, f"{call[0]}: what was there is shown as what it is"
    if as_json:
        told = [json.loads(line) for shown in found for line in shown.splitlines() if line.startswith("{")]
        titles = [one["title"] for one in told if one.get("title")]
        assert titles.count(f"Bad {STEERS}") == 3, "JSON's own escapes say the same"


def test_a_program_gets_the_characters_themselves(call: Call, bad: Path) -> None:
    done = call("rules", "list", "--no-own-rules", "--rules", bad, "--json")
    assert "\u202e".encode() in done.out
    first = done.lines[0]
    assert first["title"] == f"Bad {STEERS}"
    assert first["file"].endswith("\\xff.yml"), "bytes that are no text are written so that they can be read"
