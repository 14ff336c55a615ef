"""Made-up devices, incidents and commits for the tests of the register."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from carecordon.model.audit import Act
from carecordon.model.device import Certificate, DeviceKind, EnrolToken, NewDevice
from carecordon.model.kept import Commit, Letter, ToldAlert, ToldIncident, Trouble
from carecordon.model.match import Level
from carecordon.model.notice import NewNotice

NOW = 1_800_000_000_000_000_000
HOUR = 3_600 * 1_000_000_000


def device(number: int) -> NewDevice:
    """Return a device."""
    name = f"{number:032x}"
    certificate = Certificate(f"{number:064x}", f"{number:x}", NOW, NOW + 30 * 24 * HOUR)
    return NewDevice(name, f"WARD-{number}", "Linux", DeviceKind.AGENT, certificate)


def enrol_token(number: int, uses: int = 1, expires: int = NOW + HOUR) -> EnrolToken:
    """Return a token whose secret's hash is its number."""
    kind = DeviceKind.FORWARDER
    return EnrolToken(f"t{number}", f"ward {number}", f"{number:064x}", kind, uses, NOW, "ada", expires)


def alert(first: int, device: str = "WARD-1", rule: str = "rule", entity: str = "p1", count: int = 1) -> ToldAlert:
    """Return an alert; its id is of what makes it one."""
    name = f"{rule}/{device}/{entity}/{first}"
    return ToldAlert(name, rule, f"title of {rule}", Level.HIGH, device, entity, first, first + 5, count, b"alert")


def incident(name: str, alerts: Sequence[ToldAlert], aliases: Sequence[str] = (), score: int = 60) -> ToldIncident:
    """Return an incident of these alerts."""
    devices = tuple(dict.fromkeys(one.device for one in alerts))
    ends = (min(one.first for one in alerts), max(one.last for one in alerts))
    return ToldIncident(
        name, tuple(aliases), f"title {name}", Level.HIGH, score, devices, *ends, b"body", tuple(alerts)
    )


def notice(of: str | None, key: str = "high", channel: str = "mail") -> NewNotice:
    """Return a notice that is due at once."""
    return NewNotice(channel, key, of, "high", f"about {of}", b"{}", NOW)


def whole_commit(after: int, position: int) -> Commit:
    """Return a commit with something of everything."""
    return Commit(
        now=NOW + position,
        after=after,
        position=position,
        records={("unit", "a"): b"one", ("unit", "b", ""): b"two", ("gone",): None},
        incidents=[incident("i2", [alert(20), alert(30, "WARD-2")], ["i1"])],
        notices=[notice("i2"), notice(None, "silent/WARD-9")],
        troubles=[Trouble("silent/WARD-9", "silent", "WARD-9", "it is silent", NOW)],
        letters=[Letter("l1", "partition 0, 4 to 9", "three tries", b"payload", NOW)],
        acts=[Act("ada", "close", "i1", "harmless")],
    )


def dump(place: Path) -> dict[str, list[Any]]:
    """Return everything in the database, table by table, in an order of its own."""
    with closing(sqlite3.connect(place)) as connection:
        tables = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        return {name: sorted(connection.execute(f'SELECT * FROM "{name}"').fetchall(), key=repr) for name in tables}  # noqa: S608  # the names are the database's own
