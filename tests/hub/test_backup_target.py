"""A backup goes where the hub can write it and has room, or it is said why not, before the disk is full."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from carecordon.hub.backup.target import begin, check_room, check_target
from carecordon.hub.config import Paths
from carecordon.model.errors import TheirFault
from tests.hub.hub_kit import NOW, back_up, found_hub

SIZE, COPY, RESERVE = 1_000, 300, 50


class Usage(NamedTuple):
    """What a disk says of itself, as far as it is asked."""

    free: int


@pytest.fixture
def paths(tmp_path: Path) -> Paths:
    made = Paths(tmp_path / "data", tmp_path / "keys")
    made.data.mkdir()
    return made


@pytest.fixture
def disks(monkeypatch: pytest.MonkeyPatch, paths: Paths) -> Callable[[int, int], None]:
    """Return what sets how much is free where the data lie, and everywhere else."""

    def set_free(here: int, there: int) -> None:
        monkeypatch.setattr(shutil, "disk_usage", lambda path: Usage(here if path == paths.data else there))

    return set_free


def check(paths: Paths, target: Path) -> None:
    check_room(paths, target, SIZE, COPY, RESERVE)


def test_beside_the_data_the_hub_keeps_its_reserve(paths: Paths, disks: Callable[[int, int], None]) -> None:
    whole = SIZE + COPY + RESERVE
    disks(whole, whole)
    check(paths, paths.data.parent / "hub.backup")
    disks(whole, whole - 1)
    with pytest.raises(TheirFault, match=r"on the disk that the hub works on, and needs 1,350 free.*another disk"):
        check(paths, paths.data.parent / "hub.backup")
    disks(COPY + RESERVE - 1, whole)
    with pytest.raises(TheirFault, match="needs 300 bytes here for a while and leaves 50 free"):
        check(paths, paths.data.parent / "hub.backup")


def test_on_another_disk_it_needs_its_own_size(paths: Paths, disks: Callable[[int, int], None]) -> None:
    other = Path("/proc")
    assert other.stat().st_dev != paths.data.stat().st_dev
    disks(COPY + RESERVE, SIZE)
    check(paths, other / "hub.backup")
    disks(COPY + RESERVE, SIZE - 1)
    with pytest.raises(TheirFault, match="/proc: the backup takes 1,000 bytes here and needs 1,000 free"):
        check(paths, other / "hub.backup")


def test_what_lies_where_the_backup_is_written_first_stays_there(tmp_path: Path) -> None:
    hub = Paths(tmp_path / "hub", tmp_path / "keys")
    found_hub(hub)
    target, other = tmp_path / "hub.backup", tmp_path / "hub.backup.part"
    other.write_text("precious", "utf-8")
    with pytest.raises(TheirFault, match=r"hub\.backup\.part: there is something there already"):
        check_target(hub, target)
    with pytest.raises(TheirFault, match=r"hub\.backup\.part: there is something there already"):
        begin(hub, target)
    with pytest.raises(TheirFault, match=r"hub\.backup\.part: there is something there already"):
        back_up(hub, target, NOW)
    assert (other.read_text("utf-8"), target.exists()) == ("precious", False)
    other.unlink()
    back_up(hub, target, NOW)
    assert target.exists()
    assert not other.exists()
