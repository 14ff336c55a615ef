"""The published views: the events as they are kept, and under the names that Defender's hunting tables have.

Source: Microsoft, "Advanced hunting schema reference" (names of tables, columns and action types).
"""

from __future__ import annotations

from dataclasses import dataclass

from carecordon.telemetry.columns import COLUMNS, DATABASE, HASHES, TABLE

Expressions = tuple[tuple[str, str], ...]
"""Columns of a view: the published name, and what it is made of."""

HIDDEN = frozenset({"day", "shape"})
"""Columns of `events` that can be asked for by name but are no part of `*`."""
SYSMON = "channel IN ('Microsoft-Windows-Sysmon/Operational', 'Linux-Sysmon/Operational')"
SECURITY = "channel IN ('Security', 'security')"


@dataclass(frozen=True, slots=True)
class View:
    """A published view: its name, what it holds, its columns, and the condition that an event is in it."""

    name: str
    says: str
    columns: Expressions
    holds: str

    @property
    def starred(self) -> tuple[str, ...]:
        """Return the columns that `*` means."""
        return tuple(name for name, _ in self.columns if self.name != TABLE or name not in HIDDEN)

    @property
    def names(self) -> frozenset[str]:
        """Return all columns that may be asked for."""
        return frozenset(name for name, _ in self.columns)

    def create(self) -> str:
        """Return the statement that makes it."""
        columns = ", ".join(f"{made} AS `{name}`" for name, made in self.columns)
        chosen = f"SELECT {columns} FROM {DATABASE}.{TABLE} WHERE {self.holds}"  # noqa: S608  # constants of ours
        return f"CREATE OR REPLACE VIEW {DATABASE}.{self.name} AS {chosen}"


def _file_name(path: str) -> str:
    return f"arrayElement(splitByRegexp('[\\\\\\\\/]', {path}), -1)"


def _account(prefix: str, user: str) -> Expressions:
    return (
        (f"{prefix}AccountDomain", f"if(position({user}, '\\\\') > 0, splitByChar('\\\\', {user})[1], '')"),
        (f"{prefix}AccountName", f"splitByChar('\\\\', {user})[-1]"),
    )


def _view(name: str, says: str, action: str, columns: Expressions, holds: str) -> View:
    return View(name, says, (*_HEAD, ("ActionType", action), *columns, *_TAIL), holds)


_HEAD: Expressions = (("Timestamp", "time"), ("DeviceName", "ifNull(device, '')"))
_TAIL: Expressions = (
    ("AdditionalFields", "fields"),
    ("EventId", "event_id"),
    ("Sender", "sender"),
    ("Epoch", "epoch"),
    ("Sequence", "sequence"),
    ("ReceivedTime", "received"),
)
_FILE: Expressions = tuple((name, name) for name in HASHES)
_NEW_PROCESS = "reinterpretAsInt64(reverse(unhex(leftPad(substring(fields['NewProcessId'], 3), 16, '0'))))"
"""The number of the process that Security 4688 tells of: hexadecimal text there."""
_LOGON_TYPE = (
    "transform(ifNull(LogonType, -1), [2, 3, 4, 5, 7, 8, 9, 10, 11], ['Interactive', 'Network', 'Batch', 'Service',"
    " 'Unlock', 'NetworkCleartext', 'NewCredentials', 'RemoteInteractive', 'CachedInteractive'], 'Unknown')"
)
_BY_ITSELF: Expressions = (
    ("InitiatingProcessFileName", _file_name("Image")),
    ("InitiatingProcessFolderPath", "Image"),
    ("InitiatingProcessId", "ProcessId"),
    ("InitiatingProcessUniqueId", "ProcessGuid"),
    *_account("InitiatingProcess", "User"),
)
"""Who did it, where the event is of the process that did it."""

EVENTS = View(
    TABLE,
    "every event as it is kept, in Sigma's names",
    (
        *((column.name, column.name) for column in COLUMNS),
        *_FILE,
    ),
    "1",
)
PROCESSES = _view(
    "DeviceProcessEvents",
    "processes that began (Sysmon 1, Security 4688) or ended (Sysmon 5, Security 4689)",
    "if(event_id IN (5, 4689), 'ProcessTerminated', 'ProcessCreated')",
    (
        ("FileName", _file_name("Image")),
        ("FolderPath", "Image"),
        *_FILE,
        ("ProcessId", f"if(event_id = 4688, {_NEW_PROCESS}, ProcessId)"),
        ("ProcessUniqueId", "ProcessGuid"),
        ("ProcessCommandLine", "CommandLine"),
        ("ProcessIntegrityLevel", "IntegrityLevel"),
        ("ProcessVersionInfoOriginalFileName", "OriginalFileName"),
        *_account("", "User"),
        ("LogonId", "LogonId"),
        ("InitiatingProcessFileName", _file_name("ParentImage")),
        ("InitiatingProcessFolderPath", "ParentImage"),
        ("InitiatingProcessCommandLine", "ParentCommandLine"),
        ("InitiatingProcessId", "ParentProcessId"),
        ("InitiatingProcessUniqueId", "ParentProcessGuid"),
        *_account("InitiatingProcess", "ParentUser"),
    ),
    f"({SYSMON} AND event_id IN (1, 5)) OR ({SECURITY} AND event_id IN (4688, 4689))"
    " OR bound LIKE '%\"process_creation\"%'",
)
NETWORK = _view(
    "DeviceNetworkEvents",
    "connections (Sysmon 3, Security 5156 and 5157)",
    "if(event_id = 5157, 'ConnectionBlocked', 'ConnectionSuccess')",
    (
        ("RemoteIP", "if(DestinationIp = '', fields['DestAddress'], DestinationIp)"),
        ("RemotePort", "ifNull(DestinationPort, toInt64OrNull(fields['DestPort']))"),
        ("RemoteUrl", "DestinationHostname"),
        ("LocalIP", "if(SourceIp = '', fields['SourceAddress'], SourceIp)"),
        ("LocalPort", "SourcePort"),
        ("Protocol", "Protocol"),
        *_BY_ITSELF,
    ),
    f"({SYSMON} AND event_id = 3) OR ({SECURITY} AND event_id IN (5156, 5157))",
)
FILES = _view(
    "DeviceFileEvents",
    "files made, changed or deleted (Sysmon 2, 11, 15, 23, 26 to 29)",
    "multiIf(event_id IN (23, 26), 'FileDeleted', event_id IN (11, 15, 29), 'FileCreated', 'FileModified')",
    (("FileName", _file_name("TargetFilename")), ("FolderPath", "TargetFilename"), *_FILE, *_BY_ITSELF),
    f"{SYSMON} AND event_id IN (2, 11, 15, 23, 26, 27, 28, 29)",
)
REGISTRY = _view(
    "DeviceRegistryEvents",
    "registry keys and values made, set, renamed or deleted (Sysmon 12 to 14)",
    "transform(EventType, ['SetValue', 'CreateKey', 'DeleteKey', 'DeleteValue', 'RenameKey'],"
    " ['RegistryValueSet', 'RegistryKeyCreated', 'RegistryKeyDeleted', 'RegistryValueDeleted', 'RegistryKeyRenamed'],"
    " toString(EventType))",
    (
        ("RegistryKey", "TargetObject"),
        ("RegistryValueName", _file_name("TargetObject")),
        ("RegistryValueData", "Details"),
        *_BY_ITSELF,
    ),
    f"{SYSMON} AND event_id IN (12, 13, 14)",
)
LOGONS = _view(
    "DeviceLogonEvents",
    "logons that succeeded or failed (Security 4624, 4625, 4648)",
    "multiIf(event_id = 4624, 'LogonSuccess', event_id = 4625, 'LogonFailed', 'LogonAttempted')",
    (
        ("AccountName", "TargetUserName"),
        ("AccountDomain", "TargetDomainName"),
        ("AccountSid", "TargetUserSid"),
        ("LogonType", _LOGON_TYPE),
        ("LogonId", "TargetLogonId"),
        ("RemoteIP", "IpAddress"),
        ("RemoteDeviceName", "WorkstationName"),
        ("FailureReason", "Status"),
        ("InitiatingProcessAccountName", "SubjectUserName"),
        ("InitiatingProcessAccountDomain", "SubjectDomainName"),
        ("InitiatingProcessFolderPath", "ProcessName"),
    ),
    f"{SECURITY} AND event_id IN (4624, 4625, 4648)",
)
IMAGES = _view(
    "DeviceImageLoadEvents",
    "libraries and drivers loaded (Sysmon 6 and 7)",
    "if(event_id = 6, 'DriverLoaded', 'ImageLoaded')",
    (
        ("FileName", _file_name("ImageLoaded")),
        ("FolderPath", "ImageLoaded"),
        *_FILE,
        ("Signer", "Signature"),
        ("SignatureStatus", "SignatureStatus"),
        *_BY_ITSELF,
    ),
    f"{SYSMON} AND event_id IN (6, 7)",
)
_OTHER_ACTION = (
    f"multiIf({SYSMON}, transform(ifNull(event_id, 0), [8, 10, 17, 18, 19, 20, 21, 22],"
    " ['CreateRemoteThreadApiCall', 'OpenProcessApiCall', 'NamedPipeEvent', 'NamedPipeEvent', 'WmiEvent', 'WmiEvent',"
    f" 'WmiEvent', 'DnsQueryResponse'], 'Other'), {SECURITY}, transform(ifNull(event_id, 0),"
    " [1102, 4697, 4698, 4720, 4769], ['SecurityLogCleared', 'ServiceInstalled', 'ScheduledTaskCreated',"
    " 'UserAccountCreated', 'ServiceTicketRequested'], 'Other'),"
    " event_id = 4104, 'PowerShellCommand', event_id = 7045, 'ServiceInstalled', 'Other')"
)
_ELSEWHERE = " OR ".join(f"ifNull(({view.holds}), 0)" for view in (PROCESSES, NETWORK, FILES, REGISTRY, LOGONS, IMAGES))
OTHERS = _view(
    "DeviceEvents",
    "everything that stands in none of the other views",
    _OTHER_ACTION,
    (
        ("QueryName", "QueryName"),
        ("QueryResults", "QueryResults"),
        ("PipeName", "PipeName"),
        ("ScriptBlockText", "ScriptBlockText"),
        ("ServiceName", "ServiceName"),
        ("TargetProcessFolderPath", "TargetImage"),
        ("TargetProcessUniqueId", "TargetProcessGUID"),
        ("InitiatingProcessFolderPath", "if(Image = '', SourceImage, Image)"),
        ("InitiatingProcessUniqueId", "if(ProcessGuid = '', SourceProcessGUID, ProcessGuid)"),
        ("InitiatingProcessId", "ifNull(ProcessId, SourceProcessId)"),
        *_account("InitiatingProcess", "User"),
    ),
    f"NOT ({_ELSEWHERE})",
)

VIEWS = {view.name: view for view in (EVENTS, PROCESSES, NETWORK, FILES, REGISTRY, LOGONS, IMAGES, OTHERS)}
"""By name, as they are documented (docs/questions.md)."""
