"""The log-source table: which events serve a rule, and which rules are dormant."""

from __future__ import annotations

import pytest

from carecordon.model.event import Kind, LogSource
from carecordon.pipeline.detect.sigma.logsource import SERVICES, bound_serves, serves, sources_for

SYSMON = "Microsoft-Windows-Sysmon/Operational"
DEFENDER = "Microsoft-Windows-Windows Defender/Operational"
KERNEL_FILE = "Microsoft-Windows-Kernel-File"


def served(source: LogSource, kind: Kind) -> bool:
    return any(serves(test, kind) for test in sources_for(source))


def category(name: str) -> LogSource:
    return LogSource("windows", name)


SERVED = [
    (category("process_creation"), SYSMON, 1),
    (category("process_creation"), "Security", 4688),
    (LogSource(category="process_creation"), SYSMON, 1),
    (category("registry_event"), SYSMON, 14),
    (category("pipe_created"), SYSMON, 18),
    (category("clipboard_change"), SYSMON, 24),
    (category("ps_script"), "PowerShellCore/Operational", 4104),
    (category("ps_classic_start"), "Windows PowerShell", 400),
    (LogSource(category="antivirus"), DEFENDER, 1116),
    (LogSource("any maker", "antivirus"), DEFENDER, 1006),
    (LogSource("windows", None, "windefend"), DEFENDER, 5001),
    (LogSource("windows", None, "security"), "SECURITY", 4624),
    (LogSource("windows", None, "dns-client"), "Microsoft-Windows-DNS-Client/Operational", 3008),
    (LogSource("windows"), "Anything", None),
    (LogSource("windows", "process_creation", "sysmon"), SYSMON, 1),
]

NOT_SERVED = [
    (category("process_creation"), SYSMON, 3),
    (category("process_creation"), "Security", 1),
    (category("process_creation"), None, 1),
    (LogSource("windows", "process_creation", "sysmon"), "Security", 4688),
    (LogSource(category="antivirus"), DEFENDER, 5001),
    (LogSource("windows", None, "security"), "System", 4624),
    (LogSource(category="file_event"), SYSMON, 11),
    (LogSource("linux", "process_creation"), SYSMON, 1),
    (LogSource("windows", None, "nosuch"), "nosuch", 1),
    (LogSource("windows", "nosuch"), SYSMON, 1),
]


@pytest.mark.parametrize(("source", "channel", "event_id"), SERVED)
def test_an_event_serves_a_rule(source: LogSource, channel: str | None, event_id: int | None) -> None:
    assert served(source, Kind(channel, None, event_id))


@pytest.mark.parametrize(("source", "channel", "event_id"), NOT_SERVED)
def test_an_event_does_not_serve_a_rule(source: LogSource, channel: str | None, event_id: int | None) -> None:
    assert not served(source, Kind(channel, None, event_id))


def test_file_access_is_told_by_its_provider() -> None:
    assert served(category("file_access"), Kind("any", KERNEL_FILE.upper(), 12))
    assert not served(category("file_access"), Kind(SYSMON, "Microsoft-Windows-Sysmon", 12))
    assert served(category("file_rename"), Kind(None, KERNEL_FILE, 27))


def test_registry_keys_made_and_deleted_share_an_id() -> None:
    (added,) = sources_for(category("registry_add"))
    (deleted,) = sources_for(category("registry_delete"))
    assert added.where == (("EventType", frozenset({"createkey"})),)
    assert deleted.where == (("EventType", frozenset({"deletekey", "deletevalue"})),)


def test_some_events_carry_fields_under_other_names() -> None:
    (antivirus,) = sources_for(LogSource(category="antivirus"))
    assert antivirus.view == {"Signature": "ThreatName", "Filename": "Path"}
    (security,) = sources_for(LogSource("windows", "process_creation", "security"))
    assert security.view == {"ProcessId": "NewProcessId", "ParentProcessId": "ProcessId"}


@pytest.mark.parametrize("service", SERVICES)
def test_every_service_is_its_channels(service: str) -> None:
    for channel in SERVICES[service]:
        assert served(LogSource("windows", None, service), Kind(channel.upper(), None, None))


def test_a_log_source_without_events_of_ours_is_dormant() -> None:
    for source in (LogSource("linux"), LogSource(category="proxy"), LogSource(service="security")):
        assert sources_for(source) == ()
    assert sources_for(LogSource("windows", "process_creation", "system")) == ()


def test_an_event_bound_by_hand_serves_what_it_is_bound_to() -> None:
    bound = LogSource("zeek", None, "DNS")
    assert bound_serves(LogSource("zeek", None, "dns"), bound)
    assert bound_serves(LogSource("zeek"), bound)
    assert not bound_serves(LogSource("zeek", "network", "dns"), bound)
    assert not bound_serves(LogSource(service="http"), bound)
    assert not served(LogSource("windows"), Kind(None, None, None, LogSource("windows")))
