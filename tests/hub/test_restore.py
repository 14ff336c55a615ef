"""Restoring never revives what was revoked: the journal in the folder of keys says it, or a person must."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from carecordon.hub.backup.restore import Restored, restore
from carecordon.hub.config import Paths
from carecordon.hub.lock import lock_keys
from carecordon.hub.trust.access import bearer_of
from carecordon.hub.trust.anchors import note_anchor, read_anchors
from carecordon.hub.trust.authority import make_authority
from carecordon.hub.trust.revocations import (
    Revocations,
    Revoked,
    merge,
    remove_person,
    revoke_device,
    revoke_enrol_token,
    revoke_token,
)
from carecordon.model.device import Certificate, Standing
from carecordon.model.errors import TheirFault
from carecordon.model.person import Bearer, Person, Role
from tests.hub.hub_kit import DEVICES, HOUR, NOW, ODS, PASSPHRASE, back_up, device_id, found_hub, opened

EARLY, LATE, UNPROVEN = 0, 1, 2


class Story:
    """A hub: one device revoked before its backup and one after it, and a disk that is lost then."""

    def __init__(self, folder: Path) -> None:
        self.paths = Paths(folder / "data", folder / "keys")
        self.archive = folder / "hub.backup"
        self.shown = found_hub(self.paths)
        with opened(self.paths) as register:
            register.devices.mark_unproven(device_id(UNPROVEN), "two use its key", NOW)
            register.people.add(Person("bo", Role.ANALYST, NOW), "ada")
            revoke_device(register, self.paths.keys, device_id(EARLY), "stolen", "ada", NOW)
            note_anchor(self.paths.keys, register.audit.head())
        back_up(self.paths, self.archive, NOW + HOUR)
        with opened(self.paths) as register:
            revoke_device(register, self.paths.keys, device_id(LATE), "stolen too", "ada", NOW + 2 * HOUR)
            (token,) = register.people.tokens()
            revoke_token(register, self.paths.keys, token.id, "ada", NOW + 2 * HOUR)
            remove_person(register, self.paths.keys, "bo", "ada", NOW + 2 * HOUR)
            note_anchor(self.paths.keys, register.audit.head())
        shutil.rmtree(self.paths.data)

    def restore(self) -> Restored:
        return restore(self.archive, self.paths.data, self.paths.keys, PASSPHRASE, NOW + 3 * HOUR)

    def standings(self) -> list[Standing]:
        with opened(self.paths) as register:
            return [one.standing for one in register.devices.all()]


@pytest.fixture
def story(tmp_path: Path) -> Story:
    return Story(tmp_path)


def test_with_its_keys_a_hub_goes_on_at_once_and_revives_nobody(story: Story) -> None:
    restored = story.restore()
    assert (restored.held, restored.token) == (0, None)
    assert {(one.kind, one.id) for one in restored.revoked} >= {
        (Revoked.DEVICE, device_id(LATE)),
        (Revoked.PERSON, "bo"),
    }
    rest = [Standing.ACTIVE] * (DEVICES - 3)
    assert story.standings() == [Standing.REVOKED, Standing.REVOKED, Standing.UNPROVEN, *rest]
    with opened(story.paths) as register:
        assert not isinstance(bearer_of(story.shown, register.people, NOW + 3 * HOUR), Bearer)
        person = register.people.get("bo")
        assert person is not None
        assert person.gone is not None
        assert all(token.revoked for token in register.devices.enrol_tokens())
        assert "restore" in [entry.act.verb for entry in register.audit.entries()]
        assert register.audit.verify(read_anchors(story.paths.keys)) == []


def test_without_its_keys_everybody_waits_for_a_person(story: Story) -> None:
    shutil.rmtree(story.paths.keys)
    restored = story.restore()
    held = [Standing.HELD] * (DEVICES - 1)
    assert (restored.held, story.standings()) == (len(held), [Standing.REVOKED, *held])
    assert (restored.person, restored.token is None) == ("ada", False)
    with opened(story.paths) as register:
        assert not isinstance(bearer_of(story.shown, register.people, NOW + 3 * HOUR), Bearer)
        assert bearer_of(restored.token or "", register.people, NOW + 3 * HOUR) == Bearer(
            "ada", Role.ADMIN, register.people.tokens()[0].id
        )
        revoke_device(register, story.paths.keys, device_id(LATE), "stolen too", "ada", NOW + 4 * HOUR)
        register.devices.confirm(None, "ada", NOW + 4 * HOUR)
        assert register.audit.verify(read_anchors(story.paths.keys)) == []
    rest = [Standing.ACTIVE] * (DEVICES - 3)
    assert story.standings() == [Standing.REVOKED, Standing.REVOKED, Standing.UNPROVEN, *rest]


@pytest.mark.parametrize("harm", ["missing", "older", "holed"])
def test_with_a_journal_that_lacks_something_everybody_waits(story: Story, harm: str) -> None:
    journal = story.paths.keys / "revoked.log"
    match harm:
        case "missing":
            journal.unlink()
        case "older":
            journal.write_bytes(b"")
        case _:
            Revocations(story.paths.keys).add(Revoked.HOLE, "restore", NOW + 2 * HOUR)
    assert story.restore().held > 0
    assert set(story.standings()) == {Standing.REVOKED, Standing.HELD}
    known = {one.id for one in Revocations(story.paths.keys).all() if one.kind is Revoked.DEVICE}
    assert device_id(EARLY) in known


def test_restoring_twice_does_not_make_the_journal_whole(story: Story) -> None:
    """The keys that a first restore took from the backup know nothing of what was revoked after it."""
    shutil.rmtree(story.paths.keys)
    story.restore()
    shutil.rmtree(story.paths.data)
    assert story.restore().held > 0


def test_an_altered_journal_stops_the_restore(story: Story) -> None:
    journal = story.paths.keys / "revoked.log"
    journal.write_text(journal.read_text("utf-8").replace(device_id(LATE), device_id(5)), "utf-8")
    with pytest.raises(TheirFault, match=r"revoked\.log:2: the line, or one before it, was changed"):
        story.restore()
    assert not story.paths.data.exists()


def test_the_keys_of_a_hub_that_runs_stop_the_restore(story: Story) -> None:
    before = {path.name: path.read_bytes() for path in story.paths.keys.rglob("*") if path.is_file()}
    with (
        lock_keys(story.paths.keys / "ca.key"),
        pytest.raises(TheirFault, match="another hub runs with these keys: stop it"),
    ):
        story.restore()
    assert not story.paths.data.exists()
    assert {path.name: path.read_bytes() for path in story.paths.keys.rglob("*") if path.is_file()} == before
    assert story.restore().held == 0
    lock_keys(story.paths.keys / "ca.key").close()


def test_another_hubs_keys_stop_the_restore(story: Story) -> None:
    shutil.rmtree(story.paths.keys)
    make_authority(story.paths.keys, ODS, "Example Trust", NOW)
    with pytest.raises(TheirFault, match="not the keys of the hub in the backup"):
        story.restore()
    assert not story.paths.data.exists()


def test_a_certificate_renewed_after_the_backup_is_still_good(story: Story) -> None:
    story.restore()
    renewed = Certificate("e" * 64, "e", NOW + 2 * HOUR, NOW + 700 * HOUR)
    with opened(story.paths) as register:
        assert register.devices.by_certificate(renewed.fingerprint) is None
        found = register.devices.adopt(device_id(4), renewed)
        assert found is not None
        assert found.standing is Standing.ACTIVE
        assert register.devices.adopt(device_id(LATE), renewed) is None


def test_anchors_of_what_was_lost_are_kept_beside(story: Story) -> None:
    lost = read_anchors(story.paths.keys)
    story.restore()
    left = read_anchors(story.paths.keys)
    assert left == lost[:1]
    (beside,) = story.paths.keys.glob("audit.anchors.*")
    assert len(beside.read_text("ascii").splitlines()) == len(lost)


def test_a_crash_between_journal_and_register_is_made_good(tmp_path: Path) -> None:
    paths = Paths(tmp_path / "data", tmp_path / "keys")
    found_hub(paths)
    Revocations(paths.keys).add(Revoked.DEVICE, device_id(3), NOW)
    with opened(paths) as register:
        done = merge(register, Revocations(paths.keys).all(), NOW)
        assert [one.id for one in done] == [device_id(3)]
        assert merge(register, Revocations(paths.keys).all(), NOW) == []
        device = register.devices.get(device_id(3))
        assert device is not None
        assert device.standing is Standing.REVOKED


def test_a_line_that_a_crash_cut_off_was_never_told(tmp_path: Path) -> None:
    journal = Revocations(tmp_path)
    journal.add(Revoked.DEVICE, device_id(1), NOW)
    whole = (tmp_path / "revoked.log").read_bytes()
    journal.add(Revoked.DEVICE, device_id(2), NOW)
    both = (tmp_path / "revoked.log").read_bytes()
    for length in range(len(whole), len(both)):
        (tmp_path / "revoked.log").write_bytes(both[:length])
        assert [one.id for one in journal.all()] == [device_id(1)]
    journal.add(Revoked.DEVICE, device_id(2), NOW)
    assert (tmp_path / "revoked.log").read_bytes() == both
    journal.add(Revoked.DEVICE, device_id(2), NOW + 1)
    assert (tmp_path / "revoked.log").read_bytes() == both


def test_what_is_not_there_is_not_revoked(tmp_path: Path) -> None:
    paths = Paths(tmp_path / "data", tmp_path / "keys")
    found_hub(paths)
    with opened(paths) as register:
        assert not revoke_device(register, paths.keys, "f" * 32, "who?", "ada", NOW)
        assert not revoke_token(register, paths.keys, "f" * 16, "ada", NOW)
        assert not revoke_enrol_token(register, paths.keys, "f" * 16, "ada", NOW)
        assert not remove_person(register, paths.keys, "zoe", "ada", NOW)
        (enrol,) = register.devices.enrol_tokens()
        assert revoke_enrol_token(register, paths.keys, enrol.id, "ada", NOW)
        assert not revoke_enrol_token(register, paths.keys, enrol.id, "ada", NOW)
    assert [one.id for one in Revocations(paths.keys).all()] == [enrol.id]
