"""The steps of alembic lead to the tables that the statements are made of, and a file of another version is refused."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import msgspec
import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from msgspec import structs
from sqlalchemy import create_engine

from carecordon.model.errors import TheirFault
from carecordon.model.incident import Place
from carecordon.model.match import CorrelationMatch, Level, Match, RuleHead
from carecordon.model.process import ProcessStart
from carecordon.pipeline.triage.group import Grouper
from carecordon.pipeline.triage.records import Kept, Key
from carecordon.pipeline.triage.subject import Subject
from carecordon.pipeline.triage.unchanged import AsTold
from carecordon.pipeline.triage.unit import Sighting, Unit
from carecordon.register.backends.sql import migrate
from carecordon.register.backends.sqlite import SQLITE
from carecordon.register.tables import METADATA
from tests.pipeline.triage.grouping import NOON, SECOND, match, rule, start
from tests.replacing import replace


def test_the_steps_lead_to_the_tables(place: Path) -> None:
    engine = create_engine(f"sqlite:///{place}")
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, METADATA) == []
    engine.dispose()


def test_preparing_twice_changes_nothing(place: Path) -> None:
    register = SQLITE.open_register(str(place))
    register.checkpoints.set("worker", b"kept")
    register.close()
    SQLITE.prepare(str(place))
    register = SQLITE.open_register(str(place))
    assert register.checkpoints.get("worker") == b"kept"
    register.close()


def test_what_is_up_to_date_is_prepared_without_the_steps(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Loading them takes longer than all else that is done before a hub's processes start."""
    monkeypatch.setattr(migrate, "upgrade", lambda *_: pytest.fail("the steps were looked through"))
    SQLITE.prepare(str(place))
    with closing(sqlite3.connect(place, isolation_level=None)) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '0000'")
    with pytest.raises(pytest.fail.Exception, match="looked through"):
        SQLITE.prepare(str(place))


def taken_over(place: Path, step: str, old: Mapping[Key, bytes]) -> dict[Key, bytes]:
    """Return what becomes of triage's records that were written at a step."""
    with closing(sqlite3.connect(place, isolation_level=None)) as connection:
        rows = [(msgspec.msgpack.encode(key), record) for key, record in old.items()]
        connection.executemany("INSERT INTO records VALUES (?, ?)", rows)
        connection.execute("UPDATE alembic_version SET version_num = ?", (step,))
    SQLITE.prepare(str(place))
    register = SQLITE.open_register(str(place))
    records = dict(register.cases.records())
    register.close()
    return records


def test_records_of_the_first_step_are_taken_over(place: Path) -> None:
    """What stood is not known any more, so each incident is told once more; the ids that it had before are."""
    pack = msgspec.msgpack.encode
    old: dict[Key, bytes] = {
        ("incident", "i1"): pack(["i0"]),
        ("incident", "i2"): b"\xc1",
        ("standing",): pack({}),
        ("unit", "u"): b"kept",
        ("passed",): pack(1),
    }
    records = taken_over(place, "0001", old)
    assert records.pop(("incident", "i2")) == b"\xc1", "which triage sets aside"
    assert records == {("incident", "i1"): pack((0, ["i0"])), ("unit", "u"): b"kept", ("passed",): pack(1)}
    kept = Kept([one for one in records.items() if one[0][0] == "incident"])
    assert kept.incidents == {"i1": AsTold(0, frozenset({"i0"}))}


def test_events_that_correlations_count_are_taken_over_each_under_its_rule(place: Path) -> None:
    pack = msgspec.msgpack.encode
    head = RuleHead("rule-1", "Rule", Level.LOW, (), "r.yml", 1)
    name, match = "ab", Match(head, "s:1", 7, None, 5, "ward", None, 1, {})
    old: dict[Key, bytes] = {
        ("rule", name): pack(head),
        ("member", "s:1", "7"): pack(structs.replace(match, rule=structs.replace(head, id=f"\0{name}"))),
        ("member", "s:1", "8"): pack(structs.replace(match, position=8)),
        ("member", "s:1", "9"): pack(structs.replace(match, position=9, rule=structs.replace(head, id="\0none"))),
        ("member", "s:1", "10"): b"\xc1",
        ("unit", "u"): b"kept",
    }
    records = taken_over(place, "0002", old)
    assert records.pop(("unit", "u")) == b"kept"
    kept = Kept(records.items())
    assert kept.members == {
        ("s:1", 7, "rule-1"): match,
        ("s:1", 8, "rule-1"): structs.replace(match, position=8),
    }
    assert set(kept.bad) == {("member", "s:1", "9"), ("member", "s:1", "10")}, "triage sets them aside"


def by_name(content: object) -> Any:
    """Return what a record said before it was a list: each field by its name, what may be left out left out."""
    if isinstance(content, Subject):
        fields = structs.asdict(content)
        return {name: value for name, value in fields.items() if value not in {None, ()}}
    if isinstance(content, Sighting | Place | RuleHead | ProcessStart):
        return structs.asdict(content)
    if isinstance(content, Match | CorrelationMatch):
        return {name: by_name(value) for name, value in structs.asdict(content).items()}
    if isinstance(content, Unit):
        body = structs.asdict(content.body)
        fields = structs.asdict(content) | body
        del fields["content"], fields["seen"], fields["tree"]
        return {name: by_name(value) for name, value in fields.items() if value not in (None, 0, "", set(), {}, [])}
    if isinstance(content, dict):
        return {name: by_name(value) for name, value in content.items()}
    return [by_name(one) for one in content] if isinstance(content, list | set) else content


@pytest.mark.parametrize("are_named", [True, False])
def test_units_and_processes_are_taken_over_as_lists(place: Path, *, are_named: bool) -> None:
    pack, store = msgspec.msgpack.encode, dict[Key, bytes]()
    grouper = Grouper(frozenset({"base"}), is_kept=True, counted=lambda: frozenset({("log", 7)}))
    base = match("base", 0, "ws2", level=Level.INFORMATIONAL, position=7, User="WPH\\a.nurse", IpAddress="192.0.2.1")
    fan = CorrelationMatch(rule("fan"), {"User": "x"}, 1, NOON, NOON + SECOND, (("log", 7),))
    starts = [replace(start(f"a-{place}"), position=place) for place in range(1_500)]  # more than are read at once
    grouper.feed([match("a", 0, ProcessGuid="a-1", ProcessId="4"), base], starts, [fan])
    grouper.settle()
    store |= {key: record for key, record in grouper.changes().items() if record is not None}
    kept = Kept(store.items())
    assert len(kept.units) == 3
    assert any(unit.chain for unit in kept.units.values())
    old = dict(store)
    for unit in kept.units.values():
        said = by_name(unit)
        for part in (said, said["sample"], *filter(None, [said.get("chain")])):
            name = kept.heads.name(unit.rule if part is not said["sample"] else unit.body.sample.rule)
            part["rule"] = by_name(name if are_named else kept.heads.named(name))
        old["unit", *unit.key] = pack(said)
    for one in kept.starts:
        old["start", one.device, one.file, str(one.position)] = pack(by_name(one))
    if not are_named:
        old = {key: record for key, record in old.items() if key[0] not in {"rule", "member"}}
    other: dict[Key, bytes] = {
        ("unit", "x", "y"): b"\xc1",
        ("start", "a", "b", "3"): pack([1]),
        ("unit", "z"): pack({}),
        ("start", "a", "b", "4"): b"\x81\xa5image\xa1\xff",
    }
    for unit in kept.units.values():
        unit.tree = None  # it is looked for at the next look
    records = taken_over(place, "0003", old | other)
    assert {key: records.pop(key) for key in other} == other, "which triage sets aside"
    new = Kept(records.items())
    assert (new.units, new.starts, new.bad) == (kept.units, kept.starts, {})
    assert {key for key in store if key[0] != "member"} <= records.keys()


def test_only_the_owner_may_read_it(tmp_path: Path) -> None:
    place = tmp_path / "new.db"
    SQLITE.prepare(str(place))
    assert place.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("call", [SQLITE.prepare, SQLITE.open_register])
def test_a_newer_file_is_left_alone(place: Path, call: object) -> None:
    with closing(sqlite3.connect(place, isolation_level=None)) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    assert callable(call)
    with pytest.raises(TheirFault, match=r"register\.db: a newer Carecordon has written it \(9999\)"):
        call(str(place))


def test_what_is_not_prepared_is_not_opened(tmp_path: Path) -> None:
    with pytest.raises(TheirFault, match="hub init"):
        SQLITE.open_register(str(tmp_path / "none.db"))
    sqlite3.connect(tmp_path / "old.db").close()
    with pytest.raises(TheirFault, match="older Carecordon"):
        SQLITE.open_register(str(tmp_path / "old.db"))


def test_what_is_no_database_is_told(tmp_path: Path) -> None:
    place = tmp_path / "text.db"
    place.write_text("not a database, only text of some length\n" * 100, "utf-8")
    for call in (SQLITE.prepare, SQLITE.open_register):
        with pytest.raises(TheirFault, match="cannot be used"):
            call(str(place))
