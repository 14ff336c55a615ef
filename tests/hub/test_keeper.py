"""The keeper as a process: who may speak to it, what it does for whom, and how it begins and ends."""

from __future__ import annotations

import base64
import http.client
import os
import resource
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from urllib.parse import urlencode

import clickhouse_connect
import pytest
import zstandard

from carecordon.hub.keeper.address import Role
from carecordon.hub.keeper.engine import Engine, EngineFault
from carecordon.hub.keeper.keeper import ADDRESS_SPACE_BYTES, listener
from carecordon.hub.pulse import read_pulses
from carecordon.telemetry.answer import Answer, Place
from carecordon.telemetry.columns import COLUMNS, DATABASE, TABLE
from carecordon.telemetry.store import block_of
from tests.telemetry.injections import INJECTIONS
from tests.telemetry.keeping import Keeping, keeping, merged, start, stop

INSERT = f"INSERT INTO {TABLE} ({', '.join(column.name for column in COLUMNS)}) FORMAT Native"


@pytest.fixture(scope="module")
def keeper(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Keeping]:
    with keeping(tmp_path_factory.mktemp("keeper")) as found:
        yield found


def login(user: str, secret: str) -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(f"{user}:{secret}".encode()).decode()}


def speak(
    keeper: Keeping,
    role: Role | None,
    query: str | None = None,
    body: bytes = b"",
    *,
    words: Mapping[str, str] | None = None,
    headers: Mapping[str, str] | None = None,
    path: str = "/",
) -> tuple[int, str | None, bytes]:
    """Return status, ClickHouse's number of the error, and body of one request."""
    address = keeper.address
    connection = http.client.HTTPConnection("127.0.0.1", address.port, timeout=60)
    address_words = dict(words or {}) | ({} if query is None else {"query": query})
    sent = ({} if role is None else login(role.value, address.secret(role))) | dict(headers or {})
    try:
        connection.request("POST", f"{path}?{urlencode(address_words)}", body, sent)
        answer = connection.getresponse()
        return answer.status, answer.headers.get("X-ClickHouse-Exception-Code"), answer.read()
    finally:
        connection.close()


def test_its_address_is_for_its_owner_only(keeper: Keeping) -> None:
    path = keeper.data / "run" / "keeper.json"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE((keeper.data / "telemetry").stat().st_mode) == 0o700
    assert keeper.address.worker != keeper.address.reader


def test_the_end_of_an_answer_waits_for_nothing() -> None:
    """Without it Nagle's algorithm holds the last segment until the asker's delayed acknowledgement, 40 ms later."""
    with listener() as listening, socket.create_connection(listening.getsockname()[:2]), listening.accept()[0] as one:
        assert one.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


def test_the_ordinary_client_connects_and_asks(keeper: Keeping) -> None:
    address = keeper.address
    client = clickhouse_connect.get_client(
        host="127.0.0.1", port=address.port, username="reader", password=address.reader, database=DATABASE
    )
    assert client.ping()
    assert client.query("SELECT {a:String}, {b:Int64}", parameters={"a": "it's\t\\ é", "b": -3}).result_rows == [
        ("it's\t\\ é", -3)
    ]
    long = "x," * 9_000
    assert client.query(f"SELECT arrayStringConcat(splitByChar(',', '{long}'), ';')").result_rows == [("x;" * 9_000,)]
    client.close()


@pytest.mark.parametrize(
    "headers",
    [
        {},
        login("reader", ""),
        login("reader", "x"),
        login("", ""),
        login("admin", "x"),
        {"Authorization": "Basic ?"},
        {"Authorization": "Bearer x"},
        {"X-ClickHouse-User": "default", "X-ClickHouse-Key": ""},
    ],
)
def test_without_the_secret_nothing(keeper: Keeping, headers: dict[str, str]) -> None:
    assert speak(keeper, None, "SELECT 1", headers=headers)[:2] == (403, "516")


def test_one_role_s_secret_is_not_the_other_s(keeper: Keeping) -> None:
    assert speak(keeper, None, "SELECT 1", headers=login("reader", keeper.address.worker))[:2] == (403, "516")
    assert speak(keeper, None, "SELECT 1", headers=login("worker", keeper.address.reader))[:2] == (403, "516")


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://127.0.0.1"},
        {"Origin": "null"},
        {"Referer": "http://example.org/"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Cookie": "a=b"},
        {"Host": "example.org"},
        {"Host": "127.0.0.1"},
    ],
)
@pytest.mark.parametrize("path", ["/", "/ping"])
def test_no_browser_gets_in_even_with_the_secret(keeper: Keeping, headers: dict[str, str], path: str) -> None:
    assert speak(keeper, Role.READER, "SELECT 1", headers=headers, path=path)[0] == 403


@pytest.mark.parametrize("role", Role)
def test_no_injection_gets_past_the_door(keeper: Keeping, role: Role, tmp_path: Path) -> None:
    for sql in INJECTIONS:
        told = sql.encode()
        assert speak(keeper, role, sql)[0] in (400, 403), sql
        assert speak(keeper, role, body=told)[0] in (400, 403), sql
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("query", ["SELECT Image FROM events", "SELECT 1", "DROP TABLE events"])
def test_a_worker_asks_nothing(keeper: Keeping, query: str) -> None:
    assert speak(keeper, Role.WORKER, query)[:2] == (403, "497")


def test_a_reader_inserts_nothing(keeper: Keeping) -> None:
    words = {"insert_deduplication_token": "t"}
    assert speak(keeper, Role.READER, INSERT, block_of(merged([{"Image": "a"}])), words=words)[0] == 400


@pytest.mark.parametrize(
    ("query", "words"),
    [
        (INSERT, {}),
        (INSERT, {"insert_deduplication_token": ""}),
        (INSERT, {"insert_deduplication_token": "t' , readonly = '0"}),
        (INSERT, {"insert_deduplication_token": "t", "insert_deduplicate": "0"}),
        (INSERT, {"insert_deduplication_token": "t", "fsync_after_insert": "0"}),
        (INSERT, {"insert_deduplication_token": "t", "database": "system"}),
        (INSERT.replace("Native", "CSV"), {"insert_deduplication_token": "t"}),
        (INSERT.replace("events", "events2"), {"insert_deduplication_token": "t"}),
        (INSERT.replace("events", "system.events"), {"insert_deduplication_token": "t"}),
        (INSERT.replace("shape", "sha"), {"insert_deduplication_token": "t"}),
        (INSERT + " SETTINGS a = 1", {"insert_deduplication_token": "t"}),
        (f"INSERT INTO {TABLE} FORMAT Native", {"insert_deduplication_token": "t"}),
    ],
)
def test_only_the_one_insert_is_taken(keeper: Keeping, query: str, words: dict[str, str]) -> None:
    assert speak(keeper, Role.WORKER, query, block_of(merged([{"Image": "a"}])), words=words)[0] == 403


@pytest.mark.parametrize(
    "block", [b"", b"\x00\x00", b"garbage" * 99, b"\xff" * 5_000, b"SELECT 1", b"\x01\x01\x01a\x04Int8\x07"]
)
def test_a_block_that_is_none_does_no_harm(keeper: Keeping, block: bytes) -> None:
    status, _, _ = speak(keeper, Role.WORKER, INSERT, block, words={"insert_deduplication_token": "g"})
    assert status in (200, 500)
    reader = keeper.reader()
    assert isinstance(reader.ask("SELECT count() FROM events"), Answer)
    reader.close()


@pytest.mark.parametrize(
    "words",
    [
        {"max_execution_time": "0"},
        {"max_execution_time": "9999"},
        {"max_execution_time": "-1"},
        {"max_execution_time": "٣"},
        {"limit": "99999999999999999999999"},
        {"max_threads": "99"},
        {"readonly": "0"},
        {"allow_ddl": "1"},
        {"stacktrace": "1"},
        {"profile": "default"},
        {"role": "x"},
        {"user": "default"},
        {"password": "x"},
        {"database": "system"},
        {"default_format": "Template"},
    ],
)
def test_what_a_reader_may_not_set(keeper: Keeping, words: dict[str, str]) -> None:
    assert speak(keeper, Role.READER, "SELECT 1", words=words)[0] == 400


def test_bodies_are_bounded_before_they_are_unpacked(keeper: Keeping) -> None:
    bomb = zstandard.compress(b"a" * 50_000_000)
    assert speak(keeper, Role.READER, body=bomb, headers={"Content-Encoding": "zstd"})[0] == 413
    assert speak(keeper, Role.READER, body=b"x" * 300_000)[0] == 413
    assert speak(keeper, Role.READER, body=b"x", headers={"Content-Encoding": "zstd"})[0] == 400
    assert speak(keeper, Role.READER, body=b"x", headers={"Content-Encoding": "br"})[0] == 400


def test_it_says_each_second_that_it_lives(keeper: Keeping) -> None:
    deadline = time.monotonic() + 30
    first = None
    while time.monotonic() < deadline:
        pulses = {one.name: one for one in read_pulses(keeper.data / "run")}
        if "keeper" in pulses:
            first = first or pulses["keeper"]
            if pulses["keeper"].at > first.at:
                assert {"rows", "inserts_total", "peak_rss_bytes"} <= pulses["keeper"].figures.keys()
                return
        time.sleep(0.05)
    pytest.fail("no second pulse came")


def test_a_second_keeper_of_the_same_folder_is_refused(keeper: Keeping) -> None:
    told = subprocess.run(
        [sys.executable, "-m", "carecordon.hub.keeper", str(keeper.data)], capture_output=True, text=True, check=False
    )
    assert told.returncode == 1
    assert "another keeper owns it" in told.stderr


def test_what_was_inserted_is_there_after_a_kill_and_a_clean_end(tmp_path: Path) -> None:
    batch = merged([{"Image": "a", "ProcessId": 4}, {"Extra": None}])
    process = start(tmp_path)
    kept = Keeping(tmp_path, process)
    store, reader = kept.telemetry(), kept.reader()
    secret = kept.address.reader
    store.insert(batch, "once")
    process.kill()
    process.communicate()
    with pytest.raises(ConnectionError):
        store.insert(batch, "once")
    process = start(tmp_path)
    assert kept.address.reader != secret
    store.insert(batch, "once")
    found = reader.ask("SELECT count() FROM events")
    assert isinstance(found, Answer)
    assert found.rows == ((2,),)
    event = reader.event(Place("d-0", 7, 2))
    assert event is not None
    assert event.fields["Extra"] is None
    store.close()
    reader.close()
    assert stop(process) == 0
    assert not (tmp_path / "run" / "keeper.json").exists()


def test_it_runs_nicer_than_the_gate(keeper: Keeping) -> None:
    assert os.getpriority(os.PRIO_PROCESS, keeper.process.pid) > os.getpriority(os.PRIO_PROCESS, 0)


def test_it_holds_no_more_memory_than_was_set(keeper: Keeping) -> None:
    """Planning a question obeys none of the engine's own limits."""
    assert resource.prlimit(keeper.process.pid, resource.RLIMIT_AS)[0] == ADDRESS_SPACE_BYTES


def test_one_question_s_limits_do_not_stay_for_the_next(tmp_path: Path) -> None:
    engine = Engine(tmp_path / "telemetry", 30, 1)
    try:
        limits = "SELECT getSetting('max_execution_time'), getSetting('max_memory_usage'), getSetting('limit')"
        before = engine.ask(limits, "TabSeparated", {})
        engine.ask("SELECT 1", "TabSeparated", {"max_execution_time": 1, "max_memory_usage": 9_000_000, "limit": 1})
        assert engine.ask(limits, "TabSeparated", {}) == before
    finally:
        engine.close()


def test_a_limit_that_could_not_be_set_back_is_by_the_next_question(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = Engine(tmp_path / "telemetry", 30, 1)
    run = Engine._run

    def failing(self: Engine, handle: object, sql: str, form: str) -> bytes:
        if sql.startswith("SET limit"):
            raise EngineFault("no memory is left")
        return run(self, handle, sql, form)  # type: ignore[arg-type]  # handed on as it came

    try:
        asked = "SELECT getSetting('limit')"
        before = engine.ask(asked, "TabSeparated", {"limit": 0})
        engine.ask("SELECT 1", "TabSeparated", {"limit": 1})
        with monkeypatch.context() as patch:
            patch.setattr(Engine, "_run", failing)
            with pytest.raises(EngineFault):
                engine.ask(asked, "TabSeparated", {"limit": 0})
        assert engine.ask(asked, "TabSeparated", {"limit": 0}) == before
        assert engine.ask(asked, "TabSeparated", {}) == before
    finally:
        engine.close()
