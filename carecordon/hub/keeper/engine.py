"""The embedded store as the keeper holds it: one engine, a handle for inserts, a few for questions, memory bounded."""

from __future__ import annotations

import os
import queue
import re
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Protocol, cast
from urllib.parse import urlencode

import chdb

from carecordon.hub.keeper.frozen import NAME, hold, thaw
from carecordon.telemetry.columns import COLUMNS, DATABASE, TABLE
from carecordon.telemetry.schema import LAPSES, lapse, migrations

MIB = 1 << 20
SERVER = {
    "max_server_memory_usage": 700 * MIB,
    "mark_cache_size": 32 * MIB,
    "index_mark_cache_size": 16 * MIB,
    "primary_index_cache_size": 32 * MIB,
    "compiled_expression_cache_size": 8 * MIB,
    "background_pool_size": 1,
    "background_merges_mutations_concurrency_ratio": 1,
}
"""What the engine may hold; its own defaults are 90 % of the machine's memory and 5 GB a cache."""
QUESTION_MEMORY = 350 * MIB
QUESTION = {
    "max_execution_time": "30",
    "max_memory_usage": str(QUESTION_MEMORY),
    "max_result_bytes": str(64 * MIB),
    "limit": "0",
    "max_threads": "2",
    "max_ast_depth": "500",
    "max_bytes_before_external_group_by": str(128 * MIB),
    "max_bytes_before_external_sort": str(128 * MIB),
    "priority": "5",
    "use_uncompressed_cache": "0",
    "use_query_condition_cache": "0",
    "enable_http_compression": "1",
    "output_format_json_quote_64bit_integers": "0",
    "output_format_json_quote_denormals": "0",
    "date_time_output_format": "simple",
    "readonly": "2",
}
"""What holds for every question; the last forbids all but reading, should anything ever get past the door."""
INSERT = {
    "max_memory_usage": str(500 * MIB),
    "max_insert_threads": "1",
    "max_threads": "1",
    "input_format_parallel_parsing": "0",
    "priority": "1",
    "throw_on_max_partitions_per_insert_block": "0",
}
_FIGURES = (
    "SELECT sum(rows), sum(bytes_on_disk), count(),"  # noqa: S608  # constants of ours
    " (SELECT value FROM system.metrics WHERE metric = 'MemoryTracking')"
    f" FROM system.parts WHERE active AND database = '{DATABASE}'"
)
_RANGE = re.compile(r"(\d+):\d+-\d+:[0-9a-f]+")
"""A token of hub/worker/shard.py, without the half that it may be of: the partition, the range and the log's epoch."""
_CODE = re.compile(r"Code: (\d+)\.")


class _Answer(Protocol):
    def bytes(self) -> bytes | None: ...


class _Handle(Protocol):
    """A handle of the engine's binding, which ships no types: one statement at a time, handles beside one another."""

    def query(self, query: str, format: str) -> _Answer: ...  # noqa: A002  # the binding's own name
    def close(self) -> None: ...


class EngineFault(Exception):
    """What the engine could not do: ClickHouse's number for it, and its words."""

    def __init__(self, message: str) -> None:
        """Take the engine's words."""
        found = _CODE.search(message)
        self.code = int(found.group(1)) if found else 1002
        super().__init__(message[message.find("Code:") if found else 0 :])


def _open(address: str) -> _Handle:
    return cast("_Handle", chdb.connect(address))


class Engine:
    """The store. Inserts are done one at a time; questions beside them, each on a handle of its own."""

    def __init__(self, folder: Path, retention_days: int, questions: int) -> None:
        """Open or make the store in `folder`, with so many handles for questions."""
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._folder = folder
        self._address = f"{folder}?{urlencode(SERVER)}"
        self._writer = self._handle(INSERT, make=migrations(retention_days))
        self._keep_for(retention_days)
        self._readers: queue.SimpleQueue[_Handle] = queue.SimpleQueue()
        self._handles = [self._handle(QUESTION) for _ in range(questions)]
        self._limits: dict[int, dict[str, str]] = {id(handle): {} for handle in self._handles}
        """What was set on each handle for a question, by name."""
        for handle in self._handles:
            self._readers.put(handle)
        self._first: dict[str, str] = {}
        """The first range that came of each worker's share since this engine was opened."""
        self._columns = ", ".join(f"`{column.name}`" for column in COLUMNS)

    def _handle(self, settings: Mapping[str, str], make: tuple[str, ...] = ()) -> _Handle:
        handle = _open(self._address)
        for statement in make:
            handle.query(statement, "Null")
        handle.query(f"USE {DATABASE}", "Null")
        for name, value in settings.items():
            handle.query(f"SET {name} = '{value}'", "Null")
        return handle

    def _keep_for(self, retention_days: int) -> None:
        """Let what is stored be kept for so many days too, in the background, where that is another number than before.

        Where it cannot be begun, on a full disk for one, the next start tries again: the store serves without it.
        """
        with suppress(EngineFault):
            if self._run(self._writer, LAPSES, "TabSeparated").strip() != f"{retention_days}".encode():
                for statement in lapse(retention_days):
                    self._run(self._writer, statement, "Null")

    def insert(self, block: bytes | memoryview, token: str) -> None:
        """Keep a block in Native format; on return it is on disk. Raises EngineFault.

        A `token` that names a worker's range (hub/worker/shard.py) is looked at twice: see `_insert_missing`.
        The block is handed over as a file in memory, apart from the statement: no byte of it is ever read as SQL.
        """
        file = os.memfd_create("block", os.MFD_CLOEXEC)
        try:
            view = memoryview(block)
            while view:
                view = view[os.write(file, view) :]
            os.lseek(file, 0, os.SEEK_SET)
            named = _RANGE.match(token)
            if named is not None and self._first.setdefault(named[1], named[0]) == named[0]:
                self._insert_missing(f"file('/proc/self/fd/{file}', 'Native')")
            else:
                self._run(
                    self._writer,
                    f"INSERT INTO {DATABASE}.{TABLE} ({self._columns}) FROM INFILE '/proc/self/fd/{file}'"
                    f" SETTINGS insert_deduplication_token = '{token}' FORMAT Native",
                    "Null",
                )
        finally:
            os.close(file)

    def _insert_missing(self, block: str) -> None:
        """Keep those events of a block that are not kept yet.

        The engine does not sync its list of tokens: after a power cut it may not know what it has. What may have been
        there before the keeper began is, of each worker's share, the first range that comes and no other.
        """
        days = self._run(self._writer, f"SELECT min(day), max(day) FROM {block}", "TabSeparated")  # noqa: S608  # a path of ours
        first, last = days.decode("ascii").split()
        place = "(sender, epoch, sequence)"
        of_block = f"SELECT {place} FROM {block}"  # noqa: S608  # a path of ours
        known = (
            f"SELECT {place} FROM {DATABASE}.{TABLE}"  # noqa: S608  # days that the engine wrote, and names of ours
            f" WHERE day BETWEEN '{first}' AND '{last}' AND {place} IN ({of_block})"
        )
        self._run(
            self._writer,
            f"INSERT INTO {DATABASE}.{TABLE} ({self._columns}) SELECT {self._columns} FROM {block}"  # noqa: S608  # a path and names of ours
            f" WHERE {place} NOT IN ({known}) SETTINGS insert_deduplicate = 0",
            "Null",
        )

    def freeze(self) -> None:
        """Hold what is kept now for a backup (`frozen.py`). No insert may be going on. Raises EngineFault."""
        thaw(self._folder)
        try:
            self._run(self._writer, f"ALTER TABLE {DATABASE}.{TABLE} FREEZE WITH NAME '{NAME}'", "Null")
            hold(self._folder, with_parts=False)
        except OSError as fault:
            raise EngineFault(f"the store cannot be held still: {fault}") from fault

    def ask(self, sql: str, form: str, limits: Mapping[str, int]) -> bytes:
        """Return the answer to a rebuilt question. Raises EngineFault.

        Limits stay on a handle: each question sets those that are not what it wants.
        """
        handle = self._readers.get()
        try:
            known = self._limits[id(handle)]
            for name, value in {**dict.fromkeys(known), **limits}.items():
                wanted = QUESTION[name] if value is None else str(value)
                if known.get(name, QUESTION[name]) != wanted:
                    known[name] = ""  # unknown, should it fail
                    self._run(handle, f"SET {name} = {wanted}", "Null")
                    known[name] = wanted
            return self._run(handle, sql, form)
        finally:
            self._readers.put(handle)

    def figures(self) -> dict[str, float]:
        """Return how much is kept, in how many parts, and what memory the engine holds."""
        found = self.ask(_FIGURES, "TabSeparated", {})
        rows, size, parts, memory = map(float, found.split())
        return {"rows": rows, "disk_bytes": size, "parts": parts, "engine_memory_bytes": memory}

    def _run(self, handle: _Handle, sql: str, form: str) -> bytes:
        try:
            return handle.query(sql, form).bytes() or b""
        except RuntimeError as fault:
            raise EngineFault(str(fault)) from None

    def close(self) -> None:
        """Let go of the store."""
        for handle in (*self._handles, self._writer):
            with suppress(RuntimeError):
                handle.close()
