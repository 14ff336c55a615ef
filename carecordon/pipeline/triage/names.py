"""By which names an event can be asked for: its process, logon, service, task, program file, policy, and who called.

An incident asks for the events that bear its names (asking.py in the scan, the store in the
hub); `names_of` says which an event bears, `fields_of` in which fields they stand.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from enum import StrEnum
from functools import lru_cache
from itertools import islice

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
    read_subject,
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

_PATHS = ("TargetFilename", "RelativeTargetName", "ImagePath", "ServiceFileName", "Details", "TargetObject", "ObjectDN")
EVERY = (
    *("ProcessGuid", "ProcessId", "SourceProcessGuid", "SourceProcessGUID", "SourceProcessId", "NewProcessId"),
    *("ServiceName", "param1", "TaskName", "SourceIp", "SourceAddress", "IpAddress"),
    *LOGON_FIELDS,
    *_PATHS,
)
"""All fields in which names stand; a script of PowerShell has them elsewhere."""
POWERSHELL = ("Execution_ProcessID",)
_OF_SYSMON = {
    1: ("ProcessGuid", "ProcessId", "LogonId"),
    3: ("ProcessGuid", "SourceIp"),
    **dict.fromkeys((5, 7, 9, 17, 18, 22, 25), ("ProcessGuid",)),
    8: ("SourceProcessGuid",),
    10: ("SourceProcessGUID",),
    **dict.fromkeys((11, 15, 23, 26), ("ProcessGuid", "TargetFilename")),
    **dict.fromkeys((12, 13, 14), ("ProcessGuid", "TargetObject", "Details")),
}
"""Of frequent kinds the fields that they have, the process's own id first. Source: Sysmon's own manifest."""
_WITH_THEM = ("Initiated", "DestinationPort")
"""What is no name but says whether another field is one."""
_POWERSHELLS = frozenset({"microsoft-windows-powershell/operational", "windows powershell"})
REMOTE_PORTS = frozenset({22, 135, 139, 445, 3389, 5985, 5986})
"""Ports by which a device is run or written to from another: SSH, RPC, SMB, RDP, WinRM. Source: IANA."""
DEEDS = frozenset(
    {4662, 4697, 4698, 4699, 4700, 4701, 4702, 4719, 4739, 4781, 4794, 5140, 5142, 5143, 5144, 5145}
    | set(range(4720, 4768))
    | set(range(5136, 5142))
)
"""Security events of what is done in a logon to directory, accounts, shares, services, tasks and the audit itself.

Source: Windows security auditing events.
"""
NAMED, NAME_CHARS = 64, 128
LOGGED_ON = 4624
SERVICE_STATES = frozenset({7036, 7040})
"""System events that name a service in `param1`. Source: Service Control Manager."""
RUNNABLE = re.compile(r"\.(?:exe|dll|sys|scr|com|bat|cmd|ps1|psm1|vbs|vbe|js|jse|wsf|hta|msi|lnk|jar)\b")
_SERVICE_KEY = re.compile(r"\\services\\([^\\]{1,256})\\(?:start|imagepath|objectname|parameters|type|failurecommand)")
_POLICY = re.compile(r"\{[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}\}")
_POLICIES = ("policies", "group policy\\history")
_OF_EVERY_DOMAIN = frozenset({"{31b2f340-016d-11d2-945f-00c04fb984f9}", "{6ac1786c-016f-11d2-945f-00c04fb984f9}"})
"""The default policies of domains and of their controllers. Source: MS-GPOD 1.1.4."""
_VERSION = "\\gpt.ini"
"""Where a policy's version stands, which every device reads every hour or two."""


def fields_of(kind: Kind, fields: Mapping[str, Value]) -> tuple[str, ...]:
    """Return the fields of an event in which its names stand: those of its kind, EVERY where the first is absent."""
    wanted = fields_of_kind(kind)
    return wanted if wanted is POWERSHELL or fields.get(wanted[0]) is not None else EVERY


@lru_cache(4096)
def fields_of_kind(kind: Kind) -> tuple[str, ...]:
    """Return the fields of events of a kind in which names stand, where the first of them is there."""
    channel = (kind.channel or "").lower()
    if channel in _POWERSHELLS:
        return POWERSHELL
    return _OF_SYSMON.get(kind.event_id or 0, EVERY) if channel == SYSMON else EVERY


def names_of(kind: Kind, fields: Mapping[str, Value]) -> Iterator[Name]:
    """Yield the names that an event bears; some may come twice."""
    wanted = fields_of(kind, fields)
    if wanted is POWERSHELL:
        if (pid := number(fields, *POWERSHELL)) is not None:
            yield By.PID, str(pid)
        return
    if wanted is not EVERY:
        fields = {name: fields[name] for name in (*wanted, *_WITH_THEM) if name in fields}
    subject = read_subject(fields, kind.channel, kind.event_id)
    yield from _processes(kind, subject)
    yield from _logons(kind, subject, fields)
    if subject.service is not None:
        yield By.SERVICE, subject.service.lower()
    if kind.event_id in SERVICE_STATES and (name := text(fields, "param1")):
        yield By.SERVICE, name.lower()
    if (task := text(fields, "TaskName")) is not None:
        yield By.TASK, task.lower()
    for field in _PATHS:
        if (value := text(fields, field)) is not None:
            yield from named_in(value)


def _processes(kind: Kind, subject: Subject) -> Iterator[Name]:
    if is_start(kind):
        yield from ((By.START, str(name)) for name in (subject.guid, subject.pid) if name is not None)
    if subject.guid is not None:
        yield By.GUID, subject.guid
    elif subject.pid is not None and not is_start(kind):
        yield By.PID, str(subject.pid)


def _logons(kind: Kind, subject: Subject, fields: Mapping[str, Value]) -> Iterator[Name]:
    channel = (kind.channel or "").lower()
    if is_logon(kind) or (channel == SECURITY and kind.event_id in DEEDS):
        yield from ((By.LOGON, logon) for logon in subject.logons)
    yield from ((By.SESSION, logon) for logon in subject.logons)
    if kind.event_id == LOGGED_ON and (call := call_of(fields)) is not None:
        yield By.CALL, call
    source = telling_address(subject.source)
    if source is None:
        return
    if channel == SECURITY:
        yield from ((By.CALLER, caller) for caller in callers(source, subject))
    elif number(fields, "DestinationPort") in REMOTE_PORTS:
        yield By.INBOUND, source


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


def named_in(value: str) -> tuple[Name, ...]:
    """Return the programs, services and policies named in a path, a command, a registry key or a distinguished name.

    At most NAMED of each, from the beginning; a file's name is cut to its last NAME_CHARS.
    """
    if "\\" not in value and "." not in value and "=" not in value:
        return ()
    lower = value.replace("/", "\\").lower()
    found: list[Name] = []
    for suffix in islice(RUNNABLE.finditer(lower), NAMED):
        before = max(0, suffix.start() - NAME_CHARS)
        begin = max(lower.rfind(mark, before, suffix.start()) for mark in '\\ "=,') + 1
        found.append((By.FILE, lower[begin or before : suffix.end()]))
    if "\\services\\" in lower:
        found.extend((By.SERVICE, key[1]) for key in islice(_SERVICE_KEY.finditer(lower), NAMED))
    if any(word in lower for word in _POLICIES) and not lower.endswith(_VERSION):
        policies = {policy[0] for policy in islice(_POLICY.finditer(lower), NAMED)}
        found.extend((By.POLICY, policy) for policy in sorted(policies - _OF_EVERY_DOMAIN))
    return tuple(found)
