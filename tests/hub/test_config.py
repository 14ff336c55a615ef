"""What stands in `hub.toml` is used, or refused with what is wrong, where, and what may stand there."""

from __future__ import annotations

from pathlib import Path

import pytest

from carecordon.hub.config import read_settings
from carecordon.model.errors import TheirFault
from carecordon.model.match import Level

WHO = 'ods = "XX1"\nname = "Example Trust"\n'


@pytest.mark.parametrize("level", list(Level))
def test_every_level_may_stand_there(tmp_path: Path, level: Level) -> None:
    path = tmp_path / "hub.toml"
    path.write_text(f'{WHO}[notify]\nlevel = "{level.value}"\n')
    assert read_settings(path).notify.level == level


def test_what_is_not_said_has_its_usual_value(tmp_path: Path) -> None:
    path = tmp_path / "hub.toml"
    path.write_text(WHO)
    assert read_settings(path).notify.level == "high"


@pytest.mark.parametrize(
    ("text", "what", "where"),
    [
        ('[notify]\nlevel = "hihg"\n', "'hihg'; it can be one of informational, low, medium, high, critical", "notify"),
        ('[notify]\nlevel = "High"\n', "'High'", "notify"),
        ("[notify]\nlevel = true\n", "Expected `str`", "notify.level"),
        ('[listen]\ndevices = "x"\n', "Expected `int`", "listen.devices"),
        ("[limit]\n", "unknown field `limit`", ""),
        ("ods = 1\n", "overwrite", "line 3"),
    ],
)
def test_what_cannot_be_used_is_refused_with_its_place(tmp_path: Path, text: str, what: str, where: str) -> None:
    path = tmp_path / "hub.toml"
    path.write_text(WHO + text)
    with pytest.raises(TheirFault) as told:
        read_settings(path)
    assert str(told.value).startswith(f"{path}: ")
    assert what in str(told.value)
    assert where in str(told.value)
