"""Ready questions at the terminal: each in a table, in JSON lines and in CSV, and in the audit log."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator

import pytest

from carecordon.cli.hub_ready import branches
from tests.cli.test_hub_commands import Done
from tests.console.living import DEVICE, NAME, SHELL, Living, living, user

IMAGE = "C:\\Windows\\System32\\cmd.exe"
QUESTIONS: list[tuple[list[str], int, list[str]]] = [
    (["events", NAME], 4, ["CommandLine=vssadmin delete shadows", "Sysmon"]),
    (["search", "SHADOWS"], 1, ["CommandLine=vssadmin delete shadows"]),
    (["search", "shadows", "--device", NAME], 1, [NAME]),
    (["counts", "device", "event_id"], 1, [NAME, "4"]),
    (["counts", "Image", "--device", NAME], 4, ["notepad.exe"]),
    (["prevalence", "Image", IMAGE], 1, [IMAGE]),
    (["tree", NAME, SHELL], 3, ["cmd.exe /c @run.bat", "\n", "  whoami.exe", "  vssadmin.exe"]),
    (["coverage", DEVICE], 1, ["Sysmon/Operational", NAME]),
    (["coverage", NAME.lower()], 1, ["Sysmon/Operational", NAME]),
]


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Living]:
    with living(tmp_path_factory.mktemp("ready")) as made, made.storing():
        yield made


@pytest.mark.parametrize(("arguments", "rows", "parts"), QUESTIONS)
def test_a_ready_question_in_each_form(hub: Living, arguments: list[str], rows: int, parts: list[str]) -> None:
    table = Done(hub, *arguments)
    assert (table.status, table.err) == (0, ""), table.said
    for part in parts:
        assert part in table.out
    assert len(table.out.splitlines()) > rows
    lines = [json.loads(line) for line in Done(hub, *arguments, "--json").out.splitlines()]
    assert len(lines) == rows
    head, *cells = csv.reader(io.StringIO(Done(hub, *arguments, "--csv").out.removeprefix("\ufeff")))
    assert len(cells) == rows
    assert set(lines[0]) <= set(head)


def test_it_is_in_the_audit_log_under_the_name_of_who_asked(hub: Living) -> None:
    Done(hub, "search", "whoami", "--device", NAME)
    who, verb, subject, detail = hub.audited(1)[0]
    assert (who, verb, subject) == (user(), "ask", "/api/v1/search")
    assert "text=whoami" in detail


def test_events_come_page_by_page(hub: Living) -> None:
    first = Done(hub, "events", NAME, "--limit", "3")
    assert "there are more: only 3 were asked for (--limit, or --after " in first.err
    place = first.err.partition("--after ")[2].partition(" ")[0]
    rest = Done(hub, "events", NAME, "--after", place, "--json").out.splitlines()
    assert [json.loads(line)["sequence"] for line in rest] == [3]


def test_only_what_lies_in_a_span_is_told(hub: Living) -> None:
    told = Done(hub, "events", NAME, "--to", "2001-01-01").out
    assert "No event within a day; --from TIME looks further back." in told
    assert "No event." in Done(hub, "counts", "Image", "--from", "2001-01-01", "--to", "2001-01-02").out
    assert len(Done(hub, "events", NAME, "--from", "2001-01-01", "--json").out.splitlines()) == 4
    assert Done(hub, "events", NAME, "--from", "2002-01-01", "--to", "2001-01-01").status == 2
    assert Done(hub, "events", NAME, "--from", "yesterday").status == 2


@pytest.mark.parametrize(
    "arguments",
    [
        ["counts", "Nothing"],
        ["prevalence", "ProcessId", "x"],
        ["tree", NAME, "{none}"],
        ["coverage", "ee" * 16],
        ["search", ""],
        ["counts", *"abcdef"],
    ],
)
def test_what_cannot_be_asked_is_told(hub: Living, arguments: list[str]) -> None:
    done = Done(hub, *arguments)
    assert (done.status, done.out) == (2, "")
    assert len(done.err) > 20


def test_a_tree_has_each_process_once_also_where_they_go_in_a_circle() -> None:
    pairs = [("b", "a"), ("a", "b"), ("d", "c"), ("c", "x"), ("e", "d"), ("f", "f")]
    rows = [{"ProcessGuid": one, "ParentProcessGuid": above, "Image": f"C:\\{one}.exe"} for one, above in pairs]
    made = branches(rows)
    assert sorted(row["ProcessGuid"] for row in made) == list("abcdef")
    assert [row["shape"] for row in made][:4] == ["c.exe", "  d.exe", "    e.exe", "f.exe"]
