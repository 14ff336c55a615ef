"""All kinds of facts, and which one an event is."""

from __future__ import annotations

import re
from collections.abc import Iterable
from itertools import islice

from carecordon.model.event import Fields
from carecordon.model.incident import EventSeen
from carecordon.model.match import RuleHead
from carecordon.report.story.accounts import ACCOUNTS
from carecordon.report.story.hub import HUB
from carecordon.report.story.kind import Kind, log_of
from carecordon.report.story.processes import PROCESSES
from carecordon.report.story.system import SYSTEM
from carecordon.report.story.things import THINGS
from carecordon.report.story.values import PATH_CHARS, Slot, account, field, program, quoted, text_of

_TOLD_FIRST = (
    "ObjectName", "ObjectDN", "TargetUserName", "RuleName", "Message", "Description", "Data", "param1", "Name",
)  # fmt: skip
_IDENTIFIES = re.compile(
    r"^(?:Subject\w*|Security_\w*|\w*(?:Sid|Guid|GUID|LogonId|ProcessId|CorrelationID)|ProcessName|Image|Opcode|User)$"
)
"""Fields that only say who or which one."""
_HEADER = frozenset({
    "Channel", "EventID", "Provider_Name", "Provider_Guid", "Computer", "EventRecordID", "Level", "Task", "Opcode",
    "Keywords", "Execution_ProcessID", "Execution_ThreadID", "Security_UserID", "Correlation_ActivityID",
    "EventSourceName", "@timestamp", "UtcTime", "TimeCreated", "EventTime", "Hostname", "RuleName", "ProcessGuid",
    "SourceName", "ProductName", "ProductVersion", "RecordNumber", "Version",
})  # fmt: skip


def _what(fields: Fields) -> str | None:
    """Return what an event of no known kind most likely wants to say."""
    if text := field(fields, *_TOLD_FIRST):
        return text
    names = (name for name in fields if name not in _HEADER and not _IDENTIFIES.match(name))
    told = (f"{name}={text}" for name in names if (text := text_of(fields[name])))
    return ", ".join(islice(told, 3)) or None


OTHER = Kind(
    "other_event",
    (),
    {
        "what": Slot(_what, lambda raw, _: quoted(raw, PATH_CHARS)),
        "image": program("Image", "ProcessName"),
        "account": account("Subject", "User"),
    },
    same=("image", "account"),
    weight=5,
    varies="what",
)
KINDS = (*PROCESSES, *THINGS, *ACCOUNTS, *SYSTEM, *HUB, OTHER)


def _by_event() -> dict[tuple[str, int], tuple[Kind, ...]]:
    found: dict[tuple[str, int], tuple[Kind, ...]] = {}
    for kind in KINDS:
        for event in kind.events:
            found[event] = (*found.get(event, ()), kind)
    return found


_BY_EVENT = _by_event()


def kind_of(event: EventSeen, rules: Iterable[RuleHead] = ()) -> Kind:
    """Return the first kind that the event, which `rules` match, is of; OTHER if none."""
    if event.event_id is None:
        return OTHER
    kinds = _BY_EVENT.get((log_of(event, rules), event.event_id), ())
    return next((kind for kind in kinds if kind.when is None or kind.when(event.fields)), OTHER)


def sort_of(kind: Kind, event: EventSeen) -> tuple[str | None, int | None]:
    """Return what tells events of OTHER apart: their log and id; nothing for the events of any other kind."""
    return (event.channel, event.event_id) if kind is OTHER else (None, None)
