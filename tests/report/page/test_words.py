"""What every part of the page says alike."""

from __future__ import annotations

from datetime import UTC

import pytest

from carecordon.report.domains import shared_domain, short_names
from carecordon.report.format import View
from carecordon.report.page.words import clock, day, folded, named, prose, stamp
from tests.report.page.test_markup import read
from tests.report.sample import START


@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("plain", "plain"),
        ("`a` began", "<code>a</code> began"),
        ("`<b>` and `c`.", "<code>&lt;b&gt;</code> and <code>c</code>."),
        ("a lone ` stays", "a lone ` stays"),
        ("`a` and ` stays", "<code>a</code> and ` stays"),
        ("", ""),
    ],
)
def test_what_stands_in_backticks_is_code(text: str, html: str) -> None:
    assert prose(text) == html


def test_devices_are_named_and_the_rest_counted() -> None:
    devices = ["a.example.org", "b.example.org", "c.example.org"]
    assert read(named(devices, short_names(devices), 2)).text == "a, b and 1 other"
    assert read(named(devices, {}, 3)).text == "a.example.org, b.example.org, c.example.org"
    assert named([], {}, 3) == ""


@pytest.mark.parametrize(
    "devices",
    [[], ["a"], ["a.x", "b"], ["a.x", "b.y"], ["10.0.0.1", "11.0.0.1"], ["a.x", "a.x", ".x"], [".x"]],
)
def test_a_domain_that_is_not_shared_stays(devices: list[str]) -> None:
    assert shared_domain(devices) is None
    assert short_names(devices) == {}


def test_times_say_that_they_are_unknown() -> None:
    beyond = 400_000 * 365 * 86_400 * 10**9
    for told in (stamp(None, View()), stamp(beyond, View()), clock(beyond, View())):
        assert read(told).text == "time unknown"
    assert day(beyond, View()) == "Date unknown"
    assert day(START, View(zone=UTC)) == "Wednesday 25 November 2026"


def test_nothing_folded_is_nothing_said() -> None:
    assert folded(0, "match", "matches", "--json") is None
    assert read(folded(1, "match", "matches", "--json") or "").text == "+ 1 match not shown here; all with --json."
