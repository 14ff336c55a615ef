"""CSV of all events of the incidents, in order of time: what happened on every device, one row an event.

For those who lay several sources side by side in a spreadsheet. As safe as `csv`: no cell can
be a formula. An event of two incidents has two rows. Where there was no room for all events
of an incident, its last row says how many are left out.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Mapping

from carecordon.model.event import Fields
from carecordon.model.incident import Case, EventSeen, Incident
from carecordon.model.match import RuleHead
from carecordon.model.result import Result
from carecordon.model.times import rfc3339
from carecordon.report.cells import BYTE_ORDER_MARK, cell_text, field_lines, line, safe_line
from carecordon.report.format import Format, View

COLUMNS = (
    "incident", "time", "device", "channel", "event_id", "process", "rules", "techniques", "fields", "record_id",
    "file", "position",
)  # fmt: skip
MAIN_FIELDS = (
    "Image", "CommandLine", "ParentImage", "User", "SubjectUserName", "TargetUserName", "LogonType", "IpAddress",
    "WorkstationName", "SourceIp", "DestinationIp", "DestinationPort", "DestinationHostname", "QueryName",
    "TargetFilename", "TargetObject", "Details", "TargetImage", "GrantedAccess", "ImageLoaded", "PipeName", "Hashes",
    "ServiceName", "ServiceFileName", "ImagePath", "TaskName", "ShareName", "RelativeTargetName", "ScriptBlockText",
)  # fmt: skip
"""Fields that are shown of an event; of one that has none of these, the first eight."""
_FIRST = 8

Place = tuple[str, int]


def tell(result: Result, _view: View) -> Iterator[str]:
    """Return the file piece by piece: the header with its byte order mark, then one row for each event."""
    yield BYTE_ORDER_MARK + line(COLUMNS)
    told = heapq.merge(*(_told(case) for case in result.cases), key=lambda row: row[0])
    yield from (row for _, row in told)
    for case in result.cases:
        if case.left_out:
            text = f"{case.left_out:,} more events of this incident are left out: there was no room for them"
            yield safe_line(COLUMNS, {"incident": case.incident.id, "fields": text})


def _told(case: Case) -> Iterator[tuple[int, str]]:
    """Yield the time and the row of each event; memory does not grow with their number."""
    one = case.incident
    images = {process.key: process.image or "" for process in one.processes}
    rules = _rules(one)
    for event in case.events:
        yield event.time, row(one.id, event, images, rules.get((event.file, event.position), []))


def _rules(one: Incident) -> dict[Place, list[RuleHead]]:
    """Return which rules matched the event at each place."""
    heads = {rule.id: rule for rule in [*(alert.rule for alert in one.alerts), *(chain.rule for chain in one.chains)]}
    rules: dict[Place, list[RuleHead]] = {}
    for place in one.places:
        if place.rule_id in heads:
            rules.setdefault((place.file, place.position), []).append(heads[place.rule_id])
    return rules


def row(incident: str, event: EventSeen, images: Mapping[str, str], rules: list[RuleHead]) -> str:
    """Return one row with its line end; `images` names the programs of the incident's processes by their key."""
    cells = {
        "incident": incident,
        "time": rfc3339(event.time) or "",
        "device": event.device or "",
        "channel": event.channel or "",
        "event_id": cell_text(event.event_id),
        "process": images.get(event.process or "", ""),
        "rules": "\n".join(rule.title for rule in rules),
        "techniques": " ".join(dict.fromkeys(technique for rule in rules for technique in rule.techniques)),
        "fields": field_lines(_main(event.fields)),
        "record_id": cell_text(event.record_id),
        "file": event.file,
        "position": str(event.position),
    }
    return safe_line(COLUMNS, cells)


def _main(fields: Fields) -> Fields:
    main = {name: fields[name] for name in MAIN_FIELDS if name in fields}
    return main or dict(list(fields.items())[:_FIRST])


TIMELINE = Format("timeline", tell)
