"""Absent, null and '' differ, also where somebody asks how many devices have ''."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

import pytest

from carecordon.model.event import Fields
from carecordon.telemetry.answer import Denied, Prevalence
from tests.telemetry.keeping import Keeping, keeping, merged

OWN, LONG, OTHER = "PipeName", "ScriptBlockText", 'My, "own"] field'
EVENTS: list[Fields] = [
    {OWN: "", LONG: "", OTHER: ""},
    {OWN: "", LONG: None, OTHER: "", "n": "", "Signature": None},
    {OWN: None, LONG: "x", OTHER: None},
    {OWN: ("",), OTHER: "x", "e": "", "RuleName": ""},
    {"Nothing": None, f"{OTHER} too": None, "Signature": None},
    {},
]


@pytest.fixture(scope="module")
def only(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Keeping]:
    """Return a keeper of these events and no others."""
    with keeping(tmp_path_factory.mktemp("absent")) as found:
        with closing(found.telemetry()) as telemetry:
            telemetry.insert(merged(EVENTS, epoch=50_000), "absent")
        yield found


@pytest.mark.parametrize(
    ("field", "count"), [(OWN, 2), (LONG, 1), (OTHER, 2), ("n", 1), ("e", 1), ("Nothing", 0), ("Signature", 0)]
)
def test_only_events_that_say_it_are_counted(only: Keeping, field: str, count: int) -> None:
    with closing(only.reader()) as reader:
        found = reader.prevalence(field, "")
    assert isinstance(found, Prevalence)
    assert (found.events, found.devices, found.first is None) == (count, min(count, 1), not count)


def test_a_hash_is_never_empty(only: Keeping) -> None:
    with closing(only.reader()) as reader:
        assert isinstance(reader.prevalence("SHA256", ""), Denied)
