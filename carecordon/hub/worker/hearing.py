"""What is only noted of what comes: where that fails, the events are worked on all the same."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from carecordon.model.errors import defect
from carecordon.model.merged import Merged


@dataclass(frozen=True, slots=True)
class Hearing:
    """Lets each of `notes` see what comes; what one raises is handed to `fail` in words."""

    notes: Sequence[Callable[[Merged], None]]
    fail: Callable[[str], None]

    def hear(self, merged: Merged) -> None:
        """Note down what a merged batch shows. Raises OSError and MemoryError: they are the machine's."""
        for note in self.notes:
            try:
                note(merged)
            except (OSError, MemoryError):
                raise
            except Exception as fault:  # noqa: BLE001  # only noted: else the same batch would end the worker for ever
                self.fail(
                    f"what senders say of their sources and losses was not noted for some events: {defect(fault)}"
                )
