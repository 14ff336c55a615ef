"""No name or number of a person leaves the command with --redact, wherever in an event it was shown to be one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.cli.calling import Call, Event, failed_logon, process, put

RULES = """\
title: Commands
id: 11111111-0000-4000-8000-000000000011
logsource: {product: windows, category: process_creation}
detection:
    sel: {CommandLine: '*'}
    condition: sel
level: high
---
title: Tickets
id: 11111111-0000-4000-8000-000000000012
logsource: {product: windows, service: security}
detection:
    sel: {EventID: 4769, ServiceName: '*'}
    condition: sel
level: high
---
title: Logons
id: 11111111-0000-4000-8000-000000000013
name: logons
logsource: {product: windows, service: security}
detection:
    sel: {EventID: 4625}
    condition: sel
---
title: Logons of one account
id: 11111111-0000-4000-8000-000000000014
correlation:
    type: event_count
    rules: [logons]
    group-by: [who]
    aliases:
        who: {logons: TargetUserName}
    timespan: 5m
    condition: {gte: 2}
level: high
"""
COMMANDS: list[tuple[str, Event]] = [
    ("whoami jsmith", {"User": r"CORP\jsmith"}),
    ("whoami 123456 & type 123456_rota.txt", {"User": r"CORP\123456"}),
    ("whoami Jo", {"ParentUser": "jo"}),
    ("find Smith, John", {"MemberName": r"CN=Smith\, John,OU=Staff"}),
    ("copy x knox", {"Image": r"C:\Users\knox\a.exe"}),
    ("net1 user lodger-7 Qx7-example /add", {}),
    ("echo lodger-7", {}),
    ("runas /user:CORP\\mwood cmd & echo mwood", {}),
    ("x id=9434765919,9434765919", {}),
    ("x NHS9434765919", {}),
    ("x 943.476.5919", {}),
    ("x 943_476_5919", {}),
    ("x tel07700900123", {}),
    ("x 07700.900.123", {}),
    ("x a.b%40nhs.example", {}),
    ("x for mkane and tkt-account", {}),
]
PERSONAL = [
    "jsmith", "123456", "whoami jo", "smith, john", "knox", "lodger-7", "mwood", "9434765919", "943.476.5919",
    "943_476_5919", "07700900123", "07700.900.123", "a.b%40", "tkt-account", "mkane",
]  # fmt: skip
FORMS = [["--json"], ["--json", "--cores", "2"], [], ["--csv", "out.csv"]]


@pytest.fixture
def events() -> list[Event]:
    """Return events on a device each, so that a terminal shows them all."""
    commands = [
        process(second, Hostname=f"pc{second}.example.org", CommandLine=line, **more)
        for second, (line, more) in enumerate(COMMANDS)
    ]
    ticket = {**failed_logon(40), "EventID": 4769, "TargetUserName": "WARD3$", "ServiceName": "tkt-account"}
    return [*commands, ticket, failed_logon(50, "mkane"), failed_logon(51, "mkane")]


@pytest.mark.parametrize("args", FORMS, ids=" ".join)
def test_no_name_leaves_the_command(
    call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, events: list[Event], args: list[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("rules.yml").write_text(RULES)
    folder = Path("mkane")
    folder.mkdir()
    path = put(folder / "jsmith_123456 (Smith, John).jsonl", *events)

    def shown(*more: str) -> str:
        Path("out.csv").unlink(missing_ok=True)
        done = call("scan", path, "--no-own-rules", "--rules", "rules.yml", *args, *more)
        return (done.text + done.err + (Path("out.csv").read_text() if "--csv" in args else "")).lower()

    plain, clean = shown(), shown("--redact")
    assert [name for name in PERSONAL if name not in plain] == []
    assert [name for name in PERSONAL if name in clean] == []
    assert "corp\\" in plain.replace("\\\\", "\\")
    assert "corp\\" in clean.replace("\\\\", "\\")


def test_what_a_match_carries_for_redaction_is_not_shown(call: Call, tmp_path: Path) -> None:
    rules = tmp_path / "rules.yml"
    rules.write_text(RULES)
    path = put(tmp_path / "a.jsonl", process(1, CommandLine="x", User=r"CORP\jsmith", Remark="beside"))
    for form in ("--json", "--min-level=low"):
        done = call("scan", path, "--no-own-rules", "--rules", rules, "--redact", form)
        assert done.status == 1
        assert "beside" not in done.text
        assert "Remark" not in done.text
        assert 'carried":' not in done.text


def test_an_account_called_security_takes_no_log_and_no_words_of_ours(call: Call, tmp_path: Path) -> None:
    cleared = {**failed_logon(60, "records"), "EventID": 1102, "Provider_Name": "Microsoft-Windows-Eventlog"}
    ticket = {**failed_logon(40, "WARD3$"), "EventID": 4769, "ServiceName": "security"}
    path = put(tmp_path / "a.jsonl", ticket, cleared, process(61, CommandLine="echo security"))
    (tmp_path / "rules.yml").write_text(RULES)

    def lines(*more: str) -> list[dict[str, Any]]:
        return call("scan", path, "--no-own-rules", "--rules", tmp_path / "rules.yml", "--json", *more).lines

    plain, clean = lines(), lines("--redact")
    for key in ("channel", "title", "reason"):
        assert [line.get(key) for line in clean] == [line.get(key) for line in plain]
    assert [line["channel"] for line in clean if line["type"] == "match"].count("Security") == 1
    assert "the Security log was cleared (event 1102)" in str(clean)
    assert "'security'" not in str(clean)
    assert "echo security" not in str(clean)
