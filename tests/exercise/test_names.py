"""With random names, nothing that is known from a real outbreak stands anywhere."""

from __future__ import annotations

from random import Random

import orjson
import pytest

from carecordon.exercise.names import invented, kit, known
from tests.exercise.playing import played

KNOWN = (
    "wannacry", "wannadecryptor", "wanadecryptor", "wncry", "wncryt", "mssecsvc", "tasksche.exe", "taskse.exe",
    "taskdl.exe", "wnry", "please_read_me", "iuqerfsodp9ifjaposdfjhgosurijfaewrwergwea", "lhdfrgui",
    "24d004a104d4d54034dbcffc2a4b19a11f39008a575aa614ea04703480b1022c", "db349b97c37d22f5ea1d1841e3c89eb4",
    "e889544aff85ffaf8b0d0da705105dee7c97fe26", "9ecee117164e0b870a53dd187cdd7174",
    "mimikatz", "sekurlsa", "cobaltstrike", "rclone", "sharphound", "bloodhound", "adfind", "rubeus", "metasploit",
    "meterpreter", "netprof.exe", "syncup.exe", "printqueue.exe", "how_to_get_files_back",
)  # fmt: skip


@pytest.mark.parametrize("name", ["friday", "hands-on"])
def test_random_names_hold_no_known_name_or_hash(name: str) -> None:
    text = orjson.dumps([document for document, _ in played(name, random_names=True)]).decode().lower()
    assert [word for word in KNOWN if word in text] == []


def test_without_them_friday_is_the_known_one() -> None:
    text = orjson.dumps([document for document, _ in played("friday")]).decode().lower()
    assert "mssecsvc.exe -m security" in text
    assert "iuqerfsodp9ifjaposdfjhgosurijfaewrwergwea" in text


def test_only_names_differ() -> None:
    """The same happens at the same times, whatever things are called."""
    for name in ("friday", "hands-on"):
        plain, drawn = played(name), played(name, random_names=True)
        assert [(event["EventID"], event["Computer"], mark) for event, mark in plain] == [
            (event["EventID"], event["Computer"], mark) for event, mark in drawn
        ]


def test_names_are_drawn_from_the_seed() -> None:
    assert invented(Random(1)) == invented(Random(1)) != invented(Random(2))
    assert kit(Random(1), drawn=True) == kit(Random(1), drawn=True) != kit(Random(2), drawn=True)
    assert kit(Random(1), drawn=False) == kit(Random(2), drawn=False)
    assert known(Random(1)).switch == known(Random(2)).switch
