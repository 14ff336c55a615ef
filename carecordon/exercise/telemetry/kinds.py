"""The logs and event ids that the world speaks in, each with the header that Windows gives it."""

from __future__ import annotations

from typing import Any

from carecordon.exercise.telemetry.sensor import Kind

SYSMON = "Microsoft-Windows-Sysmon/Operational"
SECURITY = "Security"
SYSTEM = "System"
POWERSHELL = "Microsoft-Windows-PowerShell/Operational"
TASKS = "Microsoft-Windows-TaskScheduler/Operational"
DEFENDER = "Microsoft-Windows-Windows Defender/Operational"
EVENTLOG = "Microsoft-Windows-Eventlog"

_SYSMON_VERSIONS = {1: 5, 3: 5, 5: 3, 7: 3, 8: 2, 10: 3, 11: 2, 12: 2, 13: 2, 17: 1, 18: 1, 22: 5, 23: 5, 25: 5}
_AUDIT_SUCCESS, _AUDIT_FAILURE = "0x8020000000000000", "0x8010000000000000"


def _kind(channel: str, provider: str, event_id: int, **header: Any) -> Kind:
    fixed = {"Channel": channel, "SourceName": provider, "EventID": event_id, "Level": 4, "Version": 0, "Opcode": 0}
    return Kind(channel, fixed | header)


def _sysmon(event_id: int) -> Kind:
    header = {"Version": _SYSMON_VERSIONS[event_id], "Task": event_id, "Keywords": "0x8000000000000000"}
    return _kind(SYSMON, "Microsoft-Windows-Sysmon", event_id, **header, Security_UserID="S-1-5-18")


def _audit(event_id: int, task: int, keywords: str = _AUDIT_SUCCESS, version: int = 0) -> Kind:
    header = {"Level": 0, "Task": task, "Keywords": keywords, "Version": version}
    return _kind(SECURITY, "Microsoft-Windows-Security-Auditing", event_id, **header)


PROCESS_STARTED = _sysmon(1)
CONNECTED = _sysmon(3)
PROCESS_ENDED = _sysmon(5)
IMAGE_LOADED = _sysmon(7)
REMOTE_THREAD = _sysmon(8)
PROCESS_OPENED = _sysmon(10)
FILE_CREATED = _sysmon(11)
KEY_CHANGED = _sysmon(12)
VALUE_SET = _sysmon(13)
PIPE_CREATED = _sysmon(17)
PIPE_CONNECTED = _sysmon(18)
NAME_ASKED = _sysmon(22)
FILE_DELETED = _sysmon(23)

LOGGED_ON = _audit(4624, 12544, version=2)
LOGON_FAILED = _audit(4625, 12544, _AUDIT_FAILURE)
LOGGED_OFF = _audit(4634, 12545)
EXPLICIT_LOGON = _audit(4648, 12544)
OBJECT_OPERATION = _audit(4662, 14080)
PRIVILEGES = _audit(4672, 12548)
AUDITED_START = _audit(4688, 13312, version=2)
SERVICE_AUDITED = _audit(4697, 12289)
TASK_AUDITED = _audit(4698, 12804, version=1)
ACCOUNT_CREATED = _audit(4720, 13824)
ACCOUNT_ENABLED = _audit(4722, 13824)
PASSWORD_RESET = _audit(4724, 13824)
ADDED_TO_GLOBAL_GROUP = _audit(4728, 13826)
LOCKED_OUT = _audit(4740, 13824)
TICKET_GRANTED = _audit(4768, 14339)
SERVICE_TICKET = _audit(4769, 14337)
PREAUTH_FAILED = _audit(4771, 14339, _AUDIT_FAILURE)
CREDENTIALS_CHECKED = _audit(4776, 14336)
SESSION_LOCKED = _audit(4800, 12551)
SESSION_UNLOCKED = _audit(4801, 12551)
DIRECTORY_CHANGED = _audit(5136, 14081)
SHARE_OPENED = _audit(5140, 12808, version=1)
SHARE_CHECKED = _audit(5145, 12811)
SECURITY_CLEARED = _kind(SECURITY, EVENTLOG, 1102, Task=104, Keywords="0x4020000000000000")

SERVICE_INSTALLED = _kind(SYSTEM, "Service Control Manager", 7045, Task=0, Keywords="0x8080000000000000")
SERVICE_STATE = _kind(SYSTEM, "Service Control Manager", 7036, Task=0, Keywords="0x8080000000000000")
LOG_CLEARED = _kind(SYSTEM, EVENTLOG, 104, Task=104, Keywords="0x8000000000000000")
UPDATE_INSTALLED = _kind(SYSTEM, "Microsoft-Windows-WindowsUpdateClient", 19, Task=1, Keywords="0x8000000000000018")

SCRIPT_COMMAND = _kind(POWERSHELL, "Microsoft-Windows-PowerShell", 4103, Version=1, Task=106, Keywords="0x0")
SCRIPT_BLOCK = _kind(POWERSHELL, "Microsoft-Windows-PowerShell", 4104, Version=1, Level=5, Task=2, Keywords="0x0")

TASK_REGISTERED = _kind(TASKS, "Microsoft-Windows-TaskScheduler", 106, Task=106, Keywords="0x8000000000000000")
TASK_STARTED = _kind(TASKS, "Microsoft-Windows-TaskScheduler", 200, Version=1, Task=200, Keywords="0x8000000000000000")

_DEFENDER = "Microsoft-Windows-Windows Defender"
DEFENDER_SCANNED = _kind(DEFENDER, _DEFENDER, 1001, Task=0, Keywords="0x8000000000000000")
DEFENDER_FOUND = _kind(DEFENDER, _DEFENDER, 1116, Level=3, Task=0, Keywords="0x8000000000000000")
DEFENDER_UPDATED = _kind(DEFENDER, _DEFENDER, 2000, Task=0, Keywords="0x8000000000000000")
DEFENDER_OFF = _kind(DEFENDER, _DEFENDER, 5001, Task=0, Keywords="0x8000000000000000")
DEFENDER_CHANGED = _kind(DEFENDER, _DEFENDER, 5007, Task=0, Keywords="0x8000000000000000")
