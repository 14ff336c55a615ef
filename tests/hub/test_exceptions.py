"""An exception needs an owner and an end, and is over when it says so."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from carecordon.hub.config import Paths, Settings
from carecordon.hub.worker.exceptions import rule_files, sort_files
from carecordon.hub.worker.rules import read_rules

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


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (OWNED + "expires: 2026-11-28\n", None),
        (OWNED + "expires: 2026-11-27\n", "ended on 2026-11-27"),
        (OWNED, "`expires: YYYY-MM-DD`"),
        (OWNED + "expires: soon\n", "`expires: YYYY-MM-DD`"),
        (FILTER + "expires: 2026-11-28\n", "`owner: NAME`"),
        (FILTER + "owner: ' '\nexpires: 2026-11-28\n", "`owner: NAME`"),
        (RULE, None),
        ("{", None),
    ],
)
def test_an_exception_is_used_while_it_may_be(tmp_path: Path, text: str, reason: str | None) -> None:
    (tmp_path / "a.yml").write_text(text)
    found = sort_files(rule_files(tmp_path), TODAY)
    assert bool(found.used) is (reason is None)
    assert reason is None or reason in found.unused[0]


@pytest.mark.parametrize(("day", "is_filtered"), [(date(2026, 11, 27), True), (date(2026, 11, 28), False)])
def test_an_exception_narrows_its_rule_until_it_ends(tmp_path: Path, day: date, is_filtered: bool) -> None:
    paths = Paths(tmp_path, tmp_path / "keys")
    paths.rules.mkdir()
    (paths.rules / "rule.yml").write_text(RULE)
    (paths.rules / "night.yml").write_text(OWNED + "expires: 2026-11-28\n")
    (rule,) = read_rules(Settings("XX1", "Example", own_rules=False), paths, day).rules.rules
    assert ("User" in rule.fields) is is_filtered
