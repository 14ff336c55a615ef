"""What is not known is said where it applies, and only there."""

from __future__ import annotations

import pytest

from carecordon.model.event import Value
from carecordon.model.incident import ProcessSeen
from carecordon.model.match import BlindSpot, Unseen
from tests.report.story.script import HUB_LOG, SYSTEM32, Script, copied, rule

ODD = rule("Odd")
TOOL = "C:\\Users\\n.ward\\tool.exe"


def gaps(script: Script, *unseen: BlindSpot) -> str:
    return "\n".join(script.tell(unseen).unknown)


def started(*, parent: str = TOOL, techniques: tuple[str, ...] = ()) -> Script:
    script = Script()
    script.start(0, "ws01.wph.example.org", parent, "C:\\a.exe", "C:\\a.exe", rule("Odd", *techniques))
    return script


def test_no_root_is_said() -> None:
    assert "How it came to run on `ws01` is not known: no logon and no service was found above it." in gaps(started())


def test_a_device_on_which_nothing_was_seen_to_run_has_no_root_to_miss() -> None:
    script = Script()
    script.event(0, "dc01", "Security", 4769, ODD, TargetUserName="n.ward", ServiceName="sql")
    assert gaps(script) == ""


def test_which_of_two_with_one_key_is_the_device_is_not_known() -> None:
    script = Script()
    script.event(0, "ws01", HUB_LOG, 1, copied(), Evidence="two_answer")
    assert "Which of the two that go on with the key of `ws01` is the device" in gaps(script)
    assert "go on with the key" not in gaps(started())


@pytest.mark.parametrize("channel", [HUB_LOG, HUB_LOG.upper()])
def test_an_event_that_only_calls_itself_the_hubs_is_none(channel: str) -> None:
    script = Script()
    script.event(0, "ws01", channel, 1, ODD, DeviceId="5e" * 16, Evidence="two_answer")
    script.event(1, "ws01", channel, 2, ODD, DeviceId="5e" * 16)
    story = script.tell()
    told = " ".join((story.summary, *story.unknown, *story.next_steps, *(fact.text for fact in story.facts)))
    assert "key" not in told
    assert "revoke" not in told
    assert "seen on one device only" in story.summary


def test_a_service_or_a_logon_above_is_a_root() -> None:
    assert "How it came to run" not in gaps(started(parent=SYSTEM32 + "services.exe"))
    script = started()
    script.event(-5, "ws01.wph.example.org", "Security", 4624, TargetUserName="n.ward", LogonType=2)
    assert "How it came to run" not in gaps(script)


def test_a_root_may_be_a_process_whose_start_nobody_saw() -> None:
    script = started()
    script.processes = [
        ProcessSeen("a", None, "ws01.wph.example.org", 4, "C:\\Windows\\explorer.exe", None, None, None, True)
    ]
    assert gaps(script) == ""


def test_a_process_whose_start_was_not_seen_is_named() -> None:
    script = started(parent=SYSTEM32 + "services.exe")
    script.processes = [
        ProcessSeen("a", None, "ws01.wph.example.org", 4, TOOL, None, None, None, False),
        ProcessSeen("b", "a", "ws01.wph.example.org", 5, "C:\\a.exe", None, None, 7, False),
        ProcessSeen("c", "a", "ws01.wph.example.org", 5, "C:\\b.exe", None, None, None, True),
    ]
    assert gaps(script) == f"When and by what `{TOOL}` was started is not known: the start was not seen."


def test_a_source_that_is_no_known_device_is_named() -> None:
    script = started(parent=SYSTEM32 + "services.exe")
    script.event(
        1, "ws01.wph.example.org", "Security", 4624, TargetUserName="x", LogonType=3, IpAddress="::ffff:10.20.9.9"
    )
    assert "Which device `10.20.9.9` is, is not known" in gaps(script)
    script.sysmon(2, "ws02", 3, Initiated="true", SourceIp="10.20.9.9", DestinationIp="10.20.1.1", DestinationPort=445)
    assert "`10.20.9.9`" not in gaps(script)


def test_an_address_is_known_where_its_logon_names_a_device_of_the_incident() -> None:
    script = started(parent=SYSTEM32 + "services.exe")
    script.sysmon(1, "ws02.wph.example.org", 5, ODD)
    fields: dict[str, Value] = {"TargetUserName": "x", "LogonType": 3, "IpAddress": "10.20.9.9"}
    script.event(2, "ws01.wph.example.org", "Security", 4624, WorkstationName="WS02", **fields)
    assert "10.20.9.9" not in gaps(script)


def test_an_address_is_known_where_a_device_of_the_incident_shows_its_own_account() -> None:
    script = started(parent=SYSTEM32 + "services.exe")
    script.sysmon(1, "ws02.wph.example.org", 5, ODD)
    fields: dict[str, Value] = {"SubjectUserName": "WS02$", "ShareName": "SYSVOL", "IpAddress": "10.20.9.9"}
    script.event(2, "ws01.wph.example.org", "Security", 5145, **fields)
    assert "10.20.9.9" not in gaps(script)
    script.event(3, "ws01.wph.example.org", "Security", 5145, **fields | {"SubjectUserName": "n.ward"})
    other: dict[str, Value] = fields | {"SubjectUserName": "n.ward", "IpAddress": "10.20.9.8"}
    script.event(3, "ws01.wph.example.org", "Security", 5145, **other)
    assert "Which device `10.20.9.8` is, is not known" in gaps(script)


def test_another_name_that_an_address_gives_itself_is_told_and_not_taken_for_known() -> None:
    script = started(parent=SYSTEM32 + "services.exe")
    fields: dict[str, Value] = {"TargetUserName": "x", "LogonType": 3, "IpAddress": "10.20.9.9"}
    script.event(2, "ws01.wph.example.org", "Security", 4624, WorkstationName="LAPTOP7", **fields)
    assert "Which device `10.20.9.9` (which calls itself `LAPTOP7`) is, is not known" in gaps(script)


@pytest.mark.parametrize("address", ["127.0.0.1", "::1", "-", "", "LOCAL", None, "0.0.0.0"])  # noqa: S104  # read, not bound
def test_the_device_itself_is_no_stranger(address: str | None) -> None:
    script = started(parent=SYSTEM32 + "services.exe")
    script.event(1, "ws01.wph.example.org", "Security", 4624, TargetUserName="x", LogonType=3, IpAddress=address)
    assert "came in from there" not in gaps(script)


def test_blind_spots_of_these_devices_are_told_what_was_cleared_first() -> None:
    script = started(parent=SYSTEM32 + "services.exe")
    mine, other = "WS01.wph.example.org", "ws99.wph.example.org"
    spots = [BlindSpot(Unseen.GAP, f"gap {number}", device=mine) for number in range(12)]
    cleared = BlindSpot(Unseen.CLEARED, "the log was cleared", device=mine)
    told = script.tell(
        [BlindSpot(Unseen.GAP, "elsewhere", device=other), *spots, cleared, BlindSpot(Unseen.FILE, "no device")]
    ).unknown
    assert told[0].endswith("something could not be seen: the log was cleared.")
    assert not any("elsewhere" in gap or "no device" in gap for gap in told)
    assert told[-1].startswith("There are 5 more things that could not be seen")


@pytest.mark.parametrize(
    ("technique", "says"),
    [
        ("T1567.002", "Files have probably left the organisation"),
        ("T1560", "Whether files left the organisation is not known"),
        ("T1003.001", "Where the passwords of `WPH\\n.ward` were used elsewhere is not known"),
        ("T1021.002", "Whether it reached further devices is not known"),
    ],
)
def test_consequences_are_open_only_where_the_techniques_ask(technique: str, says: str) -> None:
    script = started(parent=SYSTEM32 + "services.exe", techniques=(technique,))
    script.accounts = ["WPH\\n.ward", "n.ward@WPH.EXAMPLE.ORG", "SYSTEM", "WPH\\WS01$", "NT AUTHORITY\\LOCAL SERVICE"]
    assert gaps(script).startswith(says)
    assert gaps(script).count("\n") == 0
    other = started(parent=SYSTEM32 + "services.exe", techniques=("T1059",))
    assert gaps(other) == ""
