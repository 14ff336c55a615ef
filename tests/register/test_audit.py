"""The audit log: whatever is done to it afterwards is seen, and named by its number."""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carecordon.model.audit import Act, AuditEntry, Head
from carecordon.register.chain import EMPTY, breaks, following
from carecordon.register.register import Register
from tests.register.example import NOW

Log = list[AuditEntry]
TEXT = st.text(max_size=12)
ACTS = st.builds(Act, TEXT, TEXT, TEXT, TEXT)
LOGS = st.lists(ACTS, min_size=2, max_size=12)


def written(acts: list[Act]) -> tuple[Log, Head]:
    log = list(following(EMPTY, acts, NOW))
    return log, Head(log[-1].number, log[-1].seal)


def change(log: Log, draw: random.Random) -> Log:
    place = draw.randrange(len(log))
    one = log[place]
    field = draw.choice(["who", "verb", "subject", "detail", "at", "seal"])
    other = (
        replace(one, at=one.at + 1)
        if field == "at"
        else replace(one, seal=f"{int(one.seal, 16) ^ 1:064x}")
        if field == "seal"
        else replace(one, act=replace(one.act, **{field: getattr(one.act, field) + "x"}))
    )
    return [*log[:place], other, *log[place + 1 :]]


def move_a_border(log: Log, draw: random.Random) -> Log:
    """Move a character from one field to the next: together they read the same."""
    place = draw.randrange(len(log))
    act = log[place].act
    joined = act.who + act.verb + "z"
    cut = draw.choice([cut for cut in range(len(joined) + 1) if cut != len(act.who)])
    return [*log[:place], replace(log[place], act=replace(act, who=joined[:cut], verb=joined[cut:])), *log[place + 1 :]]


def delete(log: Log, draw: random.Random) -> Log:
    place = draw.randrange(len(log))
    return log[:place] + log[place + 1 :]


def delete_and_number_anew(log: Log, draw: random.Random) -> Log:
    return [replace(one, number=number) for number, one in enumerate(delete(log, draw), 1)]


def insert(log: Log, draw: random.Random) -> Log:
    place = draw.randrange(len(log) + 1)
    new = replace(draw.choice(log), act=Act("eve", "never", "was"))
    return [replace(one, number=number) for number, one in enumerate([*log[:place], new, *log[place:]], 1)]


def swap(log: Log, draw: random.Random) -> Log:
    one, two = draw.sample(range(len(log)), 2)
    swapped = [*log]
    swapped[one], swapped[two] = (
        replace(log[two], number=log[one].number, act=replace(log[two].act, detail="moved")),
        replace(log[one], number=log[two].number),
    )
    return swapped


def cut_the_tail(log: Log, draw: random.Random) -> Log:
    return log[: draw.randrange(len(log))]


def reseal(log: Log, draw: random.Random) -> Log:
    """Change one entry and make all seals behind it anew, as somebody would who knows how."""
    changed = change(log, random.Random(draw.random()))
    place = next(place for place, one in enumerate(changed) if one != log[place])
    head = Head(place, log[place - 1].seal) if place else EMPTY
    acts = [replace(one.act, detail=one.act.detail + "!") for one in changed[place:]]
    return [*log[:place], *following(head, acts, NOW)]


TAMPERINGS = [change, move_a_border, delete, delete_and_number_anew, insert, swap, cut_the_tail, reseal]


@given(LOGS)
def test_a_log_that_is_as_it_was_written_is_sound(acts: list[Act]) -> None:
    log, head = written(acts)
    anchors = [Head(one.number, one.seal) for one in log]
    assert list(breaks(log, head, anchors)) == []
    assert list(breaks([], EMPTY)) == []


@pytest.mark.parametrize("tamper", TAMPERINGS)
@given(LOGS, st.integers(0, 2**32))
def test_tampering_is_always_seen(tamper: Callable[[Log, random.Random], Log], acts: list[Act], seed: int) -> None:
    log, head = written(acts)
    tampered = tamper(log, random.Random(seed))
    assert list(breaks(tampered, head))


@given(LOGS, st.integers(0, 2**32))
def test_a_log_rewritten_with_its_head_is_seen_by_an_anchor(acts: list[Act], seed: int) -> None:
    log, head = written(acts)
    forged = reseal(log, random.Random(seed))
    own_head = Head(forged[-1].number, forged[-1].seal)
    assert list(breaks(forged, own_head)) == []  # what cannot be seen without one
    assert [one.number for one in breaks(forged, own_head, [head])] == [head.number]
    cut = log[:-1]
    assert [one.number for one in breaks(cut, Head(cut[-1].number, cut[-1].seal), [head])] == [head.number]


@given(LOGS, st.integers(0, 2**32))
def test_the_break_names_the_entry(acts: list[Act], seed: int) -> None:
    log, head = written(acts)
    draw = random.Random(seed)
    place = draw.randrange(len(log))
    other = replace(log[place], act=replace(log[place].act, who=log[place].act.who + "x"))
    assert [one.number for one in breaks([*log[:place], other, *log[place + 1 :]], head)] == [place + 1]


def test_entries_are_read_back(register: Register) -> None:
    register.audit.add([Act("ada", "ask", "events", "SELECT 1"), Act("bo", "login", "")], NOW)
    head = register.audit.add([Act("ada", "close", "3")], NOW + 1)
    assert (head.number, head) == (3, register.audit.head())
    assert [entry.number for entry in register.audit.entries()] == [3, 2, 1]
    assert [entry.number for entry in register.audit.entries(before=3, limit=1)] == [2]
    assert [entry.act.verb for entry in register.audit.entries(who="ada")] == ["close", "ask"]
    assert register.audit.verify([head]) == []


@pytest.mark.parametrize(
    ("statement", "number", "says"),
    [
        ("UPDATE audit SET who = 'eve' WHERE number = 2", 2, "changed"),
        ("DELETE FROM audit WHERE number = 2", 3, "entry 2 is missing"),
        ("DELETE FROM audit WHERE number >= 4", 5, "its tail was cut off"),
        ("DELETE FROM audit", 5, "its tail was cut off"),
        ("INSERT INTO audit SELECT 6, at, who, verb, subject, detail, seal FROM audit WHERE number = 5", 6, "changed"),
        ("DELETE FROM audit_head", 5, "added that the hub did not write"),
    ],
)
def test_a_database_that_was_tampered_with(
    register: Register, place: Path, statement: str, number: int, says: str
) -> None:
    register.audit.add([Act("ada", "ask", str(one)) for one in range(5)], NOW)
    with closing(sqlite3.connect(place, isolation_level=None)) as connection:
        connection.execute(statement)
    found = register.audit.verify()
    assert found[0].number == number
    assert says in found[0].what
