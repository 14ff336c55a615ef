"""`carecordon hub`: what its commands say of a running hub, and what they say where none runs."""

from __future__ import annotations

import csv
import io
import json
import shlex
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from typer.testing import CliRunner

from carecordon.cli.hub import app
from carecordon.cli.hub_line import NO_HUB
from carecordon.console.api.enrol_tokens import door_of
from carecordon.hub.config import Listen, Paths, read_settings
from carecordon.hub.crew import Roll
from carecordon.hub.pulse import Heart
from carecordon.hub.trust.authority import open_authority
from carecordon.model.person import Role
from carecordon.register.backends.sqlite import SQLITE
from tests.console.living import DEVICE, NAME, Living, living, user

PASSPHRASE = "correct horse battery staple"  # noqa: S105  # made up for a test


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Living]:
    with living(tmp_path_factory.mktemp("commands")) as made:
        yield made


class Done:
    """What a call left."""

    def __init__(self, hub: Living | None, *arguments: str) -> None:
        where = {} if hub is None else {"CARECORDON_DATA": str(hub.paths.data), "CARECORDON_KEYS": str(hub.paths.keys)}
        found = CliRunner().invoke(
            app, list(arguments), env={**where, "CARECORDON_PASSPHRASE": PASSPHRASE, "COLUMNS": "160"}
        )
        self.status, self.out, self.err = found.exit_code, found.stdout, found.stderr
        self.said = f"{found.stdout}\n{found.stderr}"


def test_the_status_in_words(hub: Living) -> None:
    done = Done(hub, "status")
    assert done.status == 0, done.said
    for part in ("Westpark Hospital (RX1)", "1 critical", "1 active", "silent for 11 min", "api"):
        assert part in done.out
    assert json.loads(Done(hub, "status", "--json").out)["organisation"]["ods"] == "RX1"


def test_the_status_misses_whoever_did_not_come_up(hub: Living) -> None:
    roll = Roll(hub.paths.run, ["api", "gate", "keeper", "worker-1"])
    roll.tell("keeper", "ended with status 1; it is started again (its words: logs/keeper.log)")
    try:
        said = Done(hub, "status").out
        told = {row["name"]: row["state"] for row in json.loads(Done(hub, "status", "--json").out)["processes"]}
        ready = httpx.get(f"{hub.base}/readyz", trust_env=False).json()
        with hub.client() as client:
            figures = client.get(f"{hub.base}/metrics").text
    finally:
        (hub.paths.run / "crew.json").unlink()
    assert told == {"api": "alive", "gate": "starting", "keeper": "down", "worker-1": "starting"}
    (line,) = (line for line in said.splitlines() if "DID NOT COME UP" in line)
    assert line.startswith("keeper")
    assert "keeper ended with status 1; it is started again (its words: logs/keeper.log)" in said
    assert ready == {"is_ready": False, "lacking": ["gate", "keeper", "worker-1"]}
    assert 'carecordon_process_up{process="keeper"} 0.0' in figures


@pytest.mark.parametrize(("age_s", "told"), [(0, ("4,711", "none")), (60, ("not known", "not known"))])
def test_what_a_dead_gate_said_last_is_not_told_as_if_it_were_so(
    hub: Living, age_s: int, told: tuple[str, str]
) -> None:
    heart = Heart(hub.paths.run, "gate", hub.now)
    heart.beat(time.time_ns() - age_s * 1_000_000_000, {"sessions": 4711, "lag_s": 0.2, "ack_p99_ms": 3.0})
    try:
        said = Done(hub, "status").out
        now = json.loads(Done(hub, "status", "--json").out)["now"]
    finally:
        (hub.paths.run / "gate.pulse").unlink()
    figures = {label: text for label, _, text in (line.partition("  ") for line in said.splitlines())}
    assert (figures["Agents online"].strip(), figures["Lag"].strip()) == told
    assert (now["agents_online"] is None, now["ack_p99_ms"] is None) == (bool(age_s), bool(age_s))
    assert ("SILENT" in said) is bool(age_s)


def test_incidents_as_a_table_as_lines_as_csv_and_one_whole(hub: Living) -> None:
    table = Done(hub, "incidents").out
    assert "Shadow copies deleted" in table
    assert "critical" in table
    (line,) = Done(hub, "incidents", "--json").out.splitlines()
    row = json.loads(line)
    cells = list(csv.reader(io.StringIO(Done(hub, "incidents", "--csv").out.removeprefix("\ufeff"))))
    assert cells[1][cells[0].index("title")] == "Shadow copies deleted"
    whole = Done(hub, "incidents", row["id"]).out
    for part in ("CRITICAL", "What to do next", "whoami.exe", "Why it scores"):
        assert part in whole
    assert json.loads(Done(hub, "incidents", "1", "--json").out)["id"] == row["id"]
    assert "No incident" in Done(hub, "incidents", "--device", "elsewhere").out
    missing = Done(hub, "incidents", "4711")
    assert (missing.status, "no such incident" in missing.err) == (2, True)


def test_devices_and_one_of_them(hub: Living) -> None:
    assert NAME in Done(hub, "devices").out
    one = Done(hub, "devices", DEVICE).out
    assert "not known: the store of events does not answer" in one
    assert "Shadow copies deleted" in one


def test_a_question_that_cannot_be_answered_is_told(hub: Living) -> None:
    done = Done(hub, "ask", "SELECT count() AS n FROM events")
    assert done.status == 3
    assert "cannot be answered now" in done.err
    assert Done(hub, "ask", "SELECT 1", "--json", "--csv").status == 2


def test_a_token_is_made_listed_and_revoked(hub: Living) -> None:
    made = Done(hub, "enrol-token", "--uses", "3", "--label", "ward 3")
    assert made.status == 0, made.said
    assert made.out.strip().startswith(hub.authority.fingerprint + ".")
    assert "3 devices" in made.err
    name = made.err.partition("carecordon hub revoke ")[2].split()[0]
    assert "ward 3" in Done(hub, "enrol-token", "--list").out
    assert Done(hub, "enrol-token", "--forwarder").status == 0
    assert "forwarder" in Done(hub, "enrol-token", "--list").out
    assert "is revoked" in Done(hub, "revoke", name).out
    assert "revoked before" in Done(hub, "revoke", name).out
    unknown = Done(hub, "revoke", "0badc0de")
    assert (unknown.status, "0badc0de: no device has this id or name" in unknown.err) == (2, True)


@pytest.mark.parametrize("kind", ["--forwarder", ""])
def test_the_commands_printed_with_a_token_work_as_they_stand(hub: Living, kind: str) -> None:
    made = Done(hub, "enrol-token", *kind.split())
    first, second = made.err.splitlines()
    revoke = shlex.split(first.partition("revoke it: carecordon hub ")[2])
    words = shlex.split(second.partition(": carecordon send ")[2])
    assert ("passes the logs on" in second) is bool(kind)
    assert (words[0], words[1], words[3]) == ("PATH...", "--hub", "--token")
    assert words[2] == door_of(Listen())
    assert words[4] == made.out.strip()
    assert "is revoked" in Done(None, *revoke).out, "it names the folder of data"


@pytest.mark.parametrize(
    ("host", "told"),
    [
        ("192.0.2.7", "192.0.2.7:9"),
        ("2001:db8::7", "[2001:db8::7]:9"),
        ("hub.example.org", "hub.example.org:9"),
    ],
)
def test_a_hub_says_where_devices_find_it(host: str, told: str) -> None:
    assert door_of(Listen(host=host, enrol=9)) == told


@pytest.mark.parametrize(
    ("whole", "told"), [("localhost", "hub3"), ("localhost.localdomain", "hub3"), ("hub3.example.org",) * 2]
)
def test_a_hub_that_takes_itself_for_localhost_gives_the_name_of_its_machine(
    monkeypatch: pytest.MonkeyPatch, whole: str, told: str
) -> None:
    monkeypatch.setattr(socket, "getfqdn", lambda: whole)
    monkeypatch.setattr(socket, "gethostname", lambda: "hub3")
    assert door_of(Listen(host="0.0.0.0", enrol=9)) == f"{told}:9"  # noqa: S104  # a setting; nothing listens


def test_a_form_that_one_thing_has_not_is_refused(hub: Living) -> None:
    for arguments in (("devices", DEVICE, "--csv"), ("incidents", "1", "--csv")):
        done = Done(hub, *arguments)
        assert (done.status, "--csv is for the list" in done.err) == (2, True)


def test_the_audit_log_names_the_local_user(hub: Living) -> None:
    done = Done(hub, "audit", "--limit", "3")
    assert "local:" in done.out
    assert "/api/v1/audit" in done.out
    assert "there are more" in done.err


def test_somebody_is_added_gets_a_token_and_goes(hub: Living) -> None:
    assert Done(hub, "people", "--add", "Eve Day", "--role", "analyst").status == 0
    assert "analyst" in Done(hub, "people").out
    made = Done(hub, "token", "Eve Day", "--label", "laptop")
    assert made.out.startswith("carecordon_")
    name = made.err.partition("carecordon hub revoke ")[2].split()[0]
    assert "laptop" in Done(hub, "token").out
    assert f"The token {name} is revoked." in Done(hub, "revoke", name).out
    assert Done(hub, "people", "--remove", "Eve Day").status == 0
    assert Done(hub, "token", "Eve Day").status == 2
    assert Done(hub, "people", "--add", "x", "--remove", "y").status == 2


def test_devices_are_let_in_again_only_by_name_or_all(hub: Living) -> None:
    assert Done(hub, "confirm").status == 2
    assert "0 devices" in Done(hub, "confirm", "--all").out
    unknown = Done(hub, "confirm", "ab" * 16)
    assert (unknown.status, "no such device" in unknown.err) == (2, True)
    assert "not held" in Done(hub, "confirm", DEVICE).err


def test_dead_letters(hub: Living) -> None:
    assert "no batch" in Done(hub, "dead-letters").out
    assert json.loads(Done(hub, "dead-letters", "1").out)["payload"] == "AGJyb2tlbg=="
    again = Done(hub, "dead-letters", "1", "--replay")
    assert (again.status, bool(again.err)) == (2, True), "it is none that can be played, and that is told"
    assert Done(hub, "dead-letters", "--replay").status == 2


def test_the_view_shows_figures_and_what_changed_lately(hub: Living) -> None:
    done = Done(hub, "watch", "--seconds", "0.8")
    assert done.status == 0, done.said
    assert "agents online" in done.out
    assert "Shadow copies deleted (1 device: WARD3-PC)" in done.out
    assert "whoami.exe" in done.out


def test_a_backup_is_taken_and_brought_back(hub: Living, tmp_path: Path) -> None:
    target = tmp_path / "hub.backup"
    taken = Done(hub, "backup", str(target))
    assert taken.status == 0, taken.said
    assert "keep that elsewhere" in taken.out
    places = ("--data", str(tmp_path / "data"), "--keys", str(tmp_path / "keys"))
    back = Done(None, "restore", str(target), *places)
    assert back.status == 0, back.said
    assert "The hub of RX1 is back" in back.out
    assert "carecordon_" in back.out, "the former tokens are revoked, a new one is shown"
    again = Done(None, "restore", str(target), *places)
    assert (again.status, "never writes over a hub" in again.err) == (2, True)
    assert Done(None, "restore", str(tmp_path / "nothing"), *places).status == 2


def test_where_no_backup_can_go_is_told(hub: Living, tmp_path: Path) -> None:
    (tmp_path / "there").write_text("precious", "utf-8")
    taken = Done(hub, "backup", str(tmp_path / "there"))
    assert (taken.status, "something there already" in taken.err) == (2, True)
    nowhere = Done(hub, "backup", str(tmp_path / "none" / "x"))
    assert (nowhere.status, f"{tmp_path / 'none'}: No such file or directory" in nowhere.err) == (2, True)


def test_a_backup_names_what_it_does_not_hold(hub: Living, tmp_path: Path) -> None:
    settings = hub.paths.settings.read_text("utf-8")
    away = tmp_path / "away"
    try:
        hub.paths.settings.write_text(f'rules = ["{away}"]\n{settings}', "utf-8")
        taken = Done(hub, "backup", str(tmp_path / "hub.backup"))
    finally:
        hub.paths.settings.write_text(settings, "utf-8")
    assert f"Not in it, for it lies elsewhere: {away} (rules)" in taken.out
    places = ("--data", str(tmp_path / "data"), "--keys", str(tmp_path / "keys"))
    assert f"names what is not here, or not to be seen by you; put it there again, or look: {away} (rules)" in Done(
        None, "restore", str(tmp_path / "hub.backup"), *places
    ).out.replace("\n", "")


def commands() -> list[list[str]]:
    return [
        ["status"], ["watch"], ["incidents"], ["incidents", "1"], ["devices"], ["ask", "SELECT 1"], ["backup", "x"],
        ["enrol-token"], ["revoke", "x"], ["audit"], ["dead-letters"], ["events", "x"], ["search", "x"],
        ["notices"], ["counts", "x"], ["prevalence", "x", "y"], ["tree", "x", "y"], ["coverage", "x"],
    ]  # fmt: skip


@pytest.mark.parametrize("arguments", commands(), ids=" ".join)
def test_where_no_hub_is_that_is_said(arguments: list[str], tmp_path: Path) -> None:
    done = Done(None, *arguments, "--data", str(tmp_path))
    assert done.status == NO_HUB
    assert "there is no hub here" in done.err
    (tmp_path / "hub.toml").write_text("")
    done = Done(None, *arguments, "--data", str(tmp_path))
    assert done.status == NO_HUB
    assert "not running" in done.err
    assert "carecordon up" in done.err


def test_a_hub_is_made_with_its_first_administrator(tmp_path: Path) -> None:
    data, keys = tmp_path / "data", tmp_path / "keys"
    places = ("--data", str(data), "--keys", str(keys))
    who = ("--ods", "rx1", "--name", 'St "Q" \\ Hospital', "--admin", "Ann Lee")
    done = Done(None, "init", *who, *places)
    assert done.status == 0, done.said
    assert "carecordon up" in done.out
    settings = read_settings(data / "hub.toml")
    assert (settings.ods, settings.name) == ("RX1", 'St "Q" \\ Hospital')
    assert open_authority(keys, "RX1").fingerprint
    register = SQLITE.open_register(str(Paths(data, keys).register))
    (person,) = register.people.all()
    (token,) = register.people.tokens()
    register.close()
    assert (person.name, person.role) == ("Ann Lee", Role.ADMIN)
    assert f"carecordon_{token.id}_" in done.out
    assert data.stat().st_mode & 0o777 == keys.stat().st_mode & 0o777 == 0o700
    again = Done(None, "init", *who, *places)
    assert (again.status, "there is a hub here already" in again.err) == (2, True)


@pytest.mark.parametrize("ods", ["", "R1", "MUCHTOOLONG", "R-1", "RÄ1", "R 1", "rx1\n;"])
def test_a_code_that_is_none_is_refused_and_nothing_is_made(ods: str, tmp_path: Path) -> None:
    places = ("--data", str(tmp_path / "d"), "--keys", str(tmp_path / "k"))
    done = Done(None, "init", "--ods", ods, "--name", "Westpark", "--admin", "Ann", *places)
    assert (done.status, "ODS code" in done.err) == (2, True)
    assert not any(tmp_path.iterdir())


def test_nothing_is_overwritten_and_keys_lie_apart(tmp_path: Path) -> None:
    who = ("--ods", "RX1", "--name", "Westpark", "--admin", "Ann")
    full = tmp_path / "full"
    full.mkdir()
    (full / "letter.txt").write_text("mine")
    for data, keys in ((full, tmp_path / "k"), (tmp_path / "d", full), (tmp_path / "same", tmp_path / "same")):
        done = Done(None, "init", *who, "--data", str(data), "--keys", str(keys))
        assert done.status == 2, done.said
    assert [one.name for one in full.iterdir()] == ["letter.txt"]


@pytest.mark.parametrize(("data", "keys"), [("d", "d/keys"), ("k/data", "k"), ("same", "same"), ("d", "link/keys")])
@pytest.mark.parametrize("command", ["init", "restore"])
def test_neither_data_nor_keys_lie_in_the_other(tmp_path: Path, command: str, data: str, keys: str) -> None:
    (tmp_path / "link").symlink_to("d")
    (tmp_path / "hub.backup").touch()
    who = ["--ods", "RX1", "--name", "Westpark", "--admin", "Ann"] if command == "init" else [f"{tmp_path}/hub.backup"]
    done = Done(None, command, *who, "--data", f"{tmp_path}/{data}", "--keys", f"{tmp_path}/{keys}")
    assert (done.status, "lie apart" in done.err) == (2, True), done.said
    assert sorted(one.name for one in tmp_path.iterdir()) == ["hub.backup", "link"]


def test_what_is_wrong_with_a_hub_is_found_without_one_running(tmp_path: Path) -> None:
    data, keys = tmp_path / "data", tmp_path / "keys"
    places = ("--data", str(data), "--keys", str(keys))
    assert Done(None, "check", *places).status == 2
    Done(None, "init", "--ods", "RX1", "--name", "Westpark", "--admin", "Ann", *places)
    done = Done(None, "check", *places)
    assert (done.status, "the log is not there" in done.out) == (3, True), "it was never started"
    assert "not in the audit log" not in done.err
    register = SQLITE.open_register(str(Paths(data, keys).register))
    act = register.audit.entries(limit=1)[0].act
    register.close()
    assert (act.who, act.verb, act.subject, act.detail) == (user(), "check", str(data), "3 findings, 2 grave")
