"""Events with a header of their own: `Event.System` as EVTX and XML decode, and Winlogbeat's `winlog`.

Header and data are two name spaces: a data field with a header's name is kept under
`EventData_<name>`, whether this very event has that header or not.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from carecordon.model.fields import flatten, harden

ATTRIBUTES = "#attributes"
TEXT = "#text"
SCALARS = frozenset({str, int, float, bool, type(None)})
ATTRIBUTE_NAMES = {
    "Provider": {"Name": "Provider_Name", "Guid": "Provider_Guid", "EventSourceName": "EventSourceName"},
    "Execution": {"ProcessID": "Execution_ProcessID", "ThreadID": "Execution_ThreadID"},
    "Security": {"UserID": "Security_UserID"},
    "Correlation": {"ActivityID": "Correlation_ActivityID"},
}
"""Header fields that stand in attributes, by element. Source: Sigma rules specification 2.1, field usage 3."""
PLAIN_NAMES = frozenset({"Channel", "Computer", "Level", "Task", "Opcode", "Keywords", "Version"})
HEADER_NAMES = frozenset(
    {*PLAIN_NAMES, "EventID", "EventRecordID", *(ours for names in ATTRIBUTE_NAMES.values() for ours in names.values())}
)
WINLOG_NAMES = {
    "channel": "Channel",
    "provider_name": "Provider_Name",
    "provider_guid": "Provider_Guid",
    "computer_name": "Computer",
    "level": "Level",
    "task": "Task",
    "opcode": "Opcode",
    "keywords": "Keywords",
    "version": "Version",
    "activity_id": "Correlation_ActivityID",
    "process.pid": "Execution_ProcessID",
    "process.thread.id": "Execution_ThreadID",
    "user.identifier": "Security_UserID",
}
"""Winlogbeat's header to ours. Source: Winlogbeat exported fields, winlog module."""


def event_id_of(value: Any) -> int | None:
    """Return an event or record id given as number, decimal text, or element with attributes."""
    if type(value) is int:
        return value
    if isinstance(value, dict):
        value = value.get(TEXT)
    if isinstance(value, str):
        text = value.strip()
        return int(text) if text.isdecimal() and text.isascii() and len(text) < 20 else None
    return value if type(value) is int else None


def nested_fields(header: dict[str, Any], event: dict[str, Any]) -> tuple[dict[str, Any], Any]:
    """Return an event's fields and the text of its time."""
    data = event.get("EventData")
    fields: dict[str, Any] = {}
    is_plain = isinstance(data, dict) and _is_plain(data)
    if is_plain and isinstance(data, dict):  # nearly all: it becomes the fields as it is
        fields = data
    elif isinstance(data, dict):
        _event_data(data, fields)
    elif data is not None:
        fields["Data"] = data
    user = event.get("UserData")
    if isinstance(user, dict):
        _user_data(user, fields)
        is_plain = False
    rendered = event.get("RenderingInfo")
    if isinstance(rendered, dict) and isinstance(rendered.get("Message"), str):
        fields.setdefault("Message", rendered["Message"])
    if not is_plain:
        harden(fields)
    fields.update(_header(header))
    return fields, _attribute(header.get("TimeCreated"), "SystemTime")


def winlogbeat_fields(document: Mapping[str, Any], winlog: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields of a Winlogbeat document."""
    flat = flatten({name: value for name, value in winlog.items() if name not in ("event_data", "user_data")})
    head: dict[str, Any] = {ours: flat[theirs] for theirs, ours in WINLOG_NAMES.items() if theirs in flat}
    head["EventID"] = event_id_of(winlog.get("event_id"))
    record_id = event_id_of(winlog.get("record_id"))
    if record_id is not None:
        head["EventRecordID"] = record_id
    fields: dict[str, Any] = {}
    for part in ("event_data", "user_data"):
        data = winlog.get(part)
        if isinstance(data, dict):
            _put(data, fields)
    message = document.get("message")
    if isinstance(message, str):
        fields.setdefault("Message", message)
    harden(fields)
    fields.update(head)
    return fields


def _header(header: dict[str, Any]) -> dict[str, Any]:
    head: dict[str, Any] = {}
    for element, value in header.items():
        if element in PLAIN_NAMES:
            head[element] = value.get(TEXT) if type(value) is dict else value
        elif type(value) is dict and element in ATTRIBUTE_NAMES:
            attributes = value.get(ATTRIBUTES)
            if type(attributes) is dict:
                for theirs, ours in ATTRIBUTE_NAMES[element].items():
                    if theirs in attributes and attributes[theirs] is not None:
                        head[ours] = attributes[theirs]
    head["EventID"] = event_id_of(header.get("EventID"))
    record_id = event_id_of(header.get("EventRecordID"))
    if record_id is not None:
        head["EventRecordID"] = record_id
    return head


def _attribute(element: Any, name: str) -> Any:
    attributes = element.get(ATTRIBUTES) if type(element) is dict else None
    return attributes.get(name) if type(attributes) is dict else None


def _event_data(data: dict[str, Any], fields: dict[str, Any]) -> None:
    _put(data, fields, skipped=ATTRIBUTES)
    name = _attribute(data, "Name") if ATTRIBUTES in data else None
    if name is not None:
        fields.setdefault("EventData_Name", name)


def _user_data(data: dict[str, Any], fields: dict[str, Any]) -> None:
    for name, child in data.items():
        if name == ATTRIBUTES:
            continue
        if isinstance(child, dict):
            _put(child, fields, skipped=ATTRIBUTES)
        else:
            _put({name: child}, fields)


def _put(data: Mapping[str, Any], fields: dict[str, Any], skipped: str | None = None) -> None:
    """Add the elements of `data` under their names in fields."""
    if _is_plain(data):
        fields.update(data)
        return
    for name, value in data.items():
        if name == skipped:
            continue
        key = name.replace(" ", "") if " " in name else name
        kind = type(value)
        content = _content(value) if kind is dict or kind is list else value
        fields[f"EventData_{key}" if key in HEADER_NAMES else key] = content


def _is_plain(data: Mapping[str, Any]) -> bool:
    """Return whether nothing is to be done to any element to make fields of them."""
    is_scalar = SCALARS.issuperset(map(type, data.values()))
    return is_scalar and HEADER_NAMES.isdisjoint(data) and " " not in "".join(data) and ATTRIBUTES not in data


def _content(value: Any) -> Any:
    """Return a value without its XML attributes: `{"#text": v, "#attributes": …}` is v."""
    if isinstance(value, dict):
        if TEXT in value:
            return _content(value[TEXT])
        return {name: _content(part) for name, part in value.items() if name != ATTRIBUTES} or None
    if isinstance(value, list):
        return [_content(part) for part in value]
    return value
