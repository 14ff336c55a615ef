"""The processes that the register knows, read when one of their device is asked for."""

from __future__ import annotations

import msgspec

from carecordon.model.kept import KeysUnder
from carecordon.model.process import ProcessStart
from carecordon.pipeline.triage.records import STARTS, start_of, starts_on
from carecordon.pipeline.triage.unit import Damaged
from carecordon.register.register import Cases


class SleepingStarts:
    """Those of triage's records that are processes."""

    def __init__(self, cases: Cases) -> None:
        """Read them from this register, where those of a device are changed only after they were asked for."""
        self._cases = cases

    def count(self) -> int:
        """Return how many there are."""
        return self._cases.count_under(STARTS)

    def of(self, device: str) -> list[ProcessStart]:
        """Return those of one device. Raises Damaged where one cannot be read."""
        return self._read(starts_on(device))

    def all(self) -> list[ProcessStart]:
        """Return those of all devices. Raises Damaged where one cannot be read."""
        return self._read(STARTS)

    def _read(self, keys: KeysUnder) -> list[ProcessStart]:
        found: list[ProcessStart] = []
        for key, record in self._cases.records_under(keys):
            try:
                found.append(start_of(key, record))
            except (msgspec.MsgspecError, ValueError) as fault:
                raise Damaged(f"{'/'.join(key)}: {fault}") from fault
        return found
