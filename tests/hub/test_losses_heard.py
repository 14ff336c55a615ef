"""What a sender lost is told, with how much it is in all, once an hour at most, until a day after the last."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from carecordon.agent import losses as agent
from carecordon.agent.rank import OWN as AGENTS_OWN
from carecordon.agent.rank import Rank
from carecordon.hub.news.losses import DAY, HOUR, MAX_COUNT, OWN, Losses, Way
from carecordon.hub.worker.merge import Sent, merge
from carecordon.model.batch import Rows
from carecordon.model.event import Kind
from carecordon.model.gather import gather
from carecordon.model.kept import Trouble
from carecordon.model.merged import Merged
from carecordon.wire import codec
from tests.hub.gate_kit import Talk, make_hub, member, running, wait_for

T0 = 1_800_000_000_000_000_000
SENDER = "5e" * 16
WAYS = {
    agent.LOST: Way.DROPPED,
    agent.DAMAGED: Way.DAMAGED,
    agent.UNSENDABLE: Way.TOO_LARGE,
    agent.REFUSED: Way.REFUSED,
}


def batch(data: bytes, at: int = T0) -> Merged:
    """Return what a sender sent, merged."""
    return merge([Sent(codec.decode(data), SENDER, 9, 5, at, "ward-7")])


def loss(event_id: int, events: int | None) -> bytes:
    """Return what an agent says of a loss."""
    tell = agent.telling("ward-7", lambda: T0)
    return tell(agent.Loss(event_id, Rank.PROCESS, events, 3, 9), 5)


def own(*fields: dict[str, Any], event_id: int = 1, channel: str = OWN) -> bytes:
    """Return events of an agent's own channel with these fields."""
    count = len(fields)
    kinds = [Kind(channel, "Carecordon", event_id)] * count
    return codec.encode(gather(Rows(kinds, list(fields), [T0] * count, ["x"] * count, [None] * count, [0] * count)))


@pytest.mark.parametrize("event_id", WAYS)
def test_what_an_agent_says_it_lost_is_told(event_id: int) -> None:
    assert OWN == AGENTS_OWN
    losses = Losses()
    losses.see(batch(loss(event_id, 1_200)))
    (trouble,) = losses.news(T0)
    way = WAYS[event_id]
    assert (trouble.key, trouble.kind, trouble.device) == (f"gap/{SENDER}/{way}", "gap", SENDER)
    assert (trouble.count, trouble.since, trouble.until) == (1_200, T0, None)
    assert trouble.text.startswith("ward-7: of its events 1,200 ")


@pytest.mark.parametrize(
    "data",
    [own({"Events": 4}, channel="Carecordon-Agents"), own({"Events": 4}, event_id=5), own({"Events": 4}, event_id=0)],
)
def test_anything_else_is_no_loss(data: bytes) -> None:
    losses = Losses()
    losses.see(batch(data))
    assert losses.news(T0) == []


def test_how_much_is_not_believed_without_bounds() -> None:
    for told, counted in ((None, 1), (-5, 1), ("many", 1), (MAX_COUNT, MAX_COUNT)):
        losses = Losses()
        losses.see(batch(own({} if told is None else {"Events": told})))
        losses.see(batch(own({"Events": 2})))
        assert losses.news(T0)[0].count == min(MAX_COUNT, counted + 2)


def test_it_is_told_once_an_hour_with_the_sum_and_ends_after_a_quiet_day() -> None:
    losses = Losses()
    told = []
    for minute in range(0, 121, 10):
        at = T0 + minute * HOUR // 60
        losses.see(batch(loss(agent.LOST, 10), at))
        told += [(minute, trouble.count) for trouble in losses.news(at)]
    assert told == [(0, 10), (60, 70), (120, 130)]
    assert losses.news(T0 + 2 * HOUR + DAY - 1) == []
    (over,) = losses.news(T0 + 3 * HOUR + DAY)
    assert (over.until, over.count) == (T0 + 3 * HOUR + DAY, 130)
    assert losses.news(T0 + 5 * HOUR + DAY) == []


def test_after_a_restart_it_counts_on() -> None:
    before, after = Losses(), Losses()
    before.add(SENDER, Way.NUMBERS, "ward-7", 7, T0)
    after.resume(
        [*before.news(T0), Trouble("silent/x", "silent", "x", "x", T0), Trouble("gap/y", "gap", None, "", T0)], T0
    )
    after.add(SENDER, Way.NUMBERS, "ward-7", 3, T0 + HOUR)
    (trouble,) = after.news(T0 + HOUR)
    assert (trouble.count, trouble.since) == (10, T0)


def test_numbers_that_never_came_are_told_by_the_gate(tmp_path: Path) -> None:
    hub = make_hub(tmp_path / "hub")
    device = member(hub, tmp_path / "device")
    with running(hub) as gate, Talk(device, gate.ports.devices, next_number=100) as talk:
        talk.send(0, 1)
        talk.send(10, 11)
        talk.acknowledged(11)
        wait_for(lambda: bool(hub.register.cases.troubles()))
        (trouble,) = hub.register.cases.troubles()
        talk.send(20, 21)
        talk.acknowledged(21)
    assert (trouble.kind, trouble.device, trouble.count) == ("gap", device.id, 8)
    assert "ward-pc-07: of its events 8 have not come" in trouble.text
    assert hub.register.cases.troubles() == [trouble], "once an hour"
    hub.register.close()
