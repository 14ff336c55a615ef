"""An event bears the names it can be asked for by, however its fields spell them."""

from __future__ import annotations

from typing import Any

import pytest

from carecordon.model.event import Kind
from carecordon.pipeline.triage.names import EVERY, By, fields_of, named_in, names_of
from tests.pipeline.triage.grouping import SYSMON

POLICY = "{9A2D4E61-3C7B-4F58-8E10-6B5D2C9F7A34}"


def names(channel: str, event_id: int, **fields: Any) -> set[tuple[By, str]]:
    return set(names_of(Kind(channel, None, event_id), fields))


@pytest.mark.parametrize(
    ("value", "found"),
    [
        (r"C:\ProgramData\PrintQueue.EXE", {(By.FILE, "printqueue.exe")}),
        (r'"C:\Program Files\A B\x.exe" -k "D:\y z\run.cmd"', {(By.FILE, "x.exe"), (By.FILE, "run.cmd")}),
        (r"HKLM\System\CurrentControlSet\Services\Odd Name\ImagePath", {(By.SERVICE, "odd name")}),
        (rf"wph\Policies\{POLICY}\Machine\Registry.pol", {(By.POLICY, POLICY.lower())}),
        (f"CN={POLICY},CN=Policies,CN=System,DC=wph", {(By.POLICY, POLICY.lower())}),
        (rf"wph\Policies\{POLICY}\gpt.ini", set()),
        (r"C:\Users\a\letter.docx", set()),
        ("DWORD (0x00000001)", set()),
        (r"wph\Policies\{31B2F340-016D-11D2-945F-00C04FB984F9}\Machine\Registry.pol", set()),
        (rf"C:\Users\a\{POLICY}\x", set()),
    ],
)
def test_values_name_programs_services_and_policies(value: str, found: set[tuple[By, str]]) -> None:
    assert set(named_in(value)) == found


def test_a_process_is_named_by_its_own_id_else_by_its_number() -> None:
    assert names(SYSMON, 3, ProcessGuid="{AB-1}", ProcessId="9") == {(By.GUID, "ab-1")}
    assert names(SYSMON, 1, ProcessGuid="{AB-1}", ProcessId="9") == {
        (By.START, "ab-1"),
        (By.START, "9"),
        (By.GUID, "ab-1"),
    }
    assert names("Security", 4688, NewProcessId="0x9", ProcessId="0x5") == {(By.START, "9")}
    assert names("Security", 4663, ProcessId="0x9") == {(By.PID, "9")}
    assert names("Microsoft-Windows-PowerShell/Operational", 4104, Execution_ProcessID=9) == {(By.PID, "9")}
    assert names("System", 7045, Execution_ProcessID=9, ServiceName="Odd") == {(By.SERVICE, "odd")}


def test_a_logon_is_named_where_something_is_done_in_it() -> None:
    caller = {"TargetUserName": "k.oakden", "TargetDomainName": "WPH", "IpAddress": "::ffff:10.20.8.34"}
    begun = names("Security", 4624, TargetLogonId="0x4E9F63", SubjectLogonId="0x3e7", **caller)
    came = "10.20.8.34 k.oakden"
    assert begun == {(By.LOGON, "0x4e9f63"), (By.SESSION, "0x4e9f63"), (By.CALLER, came), (By.CALL, came)}
    share = names("Security", 5145, SubjectLogonId="0x4e9f63", RelativeTargetName=r"Windows\Temp\d.cmd")
    assert share == {(By.LOGON, "0x4e9f63"), (By.SESSION, "0x4e9f63"), (By.FILE, "d.cmd")}
    assert names(SYSMON, 1, LogonId="0x4e9f63") == {(By.SESSION, "0x4e9f63")}
    machine = names("Security", 4624, TargetLogonId="0x51", TargetUserName="PACS01$", IpAddress="10.20.8.14")
    assert machine == {(By.LOGON, "0x51"), (By.SESSION, "0x51")}


@pytest.mark.parametrize(("port", "is_named"), [("445", True), (3389, True), ("443", False), (None, False)])
def test_only_ports_by_which_devices_are_run_name_who_came_in(port: object, *, is_named: bool) -> None:
    connection = {"Initiated": "false", "SourceIp": "10.20.8.76", "DestinationIp": "10.20.8.37"}
    found = names(SYSMON, 3, DestinationPort=port, **connection)
    assert found == ({(By.INBOUND, "10.20.8.76")} if is_named else set())
    assert names(SYSMON, 3, DestinationPort=port, **connection | {"Initiated": "true"}) == set()


def test_tasks_and_services_are_named_in_every_log() -> None:
    assert names("Microsoft-Windows-TaskScheduler/Operational", 106, TaskName=r"\Odd") == {(By.TASK, r"\odd")}
    assert names("System", 7036, param1="Odd", param2="running") == {(By.SERVICE, "odd")}
    assert names("Application", 7000, param1="Odd") == set()


@pytest.mark.parametrize(
    ("event_id", "fields"),
    [
        (1, {"ProcessId": "9", "LogonId": "0x51"}),
        (3, {"SourceIp": "10.1.2.3", "Initiated": "false", "DestinationPort": "22"}),
        (11, {"TargetFilename": r"C:\a.exe"}),
        (13, {"TargetObject": r"HKLM\Services\Odd\Start", "Details": r"C:\a.exe"}),
        (99, {"TargetFilename": r"C:\a.exe"}),
    ],
)
def test_what_an_event_of_sysmon_has_is_looked_at(event_id: int, fields: dict[str, str]) -> None:
    own = "ProcessGuid"
    for name in fields:
        less = {key: value for key, value in fields.items() if key != name}
        assert names(SYSMON, event_id, **{own: "{AB-1}"}, **fields) > names(SYSMON, event_id, **{own: "{AB-1}"}, **less)
    assert set(fields_of(Kind(SYSMON, None, event_id), {own: "{AB-1}"})) <= set(EVERY)
    assert fields_of(Kind(SYSMON, None, event_id), {}) is EVERY
