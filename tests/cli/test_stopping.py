"""Stopped by hand, or left by its reader, a scan says what it found and ends without noise."""

from __future__ import annotations

import array
import fcntl
import hashlib
import json
import os
import pty
import select
import signal
import subprocess
import sys
import termios
from pathlib import Path
from typing import Any, NoReturn

import pytest

from carecordon.model.ports import NoCache
from carecordon.pipeline.detect.disk.rulebook import read_rulebook
from carecordon.scan.run import STOPPING, Scan
from carecordon.scan.stop import Stop
from carecordon.scan.worker import Setup
from tests.cli.calling import Call, Done, jsonl, process, put, start, whoami


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch, cache: Path) -> None:
    monkeypatch.setenv("CARECORDON_CACHE", str(cache))
    monkeypatch.setenv("COLUMNS", "120")


def stopped(rules: Path, *args: object) -> Done:
    """Return what a scan says that is stopped while standard input keeps it waiting."""
    more = ("--no-own-rules", "--rules", rules, "--stdin", *args)
    with start("scan", *more, stdin=subprocess.PIPE) as running:
        assert running.stdin
        assert running.stdout
        assert running.stderr
        running.stdin.write(jsonl([whoami(1), process(2), whoami(3)]))
        running.stdin.flush()
        wait_until_all_is_read(running)
        running.send_signal(signal.SIGINT)
        out, err = running.stdout.read(), running.stderr.read()
        running.stdin.close()
    return Done(running.returncode, out, err.decode())


def wait_until_all_is_read(running: subprocess.Popen[bytes]) -> None:
    """Wait until the pipe is empty: its reader has come to wait for more."""
    assert running.stdin
    left = array.array("i", [1])
    while left[0] and running.poll() is None:
        fcntl.ioctl(running.stdin, termios.FIONREAD, left)
        os.sched_yield()


@pytest.mark.usefixtures("environment")
@pytest.mark.parametrize("cores", [1, 2])
def test_stopped_by_hand_it_tells_what_it_found_so_far(rules: Path, cores: int) -> None:
    done = stopped(rules, "--json", "--cores", cores)
    assert (done.status, done.err) == (130, "")
    assert [match[2] for match in done.matches] == [1, 3]
    assert (done.summary["partial"], done.summary["events_read"], done.summary["files_failed"]) == (True, 3, 0)
    content = jsonl([whoami(1), process(2), whoami(3)])
    read = (hashlib.sha256(content).hexdigest(), len(content), 3)
    assert [(line["sha256"], line["size"], line["records"]) for line in done.of("input")] == [read]
    (cut,) = (line for line in done.of("unseen") if line["kind"] == "file")
    assert cut["file"] == "stdin"
    assert cut["reason"].startswith("not read to its end")
    absent = [line["reason"] for line in done.of("unseen") if line["kind"] == "logsource"]
    assert not [reason for reason in absent if "process_creation" in reason]


@pytest.mark.usefixtures("environment")
def test_a_partial_page_says_so_first_and_last(rules: Path) -> None:
    done = stopped(rules)
    lines = done.text.splitlines()
    assert done.status == 130
    assert lines[0].startswith("PARTIAL RESULT: the scan was stopped before it had read everything.")
    assert lines[-1] == lines[0]
    assert "Whoami run" in done.text


@pytest.mark.usefixtures("environment")
@pytest.mark.parametrize("command", ["scan", "scan --json", "rules list"])
def test_a_reader_that_goes_away_is_no_fault(tmp_path: Path, command: str) -> None:
    path = put(tmp_path / "a.jsonl", *(whoami(second, CommandLine="x" * 3000) for second in range(60)))
    rule = tmp_path / "many.yml"
    rule.write_text("---\n".join(rule_text(number) for number in range(500)))
    args: list[Any] = [*command.split(), "--no-own-rules", "--rules", rule]
    with start(*args, *([path] if args[0] == "scan" else []), stdin=subprocess.DEVNULL) as running:
        assert running.stdout
        assert running.stderr
        first = running.stdout.readline()
        running.stdout.close()
        err = running.stderr.read()
    assert first
    assert (running.returncode, err) == (141, b"")


@pytest.mark.usefixtures("environment")
@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a disk that is full")
@pytest.mark.parametrize("command", ["scan", "scan --json", "rules list", "rules check", "rules coverage", "--version"])
@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_a_full_disk_is_no_defect_of_ours(
    rules: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: str, unbuffered: str
) -> None:
    monkeypatch.setenv("PYTHONUNBUFFERED", unbuffered)
    path = put(tmp_path / "a.jsonl", *(whoami(second) for second in range(60)))
    own: list[Any] = ["--no-own-rules", "--rules", rules]
    more: list[Any] = {"rules check": [rules], "rules list": own, "--version": []}.get(command, [path, *own])
    words = [sys.executable, "-m", "carecordon", *command.split(), *map(str, more)]
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(words, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    told = "standard output cannot be written: No space left on device; what is in it is not all"
    assert (done.returncode, done.stderr) == (3, f"carecordon: {told}\n")


@pytest.mark.skipif(os.name == "nt", reason="needs a shell that can close it")
@pytest.mark.usefixtures("environment")
@pytest.mark.parametrize("command", ["scan", "scan --json", "rules list"])
def test_standard_output_that_is_closed_from_the_start_is_read_by_nobody(
    tmp_path: Path, rules: Path, command: str
) -> None:
    path = [str(put(tmp_path / "a.jsonl", whoami()))] if command.startswith("scan") else []
    words = [sys.executable, "-m", "carecordon", *command.split(), "--no-own-rules", "--rules", str(rules), *path]
    shell = ["/bin/sh", "-c", 'exec "$@" >&-', "sh", *words]
    done = subprocess.run(shell, stderr=subprocess.PIPE, text=True, check=False)
    assert (done.returncode, done.stderr) == (1 if path else 0, "")


def rule_text(number: int) -> str:
    return (
        f"title: Rule {number} of very many\nid: 11111111-0000-4000-8000-{number:012}\n"
        "logsource: {product: windows, category: process_creation}\n"
        "detection:\n    sel: {Image|endswith: '\\whoami.exe'}\n    condition: sel\nlevel: high\n"
    )


@pytest.mark.usefixtures("environment")
def test_the_spreadsheet_is_whole_where_the_reader_goes_away(rules: Path, tmp_path: Path) -> None:
    path = put(tmp_path / "a.jsonl", *(whoami(second) for second in range(60)))
    more = ("--no-own-rules", "--rules", rules, "--csv", tmp_path / "out.csv")
    with start("scan", path, *more, stdin=subprocess.DEVNULL) as running:
        assert running.stdout
        running.stdout.close()
    assert (tmp_path / "out.csv").read_bytes().count(b'"match"') == 60


def test_nothing_is_said_on_standard_error_where_no_terminal_is(scan: Call, tmp_path: Path) -> None:
    path = put(tmp_path / "a.jsonl", whoami())
    assert (scan(path).err, scan(path, "--json").err) == ("", "")


@pytest.mark.usefixtures("environment")
def test_the_command_is_a_program_of_its_own(rules: Path, tmp_path: Path) -> None:
    path = put(tmp_path / "a.jsonl", whoami())
    with start("scan", path, "--json", "--no-own-rules", "--rules", rules, stdin=subprocess.DEVNULL) as running:
        out, err = running.communicate()
    assert (running.returncode, err) == (1, b"")
    assert [json.loads(line)["type"] for line in out.splitlines()].count("match") == 1


@pytest.mark.usefixtures("environment")
def test_a_terminal_shows_colour_progress_and_the_same_words(rules: Path, tmp_path: Path) -> None:
    path = put(tmp_path / "a.jsonl", whoami())
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "carecordon", "scan", str(path), "--no-own-rules", "--rules", str(rules)]
    terminal = {**os.environ, "TERM": "xterm-256color", "COLUMNS": "100"}
    with subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs, env=terminal) as running:
        os.close(theirs)
        shown = b""
        while piece := _read(ours):
            shown += piece
    os.close(ours)
    assert running.returncode == 1
    assert b"1 of 1 file, 1 match" in shown
    assert b"\x1b[1;31mWhoami run\x1b[0m" in shown


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 65_536)
    except OSError:  # how Linux tells that the other side is closed
        return b""


@pytest.mark.skipif(not hasattr(os, "pidfd_open"), reason="needs a way to wait for a process that is not ours: Linux")
@pytest.mark.usefixtures("environment")
def test_workers_do_not_outlive_a_scan_that_is_killed(rules: Path) -> None:
    more = ("--no-own-rules", "--rules", rules, "--stdin", "--cores", 3)
    with start("scan", *more, stdin=subprocess.PIPE) as running:
        assert running.stdin
        running.stdin.write(jsonl([whoami()]))
        running.stdin.flush()
        wait_until_all_is_read(running)
        children = Path(f"/proc/{running.pid}/task/{running.pid}/children").read_text().split()
        ends = [os.pidfd_open(int(child)) for child in children]
        running.kill()
    assert len(ends) == 2
    for end in ends:
        assert select.select([end], [], [], 30)[0]
        os.close(end)


def stop(*_: object, **__: object) -> NoReturn:
    raise KeyboardInterrupt


def test_a_scan_that_is_stopped_before_it_reads_says_so(
    scan: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("carecordon.cli.scan.read_rulebook", stop)
    done = scan(put(tmp_path / "a.jsonl", whoami()), "--json")
    assert (done.status, done.out) == (130, b"")
    assert done.err == "carecordon: stopped before anything was read\n"


def test_a_scan_that_is_stopped_twice_says_that_it_tells_nothing(
    scan: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("carecordon.cli.scan.Scan.run", stop)
    done = scan(put(tmp_path / "a.jsonl", whoami()))
    assert (done.status, done.out) == (130, b"")
    assert done.err == "carecordon: stopped twice: what was found is not told\n"


def test_who_stops_a_scan_hears_that_it_is_heard(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []

    def read(_scan: Scan, _paths: object, asked: Stop) -> None:
        asked.is_asked = True

    monkeypatch.setattr(Scan, "_read", read)
    run = Scan(Setup(read_rulebook([], NoCache(), {}, own=False).rules, NoCache()), ("scan",), on_stage=said.append)
    assert run.run([str(tmp_path)]).closing.summary.partial
    assert said == [STOPPING]
