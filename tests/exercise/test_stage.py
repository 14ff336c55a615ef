"""The stage runs scripts in the order of their moments, and its clock never goes back."""

from __future__ import annotations

from datetime import datetime

from carecordon.exercise.stage import Mark, Script, Stage

START, END = datetime(2026, 11, 20), datetime(2026, 11, 20, 1)  # noqa: DTZ001  # the stage takes UTC without a zone


def _says(stage: Stage, word: str, *waits: float, mark: Mark | None = None) -> Script:
    for wait in (*waits, 0.0):
        stage.write({"word": word, "at": stage.tick()}, mark)
        yield wait


def test_scripts_take_turns_as_their_moments_come() -> None:
    stage = Stage(START, END)
    stage.at(10.0, _says(stage, "b", 20.0))
    stage.at(5.0, _says(stage, "a", 10.0))
    assert [line["word"] for line, _ in stage.play()] == ["a", "b", "a", "b"]


def test_of_one_moment_the_first_begun_goes_first() -> None:
    stage = Stage(START, END)
    for word in "abc":
        stage.at(1.0, _says(stage, word))
    lines = [line for line, _ in stage.play()]
    assert [line["word"] for line in lines] == ["a", "b", "c"]
    assert lines[0]["at"] == "2026-11-20 00:00:01.000"
    assert sorted(line["at"] for line in lines) == [line["at"] for line in lines]


def test_what_would_come_after_the_end_stays_unplayed() -> None:
    stage = Stage(START, END)
    stage.at(3590.0, _says(stage, "a", 20.0))
    assert [line["word"] for line, _ in stage.play()] == ["a"]


def test_a_moment_that_is_past_means_at_once() -> None:
    stage = Stage(START, END)

    def late() -> Script:
        stage.at(2.0, _says(stage, "late"))
        yield 0.0

    stage.at(60.0, late())
    assert [line["at"][:16] for line, _ in stage.play()] == ["2026-11-20 00:01"]


def test_the_truth_goes_beside_the_event() -> None:
    stage, mark = Stage(START, END), Mark(1, "scan", ("T1046",))
    stage.at(0.0, _says(stage, "a", mark=mark))
    assert [found for _, found in stage.play()] == [mark]
