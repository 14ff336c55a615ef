"""A command waits for its answer for as long as the hub is at work, and no longer than the hub lives."""

from __future__ import annotations

import os
import resource
import signal
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler
from itertools import islice
from pathlib import Path

import pytest
import typer
from rich.console import Console

from carecordon.cli import hub_line
from carecordon.cli.hub_line import NO_HUB, REFUSED, Line
from carecordon.cli.hub_watch import watch
from carecordon.console.control import control_socket
from carecordon.hub.config import Paths
from carecordon.hub.lock import is_running, lock, lock_keys
from carecordon.model.errors import TheirFault
from tests.cli.calling import start

PATIENCE_S = 30.0
"""Of the test itself: nothing waits so long unless it is broken."""


class Slow(socketserver.ThreadingUnixStreamServer):
    """A hub that answers an act only after it was asked three times whether it lives."""

    daemon_threads = True
    asked = 0
    is_dying = False
    views = 0
    resets: frozenset[int] = frozenset()
    """Views, by number, that are closed before a line of theirs is said."""

    def __init__(self, path: Path) -> None:
        self.is_asked, self.is_done = threading.Event(), threading.Event()
        super().__init__(str(path), Answers)


class Answers(BaseHTTPRequestHandler):
    """What it says."""

    server: Slow

    def do_POST(self) -> None:
        if self.server.is_dying:
            Path(str(self.server.server_address)).unlink()
        self.server.is_asked.set()
        self._say(200 if self.server.is_done.wait(PATIENCE_S) else 500)

    def do_GET(self) -> None:
        if self.path.startswith("/api/v1/watch"):
            self.server.views += 1
            if self.server.views in self.server.resets:
                return
            line = b'{"type": "incident", "number": 1, "version": %d}\n' % (self.server.views // 2)
            self._say(200, line + b'{"type": "inc')  # and there it dies
            return
        self.server.asked += self.path == "/healthz"
        if self.server.asked == 3:
            self.server.is_done.set()
        self._say(200)

    def _say(self, status: int, body: bytes = b"{}") -> None:
        self.send_response(status)
        self.send_header("content-length", str(len(body)))
        with suppress(BrokenPipeError):  # nobody waits for it any more
            self.end_headers()
            self.wfile.write(body)

    def address_string(self) -> str:
        return "here"

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the name is the library's
        return


@contextmanager
def slow(paths: Paths) -> Iterator[Slow]:
    paths.run.mkdir(parents=True)
    with Slow(paths.control) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield server
        finally:
            server.is_done.set()
            server.shutdown()
            thread.join()


@pytest.fixture
def paths(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Paths:
    monkeypatch.setattr(hub_line, "LOOK_S", 0.01)
    made = Paths(tmp_path / "d", tmp_path / "k")
    made.data.mkdir()
    made.settings.write_text("")
    return made


def test_what_takes_long_is_waited_for_while_the_hub_lives(paths: Paths) -> None:
    with slow(paths) as server:
        assert Line(paths).post("/backup", {}) == b"{}"
        assert server.asked >= 3


def test_who_has_thousands_of_files_open_may_ask(paths: Paths) -> None:
    """As the bench has, which asks beside ten thousand devices."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    files = [os.open(os.devnull, os.O_RDONLY) for _ in range(1_100)]
    try:
        with slow(paths):
            assert Line(paths).get("/status") == b"{}"
    finally:
        for file in files:
            os.close(file)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_who_waits_no_longer_for_a_backup_is_told_that_the_hub_goes_on(
    paths: Paths, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CARECORDON_PASSPHRASE", "four words and some more")
    target = paths.data / "hub.backup"
    with slow(paths) as server, start("hub", "backup", target, "--data", paths.data) as waiting:
        assert server.is_asked.wait(PATIENCE_S)
        waiting.send_signal(signal.SIGINT)
        out, err = waiting.communicate()
    assert (waiting.returncode, out) == (130, b"")
    assert err.decode() == (
        f"carecordon: nobody waits for it any more, but the hub goes on: {target} is there when it is done\n"
    )


def test_a_hub_that_dies_meanwhile_is_waited_for_no_longer(paths: Paths, capsys: pytest.CaptureFixture[str]) -> None:
    with slow(paths) as server:
        server.is_dying = True
        with pytest.raises(typer.Exit) as ended:
            Line(paths).post("/backup", {})
    assert ended.value.exit_code == NO_HUB
    assert f"{paths.data}: the hub is not running" in capsys.readouterr().err


def test_a_view_goes_on_with_the_process_that_comes_next(paths: Paths) -> None:
    with slow(paths):
        lines = Line(paths).followed("/watch")
        assert [line["version"] for line in islice(lines, 4)] == [0, 1, 1, 2]
    with pytest.raises(typer.Exit) as ended:
        next(lines)
    assert ended.value.exit_code == NO_HUB


def test_a_view_outlives_those_who_die_before_they_say_a_line(
    paths: Paths, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(hub_line, "PAUSE_S", 0.01)
    monkeypatch.setattr(hub_line, "TRIES", 3)
    with slow(paths) as server, lock(paths):
        server.resets = frozenset({2, 3, 5, 6, 8, 9, 10, 11})
        lines = Line(paths).followed("/watch")
        assert [line["version"] for line in islice(lines, 3)] == [0, 2, 3], "views 1, 4 and 7"
        with pytest.raises(typer.Exit) as ended:
            next(lines)
    assert ended.value.exit_code == REFUSED
    assert "the hub runs, but does not answer" in capsys.readouterr().err


def test_a_view_that_goes_on_tells_nothing_twice(paths: Paths) -> None:
    told = {"title": "A story", "level": "high", "devices_total": 1, "devices": ["PC"], "summary": "", "last": "2026"}
    screen = Console(width=100)
    with slow(paths), screen.capture() as seen:
        watch((told | line for line in islice(Line(paths).followed("/watch"), 6)), screen, None)
    assert seen.get().count("A story") == 4, "versions 0 to 3, two views each"


@pytest.mark.parametrize("left", ["nothing", "a socket"])
def test_a_hub_whose_api_is_down_runs_and_that_is_said(
    paths: Paths, capsys: pytest.CaptureFixture[str], left: str
) -> None:
    if left == "a socket":
        paths.run.mkdir()
        control_socket(paths.control).close()
    with lock(paths), pytest.raises(typer.Exit) as ended:
        Line(paths).get("/status")
    assert ended.value.exit_code == REFUSED
    said = capsys.readouterr().err
    assert "the hub runs, but its process `api`" in said
    assert f"{paths.logs}/api.log" in said
    assert "carecordon up" not in said
    with pytest.raises(typer.Exit) as ended:
        Line(paths).get("/status")
    assert ended.value.exit_code == NO_HUB
    assert f"not running; start it with `carecordon up --data {paths.data} --keys ITS-KEYS`" in capsys.readouterr().err


def test_a_second_hub_is_kept_off_and_a_look_keeps_nobody_off(paths: Paths) -> None:
    assert not is_running(paths)
    with lock(paths):
        assert is_running(paths)
        with pytest.raises(TheirFault, match="runs on it already"):
            lock(paths)
    assert not is_running(paths)
    lock(paths).close()


def test_a_copy_of_a_hub_does_not_run_with_its_keys_beside_it(tmp_path: Path) -> None:
    (tmp_path / "ca.key").write_text("invented", "utf-8")
    with lock_keys(tmp_path / "ca.key"), pytest.raises(TheirFault, match="another hub runs with these keys"):
        lock_keys(tmp_path / "ca.key")
    lock_keys(tmp_path / "ca.key").close()
    with pytest.raises(TheirFault, match="name the folder of this hub's keys with --keys"):
        lock_keys(tmp_path / "none" / "ca.key")
