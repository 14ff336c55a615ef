"""What is merged is synced before its sources go, in tables of an older release too."""

from __future__ import annotations

from pathlib import Path

from carecordon.hub.keeper.engine import Engine
from carecordon.telemetry.schema import SYNC

SETTINGS = "SELECT engine_full FROM system.tables WHERE name = 'events' AND database = 'carecordon'"


def settings(engine: Engine) -> str:
    return engine.ask(SETTINGS, "TabSeparated", {}).decode()


def test_a_table_of_an_older_release_syncs_what_it_merges(tmp_path: Path) -> None:
    engine = Engine(tmp_path / "store", 30, 1)
    names = [name for name in SYNC if name.endswith("_after_merge")]
    engine._run(engine._writer, f"ALTER TABLE events RESET SETTING {', '.join(names)}", "Null")
    assert not any(name in settings(engine) for name in names)
    engine.close()
    engine = Engine(tmp_path / "store", 30, 1)
    told = settings(engine)
    engine.close()
    assert len(names) == 2
    assert all(f"{name} = {SYNC[name]}" in told for name in SYNC)
