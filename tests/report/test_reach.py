"""Devices are told in two groups, those that serve patients first, and none is lost."""

from __future__ import annotations

from dataclasses import replace

from carecordon.report.reach import called, listed, reach
from tests.report import outbreak


def test_a_device_without_an_alert_of_its_own_was_only_connected_to() -> None:
    one = outbreak.clinical().incident
    where = reach(one)
    assert where.hit[:3] == (outbreak.DEVICES[10], outbreak.DEVICES[5], outbreak.DEVICES[1])
    assert where.touched == (outbreak.DEVICES[11], outbreak.DEVICES[0], outbreak.DEVICES[2])
    assert sorted([*where.hit, *where.touched]) == sorted(one.devices)


def test_where_no_device_has_an_alert_none_is_said_to_be_only_connected_to() -> None:
    one = replace(outbreak.worm().incident, alerts=())
    assert reach(one).hit == one.devices
    assert reach(one).touched == ()


def test_the_class_stands_beside_the_name() -> None:
    one = outbreak.clinical().incident
    assert listed(outbreak.DEVICES[4:6], one, called(one)) == ["wph-ward3-pc1", "wph-path-srv1 (S2 lab.lims)"]
    assert called(outbreak.harmless().incident) == {}
