"""`carecordon exercise`: what it lists, what it writes, what it refuses, and that `scan` reads all of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from carecordon.exercise.scenarios import all_scenarios
from tests.cli.calling import Call


@pytest.fixture
def exercise(call: Call) -> Call:
    """Return the command `exercise`."""
    return lambda *args: call("exercise", *args)


SHORT = ("--from", "09:00", "--to", "09:20")


def test_list_names_every_scenario_with_its_steps(exercise: Call) -> None:
    done = exercise("list")
    for scenario in all_scenarios().values():
        assert f"{scenario.name}: {scenario.title}" in done.text
        assert all(step.what in done.text for step in scenario.steps)


@pytest.mark.parametrize("name", sorted(all_scenarios()))
def test_scan_reads_all_of_it(exercise: Call, scan: Call, tmp_path: Path, name: str) -> None:
    out = tmp_path / "x.jsonl.zst"
    assert exercise("write", name, "--out", out, "--seed", "2", *SHORT).status == 0
    done = scan(out, "--json")
    assert done.summary["events_read"] > 500
    assert done.summary["events_skipped"] == done.summary["files_failed"] == 0
    unseen = [line for line in done.lines if line["type"] == "unseen" and line["kind"] in ("record", "clock", "file")]
    assert unseen == []


def test_steps_that_did_not_come_to_pass_are_told(exercise: Call, tmp_path: Path) -> None:
    done = exercise("write", "friday", "--out", tmp_path / "x.jsonl", "--to", "08:30", "--from", "08:20")
    assert done.status == 0
    assert "steps 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12 of friday" in done.err


REFUSED = [
    (["saturday"], "no scenario is called saturday: choose one of friday, hands-on, quiet"),
    (["quiet", "--from", "9"], "--from 9: write the time of day like 08:30"),
    (["quiet", "--to", "24:30"], "--to 24:30: write the time of day like 08:30"),
    (["quiet", "--from", "10:00", "--to", "09:00"], "--from 10:00 is not earlier than --to 09:00"),
    (["quiet", "--start", "Friday"], "--start Friday: write the day like 2026-11-20"),
    (["quiet", "--days", "0"], "--days"),
]


@pytest.mark.parametrize(("args", "message"), REFUSED, ids=[" ".join(args) for args, _ in REFUSED])
def test_a_call_that_cannot_be_is_refused(exercise: Call, tmp_path: Path, args: list[str], message: str) -> None:
    done = exercise("write", *args, "--out", tmp_path / "x.jsonl")
    assert done.status == 2
    assert message in done.err
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_not_there_is_told(exercise: Call, tmp_path: Path) -> None:
    done = exercise("write", "quiet", "--out", tmp_path / "no" / "x.jsonl", *SHORT)
    assert done.status == 2
    assert "cannot be written: No such file or directory" in done.err


def test_a_folder_is_no_file(exercise: Call, tmp_path: Path) -> None:
    (tmp_path / "x.jsonl").mkdir()
    done = exercise("write", "quiet", "--out", tmp_path / "x.jsonl", "--force", *SHORT)
    assert done.status == 2
    assert "cannot be written: Is a directory" in done.err
    assert [path.name for path in tmp_path.iterdir()] == ["x.jsonl"]


@pytest.mark.parametrize("there", ["x.jsonl", "x.jsonl.truth.jsonl", "x.jsonl.devices.csv"])
def test_what_exists_is_kept_unless_forced(exercise: Call, tmp_path: Path, there: str) -> None:
    (tmp_path / there).write_text("mine")
    done = exercise("write", "quiet", "--out", tmp_path / "x.jsonl", *SHORT)
    assert (done.status, (tmp_path / there).read_text()) == (2, "mine")
    assert f"{there} exists already: name another file, or use --force" in done.err
    assert exercise("write", "quiet", "--out", tmp_path / "x.jsonl", "--force", *SHORT).status == 0
    assert (tmp_path / there).read_text() != "mine"


def test_the_same_call_writes_the_same(exercise: Call, tmp_path: Path) -> None:
    for name in "ab":
        exercise("write", "friday", "--seed", "5", "--out", tmp_path / name, *SHORT)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
