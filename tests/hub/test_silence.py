"""What falls quiet is told once: alone, or together with what stopped at the same moment."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from carecordon.hub.news.quiet import MANY, Hush, Quiet
from carecordon.hub.triage.silence import LOOK_S, Silence
from carecordon.hub.triage.upkeep import Upkeep
from carecordon.model.device import Certificate, DeviceKind, NewDevice
from carecordon.model.kept import Trouble
from carecordon.register.backends.sqlite import SQLITE
from carecordon.register.register import Register

SECOND = 1_000_000_000
T0 = 1_700_000_000 * SECOND
LIMIT_S = 600.0


@pytest.fixture
def register(tmp_path: Path) -> Iterator[Register]:
    SQLITE.prepare(str(tmp_path / "register.db"))
    opened = SQLITE.open_register(str(tmp_path / "register.db"))
    yield opened
    opened.close()


def enrol(register: Register, count: int) -> list[str]:
    """Return the ids of so many devices that were enrolled at T0."""
    ids = [f"{number:032x}" for number in range(count)]
    for number, name in enumerate(ids):
        certificate = Certificate(f"{number:064x}", f"{number:x}", T0, T0 * 2)
        register.devices.add(NewDevice(name, f"pc-{number:02}", "Windows", DeviceKind.AGENT, certificate), "t", T0)
    return ids


def open_troubles(register: Register) -> list[str]:
    return [trouble.text for trouble in register.cases.troubles()]


def at(minutes: float) -> int:
    return T0 + int(minutes * 60) * SECOND


def test_a_device_that_says_nothing_is_told_until_it_speaks(register: Register) -> None:
    one, other = enrol(register, 2)
    silence = Silence(register, LIMIT_S)
    silence.look(at(0), at(0))
    register.devices.seen({one: at(9), other: at(1)})
    silence.look(at(12), at(12))
    assert open_troubles(register) == ["pc-01 has been quiet for 11 min"]
    silence.look(at(13), at(13))
    assert len(register.cases.troubles(is_over=None)) == 1, "told once"
    register.devices.seen({one: at(13), other: at(13)})
    silence.look(at(14), at(14))
    assert open_troubles(register) == []


def test_many_at_once_are_one(register: Register) -> None:
    ids = enrol(register, MANY + 3)
    silence = Silence(register, LIMIT_S)
    silence.look(at(0), at(0))
    register.devices.seen(dict.fromkeys(ids, at(1)))
    silence.look(at(12), at(12))
    (text,) = open_troubles(register)
    assert text.startswith(f"{MANY + 3} devices fell quiet together: pc-00, pc-01")
    register.devices.seen(dict.fromkeys(ids[1:], at(12)))
    silence.look(at(13), at(13))
    assert len(open_troubles(register)) == 1, "one of them is still away"
    register.devices.seen({ids[0]: at(13)})
    silence.look(at(14), at(14))
    assert open_troubles(register) == []


def test_while_nobody_listens_nobody_is_silent(register: Register) -> None:
    enrol(register, 1)
    silence = Silence(register, LIMIT_S)
    silence.look(at(0), at(0))
    silence.look(at(20), at(5))  # the gate has been away since
    silence.look(at(21), at(21))
    assert open_troubles(register) == []
    silence.look(at(32), at(32))
    assert len(open_troubles(register)) == 1


def test_between_two_looks_time_goes_by(register: Register) -> None:
    enrol(register, 1)
    silence = Silence(register, LIMIT_S)
    silence.look(at(0), at(0))
    silence.look(at(0) + int(LOOK_S - 1) * SECOND, at(11))
    assert open_troubles(register) == []


def test_what_was_silent_before_a_restart_is_over_when_it_speaks(register: Register) -> None:
    one, other = enrol(register, 2)
    before = Silence(register, LIMIT_S)
    before.look(at(0), at(0))
    register.devices.seen({other: at(11)})
    before.look(at(12), at(12))
    anew = Silence(register, LIMIT_S)
    anew.look(at(13), at(13))
    assert len(register.cases.troubles(is_over=None)) == len(open_troubles(register)) == 1, (
        "neither over nor told again"
    )
    register.devices.seen({one: at(14)})
    anew.look(at(15), at(15))
    assert open_troubles(register) == []


def test_many_that_were_silent_before_a_restart_are_over_when_all_speak(register: Register) -> None:
    ids = enrol(register, MANY)
    before = Silence(register, LIMIT_S)
    before.look(at(0), at(0))
    before.look(at(12), at(12))
    anew = Silence(register, LIMIT_S)
    register.devices.seen(dict.fromkeys(ids[1:], at(13)))
    anew.look(at(13), at(13))
    assert len(register.cases.troubles(is_over=None)) == len(open_troubles(register)) == 1
    register.devices.seen({ids[0]: at(14)})
    anew.look(at(15), at(15))
    assert open_troubles(register) == []


def test_who_fell_silent_just_before_a_restart_is_told_and_holds_no_crowd_open(register: Register) -> None:
    *ids, late = enrol(register, MANY + 1)
    before = Silence(register, LIMIT_S)
    before.look(at(0), at(0))
    register.devices.seen(dict.fromkeys(ids, at(1)) | {late: at(8)})
    before.look(at(12), at(12))
    (crowd,) = register.cases.troubles()
    assert crowd.count == MANY
    anew = Silence(register, LIMIT_S)
    anew.look(at(19), at(19))
    anew.look(at(30), at(30))  # it is proven only by what this process has not heard
    assert f"pc-{MANY:02} has been quiet for 22 min" in open_troubles(register)
    register.devices.seen(dict.fromkeys(ids, at(31)))
    anew.look(at(32), at(32))
    assert open_troubles(register) == [f"pc-{MANY:02} has been quiet for 22 min"]


def test_after_a_restart_each_crowd_is_over_by_itself() -> None:
    early = {f"a{n}": Hush(f"a{n}", f"a{n}", at(1)) for n in range(MANY)}
    late = {f"b{n}": Hush(f"b{n}", f"b{n}", at(7)) for n in range(MANY)}
    before = Quiet("source", "sources", "0/")
    told = [*before.news(early, at(12)), *before.news(early | late, at(18))]
    anew = Quiet("source", "sources", "0/")
    fresh = Hush("c", "c", at(13))
    quiet = early | late | {"c": fresh}
    anew.resume(told, quiet)
    assert [anew.knows(key) for key in ("a0", "b0", "c")] == [True, True, False]
    (news,) = anew.news(quiet, at(24))
    assert news.key == "source/c"
    (over,) = anew.news(late | {"c": fresh}, at(25))
    assert over.key == told[0].key
    assert over.until == at(25)


def test_a_crowd_that_an_older_release_told_is_gone_on_with() -> None:
    quiet = {f"a{n}": Hush(f"a{n}", f"a{n}", at(n / 10)) for n in range(MANY)}
    anew = Quiet("silent", "devices")
    anew.resume([Trouble(f"silent/{at(12)}", "silent", None, "many", at(0), None, MANY)], quiet)
    assert anew.news(quiet, at(13)) == []


def test_what_ends_after_a_clock_was_set_back_did_not_end_before_it_began() -> None:
    quiet = Quiet("silent", "devices")
    quiet.news({"a": Hush("pc-00", "a", at(5))}, at(20))
    (over,) = quiet.news({}, at(1))
    assert over.until == over.since == at(5)


def test_a_clock_that_is_set_back_stops_no_look(register: Register) -> None:
    enrol(register, 1)
    silence = Silence(register, LIMIT_S)
    silence.look(at(600), at(600))
    silence.look(at(0), at(0))
    silence.look(at(12), at(12))
    assert len(open_troubles(register)) == 1


def test_upkeep_goes_on_after_the_clock_was_set_back(register: Register, tmp_path: Path) -> None:
    forgotten: list[int] = []

    def count(before: int) -> int:
        forgotten.append(before)
        return 0

    counting = replace(register, tidy=count)
    upkeep = Upkeep(counting, tmp_path, 1)
    upkeep.look(at(60 * 24 * 365))
    upkeep.look(at(0))
    upkeep.look(at(1))
    assert len(forgotten) == 2


def test_who_fits_two_crowds_after_a_restart_is_of_the_oldest_alone() -> None:
    early = {f"a{n}": Hush(f"a{n}", f"a{n}", at(1 + n / 4)) for n in range(MANY)}
    late = {f"b{n}": Hush(f"b{n}", f"b{n}", at(4 if n else 3)) for n in range(MANY)}
    told = [
        Trouble(f"source/0/{at(14)}/{max(one.last for one in of.values())}", "source", None, "many", since, None, MANY)
        for of, since in ((early, at(1)), (late, at(3)))
    ]
    anew = Quiet("source", "sources", "0/")
    anew.resume(told, early | late)
    (over,) = anew.news(early, at(16))
    assert over.key == told[1].key


@pytest.mark.parametrize("sizes", [(4, 150, 146), (150, 4, 146), (9, 9, 282), (100, 100, 100)])
@pytest.mark.parametrize("is_restarted", [False, True])
def test_many_that_fall_silent_over_some_looks_are_one(
    register: Register, sizes: tuple[int, ...], is_restarted: bool
) -> None:
    ids = enrol(register, sum(sizes))
    silence = Silence(register, LIMIT_S)
    silence.look(at(0), at(0))
    left = list(ids)
    for place, size in enumerate(sizes):  # they fall silent over a minute, and so they are missed over a minute
        gone, left = left[:size], left[size:]
        register.devices.seen(dict.fromkeys(gone, at(1 + place / 2)))
    keys = set()
    for look in range(20, 26):
        now = at(look / 2 + 1) + SECOND
        silence.look(now, now)
        keys |= {one.key for one in register.cases.troubles() if one.count >= MANY}
        if is_restarted:
            silence = Silence(register, LIMIT_S)
            silence._since = at(0)  # this one has listened as long
    (trouble,) = register.cases.troubles()
    assert keys == {trouble.key}, "told to people once: notices go by the key"
    assert trouble.count == sum(sizes)
    assert trouble.text.startswith(f"{sum(sizes)} devices fell quiet together: pc-00, ")
    assert trouble.text.endswith(f" and {sum(sizes) - 12} more")
    register.devices.seen(dict.fromkeys(ids[1:], at(20)))
    silence.look(at(20), at(20))
    assert open_troubles(register) == [trouble.text]
    register.devices.seen({ids[0]: at(21)})
    silence.look(at(21), at(21))
    assert open_troubles(register) == []


def test_who_invents_sources_and_lets_them_stop_hides_nobody() -> None:
    evil = {f"e{n}": Hush(f"!{n} of evil", "evil", at(n / 60)) for n in range(2 * MANY)}
    early, late = Hush("Security of pc-1", "pc-1", at(0.2)), Hush("Security of pc-2", "pc-2", at(4))
    quiet = Quiet("source", "sources", "0/")
    told = quiet.news(evil | {"early": early}, at(20))
    assert {(one.device, one.count) for one in told} == {(None, 2 * MANY), ("pc-1", 1)}
    (victim,) = quiet.news(evil | {"early": early, "late": late}, at(21))
    assert (victim.device, victim.count) == ("pc-2", 1)
    (grown,) = quiet.news(evil | {"more": Hush("! of evil", "evil", at(4))} | {"early": early, "late": late}, at(22))
    assert (grown.device, grown.count) == (None, 2 * MANY + 1)


def test_what_stopped_at_other_times_is_not_told_as_one() -> None:
    apart = {f"a{n}": Hush(f"pc-{n}", f"a{n}", at(n)) for n in range(MANY * 3)}
    quiet = Quiet("silent", "devices")
    for now in range(MANY * 3 + 1):
        seen = {key: hush for key, hush in apart.items() if hush.last < at(now)}
        assert all(one.count == 1 for one in quiet.news(seen, at(now + 10)))


def test_who_was_told_alone_is_over_when_it_was_one_of_many() -> None:
    quiet = Quiet("silent", "devices")
    old = {"old": Hush("old", "old", at(-60))}
    few = {f"a{n}": Hush(f"pc-{n}", f"a{n}", at(n / 3)) for n in range(MANY - 1)}
    assert len(quiet.news(old, at(1))) == 1
    assert len(quiet.news(old | few, at(13))) == MANY - 1
    crowd, *over = quiet.news(old | few | {"last": Hush("last", "last", at(1))}, at(14))
    assert (crowd.count, crowd.since) == (MANY, at(0))
    assert {one.key for one in over} == {f"silent/{key}" for key in few}
    assert all(one.until == at(14) for one in over)
    assert quiet.news(old | few | {"last": Hush("last", "last", at(1))}, at(15)) == []
