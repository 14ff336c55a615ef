"""Small records that workers keep in the register over restarts; one that cannot be read is set aside and told."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import msgspec

from carecordon.model.errors import TheirFault
from carecordon.model.kept import Letter, Trouble
from carecordon.register.register import Register

_T = TypeVar("_T")
KIND = "poison"


@dataclass(frozen=True, slots=True)
class Notes:
    """Records by name, beside the checkpoints of shards; `clock` gives UTC ns."""

    register: Register
    clock: Callable[[], int]

    def holds(self, name: str) -> bool:
        """Return whether a record of this name was ever written."""
        return self.register.checkpoints.get(name) is not None

    def read(self, name: str, decode: Callable[[bytes], _T]) -> _T | None:
        """Return a record; None where there is none.

        Nor where `decode` raises TheirFault or msgspec.DecodeError: the record is a dead letter then, and it is told.
        """
        kept = self.register.checkpoints.get(name)
        if not kept:
            return None
        try:
            return decode(kept)
        except (TheirFault, msgspec.DecodeError) as fault:
            why = f"what a worker had noted down cannot be read, it begins anew without it: {fault}"
        now = self.clock()
        self.register.letters.add([Letter(f"note/{name}", f"the register, checkpoint {name}", why, kept, now)])
        self.register.cases.trouble([Trouble(f"{KIND}/note/{name}", KIND, None, f"{name}: {why}", now)])
        self.write(name, b"")
        return None

    def write(self, name: str, record: bytes) -> None:
        """Replace a record; on return it is on disk."""
        self.register.checkpoints.set(name, record)
