"""`carecordon rules`: list, check, test and coverage, as a person and as a program reads them."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import pytest

from tests.cli.calling import REFUSED, Call, failed_logon, process, put, whoami

DORMANT = REFUSED.replace("|nosuch", "").replace("windows", "plan9").replace("Refused", "Dormant")
PROVED = """\
title: Whoami run
id: 11111111-0000-4000-8000-000000000001
logsource: {product: windows, category: process_creation}
detection:
    sel: {Image|endswith: '\\whoami.exe'}
    condition: sel
level: high
"""


@pytest.fixture
def refused(tmp_path: Path) -> Path:
    path = tmp_path / "refused.yml"
    path.write_text(REFUSED)
    return path


def test_list_names_every_rule_with_its_state(call: Call, rules: Path, tmp_path: Path) -> None:
    (tmp_path / "dormant.yml").write_text(DORMANT)
    done = call("rules", "list", "--no-own-rules", "--rules", rules, "--rules", tmp_path / "dormant.yml")
    assert (done.status, done.err) == (0, "")
    lines = done.text.splitlines()
    assert len(lines) == 6
    assert f"high          ready   windows process_creation       Whoami run  ({rules}:1)" in lines
    assert [line[:45].rstrip() for line in lines if "dormant" in line] == [
        "low           dormant plan9 process_creation"
    ]
    assert [line for line in lines if "correlation event_count" in line]


def test_list_tells_programs_the_same(call: Call, rules: Path) -> None:
    done = call("rules", "list", "--no-own-rules", "--rules", rules, "--json")
    first = done.lines[0]
    assert (first["type"], first["level"], first["state"], first["techniques"]) == ("rule", "high", "ready", ["T1033"])
    assert first["logsource"] == {"product": "windows", "category": "process_creation", "service": None}
    assert len({tuple(line) for line in done.lines}) == 1


def test_list_names_refused_rules_with_place_and_reason(call: Call, rules: Path, refused: Path) -> None:
    args = ["rules", "list", "--no-own-rules", "--rules", rules, "--rules", refused]
    done = call(*args)
    *ready, last = done.text.splitlines()
    assert (done.status, len(ready)) == (0, 5)
    assert last.split()[:3] == ["-", "refused", "11111111-0000-4000-8000-000000000006"]
    assert "nosuch" in last
    assert last.endswith(f"({refused}:5:11)")
    *_, told = call(*args, "--json").lines
    assert (told["state"], told["file"], told["line"], told["column"]) == ("refused", str(refused), 5, 11)
    assert "nosuch" in str(told["reason"])
    assert len({tuple(line) for line in call(*args, "--json").lines}) == 1


HELD = PROVED.replace("Image|endswith: '\\whoami.exe'", "Image|expand: '%tool%'")
ASLEEP = """\
---
title: Waits
correlation: {type: temporal, rules: [11111111-0000-4000-8000-000000000006, WHOAMI], timespan: 1h}
"""


def test_list_and_test_take_placeholder_values(call: Call, tmp_path: Path) -> None:
    (tmp_path / "values.yml").write_text("tool: '*\\\\whoami.exe'\n")
    (tmp_path / "a.yml").write_text(HELD)
    (tmp_path / "a.events.jsonl").write_text(json.dumps(FIRES) + "\n" + json.dumps(MISSES) + "\n")
    for command in (["list", "--no-own-rules", "--rules", tmp_path / "a.yml", "--json"], ["test", tmp_path / "a.yml"]):
        without = call("rules", *command)
        assert "%tool%" in without.text
        with_values = call("rules", *command, "--values", tmp_path / "values.yml")
        assert (with_values.status, "%tool%" in with_values.text) == (0, False)
    assert call("rules", "test", tmp_path / "a.yml").status == 1


def test_a_correlation_that_waits_for_a_dormant_rule_is_dormant(call: Call, tmp_path: Path) -> None:
    path = tmp_path / "both.yml"
    path.write_text(PROVED + "---\n" + DORMANT + ASLEEP.replace("WHOAMI", "11111111-0000-4000-8000-000000000001"))
    listed = call("rules", "list", "--no-own-rules", "--rules", path, "--json").lines
    assert {line["title"]: line["state"] for line in listed} == {
        "Whoami run": "ready", "Dormant": "dormant", "Waits": "dormant",
    }  # fmt: skip
    checked = call("rules", "check", path)
    assert "dormant: 1 correlations: they wait for rules that are dormant" in checked.text
    assert checked.text.endswith("3 rules loaded: 1 ready, 2 dormant; 0 refused\n")
    events = put(tmp_path / "a.jsonl", process())
    scanned = call("scan", events, "--no-own-rules", "--rules", path, "--json").summary
    assert (scanned["rules_loaded"], scanned["rules_ready"], scanned["rules_dormant"]) == (3, 1, 2)
    covered = call("rules", "coverage", events, "--no-own-rules", "--rules", path, "--json").of("coverage")
    assert {line["title"]: line["state"] for line in covered} == {
        "Whoami run": "served", "Dormant": "dormant", "Waits": "dormant",
    }  # fmt: skip


def test_list_begins_with_our_own(call: Call) -> None:
    assert call("rules", "list").text.count("carecordon/rules/") > 20


def test_check_names_each_refused_rule_with_its_place(call: Call, rules: Path, refused: Path) -> None:
    (refused.parent / "dormant.yml").write_text(DORMANT)
    done = call("rules", "check", rules, refused.parent)
    assert done.status == 1
    first, *_, last = done.text.splitlines()
    assert first.startswith(f"{refused}:5:11: ")
    assert "nosuch" in first
    assert "dormant: 1 of plan9 process_creation: no known events serve this log source" in done.text
    assert last == "6 rules loaded: 5 ready, 1 dormant; 1 refused"


def test_check_tells_programs_the_same(call: Call, rules: Path, refused: Path) -> None:
    (refused.parent / "dormant.yml").write_text(DORMANT)
    done = call("rules", "check", rules, refused.parent, "--json")
    one, summary = done.lines
    assert (one["type"], one["file"], one["line"], one["column"]) == ("refused", str(refused), 5, 11)
    assert one["rule_id"] == "11111111-0000-4000-8000-000000000006"
    assert summary == {
        "type": "summary", "rules_loaded": 6, "rules_ready": 5, "rules_dormant": 1, "rules_refused": 1,
    }  # fmt: skip


def test_check_is_content_where_nothing_is_refused(call: Call, rules: Path) -> None:
    done = call("rules", "check", rules)
    assert (done.status, done.text) == (0, "5 rules loaded: 5 ready, 0 dormant; 0 refused\n")


def test_what_is_no_yaml_is_refused_with_its_place(call: Call, tmp_path: Path) -> None:
    (tmp_path / "broken.yml").write_text("title: x\ndetection: [1, 2\n")
    done = call("rules", "check", tmp_path / "broken.yml")
    assert done.status == 1
    assert done.text.startswith(f"{tmp_path}/broken.yml:3:1: ")


def test_a_folder_without_rules_is_no_rules(call: Call, tmp_path: Path) -> None:
    for command in (["rules", "check", tmp_path], ["scan", "x", "--rules", tmp_path]):
        done = call(*command)
        assert (done.status, done.out) == (2, b"")
        assert done.err == f"carecordon: {tmp_path}: no rule file (.yml, .yaml) in this folder\n"


def test_a_file_without_a_rule_is_not_passed_over(call: Call, rules: Path, tmp_path: Path) -> None:
    told = f"carecordon: {tmp_path}/empty.yml: holds no rule: the file is empty, or all comment\n"
    (tmp_path / "empty.yml").write_bytes(b"")
    for command in (["rules", "check", tmp_path / "empty.yml"], ["scan", "x", "--rules", tmp_path]):
        done = call(*command)
        assert (done.status, done.out, done.err) == (2, b"", told)
    (tmp_path / "five.yml").write_bytes(b"# a comment\n" + rules.read_bytes())
    done = call("rules", "check", tmp_path)
    assert (done.status, done.text, done.err) == (0, "5 rules loaded: 5 ready, 0 dormant; 0 refused\n", told)


def test_a_zip_is_checked_and_names_hash_and_licence(call: Call, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "rules.zip", "w") as archive:
        archive.writestr("a/refused.yml", REFUSED)
    done = call("rules", "check", tmp_path / "rules.zip")
    assert done.status == 1
    assert done.text.startswith(f"{tmp_path}/rules.zip!a/refused.yml:5:11: ")
    assert f"rules from {tmp_path}/rules.zip: SHA-256 " in done.err
    assert "licence: no licence file inside" in done.err


def prove(call: Call, folder: Path, *proofs: dict[str, object], as_json: bool = False) -> tuple[int, str]:
    (folder / "a.yml").write_text(PROVED)
    (folder / "a.events.jsonl").write_text("".join(json.dumps(proof) + "\n" for proof in proofs))
    done = call("rules", "test", folder / "a.yml", *(["--json"] if as_json else []))
    return done.status, done.text


FIRES: dict[str, object] = {"must": "fire", "why": "the tool itself", "event": whoami()}
MISSES: dict[str, object] = {
    "must": "not", "why": "another tool", "event": process(Image=r"C:\Windows\System32\hostname.exe")
}  # fmt: skip


def test_a_proof_that_holds_passes(call: Call, tmp_path: Path) -> None:
    status, text = prove(call, tmp_path, FIRES, MISSES)
    assert (status, text.splitlines()[-1][-8:]) == (0, "0 failed")


def test_a_proof_that_does_not_hold_is_told_with_its_line(call: Call, tmp_path: Path) -> None:
    status, text = prove(call, tmp_path, FIRES, MISSES, {**MISSES, "must": "fire"})
    assert status == 1
    assert f"{tmp_path}/a.events.jsonl:3: " in text


def test_a_condition_that_no_proof_notices_fails(call: Call, tmp_path: Path) -> None:
    status, text = prove(call, tmp_path, FIRES)
    assert status == 1
    assert not text.startswith("0 failed")


def test_each_item_must_be_noticed_by_itself(call: Call, tmp_path: Path) -> None:
    """Though the engine would look up all three at once."""
    more = "    typo: {Image|endswith: '\\\\whoamy.exe'}\n    condition: sel or typo\n"
    (tmp_path / "a.yml").write_text(PROVED.replace("    condition: sel\n", more))
    (tmp_path / "a.events.jsonl").write_text(json.dumps(FIRES) + "\n" + json.dumps(MISSES) + "\n")
    done = call("rules", "test", tmp_path)
    assert (done.status, "whoamy" in done.text) == (1, True)
    assert done.text.count("goes unnoticed") == 1


def test_a_value_that_no_proof_needs_is_only_a_hint(call: Call, tmp_path: Path) -> None:
    (tmp_path / "a.yml").write_text(PROVED.replace("'\\whoami.exe'", "['\\whoami.exe', '\\whoamy.exe']"))
    (tmp_path / "a.events.jsonl").write_text(json.dumps(FIRES) + "\n" + json.dumps(MISSES) + "\n")
    plain, hinted = call("rules", "test", tmp_path), call("rules", "test", tmp_path, "--hints")
    assert (plain.status, hinted.status) == (0, 0)
    (hint, last) = hinted.text.splitlines()
    assert hint.startswith(f"{tmp_path}/a.yml:1: hint: no proof needs the value Image ends ")
    assert "whoamy" in hint
    assert plain.text.splitlines() == [last]
    (told,) = call("rules", "test", tmp_path, "--hints", "--json").of("hint")
    assert "whoamy" in str(told["reason"])


def test_a_zip_of_rules_and_proofs_is_proved(call: Call, tmp_path: Path) -> None:
    proofs = json.dumps(FIRES) + "\n" + json.dumps(MISSES) + "\n"
    for name, members in {
        "good.zip": {"r/a.yml": PROVED, "r/a.events.jsonl": proofs},
        "bare.zip": {"r/a.yml": PROVED, "a.events.jsonl": proofs},
        "none.zip": {"a.events.jsonl": proofs},
    }.items():
        with zipfile.ZipFile(tmp_path / name, "w") as archive:
            for member, text in members.items():
                archive.writestr(member, text)
    good, bare, none = (call("rules", "test", tmp_path / name) for name in ("good.zip", "bare.zip", "none.zip"))
    assert (good.status, good.text) == (0, "3 passed, 0 failed\n")
    assert f"rules from {tmp_path}/good.zip: SHA-256 " in good.err
    assert (bare.status, f"{tmp_path}/bare.zip!r/a.yml:1: no proof: " in bare.text) == (1, True)
    assert (none.status, none.text) == (2, "")
    assert none.err == f"carecordon: {tmp_path}/none.zip: no rule file (.yml, .yaml) in this zip\n"


def test_proofs_for_programs_end_with_their_sum(call: Call, tmp_path: Path) -> None:
    for proofs, failed in (([FIRES, MISSES], False), ([FIRES, {**MISSES, "must": "fire"}], True)):
        status, text = prove(call, tmp_path, *proofs, as_json=True)
        *verdicts, summary = [json.loads(line) for line in text.splitlines()]
        good = [one["ok"] for one in verdicts].count(True)
        assert summary == {"type": "summary", "passed": good, "failed": len(verdicts) - good}
        assert (bool(summary["failed"]), status) == (failed, int(failed))
        assert {tuple(one) for one in verdicts} == {("type", "rule_id", "file", "line", "ok", "reason")}


def test_coverage_says_per_rule_whether_its_log_was_there(call: Call, rules: Path, tmp_path: Path) -> None:
    (tmp_path / "dormant.yml").write_text(DORMANT)
    path = put(tmp_path / "a.jsonl", {**failed_logon(1), "EventID": 4624}, failed_logon(2), process())
    args = ["rules", "coverage", path, "--no-own-rules", "--rules", rules, "--rules", tmp_path / "dormant.yml"]
    done = call(*args, "--json")
    found = {line["title"]: (line["state"], line["events"], line["missing_fields"]) for line in done.of("coverage")}
    assert found == {
        "Whoami run": ("served", 1, ["Image"]),
        "File written": ("absent", 0, []),
        "No level": ("absent", 0, []),
        "Failed logon": ("served", 2, []),
        "Dormant": ("dormant", 0, []),
        "Three failed logons": ("served", 2, []),
    }
    assert done.status == 0
    assert done.summary == {"type": "summary", "rules": 6, "served": 3, "absent": 2, "dormant": 1, "partial": False}
    assert "3 served by these events, 2 without events of their log source, 1 dormant" in call(*args).text
    assert "served           1 events  Whoami run" in call(*args).text


def test_coverage_of_events_that_cannot_be_read_is_told(call: Call, rules: Path, tmp_path: Path) -> None:
    args = ["rules", "coverage", tmp_path / "gone", "--no-own-rules", "--rules", rules]
    done = call(*args)
    assert done.status == 3
    assert f"not read: {tmp_path}/gone: there is no such file or folder" in done.text
    assert call(*args, "--json").of("unseen")[0]["file"] == str(tmp_path / "gone")


def test_an_event_that_could_not_be_read_is_told_with_its_place(call: Call, rules: Path, tmp_path: Path) -> None:
    path = put(tmp_path / "a.jsonl", whoami())
    path.write_bytes(path.read_bytes() + b"no event\n")
    for command in ("coverage", "noise"):
        done = call("rules", command, path, "--no-own-rules", "--rules", rules)
        assert f"not read: {path} event 2: not JSON" in done.text
