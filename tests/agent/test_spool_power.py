"""A power cut in the midst of an append: whatever the system had written back, no source is read on behind a loss."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import suppress
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from carecordon.agent.lane import Lane
from carecordon.agent.positions import Place, Positions
from carecordon.agent.queued import Part
from carecordon.agent.rank import Rank
from carecordon.agent.spool import Spool
from tests.agent.spooling import Make, batch, everything, kill, put, told

LIMIT = 150_000
CUTS = 6
"""More than an append has moments: at the last of them all of it is on disk."""


class PowerCut(BaseException):
    """The machine stops here."""


class Power:
    """Cuts the power before the files of a lane are put on disk, and knows what of each file was by then."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
        self._folder = folder
        self._left: int | None = None
        self._safe: dict[str, int] = {}
        plain = Lane.sync

        def sync(lane: Lane) -> None:
            if self._left is not None:
                if not self._left:
                    raise PowerCut
                self._left -= 1
            plain(lane)
            if lane.segments:
                path = lane.segments[-1].path
                self._safe[path.name] = path.stat().st_size

        monkeypatch.setattr(Lane, "sync", sync)

    def cut_after(self, syncs: int) -> None:
        self._left = syncs

    def outcomes(self, to: Path) -> Iterator[Path]:
        """Yield the folder in every state that it may be in: of each file, what was not on disk may be, or not."""
        self._left = None
        sizes = {path.name: path.stat().st_size for path in self._folder.glob("*.seg")}
        open_names = [name for name, size in sizes.items() if size > self._safe.get(name, 0)]
        for number, kept in enumerate(product([True, False], repeat=len(open_names))):
            copy = to / str(number)
            shutil.copytree(self._folder, copy)
            for name, is_kept in zip(open_names, kept, strict=True):
                if not is_kept:
                    with (copy / name).open("r+b") as file:
                        file.truncate(self._safe.get(name, 0))
            yield copy


def append(spool: Spool, positions: Positions, parts: list[Part]) -> None:
    positions.intend(spool.epoch, parts[-1].last + 1, [Place("a.jsonl", "further")])
    spool.append(parts)
    positions.kept()


def after(make: Make, folder: Path, places: Path) -> tuple[set[int], list[dict[str, Any]], bool]:
    """Return which numbers are there after the cut, what is told of losses, and whether the source is read on."""
    copied = folder.with_suffix(".places")
    shutil.copy(places, copied)
    spool = make(folder, LIMIT, epochs=[99])
    positions = Positions(copied, spool)
    is_further = positions.at("a.jsonl") == "further"
    positions.close()
    kept = everything(spool, 1)
    losses = told([*kept, *everything(spool)])
    kill(spool)
    return {number for one in kept for number in range(one.first, one.last + 1)}, losses, is_further


@pytest.mark.parametrize("cut", range(CUTS))
def test_the_place_is_moved_only_when_events_of_all_classes_are_on_disk(
    tmp_path: Path, make: Make, monkeypatch: pytest.MonkeyPatch, cut: int
) -> None:
    folder = tmp_path / "spool"
    power = Power(monkeypatch, folder)
    spool = make(folder, LIMIT)
    positions = Positions(tmp_path / "places", spool)
    for rank in (Rank.PROCESS, Rank.NETWORK, Rank.FILE):
        put(spool, 1, rank)
    first = spool.next
    ranks = (Rank.PROCESS, Rank.NETWORK, Rank.FILE)
    parts = [Part(rank, first + place, first + place, batch(first + place, 1)) for place, rank in enumerate(ranks)]
    power.cut_after(cut)
    try:
        append(spool, positions, parts)
        is_whole = True
    except PowerCut:
        is_whole = False
    kill(spool)
    positions.close()
    assert is_whole == (cut >= len(parts))
    for outcome in power.outcomes(tmp_path):
        numbers, _, is_further = after(make, outcome, tmp_path / "places")
        assert numbers >= set(range(first))
        assert not is_further or numbers >= set(range(first, first + len(parts)))
        assert is_further or not is_whole


@pytest.mark.parametrize("cut", range(CUTS))
def test_what_there_was_no_room_for_is_told_even_if_the_power_goes_before_its_telling_is_on_disk(
    tmp_path: Path, make: Make, monkeypatch: pytest.MonkeyPatch, cut: int
) -> None:
    folder = tmp_path / "spool"
    power = Power(monkeypatch, folder)
    spool = make(folder, LIMIT)
    positions = Positions(tmp_path / "places", spool)
    while spool.size_bytes < LIMIT - 6_000:
        put(spool, 1, Rank.PROCESS, size=1_500)
    first = spool.next
    large = Part(Rank.FILE, first, first, batch(first, 1, size=8_000))
    small = Part(Rank.FILE, first + 1, first + 1, batch(first + 1, 1))
    power.cut_after(cut)
    with suppress(PowerCut):
        append(spool, positions, [large, small])
    kill(spool)
    positions.close()
    for outcome in power.outcomes(tmp_path):
        numbers, losses, is_further = after(make, outcome, tmp_path / "places")
        if is_further:
            assert first + 1 in numbers
            assert any(one["FirstNumber"] <= first <= one["LastNumber"] for one in losses)
