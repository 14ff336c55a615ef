"""Stories of counted events and values: how many, how many different, how much."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.pipeline.triage.script import correlation, play, tidy

BRUTE = correlation("brute", "event_count", "failed", "10m", gte=3)


def test_a_burst_is_told_once_when_it_is_over() -> None:
    """Further events join the burst until one comes that shares no satisfied window with it."""
    script = """
        >> 10:00 failed User=anna
        >> 10:04 failed User=anna
        >> 10:09 failed User=anna
        >> 10:10 failed User=anna
        >> 10:20 failed User=ben
        >> 10:21 failed User=anna
        << brute User=anna 4 from 10:00 to 10:10: 1 2 3 4
        >> end
    """
    assert play([BRUTE], script) == tidy(script)


def test_the_window_includes_both_ends_and_nothing_more() -> None:
    """Ten minutes apart is within ten minutes, one second more is not."""
    script = """
        >> 10:00:00 failed User=anna
        >> 10:05:00 failed User=anna
        >> 10:10:00 failed User=anna
        >> end
        << brute User=anna 3 from 10:00 to 10:10: 1 2 3
    """
    assert play([BRUTE], script) == tidy(script)
    assert "<<" not in play([BRUTE], script.replace("10:10:00", "10:10:01"))


def test_a_long_attack_is_one_burst_with_its_greatest_window_as_figure() -> None:
    script = """
        >> 10:00 failed User=anna
        >> 10:06 failed User=anna
        >> 10:07 failed User=anna
        >> 10:08 failed User=anna
        >> 10:17 failed User=anna
        >> end
        << brute User=anna 4 from 10:00 to 10:17: 1 2 3 4 5
    """
    assert play([BRUTE], script) == tidy(script)


def test_a_burst_is_told_though_its_group_goes_on_quietly() -> None:
    script = """
        >> 10:00 failed User=anna
        >> 10:01 failed User=anna
        >> 10:02 failed User=anna
        >> 10:12 failed User=anna
        >> 10:18 failed User=anna
        >> 10:27 failed User=anna
        << brute User=anna 3 from 10:00 to 10:02: 1 2 3
        >> end
    """
    assert play([BRUTE], script) == tidy(script)


def test_two_bursts_that_share_no_event_are_two() -> None:
    script = """
        >> 10:00 failed User=anna
        >> 10:01 failed User=anna
        >> 10:02 failed User=anna
        >> 10:13 failed User=anna
        << brute User=anna 3 from 10:00 to 10:02: 1 2 3
        >> 10:14 failed User=anna
        >> 10:15 failed User=anna
        >> end
        << brute User=anna 3 from 10:13 to 10:15: 4 5 6
    """
    assert play([BRUTE], script) == tidy(script)


@pytest.mark.parametrize(
    ("bounds", "fires"),
    [
        ({"gt": 2}, [3, 4, 5]),
        ({"gte": 3}, [3, 4, 5]),
        ({"lt": 3}, [1, 2]),
        ({"lte": 3}, [1, 2, 3]),
        ({"eq": 3}, [3]),
        ({"neq": 3}, [1, 2, 4, 5]),
        ({"gt": 2, "lte": 4}, [3, 4]),
        ({"gte": 2, "neq": 4}, [2, 3, 5]),
        ({"gt": 2, "gte": 4}, [4, 5]),
    ],
)
def test_every_bound(bounds: dict[str, float], fires: list[int]) -> None:
    """One to five events within the timespan, told where their full number is within the bounds."""
    rule = replace(correlation("some", "event_count", "failed", "10m"), bounds=tuple(bounds.items()))
    for number in range(1, 6):
        events = "\n".join(f">> 10:0{minute} failed User=anna" for minute in range(number))
        places = " ".join(str(place) for place in range(1, number + 1))
        end = "10:00" if number == 1 else f"10:0{number - 1}"
        told = f"\n<< some User=anna {number} from 10:00 to {end}: {places}" if number in fires else ""
        script = f"{events}\n>> end{told}"
        assert play([rule], script) == script


def test_a_range_is_judged_when_the_window_is_complete() -> None:
    """While it grows, a burst of four passes three; that is no burst of three. The next window starts afresh."""
    rule = correlation("three", "event_count", "failed", "10m", eq=3)
    script = """
        >> 10:00 failed User=anna
        >> 10:01 failed User=anna
        >> 10:02 failed User=anna
        >> 10:10 failed User=anna
        >> 10:11 failed User=anna
        >> 10:12 failed User=anna
        >> 10:13 failed User=anna
        >> 10:22 failed User=anna
        << three User=anna 3 from 10:11 to 10:13: 5 6 7
        >> end
    """
    assert play([rule], script) == tidy(script)


def test_different_values_are_counted_as_text_without_case() -> None:
    rule = correlation("spray", "value_count", "failed", "10m", by="Source", of="User", gte=3)
    script = """
        >> 10:00 failed Source=192.0.2.1 User=anna
        >> 10:01 failed Source=192.0.2.1 User=Anna
        >> 10:02 failed Source=192.0.2.1 User=ben
        >> 10:03 failed Source=192.0.2.2 User=cleo
        >> 10:04 failed Source=192.0.2.1
        >> 10:05 failed Source=192.0.2.1 User=null
        >> 10:06 failed Source=192.0.2.1 User=cleo
        >> end
        << spray Source=192.0.2.1 3 from 10:00 to 10:06: 1 2 3 7
    """
    assert play([rule], script) == tidy(script)


def test_values_leave_the_window_one_by_one() -> None:
    """A value stays while any of its events is in the window."""
    rule = correlation("spray", "value_count", "failed", "10m", by="", of="User", gte=3)
    script = """
        >> 10:00 failed User=anna
        >> 10:05 failed User=anna
        >> 10:06 failed User=ben
        >> 10:12 failed User=cleo
        >> 10:16 failed User=dora
        >> 10:17 failed User=cleo
        >> end
        << spray 3 from 10:05 to 10:16: 2 3 4 5
    """
    assert play([rule], script) == tidy(script)


def test_several_fields_count_their_combinations() -> None:
    rule = correlation("pairs", "value_count", "failed", "10m", by="", of="User Source", gte=3)
    script = """
        >> 10:00 failed User=anna Source=192.0.2.1
        >> 10:01 failed User=anna Source=192.0.2.2
        >> 10:02 failed User=anna Source=192.0.2.1
        >> 10:03 failed User=ben Source=192.0.2.1
        >> end
        << pairs 3 from 10:00 to 10:03: 1 2 3 4
    """
    assert play([rule], script) == tidy(script)


def test_a_sum_takes_numbers_and_text_that_reads_as_one() -> None:
    rule = correlation("upload", "value_sum", "sent", "1h", of="Bytes", gt=1000)
    script = """
        >> 10:00 sent User=anna Bytes=400
        >> 10:01 sent User=anna Bytes="600"
        >> 10:02 sent User=anna Bytes=many
        >> 10:03 sent User=anna Bytes=true
        >> 10:04 sent User=anna Bytes=0x400
        >> 10:05 sent User=anna
        >> 10:06 sent User=anna Bytes=[5000]
        >> 10:07 sent User=anna Bytes=0.5
        >> end
        << upload User=anna 1000.5 from 10:00 to 10:07: 1 2 8
    """
    assert play([rule], script) == tidy(script)


def test_a_sum_forgets_what_left_the_window() -> None:
    rule = correlation("upload", "value_sum", "sent", "1h", of="Bytes", gte=1000)
    script = """
        >> 10:00 sent User=anna Bytes=900
        >> 11:01 sent User=anna Bytes=900
        >> 12:01 sent User=anna Bytes=100
        >> end
        << upload User=anna 1000 from 11:01 to 12:01: 2 3
    """
    assert play([rule], script) == tidy(script)


@pytest.mark.parametrize(
    ("kind", "figure_of_five", "figure_of_six"),
    [("value_avg", 40, 40), ("value_median", 24, 32), ("value_percentile", 67, 60.25)],
)
def test_what_a_whole_window_amounts_to(kind: str, figure_of_five: float, figure_of_six: float) -> None:
    """A high value at the start says nothing: the window is judged when it is complete."""
    five = """
        >> 10:00 sent User=anna Bytes=110
        >> 10:01 sent User=anna Bytes=0
        >> 10:02 sent User=anna Bytes=-1
        >> 10:03 sent User=anna Bytes=67
        >> 10:04 sent User=anna Bytes=24
    """
    six = five + ">> 10:05 sent User=anna Bytes=40\n"
    told = "\n>> end\n<< typical User=anna {} from 10:00 to 10:0{}: {}"
    for events, figure, end in (five, figure_of_five, 4), (six, figure_of_six, 5):
        places = " ".join(str(place) for place in range(1, end + 2))
        script = tidy(events) + told.format(figure, end, places)
        reached = correlation("typical", kind, "sent", "1h", of="Bytes", percentile=75, gte=figure)
        assert play([reached], script) == script
        passed = correlation("typical", kind, "sent", "1h", of="Bytes", percentile=75, gt=figure)
        assert "<<" not in play([passed], script)


def test_windows_without_a_number_are_none() -> None:
    """An average of nothing is not below every limit."""
    rule = correlation("typical", "value_avg", "sent", "1h", of="Bytes", lt=100)
    assert "<<" not in play([rule], ">> 10:00 sent User=anna Bytes=many\n>> end")
