"""Ready questions: what people ask every day, as SQL over the published views with its values beside it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from carecordon.telemetry.answer import Denied, Place
from carecordon.telemetry.columns import FIELDS, HASHES, TABLE, Storage
from carecordon.telemetry.question.parameters import Parameter
from carecordon.telemetry.question.views import VIEWS
from carecordon.telemetry.restore import SELECTED
from carecordon.telemetry.values import EMPTY

_SPAN = "time >= fromUnixTimestamp64Nano({start:Int64}) AND time < fromUnixTimestamp64Nano({end:Int64})"
_PLACE = "time, sender, epoch, sequence"
_SEARCHED = tuple(column.name for column in FIELDS if column.storage is not Storage.NUMBER)
_OWN = {column.name: column.storage for column in FIELDS}
_GUIDS = ("ProcessGuid", "ParentProcessGuid", "SourceProcessGUID", "TargetProcessGUID")
_PIDS = ("ProcessId", "ParentProcessId", "SourceProcessId", "TargetProcessId")
_HEX_PIDS = ("ProcessId", "NewProcessId")
_WHOLE = re.compile(r"-?[0-9]{1,18}")
ROOM = 12_000
"""Characters of a question that lists of names may have (question/words.py)."""
LONGEST_GUID = 100
PIDS_AT_ONCE = 50


class Ready(NamedTuple):
    """A question as SQL, and the values of its parameters."""

    sql: str
    values: dict[str, Parameter]


class Span(NamedTuple):
    """From when to before when (UTC ns), and of which device (None: of all)."""

    start: int
    end: int
    device: str | None = None


def _where(span: Span) -> tuple[str, dict[str, Parameter]]:
    values: dict[str, Parameter] = {"start": span.start, "end": span.end}
    if span.device is None:
        return _SPAN, values
    return f"device = {{device:String}} AND {_SPAN}", {**values, "device": span.device}


def events(span: Span, after: tuple[int, Place] | None, limit: int, also: Ready | None = None) -> Ready:
    """Return the question for events of a span in order of time, behind `after`, that fulfil `also`."""
    where, values = _where(span)
    if after is not None:
        moment, place = after
        where += (
            f" AND ({_PLACE}) > (fromUnixTimestamp64Nano({{moment:Int64}}), {{sender:String}}, {{epoch:Int64}},"
            " {sequence:Int64})"
        )
        values |= {"moment": moment, "sender": place.sender, "epoch": place.epoch, "sequence": place.sequence}
    if also is not None:
        where, values = f"{where} AND ({also.sql})", values | also.values
    sql = f"SELECT {SELECTED} FROM {TABLE} WHERE {where} ORDER BY {_PLACE} LIMIT {limit:d}"  # noqa: S608  # names of ours; values are parameters
    return Ready(sql, values)


def event(place: Place) -> Ready:
    """Return the question for one event."""
    return Ready(
        f"SELECT {SELECTED} FROM {TABLE} WHERE sender = {{sender:String}} AND epoch = {{epoch:Int64}}"  # noqa: S608  # values are parameters
        " AND sequence = {sequence:Int64} LIMIT 1",
        dict(place._asdict()),
    )


def has_text(text: str) -> Ready:
    """Return the condition that `text` stands in any field."""
    found = [f"positionCaseInsensitive({name}, {{text:String}}) > 0" for name in _SEARCHED]
    found.append("positionCaseInsensitive(arrayStringConcat(mapValues(fields), ' '), {text:String}) > 0")
    return Ready(" OR ".join(found), {"text": text})


def names_process(guids: Sequence[str], pids: Sequence[int]) -> list[Ready]:
    """Return the conditions that an event names one of these processes, as its own, its parent, source or target.

    As many as it takes: a question has room for so many names.
    """
    of_guids = [f"has({{guids:Array(String)}}, toString({name}))" for name in _GUIDS]
    of_pids = [f"has({{pids:Array(Int64)}}, ifNull({name}, -1))" for name in _PIDS]
    of_pids += [f"has({{hexes:Array(String)}}, lower(fields['{name}']))" for name in _HEX_PIDS]
    found = [Ready(" OR ".join(of_guids), {"guids": some}) for some in _lists(guids, len(of_guids))]
    for start in range(0, len(pids), PIDS_AT_ONCE):
        some = list(pids[start : start + PIDS_AT_ONCE])
        found.append(Ready(" OR ".join(of_pids), {"pids": some, "hexes": [hex(pid) for pid in some]}))
    return found


def began(guids: Sequence[str], *, of_parents: bool) -> list[Ready]:
    """Return the conditions that an event began one of these processes, or a child of one: as many as it takes."""
    name = "ParentProcessGuid" if of_parents else "ProcessGuid"
    condition = f"ParentProcessGuid != '' AND has({{guids:Array(String)}}, toString({name}))"
    return [Ready(condition, {"guids": some}) for some in _lists(guids, 1)]


def _lists(names: Sequence[str], times: int) -> Iterator[list[str]]:
    """Yield names in lists that a question has room for as often as this; what is too long is no GUID, and left out."""
    some: list[str] = []
    room = ROOM // times
    for name in names:
        size = 2 * len(name) + 4  # each character may have to be escaped
        if len(name) > LONGEST_GUID:
            continue
        if size > room:
            yield some
            some, room = [], ROOM // times
        some.append(name)
        room -= size
    if some:
        yield some


def counts(by: Sequence[str], span: Span, limit: int) -> Ready | Denied:
    """Return the question for how many events and devices there are for each combination of columns."""
    for name in by:
        if name not in VIEWS[TABLE].names:
            return Denied(f"there is no column {name[:60]!r} in {TABLE}")
    where, values = _where(span)
    columns = "".join(f"{name}, " for name in by)
    groups = f" GROUP BY {', '.join(by)}" if by else ""
    return Ready(
        f"SELECT {columns}count() AS events, uniqExact(device) AS devices, min(time) AS first, max(time) AS last"  # noqa: S608  # names of ours; values are parameters
        f" FROM {TABLE} WHERE {where}{groups} ORDER BY events DESC LIMIT {limit:d}",
        values,
    )


def prevalence(field: str, value: str | int) -> Ready | Denied:
    """Return the question for how many devices have a value in a field, and since when."""
    if field not in VIEWS[TABLE].names or field in ("fields", "shape", "day", "is_timed", "time", "received"):
        match, kind = "fields[{field:String}]", "String"
    else:
        match, kind = field, "Int64" if _OWN.get(field) is Storage.NUMBER or field in _COUNTED else "String"
    if kind == "Int64" and not _WHOLE.fullmatch(str(value)):
        return Denied(f"{field} is a whole number of 18 digits at most, {str(value)[:40]!r} is none")
    if value == "" and field in HASHES:
        return Denied(f"{field} is read out of Hashes, and is never ''")
    empty = _said_empty(field, is_own=match == field) if value == "" else Ready("", {})
    return Ready(
        "SELECT uniqExact(device), count(), toUnixTimestamp64Nano(min(time)), toUnixTimestamp64Nano(max(time))"  # noqa: S608  # names of ours; values are parameters
        f" FROM {TABLE} WHERE {match} = {{value:{kind}}}{empty.sql}",
        {"value": int(value) if kind == "Int64" else str(value), "field": field, **empty.values},
    )


def _said_empty(field: str, *, is_own: bool) -> Ready:
    """Return what a field must fulfil beside being '' in the store, where it is that for absent and null too.

    `is_own`: it is a column. The marks of a row (telemetry/values.py) tell which it was.
    """
    if not is_own:
        named = json.dumps(field, ensure_ascii=False)
        return Ready(
            " AND mapContains(fields, {field:String})"
            " AND position(shape, {among:String}) = 0 AND position(shape, {last:String}) = 0",
            {"among": f"{named},", "last": f"{named}]"},
        )
    if field in _OWN:
        return Ready(" AND match(shape, {marked:String})", {"marked": rf'"{EMPTY}":\[[^\]]*"{field}"[,\]]'})
    return Ready("", {})


_COUNTED = ("event_id", "epoch", "sequence")
