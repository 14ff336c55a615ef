"""No name, NHS number, mail or telephone of an incident survives in any format; what belongs together still does."""

from __future__ import annotations

import pytest

from carecordon.cli.shown import redacted
from carecordon.model.event import Value
from carecordon.model.incident import Case, Entity, EntityKind, ProcessSeen, Summand
from carecordon.model.result import Result
from carecordon.report.format import Format, View
from carecordon.report.formats.csv import CSV
from carecordon.report.formats.html import HTML
from carecordon.report.formats.jsonlines import JSONLINES
from carecordon.report.formats.navigator import NAVIGATOR
from carecordon.report.formats.terminal import TERMINAL
from carecordon.report.formats.timeline import TIMELINE
from carecordon.report.redact import Redactor
from tests.replacing import replace
from tests.report import outbreak
from tests.report.hostile import hostile_case
from tests.report.sample import START, closing

KEY = b"0123456789abcdef"
NAME, NHS, MAIL, PHONE = "aexample", "9434765919", "anna.example@mail.example.org", "07700 900123"
SECRETS = (NAME, NHS, MAIL, PHONE)
FORMATS = [JSONLINES, TERMINAL, HTML, CSV, TIMELINE, NAVIGATOR]


def personal_case() -> Case:
    """Return an incident that holds all four in every text that comes from events; the rule holds none."""
    case = hostile_case(rf"C:\Users\{NAME}\{NAME} {NHS} {MAIL} {PHONE}")
    one = case.incident
    fields: dict[str, Value] = {"User": rf"WPH\{NAME}", "CommandLine": f"mail {MAIL} {PHONE} {NHS}"}
    alerts = tuple(
        replace(alert, rule=outbreak.FAN, sample=replace(alert.sample, rule=outbreak.FAN, fields=fields))
        for alert in one.alerts
    )
    facts = tuple(replace(fact, techniques=("T1046",)) for fact in case.story.facts)
    return replace(
        case,
        incident=replace(
            one,
            id="1f",
            aliases=("2f",),
            alerts=alerts,
            chains=(),
            places=tuple(replace(place, rule_id=outbreak.FAN.id) for place in one.places),
            techniques=("T1046",),
            score=replace(one.score, summands=(Summand("severity", 9, one.title),)),
        ),
        story=replace(case.story, facts=facts),
        events=[replace(event, fields=fields) for event in case.events],
    )


def result(*cases: Case) -> Result:
    plain = outbreak.result()
    found = [alert.sample for case in cases for alert in case.incident.alerts]
    return Result(plain.begin, found, closing(), cases)


@pytest.mark.parametrize("form", FORMATS, ids=[form.name for form in FORMATS])
def test_nothing_personal_survives(form: Format) -> None:
    plain = result(personal_case())
    before = "".join(form.tell(plain, View(200)))
    assert form is NAVIGATOR or all(secret in before for secret in SECRETS)
    after = "".join(form.tell(redacted(plain, Redactor(KEY), ()), View(200)))
    for secret in SECRETS:
        assert secret not in after
        assert secret.replace(" ", "") not in after.lower()
    assert form is NAVIGATOR or all(f"[{kind}-" in after for kind in ("user", "nhs", "email", "phone"))


def test_a_name_that_only_an_event_shows_goes_from_the_story_and_from_matches_before_it() -> None:
    case = outbreak.harmless()
    (event,) = case.events
    case = replace(
        case,
        events=[replace(event, fields={"TargetUserName": "bmuster"})],
        story=replace(case.story, summary="bmuster logged on.", next_steps=("Ring bmuster.",)),
    )
    match = replace(case.incident.alerts[0].sample, fields={"CommandLine": "whoami bmuster"})
    plain = replace(result(case), findings=[match])
    after = "".join(JSONLINES.tell(redacted(plain, Redactor(KEY), ()), View()))
    assert "bmuster" in "".join(JSONLINES.tell(plain, View()))
    assert "bmuster" not in after


def test_the_same_person_has_the_same_token_throughout() -> None:
    case = outbreak.harmless()
    after = Redactor(KEY).case(case)
    token = Redactor(KEY).account(r"WPH\it.lane")
    assert token.startswith("WPH\\[user-")
    assert after.incident.entities[0].name == token
    assert after.incident.processes[0].account == token
    assert after.events[0].fields["User"] == token
    assert after.story.facts[0].text == f"{token.removeprefix('WPH' + chr(92))} started fernhilfe.exe."


def test_parents_alerts_and_events_still_name_their_process() -> None:
    case = outbreak.worm()
    one = case.incident
    named = tuple(
        replace(process, key=f"it.lane-{process.key}", parent=process.parent and f"it.lane-{process.parent}")
        for process in one.processes
    )
    alerts = tuple(replace(alert, process=f"it.lane-{alert.process}") for alert in one.alerts)
    person = Entity(EntityKind.ACCOUNT, "it.lane", None, START, START, 1)
    events = [replace(event, process=event.process and f"it.lane-{event.process}") for event in case.events]
    case = replace(case, incident=replace(one, processes=named, alerts=alerts, entities=(person,)), events=events)
    after = Redactor(KEY).case(case)
    assert "it.lane" not in str(after)
    assert _tree(after.incident.processes) == _tree(one.processes)
    images = {process.key: process.image for process in after.incident.processes}
    before = {process.key: process.image for process in one.processes}
    assert [images.get(alert.process or "") for alert in after.incident.alerts] == [
        before.get(alert.process or "") for alert in one.alerts
    ]
    assert [images.get(event.process or "") for event in after.events] == [
        before.get(event.process or "") for event in outbreak.worm().events
    ]


def _tree(processes: tuple[ProcessSeen, ...]) -> list[tuple[str | None, str | None]]:
    images = {process.key: process.image for process in processes}
    return [(process.image, images.get(process.parent or "")) for process in processes]


def test_an_incident_without_anything_personal_stays_as_it_is() -> None:
    case = outbreak.harmless()
    one = case.incident
    image = r"C:\Windows\x.exe"
    fields: dict[str, Value] = {"Image": image}
    sample = replace(one.alerts[0].sample, fields=fields)
    plain = replace(
        case,
        incident=replace(
            one,
            alerts=(replace(one.alerts[0], sample=sample),),
            entities=(),
            processes=(replace(one.processes[0], account=r"NT AUTHORITY\SYSTEM"),),
        ),
        story=replace(case.story, facts=(), next_steps=()),
        events=[replace(case.events[0], fields=fields)],
    )
    assert Redactor(KEY).case(plain) == plain
