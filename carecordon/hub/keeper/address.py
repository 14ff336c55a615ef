"""Where the keeper listens and the secrets of its start: one small file, 0600, that the hub's processes read."""

from __future__ import annotations

import os
from enum import StrEnum
from pathlib import Path

import msgspec

NAME = "keeper.json"
LOCK = "keeper.lock"
"""Held by who owns the store."""
HOST = "127.0.0.1"


class Role(StrEnum):
    """Who speaks: a worker, who may only insert, or a reader, who may only ask."""

    WORKER = "worker"
    READER = "reader"


class Address(msgspec.Struct, frozen=True):
    """The port, and the secret of each role; the user's name is the role's."""

    port: int
    pid: int
    worker: str
    reader: str

    def secret(self, role: Role) -> str:
        """Return a role's secret."""
        return self.worker if role is Role.WORKER else self.reader


def write_address(folder: Path, address: Address) -> None:
    """Write the file whole or not at all."""
    new = folder / f"{NAME}.new"
    new.unlink(missing_ok=True)
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(msgspec.json.encode(address))
    new.replace(folder / NAME)


def read_address(folder: Path) -> Address:
    """Return where the keeper listens. Raises ConnectionError where none has said so."""
    try:
        return msgspec.json.decode((folder / NAME).read_bytes(), type=Address)
    except (OSError, msgspec.DecodeError) as fault:
        raise ConnectionError(f"{folder / NAME}: no keeper runs: {fault}") from fault
