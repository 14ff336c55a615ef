"""From files to cases: an incident has its events around it, whatever order and number of cores they come in."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from carecordon.cli.scan import _words
from carecordon.model.errors import OurFault
from carecordon.model.incident import Case, EventSeen
from carecordon.model.ports import NoCache
from carecordon.model.result import Result
from carecordon.pipeline.detect.disk.rulebook import read_rulebook
from carecordon.scan.again import CHANGED, GONE, STOPPED, Again, Copied
from carecordon.scan.cases import Triaged
from carecordon.scan.evidence import Collector
from carecordon.scan.open import Opened
from carecordon.scan.run import Scan
from carecordon.scan.worker import Setup

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
RULE = """
title: A tool in a public folder starts something
id: 6f0d4e9e-6c8e-4b0c-9f0e-0c1d2e3f4a5b
logsource: {product: windows, category: process_creation}
detection:
    selection: {ParentImage|startswith: 'C:\\Users\\Public\\'}
    condition: selection
level: medium
tags: [attack.execution, attack.t1059]
"""
SHELL = r"C:\Windows\System32\cmd.exe"
TOOL = r"C:\Users\Public\tool.exe"


def event(number: int, at_s: float, **fields: Any) -> dict[str, Any]:
    time = NOON + timedelta(seconds=at_s)
    head = {"Channel": "Microsoft-Windows-Sysmon/Operational", "Provider_Name": "Microsoft-Windows-Sysmon"}
    header = {**head, "Computer": "ws1.example.org", "EventRecordID": number, "@timestamp": time.isoformat()}
    return header | fields


def started(number: int, at_s: float, guid: str, parent: str, image: str, parent_image: str) -> dict[str, Any]:
    fields = {"ProcessGuid": guid, "ParentProcessGuid": parent, "Image": image, "ParentImage": parent_image}
    return event(number, at_s, EventID=1, CommandLine=image, User=r"EX\lane", LogonId="0x5ab3", **fields)


EVENTS = [
    started(1, 0, "{00-1}", "{00-0}", r"C:\Windows\explorer.exe", r"C:\Windows\System32\userinit.exe"),
    started(2, 10, "{00-2}", "{00-1}", SHELL, r"C:\Windows\explorer.exe"),
    started(3, 20, "{00-9}", "{00-1}", r"C:\Program Files\Word\word.exe", r"C:\Windows\explorer.exe"),
    event(4, 25, EventID=11, ProcessGuid="{00-1}", Image=r"C:\Windows\explorer.exe", TargetFilename=r"C:\a.lnk"),
    started(5, 30, "{00-3}", "{00-2}", TOOL, SHELL),
    event(6, 35, EventID=3, ProcessGuid="{00-3}", Image=TOOL, DestinationIp="192.0.2.9", DestinationPort=443),
    started(7, 40, "{00-4}", "{00-3}", r"C:\Windows\System32\whoami.exe", TOOL),
    event(8, 50, EventID=11, ProcessGuid="{00-3}", Image=TOOL, TargetFilename=r"C:\Users\Public\out.txt"),
    event(
        9, 60, EventID=11, ProcessGuid="{00-9}", Image=r"C:\Program Files\Word\word.exe", TargetFilename=r"C:\b.docx"
    ),
    event(10, 90_100, EventID=11, ProcessGuid="{00-3}", Image=TOOL, TargetFilename=r"C:\Users\Public\late.txt"),
]
BELONG = [1, 2, 5, 6, 7, 8]
"""The match (7), its ancestors back to the logon, and what its parent did before and after, within a day."""


def scanned(
    paths: Sequence[Path], folder: Path, cores: int = 1, *, with_words: bool = True, rule: str = RULE
) -> Result:
    rules = folder / "rule.yml"
    rules.write_text(rule)
    book = read_rulebook([rules], NoCache(), {}, own=False)
    scan = Scan(Setup(book.rules, NoCache()), ("scan",), cores, _words() if with_words else None)
    return scan.run([str(path) for path in paths])


def written(path: Path, events: Sequence[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(one) + "\n" for one in events))
    return path


@pytest.mark.parametrize("cores", [1, 2])
def test_an_incident_has_its_events_and_no_others(tmp_path: Path, cores: int) -> None:
    (case,) = scanned([written(tmp_path / "a.jsonl", EVENTS)], tmp_path, cores).cases
    assert [seen.record_id for seen in case.events] == BELONG
    assert [seen.position for seen in case.events] == BELONG
    assert [process.image for process in case.incident.processes if process.is_context] == [
        r"C:\Windows\explorer.exe",
        SHELL,
        TOOL,
    ]
    assert {fact.position for fact in case.story.facts} <= set(BELONG)


def audited(number: int, at_s: float, event_id: int, **fields: Any) -> dict[str, Any]:
    return event(number, at_s, Channel="Security", EventID=event_id, **fields)


def test_what_bears_the_name_of_an_incidents_program_belongs_to_it(tmp_path: Path) -> None:
    browser = {"ProcessGuid": "{00-8}", "Image": r"C:\Program Files\Browser\browser.exe"}
    dropped = event(20, 5, EventID=11, TargetFilename=TOOL, **browser)
    other = event(21, 6, EventID=11, TargetFilename=r"C:\Users\Public\other.exe", **browser)
    installed = event(22, 7, Channel="System", EventID=7045, ServiceName="Odd", ImagePath=f'"{TOOL}" -k')
    elsewhere = dropped | {"Computer": "ws2.example.org", "EventRecordID": 23}
    started_again = audited(24, 40.5, 4688, NewProcessId="0x7c4", NewProcessName=r"C:\Windows\System32\whoami.exe")
    reused = audited(25, 45, 4688, NewProcessId="0x7c4", NewProcessName=r"C:\Windows\System32\calc.exe")
    known = [one | {"ProcessId": "1988"} if one["EventRecordID"] == 7 else one for one in EVENTS]
    events = [*known, dropped, other, installed, elsewhere, started_again, reused]
    (case,) = scanned([written(tmp_path / "a.jsonl", events)], tmp_path).cases
    assert sorted(seen.record_id or 0 for seen in case.events) == [*BELONG, 20, 22, 24]


CALLED = """
title: A tool is put into a shared folder
id: 6f0d4e9e-6c8e-4b0c-9f0e-0c1d2e3f4a5c
logsource: {product: windows, service: security}
detection:
    selection: {EventID: 5145, RelativeTargetName|endswith: 'tool.exe'}
    condition: selection
level: medium
"""


@pytest.mark.parametrize("cores", [1, 2])
def test_what_a_caller_does_afterwards_belongs_to_its_incident(tmp_path: Path, cores: int) -> None:
    """In a logon that is known only when the input is read for the second time."""
    caller = {"TargetUserName": "lane", "TargetDomainName": "EX", "IpAddress": "10.9.9.9"}
    share = {"SubjectUserName": "lane", "SubjectDomainName": "EX", "SubjectLogonId": "0x70", "IpAddress": "10.9.9.9"}
    before = audited(1, -700, 4624, TargetLogonId="0x6f", **caller)
    put = audited(2, 60, 5145, RelativeTargetName=r"x\tool.exe", **share)
    also = audited(3, 61, 5145, RelativeTargetName=r"x\notes.txt", **share)
    back = audited(4, 300, 4624, TargetLogonId="0x77", **caller)
    shell = started(5, 310, "{00-5}", "{00-4}", SHELL, r"C:\Windows\explorer.exe") | {"LogonId": "0x77"}
    next_day = started(8, 300 + 3_700, "{00-7}", "{00-4}", SHELL, r"C:\Windows\explorer.exe") | {"LogonId": "0x77"}
    colleague = audited(6, 320, 4624, TargetLogonId="0x78", **caller | {"TargetUserName": "moss"})
    theirs = started(7, 330, "{00-6}", "{00-4}", SHELL, r"C:\Windows\explorer.exe") | {"LogonId": "0x78"}
    files = [[before, put], [also], [back], [shell, theirs], [colleague, next_day]]
    paths = [written(tmp_path / f"{number}.jsonl", events) for number, events in enumerate(files)]
    (case,) = scanned(paths, tmp_path, cores, rule=CALLED).cases
    assert [seen.record_id for seen in case.events] == [2, 3, 4, 5]


def test_ancestors_are_found_in_other_files_and_copies_count_once(tmp_path: Path) -> None:
    first = written(tmp_path / "b.jsonl", EVENTS[:4])
    rest = written(tmp_path / "a.jsonl", EVENTS[4:])
    copy = written(tmp_path / "c.jsonl", EVENTS)
    (case,) = scanned([rest, first, copy], tmp_path).cases
    assert [seen.record_id for seen in case.events] == BELONG
    assert [alert.count for alert in case.incident.alerts] == [1]
    names = [place.file.rsplit("/", 1)[1] for place in case.incident.places]
    assert names == ["a.jsonl", "c.jsonl"]


def test_the_order_of_files_changes_nothing(tmp_path: Path) -> None:
    first, rest = written(tmp_path / "a.jsonl", EVENTS[::2]), written(tmp_path / "b.jsonl", EVENTS[1::2])
    assert _told(scanned([first, rest], tmp_path).cases) == _told(scanned([rest, first], tmp_path).cases)


def test_without_incidents_nothing_is_read_again(tmp_path: Path) -> None:
    result = scanned([written(tmp_path / "a.jsonl", EVENTS[:4])], tmp_path)
    assert list(result.cases) == []
    assert list(result.closing.unseen) == list(
        scanned([tmp_path / "a.jsonl"], tmp_path, with_words=False).closing.unseen
    )


@pytest.mark.parametrize(
    ("becomes", "says"), [(None, GONE), ("", GONE), (r"C:\Windows\System32\calculator.exe", CHANGED)]
)
def test_what_is_another_file_the_second_time_is_no_evidence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, becomes: str | None, says: str
) -> None:
    """The matches themselves are told, and that the rest is missing."""
    path = written(tmp_path / "a.jsonl", EVENTS)

    def change(scan: Scan) -> Triaged:
        if becomes is None:
            path.unlink()
        else:
            path.write_text(
                path.read_text().replace("C:\\\\Windows\\\\System32\\\\whoami.exe", becomes) if becomes else ""
            )
        return triaged(scan)

    triaged = Scan._triaged
    monkeypatch.setattr(Scan, "_triaged", change)
    result = scanned([path], tmp_path)
    (case,) = result.cases
    assert [seen.record_id for seen in case.events] == [7]
    assert "whoami.exe" in case.story.facts[0].text
    assert [spot.reason for spot in result.closing.unseen if spot.file == str(path)] == [says]


def test_a_stop_in_the_second_reading_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def stopped(again: Again, wanted: set[int]) -> Iterator[tuple[int, Opened]]:
        again.stop.is_asked = True
        return opened(again, wanted)

    opened = Again._opened
    monkeypatch.setattr(Again, "_opened", stopped)
    result = scanned([written(tmp_path / "a.jsonl", EVENTS)], tmp_path)
    assert result.closing.summary.partial
    assert STOPPED in [spot.reason for spot in result.closing.unseen]
    assert [seen.record_id for case in result.cases for seen in case.events] == [7]


def test_a_block_that_is_lost_the_second_time_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise OurFault("made up")

    monkeypatch.setattr(Collector, "answer", broken)
    result = scanned([written(tmp_path / "a.jsonl", EVENTS)], tmp_path)
    assert any("could not be read again" in spot.reason for spot in result.closing.unseen)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a disk that is full")
def test_a_stream_that_cannot_be_kept_says_so() -> None:
    copied = Copied(io.BytesIO(b"abcdef"))
    assert copied.read(4) == b"abcd"
    assert copied.again().read() == b"abcd"
    copied.close()
    copied._file = Path("/dev/full").open("wb", buffering=0)  # noqa: SIM115  # closed below, by its owner
    assert copied.read(4) == b"ef"
    assert copied.again() is None
    copied.close()


def test_two_starts_of_one_moment_are_told_apart(tmp_path: Path) -> None:
    """A log with whole seconds: what else started then is no part of it."""
    other = started(20, 30, "{00-7}", "{00-1}", r"C:\Program Files\EPR\start.exe", r"C:\Windows\explorer.exe")
    (case,) = scanned([written(tmp_path / "a.jsonl", [*EVENTS, other])], tmp_path).cases
    assert [seen.record_id for seen in case.events] == BELONG


def test_evidence_beyond_the_bound_goes_furthest_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("carecordon.scan.evidence.EVENTS_KEPT", 3)
    (case,) = scanned([written(tmp_path / "a.jsonl", EVENTS)], tmp_path).cases
    assert [seen.record_id for seen in case.events] == [5, 6, 7]
    assert case.left_out == 3


def _told(cases: Sequence[Case]) -> list[tuple[object, list[EventSeen]]]:
    return [(case.incident, list(case.events)) for case in cases]
