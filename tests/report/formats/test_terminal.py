"""The page for a person: readable at any width, driven by no input, honest about what is not shown."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carecordon.model.match import Level, Match
from carecordon.model.result import Begin, Closing, Result, Summary
from carecordon.report.digest import FIRST_SHOWN, GROUPS_SHOWN
from carecordon.report.format import View
from carecordon.report.formats.terminal import PARTIAL, styled, tell
from tests.replacing import replace
from tests.report.sample import DUMP, ENCODED, HOSTILE, TASK, closing, match, result

SILENT = Closing((), (), (), (), Summary(10, 0, 1, 0, 5, 5, 0, 0, 0.5, partial=False))


def page(findings: list[Match], after: Closing = SILENT, width: int = 100) -> str:
    return "".join(tell(Result(Begin("0", "h", ()), findings, after), View(width)))


@pytest.mark.parametrize("width", [40, 60, 80, 100, 160])
def test_no_line_is_wider_than_the_terminal_or_ends_in_spaces(width: int) -> None:
    for line in tell(result(partial=True), View(width)):
        assert len(line.rstrip("\n")) <= width
        assert line == line.rstrip(" \n") + "\n"


@pytest.mark.parametrize("width", [60, 100])
def test_nothing_from_outside_drives_the_terminal(width: int) -> None:
    where = replace(match(DUMP, 0, device=HOSTILE), fields={HOSTILE: HOSTILE}, file=HOSTILE, channel=HOSTILE)
    rule = replace(DUMP, title=HOSTILE, techniques=(HOSTILE,))
    text = page([replace(where, rule=rule)], width=width)
    assert all(line.isprintable() for line in text.split("\n"))
    assert "[bold]x[/bold]" in text.replace("\n", "").replace(" ", "")


@given(st.text(alphabet=st.characters(), max_size=30))
def test_no_character_of_an_event_is_left_that_is_not_printable(text: str) -> None:
    shown = page([match(DUMP, 0, device=text, CommandLine=text, Hashes=(text, text))])
    assert all(line.isprintable() for line in shown.split("\n"))


def test_colour_comes_only_from_us() -> None:
    for line in styled(result(), View(100)):
        assert line.plain.isprintable()


def test_the_worst_comes_first_and_a_device_in_time_order() -> None:
    text = page([match(TASK, 1), match(ENCODED, 2), match(DUMP, 3), match(DUMP, 5, Image="late"), match(ENCODED, None)])
    assert text.index("CRITICAL") < text.index("HIGH") < text.index("LOW")
    assert text.index("01:02:06Z") < text.index("01:02:08Z") < text.index("01:02:05Z") < text.index("time unknown")


def test_repeats_of_a_rule_on_a_device_are_folded_and_counted() -> None:
    text = page([match(ENCODED, i, i + 1, CommandLine=f"number {i}") for i in range(30)])
    assert [i for i in range(30) if f"number {i}\n" in text] == list(range(FIRST_SHOWN))
    assert f"+ {30 - FIRST_SHOWN} more of this rule until 2026-11-25 01:02:32Z; all with --json" in text
    assert "30 matches" in text


def test_more_devices_than_a_page_holds_are_counted() -> None:
    text = page([match(TASK, 0, device=f"pc{i}.example.org") for i in range(GROUPS_SHOWN + 7)])
    assert "+ 7 more by other rules or on other devices; all with --json" in text
    assert f" LOW   {GROUPS_SHOWN + 7}" in text


def test_a_long_value_is_shortened_in_its_middle() -> None:
    text = page([match(DUMP, 0, CommandLine="START" + "x" * 5000 + "END")])
    assert "START" in text
    assert "END" in text
    assert " ... " in text.replace("\n", " ")
    assert len(text) < 2000


def test_finding_nothing_is_no_all_clear() -> None:
    text = page([])
    assert "Nothing matched in 10 events." in text
    assert "That does not prove that nothing happened" in text
    assert "Nothing that we know of" in text


def test_events_outside_the_time_asked_for_and_those_unread_are_told_apart() -> None:
    both = replace(SILENT, summary=replace(SILENT.summary, events_skipped=5, events_outside=4))
    assert "with 5 rules. 4 events were outside --from/--to. 1 event could not be read." in page([], both, width=160)
    outside = replace(SILENT, summary=replace(SILENT.summary, events_skipped=1, events_outside=1))
    assert page([], outside, width=160).count("1 event was outside --from/--to.") == 1
    assert "could not be read" not in page([], outside)


def test_findings_below_the_level_asked_for_are_counted() -> None:
    high = replace(SILENT, summary=replace(SILENT.summary, min_level=Level.HIGH, findings_hidden=1))
    assert page([], high).startswith(
        "Nothing of level high or above in 10 events; 1 finding below high is not shown (--min-level).\n"
    )
    assert "1 match in 10 events; 1 finding below high is not shown (--min-level)." in page([match(DUMP, 0)], high)
    none = replace(SILENT, summary=replace(SILENT.summary, min_level=Level.HIGH))
    assert page([], none).startswith("Nothing matched in 10 events.\n")


def test_a_partial_result_says_so_first_and_last() -> None:
    text = page([match(DUMP, 0)], closing(partial=True), width=160)
    assert text.startswith(PARTIAL)
    assert text.endswith(PARTIAL + "\n")
    assert PARTIAL not in page([match(DUMP, 0)], closing(), width=160)


def test_every_blind_spot_is_told_or_counted() -> None:
    text = page([], closing(), width=160)
    for words in (
        "Logs that were cleared (1)",
        "Files that could not be read",
        "this record is damaged (2 events)",
        "windows ps_script: no events (114 rules)",
        "OriginalFileName (33 rules)",
        "the clock was set back once",
        "Records missing from logs (13)",
        "(13 records)",
        "3 more; all with --json",
        "rules/broken.yml:12:3: the condition",
        "Rules that are dormant (18)",
    ):
        assert words in text
