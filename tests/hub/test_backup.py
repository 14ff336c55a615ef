"""A backup holds one moment of a hub at work, gives nothing away, and is restored whole or not at all."""

from __future__ import annotations

import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from carecordon.hub.backup.archive import MAGIC, check_name
from carecordon.hub.backup.backup import backup
from carecordon.hub.backup.restore import restore
from carecordon.hub.config import Paths
from carecordon.model.errors import TheirFault
from carecordon.stream.backends.sqlite import SQLITE as STREAM
from tests.hub.hub_kit import DEVICES, HOUR, NOW, ODS, PASSPHRASE, back_up, found_hub, opened

HASTE = 120


@pytest.fixture
def paths(tmp_path: Path) -> Paths:
    made = Paths(tmp_path / "data", tmp_path / "keys")
    found_hub(made)
    return made


@pytest.fixture(scope="session")
def sealed(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """Return the bytes of a backup."""
    folder = tmp_path_factory.mktemp("sealed")
    paths = Paths(folder / "data", folder / "keys")
    found_hub(paths)
    back_up(paths, folder / "hub.backup", NOW + HOUR)
    return (folder / "hub.backup").read_bytes()


def contents(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not path.name.endswith(("-wal", "-shm", ".turn", ".lock"))
    }


def test_a_hub_comes_back_whole(paths: Paths, tmp_path: Path) -> None:
    target = tmp_path / "hub.backup"
    manifest = backup(paths, target, PASSPHRASE, NOW + HOUR)
    assert (manifest.ods, manifest.created, manifest.has_telemetry) == (ODS, NOW + HOUR, False)
    assert target.stat().st_mode & 0o777 == 0o600
    assert not (paths.data / "backup.tmp").exists()
    new = Paths(tmp_path / "new" / "data", tmp_path / "new" / "keys")
    assert restore(target, new.data, new.keys, PASSPHRASE, NOW + 2 * HOUR).manifest == manifest
    assert (new.data.stat().st_mode & 0o777, new.keys.stat().st_mode & 0o777) == (0o700, 0o700)
    for name in ("ca.key", "ca.crt", "server.key", "server.crt", "notify/mail.password"):
        assert (new.keys / name).read_bytes() == (paths.keys / name).read_bytes()
        assert (new.keys / name).stat().st_mode & 0o777 == 0o600
    assert (new.rules / "own.yml").read_bytes() == b"title: own\n"
    assert new.settings.read_bytes() == paths.settings.read_bytes()
    for path in (new.events, new.found):
        stream = STREAM.open(str(path), None)
        partition = stream.partition_of("sender")
        assert [entry.part.data for entry in stream.pull(partition, 0, 1_000)] == [b"ten events"]
        assert stream.mark("sender", 1) == 9
        stream.close()
    with opened(new) as register:
        assert register.check() == []
        assert register.audit.verify() == []
        assert len(register.devices.all()) == DEVICES
        assert register.audit.entries(limit=100)[-1].act.verb == "found"
    assert sorted(path.name for path in new.data.parent.iterdir()) == ["data", "keys"]


def test_nothing_can_be_read_without_the_passphrase(paths: Paths, tmp_path: Path) -> None:
    target = tmp_path / "hub.backup"
    back_up(paths, target, NOW)
    data = target.read_bytes()
    key = (paths.keys / "ca.key").read_bytes().splitlines()[1]
    assert not any(secret in data for secret in (key, b"WARD-1", b"ten events", b"title: own", b"ca.key", b"rules"))
    with pytest.raises(TheirFault, match="the passphrase is another one"):
        restore(target, tmp_path / "new", tmp_path / "new-keys", "four words and some less", NOW)
    assert not (tmp_path / "new").exists()
    assert not (tmp_path / "new-keys").exists()


def test_a_short_passphrase_is_refused(paths: Paths, tmp_path: Path) -> None:
    with pytest.raises(TheirFault, match="fewer than 12 characters"):
        backup(paths, tmp_path / "hub.backup", "short", NOW)
    assert not (tmp_path / "hub.backup").exists()


def test_a_backup_writes_over_nothing(paths: Paths, tmp_path: Path) -> None:
    (tmp_path / "hub.backup").write_text("precious", "utf-8")
    with pytest.raises(TheirFault, match="something there already"):
        back_up(paths, tmp_path / "hub.backup", NOW)
    assert (tmp_path / "hub.backup").read_text("utf-8") == "precious"


def test_a_backup_that_fails_leaves_nothing(paths: Paths, tmp_path: Path) -> None:
    for target in (tmp_path / "none" / "hub.backup", paths.settings / "hub.backup"):
        with pytest.raises(TheirFault, match=r"was not taken: the hub .* cannot write there"):
            back_up(paths, target, NOW)
    paths.settings.write_text(f'ods = "{ODS}"\nname = "T"\n[limits]\nreserve_bytes = {10**18}\n', "utf-8")
    with pytest.raises(TheirFault, match="make room"):
        back_up(paths, tmp_path / "hub.backup", NOW)
    assert not [path for path in tmp_path.rglob("*") if "backup" in path.name and path.name != "backup.lock"]


@pytest.mark.parametrize("place", ["data", "keys"])
def test_a_restore_writes_over_nothing(sealed: bytes, tmp_path: Path, place: str) -> None:
    archive = tmp_path / "hub.backup"
    archive.write_bytes(sealed)
    (tmp_path / place).mkdir()
    (tmp_path / place / "precious").write_text("kept", "utf-8")
    before = contents(tmp_path)
    with pytest.raises(TheirFault, match=r"not empty|not the keys of the hub"):
        restore(archive, tmp_path / "data", tmp_path / "keys", PASSPHRASE, NOW)
    assert contents(tmp_path) == before


def test_an_empty_folder_is_no_obstacle(sealed: bytes, tmp_path: Path) -> None:
    archive = tmp_path / "hub.backup"
    archive.write_bytes(sealed)
    (tmp_path / "data").mkdir()
    restore(archive, tmp_path / "data", tmp_path / "keys", PASSPHRASE, NOW)
    assert (tmp_path / "data" / "register.db").exists()


def changed(data: bytes, place: int) -> bytes:
    return data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :]


@pytest.mark.parametrize(
    ("damage", "says"),
    [
        (lambda data: changed(data, 3), "no backup of Carecordon"),
        (lambda data: changed(data, len(MAGIC)), "too long"),
        (lambda data: changed(data, len(MAGIC) + 5), "cannot be read"),
        (lambda data: changed(data, len(data) // 2), "damaged or was altered"),
        (lambda data: changed(data, len(data) - 1), "damaged or was altered"),
        (lambda data: data[: len(data) // 2], "damaged or was altered"),
        (lambda data: data[:-1], "damaged or was altered"),
        (lambda data: data[:200], "ends too early|damaged"),
        (lambda data: data + b"x", "something stands behind its end"),
        (lambda _: b"", "no backup of Carecordon"),
        (lambda data: data.replace(b'"cost":1024', b'"cost":9999'), "more work"),
    ],
)
def test_a_damaged_backup_restores_nothing(sealed: bytes, tmp_path: Path, damage: object, says: str) -> None:
    archive = tmp_path / "hub.backup"
    assert callable(damage)
    archive.write_bytes(damage(sealed))
    with pytest.raises(TheirFault, match=says):
        restore(archive, tmp_path / "data", tmp_path / "keys", PASSPHRASE, NOW)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["hub.backup"]


@settings(max_examples=30)
@given(place=st.integers(0, 2**40), flip=st.integers(1, 255))
def test_no_changed_byte_is_restored(
    sealed: bytes, tmp_path_factory: pytest.TempPathFactory, place: int, flip: int
) -> None:
    head = len(frames(sealed)[0])
    at = head + place % (len(sealed) - head)
    folder = tmp_path_factory.mktemp("flipped")
    (folder / "hub.backup").write_bytes(sealed[:at] + bytes([sealed[at] ^ flip]) + sealed[at + 1 :])
    with pytest.raises(TheirFault):
        restore(folder / "hub.backup", folder / "data", folder / "keys", PASSPHRASE, NOW)
    assert [path.name for path in folder.iterdir()] == ["hub.backup"]


def frames(data: bytes) -> tuple[bytes, list[bytes]]:
    """Return the head of a backup and its frames."""
    place = len(MAGIC) + 4 + int.from_bytes(data[len(MAGIC) : len(MAGIC) + 4], "big")
    head, found = data[:place], []
    while place < len(data):
        end = place + 9 + int.from_bytes(data[place + 1 : place + 9], "big")
        found.append(data[place:end])
        place = end
    return head, found


@pytest.mark.parametrize("alter", ["swap", "drop", "repeat"])
def test_files_of_a_backup_cannot_be_moved(sealed: bytes, tmp_path: Path, alter: str) -> None:
    head, found = frames(sealed)
    match alter:
        case "swap":
            found[0], found[1] = found[1], found[0]
        case "drop":
            del found[-2]
        case _:
            found.insert(1, found[0])
    archive = tmp_path / "hub.backup"
    archive.write_bytes(head + b"".join(found))
    with pytest.raises(TheirFault, match=r"damaged or was altered|not what its list says"):
        restore(archive, tmp_path / "data", tmp_path / "keys", PASSPHRASE, NOW)
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize(
    "name",
    [
        "../up",
        "/etc/passwd",
        "a/../b",
        "a//b",
        "",
        ".",
        "a\\b",
        "a\x00b",
        "a\nb",
        "a/" * 40 + "b",
        "x" * 300,
        "a\u202eb",
    ],
)
def test_names_that_lead_elsewhere_are_refused(name: str) -> None:
    with pytest.raises(TheirFault, match="which no backup of ours does"):
        check_name(name, "hub.backup")


class Frozen:
    """A made-up store: a folder of files."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.calls: list[str] = []

    def freeze(self) -> Path:
        self.calls.append("freeze")
        return self.folder

    def thaw(self) -> None:
        self.calls.append("thaw")


def test_events_are_copied_where_the_store_gives_them(paths: Paths, tmp_path: Path) -> None:
    folder = tmp_path / "frozen"
    (folder / "parts" / "20270115_1_1_0").mkdir(parents=True)
    (folder / "parts" / "20270115_1_1_0" / "data.bin").write_bytes(bytes(range(256)) * 9_000)
    (folder / "empty").write_bytes(b"")
    (folder / "link").symlink_to("/etc/hostname")
    store = Frozen(folder)
    manifest = back_up(paths, tmp_path / "hub.backup", NOW, store)
    assert (manifest.has_telemetry, store.calls) == (True, ["freeze", "thaw"])
    restore(tmp_path / "hub.backup", tmp_path / "new", tmp_path / "new-keys", PASSPHRASE, NOW)
    (folder / "link").unlink()
    assert contents(tmp_path / "new" / "telemetry") == contents(folder)


def test_two_backups_at_once_are_not_taken(paths: Paths, tmp_path: Path) -> None:
    class Second(Frozen):
        def freeze(self) -> Path:
            with pytest.raises(TheirFault, match="another backup"):
                back_up(paths, tmp_path / "second", NOW)
            return super().freeze()

    (tmp_path / "frozen").mkdir()
    back_up(paths, tmp_path / "first", NOW, Second(tmp_path / "frozen"))


def test_a_backup_of_a_hub_at_work_is_of_one_moment(paths: Paths, tmp_path: Path) -> None:
    """A busy process publishes a part, then says so in the register: what the register knows, the stream holds."""
    command = [sys.executable, "-m", "tests.hub.busy_hub", str(paths.data), str(paths.keys)]
    busy = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert busy.stdout is not None
        for number in range(3):
            while int(busy.stdout.readline()) % 10:
                continue
            back_up(paths, tmp_path / f"{number}.backup", NOW + HOUR)
            assert busy.poll() is None
    finally:
        busy.kill()
        busy.communicate(timeout=HASTE)
    reached = []
    for number in range(3):
        new = Paths(tmp_path / f"new{number}", tmp_path / f"keys{number}")
        restore(tmp_path / f"{number}.backup", new.data, new.keys, PASSPHRASE, NOW + HOUR)
        stream = STREAM.open(str(new.events), None)
        held = stream.mark("busy", 7)
        partition = stream.partition_of("busy")
        firsts = [entry.part.first for entry in stream.pull(partition, 0, 10**9) if entry.part.sender == "busy"]
        stream.close()
        with opened(new) as register:
            said = int(register.checkpoints.get("busy") or b"-1")
            trimmed = int(register.checkpoints.get("trimmed") or b"-1")
            assert register.check() == []
        assert held is not None
        assert said <= held <= said + 1
        assert firsts == list(range(firsts[0], held + 1))  # all that is behind the point trimmed to is there
        assert firsts[0] <= trimmed + 1
        reached.append(said)
    assert reached == sorted(set(reached))


def test_a_stopped_hub_is_backed_up_too(paths: Paths, tmp_path: Path) -> None:
    with closing(sqlite3.connect(paths.register)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    back_up(paths, tmp_path / "hub.backup", NOW)
    shutil.rmtree(paths.data)
    shutil.rmtree(paths.keys)
    restore(tmp_path / "hub.backup", paths.data, paths.keys, PASSPHRASE, NOW)
    with opened(paths) as register:
        assert register.people.organisation() is not None
