"""What an own rule tells the people on the night shift: its causes, its techniques and three steps, care first."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from tests.rules.test_own_rules import FILES, documents

NOTED = FILES
STEPS, LONGEST = 3, 200
CUTS_OFF = re.compile(r"\b(?:isolat|cut\b.{0,40}\boff|off the network|out of use|swap the device)", re.IGNORECASE)
"""Words that tell to take a device away from the people who use it."""
ASKS = re.compile(r"\b(?:ward|nurse|users|department|clinical|care first)", re.IGNORECASE)
"""Words that tell whom to ask first."""
LOUD = {"high", "critical"}
"""Levels that wake somebody."""


def told(file: Path) -> list[dict[str, Any]]:
    """Return the documents of a rule file; there is at least one."""
    found = documents(file)
    assert found
    return found


@pytest.mark.parametrize("file", NOTED, ids=lambda file: f"{file.parent.name}-{file.stem}")
def test_three_steps_of_one_sentence(file: Path) -> None:
    for document in told(file):
        steps = document["triage"]
        assert len(steps) == STEPS == len(set(steps))
        for step in steps:
            assert len(step) <= LONGEST
            assert re.fullmatch(r"[A-Z].*[.?]", step), step
            assert not re.search(r"[.?!] [A-Z]", step), step


@pytest.mark.parametrize("file", NOTED, ids=lambda file: f"{file.parent.name}-{file.stem}")
def test_nobody_is_told_to_cut_off_a_device_unasked(file: Path) -> None:
    for document in told(file):
        for text in [document["description"], *document["triage"]]:
            assert not CUTS_OFF.search(text) or ASKS.search(text), text


@pytest.mark.parametrize("file", NOTED, ids=lambda file: f"{file.parent.name}-{file.stem}")
def test_causes_and_techniques(file: Path) -> None:
    for document in told(file):
        assert all(len(cause) >= len("None known") for cause in document["falsepositives"])
        techniques = [tag for tag in document["tags"] if re.fullmatch(r"attack\.t\d{4}(?:\.\d{3})?", tag)]
        assert techniques
        assert len(techniques) == len(set(techniques))


def test_a_rule_that_only_feeds_another_never_alarms() -> None:
    feeding = [
        document
        for file in NOTED
        for document in told(file)
        if document.get("name") and "correlation" not in document and len(told(file)) > 1
    ]
    assert feeding
    assert {document["level"] for document in feeding} == {"informational"}


def test_there_are_many_and_few_of_them_shout() -> None:
    every = [document for file in NOTED for document in told(file)]
    loud = [document for document in every if document["level"] in LOUD]
    assert len(every) >= 180
    assert len(loud) <= len(every) / 2
