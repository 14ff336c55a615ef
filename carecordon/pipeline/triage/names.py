"""By which names an event can be asked for: its process, logon, service, task, program file, policy, and who called.

An incident asks for the events that bear its names (question.py in the scan, the store in the
hub); `names_of` says which an event bears, `FIELDS` in which fields they stand.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from enum import StrEnum
from functools import lru_cache

from carecordon.model.event import Kind, Value
from carecordon.pipeline.triage.ordinary import account_name, is_person, telling_address
from carecordon.pipeline.triage.subject import (
    LOGON_FIELDS,
    SECURITY,
    SYSMON,
    Subject,
    is_logon,
    is_start,
    number,
    text,
)


class By(StrEnum):
    """Kinds of names."""

    START = "start"
    """A process's own id, or its process id, in the event that tells of its start."""
    GUID = "process"
    PID = "process id"
    LOGON = "logon"
    """In events of its life, and in those that tell what was done in it."""
    SERVICE = "service"
    TASK = "task"
    FILE = "file"
    """The file name of something that can run."""
    POLICY = "policy"
    """The id of a group policy object."""
    CALLER = "caller"
    """An address and the account that came from it."""
    CALL = "call"
    """The same, in the event that tells of the logon."""
    SESSION = "session"
    """A logon, in every event that names it."""
    INBOUND = "inbound"
    """An address from which a connection came to a port by which one device is run from another."""


Name = tuple[By, str]

PROCESS_FIELDS = ("ProcessGuid", "ProcessId", "SourceProcessGuid", "SourceProcessGUID", "SourceProcessId")
_PATHS = ("TargetFilename", "RelativeTargetName", "ImagePath", "ServiceFileName", "Details")
_OTHERS = (
    *PROCESS_FIELDS,
    *("NewProcessId", "Execution_ProcessID", "ServiceName", "param1", "TaskName", "SourceIp", "IpAddress"),
    *LOGON_FIELDS,
    *_PATHS,
    *("TargetObject", "ObjectDN"),
)
_OWN = ("ProcessGuid", "ProcessId")
_OF_SYSMON = {
    1: (*_OWN, "LogonId"),
    3: (*_OWN, "SourceIp"),
    **dict.fromkeys((5, 7, 9, 17, 18, 22, 25), _OWN),
    **dict.fromkeys((8, 10), ("SourceProcessGuid", "SourceProcessGUID", "SourceProcessId")),
    **dict.fromkeys((11, 15, 23, 26), (*_OWN, "TargetFilename")),
    **dict.fromkeys((12, 13, 14), (*_OWN, "TargetObject", "Details")),
}
"""Source: Sysmon's own manifest."""

POWERSHELL = "microsoft-windows-powershell/operational"
REMOTE_PORTS = frozenset({"22", "135", "139", "445", "3389", "5985", "5986"})
"""Ports by which a device is run or written to from another: SSH, RPC, SMB, RDP, WinRM. Source: IANA."""
DEEDS = frozenset(
    {4662, 4697, 4698, 4699, 4700, 4701, 4702, 4719, 4739, 4781, 4794, 5140, 5142, 5143, 5144, 5145}
    | set(range(4720, 4768))
    | set(range(5136, 5142))
)
"""Security events of what is done in a logon to directory, accounts, shares, services, tasks and the audit itself.

Source: Windows security auditing events.
"""
LOGGED_ON = 4624
SERVICE_STATES = frozenset({7036, 7040})
"""System events that name a service in `param1`. Source: Service Control Manager."""
RUNNABLE = re.compile(r"\.(?:exe|dll|sys|scr|com|bat|cmd|ps1|psm1|vbs|vbe|js|jse|wsf|hta|msi|lnk|jar)\b")
_SERVICE_KEY = re.compile(r"\\services\\([^\\]+)\\(?:start|imagepath|objectname|parameters|type|failurecommand)")
_POLICY = re.compile(r"\{[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}\}")
_POLICIES = ("policies", "group policy\\history")
_VERSION = "\\gpt.ini"
"""Where a policy's version stands, which every device reads every hour or two."""


@lru_cache(4096)
def fields_of(kind: Kind) -> tuple[str, ...]:
    """Return the fields of events of a kind in which names stand."""
    is_sysmon = (kind.channel or "").lower() == SYSMON
    return _OF_SYSMON.get(kind.event_id or 0, _OTHERS) if is_sysmon else _OTHERS


def names_of(kind: Kind, subject: Subject, fields: Mapping[str, Value]) -> Iterator[Name]:
    """Yield the names that an event bears; some may come twice."""
    channel = (kind.channel or "").lower()
    pid = number(fields, "Execution_ProcessID") if channel == POWERSHELL else subject.pid
    if is_start(kind):
        yield from ((By.START, str(name)) for name in (subject.guid, subject.pid) if name is not None)
    if subject.guid is not None:
        yield By.GUID, subject.guid
    elif pid is not None and not is_start(kind):
        yield By.PID, str(pid)
    if is_logon(kind) or (channel == SECURITY and kind.event_id in DEEDS):
        yield from ((By.LOGON, logon) for logon in subject.logons)
    yield from ((By.SESSION, logon) for logon in subject.logons)
    if kind.event_id == LOGGED_ON and (call := call_of(fields)) is not None:
        yield By.CALL, call
    if subject.service is not None:
        yield By.SERVICE, subject.service.lower()
    if kind.event_id in SERVICE_STATES and (name := text(fields, "param1")):
        yield By.SERVICE, name.lower()
    if (task := text(fields, "TaskName")) is not None:
        yield By.TASK, task.lower()
    for name in (*_PATHS, "TargetObject", "ObjectDN"):
        if (value := text(fields, name)) is not None:
            yield from named_in(value)
    yield from _callers(channel, subject, fields)


def _callers(channel: str, subject: Subject, fields: Mapping[str, Value]) -> Iterator[Name]:
    source = telling_address(subject.source)
    if source is None:
        return
    if channel == SECURITY:
        yield from ((By.CALLER, caller) for caller in callers(source, subject))
    elif text(fields, "DestinationPort") in REMOTE_PORTS or number(fields, "DestinationPort") in _REMOTE_NUMBERS:
        yield By.INBOUND, source


_REMOTE_NUMBERS = frozenset(map(int, REMOTE_PORTS))


def call_of(fields: Mapping[str, Value]) -> str | None:
    """Return the address and the account of a logon from elsewhere; None where nobody came from anywhere."""
    address, account = telling_address(text(fields, "IpAddress")), text(fields, "TargetUserName")
    return None if address is None or account is None or not is_person(account) else _caller(address, account)


def _caller(address: str, account: str) -> str:
    return f"{address} {account_name(account)}"


def callers(address: str, subject: Subject) -> Iterator[str]:
    """Yield the names of callers: this address with each person that an event names."""
    for account in subject.accounts:
        if is_person(account):
            yield _caller(address, account)


@lru_cache(65_536)
def named_in(value: str) -> tuple[Name, ...]:
    """Return the programs, services and policies named in a path, a command, a registry key or a distinguished name."""
    if "." not in value and "{" not in value and "\\" not in value:
        return ()
    lower = value.replace("/", "\\").lower()
    found: list[Name] = []
    for suffix in RUNNABLE.finditer(lower):
        name = lower[max(lower.rfind(mark, 0, suffix.start()) for mark in '\\ "=,') + 1 : suffix.end()]
        found.append((By.FILE, name))
    if "\\services\\" in lower:
        found.extend((By.SERVICE, name) for name in _SERVICE_KEY.findall(lower))
    if any(word in lower for word in _POLICIES) and not lower.endswith(_VERSION):
        found.extend((By.POLICY, policy) for policy in _POLICY.findall(lower))
    return tuple(found)
