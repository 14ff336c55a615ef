"""`carecordon up` asks for what a new hub needs, says what keeps the hub from starting, and ends."""

from __future__ import annotations

import os
import pty
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from carecordon.cli.main import main
from carecordon.hub.config import Paths
from carecordon.hub.lock import lock_keys
from tests.cli.calling import Call, start
from tests.hub.hub_kit import found_hub


def test_a_machine_that_refuses_is_told_of_without_a_trace(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    paths = Paths(tmp_path / "data", tmp_path / "keys")
    found_hub(paths)
    paths.run.write_text("no folder", "utf-8")
    monkeypatch.setattr(sys, "argv", ["carecordon", "up", "--data", str(paths.data), "--keys", str(paths.keys)])
    with pytest.raises(SystemExit) as ended:
        main()
    said = capfd.readouterr().err
    assert ended.value.code == 2
    assert f"{paths.data}: the hub cannot start: " in said
    assert "File exists" in said
    assert "start it again" in said
    assert "Traceback" not in said


def test_without_a_terminal_the_advice_is_a_whole_command(call: Call, tmp_path: Path) -> None:
    places = ("--data", tmp_path / "my data", "--keys", tmp_path / "k")
    done = call("up", *places)
    assert (done.status, done.out) == (2, b"")
    advice = shlex.split(done.err.partition("`")[2].partition("`")[0])
    assert advice[-4:] == [str(one) for one in places]
    assert call(*("Ann" if one == "YOUR NAME" else "RX1" if one == "CODE" else one for one in advice[1:])).status == 0
    assert (tmp_path / "my data" / "hub.toml").exists()


def test_a_folder_that_holds_something_else_is_no_place_for_a_hub(call: Call, tmp_path: Path) -> None:
    (tmp_path / "d").mkdir()
    (tmp_path / "d" / "letter.txt").write_text("mine", "utf-8")
    done = call("up", "--data", tmp_path / "d", "--keys", tmp_path / "k")
    assert (done.status, "it is not empty (letter.txt)" in done.err) == (2, True)


def test_a_copy_of_a_hub_does_not_run_with_its_keys_beside_it(call: Call, tmp_path: Path) -> None:
    paths = Paths(tmp_path / "data", tmp_path / "keys")
    found_hub(paths)
    with lock_keys(paths.keys / "ca.key"):
        done = call("up", "--data", paths.data, "--keys", paths.keys)
    assert (done.status, f"{paths.keys}: another hub runs with these keys" in done.err) == (2, True)
    assert not paths.run.exists()


@pytest.mark.parametrize("harm", ["gone", "empty"])
def test_a_hub_without_its_register_does_not_begin_anew(call: Call, tmp_path: Path, harm: str) -> None:
    paths = Paths(tmp_path / "data", tmp_path / "keys")
    found_hub(paths)
    paths.register.unlink()
    if harm == "empty":
        paths.register.touch()
    done = call("up", "--data", paths.data, "--keys", paths.keys)
    assert (done.status, f"{paths.register}: the register is not there" in done.err) == (2, True)
    assert paths.register.exists() is (harm == "empty")


@dataclass
class Talk:
    """`carecordon up` at a terminal, as somebody sits before it."""

    process: subprocess.Popen[bytes]
    keyboard: int
    said: str = ""

    def until(self, words: str) -> None:
        """Read until it says something."""
        assert self.process.stderr
        while words not in self.said:
            byte = self.process.stderr.read(1)
            assert byte, self.said
            self.said += byte.decode("utf-8", "replace")

    def answer(self, question: str, answer: str) -> None:
        """Wait for a question and type an answer."""
        self.until(question)
        os.write(self.keyboard, answer.encode())

    def end(self) -> tuple[int, str]:
        """Return its exit status and all that it said."""
        _, rest = self.process.communicate(timeout=60)
        return self.process.returncode, self.said + rest.decode("utf-8", "replace")


@contextmanager
def at_a_terminal(folder: Path) -> Iterator[Talk]:
    keyboard, terminal = pty.openpty()
    try:
        with start("up", "--data", folder / "d", "--keys", folder / "k", stdin=terminal) as process:
            try:
                yield Talk(process, keyboard)
            finally:
                process.kill()
    finally:
        os.close(terminal)
        os.close(keyboard)


@pytest.mark.parametrize("how", ["Ctrl-C", "Ctrl-D"])
def test_who_answers_no_more_is_told_how_to_make_a_hub_and_nothing_is_made(tmp_path: Path, how: str) -> None:
    with at_a_terminal(tmp_path) as talk:
        talk.answer("ODS code", "RX1\n")
        talk.until("Its name:")
        if how == "Ctrl-C":
            talk.process.send_signal(signal.SIGINT)
        else:
            os.write(talk.keyboard, b"\x04")
        status, said = talk.end()
    assert status == 130
    assert "no hub was made" in said
    assert f"--admin 'YOUR NAME' --data {tmp_path}/d --keys {tmp_path}/k`" in said
    assert "Traceback" not in said
    assert not any(tmp_path.iterdir())


def test_an_answer_that_is_none_is_asked_for_again(tmp_path: Path) -> None:
    with at_a_terminal(tmp_path) as talk:
        talk.answer("ODS code", "Westpark\x20Hospital\n")
        talk.until("like RX1 or B81001")
        talk.answer("letters and digits):", "rx1\n")
        talk.answer("Its name:", "Westpark Hospital\n")
        talk.until("administrator's:")
        talk.process.send_signal(signal.SIGINT)
        assert talk.end()[0] == 130
