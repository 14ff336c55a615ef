"""Exit statuses: 2 wrong usage, 130 stopped, 3 part unreadable, 1 found, 0 clean; the first that applies."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NoReturn

import pytest

from carecordon.cli.shown import Counted, at_least
from carecordon.model.match import Level
from carecordon.scan import spool
from tests.cli.calling import REFUSED, Call, Event, connected, failed_logon, process, put, whoami, written
from tests.replacing import replace
from tests.report import outbreak
from tests.report.sample import TASK, match


@pytest.mark.parametrize(
    ("event", "status"),
    [(process(Image="notepad.exe"), 0), (written(), 0), (failed_logon(1), 1), (connected(), 1), (whoami(), 1)],
    ids=["nothing", "informational", "low", "no level is low", "high"],
)
def test_found_means_low_or_more(scan: Call, tmp_path: Path, event: Event, status: int) -> None:
    assert scan(put(tmp_path / "a.jsonl", event)).status == status


@pytest.mark.parametrize(
    ("level", "event", "status", "shown"),
    [
        ("informational", written(), 1, 1),
        ("low", written(), 0, 0),
        ("low", connected(), 1, 1),
        ("medium", failed_logon(1), 0, 0),
        ("high", whoami(), 1, 1),
        ("critical", whoami(), 0, 0),
    ],
)
def test_min_level_sets_what_is_shown_and_what_counts(
    scan: Call, tmp_path: Path, level: str, event: Event, status: int, shown: int
) -> None:
    done = scan(put(tmp_path / "a.jsonl", event), "--json", "--min-level", level)
    assert (done.status, len(done.of("match"))) == (status, shown)


def test_without_min_level_the_informational_is_shown_too(scan: Call, tmp_path: Path) -> None:
    done = scan(put(tmp_path / "a.jsonl", written()), "--json")
    assert (done.status, [line["level"] for line in done.of("match")]) == (0, ["informational"])


def test_min_level_leaves_out_incidents_below_it_too(scan: Call, tmp_path: Path) -> None:
    path = put(tmp_path / "a.jsonl", whoami(), failed_logon(1))
    every, high = scan(path, "--json"), scan(path, "--json", "--min-level", "high")
    assert [line["level"] for line in every.of("incident")] == ["high", "low"]
    assert [line["level"] for line in high.of("incident")] == ["high"]
    assert "1 incident on 1 device" in scan(path, "--brief", "--min-level", "high").text


def test_min_level_says_how_many_findings_it_hides(scan: Call, tmp_path: Path) -> None:
    path = put(tmp_path / "a.jsonl", whoami(), *(failed_logon(second) for second in range(3)))
    done = scan(path, "--json", "--min-level", "medium")
    assert (done.summary["min_level"], done.summary["findings_hidden"]) == ("medium", 3)
    text = scan(path, "--min-level", "critical").text
    assert "Nothing of level critical or above in 4 events; 5 findings below critical are not shown" in text
    every = scan(path, "--json").summary
    assert (every["min_level"], every["findings_hidden"]) == (None, 0)


def test_an_incident_counts_as_found_where_no_single_match_is_as_bad() -> None:
    result = replace(outbreak.result(), findings=[match(TASK, 0)])
    assert Counted(at_least(result, Level.HIGH)).highest == Level.CRITICAL.rank
    assert Counted(replace(result, cases=[])).highest == -1


def test_a_correlation_counts_as_found(scan: Call, tmp_path: Path) -> None:
    path = put(tmp_path / "a.jsonl", *(failed_logon(second) for second in range(3)))
    done = scan(path, "--json", "--min-level", "medium")
    assert (done.status, len(done.of("correlation")), len(done.of("match"))) == (1, 1, 0)


def test_unreadable_comes_before_found(scan: Call, tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    put(path, whoami())
    path.write_bytes(path.read_bytes() + b'{"Channel": "Secu\n')
    done = scan(path, "--json")
    assert done.status == 3
    assert (len(done.of("match")), done.summary["files_failed"], done.summary["events_skipped"]) == (1, 1, 1)


@pytest.mark.parametrize(
    "text", [REFUSED, "title: Other\nlogsource: {product: macos}\ndetection: {s: {a: b}, condition: s}\n"]
)
def test_where_no_rule_ran_nothing_is_called_clean(call: Call, tmp_path: Path, text: str) -> None:
    path, rule = put(tmp_path / "a.jsonl", whoami()), tmp_path / "r.yml"
    rule.write_text(text)
    done = call("scan", path, "--no-own-rules", "--rules", rule, "--html", tmp_path / "out.html")
    assert done.status == 3
    assert done.text.startswith("No rule ran on 1 event.\n")
    assert "all rules ran" not in done.text
    page = (tmp_path / "out.html").read_text()
    assert "No rule ran" in page
    assert "Nothing matched" not in done.text + page


def test_a_missing_file_is_input_that_could_not_be_read(scan: Call, tmp_path: Path) -> None:
    done = scan(put(tmp_path / "a.jsonl", whoami()), tmp_path / "gone.evtx", "--json")
    assert done.status == 3
    assert [(line["file"], line["reason"]) for line in done.of("unseen") if line["kind"] == "file"] == [
        (str(tmp_path / "gone.evtx"), "there is no such file or folder")
    ]


@pytest.mark.skipif(sys.platform == "win32" or os.geteuid() == 0, reason="needs a file that this user may not read")
def test_a_file_that_may_not_be_read_is_told(scan: Call, tmp_path: Path) -> None:
    path = put(tmp_path / "a.jsonl", whoami())
    path.chmod(0)
    assert scan(path).status == 3


@pytest.mark.parametrize("cores", [1, 2])
def test_without_room_for_what_is_found_it_tells_what_there_is(
    scan: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cores: int
) -> None:
    """Four blocks, of which the first fills the disk."""

    def full(**_: object) -> NoReturn:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(tempfile, "TemporaryFile", full)
    monkeypatch.setattr(spool, "RUN_BYTES", 1_000)
    filler = "x" * 900_000
    path = put(tmp_path / "a.jsonl", *(whoami(second, CommandLine=filler) for second in range(40)))
    done = scan(path, tmp_path, "--json", "--cores", cores)
    assert (done.status, done.err, done.summary["partial"]) == (3, "", True)
    positions = [position for _, _, position in done.matches]
    assert positions == list(range(1, len(positions) + 1))
    assert 0 < len(positions) < 40
    (told,) = (line for line in done.of("unseen") if line["file"] == tempfile.gettempdir())
    assert (told["kind"], told["count"]) == ("file", 1)
    assert "No space left on device" in told["reason"]


def test_a_named_file_that_cannot_be_read_has_a_line_of_its_own(scan: Call, tmp_path: Path) -> None:
    (tmp_path / "folder" / "empty").mkdir(parents=True)
    path = put(tmp_path / "b.jsonl", whoami())
    named = [tmp_path / "gone.evtx", path, tmp_path / "folder"]
    (tmp_path / "folder" / "nowhere").symlink_to("absent")
    done = scan(*named, "--json")
    nothing = dict.fromkeys(("sha256", "size", "records"))
    assert [line["file"] for line in done.of("input")] == [str(path), str(named[0])]
    assert done.of("input")[1] == {"type": "input", "file": str(named[0]), **nothing}
    assert done.summary["files_read"] == 1


def test_a_closed_standard_input_is_missed_only_where_it_is_asked_for(
    scan: Call, tmp_path: Path, cache: Path, rules: Path
) -> None:
    path = put(tmp_path / "a.jsonl", whoami())
    command = [sys.executable, "-m", "carecordon", "scan", str(path), "--json", "--no-own-rules", "--rules", str(rules)]
    assert scan(path).status == 1
    expected: list[tuple[list[str], int, list[str]]] = [([], 1, []), (["--stdin"], 3, ["standard input is closed"])]
    for more, status, reasons in expected:
        shell = ["sh", "-c", 'exec "$@" <&-', "sh", *command, *more]
        environment = {**os.environ, "CARECORDON_CACHE": str(cache)}
        done = subprocess.run(shell, capture_output=True, env=environment, check=False)
        lines = [json.loads(line) for line in done.stdout.splitlines()]
        assert (done.returncode, done.stderr) == (status, b"")
        assert [line["reason"] for line in lines if line["type"] == "unseen" and line["kind"] == "file"] == reasons


def test_wrong_usage_comes_before_all(scan: Call, tmp_path: Path) -> None:
    done = scan(put(tmp_path / "a.jsonl", whoami()), tmp_path / "gone.evtx", "--min-level", "worst")
    assert (done.status, done.out) == (2, b"")


WRONG = [
    (["scan"], "name at least one file or folder, or use --stdin"),
    (["scan", "x", "--bogus"], "No such option: --bogus (see carecordon scan --help)"),
    (["scan", "x", "--json", "--csv", "y"], "--json and --csv exclude each other: choose one"),
    (["scan", "x", "--cores", "0"], "'--cores'"),
    (
        ["scan", "x", "--min-level", "worst"],
        "'worst' is not one of 'informational', 'low', 'medium', 'high', 'critical'",
    ),
    (
        ["scan", "x", "--timezone", "Mars/North"],
        "--timezone 'Mars/North': no such time zone; name one like Europe/London",
    ),
    (["scan", "x", "--timezone", ""], "--timezone '': no such time zone"),
    (["scan", "x", "--timezone", "../UTC"], "no such time zone"),
    (["scan", "x", "--from", "yesterday"], "--from yesterday: not a time; write it like 2026-11-25T01:02:03Z"),
    (["scan", "x", "--to", "2026-13-01"], "--to 2026-13-01: not a time"),
    (["scan", "x", "--from", "2026-11-26", "--to", "2026-11-25"], "--from 2026-11-26 is later than --to 2026-11-25"),
    (["scan", "x", "--logsource", "linux"], "write it like product=linux,service=auditd"),
    (["scan", "x", "--logsource", "os=linux"], "write it like product=linux,service=auditd"),
    (
        ["scan", "x", "--no-own-rules"],
        "--no-own-rules leaves no rule to run: name others with --rules, or leave it out",
    ),
    (["rules", "list", "--no-own-rules"], "--no-own-rules leaves no rule to run"),
    (["rules", "coverage", "x", "--no-own-rules"], "--no-own-rules leaves no rule to run"),
    (["rules", "noise", "x", "--no-own-rules"], "--no-own-rules leaves no rule to run"),
    (["scan", "x", "--rules", "no/such"], "no/such: no such file or folder of rules"),
    (["scan", "x", "--values", "no/such"], "no/such: cannot be read as placeholder values"),
    (
        ["scan", "x", "--csv", "no/such/a.csv"],
        "--csv no/such/a.csv: cannot be written: No such file or directory; name a folder",
    ),
    (["rules", "chek"], "No such command 'chek'. Did you mean 'check'? (see carecordon rules --help)"),
    (["rules", "check"], "Missing argument 'PATH...' (see carecordon rules check --help)"),
    (["rules", "test", "no/such"], "no/such: no such file or folder of rules"),
    (["bench", "detect"], "Missing option '--events'"),
]


@pytest.mark.parametrize(("args", "told"), WRONG, ids=[" ".join(args) for args, _ in WRONG])
def test_wrong_usage_is_told_in_one_line(call: Call, args: list[str], told: str) -> None:
    done = call(*args)
    assert (done.status, done.out) == (2, b"")
    assert done.err.startswith("carecordon: ")
    assert told in done.err
    assert done.err.count("\n") == 1


def test_called_alone_it_shows_its_help(call: Call) -> None:
    done = call()
    assert done.status == 2
    assert "scan" in done.text
    assert done.err == ""


def test_a_name_in_a_message_cannot_drive_the_terminal(call: Call) -> None:
    done = call("scan", "x", "--rules", "no\x1b[2J\nsuch")
    assert done.err == "carecordon: no\\x1b[2J\\nsuch: no such file or folder of rules\n"
