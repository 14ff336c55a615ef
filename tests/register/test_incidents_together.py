"""Many incidents in one commit are written as they would be one by one, whatever they have in common."""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from carecordon.model.kept import AlertQuery, Commit, IncidentQuery, ToldIncident
from carecordon.register.backends.sql.incidents import write_incident
from carecordon.register.backends.sqlite import SQLITE, door_of
from carecordon.register.register import Register
from tests.register.example import NOW, alert, incident

NAMES = ("i1", "i2", "i3", "i4")


@st.composite
def told(draw: st.DrawFn) -> list[ToldIncident]:
    """Return incidents of one look: each name is one's own or one's alias, each alert stands in one of them."""
    owner = {name: draw(st.sampled_from(NAMES)) for name in NAMES}
    places = draw(st.lists(st.sampled_from(NAMES), min_size=6, max_size=6))
    found = []
    for name in NAMES:
        own = [one for one, whose in owner.items() if whose == name]
        alerts = [
            alert(10 * number + draw(st.integers(0, 1)), f"WARD-{number}", count=draw(st.integers(1, 2)))
            for number, place in enumerate(places)
            if owner[place] == name
        ]
        if own and alerts:
            found.append(incident(own[0], alerts, own[1:], score=draw(st.integers(1, 2))))
    return found


def _shown(register: Register) -> object:
    incidents = [
        (row, register.cases.alerts(AlertQuery(incident=row.number)))
        for row in register.cases.incidents(IncidentQuery(limit=100))
    ]
    named = {name: None if (row := register.cases.incident(name)) is None else row.number for name in NAMES}
    return named, [(replace(row, body=b""), sorted(alerts, key=lambda one: one.id)) for row, alerts in incidents]


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("register") / "empty.db"
    SQLITE.prepare(str(place))
    return place


SPLIT = [
    [incident("i3", [alert(30, "WARD-3")])],
    [incident("i1", [alert(10, "WARD-1")], ["i3"]), incident("i2", [alert(30, "WARD-3")], ["i3"])],
]
"""What was one is two, and both had its name."""


@example(looks=SPLIT)
@settings(max_examples=50, deadline=None)
@given(looks=st.lists(told(), min_size=1, max_size=5))
def test_together_as_one_by_one(empty: Path, looks: list[list[ToldIncident]]) -> None:
    shown = []
    for is_together in (True, False):
        with tempfile.TemporaryDirectory() as folder:
            place = Path(shutil.copy(empty, folder))
            register = SQLITE.open_register(str(place))
            for number, look in enumerate(looks):
                if is_together:
                    register.cases.commit(Commit(NOW + number, number, number + 1, incidents=look))
                else:
                    with door_of(place).writing() as connection:
                        for one in sorted(look, key=lambda one: (one.first, one.id)):
                            write_incident(connection, one, NOW + number)
            shown.append(_shown(register))
            register.close()
    assert shown[0] == shown[1]
