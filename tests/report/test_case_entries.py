"""Incidents at a terminal: the worst first, readable at any width, driven by no input, and nothing dropped unsaid."""

from __future__ import annotations

import pytest

from carecordon.model.incident import Case
from carecordon.report.case_entries import CASES_SHOWN, FACTS_SHOWN, PROCESSES_SHOWN, TREES_SHOWN, WHOLE_SHOWN
from carecordon.report.folds import FOLDED_ABOVE
from carecordon.report.format import View
from carecordon.report.formats.terminal import tell
from tests.replacing import replace
from tests.report import outbreak
from tests.report.hostile import SCRIPTS, hostile_result
from tests.report.sample import HOSTILE, result

TREE = r"""
    wph-rad-ws02
      lsass.exe (648)
      `- hvpqsvc.exe (4120) critical  C:\Windows\hvpqsvc.exe -m security
         `- taskdl.exe (5236) critical  C:\ProgramData\kqzwblm\taskdl.exe /i
            |- icacls.exe (5300) medium  icacls . /grant Everyone:F /T /C /Q
            `- cmd.exe (5312) high  cmd.exe /c vssadmin delete shadows /all
               /quiet & wmic shadowcopy delete & bcdedit /set {default} bootsta
               ...  recoveryenabled no & wbadmin delete catalog -quiet
               `- vssadmin.exe (5320)  vssadmin delete shadows /all /quiet
"""


def page(*cases: Case, width: int = 120) -> str:
    return "".join(tell(replace(outbreak.result(), cases=cases), View(width)))


def test_without_incidents_the_page_says_nothing_of_them() -> None:
    assert "incident" not in "".join(tell(result(), View(120))).lower()


def test_incidents_come_before_matches_and_are_told_whole() -> None:
    worm = outbreak.worm()
    text = page(worm, outbreak.harmless())
    assert text.index(worm.incident.title) < text.index(outbreak.harmless().incident.title)
    assert text.index("2 incidents on 13 devices, the worst first") < text.index(
        "All matches, those of the incidents too"
    )
    flat = " ".join(text.split())
    for words in (worm.story.summary, *worm.story.next_steps, *worm.story.unknown, worm.story.facts[0].text):
        assert words in flat
    for part in worm.incident.score.summands:
        assert f"{part.points} {part.name} {part.why}" in flat
    assert "3f2a9c01d47be852 (was 91c0ffee12ab34cd)" in text
    assert "2026-11-25 01:02:04Z to 2026-11-25 01:19:46Z (17 min 42 s)" in text


def test_processes_stand_behind_tree_lines_that_go_on_down_a_long_command_line() -> None:
    assert TREE in page(outbreak.worm(), width=80)


@pytest.mark.parametrize("width", [40, 60, 80, 120])
@pytest.mark.parametrize("text", [*SCRIPTS, HOSTILE, "x" * 900])
def test_no_line_is_too_wide_or_drives_the_terminal(width: int, text: str) -> None:
    for line in tell(hostile_result(text), View(width)):
        assert len(line.rstrip("\n")) <= width
        assert line.rstrip("\n").isprintable()


def test_what_is_folded_away_is_counted() -> None:
    worm = outbreak.worm()
    text = page(worm)
    processes = len(worm.incident.processes) - TREES_SHOWN * 6
    rest = len(worm.story.facts) - FACTS_SHOWN
    assert f"+ {rest} sentences of less weight between these; all with --html or --json" in text
    assert f"+ {processes} more processes; all with --json" in text
    assert PROCESSES_SHOWN > 6


def test_of_many_incidents_the_first_are_whole_the_next_short_and_the_rest_counted() -> None:
    text = page(*(titled(f"Incident number {place}") for place in range(CASES_SHOWN + 4)))
    assert text.count("What to do next") == WHOLE_SHOWN
    assert text.count("Incident number") == CASES_SHOWN
    assert "+ 4 more incidents; all with --json" in text


def titled(title: str) -> Case:
    case = outbreak.harmless()
    return replace(case, incident=replace(case.incident, title=title))


def test_of_many_small_incidents_those_of_one_title_are_one_block() -> None:
    text = page(outbreak.worm(), *[titled("A task")] * FOLDED_ABOVE)
    assert f"{FOLDED_ABOVE + 1} incidents on 13 devices" in text
    assert text.count("A task") == 1
    assert f" LOW   {FOLDED_ABOVE} alike: A task" in text
    assert text.count("What to do next") == 1
    few = page(outbreak.worm(), *[titled("A task")] * (FOLDED_ABOVE - 1))
    assert "alike" not in few
    assert few.count("A task") == FOLDED_ABOVE - 1


def test_devices_that_serve_patients_come_first_and_those_only_connected_to_stand_apart() -> None:
    flat = " ".join(page(outbreak.clinical()).split())
    assert "Devices 9: wph-theatre-pc1 (S3 theatre), wph-path-srv1 (S2 lab.lims), wph-rad-ws01, " in flat
    assert "Connected only connected to, 3: wph-pharm-pc3 (S2 pharmacy.robot), wph-rad-ws02 (S0 office), " in flat
    assert "Domain wph.example.org" in flat


def test_one_device_is_told_by_its_whole_name() -> None:
    text = page(outbreak.harmless())
    assert "Devices     wph-fin-pc07.wph.example.org\n" in text
    assert "all in" not in text
