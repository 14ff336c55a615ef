"""The line from a command to a running hub: its socket, which only the hub's own user and root can open."""

from __future__ import annotations

import http.client
import json
import os
import select
import socket
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple, NoReturn
from urllib.parse import parse_qsl, quote, urlencode

import typer

from carecordon.cli.options import USAGE, say
from carecordon.cli.places import owner_of, start_command
from carecordon.hub.config import Paths
from carecordon.hub.lock import is_running

NO_HUB = 4
REFUSED = 3
"""The hub was asked, and did not do or answer it."""
NOT_FOUND = 404
ROOT = "/api/v1"
ALIVE = "/healthz"
CUT, AFTER = "carecordon-cut", "carecordon-after"
"""The headers of an answer that was cut: why, and what to ask with for what follows (console/answer.py)."""
TIMEOUT_S = 120.0
"""Who says nothing for so long, not even that it lives, does not answer."""
LOOK_S = 30.0
"""What takes longer is waited for as long as the hub lives: a backup of much, for example."""
ADDRESS_BYTES = 100
"""What a socket's address holds, with some to spare. Source: unix(7), sun_path."""
TRIES, PAUSE_S = 60, 0.5
"""How often, and how far apart, a process that answers is looked for that died: it is started again in seconds."""
LISTED = {
    "incidents": "`carecordon hub incidents` lists them",
    "devices": "`carecordon hub devices` lists them with their ids",
    "people": "`carecordon hub people` lists them",
    "dead-letters": "`carecordon hub dead-letters` lists them",
    "notices": "`carecordon hub notices --all` lists them",
}
"""What helps where there is none of those that were named, by the first part of the path."""
Query = Mapping[str, str | int | float | list[str] | None]
STOPPED = "stopped: "
"""How the reason of an answer begins that the hub's limits ended (telemetry/answer.py, which takes long to load)."""


class Answered(NamedTuple):
    """An answer as it came, why it was cut ('' where it was not), and what `--after` takes for what follows."""

    data: bytes
    cut: str = ""
    after: str = ""


class _Unix(http.client.HTTPConnection):
    """HTTP over a socket of this machine."""

    def __init__(self, path: Path) -> None:
        super().__init__("hub", timeout=TIMEOUT_S)
        self._path = path

    def connect(self) -> None:
        """Open the socket, by way of its folder's descriptor where the path is longer than an address may be."""
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        if len(os.fsencode(self._path)) <= ADDRESS_BYTES:
            self.sock.connect(str(self._path))
            return
        folder = os.open(self._path.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            self.sock.connect(f"/proc/self/fd/{folder}/{self._path.name}")
        finally:
            os.close(folder)


class Line:
    """Calls to the hub whose data lie in a folder. Ends the command in plain words where none runs, or it refuses."""

    def __init__(self, paths: Paths) -> None:
        """Speak to the hub of these folders."""
        self._paths = paths

    def get(self, path: str, query: Query | None = None) -> bytes:
        """Return the answer to a question, as JSON."""
        return self.answered(path, query, None, "json").data

    def rows(
        self, path: str, query: Query | None = None, body: Mapping[str, Any] | None = None
    ) -> tuple[list[dict[str, Any]], Answered]:
        """Return the rows of an answer, and the answer itself."""
        answered = self.answered(path, query, body, "json")
        return json.loads(answered.data)["rows"], answered

    def answered(self, path: str, query: Query | None, body: Mapping[str, Any] | None, form: str) -> Answered:
        """Return the answer in a form, to `body` where there is one."""
        with self._answer("GET" if body is None else "POST", path, query, body, form) as answer:
            found = answer.read()
        if answer.status >= 300:
            _refuse(answer.status, found, path)
        (name, value), *_ = parse_qsl(answer.headers.get(AFTER, "")) or [("", "")]
        return Answered(found, answer.headers.get(CUT, ""), value if name == "after" else "")

    def one(self, path: str) -> dict[str, Any]:
        """Return an answer that is one thing."""
        found = json.loads(self.get(path))
        assert isinstance(found, dict)  # noqa: S101  # the API's contract
        return found

    def post(self, path: str, body: Mapping[str, Any]) -> bytes:
        """Return the answer to an act."""
        return self.answered(path, None, body, "json").data

    def tried(self, path: str, body: Mapping[str, Any] | None = None) -> bytes | None:
        """Return the answer to an act; None where there is nothing of this path."""
        with self._answer("POST", path, None, body or {}, "json") as answer:
            found = answer.read()
        if answer.status >= 300 and answer.status != NOT_FOUND:
            _refuse(answer.status, found, path)
        return None if answer.status == NOT_FOUND else found

    def lines(self, path: str) -> Iterator[dict[str, Any]]:
        """Yield the lines of an answer as they come, until it ends or whoever gives it does."""
        with self._answer("GET", path, None, None, "jsonl") as answer:
            yield from _lines(answer, path)

    def followed(self, path: str) -> Iterator[dict[str, Any]]:
        """Yield the lines of an answer that has no end; where the process that answers dies, those of the next one.

        Ends the command where none comes.
        """
        while True:
            yield from self.lines(path)
            yield from self._next_ones(path)

    def _next_ones(self, path: str) -> Iterator[dict[str, Any]]:
        """Yield the lines of whoever answers next, and of those after it, for as long as the hub runs and one comes."""
        left = TRIES
        while left and is_running(self._paths):
            with (
                suppress(OSError, http.client.HTTPException),  # nobody is back yet, or the former one's socket closes
                self._asked("GET", path, None, None, "jsonl") as answer,
            ):
                for line in _lines(answer, path):
                    left = TRIES + 1
                    yield line
            left -= 1
            time.sleep(PAUSE_S)

    @contextmanager
    def _answer(
        self, method: str, path: str, query: Query | None, body: Mapping[str, Any] | None, form: str
    ) -> Iterator[http.client.HTTPResponse]:
        """Yield the answer; ends the command where there is none."""
        try:
            with self._asked(method, path, query, body, form) as answer:
                yield answer
        except PermissionError:
            owner = owner_of(self._paths) or "USER"
            what = "only the hub's own user and root may speak to it"
            say(f"{self._paths.data}: {what}: put `sudo -u {owner}` before the command")
            raise typer.Exit(NO_HUB) from None
        except (OSError, http.client.HTTPException) as fault:
            self._no_hub(fault)

    @contextmanager
    def _asked(
        self, method: str, path: str, query: Query | None, body: Mapping[str, Any] | None, form: str
    ) -> Iterator[http.client.HTTPResponse]:
        """Yield the answer. Raises OSError or HTTPException where there is none."""
        connection = _Unix(self._paths.control)
        known = {name: value for name, value in (query or {}).items() if value is not None}
        if form != "json":
            known["format"] = form
        target = f"{ROOT}{path}" + (f"?{urlencode(known, doseq=True)}" if known else "")
        try:
            data = None if body is None else json.dumps(body).encode()
            connection.request(method, target, data, {"content-type": "application/json"} if data else {})
            self._wait(connection)
            yield connection.getresponse()
        finally:
            connection.close()

    def _wait(self, connection: _Unix) -> None:
        """Wait for an answer. Raises OSError or HTTPException where the hub does not even say that it lives."""
        answered = select.poll()  # `select` itself knows no descriptor beyond 1,023, and a bench has ten thousand
        answered.register(connection.sock, select.POLLIN)
        while not answered.poll(LOOK_S * 1000):
            with closing(_Unix(self._paths.control)) as other:
                other.request("GET", ALIVE)
                other.getresponse().read()

    def _no_hub(self, fault: Exception) -> NoReturn:
        """Say which it is: there is no hub, none runs, or the process that answers for it does not."""
        data, log = self._paths.data, self._paths.logs / "api.log"
        is_nobody = isinstance(fault, FileNotFoundError | ConnectionRefusedError)
        how = f"{type(fault).__name__}: {fault}"
        if not self._paths.settings.exists():
            say(f"{data}: there is no hub here; make one with `carecordon hub init`, or name its folder with --data")
            raise typer.Exit(NO_HUB) from None
        if not is_running(self._paths):
            what = "is not running" if is_nobody else f"ended before it answered ({how})"
            say(f"{data}: the hub {what}; start it with `{start_command(data)}`")
            raise typer.Exit(NO_HUB) from None
        if is_nobody:
            say(
                f"{data}: the hub runs, but its process `api`, which answers, does not: it is starting, or it died and "
                f"is started again; try again in a moment, and where it stays so, look at {log}"
            )
        else:
            say(f"{data}: the hub runs, but does not answer ({how}): try again; {log} may say more")
        raise typer.Exit(REFUSED) from None


def _lines(answer: http.client.HTTPResponse, path: str) -> Iterator[dict[str, Any]]:
    """Yield the lines of an answer until it ends."""
    if answer.status != 200:
        _refuse(answer.status, answer.read(), path)
    while line := _line(answer):
        yield json.loads(line)


def _line(answer: http.client.HTTPResponse) -> bytes:
    """Return the next line; b'' at the end, also where it is cut off."""
    try:
        line = answer.readline()
    except (OSError, http.client.HTTPException):
        return b""
    return line if line.endswith(b"\n") else b""


def segment(text: str) -> str:
    """Return text as one part of a path."""
    return quote(text, safe="")


def _refuse(status: int, body: bytes, path: str) -> NoReturn:
    """Say why, and of what is not there what lists those that are."""
    detail = _detail(body) or f"the hub answered {status}"
    listed = LISTED.get(path.strip("/").partition("/")[0])
    if status == NOT_FOUND and listed:
        detail += f"; {listed}"
    say(detail)
    raise typer.Exit(USAGE if status in {400, 404, 409, 422} else REFUSED)


def _detail(body: bytes) -> str:
    """Return what the API says."""
    try:
        detail = json.loads(body)["detail"]
    except (ValueError, KeyError, TypeError):
        return ""
    return detail if isinstance(detail, str) else ""
