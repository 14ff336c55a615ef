"""What grouping keeps goes to records and comes back; a step names only those that it changed."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from carecordon.model.incident import Incident
from carecordon.model.match import CorrelationMatch, Level, Match
from carecordon.model.process import ProcessStart
from carecordon.pipeline.triage import members, processes
from carecordon.pipeline.triage.group import Grouper
from carecordon.pipeline.triage.records import Kept, Key, start_of
from carecordon.pipeline.triage.unchanged import AsTold
from tests.pipeline.triage.grouping import HOUR, MINUTE, NOON, SECOND, match, rule, start
from tests.pipeline.triage.test_group import MATCHES, STARTS
from tests.replacing import replace

Store = dict[Key, bytes]


def feed(grouper: Grouper, store: Store, *found: Match | ProcessStart) -> None:
    """Feed and write what has changed."""
    grouper.feed(
        [one for one in found if isinstance(one, Match)], [one for one in found if isinstance(one, ProcessStart)]
    )
    write(grouper, store)


def step(grouper: Grouper, store: Store, *found: Match | ProcessStart) -> list[Incident]:
    """Feed, settle and write what has changed; return what is told."""
    grouper.feed(
        [one for one in found if isinstance(one, Match)], [one for one in found if isinstance(one, ProcessStart)]
    )
    told = grouper.settle()
    write(grouper, store)
    return told


def write(grouper: Grouper, store: Store) -> None:
    """Write what has changed."""
    for key, record in grouper.changes().items():
        if record is None:
            store.pop(key, None)
        else:
            store[key] = record


def counting(*rules: str) -> Grouper:
    """Return one for which all that these rules match is in a window."""
    places = frozenset(("log", position) for position in range(10))
    return Grouper(frozenset(rules), is_kept=True, counted=lambda: places)


class Sleeping:
    """Processes of a store, read when they are asked for."""

    def __init__(self, store: Store) -> None:
        """Read them from what the store has then."""
        self._store = store
        self.woken: list[str] = []

    def count(self) -> int:
        """Return how many there are."""
        return sum(key[0] == "start" for key in self._store)

    def of(self, device: str) -> list[ProcessStart]:
        """Return those of a device."""
        self.woken.append(device)
        return [one for one in self.all() if one.device == device]

    def all(self) -> list[ProcessStart]:
        """Return all."""
        return [start_of(key, record) for key, record in self._store.items() if key[0] == "start"]


def restored(store: Store, *, opens: bool = True) -> Grouper:
    grouper = counting("base")
    records = [(key, record) for key, record in store.items() if opens or key[0] != "start"]
    grouper.restore(Kept(records, asleep=None if opens else Sleeping(store)))
    return grouper


def test_a_step_names_what_it_changed_and_nothing_else() -> None:
    grouper, store = Grouper(is_kept=True), Store()
    step(grouper, store, match("a", 0, ProcessGuid="a-1"), match("b", 0, "ws2"), start("a-1"))
    assert sorted({key[0] for key in store}) == ["incident", "rule", "start", "told", "unit"]
    grouper.feed([match("a", MINUTE, ProcessGuid="a-1")])
    assert [key[:3] for key in grouper.changes()] == [("unit", "a", "ws1"), ("untold", "ws1")]
    assert grouper.changes() == {}


def test_without_a_writer_nothing_is_noted() -> None:
    grouper = Grouper()
    grouper.feed([match("a")], [start("a-1")])
    grouper.settle()
    assert grouper.changes() == {}


@given(st.lists(st.tuples(st.one_of(MATCHES, STARTS), st.booleans(), st.booleans()), max_size=16), st.booleans())
def test_a_process_that_dies_goes_on_from_its_records(
    drawn: list[tuple[Match | ProcessStart, bool, bool]], opens: bool
) -> None:
    """Whenever processes end, before or after incidents were told, in the end the same was told as by one alone."""
    placed = [
        replace(one, position=place, record_id=place) if isinstance(one, Match) else replace(one, position=place)
        for place, (one, _, _) in enumerate(drawn, 1)
    ]
    in_order = sorted(placed, key=lambda one: one.time or 0)
    expected = {incident.id: incident for incident in step(Grouper(is_kept=True), Store(), *in_order)}
    store, told, grouper = Store(), dict[str, Incident](), Grouper(is_kept=True)

    def tell() -> None:
        for incident in step(grouper, store):
            for former in incident.aliases:
                told.pop(former, None)
            told[incident.id] = incident

    for one, (_, is_told, is_end) in zip(in_order, drawn, strict=True):
        feed(grouper, store, one)
        if is_told:
            tell()
        if is_end:
            grouper = restored(store, opens=opens)
    tell()
    assert _plain(told) == _plain(expected)
    assert not [key for key in store if key[0] == "untold"]


def test_former_ids_survive() -> None:
    store = Store()
    (before,) = step(Grouper(is_kept=True), store, match("b", MINUTE))
    (merged,) = step(restored(store), store, match("a", 0))
    (again,) = step(restored(store), store, match("c", 2 * MINUTE))
    assert merged.aliases == again.aliases == (before.id,)


def test_a_correlation_finds_its_events_after_a_restart() -> None:
    store = Store()
    base = match("base", 0, level=Level.INFORMATIONAL, silent=True, IpAddress="192.0.2.1")
    step(counting("base"), store, base)
    grouper = restored(store)
    grouper.feed(correlations=[CorrelationMatch(rule("fan"), {}, 1, NOON, NOON + SECOND, (("log", 1),))])
    assert [incident.title for incident in grouper.settle()] == ["Rule fan"]


def test_an_event_is_kept_for_each_rule_whose_correlations_count_it() -> None:
    store = Store()
    found = [
        match(name, place * SECOND, level=Level.LOW, position=place, record_id=place)
        for place in (1, 2, 3)
        for name in ("base", "other")
    ]
    grouper = counting("base", "other")
    step(grouper, store, *found)
    again = Grouper(frozenset({"base", "other"}), is_kept=True)
    counted = again.restore(Kept(store.items()))
    assert [(one.position, one.rule.id) for one in counted] == [(one.position, one.rule.id) for one in found]
    again.now = NOON
    step(again, store, match("a"))
    assert not [key for key in store if key[0] == "member"], "both are gone when they are in no window"


def test_what_a_correlation_is_told_by_does_not_depend_on_which_rule_matched_first() -> None:
    fan = CorrelationMatch(rule("fan"), {}, 1, NOON, NOON + SECOND, (("log", 1),))
    told = []
    for order in (1, -1):
        grouper = Grouper(frozenset({"base", "other"}), is_kept=True)
        grouper.feed([match("base", 0, silent=True), match("other", 0, silent=True)][::order])
        grouper.feed(correlations=[fan])
        told.append(grouper.settle())
    assert told[0] == told[1]
    assert [incident.title for incident in told[0]] == ["Rule fan"]


def members_in(store: Store) -> list[str]:
    return [key[2] for key in store if key[0] == "member"]


def test_on_a_night_on_which_only_silent_rules_match_what_nobody_counts_is_forgotten() -> None:
    store, places = Store(), {("log", 1), ("log", 2)}
    grouper = Grouper(frozenset({"base"}), is_kept=True, counted=lambda: places)
    grouper.now = NOON
    step(grouper, store, match("base", 0, silent=True, position=1))
    places.remove(("log", 1))
    step(grouper, store, match("base", SECOND, silent=True, position=2))
    assert members_in(store) == ["1", "2"], "it is not looked at once a step"
    grouper.now = NOON + 61 * SECOND
    step(grouper, store, match("base", MINUTE, silent=True, position=2))
    assert members_in(store) == ["2"]


def test_what_whole_windows_hang_on_is_kept_for_two_days_though_nobody_counts_it() -> None:
    store = Store()
    grouper = Grouper(frozenset({"base"}), is_kept=True, lasting=frozenset({"base"}))
    grouper.now = NOON
    step(grouper, store, match("base", 0, silent=True))
    for hours in (1, 47, 80):
        assert members_in(store) == ["1"]
        grouper.now = NOON + hours * HOUR
        step(grouper, store, match("a", hours * HOUR))
    assert members_in(store) == []


def test_too_many_members_are_forgotten_by_event_oldest_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(members, "KEPT", 4)
    store = Store()
    grouper = Grouper(frozenset({"base", "other"}), is_kept=True)
    for place in (1, 2, 3):
        step(grouper, store, *(match(name, place, position=place) for name in ("base", "other")))
    kept = Kept(store.items()).members
    assert sorted(kept) == [("log", place, name) for place in (2, 3) for name in ("base", "other")]


def test_who_is_taken_up_where_nothing_came_is_looked_at_without_its_processes() -> None:
    store = Store()
    first = [start(f"a-{name}", device=name) for name in ("ws1", "ws2")]
    found = [match("a", 0, name, ProcessGuid=f"a-{name}") for name in ("ws1", "ws2", "ws3")]
    feed(grouper := Grouper(is_kept=True), store, *first, *found)
    grouper.settle()
    write(grouper, store)
    sleeping = Sleeping(store)
    kept = Kept([one for one in store.items() if one[0][0] != "start"], asleep=sleeping)
    again = Grouper(is_kept=True)
    again.restore(kept)
    assert step(again, store) == []
    assert sleeping.woken == []
    above = start("a-0", device="ws1", at=-MINUTE)
    step(again, store, above, replace(match("b", MINUTE, "ws1", ProcessGuid="a-0"), position=9))
    assert set(sleeping.woken) == {"ws1"}
    trees = {key: unit.tree for key, unit in Kept(store.items()).units.items()}
    assert trees == {key: unit.tree for key, unit in again._units.items()}
    assert None not in trees.values()
    kept.asleep = sleeping = Sleeping(store)
    other = Grouper(is_kept=True, teller="another program")
    other.restore(kept)
    other.settle()
    assert set(sleeping.woken) == {"ws1", "ws2", "ws3"}, "who looks otherwise looks at all"


def test_processes_that_are_too_many_to_be_taken_up_lose_their_records(monkeypatch: pytest.MonkeyPatch) -> None:
    store = Store()
    step(Grouper(is_kept=True), store, *(replace(start(f"a-{one}", at=one * SECOND), position=one) for one in range(8)))
    monkeypatch.setattr(processes, "TOTAL", 4)
    gone = [key for key, record in restored(store).changes().items() if key[0] == "start" and record is None]
    assert len(gone) == 4
    step(restored(store), store)
    assert len([key for key in store if key[0] == "start"]) == 4
    assert not set(gone) & set(store)


def test_what_is_settled_is_deleted() -> None:
    grouper, store = Grouper(is_kept=True), Store()
    step(grouper, store, match("a", 0), start("a-1"))
    step(grouper, store, match("b", 80 * HOUR, "ws2"))
    assert {key[1:3] for key in store if key[0] == "unit"} == {("b", "ws2")}
    assert not [key for key in store if key[0] == "start"]


@pytest.mark.parametrize(
    ("key", "record"), [(("unit", "a"), b"\xc1"), (("unit", "a"), b"\x90"), (("else",), b""), (("member", "a"), b"")]
)
def test_a_record_that_is_none_is_told_by_its_key(key: Key, record: bytes) -> None:
    kept = Kept([(key, record), (("incident", "i"), msgspec.msgpack.encode((2, ["j"])))])
    assert {name: content for name, (_, content) in kept.bad.items()} == {key: record}
    assert kept.incidents == {"i": AsTold(2, frozenset({"j"}))}, "the others are taken up"


def test_a_rule_that_matches_everywhere_is_written_once() -> None:
    grouper, store = Grouper(frozenset({"a"}), is_kept=True), Store()
    title = rule("a").title
    step(grouper, store, *(match("a", 0, f"ws{place}", position=place) for place in range(9)))
    assert sum(record.count(title.encode()) for record in store.values()) == 1
    step(restored(store), store, match("a", MINUTE, "ws9", position=10))
    assert [key[0] for key in store].count("rule") == 1
    heads = [*(unit.rule for unit in Kept(store.items()).units.values())]
    assert len(heads) == 10
    assert all(head is heads[0] for head in heads)


def test_a_record_may_come_before_the_head_that_it_names_and_without_it_is_none() -> None:
    store = Store()
    base = match("base", 0, level=Level.INFORMATIONAL, silent=True)
    step(counting("base"), store, base, match("a"))
    in_order, backwards = Kept(store.items()), Kept(reversed(store.items()))
    assert (in_order.units, in_order.members) == (backwards.units, backwards.members)
    assert backwards.bad == {}
    headless = Kept((key, record) for key, record in store.items() if key[0] != "rule")
    assert {key[0] for key in headless.bad} == {"unit", "member"}
    assert not headless.units


def test_heads_that_lack_are_made_again_from_the_rules_in_use_and_written() -> None:
    store = Store()
    heads = [match("a").rule, match("b").rule]
    step(Grouper(is_kept=True), store, match("a"), match("b", 0, "ws2"))
    headless = Store({key: record for key, record in store.items() if key[0] != "rule"})
    kept = Kept(headless.items(), lambda: heads[:1])
    assert {key[1] for key in kept.bad} == {"b"}, "a rule that is no more"
    grouper = Grouper(is_kept=True)
    grouper.restore(kept)
    assert [key[0] for key in grouper.changes()].count("rule") == 1


def test_heads_that_nothing_names_any_more_are_deleted() -> None:
    store = Store()
    grouper = Grouper(is_kept=True)
    step(grouper, store, match("a"))
    step(grouper, store, match("b", 80 * HOUR, "ws2"))
    assert [key[0] for key in store].count("rule") == 2
    grouper = restored(store)
    step(grouper, store)
    assert [key[0] for key in store].count("rule") == 1
    step(grouper, store, match("a", 80 * HOUR))
    assert [key[0] for key in store].count("rule") == 2, "it is written again with what names it again"
    assert not Kept(store.items()).bad


def _plain(incidents: dict[str, Incident]) -> dict[str, Incident]:
    return {name: replace(incident, aliases=()) for name, incident in incidents.items()}
