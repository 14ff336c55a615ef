"""Options that choose what is shown, and how: times, zones, spreadsheet, redaction."""

from __future__ import annotations

import csv
import errno
import io
import json
import zipfile
from pathlib import Path
from typing import Any, NoReturn

import pytest

from carecordon.cli import scan as scan_module
from carecordon.cli.standard_output import OutputLost
from tests.cli.calling import HOST, SYSMON, Call, Event, failed_logon, process, put, whoami

RANGES: list[tuple[list[str], list[int]]] = [
    ([], [1, 2, 3, 4]),
    (["--from", "2026-11-20T09:00:02.123Z"], [2, 3, 4]),
    (["--from", "2026-11-20 09:00:02.1231"], [3, 4]),
    (["--to", "2026-11-20T09:00:02.123Z"], [1, 2, 4]),
    (["--from", "2026-11-20T10:00:02.123+01:00", "--to", "2026-11-20T10:00:02.123+01:00"], [2, 4]),
    (["--from", "2026-11-20", "--to", "2026-11-20"], [1, 2, 3, 4]),
    (["--from", "2026-11-21"], [4]),
    (["--to", "2026-11-19"], [4]),
]


@pytest.mark.parametrize(("args", "positions"), RANGES, ids=[" ".join(args) for args, _ in RANGES])
def test_times_bound_what_is_looked_at(scan: Call, tmp_path: Path, args: list[str], positions: list[int]) -> None:
    untimed: Event = {"Channel": SYSMON, "EventID": 1, "Image": r"\whoami.exe"}
    path = put(tmp_path / "a.jsonl", whoami(1), whoami(2), whoami(3), untimed)
    done = scan(path, "--json", *args)
    assert sorted(match[2] for match in done.matches) == positions
    assert (done.status, done.summary["events_read"], done.summary["events_skipped"]) == (
        1, len(positions), 4 - len(positions),
    )  # fmt: skip


def test_events_outside_of_the_time_are_not_told_as_absent_nor_as_unreadable(scan: Call, tmp_path: Path) -> None:
    path = put(tmp_path / "a.jsonl", failed_logon(1), failed_logon(2))
    path.write_bytes(path.read_bytes() + b"no event\n")
    done = scan(path, "--json", "--from", "2026-11-21")
    assert (done.summary["events_skipped"], done.summary["events_outside"]) == (3, 2)
    told = {line["reason"] for line in done.of("unseen") if line["kind"] == "logsource"}
    assert "windows security: no such event between --from and --to" in told
    assert "2 events were outside --from/--to. 1 event could not be read." in scan(path, "--from", "2026-11-21").text
    whole = scan(path, "--json")
    assert (whole.summary["events_skipped"], whole.summary["events_outside"]) == (1, 0)
    told = {line["reason"] for line in whole.of("unseen") if line["kind"] == "logsource"}
    assert told
    assert all(reason.endswith(": no such event in the input") for reason in told)


def test_events_outside_of_the_time_feed_no_correlation(scan: Call, tmp_path: Path) -> None:
    path = put(tmp_path / "a.jsonl", *(failed_logon(second) for second in range(3)))
    assert len(scan(path, "--json").of("correlation")) == 1
    assert scan(path, "--json", "--from", "2026-11-20T09:00:01Z").of("correlation") == []


@pytest.mark.parametrize(
    ("zone", "shown"),
    [("UTC", "2026-11-20 09:00:01Z"), ("utc", "2026-11-20 09:00:01Z"), ("Asia/Tokyo", "2026-11-20 18:00:01+09:00")],
)
def test_the_zone_is_for_the_terminal_only(scan: Call, tmp_path: Path, zone: str, shown: str) -> None:
    path = put(tmp_path / "a.jsonl", whoami(1))
    assert f"    {shown}  Whoami run" in scan(path, "--timezone", zone).text
    assert scan(path, "--timezone", zone, "--json").of("match")[0]["time"] == "2026-11-20T09:00:01.123000Z"


def rows(path: Path) -> list[dict[str, Any]]:
    return list(csv.DictReader(io.StringIO(path.read_bytes().decode("utf-8-sig"), newline="")))


def test_a_spreadsheet_holds_what_is_found_beside_the_page(scan: Call, tmp_path: Path) -> None:
    path = put(tmp_path / "a.jsonl", *(failed_logon(second) for second in range(3)), whoami(9))
    done = scan(path, "--csv", tmp_path / "out.csv")
    assert "Whoami run" in done.text
    found = rows(tmp_path / "out.csv")
    assert [row["type"] for row in found] == ["match"] * 4 + ["correlation"]
    assert (found[3]["title"], found[3]["time"], found[4]["count"]) == (
        "Whoami run",
        "2026-11-20T09:00:09.123000Z",
        "3",
    )
    scan(path, "--csv", tmp_path / "high.csv", "--min-level", "high")
    assert [row["level"] for row in rows(tmp_path / "high.csv")] == ["high"]


@pytest.mark.parametrize("name", ["a.jsonl", "old.csv", "link.csv"])
def test_a_spreadsheet_takes_the_place_of_no_file(scan: Call, tmp_path: Path, name: str) -> None:
    path = put(tmp_path / "a.jsonl", whoami())
    (tmp_path / "old.csv").write_text("kept")
    (tmp_path / "link.csv").symlink_to("nowhere")
    before = {one.name: one.read_bytes() for one in tmp_path.iterdir() if one.exists()}
    done = scan(path, "--csv", tmp_path / name)
    assert (done.status, done.out) == (2, b"")
    assert f"--csv {tmp_path}/{name}: exists already, and is not overwritten: name another file" in done.err
    assert {one.name: one.read_bytes() for one in tmp_path.iterdir() if one.exists()} == before


def test_a_spreadsheet_is_made_only_when_all_is_read(scan: Call, tmp_path: Path) -> None:
    put(tmp_path / "a.jsonl", whoami())
    new = tmp_path / "new.csv"
    assert scan(tmp_path, "--csv", new, "--rules", tmp_path / "no-rules").status == 2
    assert not new.exists()
    done = scan(tmp_path, "--csv", new)
    assert (done.status, len(rows(new))) == (1, 1)
    assert "new.csv" not in done.text


def test_the_page_is_told_where_the_spreadsheet_cannot_be_written(
    scan: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, new = put(tmp_path / "a.jsonl", whoami()), tmp_path / "new.csv"
    monkeypatch.setattr(scan_module, "check_new", lambda _: new.write_text("of somebody else"))
    done = scan(path, "--csv", new)
    assert (done.status, new.read_text()) == (2, "of somebody else")
    assert "Whoami run" in done.text
    assert "exists already" in done.err


def test_a_spreadsheet_that_fails_is_told_where_standard_output_fails_too(
    scan: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def lost(*_: object, **__: object) -> NoReturn:
        raise OutputLost(errno.ENOSPC, "No space left on device")

    path, new = put(tmp_path / "a.jsonl", whoami()), tmp_path / "new.csv"
    monkeypatch.setattr(scan_module, "check_new", lambda _: new.write_text("of somebody else"))
    monkeypatch.setattr(scan_module, "_write", lost)
    done = scan(path, "--csv", new)
    assert done.status == 3
    assert "new.csv: exists already" in done.err
    assert "standard output cannot be written" in done.err


def test_no_cell_is_a_formula(call: Call, tmp_path: Path) -> None:
    rule = tmp_path / "rule.yml"
    rule.write_text(
        "title: '=2+2'\nid: '@SUM(1)'\nlogsource: {category: process_creation}\n"
        "detection:\n    sel: {'=x': '*'}\n    condition: sel\n"
    )
    event = process(1, Hostname="=cmd|' /c calc'!A0", **{"=x": "\t=HYPERLINK(1)", "Image": "+1"})
    path = put(tmp_path / "=a.jsonl", event)
    done = call("scan", path, "--no-own-rules", "--rules", rule, "--csv", tmp_path / "out.csv")
    assert done.status == 1
    (row,) = rows(tmp_path / "out.csv")
    assert row["title"] == "'=2+2"
    assert row["device"] == "'=cmd|' /c calc'!A0"
    assert row["fields"] == "'=x=\t=HYPERLINK(1)"
    assert not [cell for cell in row.values() if cell.lstrip()[:1] in tuple("=+-@")]


PERSONAL = {
    "nhs": "943 476 5919",  # made up: right by modulus 11, of a range that is given to nobody
    "email": "ann.example@trust.example.org",
    "phone": "020 7946 0958",
    "user": "annie.example",
}


@pytest.fixture
def personal(tmp_path: Path) -> Path:
    """Return a file whose path and events name a person in every way."""
    folder = tmp_path / "Users" / PERSONAL["user"]
    folder.mkdir(parents=True)
    told = f"whoami {PERSONAL['nhs']} {PERSONAL['email']} {PERSONAL['phone']} for {PERSONAL['user']}"
    return put(
        folder / "a.jsonl",
        process(1, Image=told + r"\whoami.exe", User="WARD\\" + PERSONAL["user"]),
        *(failed_logon(second, PERSONAL["user"]) for second in range(3)),
        {**process(4), "broken": "no channel", "Channel": None, "EventID": None},
    )


@pytest.mark.parametrize("args", [[], ["--json"], ["--json", "--cores", "2"], ["--csv", "out.csv"]])
def test_nothing_personal_is_in_what_is_redacted(
    scan: Call, personal: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, args: list[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    plain, clean = scan(personal, *args), None
    shown = plain.text + plain.err + (Path("out.csv").read_text() if "--csv" in args else "")
    assert [kind for kind, name in PERSONAL.items() if name not in shown] == []
    Path("out.csv").unlink(missing_ok=True)
    clean = scan(personal, *args, "--redact")
    shown = clean.text + clean.err + (Path("out.csv").read_text() if "--csv" in args else "")
    assert [kind for kind, name in PERSONAL.items() if name in shown] == []
    assert [kind for kind in PERSONAL if f"[{kind}-" not in shown] == []
    assert clean.status == plain.status


def test_a_redacted_result_still_joins_one_person_together(scan: Call, personal: Path) -> None:
    done = scan(personal, "--json", "--redact")
    files = {line["file"] for line in done.lines if line.get("file")}
    (file,) = files
    token = file.split("/")[-2]
    assert done.of("correlation")[0]["group"] == {"TargetUserName": token}
    assert done.lines[0]["command"][1] == file
    assert token in done.of("match")[-1]["fields"].get("Image", token)
    assert len({json.dumps(line) for line in done.of("input")}) == 1


def test_the_tokens_of_two_runs_cannot_be_compared(scan: Call, personal: Path) -> None:
    one, other = (scan(personal, "--json", "--redact").of("correlation")[0]["group"] for _ in range(2))
    assert one != other


def test_the_path_of_a_zip_of_rules_is_redacted_too(call: Call, personal: Path, rules: Path) -> None:
    path = personal.parent / "rules.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.write(rules, "five.yml")
    done = call("scan", personal, "--no-own-rules", "--rules", path, "--json", "--redact")
    assert "[user-" in done.err
    assert PERSONAL["user"] not in done.err + done.text


def test_devices_that_the_list_of_devices_lacks_are_told_as_not_seen(scan: Call, tmp_path: Path) -> None:
    path = put(tmp_path / "a.jsonl", whoami(), failed_logon(1))
    listed = tmp_path / "devices.csv"
    listed.write_text(f"device,class,impact\n{HOST},ward,S2\n", encoding="utf-8")
    done = scan(path, "--json", "--devices", listed)
    (told,) = (line for line in done.of("unseen") if line["kind"] == "asset")
    assert told["reason"] == "1 of 2 devices of these events is not in the list of devices: dc1.example.org"
    assert done.of("incident")[0]["assets"] == [{"device": HOST, "class": "ward", "impact": "S2"}]
    assert "Devices that the list of devices does not name" in scan(path, "--devices", listed).text
    assert all(line["kind"] != "asset" for line in scan(path, "--json").of("unseen"))
