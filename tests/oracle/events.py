"""Events as the plain evaluator reads them: one mapping of names to scalars and tuples, from EVTX or JSON lines."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from evtx import PyEvtxParser

Scalar = str | int | float | bool | None
Value = Scalar | tuple[Scalar, ...]
Fields = dict[str, Value]

# How each header name is found in `Event.System`: the element, and the attribute where it is not the element's text.
SYSTEM_NAMES: dict[str, tuple[str, str | None]] = {
    "Channel": ("Channel", None),
    "EventID": ("EventID", None),
    "Provider_Name": ("Provider", "Name"),
    "Provider_Guid": ("Provider", "Guid"),
    "EventSourceName": ("Provider", "EventSourceName"),
    "Computer": ("Computer", None),
    "EventRecordID": ("EventRecordID", None),
    "Level": ("Level", None),
    "Task": ("Task", None),
    "Opcode": ("Opcode", None),
    "Keywords": ("Keywords", None),
    "Version": ("Version", None),
    "Execution_ProcessID": ("Execution", "ProcessID"),
    "Execution_ThreadID": ("Execution", "ThreadID"),
    "Security_UserID": ("Security", "UserID"),
    "Correlation_ActivityID": ("Correlation", "ActivityID"),
}
WINLOG_NAMES: dict[str, tuple[str, ...]] = {
    "Channel": ("channel",),
    "EventID": ("event_id",),
    "Provider_Name": ("provider_name",),
    "Provider_Guid": ("provider_guid",),
    "Computer": ("computer_name",),
    "EventRecordID": ("record_id",),
    "Level": ("level",),
    "Task": ("task",),
    "Opcode": ("opcode",),
    "Keywords": ("keywords",),
    "Version": ("version",),
    "Execution_ProcessID": ("process", "pid"),
    "Execution_ThreadID": ("process", "thread", "id"),
    "Security_UserID": ("user", "identifier"),
    "Correlation_ActivityID": ("activity_id",),
}
FLAT_FALLBACKS = {"Provider_Name": "SourceName", "Computer": "Hostname", "EventRecordID": "RecordNumber"}


@dataclass(slots=True)
class Event:
    """One event; `bound` is the log source given by hand (None: a Windows event that says its source itself)."""

    fields: Fields
    bound: dict[str, str] | None = None
    seen_as: dict[str, Any] = field(default_factory=dict)


def from_file(path: Path) -> Iterator[tuple[int, Event]]:
    """Yields (position, event) of an EVTX or JSON-lines file; position is the 1-based ordinal in the file."""
    with path.open("rb") as stream:
        is_evtx = stream.read(8) == b"ElfFile\x00"
    documents = evtx_documents(path) if is_evtx else json_documents(path)
    for position, document in enumerate(documents, 1):
        yield position, from_document(document)


def evtx_documents(path: Path) -> Iterator[dict[str, Any]]:
    """Yields the JSON form of every record of an EVTX file, in file order."""
    for record in PyEvtxParser(str(path)).records_json():
        if record is not None:
            yield json.loads(record["data"])


def json_documents(path: Path) -> Iterator[dict[str, Any]]:
    """Yields the object of every line that is not blank."""
    with path.open("rb") as stream:
        for line in stream:
            if line.strip():
                yield json.loads(line)


def from_document(document: dict[str, Any], bound: dict[str, str] | None = None) -> Event:
    """Returns the event of one document, whichever of the known shapes it has."""
    if bound is not None:
        return Event(_flattened(document), bound)
    event = document.get("Event")
    if isinstance(event, dict) and isinstance(event.get("System"), dict):
        return Event(_nested(event))
    if isinstance(document.get("winlog"), dict):
        return Event(_winlog(document, document["winlog"]))
    return Event(_flat(document))


def _nested(event: dict[str, Any]) -> Fields:
    fields: Fields = {}
    system = event["System"]
    for name, (element, attribute) in SYSTEM_NAMES.items():
        content = system.get(element)
        if attribute is not None:
            content = content.get("#attributes", {}).get(attribute) if isinstance(content, dict) else None
            if content is None:
                continue
        elif element not in system:
            continue
        _put(fields, name, content)
    _number_the_event_id(fields)
    data: Fields = {}
    event_data = event.get("EventData")
    if isinstance(event_data, dict):
        name_of_all = (event_data.get("#attributes") or {}).get("Name")
        if name_of_all is not None:
            fields["EventData_Name"] = name_of_all
        _put_all(data, event_data)
    user_data = event.get("UserData")
    if isinstance(user_data, dict):
        _put_all(data, _only_child(user_data))
    _lay_beside(fields, data)
    return fields


def _only_child(user_data: dict[str, Any]) -> dict[str, Any]:
    """Returns the content of UserData's single element; UserData itself where there is no such element."""
    children = [content for name, content in user_data.items() if name != "#attributes"]
    return children[0] if len(children) == 1 and isinstance(children[0], dict) else user_data


def _winlog(document: dict[str, Any], winlog: dict[str, Any]) -> Fields:
    fields: Fields = {}
    for name, steps in WINLOG_NAMES.items():
        content: Any = winlog
        for step in steps:
            content = content.get(step) if isinstance(content, dict) else None
        if content is not None:
            _put(fields, name, content)
    _number_the_event_id(fields)
    data: Fields = {}
    for part in ("event_data", "user_data"):
        if isinstance(winlog.get(part), dict):
            _put_all(data, winlog[part])
    if "message" in document:
        _put(data, "Message", document["message"])
    _lay_beside(fields, data)
    return fields


def _flat(document: dict[str, Any]) -> Fields:
    fields = _flattened(document)
    for name, other in FLAT_FALLBACKS.items():
        if name not in fields and other in fields:
            fields[name] = fields[other]
    _number_the_event_id(fields)
    return fields


def _flattened(document: dict[str, Any]) -> Fields:
    fields: Fields = {}
    _put_all(fields, document)
    return fields


def _lay_beside(fields: Fields, data: Fields) -> None:
    for name, content in data.items():
        fields[f"EventData_{name}" if name in SYSTEM_NAMES else name] = content


def _number_the_event_id(fields: Fields) -> None:
    content = fields.get("EventID")
    if isinstance(content, str) and content.isdecimal():
        fields["EventID"] = int(content)


def _put_all(fields: Fields, content: dict[str, Any]) -> None:
    for name, item in content.items():
        if name != "#attributes":
            _put(fields, name, item)


def _put(fields: Fields, name: str, content: Any) -> None:
    """Adds `content` under `name` without its spaces: dicts with dots, lists as tuples, `#text` as the value."""
    name = name.replace(" ", "")
    if isinstance(content, dict):
        if "#text" in content:
            _put(fields, name, content["#text"])
            return
        inner = {key: item for key, item in content.items() if key != "#attributes"}
        if not inner:
            fields[name] = None
        for key, item in inner.items():
            _put(fields, f"{name}.{key}", item)
    elif isinstance(content, list):
        _put_list(fields, name, content)
    else:
        fields[name] = content


def _put_list(fields: Fields, name: str, items: list[Any]) -> None:
    columns: dict[str, list[Scalar]] = {}
    for item in items:
        one: Fields = {}
        _put(one, name, item)
        for key, content in one.items():
            column = columns.setdefault(key, [])
            column.extend(content if isinstance(content, tuple) else (content,))
    if not items:
        columns[name] = []
    for key, column in columns.items():
        fields[key] = tuple(column)
