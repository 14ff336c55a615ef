"""The statements that make the store: database, table, published views; the same for chDB and a ClickHouse server."""

from __future__ import annotations

from carecordon.telemetry.columns import COLUMNS, DATABASE, HASHES, TABLE
from carecordon.telemetry.question.views import VIEWS

TOKENS = 100_000
"""Inserts that the table remembers by their token, so that one that comes again is kept once."""
INDEXES = ("INDEX by_place (time, sender, epoch, sequence) TYPE minmax GRANULARITY 1",)
"""One for all four, since each has files of its own that are synced with every insert."""
SYNC = {
    "fsync_after_insert": "1",
    "fsync_part_directory": "1",
    "min_rows_to_fsync_after_merge": "1",
    "min_compressed_bytes_to_fsync_after_merge": "1",
}
"""A merged part is synced as what it is made of was: that is removed a while later, and was told to be kept."""
LAPSE = {"ttl_only_drop_parts": "1", "materialize_ttl_recalculate_only": "1"}
"""What is over goes part by part, and only when all of a part is: nothing is written anew for it but each part's own
note of when that is.
"""
TABLE_SETTINGS = {
    "non_replicated_deduplication_window": str(TOKENS),
    **SYNC,
    **LAPSE,
    "merge_max_block_size": "1024",
    "merge_max_block_size_bytes": str(4 << 20),
    "vertical_merge_algorithm_min_rows_to_activate": "1",
    "max_bytes_to_merge_at_max_space_in_pool": str(4 << 30),
}


def _hash(name: str) -> str:
    return f"lower(extract(Hashes, '{name}=([0-9A-Fa-f]+)'))"


ALIASES = tuple((name, _hash(name)) for name in HASHES)
"""Columns that are made of others when they are asked for; on disk they are nothing."""


def create_table(retention_days: int) -> str:
    """Return the statement that makes the table, where it is not there."""
    columns = [f"`{column.name}` {' '.join(column.storage.value)}".strip() for column in COLUMNS]
    columns += [f"`{name}` LowCardinality(String) ALIAS {made}" for name, made in ALIASES]
    settings = ", ".join(f"{name} = {value}" for name, value in TABLE_SETTINGS.items())
    return (
        f"CREATE TABLE IF NOT EXISTS {DATABASE}.{TABLE} ({', '.join([*columns, *INDEXES])}) "
        "ENGINE = MergeTree PARTITION BY day ORDER BY (device, time, sender, epoch, sequence) "
        f"TTL {time_to_live(retention_days)} SETTINGS allow_nullable_key = 1, {settings} COMMENT '{retention_days}'"
    )


def time_to_live(retention_days: int) -> str:
    """Return when an event may go: counted from when it was received."""
    return f"toDateTime(received) + toIntervalDay({retention_days})"


def _modify_ttl(retention_days: int) -> str:
    """Return the statement that says how long events are kept, for what comes from now on.

    What is stored has its end noted in each part. The statement would note that anew, and wait for it: see `lapse`.
    """
    kept = time_to_live(retention_days)
    return f"ALTER TABLE {DATABASE}.{TABLE} MODIFY TTL {kept} SETTINGS materialize_ttl_after_modify = 0"


LAPSES = f"SELECT comment FROM system.tables WHERE database = '{DATABASE}' AND name = '{TABLE}'"  # noqa: S608  # names of ours
"""Asks for how many days what is stored is kept; empty where that was never said."""


def lapse(retention_days: int) -> tuple[str, ...]:
    """Return the statements by which what is stored is kept for so many days too, and `LAPSES` says so.

    The first is done in the background, and goes on at the next start; where it is given twice, it does no harm.
    """
    table = f"ALTER TABLE {DATABASE}.{TABLE}"
    return (
        f"{table} MATERIALIZE TTL SETTINGS mutations_sync = 0",
        f"{table} MODIFY COMMENT '{retention_days}'",
    )


def _modify_settings() -> str:
    changes = ", ".join(f"{name} = {value}" for name, value in {**SYNC, **LAPSE}.items())
    return f"ALTER TABLE {DATABASE}.{TABLE} MODIFY SETTING {changes}"


def migrations(retention_days: int) -> tuple[str, ...]:
    """Return everything that makes a store fit for this release, in order; done again it changes nothing."""
    return (
        f"CREATE DATABASE IF NOT EXISTS {DATABASE} ENGINE = Atomic",
        create_table(retention_days),
        _modify_ttl(retention_days),
        _modify_settings(),
        *(view.create() for view in VIEWS.values() if view.name != TABLE),
    )
