"""What may be given to scan: shapes, packings, folders, standard input; and what is no event file."""

from __future__ import annotations

import gzip
import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
import zstandard

from tests.cli.calling import HOST, SYSMON, Call, Event, jsonl, nested, process, put, whoami
from tests.pipeline.ingest.feeds.evtx_sample import needs_sample, sample

IMAGE = r"C:\Windows\System32\whoami.exe"
WINLOGBEAT: Event = {
    "@timestamp": "2026-11-20T09:00:00.123Z",
    "winlog": {
        "channel": SYSMON, "event_id": "1", "computer_name": HOST, "record_id": 9,
        "provider_name": "Microsoft-Windows-Sysmon", "event_data": {"Image": IMAGE},
    },
}  # fmt: skip
XML = f"""<?xml version="1.0" encoding="utf-8" standalone="yes"?>
<Events><Event xmlns="http://schemas.microsoft.com/win/2004/08/events/event"><System>
<Provider Name="Microsoft-Windows-Sysmon"/><EventID>1</EventID><TimeCreated SystemTime="2026-11-20T09:00:00.123Z"/>
<EventRecordID>9</EventRecordID><Channel>{SYSMON}</Channel><Computer>{HOST}</Computer></System>
<EventData><Data Name="Image">{IMAGE}</Data></EventData></Event></Events>
"""
SHAPES: dict[str, bytes] = {
    "flat": jsonl([whoami()]),
    "nested": jsonl([nested(1, SYSMON, Image=IMAGE)]),
    "winlogbeat": jsonl([WINLOGBEAT]),
    "array": json.dumps([whoami(), WINLOGBEAT], indent=2).encode(),
    "event viewer": XML.encode(),
    "utf-16": json.dumps(whoami()).encode("utf-16"),
}


def zipped(content: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("logs/inner.jsonl", content)
    return buffer.getvalue()


PACKINGS: dict[str, Callable[[bytes], bytes]] = {
    "plain": lambda content: content,
    "gzip": gzip.compress,
    "zstd": lambda content: zstandard.ZstdCompressor().compress(content),
    "zip": zipped,
    "gzip in zip": lambda content: zipped(gzip.compress(content)),
}


@pytest.mark.parametrize("shape", SHAPES)
def test_every_shape_is_known_by_its_content(scan: Call, tmp_path: Path, shape: str) -> None:
    (tmp_path / "no-telling-name").write_bytes(SHAPES[shape])
    done = scan(tmp_path / "no-telling-name", "--json")
    assert (done.status, {title for title, _, _ in done.matches}) == (1, {"Whoami run"})
    assert {line["device"] for line in done.of("match")} == {HOST}


@pytest.mark.parametrize("packing", PACKINGS)
def test_every_packing_is_read_from_file_and_standard_input(scan: Call, tmp_path: Path, packing: str) -> None:
    content = PACKINGS[packing](jsonl([process(), whoami()]))
    (tmp_path / "packed").write_bytes(content)
    inner = "!logs/inner.jsonl" if "zip" in packing and packing != "gzip" else ""
    (line,) = scan(tmp_path / "packed", "--json").of("match")
    assert (line["file"], line["position"]) == (f"{tmp_path}/packed{inner}", 2)
    (line,) = scan("--stdin", "--json", stdin=content).of("match")
    assert (line["file"], line["position"]) == (f"stdin{inner}", 2)


@needs_sample
def test_an_evtx_file_is_read(scan: Call, tmp_path: Path) -> None:
    (tmp_path / "log").write_bytes(sample())
    done = scan(tmp_path / "log", "--json", "--cores", 2)
    assert done.summary["events_read"] == done.of("input")[0]["records"] > 0
    assert done.summary["files_failed"] == 0


def test_standard_input_and_files_go_together(scan: Call, tmp_path: Path) -> None:
    path = put(tmp_path / "a.jsonl", whoami())
    for args in (["--stdin"], ["-"], ["-", "--stdin"]):
        done = scan(path, *args, "--json", stdin=jsonl([whoami(1)]))
        assert (done.status, [file for _, file, _ in done.matches]) == (1, ["a.jsonl", "stdin"])


def test_a_folder_is_read_with_all_folders_in_it(scan: Call, tmp_path: Path) -> None:
    (tmp_path / "one" / "two").mkdir(parents=True)
    put(tmp_path / "a.jsonl", whoami(1))
    put(tmp_path / "one" / "b.jsonl", whoami(2))
    (tmp_path / "one" / "two" / "c.gz").write_bytes(gzip.compress(jsonl([whoami(3)])))
    (tmp_path / "one" / "readme.txt").write_text("nothing to see")
    done = scan(tmp_path, "--json")
    assert (done.status, [file for _, file, _ in done.matches]) == (1, ["a.jsonl", "b.jsonl", "c.gz"])
    assert [line["file"] for line in done.of("unseen") if line["kind"] == "file"] == [f"{tmp_path}/one/readme.txt"]


def test_no_event_file_is_a_failure_only_where_it_is_named(scan: Call, tmp_path: Path) -> None:
    (tmp_path / "garbage").write_bytes(b"\x00\x01garbage\xff" * 99)
    named = scan(tmp_path / "garbage", "--json")
    assert (named.status, named.summary["files_failed"], named.summary["files_read"]) == (3, 1, 0)
    assert "not an event file" in named.of("unseen")[0]["reason"]
    put(tmp_path / "a.jsonl", process())
    beside = scan(tmp_path, "--json")
    assert (beside.status, beside.summary["files_failed"]) == (0, 0)
    assert "not an event file" in beside.of("unseen")[0]["reason"]


def test_the_events_around_a_bad_one_are_matched_and_it_is_placed(scan: Call, tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(jsonl([process(), whoami(1)]) + b"{no json\n" + jsonl([whoami(2)]))
    done = scan(path, "--json")
    assert [position for _, _, position in done.matches] == [2, 4]
    (bad,) = [line for line in done.of("unseen") if line["kind"] == "record"]
    assert (bad["file"], bad["position"], bad["count"]) == (str(path), 3, 1)
    assert done.of("input")[0]["records"] == 4


def test_positions_hold_across_blocks_and_processes(scan: Call, tmp_path: Path) -> None:
    filler = "x" * 900_000
    events = [process(second, CommandLine=filler) for second in range(3)]
    path = tmp_path / "a.jsonl"
    path.write_bytes(jsonl([*events, whoami(3)]) + b"{no json\n" + jsonl([*events, whoami(5)]))
    for cores in (1, 3):
        done = scan(path, "--json", "--cores", cores)
        assert [position for _, _, position in done.matches] == [4, 9]
        assert [line["position"] for line in done.of("unseen") if line["kind"] == "record"] == [5]


def test_names_with_line_ends_break_no_line(scan: Call, tmp_path: Path) -> None:
    path = put(tmp_path / "a\nb\x1b[31m.jsonl", whoami())
    done = scan(path, "--json")
    assert done.of("match")[0]["file"] == str(path)
    shown = scan(path).text
    assert "a\\nb\\x1b[31m.jsonl" in shown
    assert "\x1b" not in shown


def test_a_bound_log_source_serves_its_rules(call: Call, tmp_path: Path) -> None:
    rule = tmp_path / "linux.yml"
    rule.write_text(
        "title: Sudo\nid: 11111111-0000-4000-8000-0000000000aa\nlogsource: {product: linux, service: sudo}\n"
        "detection:\n    sel: {process.user: root}\n    condition: sel\n"
    )
    path = put(tmp_path / "a.jsonl", {"process": {"user": "root"}, "time": "2026-11-20T09:00:00Z"})
    args = ["scan", path, "--json", "--no-own-rules", "--rules", rule]
    bound = call(*args, "--logsource", "product=linux,service=sudo")
    assert (bound.status, [line["fields"] for line in bound.of("match")]) == (1, [{"process.user": "root"}])
    assert bound.of("match")[0]["time"] == "2026-11-20T09:00:00.000000Z"
    assert bound.summary["rules_dormant"] == 0
    other = call(*args, "--logsource", "product=linux,service=cron")
    assert (other.status, other.summary["events_read"]) == (3, 1)
    assert call(*args).status == 3


def test_values_fill_placeholders(call: Call, tmp_path: Path) -> None:
    rule = tmp_path / "rule.yml"
    rule.write_text(
        "title: Admin\nid: 11111111-0000-4000-8000-0000000000ab\nlogsource: {category: process_creation}\n"
        "detection:\n    sel: {User|expand: '%admins%'}\n    condition: sel\n"
    )
    (tmp_path / "values.yml").write_text("admins: ['*\\ann', bob]\n")
    path = put(tmp_path / "a.jsonl", process(User=r"WARD\ann"), process(User="bob"), process(User="carl"))
    args = ["scan", path, "--json", "--no-own-rules", "--rules", rule]
    assert [match[2] for match in call(*args, "--values", tmp_path / "values.yml").matches] == [1, 2]
    (refused,) = call(*args).of("refused")
    assert "admins" in refused["reason"]


def test_a_zip_of_rules_tells_hash_and_licence(call: Call, rules: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "rules.zip", "w") as archive:
        archive.write(rules, "set/five.yml")
        archive.writestr("LICENSE", "# Some Licence 1.1\n")
    done = call(
        "scan", put(tmp_path / "a.jsonl", whoami()), "--json", "--no-own-rules", "--rules", tmp_path / "rules.zip"
    )
    assert (done.status, done.summary["rules_loaded"]) == (1, 5)
    assert f"rules from {tmp_path}/rules.zip: SHA-256 " in done.err
    assert done.err.endswith("licence: Some Licence 1.1\n")


def test_a_mistyped_log_source_is_told_before_all_that_is_absent(call: Call, tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(b'{"timestamp": "2026-11-20T09:00:00Z", "type": "EXECVE"}\n')
    text = call("scan", path, "--logsource", "product=lniux,service=auditd").text
    told = "- product=lniux service=auditd: no rule asks for it; check the spelling of --logsource"
    assert 0 < text.index(told) < text.index("- windows process_creation: no such event in the input")
