"""A key in two places: what to do names the device's id, by its kind, in order; of the devices nothing else is said."""

from __future__ import annotations

import pytest

from carecordon.model.device import DeviceKind
from tests.report.story.script import HUB_LOG, Script, copied, rule

ID, OTHER = "5e" * 16, "6f" * 16


def shown(script: Script, device: str = "ws01", number: str = ID, kind: DeviceKind = DeviceKind.AGENT) -> Script:
    fields = {"DeviceId": number, "DeviceKind": kind.value, "Evidence": "two_answer"}
    script.event(0, device, HUB_LOG, 1, copied(), **fields)
    return script


@pytest.mark.parametrize("kind", list(DeviceKind))
def test_the_steps_come_in_order_with_the_id_and_the_command_of_the_kind(kind: DeviceKind) -> None:
    steps = shown(Script(), kind=kind).tell().next_steps
    places = [
        next(number for number, step in enumerate(steps) if part in step)
        for part in (
            "Ask who looks after `ws01` whether it was cloned",
            "treat the key as stolen: look at `ws01` before you enrol anything",
            "with a new state folder",
            f"then revoke the old key: `carecordon hub revoke {ID} --why TEXT`. That ends only what this key tells",
        )
    ]
    assert places == sorted(places)
    assert any("--forwarder" in step for step in steps) is (kind is DeviceKind.FORWARDER)
    assert "See in `carecordon hub devices`" in steps[places[-1]]


def test_what_the_hub_alone_tells_is_no_sign_on_a_device() -> None:
    story = shown(Script()).tell()
    assert "seen on one device" not in story.summary
    assert not any(
        "accounts, files and addresses" in step or "event logs of `ws01` and" in step for step in story.next_steps
    )


def test_beside_an_attack_no_step_of_it_is_left_out() -> None:
    script = shown(shown(Script()), "ws02", OTHER, DeviceKind.FORWARDER)
    attack = rule("Wiped", "T1486", "T1490", "T1003", "T1021", "T1484", "T1041", "T1562.001", triage=("Look twice.",))
    for place, impact in enumerate(("S0", "S1", "S2", "S3")):
        script.event(1, f"pc{place}", "Security", 4624, attack, TargetUserName="n.ward")
        script.list(f"pc{place}", impact)
    story = script.tell()
    text = " ".join(story.next_steps)
    for number in (ID, OTHER):
        assert f"`carecordon hub revoke {number} --why TEXT`" in text
    assert "treat the key as stolen" in text
    assert "Take the office devices" in text
    assert "4 devices" in story.summary or "6 devices" in story.summary


@pytest.mark.parametrize("number", ["", "x; reboot", "a`b", "9" * 500])
def test_an_id_that_is_none_makes_no_command(number: str) -> None:
    steps = shown(Script(), number=number).tell().next_steps
    assert not any("hub revoke" in step for step in steps)
