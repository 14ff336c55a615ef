"""The parts of a fleet by themselves: templates, names, spools in memory, the account, figures."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from carecordon.agent.queued import Part
from carecordon.agent.rank import Rank
from carecordon.exercise.fleet.clock import DeviceClock, clock_of
from carecordon.exercise.fleet.figures import NS, Delays
from carecordon.exercise.fleet.fleet import names_for
from carecordon.exercise.fleet.ledger import Act, Ledger, acknowledged, read_ledger
from carecordon.exercise.fleet.memory import MemorySpool
from carecordon.exercise.fleet.pattern import Templates, copied, names_of
from carecordon.exercise.fleet.template import Template
from carecordon.model.batch import Rows
from carecordon.model.errors import OurFault
from carecordon.model.gather import gather
from carecordon.wire import codec, frame
from tests.agent.spooling import batch
from tests.exercise.fleet.playing import tape


def test_a_template_gives_what_encoding_anew_would() -> None:
    pattern = max(tape().patterns, key=lambda one: len(one.rows))
    rows = pattern.rows[:9]
    times = np.arange(9, dtype=np.int64) * 1_000 + 1_795_000_000_000_000_000
    expected = Rows.of(copied(rows))
    expected.times, expected.positions = list(times.tolist()), list(range(70, 79))
    want, got = gather(expected), codec.decode(Template(copied(rows)).batch((), times, 70))
    assert (got.devices, got.kinds) == (want.devices, want.kinds)
    assert (got.time.tolist(), got.sequence.tolist()) == (times.tolist(), list(range(70, 79)))
    assert [dict(got.complete(row)) for row in range(9)] == [dict(want.complete(row)) for row in range(9)]


def test_a_copy_of_a_hospital_has_no_name_of_the_first() -> None:
    pattern = max(tape().patterns, key=lambda one: len(one.rows))
    template = Template(copied(pattern.rows[:200]))
    names = names_of(41)
    raw = frame.unpack(template.batch(names, np.zeros(template.events, np.int64), 0))
    for old, new in names:
        assert old not in raw
        assert len(old) == len(new)
    assert names[0][1] in raw


def test_each_of_ten_thousand_devices_has_a_name_of_its_own() -> None:
    names = names_for([tape()], 10_000)
    assert len(set(names)) == 10_000
    with pytest.raises(OurFault):
        names_of(10_000)


def test_each_device_has_a_clock_of_its_own_and_always_the_same_of_a_seed() -> None:
    now = 1_795_000_000_000_000_000
    clocks = [clock_of(7, index, 60.0, 100.0, now) for index in range(50)]
    assert clocks == [clock_of(7, index, 60.0, 100.0, now) for index in range(50)]
    assert len({clock.offset_ns for clock in clocks}) == len({clock.drift_ppm for clock in clocks}) == 50
    assert max(abs(clock.offset_ns) for clock in clocks) <= 60 * NS
    day = 86_400 * NS
    for clock in clocks:
        assert clock.at(now) == now + clock.offset_ns
        assert abs(clock.at(now + day) - clock.at(now) - day) <= 100e-6 * day + 1
        assert clock.dated(np.array([now, now + day])).tolist() == [clock.at(now), clock.at(now + day)]
    assert clock_of(7, 0, 0.0, 0.0, now) == DeviceClock(0, 0.0, now)


def test_templates_are_made_once_and_the_oldest_go() -> None:
    templates, pattern = Templates(limit=2), max(tape().patterns, key=lambda one: len(one.rows))
    first = templates.of(1, pattern, 0, 2)
    assert templates.of(1, pattern, 0, 2) is first
    templates.of(1, pattern, 2, 4)
    templates.of(1, pattern, 4, 6)
    assert templates.of(1, pattern, 0, 2) is not first
    assert templates.made_total == 4


def test_a_spool_in_memory_keeps_order_forgets_what_is_acknowledged_and_counts_anew() -> None:
    epochs = iter((5, 6))
    spool = MemorySpool(lambda: next(epochs))
    spool.append([Part(Rank.PROCESS, 0, 1, batch(0, 2)), Part(Rank.PROCESS, 2, 4, batch(2, 3))])
    with pytest.raises(OurFault):
        spool.append([Part(Rank.PROCESS, 9, 9, b"")])
    assert [kept.first for kept in spool.read(5, -1, 1)] == [0]
    assert [kept.first for kept in spool.read(5, 1, 1 << 20)] == [2]
    spool.ack(5, 1)
    assert spool.pending == 3
    spool.renumber(5)
    (kept,) = spool.read(6, -1, 1 << 20)
    assert (kept.epoch, kept.first, kept.last, spool.next, spool.pending) == (6, 0, 2, 3, 3)
    assert list(codec.decode(kept.data).sequence) == [0, 1, 2]


def test_an_account_is_read_as_it_was_written_but_for_a_line_that_is_cut_off(tmp_path: Path) -> None:
    path = tmp_path / "ledger"
    with Ledger(path, ["a" * 32, "b" * 32]) as ledger:
        ledger.note(Act.WRITTEN, 0, 7, 0, 4, 100)
        ledger.note(Act.PLANTED, 0, 7, 5, 5, 110)
        ledger.note(Act.WRITTEN, 1, 8, 0, 0, 120)
        ledger.note(Act.ACKNOWLEDGED, 0, 7, 0, 4, 130)
    path.write_bytes(path.read_bytes() + b"half a line")
    account = read_ledger(path)
    assert [entry.act for entry in account.entries] == [Act.WRITTEN, Act.PLANTED, Act.WRITTEN, Act.ACKNOWLEDGED]
    assert list(acknowledged(account)) == [("a" * 32, 7, 0, 4)]


def test_delays_are_told_for_the_second_and_for_all_time() -> None:
    delays = Delays()
    for ms in range(1, 101):
        delays.add(ms * 1_000_000)
    assert delays.second() == (50.0, 99.0, 100.0)
    assert delays.second() == (None, None, None)
    assert delays.overall_ms(0.5) == pytest.approx(50, rel=0.03)
    assert delays.overall_ms(0.99) == pytest.approx(99, rel=0.03)
    assert Delays().overall_ms(0.5) is None


def test_what_still_waits_counts_with_its_age() -> None:
    delays = Delays()
    for _ in range(98):
        delays.add(10_000_000)
    assert delays.overall_ms(0.99) == pytest.approx(10, rel=0.03)
    assert delays.overall_ms(0.99, [9_000_000_000] * 2) == pytest.approx(9_000, rel=0.03)
    assert delays.overall_ms(0.5, [9_000_000_000] * 99) == pytest.approx(9_000, rel=0.03)
    assert delays.overall_ms(0.99) == pytest.approx(10, rel=0.03)  # they have no receipt: nothing of them is kept
    assert Delays().overall_ms(0.5, [1_000_000]) == pytest.approx(1, rel=0.03)
