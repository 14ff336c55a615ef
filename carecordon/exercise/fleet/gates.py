"""How devices of a fleet come to the hub: so many in a second, and with a few TLS contexts between them."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from carecordon.agent.identity import Identity, trusting

CONTEXTS = 48
"""So many handshakes are under way at once."""


class Contexts:
    """TLS contexts, lent out for a handshake.

    One for each device costs 30 KB, spares 2 ms whenever it comes again, and resumes its TLS session; else a few are
    shared, which resume none: a connection keeps the certificate that its context had when it began, so that the
    context may take another then.
    """

    def __init__(self, *, is_kept: bool, limit: int = CONTEXTS) -> None:
        """Let `limit` handshakes go on at once; `is_kept`: each device keeps its own context."""
        self._kept: dict[Path, ssl.SSLContext] | None = {} if is_kept else None
        self._free: list[tuple[str, ssl.SSLContext]] = []
        self._room = asyncio.Semaphore(limit)

    @asynccontextmanager
    async def of(self, identity: Identity) -> AsyncIterator[ssl.SSLContext]:
        """Lend a context with a device's certificate."""
        async with self._room:
            if self._kept is not None:
                kept = self._kept.get(identity.file)
                if kept is None:
                    kept = self._kept[identity.file] = identity.context()
                yield kept
                return
            authority = identity.hub.authority
            at = next((at for at, (known, _) in enumerate(self._free) if known == authority), None)
            context = trusting(authority) if at is None else self._free.pop(at)[1]
            try:
                context.load_cert_chain(identity.file)
                yield context
            finally:
                self._free.append((authority, context))


class Pace:
    """Lets so many pass in a second, in the order in which they ask."""

    def __init__(self, per_s: float) -> None:
        """Let `per_s` pass."""
        self._step_s = 1.0 / per_s
        self._next = 0.0

    async def wait(self) -> None:
        """Wait for one's turn."""
        loop = asyncio.get_running_loop()
        self._next = max(self._next + self._step_s, loop.time())
        await asyncio.sleep(self._next - loop.time())
