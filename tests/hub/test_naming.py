"""Names of people: what is written of them in the journal of revocations is the name that they have."""

from __future__ import annotations

from pathlib import Path

import pytest

from carecordon.hub.backup.sealed import COST, MAX_COST, lock_of
from carecordon.hub.config import Paths
from carecordon.hub.founding import Wishes, found
from carecordon.hub.naming import MAX_CHARS, fault_of
from carecordon.hub.trust.revocations import Revocations, Revoked
from carecordon.model.errors import TheirFault


@pytest.mark.parametrize("name", ["Ann", "Ann Example", "Hubert Example", "localhost", "Zoë", "A" * MAX_CHARS])
def test_a_person_may_be_called_so(name: str) -> None:
    assert fault_of(name) == ""


@pytest.mark.parametrize(
    "name",
    ["", "Ann  Example", " Ann", "Ann ", "Ann\u00a0Example", "Ann/Example", "hub", "HUB", "local:root", "Local:x",
     "a\tb", "A" * (MAX_CHARS + 1)],
)  # fmt: skip
def test_a_person_may_not_be_called_so(name: str) -> None:
    assert fault_of(name)


@pytest.mark.parametrize("admin", ["Ann/Example", "hub", "local:root"])
def test_the_first_administrator_neither(admin: str, tmp_path: Path) -> None:
    with pytest.raises(TheirFault, match="--admin"):
        found(Paths(tmp_path / "data", tmp_path / "keys"), Wishes("RX1", "St Example's", admin), 1)


def test_what_the_journal_would_write_otherwise_is_not_written(tmp_path: Path) -> None:
    """A restore would not know the name again, and let the person in."""
    journal = Revocations(tmp_path)
    with pytest.raises(TheirFault, match="journal"):
        journal.add(Revoked.PERSON, "Ann  Example", 1)
    assert journal.all() == []


def test_a_backup_that_asks_for_too_much_work_is_refused() -> None:
    assert COST <= MAX_COST
    with pytest.raises(TheirFault, match="more work"):
        lock_of("correct horse battery staple", bytes(32), 2**19)
