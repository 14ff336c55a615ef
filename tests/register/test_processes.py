"""Several processes at one register: killed anywhere, nothing is half done; writing at once, nothing is lost."""

from __future__ import annotations

import errno
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from carecordon.model.audit import Act
from carecordon.model.kept import Committed
from carecordon.register.backends import sqlite
from carecordon.register.backends.sql import cases
from carecordon.register.backends.sql.letters import SqlCheckpoints
from carecordon.register.backends.sqlite import COPY_BACK_AT, SQLITE
from carecordon.register.register import Register
from tests.register.example import NOW, dump, enrol_token, whole_commit

HASTE = 120
"""Seconds after which a process that hangs is given up."""
BEHIND = len(cases.STEPS) + 1


@pytest.mark.parametrize("step", range(BEHIND + 1))
def test_killed_between_any_two_steps(place: Path, step: int) -> None:
    register = SQLITE.open_register(str(place))
    register.cases.commit(whole_commit(0, 3))
    before = dump(place)
    register.close()
    command = [sys.executable, "-m", "tests.register.killed", str(place), str(step), "3", "9"]
    done = subprocess.run(command, check=False, timeout=HASTE)
    assert done.returncode == -signal.SIGKILL
    register = SQLITE.open_register(str(place))
    assert (dump(place) == before) == (step < BEHIND)
    outcome = register.cases.commit(whole_commit(3, 9))
    assert outcome is (Committed.DONE if step < BEHIND else Committed.ALREADY)
    assert register.cases.position() == 9
    assert register.audit.verify() == []
    assert register.check() == []
    assert len(register.audit.entries()) == 2
    register.close()


def test_several_processes_write_at_once(register: Register, place: Path) -> None:
    crowd, times, uses = 3, 12, 25
    register.devices.add_enrol_token(enrol_token(1, uses=uses))
    command = [sys.executable, "-m", "tests.register.busy", str(place)]
    busy = [
        subprocess.Popen([*command, str(name), str(times)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for name in range(crowd)
    ]
    try:
        for one in busy:
            assert one.stdout is not None
            assert one.stdout.readline() == "ready\n"
        told = [int(one.communicate("go\n", timeout=HASTE)[0]) for one in busy]
    finally:
        for one in busy:
            one.kill()
            one.wait()
    assert sum(told) == uses
    assert register.devices.count() == {"active": uses}
    assert [token.uses_left for token in register.devices.enrol_tokens()] == [0]
    assert register.audit.head().number == 1 + uses + crowd * times
    assert register.audit.verify() == []
    assert register.check() == []
    assert {register.checkpoints.get(f"worker {name}") for name in range(crowd)} == {b"%d" % (times - 1)}


def test_several_threads_write_at_once(register: Register) -> None:
    def ask(name: int) -> None:
        for number in range(20):
            register.audit.add([Act(f"person {name}", "ask", str(number))], NOW)

    threads = [threading.Thread(target=ask, args=[name]) for name in range(6)]
    for one in threads:
        one.start()
    for one in threads:
        one.join(HASTE)
    assert register.audit.head().number == 120
    assert register.audit.verify() == []


def test_nobody_writes_while_it_is_still(register: Register) -> None:
    wrote = threading.Event()

    def write() -> None:
        register.checkpoints.set("worker", b"new")
        wrote.set()

    with register.still():
        writer = threading.Thread(target=write)
        writer.start()
        assert not wrote.wait(0.2)  # a writer that did not wait would be done a hundred times over
        assert register.checkpoints.get("worker") is None
    assert wrote.wait(HASTE)
    writer.join(HASTE)
    assert register.checkpoints.get("worker") == b"new"


def test_the_write_ahead_log_is_copied_back(register: Register, place: Path) -> None:
    log = place.with_name(f"{place.name}-wal")
    for number in range(2 + COPY_BACK_AT // 1_000_000):
        register.checkpoints.set("worker", b"%d" % (number % 10) * 1_000_000)
    assert log.stat().st_size < COPY_BACK_AT + 1_500_000
    assert place.stat().st_size > 900_000


def test_who_waits_too_long_is_told(register: Register, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite, "BUSY_S", 0.05)
    with register.still(), pytest.raises(OSError, match="another process has been writing") as told:
        register.checkpoints.set("worker", b"new")
    assert told.value.errno == errno.EAGAIN
    assert register.checkpoints.get("worker") is None


def test_a_full_disk_is_told_and_nothing_is_half_written(place: Path) -> None:
    door = sqlite.door_of(place)
    with door.reading() as connection:
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar()
        connection.exec_driver_sql(f"PRAGMA max_page_count = {pages}")
    checkpoints = SqlCheckpoints(door)
    checkpoints.set("worker", b"small")
    with pytest.raises(OSError, match="full"):
        checkpoints.set("worker", b"x" * 1_000_000)
    assert checkpoints.get("worker") == b"small"
    with door.reading() as connection:
        connection.exec_driver_sql("PRAGMA max_page_count = 1000000")
    checkpoints.set("worker", b"x" * 1_000_000)
    assert checkpoints.get("worker") == b"x" * 1_000_000
    door.close()


def elsewhere(place: Path, worker: str) -> str:
    """Open the register in another process, close it, and return what that saw of a worker's checkpoint."""
    code = "import sqlite3, sys; c = sqlite3.connect(sys.argv[1]); w = (sys.argv[2],)\n"
    code += "print(c.execute('SELECT checkpoint FROM checkpoints WHERE worker = ?', w).fetchone()); c.close()"
    told = subprocess.run([sys.executable, "-c", code, str(place), worker], check=True, capture_output=True, text=True)
    return told.stdout.strip()


def test_opening_it_again_lets_go_of_no_lock(register: Register, place: Path) -> None:
    """A file closed by its name alone takes all locks of the process along; the next to close would end the log."""
    SQLITE.open_register(str(place)).close()
    register.checkpoints.set("worker", b"one")
    assert elsewhere(place, "worker") == "(b'one',)"
    register.checkpoints.set("worker", b"two")
    assert elsewhere(place, "worker") == "(b'two',)"
    assert place.with_name(f"{place.name}-wal").exists()
