"""ClickHouse's HTTP protocol, as much of it as its client needs: who may speak, what was asked, what became of it."""

from __future__ import annotations

import asyncio
import base64
import binascii
import gzip
import hmac
import json
import time
import zlib
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

import zstandard

from carecordon.hub.keeper.address import HOST, Address, Role
from carecordon.hub.keeper.door import PARAMETER, Ask, Insert, Shut, admit
from carecordon.hub.keeper.engine import Engine, EngineFault
from carecordon.hub.keeper.frozen import PATH

MAX_INSERT = 256 << 20
MAX_QUESTION = 256 << 10
MAX_WAITING = 32
QUESTIONS = 2
BROWSER = frozenset({b"origin", b"referer", b"cookie", b"sec-fetch-site", b"sec-fetch-mode", b"sec-fetch-dest"})
"""What only a browser sends: no page may reach the store through somebody's machine."""
AUTHENTICATION_FAILED, TOO_MANY, TOO_LARGE, CANNOT_DECOMPRESS, BAD_REQUEST = 516, 202, 307, 271, 36
_PACK_FROM = 1_024

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]


@dataclass(slots=True)
class Counted:
    """What the keeper has done since it started."""

    inserts_total: float = 0
    insert_seconds_total: float = 0
    insert_bytes_total: float = 0
    questions_total: float = 0
    question_seconds_total: float = 0
    refused_total: float = 0
    faults_total: float = 0


@dataclass(frozen=True, slots=True)
class Reply:
    """What goes back: status, body, and ClickHouse's number of an error (0: none)."""

    status: int
    body: bytes
    code: int = 0
    form: str = ""


@dataclass(slots=True)
class Door:
    """The application: an address is known to it once it listens."""

    engine: Engine
    address: Address
    counted: Counted = field(default_factory=Counted)
    waiting: int = 0
    _writer: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(1, "insert"))
    _readers: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(QUESTIONS, "ask"))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            return
        headers = {name.lower(): value for name, value in scope["headers"]}
        reply = await self._reply(scope, headers, receive)
        self.counted.refused_total += 400 <= reply.status < 500
        await _send(reply, headers, dict(parse_qsl(scope["query_string"].decode("latin-1"))).get("query_id", ""), send)

    async def _reply(self, scope: Scope, headers: Mapping[bytes, bytes], receive: Receive) -> Reply:
        allowed = (f"{HOST}:{self.address.port}".encode(), f"localhost:{self.address.port}".encode())
        if not BROWSER.isdisjoint(headers) or headers.get(b"host") not in allowed:
            return _error(403, AUTHENTICATION_FAILED, "no browser and no other name is served here")
        if scope["path"] == "/ping":
            return Reply(200, b"Ok.\n")
        role = self._role(headers)
        if role is None:
            return _error(403, AUTHENTICATION_FAILED, "user or password is wrong")
        if scope["path"] == PATH and scope["method"] == "POST" and role is Role.WORKER:
            return await asyncio.get_running_loop().run_in_executor(self._writer, self._freeze)
        if scope["path"] != "/" or scope["method"] not in ("GET", "POST"):
            return _error(404, BAD_REQUEST, "there is nothing here: GET or POST / with a query")
        try:
            pairs = parse_qsl(
                scope["query_string"].decode(), keep_blank_values=True, max_num_fields=200, errors="strict"
            )
        except ValueError:
            return _error(400, BAD_REQUEST, "the address cannot be read")
        words = {name: value for name, value in pairs if value or name == "query" or name.startswith(PARAMETER)}
        if len({name for name, _ in pairs}) != len(pairs):
            return _error(400, BAD_REQUEST, "a word stands twice in the address")
        body = await _body(receive, headers, MAX_INSERT if role is Role.WORKER else MAX_QUESTION)
        if isinstance(body, Reply):
            return body
        if self.waiting >= MAX_WAITING:
            return _error(503, TOO_MANY, "too many wait already; ask again in a moment")
        self.waiting += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(
                self._writer if role is Role.WORKER else self._readers, self._do, role, words, body
            )
        finally:
            self.waiting -= 1

    def _role(self, headers: Mapping[bytes, bytes]) -> Role | None:
        user, secret = _credentials(headers)
        found = None
        for role in Role:
            is_right = hmac.compare_digest(secret, self.address.secret(role).encode())
            if is_right and user == role.value.encode():
                found = role
        return found

    def _do(self, role: Role, words: Mapping[str, str], body: bytes) -> Reply:
        """Carry out what the door admits, in a thread of its own."""
        asked = admit(role, words, body)
        started = time.monotonic()
        try:
            match asked:
                case Shut(code, reason):
                    return _error(403 if role is Role.WORKER else 400, code, reason)
                case Insert(token, block):
                    self.engine.insert(block, token)
                    self.counted.inserts_total += 1
                    self.counted.insert_bytes_total += len(block)
                    self.counted.insert_seconds_total += time.monotonic() - started
                    return Reply(200, b"")
                case Ask(sql, form, limits):
                    answer = self.engine.ask(sql, form, limits)
                    self.counted.questions_total += 1
                    self.counted.question_seconds_total += time.monotonic() - started
                    return Reply(200, answer, 0, form)
        except EngineFault as fault:
            self.counted.faults_total += 1
            return Reply(500, f"{fault}\n".encode(), fault.code)

    def _freeze(self) -> Reply:
        """Hold the store still between two inserts."""
        try:
            self.engine.freeze()
        except EngineFault as fault:
            self.counted.faults_total += 1
            return Reply(500, f"{fault}\n".encode(), fault.code)
        return Reply(200, b"")

    def close(self) -> None:
        """Wait for what is being done."""
        self._writer.shutdown()
        self._readers.shutdown()


def _credentials(headers: Mapping[bytes, bytes]) -> tuple[bytes, bytes]:
    kind, _, coded = headers.get(b"authorization", b"").partition(b" ")
    if kind.lower() == b"basic":
        try:
            user, _, secret = base64.b64decode(coded, validate=True).partition(b":")
        except binascii.Error:
            return b"", b""
        return user, secret
    return headers.get(b"x-clickhouse-user", b""), headers.get(b"x-clickhouse-key", b"")


def _error(status: int, code: int, reason: str) -> Reply:
    return Reply(status, f"Code: {code}. DB::Exception: {reason}\n".encode(), code)


async def _body(receive: Receive, headers: Mapping[bytes, bytes], limit: int) -> bytes | Reply:
    parts, size = [], 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return _error(400, BAD_REQUEST, "the request broke off")
        size += len(message.get("body", b""))
        if size > limit:
            return _error(413, TOO_LARGE, f"at most {limit} bytes are taken")
        parts.append(message.get("body", b""))
        if not message.get("more_body"):
            break
    packed = b"".join(parts)
    match headers.get(b"content-encoding", b""):
        case b"" | b"identity":
            return packed
        case b"zstd" | b"gzip" as coding:
            return _unpacked(packed, coding, limit)
        case _:
            return _error(400, CANNOT_DECOMPRESS, "only zstd and gzip are unpacked here")


def _unpacked(packed: bytes, coding: bytes, limit: int) -> bytes | Reply:
    try:
        if coding == b"gzip":
            opened = zlib.decompressobj(wbits=31)
            found = opened.decompress(packed, limit + 1)
        else:
            with zstandard.ZstdDecompressor(max_window_size=1 << 27).stream_reader(packed) as reader:
                found = reader.read(limit + 1)
    except (zlib.error, zstandard.ZstdError):
        return _error(400, CANNOT_DECOMPRESS, "the body cannot be unpacked")
    return found if len(found) <= limit else _error(413, TOO_LARGE, f"at most {limit} bytes are taken")


async def _send(reply: Reply, headers: Mapping[bytes, bytes], query_id: str, send: Send) -> None:
    body = reply.body
    answer = [
        (b"content-type", b"text/plain; charset=UTF-8" if reply.code else b"application/octet-stream"),
        (b"x-clickhouse-timezone", b"UTC"),
        (b"x-clickhouse-query-id", query_id.encode("ascii", "replace")[:100].replace(b"\n", b"").replace(b"\r", b"")),
        (b"x-clickhouse-summary", json.dumps({"read_rows": "0", "written_rows": "0"}).encode()),
    ]
    if reply.code:
        answer.append((b"x-clickhouse-exception-code", str(reply.code).encode()))
    if reply.form:
        answer.append((b"x-clickhouse-format", reply.form.encode()))
    taken = {part.split(b";")[0].strip() for part in headers.get(b"accept-encoding", b"").split(b",")}
    if len(body) > _PACK_FROM and b"zstd" in taken:
        body = await asyncio.to_thread(zstandard.ZstdCompressor(level=1).compress, body)
        answer.append((b"content-encoding", b"zstd"))
    elif len(body) > _PACK_FROM and b"gzip" in taken:
        body = await asyncio.to_thread(gzip.compress, body, 1)
        answer.append((b"content-encoding", b"gzip"))
    answer.append((b"content-length", str(len(body)).encode()))
    await send({"type": "http.response.start", "status": reply.status, "headers": answer})
    await send({"type": "http.response.body", "body": body})
