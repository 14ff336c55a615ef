"""Which device, token or enrolment token a command means: ids go before what devices call themselves."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator

import pytest

from carecordon.hub.trust.access import make_enrol_token, make_token
from carecordon.model.device import Certificate, DeviceKind, NewDevice
from tests.cli.test_hub_commands import Done
from tests.console.living import DEVICE, Living, living


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Living]:
    with living(tmp_path_factory.mktemp("named")) as made:
        yield made


def enrolled(hub: Living, name: str, count: int = 1, first: str = "") -> list[str]:
    """Return the ids of so many new devices of one name, which begin like this."""
    ids = [(first + secrets.token_hex(16))[:32] for _ in range(count)]
    for one in ids:
        certificate = Certificate(secrets.token_hex(32), one[:8], hub.now, hub.now + 10**15)
        hub.register.devices.add(NewDevice(one, name, "", DeviceKind.AGENT, certificate), "", hub.now)
    return ids


def standing(hub: Living, device: str) -> str:
    found = hub.register.devices.get(device)
    assert found is not None
    return found.standing.value


def test_a_device_is_revoked_by_its_name(hub: Living) -> None:
    (one,) = enrolled(hub, "LOST-1.example.org")
    done = Done(hub, "revoke", "lost-1.EXAMPLE.org", "--why", "it was lost")
    assert (done.status, f"lost-1.EXAMPLE.org ({one}) is revoked." in done.out) == (0, True), done.said
    assert standing(hub, one) == "revoked"
    assert "revoked before" in Done(hub, "revoke", "LOST-1.example.org", "--why", "it was lost").out
    (again,) = enrolled(hub, "LOST-1.example.org")
    assert again in Done(hub, "devices", "lost-1.example.org").out, "the one that is revoked gives way"
    assert Done(hub, "revoke", "LOST-1", "--why", "a part of a name").status == 2


def test_a_name_that_several_devices_have_is_refused_with_their_ids(hub: Living) -> None:
    ids = enrolled(hub, "TWICE.example.org", 2)
    for arguments in (("revoke", "twice.example.org", "--why", "x y z"), ("devices", "twice.example.org")):
        done = Done(hub, *arguments)
        assert done.status == 2
        assert all(one in done.err for one in ids)
    assert {standing(hub, one) for one in ids} == {"active"}
    assert Done(hub, "revoke", ids[0], "--why", "x y z").status == 0
    assert Done(hub, "revoke", "twice.example.org", "--why", "x y z").status == 0, "one alone has the name now"
    assert {standing(hub, one) for one in ids} == {"revoked"}


def test_an_id_goes_before_a_name(hub: Living) -> None:
    (one,) = enrolled(hub, "VICTIM.example.org")
    enrolled(hub, one)
    assert Done(hub, "revoke", one, "--why", "by its id").status == 0
    assert standing(hub, one) == "revoked"


def test_a_device_that_is_called_like_a_token_is_not_revoked_in_its_place(hub: Living) -> None:
    person, _ = make_token("Ann", "lost", hub.now)
    hub.register.people.add_token(person, "Ann")
    enrol, _ = make_enrol_token(hub.authority.fingerprint, "lost", "Ann", hub.now)
    hub.register.devices.add_enrol_token(enrol)
    for token, kind in ((person.id, "token"), (enrol.id, "enrolment token")):
        (liar,) = enrolled(hub, token)
        done = Done(hub, "revoke", token, "--why", "it was lost")
        assert (done.status, done.out) == (0, f"The {kind} {token} is revoked.\n"), done.said
        assert standing(hub, liar) == "active"
        assert Done(hub, "revoke", liar, "--why", "it lies").status == 0
        assert f"The {kind} {token} is revoked (it was revoked before)." in Done(hub, "revoke", token).out


def test_an_id_is_found_however_many_are_named_like_it(hub: Living) -> None:
    (one,) = enrolled(hub, "HIDDEN.example.org", first="fffffffff")
    enrolled(hub, one, 101)
    shown = Done(hub, "devices", one, "--json")
    assert json.loads(shown.out)["name"] == "HIDDEN.example.org", shown.said
    assert Done(hub, "revoke", one, "--why", "by its id").status == 0
    assert standing(hub, one) == "revoked"


def test_devices_are_listed_however_many_there_are(hub: Living) -> None:
    enrolled(hub, "MANY.example.org", 1_100)
    rows = [json.loads(line) for line in Done(hub, "devices", "--limit", "10000", "--json").out.splitlines()]
    ids = [row["id"] for row in rows]
    assert len(ids) > 1_100
    for form in ((), ("--json",), ("--csv",)):
        first = Done(hub, "devices", "--limit", "600", *form)
        assert (first.status, f"--after {ids[599]}" in first.err) == (0, True), first.err
    *_, last = Done(hub, "devices", "--limit", "600", "--json").out.splitlines()
    assert json.loads(last)["after"] == {"after": ids[599]}
    second = Done(hub, "devices", "--limit", "10000", "--after", ids[599], "--json").out.splitlines()
    assert [json.loads(line)["id"] for line in second] == ids[600:]


def test_a_device_is_not_revoked_without_a_reason(hub: Living) -> None:
    done = Done(hub, "revoke", DEVICE)
    assert (done.status, "--why" in done.err) == (2, True)
    device = hub.register.devices.get(DEVICE)
    assert device is not None
    assert device.standing.value == "active"


def test_a_token_is_revoked_however_many_are_newer(hub: Living) -> None:
    made = [make_token("Ann", "old", hub.now - 10**15)[0] for _ in range(2)]
    made += [make_token("Ann", "new", hub.now)[0] for _ in range(1_001)]
    for token in made:
        hub.register.people.add_token(token, "Ann")
    assert f"The token {made[0].id} is revoked." in Done(hub, "revoke", made[0].id).out
