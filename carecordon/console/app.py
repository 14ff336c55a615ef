"""The API process: `python -m carecordon.console.app DATA KEYS`.

It listens on loopback, where a token says who calls, and on the hub's own socket, where the operating system does.
Anywhere else it listens only over TLS. Endpoints are plain functions in threads: the event loop never waits for a disk.
"""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import socket
import ssl
import sys
from collections.abc import Iterator
from importlib import resources
from pathlib import Path
from typing import Any

import structlog
import uvicorn
from fastapi import Depends, FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException as StarletteHTTPException
from starlette.types import ASGIApp

import carecordon
from carecordon.console.answer import encoded
from carecordon.console.api import SHELF
from carecordon.console.control import ControlProtocol, control_socket
from carecordon.console.documented import documented
from carecordon.console.endpoint import Endpoint
from carecordon.console.guard import Door, guard
from carecordon.console.health import healthz, readyz, told_metrics
from carecordon.console.network import NetworkProtocol
from carecordon.console.premises import Premises
from carecordon.console.questions import Questions, ceiling
from carecordon.console.unfit import unfit
from carecordon.hub.config import Listen, Paths, Settings, read_settings
from carecordon.hub.keeper.store import open_reader
from carecordon.hub.process import Process
from carecordon.hub.pulse import read_pulses
from carecordon.model.errors import TheirFault, defect
from carecordon.register.backends.sqlite import SQLITE
from carecordon.report import story
from carecordon.report.story.catalogue import words_of

NAME = "api"
ROOT = "/api/v1"
CATALOGUE = "words.toml"
AT_ONCE = 100
"""Calls that are worked on at the same time; more are told to come back."""
HEADER_BYTES = 16_384
BACKLOG = 128
BARE = {
    "Not Found": f"there is nothing under this path: all that there is stands in {ROOT}/openapi.json",
    "Method Not Allowed": f"this path takes another method: see {ROOT}/openapi.json",
    "There was an error parsing the body": "body: it is no JSON in UTF-8",
}
"""What the framework says by itself, and what is said instead."""
LOOK_S = 0.5
STOP_S = 8

log = structlog.get_logger(process=NAME)


def make_app(premises: Premises) -> FastAPI:
    """Return the application of one hub, its door in front of it."""
    app = FastAPI(
        title="Carecordon hub",
        version=carecordon.__version__,
        description="One hospital's hub: incidents, devices, questions about events, and what its administrators do.",
        docs_url=None,
        redoc_url=None,
        openapi_url=f"{ROOT}/openapi.json",
    )
    app.state.premises = premises
    app.state.is_stopping = False
    for shelf in SHELF:
        for endpoint in shelf.endpoints:
            _add(app, shelf.name, endpoint)
    for path, call in (("/healthz", healthz), ("/readyz", readyz), ("/metrics", told_metrics)):
        app.add_api_route(path, call, methods=["GET"], include_in_schema=False)
    app.add_exception_handler(StarletteHTTPException, _refused)
    app.add_exception_handler(RequestValidationError, _unfit)
    app.add_exception_handler(ConnectionError, _away)
    app.add_exception_handler(OSError, _away)
    app.add_exception_handler(TheirFault, _unusable)
    app.add_exception_handler(Exception, _defect)
    app.add_middleware(Door, premises=premises)
    documented(app)
    return app


def _add(app: FastAPI, tag: str, endpoint: Endpoint) -> None:
    app.add_api_route(
        ROOT + endpoint.path,
        endpoint.call,
        methods=[endpoint.method],
        tags=[tag],
        dependencies=[Depends(guard(endpoint))],
        response_model=None,
        status_code=200,
        openapi_extra={"x-role": endpoint.role.value, "x-audit": endpoint.verb, "x-form": endpoint.form},
    )


async def _refused(_request: Request, fault: Exception) -> Response:
    assert isinstance(fault, StarletteHTTPException)  # noqa: S101  # what it is registered for
    detail = BARE.get(fault.detail, fault.detail)
    return JSONResponse({"detail": detail}, fault.status_code, headers=fault.headers)


async def _unfit(_request: Request, fault: Exception) -> Response:
    assert isinstance(fault, RequestValidationError)  # noqa: S101  # what it is registered for
    return Response(encoded({"detail": unfit(fault.errors())}), 422, media_type="application/json")


async def _away(_request: Request, fault: Exception) -> Response:
    log.error("something the API rests on does not answer", fault=str(fault), cause=str(fault.__cause__ or "")[:500])
    body = encoded({"detail": f"this cannot be answered now: {str(fault)[:300]}"})
    return Response(body, 503, {"retry-after": "5"}, "application/json")


async def _unusable(_request: Request, fault: Exception) -> Response:
    log.error("something the API rests on cannot be used", fault=str(fault))
    return JSONResponse({"detail": str(fault)[:500]}, 503)


async def _defect(request: Request, fault: Exception) -> Response:
    log.error("a call failed", path=request.url.path[:200], fault=defect(fault))
    return JSONResponse({"detail": "a defect of ours; it stands in the log of the process `api`"}, 500)


def bound(listen: Listen) -> tuple[socket.socket, ssl.SSLContext | None]:
    """Return the socket of the API and its TLS. Raises TheirFault where it would be open to a network without TLS."""
    context = _tls(listen)
    if context is None and not _is_loopback(listen.api_host):
        raise TheirFault(
            f"hub.toml: api_host {listen.api_host} is not this machine itself: "
            'set api_certificate and api_key there (TLS), or api_host = "127.0.0.1"'
        )
    family = socket.AF_INET6 if ":" in listen.api_host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # the end of an answer would wait 40 ms
        listening.bind((listen.api_host, listen.api))
        listening.listen(BACKLOG)
    except OSError as fault:
        listening.close()
        raise TheirFault(f"hub.toml: the API cannot listen on {listen.api_host}:{listen.api}: {fault}") from fault
    return listening, context


def _tls(listen: Listen) -> ssl.SSLContext | None:
    if listen.api_certificate is None or listen.api_key is None:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        context.load_cert_chain(listen.api_certificate, listen.api_key)
    except (OSError, ssl.SSLError) as fault:
        raise TheirFault(f"hub.toml: api_certificate and api_key cannot be used: {fault}") from fault
    return context


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return False  # a name is what the resolver says it is
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


class _Server(uvicorn.Server):
    """A server that leaves signals to the process."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Take none over."""
        yield


def make_server(app: ASGIApp, **options: Any) -> _Server:
    """Return a server of an application, with the limits of the API."""
    config = uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        date_header=True,
        lifespan="off",
        ws="none",
        limit_concurrency=AT_ONCE,
        h11_max_incomplete_event_size=HEADER_BYTES,
        timeout_graceful_shutdown=STOP_S,
        loop="none",
        **options,
    )
    return _Server(config)


async def serve(process: Process, app: FastAPI, listen: Listen, paths: Paths) -> None:
    """Serve until the process is asked to stop."""
    listening, context = bound(listen)
    control = control_socket(paths.control)
    network = make_server(app, http=NetworkProtocol)
    network.config.load()
    network.config.ssl = context
    local = make_server(app, http=ControlProtocol)
    try:
        running = [
            asyncio.create_task(network.serve([listening])),
            asyncio.create_task(local.serve([control])),
        ]
        while not (network.started and local.started):
            await asyncio.sleep(0.01)
            for task in running:
                if task.done():
                    task.result()
        process.ready()
        process.log.info("listening", api=listening.getsockname(), control=str(paths.control))
        while not process.is_stopping:
            calls = network.server_state.total_requests + local.server_state.total_requests
            await asyncio.to_thread(_look, process, app.state.premises, float(calls))
            await asyncio.sleep(LOOK_S)
        app.state.is_stopping = True
        network.should_exit = local.should_exit = True
        await asyncio.gather(*running)
    finally:
        listening.close()
        control.close()
        paths.control.unlink(missing_ok=True)


def _look(process: Process, premises: Premises, calls: float) -> None:
    """Say that this process lives, and remember what all say, so that it can be told how fast the counters rise."""
    process.beat({"calls_total": calls})
    premises.rates.take(read_pulses(premises.paths.run), premises.clock())


def open_premises(paths: Paths, settings: Settings) -> Premises:
    """Return a hub as the API works with it. Raises TheirFault where its register cannot be used."""
    register = SQLITE.open_register(str(paths.register))
    words = words_of((resources.files(story) / CATALOGUE).read_text("utf-8"), CATALOGUE)
    limits = ceiling(settings.limits)
    return Premises(paths, settings, register, Questions(lambda: open_reader(paths, limits)), words)


def main() -> None:
    """Serve until somebody asks for an end; 2 where the settings cannot be used."""
    paths = Paths(Path(sys.argv[1]), Path(sys.argv[2]))
    process = Process(NAME, paths)
    try:
        settings = read_settings(paths.settings)
        premises = open_premises(paths, settings)
        try:
            asyncio.run(serve(process, make_app(premises), settings.listen, paths))
        finally:
            premises.questions.close()
            premises.register.close()
    except TheirFault as fault:
        process.log.error("cannot serve", why=str(fault))  # noqa: TRY400  # whose fault it is stands in the text
        sys.exit(2)
    process.log.info("stopped")


if __name__ == "__main__":
    main()
