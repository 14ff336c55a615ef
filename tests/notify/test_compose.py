"""What a notice of an incident says."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carecordon.model.errors import TheirFault
from carecordon.notify.compose import Texts, compose
from carecordon.notify.notice import decode, encode
from tests.notify.telling import NOON, incident

TEXTS = Texts("It began on WARD0.", ("Ring the ward.", "Unplug it.", "Keep the disk.", "Not told."))


def test_a_notice_says_what_where_since_when_what_first_and_the_id() -> None:
    made = compose(incident(devices=14), TEXTS, "Westpark Hospital", "k", NOON)
    assert made.subject == "[Carecordon high] Shadow copies deleted (14 devices)"
    for part in (
        "Level:    high (score 80)",
        "ward0-pc.example.org, ward1-pc.example.org",
        "and 2 more",
        "2026-11-27T12:00:00.000000Z",
        "1. Ring the ward.\n2. Unplug it.\n3. Keep the disk.\n",
        "Incident: inc-0001 at Westpark Hospital",
        "It began on WARD0.",
    ):
        assert part in made.text
    assert "Not told" not in made.text
    assert made.data["devices_total"] == 14
    assert len(made.data["devices"]) == 12


def test_a_notice_comes_back_from_the_outbox_as_it_was() -> None:
    made = compose(incident(), TEXTS, "Westpark Hospital", "k", NOON)
    assert decode(encode(made)) == made


def test_what_is_no_notice_is_told() -> None:
    with pytest.raises(TheirFault, match="cannot be read"):
        decode(b'{"key": 1}')


@given(st.text(), st.text())
def test_no_text_of_an_event_adds_a_line_or_hides_one(title: str, device: str) -> None:
    made = compose(replace(incident(title=title), devices=(device,)), TEXTS, "Westpark", "k", NOON)
    plain = compose(incident(title="x"), TEXTS, "Westpark", "k", NOON)
    assert made.text.count("\n") == plain.text.count("\n")
    assert all(line.isprintable() for line in made.text.splitlines())
    assert made.subject.isprintable()
