"""A notice: what one person is told once, as it waits in the outbox and as it goes out."""

from __future__ import annotations

from typing import Any

import msgspec

from carecordon.model.errors import TheirFault

TROUBLE = "hub.trouble"
"""The kind of a notice that is about the hub itself, and of no incident."""


class Notice(msgspec.Struct, frozen=True):
    """One message. `key` names it for ever: the same key is told once.

    `kind` e.g. `incident.found`; `at` UTC ns, when it was written; `data` what a program gets of it, JSON values only.
    """

    key: str
    kind: str
    level: str
    subject: str
    text: str
    data: dict[str, Any]
    at: int


def encode(notice: Notice) -> bytes:
    """Return the notice as it lies in the outbox."""
    return msgspec.json.encode(notice)


def decode(body: bytes) -> Notice:
    """Return the notice that these bytes are. Raises TheirFault where they are none."""
    try:
        return msgspec.json.decode(body, type=Notice)
    except msgspec.DecodeError as fault:
        raise TheirFault(f"a notice in the outbox cannot be read: {fault}") from fault
