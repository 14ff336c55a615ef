"""Receivers that are real: a mail server and an HTTP receiver on loopback, which keep what they were sent."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.message import EmailMessage
from email.parser import BytesParser
from email.policy import default
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import orjson
from aiosmtpd import smtp
from aiosmtpd.smtp import AuthResult, Envelope, LoginPassword, Session

SECRET_KEY = b"a made-up secret of 32 bytes...."
SECRET = "whsec_" + base64.b64encode(SECRET_KEY).decode()


@dataclass
class Mailbox:
    """What a mail server took, and what it says to the next mails: `answers` are used up first."""

    port: int = 0
    mails: list[tuple[list[str], EmailMessage]] = field(default_factory=list)
    answers: list[str] = field(default_factory=list)
    logins: list[tuple[str, str]] = field(default_factory=list)
    on_mail: Callable[[], None] = lambda: None

    async def handle_DATA(self, _server: Any, _session: Session, envelope: Envelope) -> str:  # noqa: N802  # aiosmtpd calls it so
        if self.answers:
            return self.answers.pop(0)
        assert isinstance(envelope.content, bytes)
        self.mails.append((list(envelope.rcpt_tos), BytesParser(policy=default).parsebytes(envelope.content)))
        self.on_mail()
        return "250 taken"

    def authenticate(self, _server: Any, _session: Any, _envelope: Any, _way: str, data: Any) -> AuthResult:
        if not isinstance(data, LoginPassword):
            return AuthResult(success=False)
        self.logins.append((data.login.decode(), data.password.decode()))
        return AuthResult(success=data.password == b"open sesame", handled=False)


@contextmanager
def mail_server(port: int = 0, tls: ssl.SSLContext | None = None) -> Iterator[Mailbox]:
    """Run a mail server on loopback until the end of the block."""
    box = Mailbox()
    loop = asyncio.new_event_loop()

    def session() -> smtp.SMTP:
        options: dict[str, Any] = {"authenticator": box.authenticate, "auth_required": True} if tls else {}
        return smtp.SMTP(box, tls_context=tls, loop=loop, enable_SMTPUTF8=True, **options)

    ready = threading.Event()

    async def serve() -> None:
        server = await loop.create_server(session, "127.0.0.1", port)
        box.port = server.sockets[0].getsockname()[1]
        ready.set()
        await over.wait()
        server.close()
        for task in asyncio.all_tasks():
            if task is not asyncio.current_task():
                task.cancel()
        await asyncio.sleep(0)

    over = asyncio.Event()
    thread = threading.Thread(target=loop.run_until_complete, args=(serve(),))
    thread.start()
    assert ready.wait(10)
    try:
        yield box
    finally:
        loop.call_soon_threadsafe(over.set)
        thread.join(10)
        loop.close()


@dataclass
class Hooks:
    """What an HTTP receiver got; `answers` are used up first, then it says 204."""

    port: int = 0
    got: list[tuple[dict[str, str], bytes]] = field(default_factory=list)
    answers: list[tuple[int, dict[str, str]]] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hook"

    def bodies(self) -> list[dict[str, Any]]:
        return [orjson.loads(body) for _, body in self.got]


def is_signed(headers: dict[str, str], body: bytes) -> bool:
    """Return whether the signature is right, reckoned here anew. Source: Standard Webhooks specification."""
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    made = base64.b64encode(hmac.new(SECRET_KEY, signed, hashlib.sha256).digest()).decode()
    return headers["webhook-signature"] == f"v1,{made}"


@contextmanager
def hook_server(port: int = 0) -> Iterator[Hooks]:
    """Run an HTTP receiver on loopback until the end of the block."""
    hooks = Hooks()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:  # the library's name
            body = self.rfile.read(int(self.headers["content-length"]))
            hooks.got.append(({name.lower(): value for name, value in self.headers.items()}, body))
            status, headers = hooks.answers.pop(0) if hooks.answers else (204, {})
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  # the library calls it so
            return

    server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    hooks.port = server.server_port
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield hooks
    finally:
        server.shutdown()
        thread.join(10)
        server.server_close()
