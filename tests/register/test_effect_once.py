"""However often a commit comes, wherever it was broken off, the register holds the same; incidents lose no name."""

from __future__ import annotations

import random
from collections.abc import Sequence
from contextlib import closing, suppress
from pathlib import Path
from typing import NoReturn

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection

from carecordon.model.kept import AlertQuery, Commit, Committed, IncidentQuery, ToldAlert, ToldIncident
from carecordon.register.backends.sql import cases
from carecordon.register.backends.sqlite import SQLITE
from carecordon.register.register import Register
from tests.register.example import NOW, alert, dump, incident, notice, whole_commit


class Broken(Exception):
    """What stands for a crash."""


def _break(_connection: Connection, _commit: Commit) -> NoReturn:
    raise Broken


def broken_at(place: int) -> tuple[cases.Step, ...]:
    return (*cases.STEPS[:place], _break, *cases.STEPS[place:])


@pytest.mark.parametrize("step", range(len(cases.STEPS) + 1))
def test_a_commit_that_is_broken_off_leaves_nothing(
    register: Register, place: Path, monkeypatch: pytest.MonkeyPatch, step: int
) -> None:
    register.cases.commit(whole_commit(0, 3))
    before = dump(place)
    with monkeypatch.context() as patch:
        patch.setattr(cases, "STEPS", broken_at(step))
        with pytest.raises(Broken):
            register.cases.commit(whole_commit(3, 9))
    assert dump(place) == before
    assert register.cases.commit(whole_commit(3, 9)) is Committed.DONE
    after = dump(place)
    assert register.cases.commit(whole_commit(3, 9)) is Committed.ALREADY
    assert dump(place) == after


class Town:
    """A made-up triage: alerts come in groups that grow at both ends and merge, and are told under their first's id."""

    def __init__(self, seed: int) -> None:
        self._draw = random.Random(seed)
        self._groups: list[dict[str, ToldAlert]] = []
        self._names: list[list[str]] = []
        self._next = 1_000

    def step(self) -> list[ToldIncident]:
        """Return what is told after something happened."""
        does = self._draw.choice(["new", "late", "more", "merge"])
        touched = self._draw.sample(range(len(self._groups)), min(len(self._groups), 2))
        if does == "merge" and len(touched) == 2:
            one, two = sorted(touched)
            self._groups[one] |= self._groups.pop(two)
            self._names[one] += self._names.pop(two)
            return [self._told(one)]
        if does == "new" or not touched:
            self._groups.append({})
            self._names.append([])
            touched = [len(self._groups) - 1]
        group = self._groups[touched[0]]
        self._next += 1
        entity = f"p{self._draw.randrange(3)}-{touched[0] if does == 'new' else len(group)}-{self._next // 4}"
        first = self._next - (2 * (self._next - 1_000) if does == "late" else 0)
        group[entity] = alert(first, f"WARD-{self._draw.randrange(4)}", entity=entity)
        return [self._told(touched[0])]

    def _told(self, place: int) -> ToldIncident:
        alerts = sorted(self._groups[place].values(), key=lambda one: one.first)
        name = f"i{alerts[0].first}"
        names = self._names[place]
        if name not in names:
            names.append(name)
        return incident(name, alerts, [one for one in names if one != name])

    def whole(self) -> Sequence[ToldIncident]:
        return [self._told(place) for place in range(len(self._groups))]


def play(place: Path, seed: int, steps: int, chaos: random.Random | None) -> Town:
    """Play a town into a register; with `chaos`, commits break off anywhere, come twice, and it is opened anew."""
    town = Town(seed)
    register = SQLITE.open_register(str(place))
    for number in range(steps):
        told = town.step()
        notices = [notice(one.id) for one in told]
        records: dict[tuple[str, ...], bytes | None] = {
            ("last",): b"%d" % number,
            (f"{number % 3}",): None if number % 2 else b"x",
        }
        commit = Commit(NOW + number, number, number + 1, records, told, notices=notices)
        if chaos is not None and chaos.random() < 0.5:
            with pytest.MonkeyPatch.context() as patch, suppress(Broken):
                patch.setattr(cases, "STEPS", broken_at(chaos.randrange(len(cases.STEPS) + 1)))
                register.cases.commit(commit)
        if chaos is not None and chaos.random() < 0.1:
            register.close()
            register = SQLITE.open_register(str(place))
        register.cases.commit(commit)
        if chaos is not None and chaos.random() < 0.3:
            assert register.cases.commit(commit) is Committed.ALREADY
    register.close()
    return town


@settings(max_examples=5)
@given(seed=st.integers(0, 2**32), steps=st.integers(5, 20))
def test_crashes_and_repeats_change_nothing(
    tmp_path_factory: pytest.TempPathFactory, empty: bytes, seed: int, steps: int
) -> None:
    folder = tmp_path_factory.mktemp("twice")
    plain, shaken = folder / "plain.db", folder / "shaken.db"
    plain.write_bytes(empty)
    shaken.write_bytes(empty)
    town = play(plain, seed, steps, None)
    play(shaken, seed, steps, random.Random(seed))
    assert dump(plain) == dump(shaken)
    with closing(SQLITE.open_register(str(plain))) as register:
        holds_what_was_told(register, town)


def holds_what_was_told(register: Register, town: Town) -> None:
    whole = {one.id: one for one in town.whole()}
    rows = register.cases.incidents(IncidentQuery(limit=1_000))
    assert {row.id for row in rows} == set(whole)
    for row in rows:
        told = whole[row.id]
        assert set(row.ids) == {told.id, *told.aliases}
        assert all(row.number < other for other in row.merged)
        found = register.cases.alerts(AlertQuery(incident=row.number, limit=1_000))
        assert {one.id for one in found} == {one.id for one in told.alerts}
        for name in row.ids:
            known = register.cases.incident(name)
            assert known is not None
            assert known.number == row.number
    # Of every incident that was ever its own one notice lies in the outbox, and never two of one incident that lives.
    due = register.outbox.due(NOW + 10**6, 1_000)
    assert {one.incident for one in due} >= {row.number for row in rows}
    assert len(due) == len(rows) + sum(len(row.merged) for row in rows)
