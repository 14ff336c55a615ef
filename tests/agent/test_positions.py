"""Places and the spool agree after a crash at any moment."""

from __future__ import annotations

from pathlib import Path

import pytest

from carecordon.agent.fill import Filler, Fresh
from carecordon.agent.lane import Lane
from carecordon.agent.positions import Place, Positions
from carecordon.agent.spool import Spool
from tests.agent.spooling import Make, everything, kill, rows, tables


def fill(spool: Spool, positions: Positions, count: int, position: str) -> None:
    filler = Filler(spool, positions)
    filler.add(Fresh(rows(count, text=position), Place("a.jsonl", position)))
    filler.flush()


def test_a_place_is_there_when_its_events_are(tmp_path: Path, make: Make) -> None:
    spool = make(tmp_path / "spool")
    positions = Positions(tmp_path / "places", spool)
    assert positions.at("a.jsonl") is None
    fill(spool, positions, 2, "two")
    assert positions.at("a.jsonl") == "two"
    positions.close()
    again = Positions(tmp_path / "places", spool)
    assert again.at("a.jsonl") == "two"
    again.close()


@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_crash_around_the_append_leaves_the_place_that_is_true(tmp_path: Path, make: Make, moment: str) -> None:
    spool = make(tmp_path / "spool")
    positions = Positions(tmp_path / "places", spool)
    fill(spool, positions, 2, "two")
    positions.intend(spool.epoch, spool.next + 3, [Place("a.jsonl", "five")])
    if moment == "after":
        fill(spool, Positions(tmp_path / "elsewhere", spool), 3, "five")
    kill(spool)
    positions.close()
    spool = make(tmp_path / "spool", epochs=[99])
    again = Positions(tmp_path / "places", spool)
    assert again.at("a.jsonl") == {"before": "two", "after": "five"}[moment]
    again.close()


def test_what_could_not_be_put_on_disk_moves_no_place_and_comes_again(
    tmp_path: Path, make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise OSError("no")

    spool = make(tmp_path / "spool")
    positions = Positions(tmp_path / "places", spool)
    filler = Filler(spool, positions)
    filler.add(Fresh(rows(3, text="some"), Place("a.jsonl", "three")))
    monkeypatch.setattr(Lane, "sync", broken)
    for _ in range(2):
        with pytest.raises(OSError, match="no"):
            filler.flush()
        assert positions.at("a.jsonl") is None
    monkeypatch.undo()
    filler.add(Fresh(rows(1, text="more"), Place("a.jsonl", "four")))
    assert filler.flush() == 4
    assert positions.at("a.jsonl") == "four"
    assert sum(map(len, tables(everything(spool)))) == 4
    positions.close()


def test_a_file_that_is_no_list_of_places_is_told(tmp_path: Path, make: Make) -> None:
    (tmp_path / "places").write_bytes(b"something else entirely" * 100)
    with pytest.raises(OSError, match="another state folder"):
        Positions(tmp_path / "places", make(tmp_path / "spool"))
