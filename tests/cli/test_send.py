"""`carecordon send` against a real gate: what is in files is on the hub's disk once, whatever stopped it."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from carecordon.cli.send import send
from carecordon.model.device import DeviceKind
from carecordon.wire import codec
from tests.cli.calling import jsonl, nested, put, whoami
from tests.hub.gate_kit import Hub, Running, make_hub, running, wait_for

ENTRY = """
import typer
from carecordon.cli.send import send
app = typer.Typer(pretty_exceptions_enable=False)
app.command()(send)
app()
"""


@pytest.fixture(scope="module")
def gate(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with running(make_hub(tmp_path_factory.mktemp("hub"))) as one:
        yield one


class Sender:
    """Calls the command against a gate, always from one state folder."""

    def __init__(self, gate: Running, folder: Path) -> None:
        self.gate, self.folder = gate, folder
        self.state = folder / "state"
        self.token = f"{gate.hub.authority.fingerprint}.{gate.hub.token()}"

    def arguments(self, *args: object) -> list[str]:
        hub = f"127.0.0.1:{self.gate.ports.enrol}"
        return [*map(str, args), "--hub", hub, "--state", str(self.state), "--token", self.token]

    def __call__(self, *args: object, stdin: bytes = b"") -> tuple[int, str]:
        """Return status and all that was said."""
        app = typer.Typer()
        app.command()(send)
        done = CliRunner().invoke(app, self.arguments(*args, "--timeout", 20), input=stdin)
        return done.exit_code, done.output

    def start(self, *args: object, stdin: Any = None) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-c", ENTRY, *self.arguments(*args)]
        pipe = subprocess.PIPE
        return subprocess.Popen(command, stdin=stdin, stdout=pipe, stderr=pipe, env=dict(os.environ))

    def device(self) -> str:
        import json  # noqa: PLC0415  # one line needs it

        return str(json.loads((self.state / "hub.json").read_bytes())["device"])

    def lines(self) -> list[str]:
        """Return the command lines of this device's events in stream 1, in order."""
        if not (self.state / "hub.json").exists():
            return []
        return lines_of(self.gate.hub, self.device())


def lines_of(hub: Hub, device: str) -> list[str]:
    return [
        str(table.complete(row).get("CommandLine"))
        for entry in hub.entries()
        if entry.part.sender == device
        for table in [codec.decode(entry.part.data)]
        for row in range(entry.skip, len(table) - entry.drop)
    ]


@pytest.fixture
def sender(gate: Running, tmp_path: Path) -> Sender:
    return Sender(gate, tmp_path)


def event(number: int, **more: Any) -> dict[str, Any]:
    return whoami(number % 3_000, CommandLine=f"whoami {number}", **more)


def test_files_and_folders_are_on_the_hub_and_the_same_again_is_not_sent_twice(sender: Sender, tmp_path: Path) -> None:
    folder = tmp_path / "logs"
    folder.mkdir()
    put(folder / "a.jsonl", *(event(number) for number in range(1_200)))
    put(folder / "b.jsonl", *(event(number) for number in range(2_000, 2_003)))
    (folder / "notes.txt").write_text("nothing of interest")
    status, said = sender(folder)
    assert (status, sender.lines()) == (0, [f"whoami {n}" for n in (*range(1_200), 2_000, 2_001, 2_002)])
    assert "1,203 events acknowledged" in said
    put(tmp_path / "copy.jsonl", *(event(number) for number in range(2_000, 2_003)))
    status, said = sender(folder, tmp_path / "copy.jsonl")
    assert (status, len(sender.lines())) == (0, 1_203)
    assert "0 events acknowledged" in said
    assert "3 sent before" in said


def test_standard_input_and_packed_files_are_read_too(sender: Sender, tmp_path: Path) -> None:
    import gzip  # noqa: PLC0415  # one test needs it

    (tmp_path / "a.jsonl.gz").write_bytes(gzip.compress(jsonl([event(1)])))
    status, _ = sender("-", tmp_path / "a.jsonl.gz", stdin=jsonl([event(7), event(8)]))
    assert (status, sender.lines()) == (0, ["whoami 7", "whoami 8", "whoami 1"])


def test_what_cannot_be_read_is_told_with_its_place_and_the_rest_is_sent(sender: Sender, tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(jsonl([event(1)]) + b"{broken\n" + jsonl([event(2)]))
    status, said = sender(path, tmp_path / "missing.jsonl")
    assert (status, sender.lines()) == (3, ["whoami 1", "whoami 2"])
    assert f"{path}: record 2: " in said
    assert "missing.jsonl: there is no such file" in said
    assert "1 bad records" in said


def test_documents_of_no_known_shape_are_bound_by_hand(sender: Sender, tmp_path: Path) -> None:
    put(tmp_path / "a.jsonl", {"CommandLine": "id", "timestamp": "2026-11-20T09:00:00Z"}, nested(1, "x"))
    assert sender(tmp_path / "a.jsonl")[0] == 3
    status, _ = sender(put(tmp_path / "b.jsonl", {"CommandLine": "ls"}), "--logsource", "product=linux")
    assert (status, sender.lines()[-1]) == (0, "ls")


def test_a_sender_that_was_killed_goes_on_without_loss_or_repeat(sender: Sender, tmp_path: Path) -> None:
    path = put(tmp_path / "a.jsonl", *(event(number, Noise=f"{number * 7919:x}" * 9) for number in range(12_000)))
    for share in (1, 3_000):
        with sender.start(path) as process:
            _until_lines(sender, share)
            process.kill()
    status, _ = sender(path)
    assert status == 0
    lines = sender.lines()
    assert len(lines) == len(set(lines)) == 12_000
    assert sorted(lines, key=lambda line: int(line.split()[1])) == [f"whoami {number}" for number in range(12_000)]


def test_a_file_that_grows_is_followed_through_rotation_and_a_restart(sender: Sender, tmp_path: Path) -> None:
    path = put(tmp_path / "a.jsonl", event(0))
    with sender.start(path, "--follow") as process:
        _until_lines(sender, 1)
        _add(path, event(1), event(2))
        _until_lines(sender, 3)
        path.rename(tmp_path / "a.jsonl.1")
        put(path, event(3))
        _until_lines(sender, 4)
        process.send_signal(signal.SIGTERM)
        out, said = process.communicate(timeout=20)
        assert process.returncode == 0, said
        assert b"4 events acknowledged" in out
    _add(path, event(4))
    with sender.start(path, "--follow") as process:
        _until_lines(sender, 5)
        process.kill()
    assert sender.lines() == [f"whoami {number}" for number in range(5)]


def test_a_hub_that_refuses_is_told_and_nothing_is_lost(gate: Running, tmp_path: Path) -> None:
    one = Sender(gate, tmp_path)
    path = put(tmp_path / "a.jsonl", event(1))
    one.token = f"{gate.hub.authority.fingerprint}.{'0' * 64}"
    status, said = one(path)
    assert (status, "refused (401)" in said, "make a new one with" in said) == (4, True, True)
    one.token = f"{'0' * 64}.{'0' * 64}"
    status, said = one(path)
    assert (status, "is not the hub that the token is from" in said) == (4, True)
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    app = typer.Typer()
    app.command()(send)
    done = CliRunner().invoke(
        app, [*map(str, (path, "--hub", f"127.0.0.1:{port}", "--token", one.token, "--state", tmp_path / "n"))]
    )
    assert (done.exit_code, "is this its port for enrolment (8444" in " ".join(done.output.split())) == (4, True)


def test_a_state_folder_that_keeps_nothing_costs_no_token(sender: Sender, tmp_path: Path) -> None:
    path, state = put(tmp_path / "a.jsonl", event(1)), sender.state
    for sender.state in (tmp_path / "dangling", path):
        if sender.state != path:
            sender.state.symlink_to(tmp_path / "nowhere" / "state")
        status, said = sender(path)
        assert (status, str(sender.state) in "".join(said.split())) == (2, True)
    sender.state = state
    assert (sender(path)[0], sender.lines()) == (0, ["whoami 1"])


def test_a_device_that_was_revoked_is_told_how_to_go_on(sender: Sender, tmp_path: Path) -> None:
    with sender.start(put(tmp_path / "a.jsonl", event(1)), "--follow") as process:
        _until_lines(sender, 1)
        sender.gate.hub.register.devices.revoke(sender.device(), "sold", "ann", time.time_ns())
        said = process.communicate(timeout=60)[1]
    for words in (b"this device has been revoked", b"name a new folder with --state"):
        assert (process.returncode, words in said) == (4, True), said


@pytest.mark.parametrize("kind", list(DeviceKind))
def test_who_enrols_as_an_agent_is_told_that_names_are_not_believed(
    sender: Sender, tmp_path: Path, kind: DeviceKind
) -> None:
    sender.token = f"{sender.gate.hub.authority.fingerprint}.{sender.gate.hub.token(kind=kind)}"
    status, said = sender(put(tmp_path / "a.jsonl", event(1)))
    assert (status, "made without --forwarder" in said) == (0, kind is DeviceKind.AGENT)


def test_what_is_no_event_file_is_not_counted_as_read(sender: Sender, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("nothing of interest")
    status, said = sender(tmp_path / "notes.txt", put(tmp_path / "a.jsonl", event(1)))
    assert (status, "1 files read, 0 sent before, 1 not read" in said) == (3, True)


def test_a_hub_that_is_not_there_is_told_within_the_time_given(sender: Sender, tmp_path: Path) -> None:
    path = put(tmp_path / "a.jsonl", event(1))
    assert sender(path)[0] == 0
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    settled = sender.state / "hub.json"
    settled.write_bytes(settled.read_bytes().replace(str(sender.gate.ports.devices).encode(), str(port).encode()))
    app = typer.Typer()
    app.command()(send)
    more = put(tmp_path / "b.jsonl", event(2))
    done = CliRunner().invoke(app, sender.arguments(more, "--timeout", 1))
    assert done.exit_code == 4
    assert "cannot be reached" in done.output
    assert "1 waiting" in done.output


def test_another_token_is_refused_where_it_would_be_ignored(gate: Running, sender: Sender, tmp_path: Path) -> None:
    path = put(tmp_path / "a.jsonl", event(1))
    assert sender(path)[0] == 0
    assert sender.token.split(".")[1] not in (sender.state / "hub.json").read_text("utf-8")
    assert sender(path)[0] == 0, "the same command goes on"
    device = sender.device()
    sender.token = f"{gate.hub.authority.fingerprint}.{gate.hub.token()}"
    status, said = sender(path)
    for part in ("--token", str(sender.state), f"as device {device}", "a new folder with --state"):
        assert part in " ".join(said.split())
    assert (status, sender.device()) == (2, device)
    sender.state = tmp_path / "new"
    assert sender(path)[0] == 0
    assert sender.device() != device


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--hub", "hub.example.org:x"], "write it like"),
        (["--hub", ":5"], "write it like"),
        (["--token", "abc"], "no enrolment token"),
        (["--logsource", "x"], "write it like"),
    ],
)
def test_a_wrong_call_is_told(tmp_path: Path, arguments: list[str], says: str) -> None:
    app = typer.Typer()
    app.command()(send)
    given = {"--hub": "127.0.0.1:9", "--token": f"{'0' * 64}.x", "--state": str(tmp_path / "state")}
    given |= {arguments[0]: arguments[1]}
    call = [str(put(tmp_path / "a.jsonl", event(1))), *(part for pair in given.items() for part in pair)]
    done = CliRunner().invoke(app, call)
    assert (done.exit_code, says in done.output) == (2, True)


def test_only_lines_are_followed(sender: Sender, tmp_path: Path) -> None:
    (tmp_path / "a.evtx").write_bytes(b"ElfFile\0" + bytes(5_000) + b"\n")
    (tmp_path / "b.json").write_text('[{"EventID": 1},\n{"EventID": 2}]\n')
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path, tmp_path / "a.evtx", tmp_path / "b.json", tmp_path / "pipe"):
        status, said = sender(path, "--follow")
        assert (status, "--follow" in said) == (2, True)


def _add(path: Path, *events: dict[str, Any]) -> None:
    with path.open("ab") as file:
        file.write(jsonl(events))


def _until_lines(sender: Sender, count: int) -> None:
    is_so: Callable[[], bool] = lambda: len(sender.lines()) >= count  # noqa: E731  # it is waited for
    wait_for(is_so)
