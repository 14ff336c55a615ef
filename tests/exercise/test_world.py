"""The hospital: some forty devices with one address each, every impact class, and people drawn from the seed."""

from __future__ import annotations

from ipaddress import ip_address, ip_network

from carecordon.exercise.world import Impact, make_world


def test_some_forty_devices_each_with_its_own_name_and_address() -> None:
    world = make_world(1)
    devices = (*world.devices, world.old)
    assert 38 <= len(devices) <= 45
    assert len({device.name for device in devices}) == len({device.address for device in devices}) == len(devices)
    assert all(ip_address(device.address) in ip_network("10.20.8.0/24") for device in devices)


def test_every_impact_class_is_there() -> None:
    assert {device.impact for device in make_world(1).devices} == set(Impact)
    assert make_world(1).named("wph-rad-ws01").impact is Impact.DIRECT_CARE


def test_people_follow_from_the_seed() -> None:
    assert make_world(1) == make_world(1)
    assert make_world(1).people != make_world(2).people
    accounts = [person.account for person in make_world(1).people.values()]
    assert len(accounts) == len(set(accounts))
