"""Kinds of facts about Windows itself: services, scheduled tasks, logs, anti-virus, start and stop."""

from __future__ import annotations

import re
from html import unescape

from carecordon.model.event import Fields
from carecordon.report.story.kind import Kind
from carecordon.report.story.values import (
    COMMAND_CHARS,
    Slot,
    account,
    command,
    field,
    name,
    path,
    quoted,
    show_account,
    text_of,
    told,
)


def _task_command(fields: Fields) -> str | None:
    """Return what a scheduled task runs, from its XML."""
    text = text_of(fields.get("TaskContent", fields.get("TaskContentNew"))) or ""
    parts = re.findall(r"<(?:Command|Arguments)>([^<]{1,3000})</", text)
    return unescape(" ".join(parts)) or None


_BY = account("Subject")
_SERVICE = {
    "service": name("ServiceName"),
    "command": command("ImagePath", "ServiceFileName"),
    "runs_as": Slot(lambda fields: field(fields, "AccountName", "ServiceAccount"), show_account),
    "by": _BY,
}
_TASK = {
    "task": name("TaskName"),
    "by": account("Subject", "UserContext", "UserName"),
    "command": Slot(_task_command, lambda raw, _: quoted(raw, COMMAND_CHARS)),
}
_SERVICE_STATE = {"service": name("param1", "ServiceName"), "state": told("states", "param2")}
_THREAT = {
    "threat": name("ThreatName", "Threat Name"),
    "file": path("Path"),
    "action": name("ActionName", "Action Name"),
    "account": account("", "DetectionUser", "Detection User"),
}

SYSTEM = (
    Kind(
        "service_installed",
        (("system", 7045), ("security", 4697)),
        _SERVICE,
        same=("service", "command"),
        weight=40,
        twin=("command",),
    ),
    Kind("service_state", (("system", 7036),), _SERVICE_STATE, ("state",), 8, "service"),
    Kind(
        "service_changed",
        (("system", 7040),),
        {"service": name("param1"), "before": name("param2"), "state": name("param3")},
        same=("state",),
        weight=15,
        varies="service",
    ),
    Kind("service_died", (("system", 7031), ("system", 7034)), {"service": name("param1")}, (), 14, "service"),
    Kind(
        "service_failed",
        (("system", 7000), ("system", 7009), ("system", 7011), ("system", 7022), ("system", 7023)),
        {"service": name("param1", "param2")},
        same=("service",),
        weight=12,
    ),
    Kind("task_created", (("security", 4698), ("tasks", 106)), _TASK, ("task",), 36, twin=("task",)),
    Kind("task_changed", (("security", 4702), ("tasks", 140)), _TASK, ("task",), 16, twin=("task",)),
    Kind("task_removed", (("security", 4699), ("tasks", 141)), _TASK, ("task",), 20, twin=("task",)),
    Kind(
        "task_ran",
        (("tasks", 200), ("tasks", 129)),
        {"task": name("TaskName"), "command": command("ActionName", "Path")},
        same=("task",),
        weight=14,
    ),
    Kind("task_ended", (("tasks", 201), ("tasks", 102)), {"task": name("TaskName")}, ("task",), 3),
    Kind("log_cleared", (("security", 1102),), {"by": _BY}, (), 55),
    Kind(
        "other_log_cleared",
        (("system", 104),),
        {"log": name("EventData_Channel", "LogName", "ChannelName", "BackupPath"), "by": _BY},
        same=("by",),
        weight=55,
        varies="log",
    ),
    Kind("log_stopped", (("security", 1100),), {}, (), 15),
    Kind("audit_changed", (("security", 4719),), {"by": _BY, "name": name("SubcategoryGuid")}, ("by",), 25, "name"),
    Kind("clock_changed", (("security", 4616),), {"by": _BY}, ("by",), 6),
    Kind(
        "threat_found", (("defender", 1116), ("defender", 1006), ("defender", 1015)), _THREAT, ("threat",), 45, "file"
    ),
    Kind("threat_handled", (("defender", 1117), ("defender", 1007)), _THREAT, ("threat", "action"), 30, "file"),
    Kind("threat_left", (("defender", 1118), ("defender", 1119), ("defender", 1008)), _THREAT, ("threat",), 45, "file"),
    Kind("protection_off", (("defender", 5001), ("defender", 5010), ("defender", 5012)), {}, (), 50),
    Kind("protection_on", (("defender", 5000),), {}, (), 10),
    Kind(
        "protection_changed",
        (("defender", 5007), ("defender", 5004), ("defender", 5013)),
        {"value": path("NewValue", "New Value", "Value")},
        same=(),
        weight=24,
        varies="value",
    ),
    Kind("device_started", (("system", 6005), ("system", 12)), {}, (), 10),
    Kind("device_stopped", (("system", 6006), ("system", 1074), ("system", 13)), {"image": path("param1")}, (), 10),
    Kind("device_died", (("system", 6008), ("system", 41)), {}, (), 14),
    Kind(
        "sensor_changed",
        (("sysmon", 4), ("sysmon", 16), ("sysmon", 255)),
        {"state": name("State", "Configuration", "Description")},
        (),
        20,
        "state",
    ),
)
