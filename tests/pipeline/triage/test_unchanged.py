"""A process that takes up the state tells what came since incidents were told last, and nothing again."""

from __future__ import annotations

import pytest

from carecordon.model.incident import Incident
from carecordon.pipeline.triage.group import Grouper
from carecordon.pipeline.triage.records import Kept, Key
from carecordon.pipeline.triage.score import Asset, Estate
from tests.pipeline.triage.grouping import MINUTE, match, start
from tests.pipeline.triage.test_records import Store, step, write

ESTATE = Estate(100, {"ws1": Asset("ward.pc", "S1")})


def before(store: Store) -> list[Incident]:
    """Tell two incidents, on ws1 and ws2."""
    grouper = Grouper(estate=ESTATE, is_kept=True, teller="0")
    return step(grouper, store, match("a", 0, ProcessGuid="p-1"), match("b", 0, "ws2"))


def after(store: Store, estate: Estate = ESTATE, teller: str = "0") -> Grouper:
    grouper = Grouper(estate=estate, is_kept=True, teller=teller)
    grouper.restore(Kept(store.items()))
    return grouper


def devices(told: list[Incident]) -> list[str]:
    return sorted(entity for one in told for entity in one.devices)


def test_what_was_told_is_not_told_again_however_often_it_is_taken_up() -> None:
    store = Store()
    assert devices(before(store)) == ["ws1", "ws2"]
    for _ in range(3):
        assert step(after(store), store) == []
    assert len([key for key in store if key[0] == "incident"]) == 2


def test_what_came_and_was_not_told_is_told_by_the_next() -> None:
    store = Store()
    before(store)
    grouper = after(store)
    grouper.feed([match("c", MINUTE, "ws2")])
    write(grouper, store)
    told = step(after(store), store)
    assert devices(told) == ["ws2"]
    assert step(after(store), store) == []


def test_a_process_that_was_heard_of_and_not_told_is_told_by_the_next() -> None:
    store = Store()
    before(store)
    grouper = after(store)
    grouper.feed(starts=[start("p-1", at=-MINUTE)])
    write(grouper, store)
    assert devices(step(after(store), store)) == ["ws1"]


def test_what_comes_later_is_told_whole() -> None:
    store = Store()
    before(store)
    grouper = after(store)
    assert step(grouper, store) == []
    (told,) = step(grouper, store, match("c", MINUTE, "ws2"))
    assert {place.rule_id for place in told.places} == {"b", "c"}
    (again,) = step(grouper, store, match("d", MINUTE, "ws1", ProcessGuid="p-1"))
    assert {place.rule_id for place in again.places} == {"a", "d"}


OTHER = Estate(100, {"ws2": Asset("imaging.modality", "S3")})


@pytest.mark.parametrize(
    ("teller", "estate", "later"),
    [("0", OTHER, OTHER), ("0", ESTATE, OTHER), ("1", ESTATE, ESTATE), ("0", *[Estate(2, ESTATE.assets)] * 2)],
    ids=["assets", "assets that change later", "teller", "how rare a rule is"],
)
def test_where_something_else_counts_all_is_told_again(teller: str, estate: Estate, later: Estate) -> None:
    store = Store()
    told = before(store)
    grouper = after(store, estate, teller)
    grouper.estate = later
    again = step(grouper, store)
    assert [one.id for one in again] == [one.id for one in told]


def test_an_incident_that_lost_a_unit_is_told_again() -> None:
    """One that nobody touched: what tied it to the others is no more, on their device."""
    store = Store()
    two = [match("a", 0, ProcessGuid="p-1"), match("b", MINUTE, ProcessGuid="p-1")]
    (told,) = step(Grouper(estate=ESTATE, is_kept=True, teller="0"), store, *two)
    lost = next(key for key in store if key[:2] == ("unit", "b"))
    (again,) = step(after({key: record for key, record in store.items() if key != lost}), Store())
    assert again.id == told.id
    assert {place.rule_id for place in again.places} == {"a"}


def test_what_reached_nobody_is_told_by_the_next() -> None:
    store = Store()
    grouper = Grouper(estate=ESTATE, is_kept=True, teller="0")
    told = step(grouper, store, match("a", 0, ProcessGuid="p-1"), match("b", 0, "ws2"))
    grouper.untell(one for one in told if "ws2" in one.devices)
    write(grouper, store)
    assert devices(step(after(store), store)) == ["ws2"]
    assert not [key for key in store if key[0] == "untold"]


@pytest.mark.parametrize(
    ("record", "expected"),
    [(("told",), ["ws1", "ws2"]), (("untold", "ws1"), ["ws1"]), (("incident",), ["ws1"]), (("start", "ws1"), ["ws1"])],
)
def test_what_is_damaged_has_more_told_and_not_less(record: Key, expected: list[str]) -> None:
    store = Store()
    told = before(store)
    name = next(one.id for one in told if one.devices == ("ws1",))
    store[(*record, name) if record == ("incident",) else record] = b"\xc1"
    assert devices(step(after(store), store)) == expected


def test_an_incident_that_could_not_be_told_is_tried_by_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    store = Store()
    before(store)
    grouper = after(store)
    with monkeypatch.context() as patch:
        patch.setattr("carecordon.pipeline.triage.group.tell", lambda *_: 1 / 0)
        assert step(grouper, store, match("c", MINUTE, "ws2")) == []
    assert devices(step(after(store), store)) == ["ws2"]
