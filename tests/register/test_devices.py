"""Who may come in: tokens are counted, certificates known, what was revoked stays out, gates hear of it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from carecordon.model.device import Certificate, DeviceKind, EnrolRefusal, EnrolToken, Standing
from carecordon.model.errors import OurFault
from carecordon.register.register import Register
from tests.register.example import HOUR, NOW, device, enrol_token

MISSING = "f" * 32


def test_a_device_enrols_with_the_tokens_kind(register: Register) -> None:
    register.devices.add_enrol_token(enrol_token(1))
    token = register.devices.enrol(f"{1:064x}", device(7), NOW)
    assert isinstance(token, EnrolToken)
    assert token.uses_left == 0
    found = register.devices.get(device(7).id)
    assert found is not None
    assert (found.kind, found.standing, found.name) == (DeviceKind.FORWARDER, Standing.ACTIVE, "WARD-7")
    assert (found.enrolled, found.enrolled_with, found.last_seen) == (NOW, "ward 1", None)
    assert register.devices.by_certificate(device(7).certificate.fingerprint) == found
    assert [entry.act.verb for entry in register.audit.entries()] == ["enrol", "enrol-token"]


@pytest.mark.parametrize(
    ("token", "at", "refusal"),
    [
        (enrol_token(2), NOW, EnrolRefusal.UNKNOWN),
        (enrol_token(1, uses=0), NOW, EnrolRefusal.USED_UP),
        (enrol_token(1), NOW + HOUR, EnrolRefusal.EXPIRED),
        (replace(enrol_token(1), revoked=NOW), NOW, EnrolRefusal.REVOKED),
    ],
)
def test_a_token_that_is_not_good_lets_nobody_in(
    register: Register, token: EnrolToken, at: int, refusal: EnrolRefusal
) -> None:
    register.devices.add_enrol_token(token)
    assert register.devices.enrol(f"{1:064x}", device(7), at) is refusal
    assert register.devices.get(device(7).id) is None


def test_a_failed_enrolment_costs_no_use(register: Register) -> None:
    register.devices.add_enrol_token(enrol_token(1, uses=2))
    register.devices.enrol(f"{1:064x}", device(7), NOW)
    with pytest.raises(OurFault, match="there already"):
        register.devices.enrol(f"{1:064x}", device(7), NOW)
    assert [token.uses_left for token in register.devices.enrol_tokens()] == [1]


def test_a_revoked_token_is_revoked_once(register: Register) -> None:
    register.devices.add_enrol_token(enrol_token(1))
    assert register.devices.revoke_enrol_token("t1", "ada", NOW)
    assert not register.devices.revoke_enrol_token("t1", "ada", NOW)
    assert register.devices.use_enrol_token(f"{1:064x}", NOW) is EnrolRefusal.REVOKED


def test_devices_are_found_by_id_or_name(register: Register) -> None:
    for number in range(4):
        name = ("WARD.example.org", "ward.EXAMPLE.org", "x", "ward")[number]
        register.devices.add(replace(device(number), name=name), "w", NOW)
    ids = [device(number).id for number in range(4)]
    assert [one.id for one in register.devices.all(name="Ward.example.org")] == ids[:2]
    assert [one.id for one in register.devices.all(after=ids[0], name="Ward.example.org")] == ids[1:2]
    assert [one.id for one in register.devices.all(name=ids[3])] == ids[3:]
    register.devices.add(replace(device(9), name=ids[3]), "w", NOW)
    assert [one.id for one in register.devices.all(name=ids[3])] == ids[3:], "an id goes before a name"
    assert [len(register.devices.all(name=name)) for name in ("ward", "ward%", "WARD.example")] == [1, 0, 0]


def test_gates_hear_what_changed(register: Register) -> None:
    register.devices.add(device(1), "ward", NOW)
    register.devices.add(device(2), "ward", NOW)
    revision, found = register.devices.changed_since(0)
    assert [one.id for one in found] == [device(1).id, device(2).id]
    register.devices.seen({device(1).id: NOW + 5})
    assert register.devices.changed_since(revision) == (revision, [])
    assert register.devices.revoke(device(2).id, "stolen", "ada", NOW)
    after, found = register.devices.changed_since(revision)
    assert after > revision
    assert [(one.id, one.standing, one.why) for one in found] == [(device(2).id, Standing.REVOKED, "stolen")]


def test_revoking_is_for_ever(register: Register) -> None:
    register.devices.add(device(1), "ward", NOW)
    assert register.devices.revoke(device(1).id, "stolen", "ada", NOW)
    assert not register.devices.revoke(device(1).id, "again", "ada", NOW)
    assert not register.devices.revoke(MISSING, "who?", "ada", NOW)
    assert not register.devices.mark_unproven(device(1).id, "clone", NOW)
    assert register.devices.confirm(None, "ada", NOW) == 0
    with pytest.raises(OurFault, match="revoked"):
        register.devices.add_certificate(device(1).id, device(9).certificate, is_proof=True)
    assert [entry.act.who for entry in register.audit.entries() if entry.act.verb == "revoke"] == ["ada"]


def test_a_former_certificate_is_good_until_the_device_proves_itself(register: Register) -> None:
    register.devices.add(device(1), "ward", NOW)
    first, second, third = (device(number).certificate for number in (1, 2, 3))
    register.devices.add_certificate(device(1).id, second)
    both = [register.devices.by_certificate(one.fingerprint) for one in (first, second)]
    assert [one.fingerprint for one in both if one] == [second.fingerprint] * 2
    assert register.devices.mark_unproven(device(1).id, "two use its key", NOW)
    register.devices.add_certificate(device(1).id, third, is_proof=True)
    assert register.devices.by_certificate(first.fingerprint) is None
    assert register.devices.by_certificate(second.fingerprint) is None
    found = register.devices.by_certificate(third.fingerprint)
    assert found is not None
    assert found.standing is Standing.ACTIVE


def test_last_seen_never_goes_back(register: Register) -> None:
    register.devices.add(device(1), "ward", NOW)
    for at in (NOW + 9, NOW + 3):
        register.devices.seen({device(1).id: at, MISSING: at})
    assert [one.last_seen for one in register.devices.all()] == [NOW + 9]


def test_who_was_heard_since_is_known_by_id(register: Register) -> None:
    for number in (1, 2, 3):
        register.devices.add(device(number), "ward", NOW)
    register.devices.seen({device(1).id: NOW + 9, device(2).id: NOW + 3})
    assert register.devices.seen_since(NOW + 3) == {device(1).id: NOW + 9}
    assert register.devices.seen_since(0) == {device(1).id: NOW + 9, device(2).id: NOW + 3}


def test_held_devices_go_back_to_what_they_were(register: Register) -> None:
    for number in range(1, 5):
        register.devices.add(device(number), "ward", NOW)
    register.devices.revoke(device(1).id, "stolen", "ada", NOW)
    register.devices.mark_unproven(device(2).id, "clone", NOW)
    assert register.devices.hold("restored", "hub", NOW) == 3
    assert register.devices.count() == {"held": 3, "revoked": 1}
    assert register.devices.confirm([device(1).id, device(3).id], "ada", NOW) == 1
    assert register.devices.confirm(None, "ada", NOW) == 2
    standings = [one.standing for one in register.devices.all()]
    assert standings == [Standing.REVOKED, Standing.UNPROVEN, Standing.ACTIVE, Standing.ACTIVE]


def test_certificates_of_the_time_that_a_restore_lost_are_taken(register: Register) -> None:
    register.devices.add(device(1), "ward", NOW)
    lost = Certificate("a" * 64, "a", NOW + 5 * HOUR, NOW + 800 * HOUR)
    assert register.devices.adopt(device(1).id, lost) is None
    register.devices.restored(NOW + 4 * HOUR, NOW + 6 * HOUR)
    assert register.devices.adopt(device(1).id, replace(lost, issued=NOW + 7 * HOUR)) is None
    assert register.devices.adopt(MISSING, lost) is None
    found = register.devices.adopt(device(1).id, lost)
    assert found is not None
    assert found == register.devices.by_certificate(lost.fingerprint)
    assert found.fingerprint == lost.fingerprint


def test_devices_are_listed_page_by_page(register: Register) -> None:
    for number in range(5):
        register.devices.add(device(number), "ward", NOW)
    first = register.devices.all(limit=3)
    rest = register.devices.all(after=first[-1].id, limit=3)
    assert [one.name for one in (*first, *rest)] == [f"WARD-{number}" for number in range(5)]
