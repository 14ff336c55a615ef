"""Before any endpoint: who calls is known, a call is not too large, and it is in the audit log before it is done."""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
import structlog
from fastapi import HTTPException, Request
from starlette.concurrency import run_in_threadpool
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from carecordon.console.answer import encoded
from carecordon.console.caller import CALLER, LOCAL_UID, Unknown, caller_of
from carecordon.console.endpoint import Endpoint
from carecordon.console.hosts import is_ours, names_of
from carecordon.console.premises import Premises, caller_in, premises_of
from carecordon.model.audit import Act
from carecordon.model.person import Bearer

API = "/api/"
OPEN = frozenset({"/healthz", "/readyz"})
BODY_BYTES = 256 * 1024
DETAIL_CHARS = 8_000
NO_AUDIT = "the audit log cannot be written, so nothing is done; see `carecordon hub check`"
HEADERS = {
    b"x-content-type-options": b"nosniff",
    b"x-frame-options": b"DENY",
    b"referrer-policy": b"no-referrer",
    b"cache-control": b"no-store",
    b"content-security-policy": b"default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
    b"cross-origin-resource-policy": b"same-origin",
    b"permissions-policy": b"interest-cohort=()",
}
log = structlog.get_logger("console")


class Door:
    """The application behind its door: nothing but health is told to those whom the hub does not know."""

    def __init__(self, app: ASGIApp, premises: Premises) -> None:
        """Let known callers in to `app`."""
        self._app = app
        self._premises = premises
        self._names = names_of(premises.settings.listen)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] != "http":
            return
        send = _with_headers(send)
        if LOCAL_UID not in scope and not is_ours(scope.get("headers", ()), self._names):
            await _say(send, 421, "this is not the API's name; others than the machine's own: hub.toml, api_names")
            return
        if _length(scope) > BODY_BYTES:
            await _say(send, 413, f"at most {BODY_BYTES} bytes are taken")
            return
        if scope["path"] not in OPEN:
            premises = self._premises
            try:
                caller = await run_in_threadpool(caller_of, scope, premises.register.people, premises.clock())
            except OSError as fault:
                log.error("the register does not answer", fault=str(fault))  # noqa: TRY400  # it says what there is to say
                await _say(send, 503, "the register does not answer; try again")
                return
            if isinstance(caller, Unknown):
                log.warning("refused", why=caller.why, path=scope["path"][:200])
                await _say(send, 401, "refused: show a token, as `Authorization: Bearer …`")
                return
            scope.setdefault("state", {})[CALLER] = caller
        await self._app(scope, _bounded(receive), send)


def guard(endpoint: Endpoint) -> Callable[[Request], Awaitable[None]]:
    """Return what is done before an endpoint is called: may the caller, and the entry in the audit log."""

    async def check(request: Request) -> None:
        body = b"" if request.method == "GET" else await request.body()
        await run_in_threadpool(_check, endpoint, request, body)

    return check


def _check(endpoint: Endpoint, request: Request, body: bytes) -> None:
    premises, caller = premises_of(request), caller_in(request)
    may = caller.role.may(endpoint.role)
    verb = endpoint.verb if may else "refused"
    act = Act(caller.name, verb, request.url.path, _detail(endpoint, request, body, caller))
    try:
        premises.register.audit.add([act], premises.clock())
    except OSError as fault:
        log.error(NO_AUDIT, fault=str(fault))  # noqa: TRY400  # it says what there is to say
        raise HTTPException(503, NO_AUDIT) from fault
    if not may:
        raise HTTPException(403, f"this takes the role {endpoint.role.value}; {caller.name} is {caller.role.value}")


def _detail(endpoint: Endpoint, request: Request, body: bytes, caller: Bearer) -> str:
    known: dict[str, Any] = {"method": request.method}
    if request.url.query:
        known["query"] = _cut(request.url.query)
    if caller.token:
        known["token"] = caller.token
    if body and endpoint.is_secret:
        known["body"] = "(not kept: it holds a secret)"
        known |= _told(endpoint.told, body)
    elif body:
        known["body"] = _cut(body.decode("utf-8", "backslashreplace"))
        if len(body) > DETAIL_CHARS:
            known["sha256"] = hashlib.sha256(body).hexdigest()
    return encoded(known).decode()


def _told(names: tuple[str, ...], body: bytes) -> dict[str, str]:
    """Return those fields of a body that holds a secret which are none."""
    try:
        said = msgspec.json.decode(body) if names else None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return {}
    return {name: _cut(str(said[name])) for name in names if name in said} if isinstance(said, dict) else {}


def _cut(text: str) -> str:
    return text if len(text) <= DETAIL_CHARS else text[:DETAIL_CHARS] + "..."


def _length(scope: Scope) -> int:
    for name, value in scope.get("headers", ()):
        if name == b"content-length":
            return int(value) if value.isdigit() and len(value) < 12 else BODY_BYTES + 1
    return 0


def _bounded(receive: Receive) -> Receive:
    """Return what receives no more than a body may have, whatever its length was said to be."""
    taken = 0

    async def bounded() -> Message:
        nonlocal taken
        message = await receive()
        taken += len(message.get("body", b""))
        if taken > BODY_BYTES:
            raise HTTPException(413, f"at most {BODY_BYTES} bytes are taken")
        return message

    return bounded


def _with_headers(send: Send) -> Send:
    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            names = {name.lower() for name, _ in message.get("headers", ())}
            added = [(name, value) for name, value in HEADERS.items() if name not in names]
            message = {**message, "headers": [*message.get("headers", ()), *added]}
        await send(message)

    return sending


async def _say(send: Send, status: int, text: str) -> None:
    body = encoded({"detail": text})
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    if status == 401:
        headers.append((b"www-authenticate", b"Bearer"))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
