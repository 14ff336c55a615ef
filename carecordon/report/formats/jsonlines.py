"""JSON lines for programs: the output contract, number 1.

docs/output.md is its manual, docs/output.schema.json its schema. Each function returns one
line as a mapping with all its keys in the order of the manual; what is absent is null.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import orjson

from carecordon.model.errors import Refused
from carecordon.model.event import Fields
from carecordon.model.match import BlindSpot, CorrelationMatch, Match
from carecordon.model.result import Begin, InputFile, Result, RulesSummary, Summary
from carecordon.model.times import rfc3339
from carecordon.report.case_lines import Line, incident
from carecordon.report.format import Format, View

CONTRACT = 1
"""Rises when a line or a key goes, or changes its meaning; new lines and new keys leave it as it is."""


def tell(result: Result, _view: View) -> Iterator[str]:
    """Return all lines: how it began, inputs, incidents, findings, refused rules, what was not seen, the summary."""
    closing = result.closing
    yield _text(begin(result.begin))
    yield from map(_text, map(input_file, closing.inputs))
    yield from map(_text, map(incident, result.cases))
    yield from map(_text, map(finding, result.findings))
    yield from map(_text, map(refused, closing.refused))
    yield from map(_text, map(unseen, closing.unseen))
    yield _text(summary(closing.summary))


def begin(begin: Begin) -> Line:
    """Return the first line."""
    return {
        "type": "begin",
        "contract": CONTRACT,
        "version": begin.version,
        "rules_hash": begin.rules_hash,
        "command": list(begin.command),
    }


def input_file(file: InputFile) -> Line:
    """Return the line of one input."""
    return {"type": "input", "file": file.file, "sha256": file.sha256, "size": file.size, "records": file.records}


def match(match: Match) -> Line:
    """Return the line of one rule matching one event."""
    return {
        "type": "match",
        "rule_id": match.rule.id,
        "title": match.rule.title,
        "level": match.rule.level.value,
        "techniques": list(match.rule.techniques),
        "file": match.file,
        "record_id": match.record_id,
        "position": match.position,
        "time": rfc3339(match.time),
        "device": match.device,
        "channel": match.channel,
        "event_id": match.event_id,
        "fields": _fields(match.fields),
    }


def correlation(found: CorrelationMatch) -> Line:
    """Return the line of one correlation."""
    return {
        "type": "correlation",
        "rule_id": found.rule.id,
        "title": found.rule.title,
        "level": found.rule.level.value,
        "techniques": list(found.rule.techniques),
        "group": _fields(found.group),
        "count": found.count,
        "from": rfc3339(found.start),
        "to": rfc3339(found.end),
        "matches": [{"file": file, "position": position} for file, position in found.members],
    }


def finding(found: Match | CorrelationMatch) -> Line:
    """Return the line of a match or a correlation."""
    return match(found) if isinstance(found, Match) else correlation(found)


def refused(refused: Refused) -> Line:
    """Return the line of a rule that will not run; line and column count from 1, null where the whole file is meant."""
    return {
        "type": "refused",
        "file": refused.path,
        "line": refused.line or None,
        "column": refused.column or None,
        "rule_id": refused.rule_id,
        "reason": refused.reason,
    }


def unseen(spot: BlindSpot) -> Line:
    """Return the line of something that could not be seen."""
    return {
        "type": "unseen",
        "kind": spot.kind.value,
        "file": spot.file,
        "position": spot.position,
        "device": spot.device,
        "reason": spot.reason,
        "count": spot.count,
    }


def summary(summary: Summary) -> Line:
    """Return the last line."""
    return {
        "type": "summary",
        "events_read": summary.events_read,
        "events_skipped": summary.events_skipped,
        "files_read": summary.files_read,
        "files_failed": summary.files_failed,
        "rules_loaded": summary.rules_loaded,
        "rules_ready": summary.rules_ready,
        "rules_dormant": summary.rules_dormant,
        "rules_refused": summary.rules_refused,
        "seconds": round(summary.seconds, 3),
        "partial": summary.partial,
        "events_outside": summary.events_outside,
        "min_level": None if summary.min_level is None else summary.min_level.value,
        "findings_hidden": summary.findings_hidden,
    }


def rules_summary(summary: RulesSummary) -> Line:
    """Return the last line of a check of rules."""
    return {
        "type": "summary",
        "rules_loaded": summary.loaded,
        "rules_ready": summary.ready,
        "rules_dormant": summary.dormant,
        "rules_refused": summary.refused,
    }


def encoded(line: Line) -> bytes:
    r"""Return the line as UTF-8 JSON with its line end.

    What JSON in UTF-8 cannot hold is written so that it can be read: bytes of a file name
    that are no UTF-8 as `\xff`, lone surrogates as `\ud800`, integers past 64 bits as text.
    """
    try:
        return orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE)
    except orjson.JSONEncodeError:
        return orjson.dumps(_sayable(line), option=orjson.OPT_APPEND_NEWLINE)


def _text(line: Line) -> str:
    return encoded(line).decode()


def _fields(fields: Fields) -> Line:
    return {name: list(value) if isinstance(value, tuple) else value for name, value in fields.items()}


def _sayable(item: Any) -> Any:
    match item:
        case str():
            return "".join(_spelt(mark) if "\ud800" <= mark <= "\udfff" else mark for mark in item)
        case dict():
            return {_sayable(key): _sayable(value) for key, value in item.items()}
        case list():
            return [_sayable(value) for value in item]
        case int() if not -(2**63) <= item < 2**64:
            return str(item)
    return item


def _spelt(surrogate: str) -> str:
    """Return a lone surrogate as its escape; those that stand for a byte (PEP 383) as that byte's."""
    code = ord(surrogate)
    return f"\\x{code - 0xDC00:02x}" if 0xDC80 <= code <= 0xDCFF else f"\\u{code:04x}"


JSONLINES = Format("jsonlines", tell)
