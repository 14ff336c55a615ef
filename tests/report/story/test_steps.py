"""What to do next: care first, the most urgent first, none twice, at most eight."""

from __future__ import annotations

from carecordon.model.event import Fields
from carecordon.model.match import Level
from tests.report.story.script import Script, rule


def steps(script: Script) -> tuple[str, ...]:
    return script.tell().next_steps


def seen(*devices: str, technique: str = "T1059") -> Script:
    """Return a script with a match on each device."""
    script = Script()
    for device in devices:
        script.sysmon(0, device, 5, rule("Odd", technique))
    return script


def test_care_comes_first_and_says_that_nothing_is_known() -> None:
    assert steps(seen("ws01.wph.example.org"))[0] == (
        "What `ws01` serves is not known (no list of devices names it): ask the ward or department that uses it "
        "what patient care needs it for, before cutting off."
    )


def test_where_files_are_destroyed_each_class_is_cut_off_in_its_own_way() -> None:
    script = seen("ws01", "cow01", "icu01", "lab01", "new01", technique="T1486")
    script.list("ws01", "S0").list("cow01", "S1").list("lab01", "S2").list("icu01", "S3")
    first, second, *rest = steps(script)
    assert first == (
        "Take the office devices (S0) off the network now, cable and wireless: `ws01`. "
        "Ring the ward or department while you cut off `cow01` (S1: care is delayed without). "
        "Leave everything switched on and restart nothing: keys may still be in memory."
    )
    assert second == (
        "Not off yet: `icu01` (S3) and `lab01` (S2); first speak to whoever is with the patient or runs the system, "
        "then cut off, once they work on paper; until then block only file sharing (port 445) to and from them. "
        "What `new01` serves is not known (no list of devices names it): ask the ward or department that uses it "
        "now, and cut it off at once if no patient depends on it."
    )
    assert not any("off the network" in step or "cut off" in step for step in rest)


def test_what_others_depend_on_is_cut_off_last() -> None:
    script = seen("dc01", "cow01", technique="T1486").list("cow01", "S1").list("dc01", "S1", "it.identity")
    first, second, *_ = steps(script)
    assert "`cow01`" in first
    assert "`dc01`" not in first
    assert second.startswith("Cut off last, and with whoever runs IT: `dc01` (")
    quiet = steps(seen("dc01").list("dc01", "S1", "it.identity"))
    assert quiet[0].startswith("Do not cut off without whoever runs IT: `dc01` (")
    assert not any("Ring the ward" in step for step in quiet)


def test_a_backup_server_that_shows_signs_is_named() -> None:
    told = steps(seen("bak01", technique="T1490").list("bak01", "S1", "it.backup"))
    assert any("; signs of it are on `bak01` too" in step for step in told)
    assert not any("signs of it are on" in step for step in steps(seen("ws01", technique="T1490")))


def test_who_came_from_an_address_that_nobody_knows_is_to_be_found() -> None:
    script = seen("ws01", technique="T1210")
    inbound: Fields = {"Initiated": "false", "DestinationPort": 445, "DestinationIp": "10.20.8.1"}
    script.sysmon(1, "ws01", 3, SourceIp="10.20.9.9", **inbound)
    script.sysmon(2, "ws01", 3, SourceIp="203.0.113.9", **inbound)
    (found,) = [step for step in steps(script) if step.startswith("Find out what has")]
    assert "`10.20.9.9`" in found
    assert "203.0.113.9" not in found
    assert not any("Find out what has" in step for step in steps(seen("ws01", technique="T1210")))


def test_elsewhere_who_is_with_the_patient_comes_before_the_office() -> None:
    script = seen("ws01", "icu01", "new01", "new02").list("ws01", "S0").list("icu01", "S3")
    first, second, *_ = steps(script)
    assert (
        first == "Do not cut off unasked: `icu01` (S3); first speak to whoever is with the patient or runs the system."
    )
    assert second.startswith("Office devices by your list (S0), which may be cut off without asking: `ws01`. ")
    assert "What `new01` and `new02` serve is not known" in second


def test_every_life_critical_device_is_named_and_of_the_others_ten() -> None:
    script = seen(*(f"d{number:02}" for number in range(16)))
    for number in range(16):
        script.list(f"d{number:02}", "S3" if number > 13 else "S2")
    told = steps(script)[0]
    assert told.startswith("Do not cut off unasked: `d14` (S3), `d15` (S3), `d00` (S2)")
    assert told.count("(S2)") == 8
    assert "and 6 more;" in told


def test_a_device_that_was_only_connected_to_is_not_cut_off() -> None:
    script = seen("ws01", technique="T1486").list("ws01", "S0")
    scan = rule("Knocks at many", "T1021.002")
    for device in ("ws01", "fs01", "ws02"):
        script.chained(scan, script.sysmon(1, device, 3, Initiated="false", SourceIp="10.20.9.9", DestinationPort=445))
    story = script.tell()
    assert story.next_steps[0].startswith(
        "Take the office devices (S0) off the network now, cable and wireless: `ws01`."
    )
    assert story.next_steps[1] == (
        "Only connected to, without a sign of their own (2): `fs01` and `ws02`; "
        "watch them, and do not cut them off for this."
    )
    assert "It was seen on one device only, `ws01`; connections reached 2 more;" in story.summary
    assert not any("`fs01`" in step for step in story.next_steps[2:])


def test_connections_alone_cut_nobody_off() -> None:
    script, scan = Script(), rule("Knocks at many", "T1486")
    for device in ("fs01", "ws02"):
        script.chained(scan, script.sysmon(1, device, 3, Initiated="false", SourceIp="10.20.9.9", DestinationPort=445))
    story = script.tell()
    assert story.next_steps[0].startswith("No device has an alert of its own; connected to (2): `fs01` and `ws02`;")
    assert "No device has an alert of its own; it was seen in connections to `fs01` and `ws02`" in story.summary


def test_what_only_a_correlation_tells_but_the_device_did_itself_shows_it() -> None:
    script = Script()
    for device in ("ws01", "ws02"):
        event = script.sysmon(1, device, 11, Image="C:\\x.exe", TargetFilename="C:\\a.docx.abc")
        script.chained(rule("Many endings", "T1486"), event)
    assert "2 devices show it (`ws01` and `ws02`);" in script.tell().summary


def test_many_devices_are_not_listed_in_every_step() -> None:
    script = seen(*(f"ws{number}" for number in range(9)), technique="T1048")
    assert any("sent out of the 9 devices that show signs of it" in step for step in steps(script))


def test_no_accounts_no_step_about_them_and_care_before_a_service_account_is_disabled() -> None:
    script = seen("ws01", technique="T1003.001")
    assert not any("accounts" in step and "disable" in step for step in steps(script))
    script.accounts = ["WPH\\n.ward", "WPH\\svc-lims", "WPH\\Domain Admins"]
    fields = {"TargetUserName": "Domain Admins", "MemberName": "CN=n.ward", "SubjectUserName": "it.lane"}
    script.event(1, "dc01", "Security", 4728, **fields)
    (told,) = [step for step in steps(script) if "disable" in step]
    assert told.startswith(
        "Of the accounts in it (`WPH\\n.ward` and `WPH\\svc-lims`), disable at once those that were made in it, "
        "and those that are one person's own"
    )
    assert told.endswith(
        "before a shared ward account or a service's, ask the ward or the system's owner: care may stop with it."
    )


def test_a_policy_is_unlinked_and_a_senseless_name_is_not_blocked_before_the_rules_speak() -> None:
    script = seen("ws01", technique="T1484.001")
    script.sysmon(1, "ws01", 5, rule("Name", "T1480", triage=("Look at the program",)))
    told = steps(script)
    places = [next(p for p, step in enumerate(told) if step.startswith(start)) for start in (
        "Let a senseless name", "Find the policy that was changed, unlink it", "Look at the program",
    )]  # fmt: skip
    assert places == sorted(places)


def test_below_high_the_rules_say_how_to_tell_before_anything_is_disabled() -> None:
    script = Script()
    script.accounts = ["WPH\\svc-scan"]
    script.sysmon(0, "ws01", 5, rule("Low", "T1110", level=Level.MEDIUM, triage=("Ask whether it is your scanner",)))
    told = steps(script)
    assert told[1] == "Ask whether it is your scanner."
    assert told[2].startswith("Of the accounts in it (`WPH\\svc-scan`)")


def test_this_device_is_named_where_there_are_several() -> None:
    script = Script()
    script.sysmon(0, "ws01", 5, rule("One", triage=("Look at this device",)))
    for device in ("ws02", "ws03"):
        script.sysmon(1, device, 5, rule("Two", triage=("Look for files on this computer",)))
    told = steps(script)
    assert "On `ws01`: Look at this device." in told
    assert "On `ws02` and `ws03`: Look for files on each computer." in told


def test_what_two_rules_advise_alike_is_said_once() -> None:
    script = seen("ws01")
    script.sysmon(1, "ws01", 5, rule("One", triage=("Find the network logon of that moment and its source",)))
    script.sysmon(2, "ws01", 5, rule("Two", triage=("Look for the network logon of the moment: its source",)))
    assert sum("network logon" in step for step in steps(script)) == 1


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
    assert told[-1] == "One."


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
