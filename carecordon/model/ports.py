"""What a pure room may ask of the world: each port is filled in by the floors above."""

from __future__ import annotations

from typing import Protocol


class Cache(Protocol):
    """A place for what can be made again; it may forget anything, and never returns a torn value."""

    def load(self, key: str) -> bytes | None:
        """Return what was saved under `key`, or None."""
        ...

    def save(self, key: str, blob: bytes) -> None:
        """Keep `blob` under `key` if possible; failing is silent."""
        ...


class NoCache:
    """A cache that keeps nothing."""

    def load(self, key: str) -> bytes | None:
        """Return None."""
        return None

    def save(self, key: str, blob: bytes) -> None:
        """Forget at once."""
