"""What to do next: care first, the most urgent first, none twice, at most eight."""

from __future__ import annotations

from carecordon.model.incident import Summand
from carecordon.model.match import Level
from tests.report.story.script import Script, rule


def steps(script: Script) -> tuple[str, ...]:
    return script.tell().next_steps


def test_care_comes_first_and_says_that_nothing_is_known() -> None:
    script = Script()
    script.sysmon(0, "ws01.wph.example.org", 5, rule("Odd", "T1486"))
    first, second, *_ = steps(script)
    assert first == (
        "Before cutting off `ws01`, ask the ward or department that uses it what patient care needs it for: "
        "what it serves is not known here."
    )
    assert second.startswith("Stop the spread now: take `ws01` off the network")


def test_care_names_why_patients_may_be_served() -> None:
    script = Script()
    script.points = (Summand("severity", 40, "high"), Summand("asset", 20, "wph-ct-ws02 is an imaging workstation."))
    script.sysmon(0, "wph-ct-ws02", 5, rule("Odd"))
    assert steps(script)[0].endswith("patients may be served by it (wph-ct-ws02 is an imaging workstation).")


def test_an_asset_without_points_serves_nobody_that_is_known() -> None:
    script = Script()
    script.points = (Summand("asset", 0, "office"),)
    script.sysmon(0, "ws01", 5, rule("Odd"))
    assert steps(script)[0].endswith("what it serves is not known here.")


def test_many_devices_are_not_listed_in_every_step() -> None:
    script = Script()
    for number in range(9):
        script.sysmon(0, f"ws{number}", 5, rule("Odd", "T1486"))
    assert all("the 9 devices of this incident" in step for step in steps(script)[:2])


def test_rules_advise_the_gravest_first_and_each_its_first_step_first() -> None:
    script = Script()
    script.sysmon(0, "ws01", 5, rule("Low", level=Level.LOW, triage=("Look at the log", "Ask the user")))
    script.sysmon(1, "ws01", 5, rule("High", triage=("Take\nit   away", "ask the USER", "Write it down!")))
    told = steps(script)
    advised = [told.index(step) for step in ("Take it away.", "Look at the log.", "ask the USER.", "Write it down!")]
    assert advised == sorted(advised)
    assert "Ask the user." not in told


def test_there_are_at_most_eight_and_none_twice() -> None:
    script = Script()
    everything = ("T1486", "T1210", "T1484", "T1003", "T1562.001", "T1048", "T1071", "T1566", "T1053")
    script.sysmon(0, "ws01", 5, rule("All", *everything, triage=("One", "Two", "Three")))
    script.sysmon(1, "ws01", 5, rule("More", triage=("One", "Four", "Five")))
    told = steps(script)
    assert len(told) == 8
    assert len(set(told)) == 8
    assert {"One.", "Two.", "Four."} <= set(told)


def test_without_advice_the_catalogue_fills_the_page() -> None:
    script = Script()
    script.sysmon(0, "ws01", 5, rule("Odd", "T1566.001"))
    told = steps(script)
    assert any("remove it from all mailboxes" in step for step in told)
    assert any("Keep the evidence" in step for step in told)


def test_hostile_advice_stays_text() -> None:
    script = Script()
    script.sysmon(0, "ws01", 5, rule("Odd", triage=("Run \x1b[2J\u202e" + "x" * 2_000, "")))
    assert all(step.isprintable() and len(step) < 400 for step in steps(script))
