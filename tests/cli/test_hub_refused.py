"""What the hub refuses is told with what it was about and what to do."""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from unittest.mock import Mock

import pytest
from typer.testing import CliRunner

from carecordon.cli import hub_made
from carecordon.cli.hub import MADE, app
from carecordon.cli.hub_line import NO_HUB
from carecordon.hub.config import Paths
from carecordon.model.errors import TheirFault
from tests.cli.calling import Call
from tests.console.living import Living, living
from tests.hub.hub_kit import NOW, PASSPHRASE, back_up, found_hub


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Living]:
    with living(tmp_path_factory.mktemp("refused")) as made:
        yield made


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["incidents", "4711"], "no such incident: 4711; `carecordon hub incidents` lists them"),
        (["devices", "ward 3"], "no such device: ward 3; `carecordon hub devices` lists them with their ids"),
        (["token", "Nobody"], "no such person: Nobody; `carecordon hub people` lists them"),
        (["people", "--remove", "Nobody"], "no such person: Nobody; `carecordon hub people` lists them"),
        (["dead-letters", "99", "--replay"], "no such letter: 99; `carecordon hub dead-letters` lists them"),
        (["alerts", "--incident", "99"], "no such incident: 99\n"),
        (
            ["notices", "5", "--again"],
            "no such notice: 5; nothing was done; `carecordon hub notices --all` lists them\n",
        ),
        (
            ["confirm", "nosuch"],
            "no such device: nosuch; nothing was done; `carecordon hub devices` lists them with their ids\n",
        ),
        (["revoke", "0f0f"], "0f0f: no device has this id or name, and no token or enrolment token this id"),
        (["people", "--add", ""], "`name`: give at least 1 characters"),
        (["ask", "SELECT device FROM DeviceProcessEvents"], "in DeviceProcessEvents; did you mean DeviceName?"),
        (["ask", "SELECT qqq FROM DeviceProcessEvents"], "there is no column 'qqq' in DeviceProcessEvents\n"),
    ],
    ids=lambda given: " ".join(given) if isinstance(given, list) else "",
)
def test_a_refusal_says_of_what_and_what_to_do(hub: Living, arguments: list[str], told: str) -> None:
    done = CliRunner().invoke(app, [*arguments, "--data", str(hub.paths.data)])
    assert (done.exit_code, done.stdout) == (2, "")
    assert told in done.stderr
    assert "422" not in done.stderr


def test_an_answer_without_rows_is_no_line(hub: Living) -> None:
    done = CliRunner().invoke(app, ["notices", "--json", "--data", str(hub.paths.data)])
    assert (done.exit_code, done.stdout) == (0, "")


NOBODY = 65_534
"""Source: Linux, the overflow user."""


@contextmanager
def a_stranger_to(folder: Path) -> Iterator[None]:
    """Be somebody whom a folder is closed to."""
    folder.chmod(0)
    is_root = os.geteuid() == 0
    if is_root:
        os.seteuid(NOBODY)
    try:
        yield
    finally:
        if is_root:
            os.seteuid(0)
        folder.chmod(0o700)


@pytest.mark.parametrize(
    ("command", "status", "told"),
    [
        ("status", NO_HUB, "{data}: only the hub's own user and root may speak to it: put `sudo -u {owner}` before"),
        ("check", 2, "{data}: Permission denied: check it as the user that runs the hub ({owner}), or as root"),
    ],
)
def test_a_stranger_is_told_whose_the_hub_is(command: str, status: int, told: str) -> None:
    importlib.import_module(MADE)
    with TemporaryDirectory() as folder:  # those of pytest are closed to strangers themselves
        Path(folder).chmod(0o755)
        data = Path(folder, "data")
        data.mkdir()
        owner = data.owner()
        with a_stranger_to(data):
            done = CliRunner().invoke(app, [command, "--data", str(data)])
    assert done.exit_code == status
    assert told.format(data=data, owner=owner) in done.stderr


def test_a_hub_whose_keys_lie_elsewhere_is_not_told_to_be_made_anew(call: Call, tmp_path: Path) -> None:
    places = ("--data", tmp_path / "data", "--keys", tmp_path / "keys")
    assert call("hub", "init", "--ods", "RX1", "--name", "Westpark", "--admin", "Ann", *places).status == 0
    done = call("up", *places[:3], tmp_path / "none")
    assert done.status == 2
    assert f"{tmp_path}/none/ca.key: it is not there: name the folder of this hub's keys with --keys" in done.err


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sealed")
    paths = Paths(folder / "data", folder / "keys")
    found_hub(paths)
    back_up(paths, folder / "hub.backup", NOW)
    return folder / "hub.backup"


def restored(archive: Path, folder: Path, stdin: str) -> subprocess.CompletedProcess[str]:
    """Bring a hub back without a terminal."""
    places = ("--data", str(folder / "d"), "--keys", str(folder / "k"))
    command = [sys.executable, "-m", "carecordon", "hub", "restore", str(archive), *places]
    known = {name: value for name, value in os.environ.items() if name != "CARECORDON_PASSPHRASE"}
    return subprocess.run(
        command, input=stdin, capture_output=True, text=True, env=known, start_new_session=True, check=False
    )


@pytest.mark.parametrize(
    ("fault", "told"),
    [
        (None, "names what is not here, or not to be seen by you; put it there again, or look: /x"),
        (
            TheirFault("a line of theirs"),
            "Its settings cannot be read; mend them before you start it: a line of theirs",
        ),
    ],
)
def test_the_only_token_is_shown_whatever_is_wrong_with_the_settings(
    call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fault: TheirFault | None, told: str
) -> None:
    paths = Paths(tmp_path / "data", tmp_path / "keys")
    found_hub(paths)
    unseen = f'rules = ["/{"x" * 300}"]'  # longer than a name may be: to look for it is an OSError
    paths.settings.write_text(f"{unseen}\n{paths.settings.read_text('utf-8')}", "utf-8")
    back_up(paths, tmp_path / "hub.backup", NOW)
    monkeypatch.setenv("CARECORDON_PASSPHRASE", PASSPHRASE)
    if fault is not None:
        monkeypatch.setattr(hub_made, "read_settings", Mock(side_effect=fault))
    done = call("hub", "restore", tmp_path / "hub.backup", "--data", tmp_path / "d", "--keys", tmp_path / "k")
    assert done.status == 0, done.err
    _, head, token, *_ = done.text.splitlines()
    assert "All tokens are revoked. A new one of ada" in head
    assert token.startswith("  carecordon_")
    assert told in done.text
    assert "Start it with: carecordon up" in done.text


@pytest.mark.parametrize(
    ("stdin", "told"),
    [
        ("", "a passphrase is needed: set CARECORDON_PASSPHRASE, or give it on standard input"),
        ("quite another passphrase\n", "{}: the passphrase is another one, or the backup is damaged or was altered"),
    ],
)
def test_a_passphrase_that_lacks_or_is_wrong_is_told_in_one_line(
    archive: Path, tmp_path: Path, stdin: str, told: str
) -> None:
    done = restored(archive, tmp_path, stdin)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == f"carecordon: {told.format(archive)}\n"


def test_a_passphrase_may_come_on_standard_input_and_held_devices_are_let_in_by_what_is_printed(
    archive: Path, tmp_path: Path
) -> None:
    done = restored(archive, tmp_path, f"{PASSPHRASE}\n")
    assert done.returncode == 0, done.stderr
    assert "6 devices are held until you let them in again" in done.stdout
    assert f"carecordon hub confirm --all --data {tmp_path}/d" in done.stdout
