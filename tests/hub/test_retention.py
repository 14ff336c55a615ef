"""How long events are kept may be changed: what is stored already follows, in the background, and no start waits."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from carecordon.hub.keeper import engine as opened
from carecordon.hub.keeper.engine import Engine, EngineFault
from carecordon.telemetry.schema import time_to_live
from carecordon.telemetry.store import block_of
from tests.telemetry.keeping import merged

DAY = 86_400 * 1_000_000_000
ROWS = 50
DEADLINE_S = 120.0
STORED = "SELECT count() FROM events"
LASTS = (
    "SELECT count(), toUInt32(min(delete_ttl_info_max)) FROM system.parts WHERE active AND table = 'events' AND rows"
)


def open_store(folder: Path, days: int) -> Engine:
    return Engine(folder, days, 1)


def fill(engine: Engine, now: int) -> None:
    """Keep events of 2 and of 20 days ago."""
    for ago in (2, 20):
        at = now - ago * DAY
        events = merged([{"CommandLine": "run"}] * ROWS, times=[at] * ROWS, received=at)
        engine.insert(block_of(events), f"ago-{ago}")


def ask(engine: Engine, sql: str) -> list[int]:
    return [int(one) for one in engine.ask(sql, "TabSeparated", {}).split()]


def until(engine: Engine, sql: str, wanted: list[int]) -> None:
    """Wait until the engine's own threads have come so far."""
    end = time.monotonic() + DEADLINE_S
    while (found := ask(engine, sql)) != wanted:
        assert time.monotonic() < end, f"{found} and not {wanted}"
        time.sleep(0.05)


def mutations(engine: Engine) -> int:
    return ask(engine, "SELECT count() FROM system.mutations")[0]


def test_what_is_stored_goes_when_less_is_kept(tmp_path: Path) -> None:
    engine = open_store(tmp_path / "store", 30)
    fill(engine, time.time_ns())
    assert mutations(engine) == 0
    engine.close()
    engine = open_store(tmp_path / "store", 10)
    until(engine, STORED, [ROWS])
    done = mutations(engine)
    engine.close()
    engine = open_store(tmp_path / "store", 10)
    assert mutations(engine) == done, "it is done once"
    engine.close()


def test_what_is_stored_stays_when_more_is_kept(tmp_path: Path) -> None:
    now = time.time_ns()
    engine = open_store(tmp_path / "store", 30)
    fill(engine, now)
    assert ask(engine, LASTS) == [2, (now + 10 * DAY) // 1_000_000_000]
    engine.close()
    engine = open_store(tmp_path / "store", 90)
    until(engine, LASTS, [2, (now + 70 * DAY) // 1_000_000_000])
    assert ask(engine, STORED) == [2 * ROWS]
    engine.close()


@pytest.mark.parametrize("words", ["", "30"], ids=["of a release that did not say", "killed in between"])
def test_what_was_changed_before_follows_at_the_next_start(tmp_path: Path, words: str) -> None:
    engine = open_store(tmp_path / "store", 30)
    fill(engine, time.time_ns())
    for statement in (
        f"ALTER TABLE events MODIFY TTL {time_to_live(10)} SETTINGS materialize_ttl_after_modify = 0",
        f"ALTER TABLE events MODIFY COMMENT '{words}'",
    ):
        engine._run(engine._writer, statement, "Null")
    engine.close()
    engine = open_store(tmp_path / "store", 10)
    until(engine, STORED, [ROWS])
    engine.close()


def test_where_it_cannot_be_begun_the_store_serves_and_it_is_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = open_store(tmp_path / "store", 30)
    fill(engine, time.time_ns())
    engine.close()
    run = Engine._run

    def full(self: Engine, handle: opened._Handle, sql: str, form: str) -> bytes:
        if "MATERIALIZE" in sql:
            raise EngineFault("Code: 243. DB::Exception: no room")
        return run(self, handle, sql, form)

    with monkeypatch.context() as patch:
        patch.setattr(Engine, "_run", full)
        engine = open_store(tmp_path / "store", 10)
    assert ask(engine, STORED) == [2 * ROWS]
    engine.close()
    engine = open_store(tmp_path / "store", 10)
    until(engine, STORED, [ROWS])
    engine.close()
