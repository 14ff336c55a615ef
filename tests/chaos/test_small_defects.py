"""What chaos found once, each in small: a full disk under a pulse, and a store whose list of tokens the power took."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from carecordon.hub.keeper.engine import Engine
from carecordon.hub.pulse import Heart, read_pulses
from tests.chaos.power_store import RETENTION, ROWS, block, token

SEED = 5


def test_a_pulse_that_cannot_be_written_ends_nobody(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    heart = Heart(folder, "worker-0", 1)
    heart.beat(2, {})
    assert read_pulses(folder) == []
    folder.mkdir()
    heart.beat(3, {})
    assert [pulse.at for pulse in read_pulses(folder)] == [3]


@pytest.mark.parametrize("is_half", [False, True], ids=["all of it is there", "one of its two days is there"])
def test_a_range_that_comes_again_is_kept_once_though_its_token_was_forgotten(quick_path: Path, is_half: bool) -> None:
    """Tokens are not synced: without the look at what is kept, every row of the range would be there twice."""
    folder = quick_path / "telemetry"
    engine = Engine(folder, RETENTION, 1)
    numbers = (2, 3)  # the second one has two days
    for number in numbers:
        engine.insert(block(SEED, number), token(number))
    engine.close()
    for log in folder.glob("store/*/*/deduplication_logs/*"):
        log.write_bytes(b"")
    if is_half:
        (part,) = folder.glob("store/*/*/2026*_2_2_0")
        shutil.rmtree(part)
    engine = Engine(folder, RETENTION, 1)
    try:
        for number in (3, 4, 3, 4):
            engine.insert(block(SEED, number), token(number))
        found = engine.ask("SELECT count(), uniqExact(sequence) FROM events", "TabSeparated", {}).split()
    finally:
        engine.close()
    assert list(map(int, found)) == [3 * ROWS, 3 * ROWS]
