"""Each kind of event is told in its own sentence, and says no more than the event: `golden/kinds.jsonl`, by line."""

from __future__ import annotations

import json
from typing import Any

import pytest

from carecordon.report.story.catalogue import asked
from carecordon.report.story.kinds import KINDS
from tests.report.story.script import GOLDEN, SYSMON, one

CASES: list[dict[str, Any]] = [
    json.loads(line) for line in (GOLDEN / "kinds.jsonl").read_text(encoding="utf-8").splitlines()
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case['log']} {case['id']}")
def test_an_event_is_told(case: dict[str, Any]) -> None:
    fields = {name: tuple(value) if isinstance(value, list) else value for name, value in case["fields"].items()}
    assert one(case["log"], case["id"], **fields) == case["told"]


def test_no_slot_takes_the_name_of_a_place_that_all_sentences_have() -> None:
    common = frozenset({"count", "span", "id", "channel", "event", "distinct", "folder", "named", "devices"})
    assert not [kind.key for kind in KINDS if kind.slots.keys() & common]


def test_what_is_the_same_and_what_varies_are_slots() -> None:
    for kind in KINDS:
        assert {*kind.same, *kind.twin, *({kind.varies} if kind.varies else ())} - {"device"} <= kind.slots.keys(), (
            kind.key
        )


def test_every_kind_asks_for_its_sentences() -> None:
    assert {key for kind in KINDS for key in kind.sentences()} <= asked().sentences.keys()


@pytest.mark.parametrize("text", ["a\nb", "a\u202eb", "a`b", "a\x1b[2Jb", "x" * 5_000, "\ud800", "{image}", "[x|y]"])
def test_a_hostile_name_neither_breaks_nor_turns_a_sentence(text: str) -> None:
    told = one(SYSMON, 5, Image="C:\\" + text)
    assert told.isprintable()
    assert told.count("`") == 2
    assert told.startswith("`C:\\")
    assert told.endswith("` ended.")
    assert len(told) < 300


@pytest.mark.parametrize("value", [None, "", "-", (), (None, ""), "(null)"])
def test_a_field_that_says_nothing_is_as_one_that_is_missing(value: object) -> None:
    fields: dict[str, Any] = {"Image": value}
    assert one(SYSMON, 5, **fields) == "A program that is not named ended."
