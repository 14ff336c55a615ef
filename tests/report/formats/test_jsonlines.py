"""The contract: real lines and the examples of the manual hold to the schema, key for key."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator, ValidationError

from carecordon.model.errors import Refused
from carecordon.report.format import View
from carecordon.report.formats import jsonlines
from carecordon.report.formats.jsonlines import CONTRACT, JSONLINES
from tests.replacing import replace
from tests.report import outbreak
from tests.report.sample import DUMP, match, result

DOCS = Path(__file__).resolve().parents[3] / "docs"
SCHEMA = json.loads((DOCS / "output.schema.json").read_text("utf-8"))
CHECK = Draft202012Validator(SCHEMA)
TYPES = ["begin", "input", "incident", "match", "correlation", "refused", "unseen", "summary"]


def lines() -> list[dict[str, Any]]:
    told = replace(result(), cases=outbreak.result().cases)
    return [json.loads(line) for line in "".join(JSONLINES.tell(told, View())).splitlines()]


def examples() -> list[dict[str, Any]]:
    return [json.loads(text) for text in re.findall(r"```json\n(.*?)\n```", (DOCS / "output.md").read_text("utf-8"))]


def test_the_schema_is_a_schema() -> None:
    Draft202012Validator.check_schema(SCHEMA)


@pytest.mark.parametrize("kind", TYPES)
def test_real_lines_hold_to_the_schema(kind: str) -> None:
    found = [line for line in lines() if line["type"] == kind]
    assert found
    for line in found:
        CHECK.validate(line)
        assert list(line) == list(SCHEMA["$defs"][kind]["properties"])


def test_the_manual_shows_each_line_and_it_holds() -> None:
    assert [line["type"] for line in examples()] == TYPES
    for line in examples():
        CHECK.validate(line)
        assert list(line) == list(SCHEMA["$defs"][line["type"]]["properties"])


@pytest.mark.parametrize("kind", TYPES)
def test_a_line_that_lacks_a_key_does_not_hold(kind: str) -> None:
    line = next(line for line in lines() if line["type"] == kind)
    for key in line:
        with pytest.raises(ValidationError):
            CHECK.validate({other: value for other, value in line.items() if other != key})


def test_lines_come_in_the_order_of_the_manual() -> None:
    kinds = [line["type"] for line in lines()]
    assert (kinds[0], kinds[-1]) == ("begin", "summary")
    order = [*dict.fromkeys("finding" if kind in ("match", "correlation") else kind for kind in kinds)]
    assert order == ["begin", "input", "incident", "finding", "refused", "unseen", "summary"]
    assert lines()[0]["contract"] == CONTRACT


def test_what_is_absent_is_null_and_lists_are_arrays() -> None:
    line = jsonlines.match(match(DUMP, None, device=None, a=None, b="", c=("x", None, 1), d=True))
    assert (line["time"], line["device"]) == (None, None)
    assert line["fields"] == {"a": None, "b": "", "c": ["x", None, 1], "d": True}
    whole = jsonlines.refused(Refused("r.yml", 0, 0, None, "not YAML"))
    assert (whole["line"], whole["column"], whole["rule_id"]) == (None, None, None)


def test_a_time_is_cut_to_microseconds() -> None:
    assert jsonlines.match(match(DUMP, 0))["time"] == "2026-11-25T01:02:03.123456Z"


def test_what_json_cannot_hold_is_written_readably() -> None:
    found = match(DUMP, 0, a=2**64, b="x\ud800y", c=("z\udcff", -(2**63) - 1), d=2**64 - 1)
    fields = json.loads(jsonlines.encoded(jsonlines.match(found)))["fields"]
    assert fields == {"a": str(2**64), "b": "x\\ud800y", "c": ["z\\xff", str(-(2**63) - 1)], "d": 2**64 - 1}


def test_an_incident_is_told_whole_with_a_score_that_adds_up() -> None:
    worst, other = (line for line in lines() if line["type"] == "incident")
    assert (worst["level"], other["level"]) == ("critical", "low")
    assert worst["score"]["total"] == sum(part["points"] for part in worst["score"]["summands"])
    assert len(worst["story"]) == 7 * len(outbreak.DEVICES) + 1
    assert sum(alert["count"] for alert in worst["alerts"]) == 68 * len(outbreak.DEVICES)
    keys = {process["key"] for process in worst["processes"]}
    assert {process["parent"] for process in worst["processes"]} - {None} <= keys
    assert {alert["process"] for alert in worst["alerts"]} <= keys
    assert worst["events"] == {"told": 70 * len(outbreak.DEVICES), "left_out": 1204}
