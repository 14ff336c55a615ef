"""The bench of whole scans: what is fed, counted and watched is what it says; no figure is judged here."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from pathlib import Path
from typing import IO

import pytest
import zstandard

from carecordon.bench import scan
from carecordon.bench.scan import Job, Run

LINE = b'{"Channel":"Microsoft-Windows-Sysmon/Operational","EventID":1,"Image":"whoami.exe"}\n'
RULE = """\
title: Whoami run
id: 11111111-0000-4000-8000-000000000001
logsource: {product: windows, category: process_creation}
detection:
    sel: {Image: whoami.exe}
    condition: sel
"""


@pytest.fixture
def lines(tmp_path: Path) -> Path:
    path = tmp_path / "lines.jsonl"
    path.write_bytes(LINE * 50)
    return path


@pytest.fixture
def job(tmp_path: Path) -> Job:
    (tmp_path / "rule.yml").write_text(RULE)
    return Job([tmp_path / "rule.yml"], tmp_path / "cache")


def feed_seven(pipe: IO[bytes]) -> None:
    pipe.write(LINE * 7)


def test_a_run_counts_events_of_files_and_of_what_is_fed(job: Job, lines: Path) -> None:
    run = job.scan([lines, lines], 1)
    assert run.events == 100
    assert run.seconds > 0
    assert (run.rss_bytes > 0) is Path("/proc/self/statm").exists()
    assert job.scan([], 2, feed_seven).events == 7


def test_whole_lines_are_fed_until_the_size_is_reached(lines: Path) -> None:
    pipe = io.BytesIO()
    fed = scan._fed(pipe, lines, 3 * 50 * len(LINE) + 1)
    assert fed == len(pipe.getvalue()) == 4 * 50 * len(LINE)
    assert pipe.getvalue() == LINE * 200


def test_a_scan_that_did_not_end_measures_nothing() -> None:
    for text in (b"", b'{"type":"begin"}\n', b'{"type":"summary","events_read":1,"partial":true}\n'):
        with pytest.raises(ValueError, match="did not come to its end"):
            scan._events(io.BytesIO(text))
    assert scan._events(io.BytesIO(b'{"type":"x"}\n{"type":"summary","events_read":9,"partial":false}\n')) == 9


def test_copies_and_unpacking_give_the_same_bytes(tmp_path: Path, lines: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "x.evtx").write_bytes(b"log")
    copied = scan._copied(tmp_path / "a", tmp_path / "b", 3)
    assert [path.read_bytes() for path in copied.rglob("*.evtx")] == [b"log"] * 3
    packed = tmp_path / "lines.jsonl.zst"
    packed.write_bytes(zstandard.compress(lines.read_bytes()))
    assert scan._unpacked(packed, tmp_path / "plain").read_bytes() == lines.read_bytes()
    assert scan._unpacked(lines, tmp_path / "other") == lines


def test_a_rate_is_the_difference_of_two_sizes_and_runs_take_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    seconds = {("small", 1): [5, 3, 4], ("small", 2): [3, 3, 2], ("big", 1): [14, 13, 15], ("big", 2): [9, 7, 8]}
    asked: list[tuple[str, int]] = []

    def scan_made_up(_job: Job, paths: list[Path], cores: int) -> Run:
        asked.append((str(paths[0]), cores))
        took = seconds[asked[-1]][asked.count(asked[-1]) - 1]
        return Run(took, 100 if asked[-1][0] == "small" else 1_100, 0)

    monkeypatch.setattr(scan, "RUNS", 3)
    monkeypatch.setattr(Job, "scan", scan_made_up)
    found = scan._rates("x", [[Path("small")], [Path("big")]], Job([], Path()))
    assert found == {"x_events_per_s": 100, "x_cores_2_events_per_s": 200, "x_cores_2_speedup": 2}
    assert asked == [("small", 1), ("small", 2), ("big", 1), ("big", 2)] * 3


@pytest.mark.parametrize("big", [Run(2, 0, 0), Run(1, 10, 0)])
def test_too_little_to_measure_is_told(big: Run) -> None:
    with pytest.raises(ValueError, match="evtx: too few events"):
        scan._per_second("evtx", Run(1, 0, 0), big)


def test_the_command_tells_what_is_wrong_in_one_line(tmp_path: Path, job: Job) -> None:
    (tmp_path / "evtx").mkdir()
    command = [sys.executable, "-m", "carecordon", "bench", "scan", "--json", "--evtx", str(tmp_path / "evtx")]
    command += ["--lines", str(tmp_path / "gone"), "--rules", str(job.rules[0])]
    done = subprocess.run(command, capture_output=True, check=False)
    assert (done.returncode, done.stdout, done.stderr.count(b"\n")) == (2, b"", 1)


def test_memory_is_told_for_a_small_and_a_big_input(job: Job, lines: Path) -> None:
    found = scan._memory(lines, 9_000, job)
    assert json.loads(json.dumps(found)).keys() == {
        "small_input_bytes", "rss_small_bytes", "big_input_bytes", "rss_big_bytes",
    }  # fmt: skip
    assert found["big_input_bytes"] >= 9_000
