"""What an event says of who did something, with what and from where: the fields that triage goes by."""

from __future__ import annotations

from collections.abc import Mapping
from sys import intern

from msgspec import Struct

from carecordon.model.event import Fields, Kind, Value
from carecordon.model.match import Match
from carecordon.model.process import ProcessStart

LOGON_FIELDS = ("LogonId", "SubjectLogonId", "TargetLogonId")
SUBJECT_FIELDS = (
    *("ProcessGuid", "ProcessId", "NewProcessId", "Image", "ProcessName", "CommandLine", "User"),
    *("ParentProcessGuid", "ParentProcessId", "ParentImage"),
    *("SourceProcessGuid", "SourceProcessGUID", "SourceProcessId", "SourceImage", "SourceUser"),
    *LOGON_FIELDS,
    *("SubjectUserName", "SubjectDomainName", "TargetUserName", "TargetDomainName"),
    *("SourceIp", "DestinationIp", "IpAddress", "SourceAddress", "Initiated"),
    *("TargetFilename", "ImageLoaded", "ActionName", "Hashes", "ServiceName"),
    *("TaskName", "ObjectDN", "RelativeTargetName", "ImagePath", "ServiceFileName"),
)
"""Source: Sysmon's and the Windows Security log's own field names."""
FILE_FIELDS = ("TargetFilename", "ImageLoaded", "ActionName")
"""What was written, loaded, or is run by a task of the scheduler."""
SECURITY = "security"
PROCESS_CREATED = 4688
LOGONS = frozenset({4624, 4625, 4634, 4648, 4768, 4769, 4771, 4776})
"""Security events that are about the target's account. Source: Windows security auditing events."""
SESSIONS = frozenset({4624, 4634, 4647, 4648, 4672})
"""Security events of a logon's life: begun, ended, by the user, with other credentials, with special rights."""
_SERVICE_LOGONS = frozenset({"0x0", "0x3e7", "0x3e4", "0x3e5"})
"""Logons of the system, the network service and the local service. Source: MS-DTYP 2.4.2.4 (their SIDs), winnt.h."""


class Subject(Struct, frozen=True, array_like=True):
    """The fields of one event, read. `accounts` as spelt, the actor first; `logons` of people only, lower case.

    `source` the address that something came from, `destination` the one it went to,
    `own` the device's own, where it reached out itself.
    """

    guid: str | None = None
    pid: int | None = None
    image: str | None = None
    command_line: str | None = None
    parent_guid: str | None = None
    parent_pid: int | None = None
    parent_image: str | None = None
    logons: tuple[str, ...] = ()
    accounts: tuple[str, ...] = ()
    source: str | None = None
    destination: str | None = None
    own: str | None = None
    files: tuple[str, ...] = ()
    hash: str | None = None
    service: str | None = None


LONGEST_NUMBER = 64
"""Characters; longer texts are no process ids, and would take long to read as numbers."""
STARTS = frozenset({1, PROCESS_CREATED})
"""Event ids of process creation: Sysmon's and the Security log's."""
SYSMON = "microsoft-windows-sysmon/operational"


def is_start(kind: Kind) -> bool:
    """Say whether an event tells that a process started."""
    channel = (kind.channel or "").lower()
    return (channel == SYSMON and kind.event_id == 1) or (channel == SECURITY and kind.event_id == PROCESS_CREATED)


def is_logon(kind: Kind) -> bool:
    """Return whether an event tells of the beginning or the end of a logon."""
    return (kind.channel or "").lower() == SECURITY and kind.event_id in SESSIONS


def subject_fields(fields: Mapping[str, Value]) -> Fields:
    """Return those fields of an event that triage goes by."""
    return {name: fields[name] for name in SUBJECT_FIELDS if name in fields}


def subject_of(match: Match) -> Subject:
    """Return what a match's event says of who did it."""
    return read_subject(match.subject, match.channel, match.event_id)


def read_subject(fields: Mapping[str, Value], channel: str | None, event_id: int | None) -> Subject:
    """Return what an event's fields say of who did it; what is of the wrong type counts as not said."""
    is_audit = (channel or "").lower() == SECURITY
    is_start = is_audit and event_id == PROCESS_CREATED
    pid = "NewProcessId" if is_start else "ProcessId"
    inward = str(fields.get("Initiated", "")).lower() == "false"
    source, destination = text(fields, "SourceIp"), text(fields, "DestinationIp")
    came_from = source if inward else (text(fields, "IpAddress") or text(fields, "SourceAddress"))
    return Subject(
        guid=guid(fields, "ProcessGuid", "SourceProcessGuid", "SourceProcessGUID"),
        pid=number(fields, pid) or number(fields, "SourceProcessId"),
        image=text(fields, "Image") or text(fields, "SourceImage") or text(fields, "ProcessName"),
        command_line=text(fields, "CommandLine"),
        parent_guid=guid(fields, "ParentProcessGuid"),
        parent_pid=number(fields, "ProcessId" if is_start else "ParentProcessId"),
        parent_image=text(fields, "ParentImage"),
        logons=_logons(fields),
        accounts=_accounts(fields, is_logon=is_audit and event_id in LOGONS),
        source=came_from,
        destination=None if inward else destination,
        own=None if inward else source,
        files=tuple(name for field in FILE_FIELDS if (name := text(fields, field))),
        hash=_hash(text(fields, "Hashes")),
        service=text(fields, "ServiceName") if event_id not in LOGONS else None,
    )


def start_of(
    fields: Mapping[str, Value], channel: str | None, event_id: int | None, device: str, time: int, position: int
) -> ProcessStart:
    """Return the start of a process that an event of process creation tells; its file is still to be named.

    Starts are kept for long, and by the hundred thousand: texts that many have in common are one object.
    """
    told = read_subject(fields, channel, event_id)
    return ProcessStart(
        device=intern(device),
        time=time,
        pid=told.pid,
        guid=_shared(told.guid),
        parent_pid=told.parent_pid,
        parent_guid=_shared(told.parent_guid),
        image=_shared(told.image),
        parent_image=_shared(told.parent_image),
        command_line=told.command_line,
        account=_shared(told.accounts[0] if told.accounts else None),
        logon=_shared(told.logons[0] if told.logons else None),
        file="",
        position=position,
    )


def _shared(value: str | None) -> str | None:
    return None if value is None else intern(value)


def text(fields: Mapping[str, Value], name: str) -> str | None:
    """Return a field's text; None where it is absent, no text, empty or the `-` that Windows writes for nothing."""
    value = fields.get(name)
    return value if isinstance(value, str) and value not in ("", "-") else None


def number(fields: Mapping[str, Value], name: str) -> int | None:
    """Return a process id, written as a number, in decimal or as `0x…`; None for everything else, and for 0."""
    value = fields.get(name)
    if isinstance(value, bool) or not isinstance(value, int | str):
        return None
    if isinstance(value, str):
        if len(value) > LONGEST_NUMBER:
            return None
        try:
            value = int(value, 16 if value[:2].lower() == "0x" else 10)
        except ValueError:
            return None
    return value if 0 < value < 1 << 32 else None


def guid(fields: Mapping[str, Value], *names: str) -> str | None:
    """Return the first of these fields that holds an id other than all zeros, in one spelling."""
    for name in names:
        value = text(fields, name)
        if value is not None and (plain := value.strip("{} ").lower()).strip("0-"):
            return plain
    return None


def _logons(fields: Mapping[str, Value]) -> tuple[str, ...]:
    found = (text(fields, name) for name in LOGON_FIELDS)
    return tuple(dict.fromkeys(one.lower() for one in found if one and one.lower() not in _SERVICE_LOGONS))


def _accounts(fields: Mapping[str, Value], *, is_logon: bool) -> tuple[str, ...]:
    """Return the accounts that an event names: of a logon the one that logged on comes first."""
    target = _account(fields, "TargetDomainName", "TargetUserName")
    actor = _account(fields, "SubjectDomainName", "SubjectUserName")
    user = text(fields, "User") or text(fields, "SourceUser")
    order = (target, actor, user) if is_logon else (user, actor, target)
    return tuple(dict.fromkeys(one for one in order if one))


def _account(fields: Mapping[str, Value], domain: str, name: str) -> str | None:
    user, realm = text(fields, name), text(fields, domain)
    return f"{realm}\\{user}" if user and realm and "@" not in user else user


def _hash(hashes: str | None) -> str | None:
    """Return the SHA-256 in Sysmon's list of hashes, else its first; lower case."""
    parts = dict(part.split("=", 1) for part in (hashes or "").split(",") if "=" in part)
    found = (parts.get("SHA256") or next(iter(parts.values()), "")).lower()
    return found if found.strip("0") else None
