"""`--json` end to end: the contract's lines, in their order, the same for any order of files and number of cores."""

from __future__ import annotations

import hashlib
import itertools
import json
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from tests.cli.calling import HOST, REFUSED, SYSMON, Call, Done, connected, failed_logon, nested, put, whoami, written

SCHEMA = json.loads((Path(__file__).resolve().parents[2] / "docs" / "output.schema.json").read_text("utf-8"))
CHECK = Draft202012Validator(SCHEMA)
ORDER = ["begin", "input", "incident", "match", "correlation", "refused", "unseen", "summary"]


def three(folder: Path) -> list[Path]:
    """Return three files whose events interleave in time; the first is of several blocks."""
    filler = "x" * 40_000
    return [
        put(folder / "a.jsonl", *(whoami(second % 60, CommandLine=f"{second} {filler}") for second in range(80))),
        put(folder / "b.jsonl", *(failed_logon(second) for second in (5, 1, 3)), {"Channel": "Security"}),
        put(folder / "c.jsonl", whoami(2), written(1), nested(1, SYSMON, Image=r"D:\whoami.exe"), connected(4)),
    ]


def body(done: Done) -> list[dict[str, Any]]:
    """Return all but the command line and the seconds."""
    return [{**line, "command": None, "seconds": None} for line in done.lines]


def test_lines_hold_to_the_contract_in_its_order(call: Call, rules: Path, tmp_path: Path) -> None:
    (tmp_path / "refused.yml").write_text(REFUSED)
    files = three(tmp_path)
    done = call("scan", *files, "--json", "--no-own-rules", "--rules", rules, "--rules", tmp_path / "refused.yml")
    kinds = [line["type"] for line in done.lines]
    assert list(dict.fromkeys(kinds)) == ORDER
    assert kinds == sorted(kinds, key=ORDER.index)
    for line in done.lines:
        CHECK.validate(line)
        assert list(line) == list(SCHEMA["$defs"][line["type"]]["properties"])
    assert done.lines[0]["contract"] == 1
    assert done.lines[0]["command"][:2] == ["scan", str(files[0])]


def test_a_match_says_what_where_and_when(scan: Call, tmp_path: Path) -> None:
    path = put(tmp_path / "a.jsonl", {"Channel": "Security", "EventID": 4624}, whoami(7, ParentImage=None, User="x"))
    (line,) = scan(path, "--json").of("match")
    assert line == {
        "type": "match",
        "rule_id": "11111111-0000-4000-8000-000000000001",
        "title": "Whoami run",
        "level": "high",
        "techniques": ["T1033"],
        "file": str(path),
        "record_id": 107,
        "position": 2,
        "time": "2026-11-20T09:00:07.123000Z",
        "device": HOST,
        "channel": SYSMON,
        "event_id": 1,
        "fields": {"Image": r"C:\Windows\System32\whoami.exe"},
    }


def test_what_an_event_lacks_is_null(scan: Call, tmp_path: Path) -> None:
    event = {"Channel": SYSMON, "EventID": 1, "Image": r"\whoami.exe"}
    (line,) = scan(put(tmp_path / "a.jsonl", event), "--json").of("match")
    assert (line["record_id"], line["time"], line["device"]) == (None, None, None)


def test_an_input_is_named_counted_and_hashed(scan: Call, tmp_path: Path) -> None:
    path = put(tmp_path / "a.jsonl", whoami(), written())
    content = path.read_bytes()
    assert scan(path, "--json").of("input") == [
        {
            "type": "input",
            "file": str(path),
            "sha256": hashlib.sha256(content).hexdigest(),
            "size": len(content),
            "records": 2,
        }
    ]


def test_a_correlation_names_its_events(scan: Call, tmp_path: Path) -> None:
    path = put(tmp_path / "a.jsonl", *(failed_logon(second) for second in (0, 60, 61)), failed_logon(62, "bob"))
    (line,) = scan(path, "--json").of("correlation")
    assert (line["title"], line["level"], line["count"]) == ("Three failed logons", "medium", 3)
    assert line["group"] == {"TargetUserName": "ann"}
    assert (line["from"], line["to"]) == ("2026-11-20T09:00:00.000000Z", "2026-11-20T09:01:01.000000Z")
    assert line["matches"] == [{"file": str(path), "position": position} for position in (1, 2, 3)]


def test_matches_come_by_time_file_and_position(scan: Call, tmp_path: Path) -> None:
    files = [put(tmp_path / name, whoami(2), whoami(1), whoami(1)) for name in ("b.jsonl", "a.jsonl")]
    untimed = put(tmp_path / "0.jsonl", {"Channel": SYSMON, "EventID": 1, "Image": r"\whoami.exe"})
    assert [match[1:] for match in scan(untimed, *files, "--json").matches] == [
        ("a.jsonl", 2), ("a.jsonl", 3), ("b.jsonl", 2), ("b.jsonl", 3), ("a.jsonl", 1), ("b.jsonl", 1), ("0.jsonl", 1),
    ]  # fmt: skip


def test_order_of_files_and_number_of_cores_do_not_matter(scan: Call, tmp_path: Path) -> None:
    files = three(tmp_path)
    first = scan(*files, "--json", "--cores", 1)
    assert (first.summary["events_read"], len(first.of("match"))) == (88, 87)
    for cores, order in zip((1, 1, 2, 3, 2), itertools.islice(itertools.permutations(files), 1, None), strict=True):
        assert body(scan(*order, "--json", "--cores", cores)) == body(first)


def test_the_same_log_twice_matches_twice_but_correlates_once(scan: Call, tmp_path: Path) -> None:
    two = put(tmp_path / "two.jsonl", failed_logon(1), failed_logon(2))
    again = put(tmp_path / "again.jsonl", failed_logon(1), failed_logon(2))
    done = scan(two, again, two, "--json")
    assert (len(done.of("match")), len(done.of("correlation")), done.summary["files_read"]) == (6, 0, 3)
    three_of_them = put(tmp_path / "three.jsonl", *(failed_logon(second) for second in (1, 2, 3)))
    done = scan(two, three_of_them, "--json")
    (line,) = done.of("correlation")
    assert (line["count"], len(line["matches"]), len(done.of("match"))) == (3, 5, 5)


def test_events_of_one_moment_and_group_are_told_apart_by_what_no_rule_asks_for(scan: Call, tmp_path: Path) -> None:
    """They come without record numbers, and differ in an address that neither rule nor correlation names."""
    events = [{**failed_logon(1), "IpAddress": f"192.0.2.{number}"} for number in range(3)]
    done = scan(put(tmp_path / "a.jsonl", *events, events[0]), "--json")
    (line,) = done.of("correlation")
    assert (line["count"], len(line["matches"]), len(done.of("match"))) == (3, 4, 4)


def test_rules_add_up(call: Call, rules: Path, tmp_path: Path) -> None:
    (tmp_path / "refused.yml").write_text(REFUSED)
    (tmp_path / "dormant.yml").write_text(REFUSED.replace("|nosuch", "").replace("windows", "plan9"))
    path = put(tmp_path / "a.jsonl", whoami())
    done = call("scan", path, "--json", "--no-own-rules", "--rules", rules, "--rules", tmp_path)
    counts = {name: value for name, value in done.summary.items() if name.startswith("rules_")}
    assert counts == {"rules_loaded": 6, "rules_ready": 5, "rules_dormant": 1, "rules_refused": 1}
    (line,) = done.of("refused")
    assert (line["file"], line["line"], line["column"]) == (str(tmp_path / "refused.yml"), 5, 11)


@pytest.mark.parametrize(("own", "many"), [(True, True), (False, False)])
def test_our_own_rules_come_unless_left_out(call: Call, rules: Path, tmp_path: Path, own: bool, many: bool) -> None:
    args = [] if own else ["--no-own-rules"]
    done = call("scan", put(tmp_path / "a.jsonl", whoami()), "--json", "--rules", rules, *args)
    assert (done.summary["rules_loaded"] > 20) is many
