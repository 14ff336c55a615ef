"""The limits of a question hold for ready ones too, and an answer that was cut says so, whichever was asked."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from carecordon.model.event import Fields
from carecordon.telemetry.answer import STOPPED, Answer, Ceiling, Page, Place, Stopped
from carecordon.telemetry.backends.clickhouse import ClickHouseReader
from carecordon.telemetry.tree import GENERATIONS, PROCESSES
from tests.telemetry.keeping import NOW, Keeping, merged

SPAN = (NOW - 10**15, NOW + 10**15)
BIG, BUSY, DEEP = (f"{name}.example.org" for name in ("big", "busy", "deep"))
EPOCH = 40_000
LONG = "x" * 500_000
TIGHT = Ceiling(memory_bytes=8_000_000)


def guid(number: int) -> str:
    return f"{{{number:08x}-0000-4000-8000-000000000000}}"


def begun(number: int, parent: int, **more: str | int) -> Fields:
    return {"ProcessGuid": guid(number), "ParentProcessGuid": guid(parent), "ProcessId": 9_000 + number, **more}


@pytest.fixture(scope="module")
def stored(kept: Keeping) -> Keeping:
    """Return a keeper with forty large events, parents of 600 children and of too many, and a long line of descent."""
    telemetry = kept.telemetry()
    big = [begun(number, 0, CommandLine=f"{number:02d}" + LONG, Odd=f"{number:02d}" + LONG) for number in range(1, 41)]
    busy = [begun(2, 1), *(begun(number, 2) for number in range(100, 700)), begun(5_000, 699)]
    busy += [begun(3, 1), *(begun(number, 3) for number in range(6_000, 6_000 + PROCESSES + 5))]
    deep = [begun(number + 1, number) for number in range(1, 40)]
    for device, events in ((BIG, big), (BUSY, busy), (DEEP, deep)):
        telemetry.insert(merged(events, devices=[device] * len(events), epoch=EPOCH), device)
    telemetry.insert(merged([begun(50, 0, CommandLine=LONG * 20)], epoch=EPOCH + 1), "huge")
    telemetry.close()
    return kept


@pytest.fixture(scope="module")
def reader(stored: Keeping) -> Iterator[ClickHouseReader]:
    found = stored.reader()
    yield found
    found.close()


@pytest.fixture(scope="module")
def tight(stored: Keeping) -> Iterator[ClickHouseReader]:
    found = stored.reader(TIGHT)
    yield found
    found.close()


def is_stopped(found: object) -> bool:
    match found:
        case Page(events=events, cut=cut):
            return not events and cut.startswith(STOPPED)
        case Answer(rows=rows, is_cut=True, why=why):
            return not rows and why.startswith(STOPPED)
        case Stopped(why):
            return why.startswith(STOPPED)
    return False


def test_ready_questions_have_the_limits_that_a_question_in_sql_has(tight: ClickHouseReader) -> None:
    assert is_stopped(tight.ask(f"SELECT CommandLine FROM events WHERE device = '{BIG}'"))  # noqa: S608  # constants of the test
    assert is_stopped(tight.events(BIG, *SPAN))
    assert is_stopped(tight.search("xXx", *SPAN, BIG))
    assert is_stopped(tight.counts(["CommandLine"], *SPAN, BIG))
    assert is_stopped(tight.prevalence("Odd", "x"))
    assert is_stopped(tight.process_tree(BIG, guid(0), *SPAN))
    assert is_stopped(tight.events_of(BIG, [guid(0)], [], *SPAN))
    with pytest.raises(ConnectionError, match=STOPPED):
        tight.event(Place("d-0", EPOCH + 1, 1))


def test_the_same_questions_are_answered_where_they_may_cost_more(reader: ClickHouseReader) -> None:
    assert len(reader.events(BIG, *SPAN).events) == 40
    assert [one.fields["ProcessId"] for one in reader.process_tree(BIG, guid(1), *SPAN).events] == [9_001]


def test_counts_say_that_there_are_more(reader: ClickHouseReader) -> None:
    found = reader.counts(["device", "ProcessGuid"], *SPAN, BUSY, limit=3)
    assert isinstance(found, Answer)
    assert (len(found.rows), found.is_cut, "3 rows" in found.why) == (3, True, True)
    whole = reader.counts(["device"], *SPAN, BUSY, limit=1)
    assert isinstance(whole, Answer)
    assert (len(whole.rows), whole.is_cut) == (1, False)


def test_a_tree_is_whole_however_many_children_there_are(reader: ClickHouseReader) -> None:
    found = reader.process_tree(BUSY, guid(2), *SPAN)
    assert (len(found.events), found.cut) == (602, "")
    assert guid(5_000) in {one.fields["ProcessGuid"] for one in found.events}, "the last child's child"


def test_a_tree_that_is_too_large_says_so(reader: ClickHouseReader) -> None:
    found = reader.process_tree(BUSY, guid(3), *SPAN)
    assert (len(found.events), f"{PROCESSES:,} processes" in found.cut) == (PROCESSES, True)
    deep = reader.process_tree(DEEP, guid(20), *SPAN)
    assert len(deep.events) == 2 * GENERATIONS
    assert f"{GENERATIONS} generations up" in deep.cut
    assert f"{GENERATIONS} generations down" in deep.cut


def test_a_tree_of_just_as_many_generations_is_whole(reader: ClickHouseReader) -> None:
    below = reader.process_tree(DEEP, guid(39 - GENERATIONS + 1), *SPAN)
    assert "down" not in below.cut
    assert guid(40) in {one.fields["ProcessGuid"] for one in below.events}
    above = reader.process_tree(DEEP, guid(1 + GENERATIONS), *SPAN)
    assert "up" not in above.cut
    assert guid(2) in {one.fields["ProcessGuid"] for one in above.events}
    assert "down" in reader.process_tree(DEEP, guid(39 - GENERATIONS), *SPAN).cut
    assert "up" in reader.process_tree(DEEP, guid(2 + GENERATIONS), *SPAN).cut


def test_the_events_of_many_processes_come_page_by_page(reader: ClickHouseReader) -> None:
    guids = [guid(number) for number in range(100, 700)]
    pids = [9_000 + number for number in range(100, 700)]
    numbers: list[int] = []
    after = None
    while True:
        page = reader.events_of(BUSY, guids, pids, *SPAN, after, 250)
        numbers += [one.place.sequence for one in page.events]
        after = page.after
        if after is None:
            break
    assert numbers == list(range(2, 603)), "the children, and the child that names one as its parent"
