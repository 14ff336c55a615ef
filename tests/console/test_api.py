"""What the API answers, from a real register and a real keeper."""

from __future__ import annotations

import csv
import io
import json
import secrets
from collections.abc import Iterator

import httpx
import pytest

from carecordon.hub.news.found import Found, decode
from carecordon.hub.trust.access import read_enrol_token
from carecordon.hub.trust.anchors import ANCHORS, note_anchor
from carecordon.model.audit import Head
from carecordon.model.device import Certificate, DeviceKind, NewDevice, Standing
from carecordon.model.kept import Letter
from carecordon.model.person import Role
from carecordon.stream.backends.sqlite import SQLITE as STREAM
from tests.console.living import DEVICE, EPOCH, NAME, RULES, SHELL, Living, until, user


@pytest.fixture(scope="module")
def client(hub: Living) -> Iterator[httpx.Client]:
    with hub.client() as made:
        yield made


def test_an_incident_is_listed_and_told_with_its_story(client: httpx.Client) -> None:
    (row,) = client.get("/incidents").json()["rows"]
    assert (row["title"], row["level"], row["devices"]) == ("Shadow copies deleted", "critical", [NAME])
    whole = client.get(f"/incidents/{row['id']}").json()
    assert whole == client.get(f"/incidents/{row['number']}").json()
    assert len(whole["alerts"]) == 2
    assert [process["image"].rpartition("\\")[2] for process in whole["processes"]] != []
    assert "whoami.exe" in whole["summary"]
    assert any("vssadmin" in fact["text"] for fact in whole["story"])
    page = client.get(f"/incidents/{row['number']}/story", params={"width": 80}).text
    assert "What to do next" in page
    assert max(map(len, page.splitlines())) <= 80


def test_a_story_has_what_the_store_alone_knows(client: httpx.Client) -> None:
    """Nothing matched in the shell that began the others: only its event in the store tells how it began."""
    case = client.get("/incidents/1/case").json()
    assert "cmd.exe /c @run.bat" in {event["fields"]["CommandLine"] for event in case["events"]}
    assert "notepad.exe" not in {event["fields"]["CommandLine"] for event in case["events"]}


def test_incidents_are_asked_for_by_level_device_and_time(client: httpx.Client, hub: Living) -> None:
    def count(**query: str | int) -> int:
        return len(client.get("/incidents", params=query).json()["rows"])

    assert count(level="critical", device=NAME, status="new") == 1
    assert count(device="elsewhere.example.org") == 0
    assert count(status="closed") == 0
    assert count(since=hub.now + 10**18) == 0
    assert client.get("/incidents", params={"level": "dreadful"}).status_code == 422
    assert client.get("/incidents", params={"limit": 0}).status_code == 422


def test_alerts_come_page_by_page_and_say_that_there_are_more(client: httpx.Client) -> None:
    first = client.get("/alerts", params={"limit": 1}).json()
    assert first["is_cut"]
    second = client.get("/alerts", params={"limit": 1, **first["after"]}).json()
    assert not second["is_cut"]
    assert first["rows"][0]["id"] != second["rows"][0]["id"]
    one = client.get(f"/alerts/{first['rows'][0]['id']}").json()
    assert one["sample"]["fields"]["CommandLine"]


def test_a_device_is_shown_with_health_and_coverage(client: httpx.Client) -> None:
    told = client.get(f"/devices/{DEVICE}").json()
    assert (told["name"], told["health"], told["standing"]) == (NAME, "ok", "active")
    (channel,) = told["coverage"]
    assert (channel["channel"], channel["events"]) == ("Microsoft-Windows-Sysmon/Operational", 4)
    assert told["incidents"][0]["title"] == "Shadow copies deleted"


def test_a_question_in_sql_is_answered_in_each_form(client: httpx.Client) -> None:
    asked = {"sql": "SELECT FileName, ProcessCommandLine FROM DeviceProcessEvents ORDER BY Timestamp", "rows": 3}
    as_json = client.post("/ask", json=asked).json()
    assert [row["FileName"] for row in as_json["rows"]] == ["cmd.exe", "whoami.exe", "vssadmin.exe"]
    assert as_json["is_cut"]
    assert "3" in as_json["cut"]
    lines = client.post("/ask", json=asked, headers={"accept": "application/x-ndjson"})
    *rows, last = map(json.loads, lines.text.splitlines())
    assert (rows, last["is_cut"]) == (as_json["rows"], True)
    assert lines.headers["carecordon-cut"]
    table = client.post("/ask?format=csv", json=asked)
    assert table.headers["content-type"].startswith("text/csv")
    head, *cells = csv.reader(io.StringIO(table.text.removeprefix("\ufeff")))
    assert head == ["FileName", "ProcessCommandLine"]
    assert cells[1][1] == "'=whoami /all", "no cell is a formula"
    assert cells[-1][0].startswith("(")


def test_a_form_that_is_none_is_refused(client: httpx.Client) -> None:
    assert client.get("/incidents", params={"format": "xml"}).status_code == 400


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT * FROM file('/etc/passwd')",
        "INSERT INTO FUNCTION file('/tmp/x') SELECT 1",
        "SELECT * FROM system.tables",
        "DROP TABLE carecordon.events",
        "SELECT 1; SELECT 2",
        "SELECT Nothing FROM DeviceProcessEvents",
        "not a question",
    ],
)
def test_what_is_no_question_is_refused_with_its_place(client: httpx.Client, sql: str) -> None:
    answer = client.post("/ask", json={"sql": sql})
    assert answer.status_code == 400
    assert answer.json()["detail"].startswith("question:")


def test_ready_questions(client: httpx.Client) -> None:
    events = client.get("/events", params={"device": NAME, "limit": 3}).json()
    assert len(events["rows"]) == 3
    rest = client.get("/events", params={"device": NAME, **events["after"]}).json()
    assert [row["sequence"] for row in (*events["rows"], *rest["rows"])] == [0, 1, 2, 3]
    found = client.get("/search", params={"text": "SHADOWS"}).json()["rows"]
    assert [row["CommandLine"] for row in found] == ["vssadmin delete shadows /all"]
    counts = client.get("/counts", params={"by": ["device", "event_id"]}).json()["rows"]
    assert [(row["device"], row["events"]) for row in counts] == [(NAME, 4)]
    image = "C:\\Windows\\System32\\cmd.exe"
    (common,) = client.get("/prevalence", params={"field": "Image", "value": image}).json()["rows"]
    assert (common["devices"], common["events"]) == (1, 1)
    tree = client.get("/tree", params={"device": NAME, "process": SHELL}).json()["rows"]
    assert [row["ProcessId"] for row in tree] == [100, 101, 102]
    one = client.get(f"/events/{DEVICE}/77/3").json()
    assert one["fields"]["CommandLine"] == "notepad.exe"
    assert client.get("/events", params={"device": NAME, "since": 5, "until": 5}).status_code == 422


def test_an_enrolment_token_is_made_listed_and_revoked(hub: Living, client: httpx.Client) -> None:
    made = client.post("/enrol-tokens", json={"label": "ward 3", "uses": 2, "hours": 1})
    assert made.status_code == 200
    told = made.json()
    assert read_enrol_token(told["token"]).authority == hub.authority.fingerprint
    listed = {row["id"]: row for row in client.get("/enrol-tokens").json()["rows"]}
    assert listed[told["id"]]["uses_left"] == 2
    assert "token" not in listed[told["id"]]
    path = f"/enrol-tokens/{told['id']}/revoke"
    assert [client.post(path).json()["is_new"] for _ in range(2)] == [True, False]
    assert client.post("/enrol-tokens", json={"uses": 0}).status_code == 422
    assert client.post("/enrol-tokens", json={"secret": "mine"}).status_code == 422


def test_a_revoked_device_is_in_the_journal_too(hub: Living, client: httpx.Client) -> None:
    name = secrets.token_hex(16)
    certificate = Certificate(secrets.token_hex(32), "02", hub.now, hub.now + 10**15)
    hub.register.devices.add(NewDevice(name, "lost.example.org", "", DeviceKind.AGENT, certificate), "", hub.now)
    assert client.post(f"/devices/{name}/revoke", json={}).status_code == 422
    assert client.post(f"/devices/{name}/revoke", json={"why": "it was lost"}).json()["is_new"]
    device = hub.register.devices.get(name)
    assert device is not None
    assert (device.standing, device.why) == (Standing.REVOKED, "it was lost")
    assert name in (hub.paths.keys / "revoked.log").read_text()
    assert client.get(f"/devices/{name}").json()["health"] == "revoked"


def test_people_and_their_tokens(hub: Living, client: httpx.Client) -> None:
    name = f"Dee {secrets.token_hex(4)}"
    assert client.post("/people", json={"name": name, "role": "analyst"}).status_code == 200
    assert client.post("/people", json={"name": name}).status_code == 409
    for reserved in ("local:root", "hub", " x", "a\nb", "Ann  Example", "a/b"):
        assert client.post("/people", json={"name": reserved}).status_code == 422
    made = client.post(f"/people/{name}/tokens", json={"label": "laptop", "days": 1}).json()
    shown = {"authorization": f"Bearer {made['token']}"}
    with httpx.Client(base_url=f"{hub.base}/api/v1", headers=shown, trust_env=False) as dee:
        assert dee.get("/incidents").status_code == 200
        assert hub.audited(1)[0][0] == name
        assert client.post(f"/tokens/{made['id']}/revoke").json()["is_new"]
        assert dee.get("/incidents").status_code == 401
    assert made["id"] in {row["id"] for row in client.get("/tokens").json()["rows"]}
    assert made["token"] not in client.get("/tokens").text + client.get("/audit").text
    assert client.post(f"/people/{name}/remove").json()["is_new"]
    assert client.post(f"/people/{name}/tokens", json={}).status_code == 409
    assert name in (hub.paths.keys / "revoked.log").read_text()


def test_devices_that_are_held_are_let_in_when_somebody_says_so(hub: Living, client: httpx.Client) -> None:
    name = secrets.token_hex(16)
    certificate = Certificate(secrets.token_hex(32), "03", hub.now, hub.now + 10**15)
    hub.register.devices.add(NewDevice(name, "held.example.org", "", DeviceKind.AGENT, certificate), "", hub.now)
    hub.register.devices.hold("restored", "hub", hub.now)
    assert client.get(f"/devices/{name}").json()["health"] == "held"
    assert client.post("/devices/confirm", json={"devices": [name]}).json() == {"confirmed": 1, "not_held": []}
    assert client.get(f"/devices/{name}").json()["health"] == "never seen"
    assert client.post("/devices/confirm", json={}).status_code == 422, "all of them is to be said"
    assert client.post("/devices/confirm", json={"devices": None}).json()["confirmed"] >= 1


def test_a_dead_letter_is_looked_at_and_waits_while_it_cannot_be_worked_on(hub: Living, client: httpx.Client) -> None:
    hub.register.letters.add(
        [Letter(f"part/{DEVICE}/7 numbers 1 to 2", "stream 1, position 99", "no batch", b"\x00broken", hub.now)]
    )
    row = client.get("/dead-letters").json()["rows"][0]
    number = row["number"]
    assert row["size_bytes"] == 7, "lists hold no content, but say how much there is"
    assert client.get("/status").json()["dead_letters"] == hub.register.letters.count() >= 1
    assert client.get(f"/dead-letters/{number}").json()["payload"] == "AGJyb2tlbg=="
    again = client.post(f"/dead-letters/{number}/replay")
    assert (again.status_code, "still cannot be opened" in again.json()["detail"]) == (409, True)
    assert number in [row["number"] for row in client.get("/dead-letters").json()["rows"]], "it goes on waiting"


def test_a_dead_letter_that_can_be_worked_on_now_is_played_once(hub: Living, client: httpx.Client) -> None:
    """An event that lies in the store is held against the rules of now; what is found goes to triage by stream 2."""
    (hub.paths.rules).mkdir(exist_ok=True)
    (hub.paths.rules / "now.yml").write_text(RULES)
    stream = STREAM.open(str(hub.paths.found), None)
    place = f"{DEVICE}/{EPOCH} number 2"
    letter = Letter(f"event/{place}", f"event {place}: it lies in the store", "a defect", b"", hub.now)
    hub.register.letters.add([letter])
    number = client.get("/dead-letters").json()["rows"][0]["number"]
    played = client.post(f"/dead-letters/{number}/replay", timeout=120)
    assert played.status_code == 200, played.text
    (entry,) = stream.pull(0, 0, 1 << 20)
    stream.close()
    (found,) = decode(entry.part.data)
    assert isinstance(found, Found)
    assert [(one.rule.title, one.file, one.position) for one in found.matches] == [
        ("Shadow copies deleted", f"{DEVICE}/{EPOCH}", 2)
    ]
    assert client.post(f"/dead-letters/{number}/replay", timeout=120).status_code == 409
    assert number in [row["number"] for row in client.get("/dead-letters?which=replayed").json()["rows"]]


def test_an_audit_log_whose_end_is_not_what_was_noted_beside_the_keys_is_no_sound_one(
    hub: Living, client: httpx.Client
) -> None:
    def told() -> bool:
        return any("audit log" in one["what"] for one in client.get("/audit/check").json()["findings"])

    anchors = hub.paths.keys / ANCHORS
    before = anchors.read_bytes() if anchors.exists() else b""
    assert not told()
    try:
        note_anchor(hub.paths.keys, Head(hub.register.audit.head().number + 1_000, "ab" * 32))
        assert told()
    finally:
        anchors.write_bytes(before)


def test_the_audit_log_is_read_by_person_and_page(client: httpx.Client) -> None:
    first = client.get("/audit", params={"who": "Ann", "limit": 2}).json()
    numbers = [row["number"] for row in first["rows"]]
    assert numbers == sorted(numbers, reverse=True)
    assert all(row["who"] == "Ann" for row in first["rows"])
    second = client.get("/audit", params={"limit": 2, **first["after"]}).json()
    assert second["rows"][0]["number"] < numbers[-1]


def test_the_status_is_that_of_pulses_and_register(hub: Living, client: httpx.Client) -> None:
    hub.beat("worker-0", events_total=1_000)

    def is_rate_known() -> bool:
        hub.beat("gate", sessions=12, lag_s=0.5, ack_p99_ms=20)
        hub.beat("worker-0", events_total=2_000)
        return client.get("/status").json()["now"]["events_per_s"] is not None

    until(is_rate_known, "how fast events come is known")
    told = client.get("/status").json()
    assert told["now"]["agents_online"] == 12
    assert told["incidents"] == {"critical": 1}
    assert {row["name"] for row in told["processes"]} >= {"api", "gate", "keeper", "worker-0"}
    assert any(one["kind"] == "silent" for one in told["troubles"])


def test_the_view_tells_figures_and_incidents_as_they_come(client: httpx.Client) -> None:
    kinds = []
    with client.stream("GET", "/watch") as answer:
        for line in answer.iter_lines():
            told = json.loads(line)
            kinds.append(told["type"])
            if told["type"] == "incident":
                assert told["title"] == "Shadow copies deleted"
                assert "whoami.exe" in told["summary"]
            if len(kinds) == 4:
                break
    assert kinds.count("incident") == 1, "it is told once, for it does not change"


def test_health_readiness_and_figures(hub: Living) -> None:
    assert httpx.get(f"{hub.base}/healthz", trust_env=False).json() == {"is_alive": True}
    hub.beat("gate")
    ready = httpx.get(f"{hub.base}/readyz", trust_env=False)
    assert ready.status_code == 503
    assert {"triage", "carry"} <= set(ready.json()["lacking"])
    with hub.client(Role.READER) as client:
        text = client.get(f"{hub.base}/metrics").text
    assert 'carecordon_process_up{process="api"} 1.0' in text
    assert 'carecordon_devices{state="active"}' in text
    assert "# TYPE carecordon_hub_calls_total counter" in text


def test_who_reads_the_figures_is_in_the_audit_log_once_a_day(hub: Living) -> None:
    """Prometheus asks each few seconds: the log of what people do and ask must not be mostly that."""

    def readings() -> list[str]:
        return [who for who, _, subject, _ in hub.audited(1_000) if subject == "/metrics"]

    before = readings()
    with hub.client(Role.ANALYST) as client, hub.local() as local:
        for _ in range(3):
            assert client.get(f"{hub.base}/metrics").status_code == 200
            assert local.get("http://hub/metrics").status_code == 200
    assert sorted(readings()[: len(readings()) - len(before)]) == ["Bea", user()]
