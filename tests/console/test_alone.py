"""The API by itself: without a keeper, with a slow caller, at its end, and with settings that cannot be."""

from __future__ import annotations

import csv
import io
import signal
import socket
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from carecordon.console.answer import Answer, _csv, encoded
from carecordon.console.questions import READERS, WAITING, Questions
from carecordon.model.person import Role
from tests.console.living import DEVICE, Living, living


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Living]:
    with living(tmp_path_factory.mktemp("alone")) as made:
        yield made


def test_without_a_store_incidents_are_told_from_the_register_and_say_so(alone: Living) -> None:
    with alone.client() as client:
        whole = client.get("/incidents/1").json()
        assert "whoami.exe" in whole["summary"]
        assert any("The store of events does not answer" in text for text in whole["unknown"])
        assert client.get(f"/devices/{DEVICE}").json()["coverage"] is None
        away = client.post("/ask", json={"sql": "SELECT count() AS n FROM events"})
        assert away.status_code == 503
        assert away.headers["retry-after"]


def test_a_caller_who_never_ends_a_request_does_not_stop_others(alone: Living) -> None:
    host, port = alone.base.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port))) as slow, alone.client(Role.READER) as client:
        slow.sendall(b"GET /api/v1/status HTTP/1.1\r\nx-never: ")
        assert client.get("/incidents").status_code == 200


def test_headers_without_end_are_cut_off(alone: Living) -> None:
    host, port = alone.base.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=10) as endless:
        try:
            endless.sendall(b"GET / HTTP/1.1\r\n" + b"x-a: " + b"b" * 1_000_000)
            heard = endless.recv(1_000)
        except OSError:
            heard = b""
    assert not heard or b" 400 " in heard.split(b"\r\n")[0]


def test_a_backup_is_taken_at_the_hub_itself(alone: Living, tmp_path: Path) -> None:
    body = {"target": str(tmp_path / "a.backup"), "passphrase": "correct horse battery staple"}
    with alone.client() as client:
        assert client.post("/backup", json=body).status_code == 403
    with alone.local() as local:
        taken = local.post("/backup", json=body)
        assert taken.status_code == 200, taken.text
        assert taken.json()["size_bytes"] == (tmp_path / "a.backup").stat().st_size
        assert local.post("/backup", json=body).status_code == 409, "it never writes over another"
        assert local.post("/backup", json={**body, "target": "a.backup"}).status_code == 422


def test_a_folder_that_the_hub_sees_otherwise_gets_no_backup(alone: Living, tmp_path: Path) -> None:
    """As under systemd, which gives a service a /tmp of its own."""
    body = {"target": str(tmp_path / "a.backup"), "passphrase": "correct horse battery staple"}
    status = tmp_path.stat()
    with alone.local() as local:
        other = local.post("/backup", json={**body, "folder": [status.st_dev, status.st_ino + 1]})
        assert (other.status_code, "another folder than you do" in other.text) == (409, True)
        assert f"such as {alone.paths.data.parent}" in other.text
        assert not any(tmp_path.iterdir())
        assert local.post("/backup", json={**body, "folder": [status.st_dev, status.st_ino]}).status_code == 200


def test_the_hubs_own_socket_says_that_it_lives(alone: Living) -> None:
    with alone.local() as local:
        assert local.get("http://hub/healthz").status_code == 200


def test_it_ends_when_it_is_asked_to_even_while_somebody_watches(tmp_path: Path) -> None:
    with living(tmp_path) as hub, hub.client() as client, client.stream("GET", "/watch") as answer:
        lines = answer.iter_lines()
        next(lines)
        process = hub.process
        assert process is not None
        process.send_signal(signal.SIGTERM)
        for _ in lines:
            continue
        assert process.wait(20) == 0
        assert not hub.paths.control.exists()


def test_more_questions_than_can_wait_are_told_to_come_back() -> None:
    questions = Questions(lambda: pytest.fail("no reader is needed"))
    for _ in range(READERS + WAITING):
        questions._room.acquire()
    with pytest.raises(ConnectionError, match="too many"), questions.reader():
        pass


def test_no_value_breaks_a_form() -> None:
    row = {"a": "=cmd()", "b": 1 << 70, "c": "\ud800", "d": {"e": [1, None]}, "f": b"x", "g": float("nan")}
    assert b"=cmd()" in encoded(row)
    text = "".join(_csv(Answer(tuple(row), [row], "enough")))
    assert '"\'=cmd()"' in text
    assert "(enough)" in text


def test_an_unknown_host_is_nobody(alone: Living) -> None:
    assert httpx.get(f"{alone.base}/api/v1/incidents", trust_env=False).status_code == 401


@pytest.mark.parametrize("name", ["=HYPERLINK(1)", "+1", "-1", "@SUM", "\tx", " =x", "\uff1dx"])
def test_what_a_sender_calls_a_field_is_no_formula(name: str) -> None:
    text = "".join(_csv(Answer(("time", name), [{"time": "now", name: name}])))
    head, cells = csv.reader(io.StringIO(text.removeprefix("\ufeff")))
    assert head == ["time", f"'{name}"]
    assert cells == ["now", head[1]]
