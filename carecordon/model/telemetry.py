"""What keeps events, as workers see it: the port that every telemetry backend fills in."""

from __future__ import annotations

from typing import Protocol

from carecordon.model.merged import Merged


class Telemetry(Protocol):
    """A place that keeps events for ever or until their time is over."""

    def insert(self, merged: Merged, token: str) -> None:
        """Keep these events; on return they are on disk. The same `token` again changes nothing.

        Raises ConnectionError where the store cannot be reached now, and TheirFault (naming the row's sender and
        number where it can) where it will never take them.
        """
        ...
