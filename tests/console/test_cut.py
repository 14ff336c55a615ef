"""An answer that the hub's limits cut says so in every form, at the API and at the terminal."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from contextlib import closing

import pytest

from carecordon.cli.hub_line import REFUSED, Answered
from carecordon.cli.hub_lists import tell_cut
from carecordon.hub.keeper.store import open_telemetry
from carecordon.model.device import Certificate, DeviceKind, NewDevice
from carecordon.model.event import Fields, Kind
from carecordon.telemetry.answer import STOPPED
from tests.cli.test_hub_commands import Done
from tests.console.living import DEVICE, NAME, SHELL, Living, living
from tests.replacing import replace
from tests.telemetry.keeping import merged

LONG = "x" * 500_000
BIG = "big.example.org"
ROOT = "{00000000-0000-4000-8000-000000000000}"
QUESTIONS: dict[str, dict[str, str | list[str]]] = {
    "/events": {"device": BIG},
    "/search": {"text": "xXx"},
    "/counts": {"by": ["CommandLine"]},
    "/prevalence": {"field": "Odd", "value": "x"},
    "/tree": {"device": BIG, "process": ROOT},
}
SETTINGS = "cut after 3 rows, as `question_rows` in hub.toml says"
HEAVY = "SELECT groupArray(CommandLine) FROM events"
SLOW = (
    "SELECT count() FROM events a CROSS JOIN events b CROSS JOIN events c"
    " WHERE a.sequence + b.sequence + c.sequence = -1"
)


@pytest.fixture(scope="module")
def tight(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Living]:
    """Return a hub whose questions may have three seconds, three rows and 8 MB, with forty large events and many."""
    limits = "[limits]\nquestion_s = 3\nquestion_rows = 3\nquestion_bytes = 8_000_000\n"
    with living(tmp_path_factory.mktemp("tight"), limits) as hub, hub.storing():
        events: list[Fields] = [
            {"ProcessGuid": f"{{{n}}}", "ParentProcessGuid": ROOT, "CommandLine": LONG, "Odd": f"{n}{LONG}"}
            for n in range(40)
        ]
        store = open_telemetry(hub.paths)
        store.insert(merged(events, devices=[BIG] * 40, times=[hub.now] * 40, received=hub.now), "big")
        store.insert(merged([{}] * 5_000, epoch=8, times=[hub.now] * 5_000, received=hub.now), "many")
        store.close()
        yield hub


@pytest.mark.parametrize("path", QUESTIONS)
def test_a_ready_question_that_was_stopped_says_so_in_each_form(tight: Living, path: str) -> None:
    with tight.client() as client:
        whole = client.get(path, params=QUESTIONS[path])
        assert whole.status_code == 200, whole.text
        told = whole.json()
        assert (told["is_cut"], told["cut"].startswith(STOPPED), told["rows"]) == (True, True, [])
        assert whole.headers["carecordon-cut"] == told["cut"]
        (line,) = client.get(path, params=QUESTIONS[path] | {"format": "jsonl"}).text.splitlines()
        assert json.loads(line) == {"is_cut": True, "cut": told["cut"]}
        table = client.get(path, params=QUESTIONS[path] | {"format": "csv"}).text
        *_, last = csv.reader(io.StringIO(table.removeprefix("\ufeff")))
        assert last[0] == f"({told['cut']})"


def test_rows_are_cut_as_the_settings_say(tight: Living) -> None:
    with tight.client() as client:
        tree = client.get("/tree", params={"device": NAME, "process": SHELL}).json()
        assert (len(tree["rows"]), tree["is_cut"]) == (3, False), "these are all"
        events = client.get("/events", params={"device": NAME, "limit": 100}).json()
        assert (len(events["rows"]), events["is_cut"]) == (3, True)
        assert "question_rows" in client.get("/events", params={"device": NAME}).json()["cut"]
        assert "only 2 were asked for" in client.get("/events", params={"device": NAME, "limit": 2}).json()["cut"]


def test_coverage_that_was_cut_says_so(tight: Living) -> None:
    many = "1f" * 16
    certificate = Certificate("cd" * 32, "02", tight.now, tight.now + 10**15)
    tight.register.devices.add(NewDevice(many, "MANY-LOGS", "", DeviceKind.AGENT, certificate), "", tight.now)
    kinds = [Kind(f"log-{number}", "x", 1) for number in range(4)]
    told = merged([{}] * 4, kinds=kinds, times=[tight.now] * 4, epoch=9, received=tight.now)
    with closing(open_telemetry(tight.paths)) as store:
        store.insert(replace(told, senders=(many,)), "logs")
    with tight.client() as client:
        cut = client.get(f"/devices/{many}").json()
        assert len(cut["coverage"]) == 3
        assert cut["coverage_cut"] == SETTINGS
        alone = client.get(f"/devices/{many}/coverage", params={"limit": 2}).json()
        assert (len(alone["rows"]), alone["is_cut"], "2 rows" in alone["cut"]) == (2, True, True)


def test_coverage_that_is_whole_says_so(tight: Living) -> None:
    with tight.client() as client:
        shown = client.get(f"/devices/{DEVICE}").json()
        assert (len(shown["coverage"]), shown["coverage_cut"], shown["incidents_cut"]) == (1, None, None)
        alone = client.get(f"/devices/{DEVICE}/coverage").json()
        assert (alone["rows"], alone["is_cut"]) == (shown["coverage"], False)


@pytest.mark.parametrize(
    ("form", "sql", "why"),
    [
        *((form, HEAVY, "it needed too much memory") for form in ("", "--json", "--csv")),
        ("--csv", SLOW, "it took too long"),
    ],
)
def test_the_terminal_says_it_and_ends_otherwise_than_with_0(tight: Living, form: str, sql: str, why: str) -> None:
    done = Done(tight, "ask", sql, *filter(None, [form]))
    assert done.status == REFUSED
    assert f"the answer was cut: {STOPPED}{why}" in done.err
    assert (f"{STOPPED}{why}" in done.out) is bool(form), "a program that reads the answer alone sees it too"


@pytest.mark.parametrize("form", ["", "--json", "--csv"])
def test_the_terminal_says_that_there_are_more_rows(tight: Living, form: str) -> None:
    done = Done(tight, "ask", "SELECT sequence FROM events", *filter(None, [form]))
    assert (done.status, done.err.rpartition("there are more: ")[2]) == (0, f"{SETTINGS}\n"), "no option gives more"
    fewer = Done(tight, "ask", "SELECT sequence FROM events", "--rows", "2", *filter(None, [form]))
    assert "there are more: cut after 2 rows" in fewer.err
    assert fewer.err.endswith("(--rows)\n")


@pytest.mark.parametrize(
    ("question", "hint"), [(("events", NAME), "--after"), (("counts", "CommandLine", "--device", NAME), "")]
)
def test_no_option_is_named_that_gives_no_more(tight: Living, question: tuple[str, ...], hint: str) -> None:
    cut = Done(tight, *question).err.rpartition("there are more: ")[2]
    assert cut.startswith(SETTINGS)
    assert "--limit" not in cut
    assert ("--after" in cut) is bool(hint)


def test_a_cut_that_says_itself_what_helps_is_left_alone(capsys: pytest.CaptureFixture[str]) -> None:
    tell_cut(Answered(b"", "only so many: ask for one at the end of them"), "")
    assert capsys.readouterr().err == "carecordon: there are more: only so many: ask for one at the end of them\n"
