"""How fast recordings are written is measured by the command itself."""

from __future__ import annotations

import pytest

from carecordon.bench import exercise


def test_the_figures_are_of_real_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    runs = iter([(100, 2.0), (100, 1.0), (300, 5.0), (300, 6.0)])
    monkeypatch.setattr(exercise, "_written", lambda *_: next(runs))
    assert exercise.measure("quiet", 2) == {"scenario": "quiet", "events": 300, "seconds": 5.0, "events_per_s": 50.0}


def test_a_run_that_fails_says_why() -> None:
    with pytest.raises(ValueError, match="no scenario is called nonsense"):
        exercise.measure("nonsense", 1)
