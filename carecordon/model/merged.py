"""A merged batch: the batches of many devices as one table, with who sent each row, as workers match and store it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from carecordon.model.batch import Table

FILE_SEPARATOR = "/"


@dataclass(frozen=True, slots=True)
class Merged:
    """One table of many devices' events, in order of arrival.

    `table.sequence` is the row's own number here (0, 1, …), so that a match finds its row. `table.devices` are the
    names of the machines that the events are of. Per row: `sender` indexes into `senders` (the id in the certificate),
    `epoch` and `sequence` are the sender's, `received` UTC ns. The three together name an event for ever.
    """

    table: Table
    senders: tuple[str, ...]
    sender: npt.NDArray[np.int32]
    epoch: npt.NDArray[np.int64]
    sequence: npt.NDArray[np.int64]
    received: npt.NDArray[np.int64]

    def __len__(self) -> int:
        """Return the number of events."""
        return len(self.table)

    def file(self, row: int) -> str:
        """Return what stands for the file of a row's event wherever a scan would name one: `sender/epoch`."""
        return f"{self.senders[int(self.sender[row])]}{FILE_SEPARATOR}{int(self.epoch[row])}"
