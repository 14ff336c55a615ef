"""Records become runs: all of them, at their places, whatever stands between them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from carecordon.model.block import RUN, Bad, Run
from carecordon.pipeline.ingest.runs import Record, in_runs


def records(first: int, count: int) -> list[Record | Bad]:
    return [Record(position, {"n": position}) for position in range(first, first + count)]


def test_records_that_follow_one_another_are_one_run() -> None:
    bad = Bad(4, "broken", 2)
    found = list(in_runs([*records(1, 3), bad, *records(6, RUN + 1)]))
    assert [one if isinstance(one, Bad) else (one.position, len(one.documents)) for one in found] == [
        (1, 3),
        bad,
        (6, RUN),
        (6 + RUN, 1),
    ]
    runs = [run for run in found if isinstance(run, Run)]
    assert all(document == {"n": run.position + n} for run in runs for n, document in enumerate(run.documents))


def test_records_with_a_gap_between_them_are_two_runs() -> None:
    found = [run for run in in_runs([*records(1, 1), *records(5, 1)]) if isinstance(run, Run)]
    assert [run.position for run in found] == [1, 5]
    assert list(in_runs([])) == []


def test_a_run_carries_the_text_of_its_own_records() -> None:
    texts = [Record(place, {"n": place}, f'{{"n": "{place} \N{SNOWMAN}"}}') for place in range(1, RUN + 3)]
    runs = [run for run in in_runs([*texts[:2], Bad(3, "broken"), *texts[3:]]) if isinstance(run, Run)]
    assert [len(run.documents) for run in runs] == [2, RUN - 1]
    for run in runs:
        wanted = [f'{{"n": "{document["n"]} \N{SNOWMAN}"}}' for document in run.documents]
        assert run.text is not None
        assert run.text.decode().split("\n") == wanted


def test_what_was_read_before_reading_broke_off_comes_first() -> None:
    def breaking() -> Iterator[Record | Bad]:
        yield from records(1, 2)
        raise ValueError("made up")

    runs = in_runs(breaking())
    assert next(runs) == Run(1, [{"n": 1}, {"n": 2}])
    with pytest.raises(ValueError, match="made up"):
        next(runs)
