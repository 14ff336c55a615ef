"""What could be seen comes out the same however a file is cut up and whoever reads its parts."""

from __future__ import annotations

import copy
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carecordon.model.batch import Rows
from carecordon.model.event import Kind, LogSource
from carecordon.model.match import BlindSpot, Unseen
from carecordon.model.result import SourceSeen
from carecordon.pipeline.ingest import recordids, track, watch
from carecordon.pipeline.ingest.watch import Watch

S = 1_000_000_000
MINUTE = 60 * S
START = 1_795_568_523 * S
PC = "pc.example.org"
SECURITY = Kind("Security", "Microsoft-Windows-Security-Auditing", 4624)
SYSMON = Kind("Microsoft-Windows-Sysmon/Operational", "Microsoft-Windows-Sysmon", 1)
EVENTLOG = "Microsoft-Windows-Eventlog"


@dataclass(frozen=True)
class Event:
    """One event as the watch sees it: by default the record comes as many seconds after the start as its id says."""

    rid: int | None
    time: int | None = -1
    kind: Kind = SECURITY
    device: str | None = PC
    fields: tuple[tuple[str, str], ...] = ()

    @property
    def at(self) -> int | None:
        return START + (self.rid or 0) * S if self.time == -1 else self.time


def rows(events: list[Event]) -> Rows:
    made = Rows()
    for position, event in enumerate(events, 1):
        made.kinds.append(event.kind)
        made.fields.append(dict(event.fields))
        made.times.append(event.at)
        made.devices.append(event.device)
        made.record_ids.append(event.rid)
        made.positions.append(position)
    return made


def seen(events: list[Event]) -> Watch:
    part = Watch()
    part.see(rows(events))
    return part


def ids(*numbers: int, kind: Kind = SECURITY) -> list[Event]:
    return [Event(number, kind=kind) for number in numbers]


def spots(events: list[Event], kind: Unseen) -> list[BlindSpot]:
    total = Watch()
    total.merge(seen(events), "a.evtx", 0)
    return [spot for spot in total.blind_spots() if spot.kind is kind]


def reasons(events: list[Event], kind: Unseen) -> list[str]:
    return [spot.reason for spot in spots(events, kind)]


def told(total: Watch) -> tuple[list[BlindSpot], list[SourceSeen]]:
    return total.blind_spots(), total.sources()


def test_a_log_without_holes_has_no_blind_spot() -> None:
    total = seen(ids(*range(5000, 5100)))
    assert told(total) == ([], [SourceSeen(PC, "Security", 100, START + 5000 * S, START + 5099 * S)])


def test_gaps_of_a_log_are_told_in_one_line_with_the_largest() -> None:
    (spot,) = spots(ids(1, 2, 5, 6, 7, 20, 22), Unseen.GAP)
    assert (spot.device, spot.count) == (PC, 2 + 12 + 1)
    assert spot.reason == (
        "Security: records are missing in 3 places; the largest: record ids 8 to 19,"
        " between 2026-11-25T01:02:10Z and 2026-11-25T01:02:23Z"
    )


def test_one_missing_record_is_named() -> None:
    (reason,) = reasons(ids(1, 3), Unseen.GAP)
    assert reason.startswith("Security: missing: record id 2, between ")


def test_each_log_of_each_device_is_counted_by_itself() -> None:
    events = [
        *ids(1, 2, kind=SECURITY),
        *ids(7, 8, kind=SYSMON),
        Event(40, device="other"),
        Event(3),
        Event(41, device="other"),
    ]
    total = seen(events)
    assert total.blind_spots() == []
    assert [(row.device, row.channel, row.events) for row in total.sources()] == [
        ("other", "Security", 2),
        (PC, "Microsoft-Windows-Sysmon/Operational", 2),
        (PC, "Security", 3),
    ]


def test_a_channel_is_one_log_however_it_is_spelt() -> None:
    spellings = [SECURITY._replace(channel=channel) for channel in ("security", "Security", "SECURITY")]
    total = seen([Event(number, kind=kind) for number, kind in enumerate(spellings)])
    assert [(row.channel, row.events) for row in total.sources()] == [("SECURITY", 3)]


def test_bound_events_are_a_log_under_their_log_source() -> None:
    kind = Kind(None, None, None, LogSource("linux", None, "auditd"))
    total = seen([Event(None, START, kind), Event(None, None, kind), Event(None, START - S, kind)])
    assert total.sources() == [SourceSeen(PC, "product=linux service=auditd", 3, START - S, START)]
    (spot,) = total.blind_spots()
    assert (spot.kind, spot.count) == (Unseen.CLOCK, 1)
    assert spot.reason.endswith(": no time that can be read in 1 event; it cannot be ordered or correlated")
    (spot,) = seen([Event(None, None, kind), Event(None, None, kind)]).blind_spots()
    assert spot.reason.endswith(": no time that can be read in 2 events; they cannot be ordered or correlated")


@pytest.mark.parametrize(
    ("kind", "unseen"),
    [
        (Kind("Security", EVENTLOG, 1102), Unseen.CLEARED),
        (Kind("System", EVENTLOG, 104), Unseen.CLEARED),
        (Kind("security", None, 1102), Unseen.CLEARED),
        (Kind("Security", EVENTLOG, 1101), Unseen.GAP),
        (Kind("Security", EVENTLOG, 1104), Unseen.GAP),
    ],
)
def test_events_that_tell_of_missing_ones_are_told_with_their_place(kind: Kind, unseen: Unseen) -> None:
    total = Watch()
    total.merge(seen(ids(1, 2, kind=kind._replace(event_id=7))), "a.evtx", 0)
    total.merge(seen([Event(3, kind=kind._replace(event_id=7)), Event(4, kind=kind)]), "a.evtx", 1)
    (spot,) = total.blind_spots(lambda file, block: {("a.evtx", 0): 0, ("a.evtx", 1): 2}[file, block])
    assert (spot.kind, spot.file, spot.position, spot.device, spot.count) == (unseen, "a.evtx", 4, PC, 1)
    assert spot.reason.endswith(" at 2026-11-25T01:02:07Z")


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ((("EventData_Channel", "Windows PowerShell"),), "the Windows PowerShell log was cleared"),
        ((("EventData_Channel", ""),), "a log that is not named was cleared"),
        ((), "a log that is not named was cleared"),
        ((("EventData_Channel", "x" * 9_000),), f"the {'x' * 255} log was cleared"),
    ],
)
def test_a_cleared_log_is_named(fields: tuple[tuple[str, str], ...], told: str) -> None:
    (reason,) = reasons([Event(1, kind=Kind("System", EVENTLOG, 104), fields=fields)], Unseen.CLEARED)
    assert reason == f"{told} (System event 104) at 2026-11-25T01:02:04Z"


@pytest.mark.parametrize(
    "kind", [Kind("System", "Other", 104), Kind("Application", EVENTLOG, 104), Kind("Security", EVENTLOG, 104)]
)
def test_events_that_only_share_the_number_tell_nothing(kind: Kind) -> None:
    assert seen([Event(1, kind=kind)]).blind_spots() == []


def test_of_very_many_clearings_the_first_are_told_and_the_rest_counted() -> None:
    cleared = spots(ids(*range(1, 501), kind=Kind("Security", EVENTLOG, 1102)), Unseen.CLEARED)
    assert [spot.position for spot in cleared[:-1]] == list(range(1, track.TOLD_KEPT + 1))
    assert cleared[-1].count == 500 - track.TOLD_KEPT


KERNEL = Kind("System", "Microsoft-Windows-Kernel-General", 1)
CHANGED = SECURITY._replace(event_id=4616)


def changed(kind: Kind, old: str, new: str) -> list[str]:
    names = ("OldTime" if kind is KERNEL else "PreviousTime", "NewTime")
    events = [*ids(1, kind=kind._replace(event_id=7)), Event(2, kind=kind, fields=((names[0], old), (names[1], new)))]
    return reasons(events, Unseen.CLOCK)


@pytest.mark.parametrize("kind", [CHANGED, KERNEL])
def test_a_changed_clock_is_told_with_both_times(kind: Kind) -> None:
    event = f"{kind.channel} event {kind.event_id}"
    (forward,) = changed(kind, "2026-11-20T01:00:00.1234567Z", "2026-11-22T03:00:00.1234567Z")
    assert forward == (
        "the clock was set forward by 2 d 2 h, from 2026-11-20T01:00:00Z to 2026-11-22T03:00:00Z"
        f" ({event}) at 2026-11-25T01:02:05Z"
    )
    (back,) = changed(kind, "\u200e2026\u200e-\u200e11\u200e-\u200e22T03:00:00Z", "2026-11-22T02:58:30Z")
    assert back.startswith("the clock was set back by 1 min 30 s, from 2026-11-22T03:00:00Z to ")
    assert changed(kind, "2026-11-20T01:00:00Z", "2026-11-20T01:00:59.999Z") == [], "a clock being kept right"
    (unknown,) = changed(kind, "soon", "2026-11-20T01:00:59.999Z")
    assert unknown.startswith("the clock was changed, the event does not say by how much")


def test_event_1_of_others_in_the_system_log_is_no_changed_clock() -> None:
    other = KERNEL._replace(provider="Microsoft-Windows-Power-Troubleshooter")
    assert changed(other, "2026-11-20T01:00:00Z", "2026-11-22T01:00:00Z") == []


def test_many_changes_of_the_clock_hide_no_clearing() -> None:
    times = (("PreviousTime", "2026-11-20T01:00:00Z"), ("NewTime", "2026-11-22T01:00:00Z"))
    many = [Event(number, kind=CHANGED, fields=times) for number in range(1, 700)]
    events = [*many, Event(700, kind=Kind("Security", EVENTLOG, 1102))]
    assert [spot.position for spot in spots(events, Unseen.CLEARED)] == [700]
    clock = spots(events, Unseen.CLOCK)
    assert ([spot.count for spot in clock[:-1]], clock[-1].count) == ([1] * track.TOLD_KEPT, 699 - track.TOLD_KEPT)


def test_a_clock_that_goes_back_is_told() -> None:
    (spot,) = spots([Event(7, START), Event(8, START - 3 * 60 * MINUTE), Event(9, START)], Unseen.CLOCK)
    assert spot.count == 1
    assert spot.reason == (
        "Security: the clock was set back once, at most by 3 h to 2026-11-24T22:02:03Z, between record ids 7 and 8"
    )


def test_a_file_that_is_newest_first_tells_the_same() -> None:
    events = [Event(7, START), Event(8, START - 11 * MINUTE), Event(9, START + MINUTE)]
    assert spots(events, Unseen.CLOCK) == spots(events[::-1], Unseen.CLOCK) != []
    assert spots(ids(*range(900, 0, -1)), Unseen.CLOCK) == []


@pytest.mark.parametrize(
    "events",
    [
        [Event(7, START), Event(8, START - 10 * MINUTE)],
        [Event(7, START), Event(8, START + 400 * 24 * 60 * MINUTE)],
        [Event(7, START), Event(7 + track.NEAR_IDS + 1, START - 60 * MINUTE)],
        [Event(7, START), Event(7, START - 60 * MINUTE)],
        [Event(7, None), Event(8, START), Event(9, None)],
        [Event(None, START), Event(None, START - 60 * MINUTE)],
        [Event(7, START), Event(8, START - 60 * MINUTE, SYSMON)],
    ],
    ids=["small", "forward", "far apart", "one record", "no time", "no id", "another log"],
)
def test_what_is_no_step_back_is_not_told(events: list[Event]) -> None:
    assert not any("set back" in reason for reason in reasons(events, Unseen.CLOCK))


def test_a_step_between_two_blocks_is_told_when_the_later_one_comes_first() -> None:
    total = Watch()
    total.merge(seen([Event(8, START - 60 * MINUTE)]), "a.evtx", 1)
    total.merge(seen([Event(7, START)]), "a.evtx", 0)
    assert [spot.kind for spot in total.blind_spots()] == [Unseen.CLOCK]


def test_two_files_are_no_neighbours() -> None:
    total = Watch()
    total.merge(seen([Event(8, START - 60 * MINUTE)]), "b.evtx", 0)
    total.merge(seen([Event(7, START)]), "a.evtx", 0)
    assert total.blind_spots() == []


def test_a_log_with_too_many_gaps_is_a_selection() -> None:
    (spot,) = spots(ids(*range(0, 2 * recordids.GAPS_FOLLOWED + 4, 2)), Unseen.GAP)
    assert "a selection of a log" in spot.reason
    assert spot.count == recordids.GAPS_FOLLOWED + 1
    (spot,) = spots(ids(*range(0, 2 * recordids.GAPS_FOLLOWED + 2, 2)), Unseen.GAP)
    assert "in 4,096 places" in spot.reason


def test_many_blocks_with_gaps_between_them_are_followed_one_by_one() -> None:
    total = Watch()
    for block in range(recordids.GAPS_FOLLOWED + 10):
        total.merge(seen(ids(3 * block)), "a.evtx", block)
    (spot,) = total.blind_spots()
    assert spot.count == 2 * (recordids.GAPS_FOLLOWED + 9)


def test_seams_are_forgotten_once_the_blocks_around_them_are_in_place() -> None:
    total = Watch()
    blocks = [seen([Event(block, START - (block == 500) * 60 * MINUTE)]) for block in range(1000)]
    for block, part in enumerate(blocks):
        total.merge(part, "a.evtx", block)
    assert len(next(iter(total._tracks.values()))._seams) <= 2 * track._SEAMS_OPEN
    assert [spot.kind for spot in total.blind_spots()] == [Unseen.CLOCK]


def test_logs_beyond_the_bound_are_counted_the_same_in_any_order(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch, "LOGS_FOLLOWED", 10)
    events = [Event(number, device=f"pc{device:02}") for number in range(3) for device in range(40)]
    one, other = Watch(), Watch()
    for place in range(len(events)):
        one.see(rows(events[place : place + 1]))
        other.see(rows(events[-1 - place :][:1]))
    assert one.sources() == other.sources()
    assert [row.device for row in one.sources()] == [f"pc{device:02}" for device in range(10)]
    assert one.blind_spots()[-1].count == other.blind_spots()[-1].count == 30 * 3


def test_a_copy_made_as_between_processes_goes_on() -> None:
    part = seen(
        [*ids(1, 2, 9), Event(10, START - 60 * MINUTE), Event(11, None), *ids(4, kind=Kind("Security", EVENTLOG, 1102))]
    )
    total, sent = Watch(), Watch()
    sent.merge(copy.deepcopy(part), "a.evtx", 0)
    total.merge(part, "a.evtx", 0)
    assert told(sent) == told(total)
    sent.see(rows(ids(12)))
    assert sum(row.events for row in sent.sources()) == 7


def test_seeing_goes_on_where_the_last_rows_ended() -> None:
    total = seen(ids(1, 2))
    total.see(rows(ids(3, 4)))
    assert total.blind_spots() == []
    total.see(rows(ids(5)))
    assert (total.blind_spots(), total.sources()[0].events) == ([], 5)


KINDS = st.sampled_from([SECURITY, SYSMON, SECURITY._replace(channel="security"), Kind("Security", EVENTLOG, 1102)])
TIMES = st.one_of(st.just(-1), st.none(), st.integers(START - 100 * MINUTE, START + 100 * MINUTE))
EVENTS = st.builds(Event, st.one_of(st.none(), st.integers(0, 40)), TIMES, KINDS, st.sampled_from([PC, "other", None]))
BLOCKS = st.lists(st.lists(EVENTS, max_size=6), min_size=1, max_size=8)


@given(BLOCKS, BLOCKS, st.randoms(use_true_random=False))
def test_any_order_and_any_number_of_workers_give_the_same(
    one: list[list[Event]], two: list[list[Event]], random: st.DataObject
) -> None:
    blocks = [(name, number, events) for name, file in (("a", one), ("b", two)) for number, events in enumerate(file)]
    in_order = Watch()
    for name, number, events in blocks:
        in_order.merge(seen(events), name, number)
    workers = [Watch(), Watch(), Watch()]
    random.shuffle(blocks)  # type: ignore[attr-defined]  # hypothesis gives a random.Random
    for place, (name, number, events) in enumerate(blocks):
        workers[place % 3].merge(seen(events), name, number)
    total = Watch()
    for worker in workers:
        total.merge(worker)
    assert told(total) == told(in_order)


@given(st.lists(st.integers(0, 60), max_size=40))
def test_gaps_are_what_is_missing_between_the_lowest_and_the_highest(numbers: list[int]) -> None:
    missing = sorted(set(range(min(numbers), max(numbers))) - set(numbers)) if numbers else []
    gaps = spots(ids(*numbers), Unseen.GAP)
    assert [spot.count for spot in gaps] == ([len(missing)] if missing else [])


@given(BLOCKS)
def test_the_same_log_given_twice_makes_no_gap_and_loses_none(file: list[list[Event]]) -> None:
    once, twice = Watch(), Watch()
    for number, events in enumerate(file):
        once.merge(seen(events), "a", number)
        twice.merge(seen(events), "a", number)
        twice.merge(seen(events), "copy", number)

    def of(total: Watch, kind: Unseen) -> list[str]:
        return [spot.reason for spot in total.blind_spots() if spot.kind is kind and "no time" not in spot.reason]

    assert of(twice, Unseen.GAP) == of(once, Unseen.GAP)
    assert of(twice, Unseen.CLOCK) == of(once, Unseen.CLOCK)
