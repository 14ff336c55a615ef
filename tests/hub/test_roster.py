"""A name belongs to one device at a time, and passes on when that one is revoked."""

from __future__ import annotations

from carecordon.hub.trust.roster import Roster
from carecordon.model.device import Certificate, DeviceKind, NewDevice
from carecordon.pipeline.triage.score import Asset, Estate
from carecordon.register.register import Register
from tests.hub.test_desk import T0, register

__all__ = ["register"]
OLD, NEW, THIRD = "0a" * 16, "0b" * 16, "0c" * 16
VENTILATOR = Asset("therapy.ventilator", "S3")


def enrol(register: Register, name: str, at: int, device: str = "vent-3") -> None:
    certificate = Certificate(name * 2, name, T0, T0 * 2)
    register.devices.add(NewDevice(name, device, "Windows", DeviceKind.AGENT, certificate), "t", at)


def test_a_device_that_is_enrolled_anew_has_its_name_and_its_care_class_again(register: Register) -> None:
    estate = Estate(1, {"vent-3": VENTILATOR})
    enrol(register, OLD, T0)
    roster = Roster(register.devices)
    enrol(register, NEW, T0 + 1, "VENT-3")
    roster.refresh()
    assert (roster.name(OLD), roster.name(NEW)) == ("vent-3", "VENT-3 (0b0b0b)")
    register.devices.revoke(OLD, "enrolled anew", "ada", T0 + 2)
    for one in (roster, Roster(register.devices)):
        one.refresh()
        assert (one.name(OLD), one.name(NEW)) == ("vent-3 (0a0a0a)", "VENT-3")
        assert estate.asset(one.name(NEW) or "") == VENTILATOR


def test_a_name_that_nobody_else_has_stays_with_who_is_revoked(register: Register) -> None:
    enrol(register, OLD, T0)
    register.devices.revoke(OLD, "lost", "ada", T0 + 1)
    roster = Roster(register.devices)
    assert roster.name(OLD) == "vent-3", "its last events are still on their way"
    enrol(register, NEW, T0 + 2)
    enrol(register, THIRD, T0 + 3)
    assert (roster.name(NEW), roster.name(THIRD)) == ("vent-3", "vent-3 (0c0c0c)"), "not known before: looked for"
    register.devices.revoke(THIRD, "lost", "ada", T0 + 4)
    roster.refresh()
    assert (roster.name(NEW), roster.name(THIRD)) == ("vent-3", "vent-3 (0c0c0c)")
