"""A fleet against a real gate: what it says was acknowledged is there, once, whatever goes wrong between them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from carecordon.agent.losses import LOST, Loss
from carecordon.agent.rank import OWN, Rank
from carecordon.exercise.fleet.faults import Faults
from carecordon.exercise.fleet.fleet import Fleet, FleetConfig
from carecordon.exercise.fleet.ledger import Act, read_ledger
from carecordon.model.errors import TheirFault
from carecordon.wire import codec
from tests.cli.calling import whoami
from tests.exercise.fleet.playing import devices, missing, stored, tape
from tests.hub.gate_kit import Running, make_hub, running

YEAR_NS = 365 * 86_400 * 10**9


@pytest.fixture(scope="module")
def gate(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with running(make_hub(tmp_path_factory.mktemp("hub"))) as one:
        yield one


def play(gate: Running, folder: Path, config: FleetConfig, seconds: int, count: int = 30, clones: int = 0) -> Fleet:
    """Run a fleet for some seconds and return it, everything acknowledged."""

    async def run() -> Fleet:
        async with Fleet(config, devices(gate, folder / "state", count)) as fleet:
            await fleet.connect()
            for index in range(clones):
                fleet.clone(index)
            async for figures in fleet.run(seconds):
                assert figures.devices >= count
            for name in ("drop_per_s", "garbage", "reorder", "duplicate", "delay_s"):
                setattr(fleet.faults, name, 0.0)
            await fleet.settle()
            return fleet

    return asyncio.run(run())


def config(folder: Path, rate: float = 300.0, faults: Faults | None = None, spools: Path | None = None) -> FleetConfig:
    return FleetConfig((tape(),), rate, ledger=folder / "ledger", faults=faults or Faults(), spools=spools)


def test_what_a_fleet_says_was_acknowledged_is_on_the_hubs_disk_once(gate: Running, tmp_path: Path) -> None:
    fleet = play(gate, tmp_path, config(tmp_path), 2)
    figures = fleet.figures()
    assert figures.written_total == figures.acknowledged_total > 100
    assert fleet.ack_ms(0.5) is not None
    there = stored(gate.hub, fleet)
    assert sum(map(len, there.values())) == figures.written_total
    assert all(numbers == list(range(len(numbers))) for numbers in there.values())
    assert missing(gate.hub, tmp_path / "ledger") == []


def test_events_are_dated_now_and_named_after_their_own_device(gate: Running, tmp_path: Path) -> None:
    began = time.time_ns()
    fleet = play(gate, tmp_path, config(tmp_path), 2, count=60)
    names = {member.identity.hub.device: member.name for member in fleet.members}
    assert len(set(names.values())) == 60
    for entry in (entry for entry in gate.hub.entries() if entry.part.sender in names):
        table = codec.decode(entry.part.data)
        assert table.devices == (names[entry.part.sender],)
        assert table.complete(0)["Computer"] == names[entry.part.sender]
        assert list(table.sequence) == list(range(entry.part.first, entry.part.last + 1))
        assert began - 10**9 < int(table.time.min()) <= int(table.time.max()) < time.time_ns()


def test_a_clock_that_is_wrong_shifts_all_that_its_device_says_and_nothing_else(gate: Running, tmp_path: Path) -> None:
    began, years = time.time_ns(), {0: -10, 1: 0, 2: 10}

    async def run() -> Fleet:
        made = config(tmp_path, faults=Faults(reorder=0.3), spools=tmp_path / "spools")
        async with Fleet(made, devices(gate, tmp_path / "state", 6)) as fleet:
            for member in fleet.members:
                member.clock.offset_ns = years[member.index % 3] * YEAR_NS
            await fleet.connect()
            async for _ in fleet.run(3):
                for member in fleet.members:
                    fleet.plant(member.index, whoami(1, CommandLine="planted"))
            for member in fleet.members:
                member.note(Loss(LOST, Rank.FILE, 1, 0, 0))
            fleet.faults.reorder = 0.0
            await fleet.settle()
            return fleet

    fleet = asyncio.run(run())
    account = read_ledger(tmp_path / "ledger")
    assert all(began < entry.at < time.time_ns() for entry in account.entries)
    of = {member.identity.hub.device: years[member.index % 3] * YEAR_NS for member in fleet.members}
    said = {device: set[str]() for device in of}
    for entry in (entry for entry in gate.hub.entries() if entry.part.sender in of):
        table, off = codec.decode(entry.part.data), of[entry.part.sender]
        assert began - 10**9 < int(table.time.min()) - off <= int(table.time.max()) - off < time.time_ns()
        for row in range(len(table)):
            kind, fields = table.header(row).kind, table.complete(row)
            said[entry.part.sender].add("loss" if kind.channel == OWN else str(fields.get("CommandLine")))
    assert all({"loss", "planted"} < what for what in said.values())


def test_whatever_goes_wrong_on_the_way_nothing_acknowledged_is_lost_and_nothing_is_there_twice(
    gate: Running, tmp_path: Path
) -> None:
    faults = Faults(drop_per_s=0.2, delay_s=0.05, duplicate=0.2, reorder=0.2)
    fleet = play(gate, tmp_path, config(tmp_path, faults=faults), 3)
    figures = fleet.figures()
    assert figures.written_total == figures.acknowledged_total > 100
    assert figures.sessions_total > 30, "connections were cut"
    there = stored(gate.hub, fleet)
    assert all(numbers == sorted(set(numbers)) for numbers in there.values())
    assert sum(map(len, there.values())) == figures.written_total
    assert missing(gate.hub, tmp_path / "ledger") == []


def test_garbage_ends_the_session_and_the_hub_says_when_to_come_again(gate: Running, tmp_path: Path) -> None:
    async def run() -> set[str]:
        faults = Faults(garbage=1.0)
        async with Fleet(config(tmp_path, faults=faults), devices(gate, tmp_path / "state", 3)) as fleet:
            await fleet.connect()
            return {reason async for figures in fleet.run(3) for reason in figures.ended}

    reasons = asyncio.run(run())
    assert reasons
    assert all("cannot be read" in reason for reason in reasons)
    assert missing(gate.hub, tmp_path / "ledger") == []


def test_spools_on_disk_serve_as_well(gate: Running, tmp_path: Path) -> None:
    fleet = play(gate, tmp_path, config(tmp_path, 100.0, spools=tmp_path / "spools"), 2, count=5)
    assert fleet.written_total == fleet.acknowledged_total > 0
    assert missing(gate.hub, tmp_path / "ledger") == []


def test_a_clone_and_its_original_both_deliver_all_they_have(gate: Running, tmp_path: Path) -> None:
    fleet = play(gate, tmp_path, config(tmp_path), 3, count=10, clones=2)
    assert fleet.written_total == fleet.acknowledged_total
    assert missing(gate.hub, tmp_path / "ledger") == []
    twins = {member.spool.epoch for member in fleet.members[10:]}
    originals = {member.spool.epoch for member in fleet.members[:2]}
    assert not twins & originals, "one of each pair counts anew"


def test_a_planted_event_is_found_again_by_its_number(gate: Running, tmp_path: Path) -> None:
    async def run() -> tuple[str, int, int, int]:
        async with Fleet(config(tmp_path), devices(gate, tmp_path / "state", 3)) as fleet:
            await fleet.connect()
            with pytest.raises(TheirFault):
                fleet.plant(0, {"nothing": "known"})
            planted = None
            async for _ in fleet.run(3):
                planted = planted or fleet.plant(1, whoami(1, CommandLine="planted"))
            await fleet.settle()
            assert planted is not None
            assert planted.acknowledged is not None
            assert planted.acknowledged > planted.written
            return planted.device, planted.epoch, planted.number, planted.written

    device, epoch, number, written = asyncio.run(run())
    (found,) = [
        (table, row)
        for entry in gate.hub.entries()
        if (entry.part.sender, entry.part.epoch) == (device, epoch)
        for table in [codec.decode(entry.part.data)]
        for row in range(len(table))
        if int(table.sequence[row]) == number
    ]
    assert found[0].complete(found[1])["CommandLine"] == "planted"
    assert int(found[0].time[found[1]]) == written
    account = read_ledger(tmp_path / "ledger")
    assert [entry.first for entry in account.entries if entry.act is Act.PLANTED] == [number]


def test_a_story_that_does_not_begin_again_ends_and_every_event_of_it_was_told(gate: Running, tmp_path: Path) -> None:
    fleet = play(gate, tmp_path, FleetConfig((tape(),), speed=1_000.0, is_aligned=True, is_endless=False), 60, count=39)
    assert fleet.written_total == tape().events


def test_a_gate_that_is_killed_gets_the_rest_when_it_is_back(tmp_path: Path) -> None:
    hub = make_hub(tmp_path / "hub")

    async def run() -> None:
        with running(hub) as first:
            fleet = Fleet(config(tmp_path), devices(first, tmp_path / "state", 10))
            async with fleet:
                await fleet.connect()
                async for _ in fleet.run(1):
                    pass
                first.kill()
                async for figures in fleet.run(2):
                    assert figures.written_total
                assert fleet.written_total > fleet.acknowledged_total
                with running(hub) as second:
                    for member in fleet.members:
                        member.identity = devices(second, tmp_path / "state", 10)[member.index]
                    async for _ in fleet.run(1):
                        pass
                    await fleet.settle()
                    assert fleet.written_total == fleet.acknowledged_total

    asyncio.run(run())
    assert missing(hub, tmp_path / "ledger") == []
