"""A rule that is too dear is found by its work, and only while events wait."""

from __future__ import annotations

from pathlib import Path

from carecordon.hub.worker.costly import EVENT_UNITS, EVENTS, LAG_S, MATCH_UNITS, Costs
from carecordon.hub.worker.detector import Detector
from carecordon.hub.worker.merge import Sent, merge
from carecordon.model.batch import Rows
from carecordon.model.event import Kind
from carecordon.model.gather import gather
from carecordon.pipeline.detect.disk.cache import DiskCache
from carecordon.pipeline.detect.disk.rulebook import read_rulebook

DEAR = {"dear": EVENT_UNITS * EVENTS + 1, "cheap": 10}
ALL, EVIL = "11111111-2222-4333-8444-555555555555", "21111111-2222-4333-8444-555555555555"
RULES = f"""
title: Matches everything
id: {ALL}
status: test
level: low
logsource: {{product: windows, category: process_creation}}
detection: {{selection: {{EventID: 1}}, condition: selection}}
---
title: Reads everything
id: {EVIL}
status: test
level: low
logsource: {{product: windows, category: process_creation}}
detection: {{selection: {{CommandLine|re: '(.*[0-9]+.*[a-f]+.*)+x$'}}, condition: selection}}
"""


def test_a_dear_rule_is_told_while_events_wait() -> None:
    assert Costs().worst(DEAR, EVENTS, LAG_S) == "dear"
    assert Costs().worst(DEAR, EVENTS, LAG_S - 1) is None, "nobody waits"
    assert Costs().worst({"dear": EVENT_UNITS * EVENTS, "cheap": 10}, EVENTS, LAG_S) is None, "that much it may cost"
    assert Costs().worst(DEAR, EVENTS - 1, LAG_S) is None, "too few events to say"
    assert Costs().worst({str(n): 10 * EVENT_UNITS * EVENTS for n in range(5)}, EVENTS, LAG_S) is None, "all are alike"


def test_only_what_is_new_counts() -> None:
    costs = Costs()
    costs.worst(DEAR, EVENTS, 0)
    assert costs.worst(DEAR, 2 * EVENTS, LAG_S) is None


def test_work_is_what_patterns_read_and_what_matched(tmp_path: Path) -> None:
    (tmp_path / "r.yml").write_text(RULES)
    cache = DiskCache(tmp_path / "cache")
    detector = Detector(read_rulebook([tmp_path / "r.yml"], cache, own=False), cache)
    kind = Kind("Microsoft-Windows-Sysmon/Operational", "Microsoft-Windows-Sysmon", 1)
    count = 50
    lines = [f"run {number:04x} " * 40 for number in range(count)]
    rows = Rows(
        [kind] * count,
        [{"CommandLine": one} for one in lines],
        [5] * count,
        ["pc"] * count,
        [None] * count,
        [0] * count,
    )
    merged = merge([Sent(gather(rows), "5e", 1, 0, 5, None)])
    detector.find(merged, 5)
    work = detector.work()
    assert work[ALL] == count * MATCH_UNITS
    assert work[EVIL] >= sum(map(len, lines))
    without = detector.without({ALL}, cache)
    assert [match.rule.id for match in without.find(merged, 5).matches] == []
    assert {rule.id for rule in without.rules.rules} == {EVIL}
