"""The supervisor starts what it is told to, starts again what dies, and leaves nothing behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from carecordon.hub import main
from carecordon.hub.config import Paths
from carecordon.hub.main import Job, Supervisor
from carecordon.hub.start import KEEPER, TRIAGE, jobs

STEADY = "import sys,time; print('ready', flush=True); time.sleep(600)"
DEAF = "import signal,time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('ready', flush=True); time.sleep(600)"
SHORT = "import sys; sys.stderr.write('my last words'); sys.exit(3)"
DEADLINE_S = 30.0


def job(name: str, code: str) -> Job:
    """Return a job that runs this Python code."""
    return Job(name, (sys.executable, "-c", code))


def until(supervisor: Supervisor, claim: Callable[[], bool]) -> None:
    """Let the supervisor look until the claim holds."""
    end = time.monotonic() + DEADLINE_S
    while not claim():
        assert time.monotonic() < end, "it did not come about"
        supervisor.look(0.05)


def test_what_dies_is_started_again(tmp_path: Path) -> None:
    told: list[tuple[str, str]] = []
    supervisor = Supervisor([job("one", STEADY), job("two", STEADY)], tmp_path, lambda *said: told.append(said))
    supervisor.start()
    try:
        until(supervisor, lambda: supervisor.is_ready)
        first, other = supervisor.pid("one"), supervisor.pid("two")
        assert first is not None
        os.kill(first, signal.SIGKILL)
        until(supervisor, lambda: supervisor.pid("one") != first and supervisor.is_ready)
        assert supervisor.pid("two") == other, "the others go on"
        assert any(name == "one" and "signal 9" in text for name, text in told)
    finally:
        supervisor.stop()


def test_who_is_ready_last_is_started_first_and_waits_for_no_other_ones_modules(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[tuple[str, ...]] = []
    monkeypatch.setattr("carecordon.hub.main.import_all", lambda modules: done.append(("import", *modules)))
    monkeypatch.setattr(Supervisor, "_launch", lambda _, child: done.append(("start", child.job.name)))
    all_of = jobs(Paths(tmp_path, tmp_path), 1)
    Supervisor(all_of, tmp_path, lambda *_: None).start()
    assert [word for word, *_ in done] == [*(["import", "start"] * (len(all_of) - 1)), "import"], "the gate waits"
    assert [one[1] for one in done if one[0] == "start"][:3] == [KEEPER, TRIAGE, "worker-0"]
    assert done[0] == ("import",), "the keeper's fork imports what no other needs"
    assert done[2] == ("import", "carecordon.hub.triage.triage")


def test_what_is_imported_for_all_has_nothing_of_the_stores_library() -> None:
    modules = [name for job in jobs(Paths(Path(), Path()), 1) for name in job.modules]
    words = f"import sys; from carecordon.hub.forked import import_all; import_all({modules}); print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", words], capture_output=True, text=True, check=True).stdout.split()
    assert set(modules) <= set(done)
    assert "chdb" not in done


@pytest.mark.parametrize(("waits_s", "first"), [(600.0, "slow"), (0.001, "patient")])
def test_who_lets_the_others_come_first_starts_when_they_are_ready_or_its_time_is_over(
    tmp_path: Path, waits_s: float, first: str
) -> None:
    told: list[str] = []
    go = tmp_path / "go"
    slow = f"import os,time\nwhile not os.path.exists({str(go)!r}): time.sleep(0.01)\n{STEADY}"
    patient = Job("patient", (sys.executable, "-c", STEADY), waits_s=waits_s)
    supervisor = Supervisor([patient, job("slow", slow)], tmp_path, lambda name, _: told.append(name))
    supervisor.start()
    try:
        assert supervisor.pid("patient") is None
        assert not supervisor.is_ready
        if first == "patient":
            until(supervisor, lambda: bool(told))
        go.touch()
        until(supervisor, lambda: supervisor.is_ready)
        assert told[0] == first
        before = supervisor.pid("patient")
        assert before is not None
        os.kill(before, signal.SIGKILL)
        until(supervisor, lambda: supervisor.pid("patient") not in {None, before})
    finally:
        supervisor.stop()


def test_who_lets_the_others_come_first_does_not_wait_for_the_last_of_them(tmp_path: Path) -> None:
    go, told = tmp_path / "go", list[str]()
    slow = f"import os,time\nwhile not os.path.exists({str(go)!r}): time.sleep(0.01)\n{STEADY}"
    patient = Job("patient", (sys.executable, "-c", STEADY), waits_s=600.0)
    supervisor = Supervisor(
        [patient, job("slow", slow), job("quick", STEADY)], tmp_path, lambda name, _: told.append(name)
    )
    supervisor.start()
    try:
        until(supervisor, lambda: len(told) == 2)
        assert told == ["quick", "patient"]
        go.touch()
        until(supervisor, lambda: supervisor.is_ready)
    finally:
        supervisor.stop()


def test_what_dies_at_once_is_started_with_longer_pauses_and_its_words_are_kept(tmp_path: Path) -> None:
    told: list[tuple[str, str]] = []
    supervisor = Supervisor([job("short", SHORT)], tmp_path, lambda *said: told.append(said))
    supervisor.start()
    try:
        until(supervisor, lambda: len(told) >= 2)
    finally:
        supervisor.stop()
    assert all("status 3" in text for _, text in told)
    assert (tmp_path / "short.log").read_text() == "my last words" * len(told)
    assert not supervisor.is_ready


def test_when_the_supervisor_is_killed_nobody_is_left(tmp_path: Path) -> None:
    """Its children end with it, even what would not when asked: a hub that is started next has the disk for itself."""
    code = (
        "import sys, time\nfrom pathlib import Path\nfrom carecordon.hub.main import Job, Supervisor\n"
        f"s = Supervisor([Job('one', (sys.executable, '-c', {DEAF!r}))], Path({str(tmp_path)!r}), print)\n"
        "s.start()\nprint(s.pid('one'), flush=True)\nwhile True: s.look(0.1)\n"
    )
    supervisor = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert supervisor.stdout is not None
    child = int(supervisor.stdout.readline())
    assert "ready" in supervisor.stdout.readline()
    supervisor.kill()
    supervisor.wait()
    supervisor.stdout.close()
    end = time.monotonic() + DEADLINE_S
    while Path(f"/proc/{child}").exists() and "Z" not in Path(f"/proc/{child}/stat").read_text().split():
        assert time.monotonic() < end, "it outlived its supervisor"


def test_what_does_not_end_is_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("carecordon.hub.main.STOP_S", 0.2)
    told: list[tuple[str, str]] = []
    supervisor = Supervisor([job("deaf", DEAF)], tmp_path, lambda *said: told.append(said))
    supervisor.start()
    until(supervisor, lambda: supervisor.is_ready)
    pid = supervisor.pid("deaf")
    supervisor.stop()
    assert told[-1] == ("deaf", "did not end when it was asked to, and was killed")
    assert pid is not None
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_a_log_does_not_grow_for_ever_while_its_process_lives(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(main, "LOG_BYTES", 10_000)
    monkeypatch.setattr(main, "LOG_LOOK_S", 0.0)
    loud = "import sys,time; print('ready', flush=True)\nwhile True: sys.stderr.write('word ' * 100); time.sleep(0.001)"
    supervisor = Supervisor([job("loud", loud)], tmp_path, lambda *_: None)
    old = tmp_path / "loud.log.1"
    supervisor.start()
    try:
        until(supervisor, old.exists)
        first = supervisor.pid("loud")
        before = old.stat().st_mtime_ns
        until(supervisor, lambda: old.stat().st_mtime_ns != before)
        assert supervisor.pid("loud") == first
    finally:
        supervisor.stop()
    assert (tmp_path / "loud.log").read_bytes()[:1] != b"\0", "it goes on at the new end"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["loud.log", "loud.log.1"]
