"""What `hub check` finds: nothing in a hub that is well, and what is wrong by its place in one that is not."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from carecordon.hub.backup.check import audited, check
from carecordon.hub.config import Paths
from carecordon.hub.trust.anchors import note_anchor
from carecordon.hub.trust.revocations import Revocations, Revoked
from tests.hub.hub_kit import NOW, device_id, found_hub, opened

DAY = 86_400 * 1_000_000_000


@pytest.fixture
def paths(tmp_path: Path) -> Paths:
    made = Paths(tmp_path / "data", tmp_path / "keys")
    found_hub(made)
    with opened(made) as register:
        note_anchor(made.keys, register.audit.head())
    return made


def test_a_hub_that_is_well(paths: Paths) -> None:
    assert check(paths, NOW) == []


def test_a_check_is_audited_where_the_register_is_sound(paths: Paths) -> None:
    assert audited(paths, check(paths, NOW), "local:ada", NOW) == ""
    with opened(paths) as register:
        act = register.audit.entries(limit=1)[0].act
    assert (act.who, act.verb, act.subject, act.detail) == (
        "local:ada",
        "check",
        str(paths.data),
        "0 findings, 0 grave",
    )
    assert check(paths, NOW) == [], "what was written last is no finding"
    sql("UPDATE audit SET who = 'eve' WHERE number = 2")(paths)
    with opened(paths) as register:
        before = register.audit.head()
    assert "not sound" in audited(paths, check(paths, NOW), "local:ada", NOW)
    with opened(paths) as register:
        assert register.audit.head() == before, "evidence stays as it is"
    overwrite(paths.register, 0, b"no database")
    assert audited(paths, check(paths, NOW), "local:ada", NOW)


def sql(statement: str) -> Callable[[Paths], None]:
    def harm(paths: Paths) -> None:
        with closing(sqlite3.connect(paths.register, isolation_level=None)) as connection:
            connection.execute(statement)

    return harm


def overwrite(path: Path, start: int, data: bytes) -> None:
    with path.open("r+b") as file:
        file.seek(start)
        file.write(data)


def flip_an_event(paths: Paths) -> None:
    data = paths.events.read_bytes()
    overwrite(paths.events, data.index(b"ten events"), b"TEN")


@pytest.mark.parametrize(
    ("harm", "says", "is_grave"),
    [
        (sql("UPDATE audit SET who = 'eve' WHERE number = 2"), "audit log, entry 2", True),
        (sql("DELETE FROM audit; "), "its tail was cut off", True),
        (sql("UPDATE audit_head SET seal = 'x'"), "rewritten", True),
        (lambda paths: Revocations(paths.keys).add(Revoked.DEVICE, device_id(3), NOW), "has forgotten it", True),
        (lambda paths: (paths.keys / "ca.key").chmod(0o644), "chmod 0600", True),
        (lambda paths: (paths.keys / "ca.key").unlink(), "A backup holds them", True),
        (lambda paths: paths.data.chmod(0o755), "chmod 0700", False),
        (lambda paths: paths.settings.write_text("ods = 1", "utf-8"), "hub.toml", True),
        (lambda paths: paths.events.unlink(), "the log is not there", True),
        (lambda paths: overwrite(paths.found, 0, b"x" * 4_096), "cannot be read", True),
        (flip_an_event, "partition", True),
        (lambda paths: paths.register.unlink(), "no register here", True),
        (sql("UPDATE devices SET standing = 'held'"), "6 devices are held", False),
    ],
)
def test_what_is_wrong_is_told(paths: Paths, harm: Callable[[Paths], object], says: str, is_grave: bool) -> None:
    harm(paths)
    found = check(paths, NOW)
    assert any(says in one.what and one.is_grave == is_grave for one in found), found


def test_what_ends_is_told_in_time(paths: Paths) -> None:
    told = [one.what for one in check(paths, NOW + 3_600 * DAY)]
    assert any("expires in 50 days" in one for one in told)
    assert any("more than half of its life" in one for one in told)
