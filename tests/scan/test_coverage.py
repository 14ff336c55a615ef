"""Every rule says how far the events at hand could serve it, so that `no match` means something."""

from __future__ import annotations

from carecordon.model.event import Kind, LogSource
from carecordon.model.match import Unseen
from carecordon.pipeline.detect.sigma.program import Program
from carecordon.scan.coverage import blind_spots, correlation_covers, covers, merged, named, unasked
from carecordon.scan.worker import KindSeen
from tests.pipeline.detect.sigma.matching import DEFENDER, SYSMON, ready, rule

SECURITY = "{product: windows, service: security}"
RULES = ready(
    rule("s: {A: x, Gone: y}"),
    rule("s: {A: z, Gone: y}"),
    rule("s: {A: x}", SECURITY),
    rule("s: {A: x}", "{product: macos}"),
    rule("s: {Signature: x}", "{category: antivirus}"),
    rule("s: {ProcessId: 5}"),
)
SEEN = [
    KindSeen(Kind(SYSMON, None, 1), 7, frozenset({"A", "Gone", "ProcessId"}), frozenset({"A"})),
    KindSeen(Kind(SYSMON, None, 5), 3, frozenset(), frozenset()),
    KindSeen(Kind(DEFENDER, None, 1116), 2, frozenset({"ThreatName"}), frozenset({"ThreatName"})),
]


def test_rules_are_told_their_events_and_what_none_of_them_carried() -> None:
    found = covers(Program(RULES, None), SEEN)
    assert [(one.events, one.missing, one.state) for one in found] == [
        (7, ("Gone",), "served"),
        (7, ("Gone",), "served"),
        (0, (), "absent"),
        (0, (), "dormant"),
        (2, (), "served"),
        (7, ("ProcessId",), "served"),
    ]


def test_a_field_that_one_source_of_several_carries_is_not_missing() -> None:
    """4688 has it, and that serves the rule too."""
    audit = KindSeen(Kind("Security", None, 4688), 1, frozenset({"NewProcessId"}), frozenset({"NewProcessId"}))
    assert covers(Program(RULES, None), [*SEEN, audit])[5].missing == ()


def test_blind_spots_are_counted_in_rules() -> None:
    spots = list(blind_spots(covers(Program(RULES, None), SEEN)))
    assert [(spot.kind, spot.count) for spot in spots] == [
        (Unseen.LOGSOURCE, 1),
        (Unseen.LOGSOURCE, 1),
        (Unseen.FIELD, 2),
        (Unseen.FIELD, 1),
    ]
    assert "macos" in spots[0].reason
    assert "windows security" in spots[1].reason
    assert "Gone" in spots[2].reason
    assert "ProcessId" in spots[3].reason


def test_a_log_source_given_by_hand_that_no_rule_asks_for_is_told() -> None:
    mistyped, right = LogSource("macso", None, "unifiedlog"), LogSource("macos", None, "unifiedlog")
    (spot,) = unasked(Program(RULES, None, mistyped), mistyped)
    assert (spot.kind, spot.count) == (Unseen.LOGSOURCE, None)
    assert spot.reason.startswith("product=macso service=unifiedlog: no rule asks for it; check the spelling")
    assert list(unasked(Program(RULES, None, right), right)) == []
    assert list(unasked(Program(RULES, None), None)) == []


def test_a_correlation_is_served_if_enough_of_its_rules_are() -> None:
    heads = {"sysmon": "{product: windows, category: process_creation}", "audit": SECURITY, "mac": "{product: macos}"}
    texts = [f"name: {name}\n" + rule("s: {A: x}", source) for name, source in heads.items()]
    kinds = (("temporal", "sysmon, audit"), ("event_count", "sysmon, audit"), ("temporal", "sysmon, mac"))
    for number, (kind, names) in enumerate(kinds):
        bounds = "condition: {gte: 2}," if kind == "event_count" else ""
        correlation = f"{{type: {kind}, rules: [{names}], {bounds} group-by: [User], timespan: 1m}}"
        texts.append(f"title: Correlation {number}\ncorrelation: {correlation}\n")
    rules = ready("---\n".join(texts))
    program = Program(rules, None)
    found = correlation_covers(rules.correlations, covers(program, SEEN), program, SEEN)
    assert [(one.state, one.events) for one in found] == [("absent", 7), ("served", 7), ("dormant", 7)]


def test_what_several_workers_saw_is_one() -> None:
    kind = Kind(SYSMON, None, 1)
    parts = [
        KindSeen(kind, 2, frozenset({"A"}), frozenset()),
        KindSeen(kind, 3, frozenset({"A", "B"}), frozenset({"A"})),
    ]
    assert merged([*parts, SEEN[1]]) == [KindSeen(kind, 5, frozenset({"A", "B"}), frozenset({"A"})), SEEN[1]]


def test_log_sources_have_a_name() -> None:
    assert named(LogSource("windows", "process_creation", None)) == "windows process_creation"
    assert named(LogSource("windows", None, "security")) == "windows security"
    assert named(LogSource()) == "any log source"
