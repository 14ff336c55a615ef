"""Quiet days: nothing but ordinary life and harmless things that look bad."""

from __future__ import annotations

from datetime import date

from carecordon.exercise.scenario import Plot, Scenario


def plot(plot: Plot) -> None:
    """Nothing: the oddities are put on the stage with the habits."""


QUIET = Scenario(
    "quiet", "ordinary days with harmless things that look bad", date(2026, 11, 16), (), plot, has_oddities=True
)
