"""A forked process is one of its own: its words, its log, its end; and it does not outlive who forked it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

DEADLINE_S = 30.0
# Run in a process with one thread, which that of the tests is not.
PARENT = """
import json, os, signal, sys, time
from pathlib import Path
from carecordon.hub.forked import import_all
from carecordon.hub.main import Job, Supervisor

def steady():
    print("ready", flush=True)
    sys.stderr.write(f"{sys.argv}\\n")
    sys.stderr.flush()
    time.sleep(600)

def deaf():
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    print("ready", flush=True)
    time.sleep(600)

def failing():
    raise ValueError("my last words")

logs = Path(sys.argv[1])
import_all(["carecordon.hub.config", "carecordon.no_such_module"])
held = open(logs / "held", "w")
told = []
jobs = [Job("one", ("made-up", "title"), steady), Job("two", ("other",), failing)]
supervisor = Supervisor(jobs, logs, lambda *said: told.append(said))
supervisor.start()
first = None
end = time.monotonic() + 30
while time.monotonic() < end and not (("one", "ready") in told and len([1 for name, _ in told if name == "two"]) > 1):
    supervisor.look(0.05)
pid = supervisor.pid("one")
print(json.dumps({
    "pid": pid,
    "title": Path(f"/proc/{pid}/cmdline").read_bytes().decode(),
    "files": [os.readlink(one) for one in Path(f"/proc/{pid}/fd").iterdir()],
    "group": os.getpgid(pid),
    "told": told,
}), flush=True)
if sys.argv[2] == "stop":
    supervisor.stop()
    print(json.dumps({"gone": not Path(f"/proc/{pid}").exists()}), flush=True)
    import carecordon.hub.main
    carecordon.hub.main.STOP_S = 0.2
    jobs = [Job("deaf", ("deaf",), deaf), Job("last", ("last",), steady)]
    supervisor = Supervisor(jobs, logs, lambda *said: told.append(said))
    supervisor.start()
    while time.monotonic() < end and not supervisor.is_ready:
        supervisor.look(0.05)
    pids = [supervisor.pid("deaf"), supervisor.pid("last")]
    supervisor.stop()
    print(json.dumps({"gone": [not Path(f"/proc/{pid}").exists() for pid in pids], "told": told[-1]}), flush=True)
else:
    while True:
        supervisor.look(0.1)
"""


def _parent(folder: Path, then: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", PARENT, str(folder), then]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def test_a_fork_has_words_log_title_and_session_of_its_own_and_nothing_of_its_parent_s(tmp_path: Path) -> None:
    parent = _parent(tmp_path, "stop")
    out, err = parent.communicate(timeout=2 * DEADLINE_S)
    found, after, deaf = map(json.loads, out.splitlines())
    assert found["title"].rstrip("\0") == "made-up title"
    assert found["group"] == found["pid"], "a terminal's Ctrl-C is not for it"
    assert not any(str(tmp_path / "held") in name for name in found["files"])
    assert ["one", "ready"] in found["told"]
    assert sum("status 1" in text for name, text in found["told"] if name == "two") > 1, "what fails is started again"
    assert "my last words" in (tmp_path / "two.log").read_text()
    assert "no_such_module" in err, "what cannot be imported is told, and keeps nobody from starting"
    assert after["gone"]
    assert deaf["gone"] == [True, True], "who does not end when asked is killed, and the others are asked too"
    assert deaf["told"] == ["deaf", "did not end when it was asked to, and was killed"]


def test_a_fork_ends_with_who_forked_it(tmp_path: Path) -> None:
    with _parent(tmp_path, "live") as parent:
        assert parent.stdout is not None
        pid = json.loads(parent.stdout.readline())["pid"]
        parent.send_signal(signal.SIGKILL)
        parent.wait()
    end = time.monotonic() + DEADLINE_S
    while _is_alive(pid):
        assert time.monotonic() < end, "it outlived its supervisor"
        time.sleep(0.02)


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text()
