"""The list of devices is read, and what is wrong with it is told with its line."""

from __future__ import annotations

from pathlib import Path

import pytest

from carecordon.model.errors import TheirFault
from carecordon.pipeline.triage.disk.assets import read_assets, unlisted
from carecordon.pipeline.triage.score import Asset, Estate


def test_the_columns_are_found_by_name(tmp_path: Path) -> None:
    listed = tmp_path / "devices.csv"
    listed.write_text("\ufeffaddress,impact,device,class\n10.0.0.1,s3,WPH-TH-WS01,theatre\n", encoding="utf-8")
    assert read_assets(listed) == {"wph-th-ws01": Asset("theatre", "S3")}


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("device,class\nws1,office\n", ":1: no column 'impact'"),
        ("", ":1: no column 'device'"),
        ("device,class,impact\n", "devices.csv: no device is listed"),
        ("device,class,impact\nws1,office,S0\nws2,office,S9\n", ":3: impact class 'S9' of ws2"),
        ("device,class,impact\n,office,S0\n", ":2: no device"),
        ("device,class,impact\nws1\n", ":2: impact class ''"),
        ("device;class;impact\nws1;office;S0\n", ":1: no column 'device'; save it with commas between the columns"),
        ("device,class,impact\nws1,ward,S1\nWS1,office,S0\n", ":3: ws1 is S0 here and S1 in line 2"),
    ],
)
def test_what_is_wrong_is_told(tmp_path: Path, text: str, says: str) -> None:
    listed = tmp_path / "devices.csv"
    listed.write_text(text, encoding="utf-8")
    with pytest.raises(TheirFault) as fault:
        read_assets(listed)
    assert says in str(fault.value)


@pytest.mark.parametrize(
    ("listed", "devices", "says"),
    [
        ((), ("ws1",), []),
        (("ws1", "ws2"), ("ws1", "WS2.example.org"), []),
        (("ws1",), ("ws1", "ws2", "ws3"), ["2 of 3 devices of these events are not in the list of devices: ws2, ws3"]),
        (("x",), ("ws1", "ws2"), ["none of the 2 devices of these events is in the list of devices: ws1, ws2"]),
        (("x",), ("ws1",), ["the only device is not in the list of devices: ws1"]),
    ],
)
def test_devices_that_the_list_lacks_are_told(
    listed: tuple[str, ...], devices: tuple[str, ...], says: list[str]
) -> None:
    estate = Estate(len(devices), {name: Asset("office", "S0") for name in listed})
    assert [spot.reason for spot in unlisted(devices, estate)] == says


def test_of_many_devices_that_the_list_lacks_the_first_are_named() -> None:
    (spot,) = unlisted([f"ws{number}" for number in range(9)], Estate(9, {"x": Asset("office", "S0")}))
    assert (spot.count, spot.reason.partition(": ")[2]) == (9, "ws0, ws1, ws2, ws3, ws4 and 4 more")


def test_no_file_and_no_text(tmp_path: Path) -> None:
    with pytest.raises(TheirFault, match="cannot be read"):
        read_assets(tmp_path / "none.csv")
    (tmp_path / "b.csv").write_bytes(b"device,class,impact\n\xff\xfe,office,S0\n")
    with pytest.raises(TheirFault, match=r"no CSV in UTF-8.*; save it as CSV UTF-8"):
        read_assets(tmp_path / "b.csv")


def test_a_list_in_another_encoding_is_told_how_to_be_saved(tmp_path: Path) -> None:
    for encoding in ("utf-16", "utf-16-le"):
        (tmp_path / "u.csv").write_text("device,class,impact\nws1,office,S0\n", encoding=encoding)
        with pytest.raises(TheirFault, match="save it as CSV UTF-8"):
            read_assets(tmp_path / "u.csv")


def test_a_device_may_stand_twice_if_both_lines_agree(tmp_path: Path) -> None:
    (tmp_path / "d.csv").write_text("device,class,impact\nws1,ward,S1\nws1,ward nurse,S1\n", encoding="utf-8")
    assert read_assets(tmp_path / "d.csv") == {"ws1": Asset("ward", "S1")}
