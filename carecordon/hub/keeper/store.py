"""The hub's store of events as its processes reach it: the keeper, wherever it listens at present."""

from __future__ import annotations

from carecordon.hub.config import Paths
from carecordon.hub.keeper.address import HOST, Role, read_address
from carecordon.telemetry.answer import Ceiling
from carecordon.telemetry.backends.clickhouse import ClickHouseReader, ClickHouseTelemetry, Where


def open_telemetry(paths: Paths) -> ClickHouseTelemetry:
    """Return the store as a worker has it: it may insert, nothing else. A keeper that comes back is found again."""
    return ClickHouseTelemetry(lambda: _where(paths, Role.WORKER))


def open_reader(paths: Paths, ceiling: Ceiling | None = None) -> ClickHouseReader:
    """Return the store as those have it who ask questions, each of which may cost so much."""
    return ClickHouseReader(lambda: _where(paths, Role.READER), ceiling)


def _where(paths: Paths, role: Role) -> Where:
    address = read_address(paths.run)
    return Where(HOST, address.port, role.value, address.secret(role))
