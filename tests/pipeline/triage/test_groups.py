"""Stories of groups and of events told more than once: who belongs together, and what is the same."""

from __future__ import annotations

from carecordon.model.match import BlindSpot, Unseen
from carecordon.pipeline.triage.correlate import Correlator
from tests.pipeline.triage.script import correlation, events_of, matches, play, tidy

TWICE = correlation("twice", "event_count", "failed", "10m", gte=2)


def test_groups_are_apart_and_shown_as_first_spelt() -> None:
    script = """
        >> 10:00 failed User=Anna
        >> 10:01 failed User=ben
        >> 10:02 failed User=ANNA
        >> 10:03 failed User=7
        >> 10:04 failed User="7"
        >> end
        << twice User=Anna 2 from 10:00 to 10:02: 1 3
        << twice User=7 2 from 10:03 to 10:04: 4 5
    """
    assert play([TWICE], script) == tidy(script)


def test_without_group_by_everything_is_one_group() -> None:
    rule = correlation("twice", "event_count", "failed", "10m", by="", gte=2)
    script = """
        >> 10:00 failed User=anna
        >> 10:01 failed
        >> end
        << twice 2 from 10:00 to 10:01: 1 2
    """
    assert play([rule], script) == tidy(script)


def test_all_group_fields_must_agree_and_a_list_is_its_elements() -> None:
    rule = correlation("twice", "event_count", "failed", "10m", by="User Groups", gte=2)
    script = """
        >> 10:00 failed User=anna Groups=["a","b"]
        >> 10:01 failed User=anna Groups=["a"]
        >> 10:02 failed User=anna Groups=["A","B"]
        >> end
        << twice User=anna Groups=["a", "b"] 2 from 10:00 to 10:02: 1 3
    """
    assert play([rule], script) == tidy(script)


def test_the_device_stands_in_for_a_computer_name_that_is_not_carried() -> None:
    rule = correlation("twice", "event_count", "failed", "10m", by="ComputerName", gte=2)
    script = """
        >> 10:00 failed from=ward-3
        >> 10:01 failed from=ward-3 ComputerName=ward-4
        >> 10:02 failed ComputerName=WARD-3
        >> end
        << twice ComputerName=ward-3 2 from 10:00 to 10:02: 1 3
    """
    assert play([rule], script) == tidy(script)


def test_an_alias_means_each_rule_s_own_field() -> None:
    """A rule that the alias does not name has a field of the alias' own name."""
    rule = correlation(
        "met", "temporal", "error connect login", "10m", by="host",
        aliases={"host": {"error": "Target", "connect": "Source"}},
    )  # fmt: skip
    script = """
        >> 10:00 error Target=192.0.2.9 Source=192.0.2.1
        >> 10:01 connect Source=192.0.2.9 Target=192.0.2.1
        >> 10:02 login host=192.0.2.1
        >> 10:03 login host=192.0.2.9
        >> end
        << met host=192.0.2.9 3 from 10:00 to 10:03: 1 2 4
    """
    assert play([rule], script) == tidy(script)


def test_a_measured_field_may_be_an_alias() -> None:
    rule = correlation(
        "spread", "value_count", "in out", "10m", by="", of="peer", gte=2,
        aliases={"peer": {"in": "Source", "out": "Target"}},
    )  # fmt: skip
    script = """
        >> 10:00 in Source=192.0.2.1 Target=192.0.2.7
        >> 10:01 out Source=192.0.2.7 Target=192.0.2.1
        >> 10:02 out Source=192.0.2.7 Target=192.0.2.2
        >> end
        << spread 2 from 10:00 to 10:02: 1 2 3
    """
    assert play([rule], script) == tidy(script)


def test_the_same_log_given_twice_counts_once_and_names_both_places() -> None:
    rule = correlation("brute", "event_count", "failed", "10m", gte=3)
    three = """
        >> 10:00 failed in a.evtx:1 id=501 User=anna
        >> 10:00 failed in copy.evtx:1 id=501 User=anna
        >> 10:01 failed in a.evtx:2 id=502 User=anna
        >> 10:01 failed in copy.evtx:2 id=502 User=anna
        >> 10:02 failed in a.evtx:3 id=503 User=anna
        >> 10:02 failed in copy.evtx:3 id=503 User=anna
        >> end
        << brute User=anna 3 from 10:00 to 10:02: a.evtx:1 copy.evtx:1 a.evtx:2 copy.evtx:2 a.evtx:3 copy.evtx:3
    """
    assert play([rule], three) == tidy(three)
    two = "\n".join(line for line in tidy(three).splitlines() if "10:02" not in line)
    assert play([rule], two) == two


def test_events_that_differ_anywhere_are_two() -> None:
    """Equal time, but another record id, device or field."""
    events = {
        "id": (">> 10:00 failed id=1 User=anna", ">> 10:00 failed id=2 User=anna"),
        "device": (">> 10:00 failed from=ward-3 User=anna", ">> 10:00 failed from=ward-4 User=anna"),
        "field": (">> 10:00 failed User=anna Reason=a", ">> 10:00 failed User=anna Reason=b"),
    }
    for pair in events.values():
        script = "\n".join((*pair, ">> end", "<< twice User=anna 2 from 10:00 to 10:00: 1 2"))
        assert play([TWICE], script) == script
        same = "\n".join((pair[0], pair[0], ">> end"))
        assert play([TWICE], same) == same


def test_an_event_that_two_rules_match_is_one_event() -> None:
    rule = correlation("twice", "event_count", "failed locked", "10m", gte=2)
    script = """
        >> 10:00 failed,locked User=anna
        >> 10:01 failed User=ben
        >> 10:02 locked User=ben
        >> end
        << twice User=ben 2 from 10:01 to 10:02: 2 3
    """
    assert play([rule], script) == tidy(script)


def test_what_takes_no_part_is_told() -> None:
    script = """
        >> 10:00 failed User=anna
        >> 10:01 failed
        >> 10:02 failed User=null
        >> 10:03 failed User=[]
        >> - failed User=anna
        >> 10:04 other
    """
    correlator = Correlator([TWICE])
    for number, line in enumerate(events_of(script), start=1):
        correlator.feed(matches(line, number))
    assert correlator.close() == []
    assert correlator.unseen() == [
        BlindSpot(Unseen.CLOCK, "correlations: event without a time that can be read", count=1),
        BlindSpot(
            Unseen.FIELD, "correlation 'twice': group-by field 'User' not carried by a match of 'failed'", count=3
        ),
    ]


def test_a_measured_field_that_is_missing_or_no_number_is_told() -> None:
    upload = correlation("upload", "value_sum", "sent", "1h", of="Bytes", gt=1000)
    spray = correlation("spray", "value_count", "sent", "1h", of="Host", gt=1000)
    correlator = Correlator([upload, spray])
    correlator.feed(matches(">> 10:00 sent User=anna Bytes=many", 1))
    correlator.feed(matches(">> 10:01 sent User=anna Host=a", 2))
    correlator.close()
    assert {spot.reason: spot.count for spot in correlator.unseen()} == {
        "correlation 'upload': field 'Bytes' no number": 1,
        "correlation 'upload': field 'Bytes' not carried": 1,
        "correlation 'spray': measured field 'Host' not carried by a match of 'sent'": 1,
    }
