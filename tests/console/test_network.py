"""Whoever only connects to the API keeps nobody else out."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from typing import Any

import pytest

from carecordon.console import network
from carecordon.console.app import AT_ONCE, make_server
from tests.console.living import Living

WAIT_S = 20.0


async def hello(_scope: Any, _receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
    await send({"type": "http.response.body", "body": b"hi"})


def test_connections_that_ask_nothing_do_not_silence_the_api(hub: Living) -> None:
    with contextlib.ExitStack() as stack, hub.client() as client:
        place = (client.base_url.host, client.base_url.port)
        for _ in range(AT_ONCE + 20):
            stack.enter_context(socket.create_connection(place, timeout=WAIT_S))
        for _ in range(3):
            assert client.get(f"http://{place[0]}:{place[1]}/healthz").status_code == 200


@pytest.mark.parametrize("said", [b"", b"GET / HT", b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nab"])
def test_half_a_request_is_waited_for_no_longer_than_so(said: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(network, "ASKING_S", 0.05)

    async def silent(_scope: Any, receive: Any, _send: Any) -> None:
        while (await receive())["type"] != "http.disconnect":
            pass

    async def main() -> None:
        listening = socket.create_server(("127.0.0.1", 0))
        server = make_server(silent, http=network.NetworkProtocol)
        running = asyncio.create_task(server.serve([listening]))
        reader, writer = await asyncio.open_connection(*listening.getsockname())
        writer.write(said)
        with contextlib.suppress(ConnectionResetError):
            assert await asyncio.wait_for(reader.read(), WAIT_S) == b""
        writer.close()
        server.should_exit = True
        await running

    asyncio.run(main())


def test_a_connection_that_goes_on_asking_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(network, "MAX_IDLE", 2)

    async def main() -> None:
        listening = socket.create_server(("127.0.0.1", 0))
        server = make_server(hello, http=network.NetworkProtocol)
        running = asyncio.create_task(server.serve([listening]))
        place = listening.getsockname()
        links = [await asyncio.open_connection(*place) for _ in range(5)]
        for reader, writer in links[-2:]:
            for _ in range(2):
                writer.write(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
                assert b"200" in await asyncio.wait_for(reader.readuntil(b"hi"), WAIT_S)
        for _, writer in links:
            writer.close()
        server.should_exit = True
        await running

    asyncio.run(main())
