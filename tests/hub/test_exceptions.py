"""An exception needs an owner and an end, and is over when it says so."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from carecordon.hub.config import Paths, Settings
from carecordon.hub.worker.exceptions import Sorted, sort_documents
from carecordon.hub.worker.rules import read_rules
from carecordon.pipeline.detect.sigma.documents import Document, read
from carecordon.pipeline.detect.sigma.texts import RuleText

TODAY = date(2026, 11, 27)
RULE = """
title: Bad word
id: 11111111-2222-4333-8444-555555555555
status: test
level: high
logsource: {product: windows, category: process_creation}
detection:
  selection: {CommandLine|contains: mischief}
  condition: selection
"""
FILTER = """
title: The nightly job says it
logsource: {product: windows, category: process_creation}
filter:
  rules: [11111111-2222-4333-8444-555555555555]
  selection: {User: svc.night}
  condition: selection
"""
OWNED = FILTER + "owner: B. Osei\n"


SETTINGS = Settings("XX1", "Example", own_rules=False)


def sort(text: str) -> Sorted:
    return sort_documents([RuleText("a.yml", text.encode())], TODAY)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (OWNED + "expires: 2026-11-28\n", None),
        (OWNED + "expires: 2026-11-28 12:00:00\n", None),
        (OWNED + "expires: 2026-11-27\n", "ended on 2026-11-27"),
        (OWNED, "`expires: YYYY-MM-DD`"),
        (OWNED + "expires: soon\n", "`expires: YYYY-MM-DD`"),
        (OWNED + "expires: 2027-02-30\n", "`expires: YYYY-MM-DD`"),
        (OWNED + "expires: 2027-02-30\n---\n{\n", "`expires: YYYY-MM-DD`"),
        (OWNED + "---\n{\n", "`expires: YYYY-MM-DD`"),
        (f"{OWNED}note: |\n{' word' * 400_000}\n", "`expires: YYYY-MM-DD`"),
        (FILTER + "expires: 2026-11-28\n", "`owner: NAME`"),
        (FILTER + "owner: ' '\nexpires: 2026-11-28\n", "`owner: NAME`"),
        (RULE, None),
        ("{", None),
    ],
)
def test_an_exception_is_used_while_it_may_be(text: str, reason: str | None) -> None:
    found = sort(text)
    assert (found.texts == (RuleText("a.yml", text.encode()),)) is (reason is None)
    assert bool(found.unused) is (reason is not None)
    assert reason is None or (reason in found.unused[0] and found.unused[0].startswith("a.yml:2: "))


@pytest.mark.parametrize("border", ["---\n", "--- # next\n", "...\n", "...\n---\n"])
def test_what_stands_beside_an_exception_that_is_over_is_used(border: str) -> None:
    over = OWNED + "expires: 2026-11-27\n"
    for parts, place in (([RULE, over], 1), ([over, RULE], 0), ([RULE, over, RULE.replace("Bad", "Ill")], 1)):
        text = border.join(parts)
        found = sort(text)
        (unused,) = found.unused
        before, after = list(read(text.encode())), list(read(found.texts[0].text))
        gone = before.pop(place)
        assert unused.startswith(f"a.yml:{gone.line}: ")
        assert [(one.line, one.content) for one in after if isinstance(one, Document)] == [
            (one.line, one.content) for one in before if isinstance(one, Document)
        ]


def test_a_rule_in_the_same_file_stays_when_its_exception_ends(tmp_path: Path) -> None:
    paths = Paths(tmp_path, tmp_path / "keys")
    paths.rules.mkdir()
    (paths.rules / "both.yml").write_text(f"{RULE}---{OWNED}expires: 2026-11-28\n")
    before, after = (read_rules(SETTINGS, paths, day) for day in (TODAY, date(2026, 11, 28)))
    assert [rule.fields for rule in before.rules.rules] == [("CommandLine", "User")]
    assert [rule.fields for rule in after.rules.rules] == [("CommandLine",)]
    assert not before.unused
    assert not after.rules.refused
    (unused,) = after.unused
    assert unused.startswith(f"{paths.rules / 'both.yml'}:11: this exception of B. Osei ended")


@pytest.mark.parametrize(("day", "is_filtered"), [(date(2026, 11, 27), True), (date(2026, 11, 28), False)])
def test_an_exception_narrows_its_rule_until_it_ends(tmp_path: Path, day: date, is_filtered: bool) -> None:
    paths = Paths(tmp_path, tmp_path / "keys")
    paths.rules.mkdir()
    (paths.rules / "rule.yml").write_text(RULE)
    (paths.rules / "night.yml").write_text(OWNED + "expires: 2026-11-28\n")
    (rule,) = read_rules(SETTINGS, paths, day).rules.rules
    assert ("User" in rule.fields) is is_filtered
