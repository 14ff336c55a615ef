"""Which events become one fact, which facts are told, and what each carries."""

from __future__ import annotations

import pytest

from carecordon.model.event import Value
from carecordon.model.incident import Phase, Place
from carecordon.model.match import Level
from carecordon.report.story.choose import AROUND, FACTS
from carecordon.report.story.runs import GAP
from carecordon.report.story.tell import tell_story
from carecordon.report.story.values import cut
from tests.replacing import replace
from tests.report.story.script import SECOND, SYSTEM32, Script, one, rule, words

TOOL = "C:\\Users\\n.ward\\tool.exe"
ODD = rule("Odd program", "T1059", "T1027")
GRAVE = rule("Grave program", "T1486", level=Level.CRITICAL)


def texts(script: Script) -> list[str]:
    return [fact.text for fact in script.tell().facts]


def writes(script: Script, *files: str, at: float = 0, device: str = "ws01") -> None:
    for number, file in enumerate(files):
        script.sysmon(at + number, device, 11, Image=TOOL, TargetFilename=file)


def test_files_of_one_ending_are_counted_with_their_folder() -> None:
    script = Script()
    writes(script, "D:\\a\\1.docx.abc", "D:\\a\\b\\2.xlsx.abc", "D:\\a\\3.pdf.abc", "D:\\a\\4.txt")
    assert texts(script) == [
        f"`{TOOL}` wrote 3 files ending in `.abc` in `D:\\a` within 2 s; first `D:\\a\\1.docx.abc`.",
        f"`{TOOL}` wrote the file `D:\\a\\4.txt`.",
    ]
    assert [fact.count for fact in script.tell().facts] == [3, 1]


def test_files_of_one_name_are_told_by_it_and_no_common_folder_is_invented() -> None:
    script = Script()
    writes(script, "C:\\a\\read.txt", "D:\\b\\READ.txt")
    assert texts(script) == [
        f"`{TOOL}` wrote 2 files ending in `.txt`, all named `read.txt`, within 1 s; first `C:\\a\\read.txt`."
    ]


def test_the_same_file_written_again_is_one_fact_with_how_often() -> None:
    script = Script()
    writes(script, "C:\\a\\x.txt", "C:\\a\\x.txt", "C:\\a\\x.txt")
    assert texts(script) == [f"`{TOOL}` wrote the file `C:\\a\\x.txt`, 3 times within 2 s."]


@pytest.mark.parametrize(("gap", "facts"), [(GAP // SECOND, 1), (GAP // SECOND + 1, 2)])
def test_a_run_ends_when_nothing_came_for_half_an_hour(gap: int, facts: int) -> None:
    script = Script()
    writes(script, "C:\\a\\x.txt")
    writes(script, "C:\\a\\x.txt", at=gap)
    assert len(texts(script)) == facts


def test_one_program_started_and_told_by_two_logs_is_one_fact() -> None:
    script = Script()
    script.sysmon(0, "ws01", 1, Image=TOOL, ProcessId=4660, ParentImage=SYSTEM32 + "cmd.exe", User="WPH\\n.ward")
    fields: dict[str, Value] = {
        "NewProcessName": TOOL,
        "Image": TOOL,
        "NewProcessId": "0x1234",
        "ProcessId": "0x10",
        "CommandLine": "tool -x",
    }
    script.event(0.5, "ws01", "Security", 4688, ODD, **fields)
    (fact,) = script.tell().facts
    assert fact.text.startswith(f"The command prompt (`cmd.exe`) started `{TOOL}` as `WPH\\n.ward`: `tool -x`")
    assert (fact.count, fact.position, fact.techniques) == (1, 1, ("T1059", "T1027"))


@pytest.mark.parametrize(("pid", "at"), [(4661, 0.5), (4660, 6.0)])
def test_another_process_or_a_later_one_is_a_fact_of_its_own(pid: int, at: float) -> None:
    script = Script()
    script.sysmon(0, "ws01", 1, Image=TOOL, ProcessId=4660)
    script.event(at, "ws01", "Security", 4688, NewProcessName=TOOL, NewProcessId=pid, CommandLine="tool -x")
    assert len(texts(script)) == 2


def test_an_event_that_stands_in_two_files_counts_once_and_where_a_rule_matched_it() -> None:
    script = Script()
    event = script.sysmon(0, "ws01", 5, Image=TOOL)
    copy = replace(event, file="copy.jsonl", position=9)
    place = Place("copy.jsonl", 9, ODD.id)
    script.matches.append((ODD, event))
    incident = replace(script.incident(), places=(place,))
    incident = replace(
        incident,
        alerts=tuple(replace(a, sample=replace(a.sample, file="copy.jsonl", position=9)) for a in incident.alerts),
    )
    (fact,) = tell_story(incident, [event, copy], [], words()).facts
    assert (fact.file, fact.position, fact.count) == ("copy.jsonl", 9, 1)


def test_events_without_record_id_are_never_taken_for_copies() -> None:
    script = Script()
    first = script.sysmon(0, "ws01", 11, Image=TOOL, TargetFilename="C:\\a.txt")
    events = [replace(first, record_id=None, position=place) for place in (1, 2, 3)]
    (fact,) = tell_story(script.incident(), events, [], words()).facts
    assert fact.count == 3


def test_phases_are_those_before_between_and_after_the_matches() -> None:
    script = Script()
    script.start(0, "ws01", "C:\\Windows\\explorer.exe", TOOL, TOOL)
    script.start(1, "ws01", TOOL, "C:\\a.exe", "C:\\a.exe", ODD)
    script.start(2, "ws01", TOOL, "C:\\b.exe", "C:\\b.exe")
    script.start(3, "ws01", TOOL, "C:\\c.exe", "C:\\c.exe", GRAVE)
    script.start(4, "ws01", TOOL, "C:\\d.exe", "C:\\d.exe")
    facts = script.tell().facts
    assert [fact.phase for fact in facts] == [Phase.BEFORE, Phase.DURING, Phase.DURING, Phase.DURING, Phase.AFTER]
    assert [fact.techniques for fact in facts] == [(), ("T1059", "T1027"), (), ("T1486",), ()]


def test_a_rule_is_quoted_once_and_of_several_the_gravest() -> None:
    script = Script()
    script.start(0, "ws01", TOOL, "C:\\a.exe", "C:\\a.exe", ODD, GRAVE)
    script.start(1, "ws01", TOOL, "C:\\b.exe", "C:\\b.exe", ODD, GRAVE)
    script.start(2, "ws01", TOOL, "C:\\c.exe", "C:\\c.exe", ODD, GRAVE)
    assert [text.partition(" (matches ")[2] for text in texts(script)] == ['"Grave program").', '"Odd program").', ""]


def test_an_account_is_named_when_it_changes() -> None:
    script = Script()
    for at, user in enumerate(("WPH\\n.ward", "WPH\\n.ward", "WPH\\it.lane")):
        script.start(at, "ws01", TOOL, f"C:\\{at}.exe", f"C:\\{at}.exe", user=user)
    assert [" as " in text for text in texts(script)] == [True, False, True]


def test_connections_into_many_devices_are_one_fact_and_more_sources_another() -> None:
    script = Script()
    for source in range(3):
        for device in range(12):
            script.sysmon(
                source * 60 + device,
                f"ws{device:02}",
                3,
                Initiated=False,
                SourceIp=f"10.20.9.{source}",
                DestinationPort=445,
                Image="System",
            )
    first, more = texts(script)
    assert first.startswith(
        "Connections from `10.20.9.0` to port 445 (file sharing) reached 12 devices within 11 s: `ws00`, `ws01`"
    )
    assert first.endswith(" and 4 more.")
    assert more.startswith(
        "The same from further addresses (2): `10.20.9.1` and `10.20.9.2`, within 1 min 11 s; first, connections from"
    )


def test_the_same_on_many_devices_is_told_one_by_one_and_then_together() -> None:
    script = Script()
    for device in range(30):
        for step in ("a", "b", "c"):
            script.start(
                device * 10, f"ws{device:02}.wph.example.org", TOOL, f"C:\\{step}.exe", f"C:\\{step}.exe /x", ODD
            )
    facts = script.tell().facts
    assert len(facts) == 3 + 8 + 1
    assert facts[3].text.startswith("The same as on `ws00`, 3 steps of it within a second; the gravest: ")
    assert facts[-1].text.startswith("The same happened on 21 more devices within 3 min 20 s: `ws09`, ")
    assert facts[-1].count == 63


def test_what_is_the_same_as_something_is_not_told_without_it() -> None:
    script = Script()
    script.start(-600, "ws00", "C:\\Windows\\explorer.exe", "C:\\x.exe", "C:\\x.exe")
    for source in range(2):
        for device in range(3):
            script.sysmon(
                source * 60 + device, f"ws{device + 10 * source}", 3, *((ODD,) if source else ()), Initiated=False,
                SourceIp=f"10.20.9.{source}", DestinationPort=445, Image="System",
            )  # fmt: skip
    for number in range(20):
        script.start(-500 + number, "ws00", "C:\\Windows\\explorer.exe", f"C:\\{number}y.exe", f"C:\\{number}y.exe")
    told = texts(script)
    assert any(text.startswith("The same from further addresses (1)") for text in told)
    assert any(text.startswith("Connections from `10.20.9.0`") for text in told)


def test_one_step_on_another_device_is_told_whole() -> None:
    script = Script()
    for device in ("ws01", "ws02"):
        script.start(0, device, TOOL, "C:\\a.exe", "C:\\a.exe", ODD)
    assert texts(script)[1] == f"The same as on `ws01`: `{TOOL}` started `C:\\a.exe` as the system account (`SYSTEM`)."


def test_names_that_differ_in_their_domain_only_are_told_whole() -> None:
    script = Script()
    for device in ("ws01.a.example.org", "ws01.b.example.org"):
        script.start(0, device, TOOL, "C:\\a.exe", "C:\\a.exe", ODD)
    assert texts(script)[1].startswith("The same as on `ws01.a.example.org`")


def test_a_crowd_of_starts_is_told_in_short() -> None:
    script = Script()
    for number in range(100):
        rules = (GRAVE,) if number == 50 else ()
        script.start(number, "ws01", TOOL, SYSTEM32 + "cmd.exe", f"cmd /c echo {number}", *rules)
    told = [text for text in texts(script) if "started the command prompt" in text]
    assert [text for text in told if "times more" in text] != []
    assert any("echo 50`" in text and "Grave program" in text for text in told)
    assert sum(fact.count for fact in script.tell().facts) <= 100
    assert len(told) < 20


def test_however_many_things_happen_a_story_stays_a_page_and_says_so() -> None:
    script = Script()
    for number in range(1_000):
        script.start(number, "ws01", TOOL, f"C:\\{number}x.exe", f"C:\\{number}x.exe", ODD)
    story = script.tell()
    assert len(story.facts) == FACTS
    assert story.facts[0].position == 1
    assert story.facts[-1].position == 1_000
    assert story.unknown[-1] == "940 lesser events of it are not told here; the timeline has them all."


def test_the_gravest_are_told_first_of_all() -> None:
    script = Script()
    for number in range(200):
        script.start(number, "ws01", TOOL, f"C:\\{number}x.exe", f"C:\\{number}x.exe", GRAVE if number == 120 else ODD)
    assert 121 in {fact.position for fact in script.tell().facts}


def test_around_the_attack_only_the_nearest_is_told() -> None:
    script = Script()
    for number in range(50):
        script.start(number, "ws01", TOOL, f"C:\\{number}x.exe", f"C:\\{number}x.exe")
    script.start(60, "ws01", TOOL, "C:\\a.exe", "C:\\a.exe", ODD)
    before = [fact for fact in script.tell().facts if fact.phase is Phase.BEFORE]
    assert [fact.position for fact in before] == [1, *range(51 - AROUND + 1, 51)]


def test_noise_is_told_only_where_a_rule_matches_it() -> None:
    script = Script()
    for number in range(20):
        script.sysmon(
            number,
            "ws01",
            7,
            *((ODD,) if number == 7 else ()),
            Image=TOOL,
            ImageLoaded=f"C:\\{number}.dll",
            Signed="true",
        )
    script.start(30, "ws01", TOOL, "C:\\a.exe", "C:\\a.exe")
    story = script.tell()
    assert [fact.text for fact in story.facts] == [
        f'`{TOOL}` loaded `C:\\7.dll`, which is signed (matches "Odd program").',
        f"`{TOOL}` started `C:\\a.exe` as the system account (`SYSTEM`).",
    ]
    assert "19 lesser events" in story.unknown[-1]


def test_long_values_are_cut_in_the_middle() -> None:
    told = one("Microsoft-Windows-Sysmon/Operational", 1, Image=TOOL, CommandLine="cmd " + "x" * 5_000 + " end")
    assert " [cut] " in told
    assert told.endswith("x end`.")
    assert len(told) < 250


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("bcdedit /set " + "x " * 100 + "/y bootstatuspolicy ignoreallfailures", "bcdedit /set "),
        ("cmd /c " + "a" * 85 + " bcdedit /set " + "y " * 50 + "end", "a bcdedit /set [cut] y "),
    ],
)
def test_a_command_is_cut_between_words_with_a_plain_mark(line: str, told: str) -> None:
    shown = cut(line, 160)
    assert shown.count(" [cut] ") == 1
    assert told in shown
    assert set(shown.split()) - {"[cut]"} <= set(line.split())


def test_what_only_came_from_elsewhere_is_the_first_sign_and_no_beginning() -> None:
    script = Script()
    for device in ("lims01", "fs01"):
        event = script.sysmon(
            0, device, 3, Initiated="false", SourceIp="10.20.9.9", DestinationPort=445, Image="System"
        )
        script.chained(ODD, event)
    script.start(5, "ws01", TOOL, "C:\\a.exe", "C:\\a.exe", GRAVE)
    summary = script.tell().summary
    assert summary.startswith("The first sign, at 2017-05-12 09:06 UTC: connections from `10.20.9.9` to port 445")
    assert "; the first device that shows more is `ws01`. The rules that match look for: " in summary


def test_no_events_at_all_is_a_story_too() -> None:
    story = Script().tell()
    assert story.facts == ()
    assert story.summary.startswith("It began at 2017-05-12 09:06 UTC.")
    assert story.next_steps


@pytest.mark.parametrize("length", range(90, 130))
def test_no_name_is_cut_in_half(length: int) -> None:
    path = "C:\\Users\\n.wardley\\AppData\\Local\\" * 40
    told = cut("x" * (length % 30) + path, length)
    assert len(told) <= length + 5
    words_left = told.replace("x", "").replace(" [cut] ", "\\").split("\\")
    assert set(words_left) <= {"", "C:", "Users", "n.wardley", "AppData", "Local", "LocalC:"}


BOOT = SYSTEM32 + "services.exe"


@pytest.mark.parametrize(
    ("parent", "image", "line", "is_told"),
    [
        (BOOT, SYSTEM32 + "svchost.exe", "svchost -k x", False),
        (BOOT, "C:\\Windows\\Temp\\svchost.exe", "svchost -k x", True),
        (TOOL, SYSTEM32 + "svchost.exe", "svchost -k x", True),
        (TOOL, SYSTEM32 + "conhost.exe", "conhost 0x4", False),
        (TOOL, "C:\\Users\\n.ward\\conhost.exe", "conhost 0x4", True),
        ("C:\\Program Files\\B\\b.exe", "C:\\Program Files\\B\\b.exe", "b --type=gpu", False),
        ("C:\\Users\\b.exe", "C:\\Users\\b.exe", "b --type=gpu", True),
        (SYSTEM32 + "net.exe", SYSTEM32 + "net1.exe", "net1 user", False),
    ],
)
def test_windows_starting_its_own_parts_is_noise_but_not_their_names_elsewhere(
    parent: str, image: str, line: str, *, is_told: bool
) -> None:
    script = Script()
    script.start(-1, "ws01", parent, image, line)
    script.start(0, "ws01", TOOL, "C:\\a.exe", "C:\\a.exe", ODD)
    assert (len(texts(script)) == 2) is is_told
