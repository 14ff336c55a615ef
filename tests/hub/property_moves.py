"""What may happen to a hub on the way, as moves that hypothesis draws; and the plain way beside it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from hypothesis import strategies as st

from carecordon.model.stream import Part
from tests.hub.property_kit import Hub, Memory, part
from tests.hub.property_world import PARTITIONS, ROUND_S, SECOND, SENDERS, Event, World

QUIET_S = 500
"""After so long without anything new, every window is over."""
TICKS = 18
"""Seconds that go by at most while a round's events come: with them none is older than correlations wait for."""
SENT = tuple(SENDERS)

Move = tuple[Any, ...]


def moves(most: int) -> st.SearchStrategy[list[Move]]:
    """Return what happens while a round's events come."""
    partition = st.integers(0, PARTITIONS - 1)
    cut = st.tuples(st.sampled_from(SENT), st.integers(1, 4), st.integers(0, 3))
    groups = st.tuples(st.just("deliver"), st.lists(cut, min_size=1, max_size=4))
    return st.lists(
        st.one_of(
            groups,
            groups,
            st.tuples(st.just("work"), partition),
            st.just(("triage",)),
            st.just(("tick",)),
            st.tuples(st.just("restart worker"), partition, st.booleans()),
            st.sampled_from([("restart triage",), ("restart gate",), ("trim",), ("store",)]),
        ),
        max_size=most,
    )


def run(
    hub: Hub, world: World, all_moves: Sequence[Sequence[Move]], early_s: int = 0, anew_s: int | None = None
) -> None:
    """Let a world happen to a hub, each round with moves of its own, until it is at rest and every window is over.

    Devices' clocks run `early_s` before the hub's; `anew_s` after the last event everything is made anew.
    """
    told: dict[str, list[Event]] = {sender: [] for sender in SENDERS}
    sent = dict.fromkeys(SENDERS, 0)
    for (begin, fresh), chosen in zip(world.rounds, all_moves, strict=True):
        hub.pass_time(begin)
        hub.now = max(hub.now, begin + (ROUND_S - early_s) * SECOND)
        until = hub.now + TICKS * SECOND
        for sender, events in fresh.items():
            told[sender] += events
        for move in chosen:
            _move(hub, move, told, sent)
            hub.now = min(hub.now, until)
        _up(hub)
        for sender in SENT:
            while sent[sender] < len(told[sender]):
                _deliver(hub, [(sender, 4, 2)], told, sent)
        hub.rest()
    if anew_s is not None:
        hub.pass_time(hub.now + anew_s * SECOND)
        hub.restart()
    hub.pass_time(hub.now + QUIET_S * SECOND)


def run_plainly(hub: Hub, world: World) -> None:
    """Let a world happen as it should: each event comes as it happens, alone, once, and is worked on at once."""
    told: dict[str, list[Event]] = {sender: [] for sender in SENDERS}
    sent = dict.fromkeys(SENDERS, 0)
    for begin, fresh in world.rounds:
        hub.pass_time(begin)
        for sender, events in fresh.items():
            told[sender] += events
        queue = [(one.time, sender) for sender, events in fresh.items() for one in events]
        for time, sender in sorted(queue):
            hub.now = max(hub.now, time + SECOND)
            _deliver(hub, [(sender, 1, 0)], told, sent)
            hub.rest()
    hub.pass_time(hub.now + QUIET_S * SECOND)


def _move(hub: Hub, move: Move, told: dict[str, list[Event]], sent: dict[str, int]) -> None:
    acts: dict[str, Callable[..., Any]] = {
        "deliver": lambda cuts: _deliver(hub, cuts, told, sent),
        "work": hub.work,
        "triage": hub.triage,
        "tick": lambda: setattr(hub, "now", hub.now + SECOND),
        "restart worker": lambda partition, is_kill: hub.restart_worker(partition, is_kill=is_kill),
        "restart triage": hub.restart_triage,
        "restart gate": hub.restart_gate,
        "trim": hub.trim,
        "store": lambda: _turn_store(hub),
    }
    acts[move[0]](*move[1:])


def _deliver(
    hub: Hub, cuts: Sequence[tuple[str, int, int]], told: dict[str, list[Event]], sent: dict[str, int]
) -> None:
    """Write a group: of each of these senders the next so many events, with so many before that came already."""
    parts: list[Part] = []
    for sender, count, again in cuts:
        first, last = max(0, sent[sender] - again), min(len(told[sender]), sent[sender] + count) - 1
        if first <= last:
            parts.append(part(told[sender], first, last))
            sent[sender] = last + 1
    hub.gate(parts)


def _turn_store(hub: Hub) -> None:
    if isinstance(hub.telemetry, Memory):
        hub.telemetry.is_down = not hub.telemetry.is_down


def _up(hub: Hub) -> None:
    if isinstance(hub.telemetry, Memory):
        hub.telemetry.is_down = False
