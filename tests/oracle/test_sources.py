"""The plain evaluator's events and log sources: each known shape is read alike, each source serves whom it must."""

from typing import Any

import pytest

from tests.oracle.events import Event, from_document
from tests.oracle.plain import evaluate
from tests.oracle.sources import CATEGORIES, SERVICES, serves

SYSMON = "Microsoft-Windows-Sysmon/Operational"


def windows(channel: str, event_id: int, provider: str = "Example", **data: Any) -> Event:
    return from_document(
        {
            "Event": {
                "System": {
                    "Channel": channel,
                    "EventID": event_id,
                    "Provider": {"#attributes": {"Name": provider}},
                },
                "EventData": data,
            }
        }
    )


def fires(logsource: dict[str, str], detection: dict[str, Any], event: Event) -> bool:
    return evaluate({"logsource": logsource, "detection": {"s": detection, "condition": "s"}}, event)


def test_a_nested_event_keeps_header_and_data_apart() -> None:
    event = from_document(
        {
            "Event": {
                "System": {
                    "Channel": "Security",
                    "EventID": {"#text": "4624", "#attributes": {"Qualifiers": 0}},
                    "Provider": {"#attributes": {"Name": "P", "Guid": "{1}"}},
                    "Execution": {"#attributes": {"ProcessID": 4, "ThreadID": 8}},
                    "Correlation": None,
                },
                "EventData": {"#attributes": {"Name": "N"}, "Channel": "data's", "Threat Name": "x", "Empty": None},
            }
        }
    )
    assert event.fields == {
        "Channel": "Security",
        "EventID": 4624,
        "Provider_Name": "P",
        "Provider_Guid": "{1}",
        "Execution_ProcessID": 4,
        "Execution_ThreadID": 8,
        "EventData_Name": "N",
        "EventData_Channel": "data's",
        "ThreatName": "x",
        "Empty": None,
    }


@pytest.mark.parametrize(
    ("data", "expected"),
    [("a", "a"), (["a", "b"], ("a", "b")), ({"#text": "a"}, "a"), ({"#text": ["a", "b"]}, ("a", "b"))],
)
def test_unnamed_data_is_text_or_a_tuple(data: Any, expected: Any) -> None:
    assert windows("Application", 1, Data=data).fields["Data"] == expected


def test_user_data_gives_the_names_of_its_only_child() -> None:
    content = {"#attributes": {"xmlns": "x"}, "SubjectUserName": "a", "Inner": {"Deep": 1}, "Bare": {"#attributes": {}}}
    event = from_document({"Event": {"System": {"Channel": "Security"}, "UserData": {"LogFileCleared": content}}})
    assert event.fields == {"Channel": "Security", "SubjectUserName": "a", "Inner.Deep": 1, "Bare": None}


def test_a_flat_event_gets_the_header_names_it_lacks() -> None:
    event = from_document(
        {
            "Channel": SYSMON,
            "EventID": "1",
            "SourceName": "P",
            "Hostname": "h",
            "RecordNumber": 7,
            "A B": 1,
            "L": [1, 2],
        }
    )
    assert event.fields["EventID"] == 1
    assert event.fields["Provider_Name"] == "P"
    assert event.fields["Computer"] == "h"
    assert event.fields["EventRecordID"] == 7
    assert event.fields["AB"] == 1
    assert event.fields["L"] == (1, 2)


def test_a_winlogbeat_event_is_read_from_winlog() -> None:
    event = from_document(
        {
            "message": "m",
            "winlog": {
                "channel": "Security",
                "event_id": "4688",
                "process": {"pid": 4, "thread": {"id": 8}},
                "event_data": {"param1": "x", "Level": "data's"},
            },
        }
    )
    assert event.fields == {
        "Channel": "Security",
        "EventID": 4688,
        "Execution_ProcessID": 4,
        "Execution_ThreadID": 8,
        "param1": "x",
        "EventData_Level": "data's",
        "Message": "m",
    }


def test_a_bound_event_serves_what_it_is_bound_to() -> None:
    event = from_document({"a": {"b": [{"c": 1}, {"c": 2}]}, "d.e": "x"}, {"product": "linux", "service": "auditd"})
    assert event.fields == {"a.b.c": (1, 2), "d.e": "x"}
    assert fires({"product": "linux", "service": "auditd"}, {"a.b.c": 2}, event)
    assert fires({"product": "linux"}, {"d.e": "x"}, event)
    assert not fires({"product": "linux", "service": "sshd"}, {"d.e": "x"}, event)
    assert not fires({"product": "windows"}, {"d.e": "x"}, event)


# log source, channel, event id, provider, data, whether it serves
SERVED = [
    ({"category": "process_creation", "product": "windows"}, SYSMON, 1, {}, True),
    ({"category": "process_creation", "product": "windows"}, SYSMON.upper(), 1, {}, True),
    ({"category": "process_creation", "product": "windows"}, SYSMON, 5, {}, False),
    ({"category": "process_creation", "product": "windows"}, "Security", 4688, {}, True),
    ({"category": "process_creation"}, SYSMON, 1, {}, True),
    ({"category": "process_creation", "product": "linux"}, SYSMON, 1, {}, False),
    ({"category": "process_creation", "product": "windows", "service": "security"}, SYSMON, 1, {}, False),
    ({"category": "process_creation", "product": "windows", "service": "security"}, "Security", 4688, {}, True),
    ({"category": "registry_add", "product": "windows"}, SYSMON, 12, {"EventType": "CreateKey"}, True),
    ({"category": "registry_add", "product": "windows"}, SYSMON, 12, {"EventType": "DeleteKey"}, False),
    ({"category": "registry_delete", "product": "windows"}, SYSMON, 12, {"EventType": "DeleteValue"}, True),
    ({"category": "registry_delete", "product": "windows"}, SYSMON, 12, {}, False),
    ({"category": "registry_delete", "product": "windows"}, SYSMON, 12, {"EventType": ["x", "deletekey"]}, True),
    ({"category": "registry_event", "product": "windows"}, SYSMON, 14, {}, True),
    ({"category": "registry_set"}, SYSMON, 13, {}, False),
    ({"category": "ps_script", "product": "windows"}, "PowerShellCore/Operational", 4104, {}, True),
    ({"category": "ps_classic_start", "product": "windows"}, "Windows PowerShell", 400, {}, True),
    ({"category": "antivirus"}, "Microsoft-Windows-Windows Defender/Operational", 1116, {}, True),
    ({"category": "antivirus", "product": "any"}, "Microsoft-Windows-Windows Defender/Operational", 1117, {}, True),
    ({"category": "antivirus"}, "Microsoft-Windows-Windows Defender/Operational", 5001, {}, False),
    ({"product": "windows", "service": "dns-client"}, "Microsoft-Windows-DNS-Client/Operational", 3008, {}, True),
    ({"product": "windows", "service": "system"}, "Security", 1, {}, False),
    ({"product": "windows"}, "Whatever", 1, {}, True),
    ({"product": "windows", "category": "unheard_of"}, SYSMON, 1, {}, False),
    ({"product": "windows", "service": "unheard-of"}, SYSMON, 1, {}, False),
    ({"category": "proxy"}, SYSMON, 1, {}, False),
]


@pytest.mark.parametrize(("logsource", "channel", "event_id", "data", "expected"), SERVED)
def test_a_log_source_is_served(
    logsource: dict[str, str], channel: str, event_id: int, data: dict[str, Any], expected: bool
) -> None:
    assert serves(windows(channel, event_id, **data), logsource) is expected


def test_the_kernel_file_provider_serves_file_access_and_file_rename() -> None:
    provider = "Microsoft-Windows-Kernel-File"
    assert serves(windows("any", 12, provider), {"product": "windows", "category": "file_access"})
    assert serves(windows("any", 27, provider), {"product": "windows", "category": "file_rename"})
    assert not serves(windows("any", 12), {"product": "windows", "category": "file_access"})


def test_every_name_of_the_table_is_written_as_rules_write_it() -> None:
    assert all(name == name.lower() and " " not in name for name in (*CATEGORIES, *SERVICES))


PROCESS = {"product": "windows", "category": "process_creation"}
SECURITY = {"product": "windows", "service": "security"}
CREATED = {
    "NewProcessName": "C:\\Windows\\cmd.exe",
    "ParentProcessName": "C:\\Windows\\explorer.exe",
    "MandatoryLabel": "S-1-16-12288",
    "SubjectLogonId": "0x3e7",
    "SubjectUserName": "nurse",
    "SubjectDomainName": "WARD",
    "NewProcessId": "0x10",
    "ProcessId": "0x20",
    "CommandLine": "cmd /c dir",
}


@pytest.mark.parametrize(
    ("logsource", "detection", "expected"),
    [
        (PROCESS, {"Image|endswith": "\\cmd.exe"}, True),
        (PROCESS, {"ParentImage|endswith": "\\explorer.exe"}, True),
        (PROCESS, {"IntegrityLevel": "High"}, True),
        (PROCESS, {"IntegrityLevel": "S-1-16-12288"}, True),
        (PROCESS, {"IntegrityLevel": "System"}, False),
        (PROCESS, {"LogonId": "0x3e7"}, True),
        (PROCESS, {"User": "WARD\\nurse"}, True),
        (PROCESS, {"ProcessId": 16}, True),
        (PROCESS, {"ParentProcessId": 32}, True),
        (PROCESS, {"OriginalFileName": None}, True),
        (SECURITY, {"ProcessId": "0x20"}, True),
        (SECURITY, {"ProcessId": 16}, False),
        (SECURITY, {"NewProcessName|endswith": "\\cmd.exe"}, True),
    ],
)
def test_security_4688_serves_process_creation(
    logsource: dict[str, str], detection: dict[str, Any], expected: bool
) -> None:
    assert fires(logsource, detection, windows("Security", 4688, **CREATED)) is expected


def test_a_user_without_a_domain_is_the_name_alone() -> None:
    assert fires(PROCESS, {"User": "nurse"}, windows("Security", 4688, SubjectUserName="nurse", SubjectDomainName=""))


def test_defender_serves_antivirus_with_its_names_mapped() -> None:
    event = windows(
        "Microsoft-Windows-Windows Defender/Operational", 1116, **{"Threat Name": "Example.Kit", "Path": "C:\\x.exe"}
    )
    assert fires({"category": "antivirus"}, {"Signature|contains": "kit", "Filename|endswith": ".exe"}, event)
    assert fires({"product": "windows", "service": "windefend"}, {"ThreatName|contains": "kit"}, event)
    assert not fires({"category": "antivirus"}, {"Signature|contains": "tool"}, event)
