"""Every event of the incidents has its row, in order of time, with what matched on it; no cell can be a formula."""

from __future__ import annotations

import csv
import io

from carecordon.model.incident import Case
from carecordon.report.format import View
from carecordon.report.formats.timeline import COLUMNS, MAIN_FIELDS, TIMELINE
from tests.replacing import replace
from tests.report import outbreak
from tests.report.hostile import FORMULA, hostile_case


def rows(*cases: Case) -> list[dict[str, str]]:
    text = "".join(TIMELINE.tell(replace(outbreak.result(), cases=list(cases)), View()))
    assert text.startswith("\ufeff")
    header, *rest = csv.reader(io.StringIO(text.removeprefix("\ufeff"), newline=""))
    assert tuple(header) == COLUMNS
    return [dict(zip(COLUMNS, cells, strict=True)) for cells in rest]


def test_all_events_of_all_incidents_are_there_in_order_of_time() -> None:
    worm, harmless = outbreak.worm(), outbreak.harmless()
    *told, last = rows(worm, harmless)
    assert len(told) == len(worm.events) + len(harmless.events)
    assert [row["time"] for row in told] == sorted(row["time"] for row in told)
    assert {row["incident"] for row in told} == {worm.incident.id, harmless.incident.id}
    assert (last["incident"], last["time"]) == (worm.incident.id, "")
    assert last["fields"].startswith("1,204 more events of this incident are left out")


def test_a_row_names_the_program_and_the_rules_that_match_on_its_event() -> None:
    at = {(row["file"], row["position"]): row for row in rows(outbreak.worm())}
    matched = at["evidence/wph-rad-ws02.jsonl", "4"]
    assert (matched["rules"], matched["techniques"]) == (outbreak.FAN.title, "T1046 T1210")
    assert matched["process"] == outbreak.TASKSVC
    assert "DestinationPort=445" in matched["fields"].split("\n")
    other = at["evidence/wph-rad-ws02.jsonl", "1"]
    assert (other["rules"], other["techniques"], other["process"]) == ("", "", "")


def test_main_fields_are_shown_and_of_an_event_without_them_the_first_eight() -> None:
    case = outbreak.harmless()
    (event,) = case.events
    both = replace(event, fields={"Rarely": "x", "CommandLine": "y"})
    none = replace(event, fields={f"Rarely{n}": n for n in range(20)})
    first, second = rows(replace(case, events=[both, none]))
    assert first["fields"] == "CommandLine=y"
    assert len(second["fields"].split("\n")) == 8
    assert "CommandLine" in MAIN_FIELDS


def test_an_event_of_two_incidents_has_two_rows() -> None:
    case = outbreak.harmless()
    twin = replace(case, incident=replace(case.incident, id="other"))
    assert [row["incident"] for row in rows(case, twin)] == [case.incident.id, "other"]


def test_no_cell_can_be_a_formula() -> None:
    for row in rows(hostile_case(FORMULA)):
        for name, cell in row.items():
            if name not in ("position", "record_id", "event_id", "time"):
                assert not cell.startswith(("=", "+", "-", "@", "\t", "\r")), name
