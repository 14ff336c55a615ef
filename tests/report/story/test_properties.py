"""Whatever events say, a story is told: of these events only, in order of time, independent of the order given."""

from __future__ import annotations

import random

from hypothesis import given
from hypothesis import strategies as st

from carecordon.model.event import Value
from carecordon.model.incident import EventSeen, Phase
from carecordon.model.match import BlindSpot, Level, Unseen
from carecordon.report.story.choose import FACTS
from carecordon.report.story.kind import LOGS
from carecordon.report.story.kinds import KINDS
from carecordon.report.story.steps import STEPS
from carecordon.report.story.tell import tell_story
from tests.replacing import replace
from tests.report.story.script import START, Script, rule, words

CHANNELS = {short: channel for channel, short in LOGS.items()}
EVENTS = sorted({(CHANNELS[log], number) for kind in KINDS for log, number in kind.events})
FIELDS = (
    "Image", "ParentImage", "CommandLine", "User", "TargetFilename", "TargetObject", "Details", "DestinationIp",
    "SourceIp", "DestinationPort", "Initiated", "QueryName", "QueryStatus", "QueryResults", "LogonType",
    "TargetUserName", "TargetDomainName", "SubjectUserName", "IpAddress", "ServiceName", "ImagePath", "TaskName",
    "TaskContent", "Status", "NewProcessId", "ScriptBlockText", "Data", "param1", "param2", "Properties",
    "GrantedAccess", "TargetImage", "SourceImage", "Contents", "Payload", "Message",
)  # fmt: skip
HOSTILE = st.sampled_from([
    "", "-", "\\", "C:\\", "a\nb", "\u202e", "\ud800", "`", "{image}", "[", "0x", "9" * 40, "::ffff:", "false", "\x00",
    "C:\\Windows\\System32\\cmd.exe", "\\\\?\\C:\\x", "x" * 9_000, "powershell -enc " + "A" * 17,
    "10.20.1.1%4", "a.docx ", "<Command>x</Command>", "HostUrl=\r\n", ".", "..", "a." + "b" * 50,
])  # fmt: skip
SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20) | HOSTILE
VALUES: st.SearchStrategy[Value] = SCALARS | st.lists(SCALARS, max_size=4).map(tuple)
RULES = (rule("One", "T1486", level=Level.CRITICAL, triage=("Do",)), rule("Two", "T1003.001"), rule("\u202e`", "x"))


@st.composite
def scripts(draw: st.DrawFn) -> Script:
    script = Script()
    script.accounts = draw(st.lists(st.text(max_size=5), max_size=3))
    for _ in range(draw(st.integers(0, 12))):
        channel, number = draw(
            st.sampled_from(EVENTS) | st.tuples(st.none() | st.text(max_size=3), st.none() | st.integers())
        )
        fields = draw(st.dictionaries(st.sampled_from(FIELDS), VALUES, max_size=6))
        device = draw(st.sampled_from(["ws01.example.org", "ws02.example.org", "\u202e`", "", None]))
        rules = draw(st.lists(st.sampled_from(RULES), max_size=2, unique=True))
        script.event(draw(st.integers(-10_000, 10_000)) / 7, device, channel, number, *rules, **fields)
    return script


@given(scripts())
def test_a_story_is_always_told(script: Script) -> None:
    incident = script.incident()
    story = tell_story(incident, script.events, [BlindSpot(Unseen.GAP, "\u202e", device="ws01.example.org")], words())
    places = {(event.file, event.position): event for event in script.events}
    order = [(fact.time, fact.file, fact.position) for fact in story.facts]
    assert order == sorted(order)
    assert len(story.facts) <= FACTS
    assert len(story.next_steps) <= STEPS
    for fact in story.facts:
        event = places[fact.file, fact.position]
        assert (fact.time, fact.device) == (event.time, event.device)
        assert set(fact.techniques) <= set(incident.techniques)
        assert fact.count >= 1
        assert len(fact.text) > 10
    assert sum(fact.count for fact in story.facts) <= len(script.events)
    texts = [story.summary, *(fact.text for fact in story.facts), *story.next_steps, *story.unknown]
    assert all(text.isprintable() and text and text.count("`") % 2 == 0 for text in texts)
    phases = [fact.phase for fact in story.facts if not fact.text.startswith(("Connections", "The same from"))]
    assert phases == sorted(phases, key=list(Phase).index)


@given(scripts(), st.randoms(use_true_random=False))
def test_the_order_in_which_events_are_given_changes_nothing(script: Script, chance: random.Random) -> None:
    shuffled = list(script.events)
    chance.shuffle(shuffled)
    incident = script.incident()
    assert tell_story(incident, shuffled, [], words()) == tell_story(incident, script.events, [], words())


def test_times_out_of_any_calendar_are_told() -> None:
    event = EventSeen("a", 1, None, 1 << 62, "ws01", None, None, None, {})
    late = replace(event, position=2, time=(1 << 63) - 1)
    incident = replace(Script().incident(), first=1 << 80, last=-(1 << 80))
    story = tell_story(incident, [late, event], [], words())
    assert [fact.position for fact in story.facts] == [1, 2]
    assert "It began at a time that is not known on `ws01`: an event was written. It was seen" in story.summary


class Counted(dict[str, Value]):
    """Fields that count how often they are looked into."""

    looks = 0

    def __contains__(self, name: object) -> bool:
        """Say whether the name is there, and count the question."""
        Counted.looks += 1
        return super().__contains__(name)


def test_many_events_take_no_more_than_their_number() -> None:
    """Ten times as many events are looked into ten times as often, not a hundred times: counted, not timed."""
    looks = []
    for size in (300, 3_000):
        Counted.looks = 0
        fields = [Counted({"ServiceName": f"s{number}"}) for number in range(size)]
        events = [
            EventSeen("a", place, place, START + place, "ws01", "System", 7045, None, of)
            for place, of in enumerate(fields)
        ]
        tell_story(Script().incident(), events, [], words())
        looks.append(Counted.looks)
    assert size <= looks[1] <= 10.5 * looks[0]
