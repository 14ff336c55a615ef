"""The list of devices is read, and what is wrong with it is told with its line."""

from __future__ import annotations

from pathlib import Path

import pytest

from carecordon.model.errors import TheirFault
from carecordon.pipeline.triage.score import Asset
from carecordon.scan.assets import read_assets


def test_the_columns_are_found_by_name(tmp_path: Path) -> None:
    listed = tmp_path / "devices.csv"
    listed.write_text("\ufeffaddress,impact,device,class\n10.0.0.1,s3,WPH-TH-WS01,theatre\n", encoding="utf-8")
    assert read_assets(listed) == {"wph-th-ws01": Asset("theatre", "S3")}


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("device,class\nws1,office\n", ":1: no column 'impact'"),
        ("", ":1: no column 'device'"),
        ("device,class,impact\nws1,office,S0\nws2,office,S9\n", ":3: impact class 'S9' of ws2"),
        ("device,class,impact\n,office,S0\n", ":2: no device"),
        ("device,class,impact\nws1\n", ":2: impact class ''"),
    ],
)
def test_what_is_wrong_is_told(tmp_path: Path, text: str, says: str) -> None:
    listed = tmp_path / "devices.csv"
    listed.write_text(text, encoding="utf-8")
    with pytest.raises(TheirFault) as fault:
        read_assets(listed)
    assert says in str(fault.value)


def test_no_file_and_no_text(tmp_path: Path) -> None:
    with pytest.raises(TheirFault, match="cannot be read"):
        read_assets(tmp_path / "none.csv")
    (tmp_path / "b.csv").write_bytes(b"device,class,impact\n\xff\xfe,office,S0\n")
    with pytest.raises(TheirFault, match="no CSV in UTF-8"):
        read_assets(tmp_path / "b.csv")
