"""The local administrator's socket: who can open it is known by the operating system, and needs no token."""

from __future__ import annotations

import asyncio
import os
import socket
import struct
from contextlib import suppress
from pathlib import Path
from typing import Any

from uvicorn.protocols.http.h11_impl import H11Protocol

from carecordon.console.caller import LOCAL_UID

BACKLOG = 64
ADDRESS_BYTES = 100
"""What a socket's address holds, with some to spare. Source: unix(7), sun_path."""
_CREDENTIALS = struct.Struct("3i")
"""pid, uid, gid. Source: unix(7), SO_PEERCRED."""


class ControlProtocol(H11Protocol):
    """HTTP of one connection to the socket; each of its requests bears the number of the local user."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn itself does
        """Ask the operating system who connected."""
        super().connection_made(transport)
        self.app = _Known(self.app, _peer(transport.get_extra_info("socket")))


class _Known:
    """The application behind what is known of its caller."""

    def __init__(self, app: Any, uid: int) -> None:
        self._app = app
        self._uid = uid

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Serve one request."""
        scope[LOCAL_UID] = self._uid
        await self._app(scope, receive, send)


def _peer(connection: Any) -> int:
    data = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
    return int(_CREDENTIALS.unpack(data)[1])


def control_socket(path: Path) -> socket.socket:
    """Return a listening socket at `path`, 0600 from its first moment; one that a crash left behind makes way."""
    with suppress(FileNotFoundError):
        path.unlink()
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    former = os.umask(0o177)
    try:
        _bind(listening, path)
    except BaseException:
        listening.close()
        raise
    finally:
        os.umask(former)
    listening.listen(BACKLOG)
    listening.setblocking(False)
    return listening


def _bind(listening: socket.socket, path: Path) -> None:
    """Bind to the path, by way of its folder's descriptor where it is longer than a socket's address may be."""
    if len(os.fsencode(path)) <= ADDRESS_BYTES:
        listening.bind(str(path))
        return
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        listening.bind(f"/proc/self/fd/{folder}/{path.name}")
    finally:
        os.close(folder)
