"""Events become batches that any hub takes: numbered, in classes, small enough, and none is lost on the way."""

from __future__ import annotations

from pathlib import Path

from carecordon.agent.fill import Filler, Fresh
from carecordon.agent.rank import Rank, rank_of
from carecordon.model.event import Kind, LogSource
from carecordon.wire.session import MAX_BATCH_BYTES
from tests.agent.spooling import SYSMON, Make, everything, rows, tables, told


def test_a_few_events_are_one_batch_in_the_class_of_the_dearest(tmp_path: Path, make: Make) -> None:
    spool = make(tmp_path)
    filler = Filler(spool)
    for event_id in (11, 1, 3):
        filler.add(Fresh(rows(2, event_id)))
    assert filler.flush() == 6
    assert len(filler) == 0
    (kept,) = everything(spool)
    assert (kept.first, kept.last) == (0, 5)
    assert spool._lanes[Rank.PROCESS].segments[0].name.rank is Rank.PROCESS
    assert [header.kind.event_id for header in map(tables([kept])[0].header, range(6))] == [11, 11, 1, 1, 3, 3]


def test_many_events_are_parted_by_class_and_none_is_lost(tmp_path: Path, make: Make) -> None:
    spool = make(tmp_path, 8 << 20)
    filler = Filler(spool)
    for event_id in (11, 1, 3):
        filler.add(Fresh(rows(600, event_id)))
    filler.flush()
    found = everything(spool)
    assert [one.last - one.first + 1 for one in found] == [500, 100] * 3
    assert [table.kinds[0].event_id for table in tables(found)] == [1, 1, 3, 3, 11, 11]
    assert [number for table in tables(found) for number in table.sequence] == list(range(1_800))


def test_batches_that_would_be_too_large_are_halved_and_one_event_that_is_is_told(tmp_path: Path, make: Make) -> None:
    spool = make(tmp_path, 32 << 20)
    filler = Filler(spool)
    filler.add(Fresh(rows(8, text="x", Huge=_noise(200_000))))
    some = rows(3, text="y")
    some.fields[1]["Number"] = 1 << 70
    filler.add(Fresh(some))
    big = rows(1, text="z", Huge=_noise(3 * MAX_BATCH_BYTES))
    filler.add(Fresh(big))
    assert filler.flush() == 10
    found = everything(spool)
    assert all(len(one.data) <= MAX_BATCH_BYTES for one in found)
    lines = [str(table.complete(row).get("CommandLine")) for table in tables(found) for row in range(len(table))]
    assert [line for line in lines if line != "None"] == [*(f"x {number}" for number in range(8)), "y 0", "y 2"]
    assert [one["id"] for one in told(found)] == [3, 3]
    assert filler.unsendable_total == 2


def test_each_kind_has_its_class() -> None:
    assert rank_of(Kind(SYSMON, None, 1)) is Rank.PROCESS
    assert rank_of(Kind(SYSMON, None, 3)) is Rank.NETWORK
    assert rank_of(Kind(SYSMON, None, 11)) is Rank.FILE
    assert rank_of(Kind("Security", None, 4624)) is Rank.PROCESS
    assert rank_of(Kind("Security", None, 5156)) is Rank.NETWORK
    assert rank_of(Kind("Security", None, 4663)) is Rank.FILE
    assert rank_of(Kind("Microsoft-Windows-Windows Defender/Operational", None, 1116)) is Rank.ORDERS
    assert rank_of(Kind(None, None, None, LogSource("linux", "network_connection", None))) is Rank.NETWORK
    assert rank_of(Kind("Anything else", None, 7)) is Rank.PROCESS


def _noise(size: int) -> str:
    from random import Random  # noqa: PLC0415  # one line needs it

    return Random(size).randbytes(size // 2).hex()
