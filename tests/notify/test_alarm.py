"""Which troubles of the hub people are told, how often, and in which words."""

from __future__ import annotations

from typing import Any

import pytest

from carecordon.model.kept import Trouble
from carecordon.model.match import Level
from carecordon.notify.alarm import alarm_of, alarms, key_of
from carecordon.notify.digest import digest_of
from carecordon.notify.notice import Notice, decode
from tests.notify.telling import NOON, notice

DAY = 86_400 * 10**9
RECEIVERS = ("mail/ann", "webhook/1")


def trouble(key: str = "damage/d1", **changes: Any) -> Trouble:
    parts: dict[str, Any] = {"kind": key.split("/", maxsplit=1)[0], "device": None, "text": f"what is wrong with {key}"}
    return Trouble(**{"key": key, "since": NOON, **parts, **changes})


def told(*troubles: Trouble, least: Level = Level.HIGH) -> list[Notice]:
    """Return what the first receiver is told."""
    made = alarms(troubles, "Westpark Hospital", RECEIVERS, least, NOON)
    return [decode(one.body) for one in made if one.channel == RECEIVERS[0]]


@pytest.mark.parametrize(
    ("what", "level"),
    [
        (trouble("store/worker-0"), Level.HIGH),
        (trouble("damage/1/0/7"), Level.HIGH),
        (trouble("held"), Level.HIGH),
        (trouble("lag"), Level.HIGH),
        (trouble("silent/1795780800", count=10), Level.HIGH),
        (trouble("source/1795780800", count=12), Level.HIGH),
        (trouble("rules/off/r1", kind="rule"), Level.HIGH),
        (trouble("rules/broken", kind="rule"), Level.MEDIUM),
        (trouble("gap/d1/lost", device="d1", count=70), Level.MEDIUM),
        (trouble("something/new"), Level.MEDIUM),
        (trouble("silent/d1", device="d1"), Level.LOW),
        (trouble("source/d1/Security", device="d1"), Level.LOW),
    ],
)
def test_the_grave_are_told_and_the_little_only_where_it_is_wanted(what: Trouble, level: Level) -> None:
    assert alarm_of(what).level is level
    for least in Level:
        assert [one.level for one in told(what, least=least)] == ([level.value] if level.rank >= least.rank else [])


def test_each_receiver_is_told_of_what_lasts_what_it_is_and_what_to_do() -> None:
    damage = trouble("damage/d1", device="d1", text="ward-pc-07: its part is torn\nBcc: x@example.org\x07")
    made = alarms([damage, trouble("store/w", until=NOON)], "Westpark", RECEIVERS, Level.HIGH, NOON + 1)
    assert [(one.channel, one.incident, one.due) for one in made] == [(name, None, NOON + 1) for name in RECEIVERS]
    assert len({one.key for one in made}) == 1
    one = decode(made[0].body)
    assert one.kind == "hub.trouble"
    assert one.subject.startswith("[Carecordon high] A log of the hub does not read back: ward-pc-07")
    assert one.subject.isprintable()
    assert "ward-pc-07: its part is torn Bcc: x@example.org?" in one.text.splitlines()
    assert "2026-11-27T12:00:00.000000Z" in one.text
    assert (one.data["device"], one.data["count"]) == ("d1", 1)


def test_the_same_trouble_is_told_once_a_day_however_often_it_comes_and_goes() -> None:
    first, again, tomorrow = (trouble(since=NOON + after) for after in (0, 60 * 10**9, DAY))
    assert key_of(first) == key_of(again) != key_of(tomorrow)
    assert key_of(first) != key_of(trouble("damage/d2"))
    assert len(told(first, again, tomorrow)) == 2


def test_a_store_that_several_processes_miss_is_one() -> None:
    assert len(told(trouble("store/worker-0"), trouble("store/worker-1"), trouble("store/keeper"))) == 1


def test_a_digest_says_what_it_is_of() -> None:
    alarm = told(trouble())[0]
    both = digest_of([alarm, notice()], "Westpark", NOON)
    assert "2 more incidents and troubles at Westpark: 2 high" in both.text
    assert both.text.endswith("All of them: carecordon hub incidents, carecordon hub status\n")
    assert ([one["id"] for one in both.data["troubles"]], len(both.data["incidents"])) == (["damage/d1"], 1)
    alone = digest_of([alarm, told(trouble("damage/d2"))[0]], "Westpark", NOON)
    assert "2 more troubles" in alone.subject
    assert alone.text.endswith("All of them: carecordon hub status\n")
