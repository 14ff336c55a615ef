"""Generated fields written as documents: nested EVTX-JSON, UserData, flat, Winlogbeat, and Security 4688."""

from typing import Any

from tests.oracle.events import SYSTEM_NAMES, WINLOG_NAMES, Fields, Value
from tests.oracle.plain import Rule
from tests.oracle.sources import LABELS

Document = dict[str, Any]
TIME = "2026-01-05T10:30:00.000000Z"
SPACED = {"Signature": "Threat Name", "Filename": "Path"}  # the antivirus names, as Defender writes them
PROCESS_NAMES = {
    "Image": "NewProcessName",
    "ParentImage": "ParentProcessName",
    "LogonId": "SubjectLogonId",
    "CommandLine": "CommandLine",
}


def nested(fields: Fields, rule: Rule) -> Document:
    """Returns the fields as EVTX-JSON with an EventData element."""
    data = {name: _json(value) for name, value in _data(fields, rule).items()}
    if isinstance(data.get("Data"), list):
        data["Data"] = {"#text": data["Data"]}
    return {"Event": {"System": _system(fields), "EventData": data}}


def with_user_data(fields: Fields, rule: Rule) -> Document:
    """Returns the fields as EVTX-JSON with a UserData element."""
    data = {name.replace(" ", ""): _json(value) for name, value in _data(fields, rule).items()}
    return {"Event": {"System": _system(fields), "UserData": {"EventXML": {"#attributes": {"xmlns": "x"}, **data}}}}


def flat(fields: Fields, rule: Rule) -> Document:
    """Returns the fields on top of one document, provider and computer under the names NXLog gives them."""
    named = {"Provider_Name": "SourceName", "Computer": "Hostname"}
    header = {named.get(name, name): _json(value) for name, value in fields.items() if name in SYSTEM_NAMES}
    return {"@timestamp": TIME, **header, **{name: _json(value) for name, value in _data(fields, rule).items()}}


def winlogbeat(fields: Fields, rule: Rule) -> Document:
    """Returns the fields as Winlogbeat ships them."""
    winlog: Document = {"event_data": {name: _json(value) for name, value in _data(fields, rule).items()}}
    for name, steps in WINLOG_NAMES.items():
        if name in fields:
            inner = winlog
            for step in steps[:-1]:
                inner = inner.setdefault(step, {})
            inner[steps[-1]] = fields[name]
    return {"@timestamp": TIME, "winlog": winlog}


SHAPES = (nested, with_user_data, flat, winlogbeat)


def as_4688(fields: Fields, rule: Rule) -> Document | None:
    """Returns a process creation as Security 4688 writes it, None where a field has no counterpart there."""
    if rule.logsource.get("category") != "process_creation" or rule.logsource.get("service"):
        return None
    data: Document = {}
    for name, value in fields.items():
        if name in ("IntegrityLevel", "User"):
            if not isinstance(value, str):
                return None
            data.update(_label(value) if name == "IntegrityLevel" else _subject(value))
        elif name in PROCESS_NAMES:
            data[PROCESS_NAMES[name]] = _json(value)
        elif name in ("ProcessId", "ParentProcessId") and str(value).isdecimal():
            data["NewProcessId" if name == "ProcessId" else "ProcessId"] = hex(int(str(value)))
        elif name not in SYSTEM_NAMES:
            return None
    header: Fields = {
        **fields,
        "Channel": "Security",
        "EventID": 4688,
        "Provider_Name": "Microsoft-Windows-Security-Auditing",
    }
    return {"Event": {"System": _system(header), "EventData": data}}


def _label(level: str) -> Document:
    found = next((label for label, name in LABELS.items() if level.lower() in (name.lower(), label.lower())), None)
    return {"MandatoryLabel": found or level}


def _subject(user: str) -> Document:
    domain, separator, name = user.partition("\\")
    return {"SubjectDomainName": domain, "SubjectUserName": name} if separator else {"SubjectUserName": user}


def _system(fields: Fields) -> Document:
    system: Document = {"TimeCreated": {"#attributes": {"SystemTime": TIME}}}
    for name, (element, attribute) in SYSTEM_NAMES.items():
        if name in fields and attribute is None:
            system[element] = _json(fields[name])
        elif name in fields:
            system.setdefault(element, {"#attributes": {}})["#attributes"][attribute] = _json(fields[name])
    return system


def _data(fields: Fields, rule: Rule) -> Fields:
    """Returns what is no header, the antivirus names turned back into Defender's."""
    renamed = SPACED if rule.logsource.get("category") == "antivirus" else {}
    return {renamed.get(name, name): value for name, value in fields.items() if name not in SYSTEM_NAMES}


def _json(value: Value) -> Any:
    return list(value) if isinstance(value, tuple) else value
