"""The prover notices a wrong verdict, a far miss, and every condition that no proof line holds in place."""

from __future__ import annotations

import json
from collections.abc import Sequence

import msgspec
import pytest

from carecordon.model.event import LogSource
from carecordon.pipeline.detect.sigma.ir import Always, And, Atom, Correlation, Item, Node, Not, Op, Or, Rule
from carecordon.pipeline.detect.sigma.proof import Event, differing, prove_file, read
from carecordon.pipeline.detect.sigma.weaken import drops, value_drops, weakened

A, B, C = (Item((Atom(name, Op.EQ, "1"),)) for name in "abc")


def rule(condition: Node) -> Rule:
    """Return a rule with this condition and nothing else of interest."""
    return Rule("r", "R", "low", (), "x.yml", 1, logsource=LogSource(), condition=condition, name="base")


BURST = Correlation(
    "c",
    "C",
    "low",
    (),
    "x.yml",
    9,
    type="event_count",
    rules=("base",),
    group_by=("u",),
    timespan_s=60,
    bounds=(("gte", 2.0),),
)


def holds(node: Node, event: Event) -> bool:
    """Evaluate a tree whose atoms are plain equality."""
    match node:
        case Always(holds=constant):
            return constant
        case Item(atoms=atoms):
            return any(event.get(atom.field) == atom.value for atom in atoms)
        case And(parts=parts):
            return all(holds(part, event) for part in parts)
        case Or(parts=parts):
            return any(holds(part, event) for part in parts)
        case Not(part=part):
            return not holds(part, event)


def match(subject: Rule, event: Event) -> bool:
    """Say whether the rule takes the event."""
    return holds(subject.condition, event)


def fires(subject: Correlation, feeding: Sequence[Rule | Correlation], events: Sequence[Event]) -> bool:
    """Say whether enough events of one group stand within the timespan; `t` is their second."""
    (base,) = feeding
    assert isinstance(base, Rule)
    taken = [event for event in events if match(base, event)]
    for last in taken:
        near = [e for e in taken if 0 <= int(str(last["t"])) - int(str(e["t"])) <= subject.timespan_s]
        group = [e for e in near if all(e.get(name) == last.get(name) for name in subject.group_by)]
        if all(len(group) >= figure for _, figure in subject.bounds):
            return True
    return False


def line(must: str, event: object, **more: object) -> str:
    """Return one proof line."""
    key = "events" if isinstance(event, list) else "event"
    return json.dumps({"must": must, "why": "because", key: event, **more})


def complaints(condition: Node, *lines: str) -> list[str]:
    """Return the reasons of all failed verdicts."""
    verdicts = prove_file([rule(condition)], [], "\n".join(lines), "x.events.jsonl", match, fires)
    return [verdict.reason for verdict in verdicts if not verdict.ok]


BOTH = line("fire", {"a": "1", "b": "1"})
NO_A = line("not", {"a": "0", "b": "1"})
NO_B = line("not", {"a": "1", "b": "0"})


def test_a_whole_proof_has_no_complaint() -> None:
    assert complaints(And((A, B)), BOTH, NO_A, NO_B) == []


def test_wrong_verdicts_are_named_with_their_line() -> None:
    text = "\n".join([BOTH, line("fire", {"a": "1"}), line("not", {"a": "1", "b": "1", "c": "1"})])
    verdicts = prove_file([rule(And((A, B)))], [], text, "x.events.jsonl", match, fires)
    failed = [(v.path, v.line, v.reason) for v in verdicts if not v.ok and v.path == "x.events.jsonl"]
    assert failed == [("x.events.jsonl", 2, "does not fire: because"), ("x.events.jsonl", 3, "fires: because")]


def test_a_far_miss_is_no_proof() -> None:
    (reason,) = complaints(And((A, B)), BOTH, NO_A, NO_B, line("not", {"a": "0", "b": "0"}))
    assert reason.startswith("is no near-miss")


@pytest.mark.parametrize(
    ("condition", "lines", "unnoticed"),
    [
        (And((A, B)), [BOTH, NO_A], "b eq '1'"),
        (And((A, Not(B))), [line("fire", {"a": "1"}), line("not", {"a": "0"})], "b eq '1'"),
        (And((A, Or((B, C)))), [BOTH, NO_A, NO_B], "c eq '1'"),
        (Or((And((A, B)), C)), [BOTH, NO_A, NO_B], "c eq '1'"),
        (
            And((A, Not(And((B, C))))),
            [line("fire", {"a": "1", "b": "1"}), NO_A, line("not", {"a": "1", "b": "1", "c": "1"})],
            "b eq '1'",
        ),
    ],
)
def test_what_no_line_holds_in_place_is_named(condition: Node, lines: list[str], unnoticed: str) -> None:
    assert complaints(condition, *lines) == [f"dropping {unnoticed} goes unnoticed: no proof line changes its verdict"]


def test_a_filter_item_needs_an_event_that_the_other_item_alone_would_stop() -> None:
    lines = [line("fire", {"a": "1", "b": "1", "c": "0"}), line("fire", {"a": "1", "b": "0", "c": "1"}), NO_A]
    stopped = line("not", {"a": "1", "b": "1", "c": "1"})
    near = line("not", {"a": "0", "b": "1", "c": "0"})
    assert complaints(And((A, Not(And((B, C))))), *lines[:2], near, stopped) == []


def test_dropping_gives_the_constant_that_its_place_does_not_feel() -> None:
    tree = And((A, Not(Or((B, C)))))
    dropped = dict(drops(tree))
    assert dropped["a eq '1'"] == And((Always(holds=True), Not(Or((B, C)))))
    assert dropped["b eq '1'"] == And((A, Not(Or((Always(holds=False), C)))))
    assert dropped["(b eq '1' or c eq '1')"] == And((A, Not(Always(holds=False))))
    assert dict(drops(A)) == {"a eq '1'": Always(holds=True)}
    assert dict(drops(And((Or((A,)), B))))["a eq '1'"] == And((Or((Always(holds=True),)), B))


@pytest.mark.parametrize("lines", [[BOTH], [NO_A], []])
def test_a_proof_needs_both_sides(lines: list[str]) -> None:
    (reason,) = complaints(And((A, B)), *lines)
    assert reason.startswith("no proof")


@pytest.mark.parametrize(
    "text",
    [
        "nonsense",
        "[1]",
        "[" * 5000,
        '{"must": "maybe", "why": "x", "event": {}}',
        '{"must": "fire", "why": "", "event": {}}',
        '{"must": "fire", "why": "x"}',
        '{"must": "fire", "why": "x", "event": {}, "events": [{}]}',
        '{"must": "fire", "why": "x", "events": []}',
        '{"must": "fire", "why": "x", "event": {}, "level": "low"}',
    ],
)
def test_a_line_that_is_no_proof_is_named(text: str) -> None:
    proofs, (verdict,) = read("\n" + text + "\n", "x.events.jsonl")
    assert not proofs
    assert (verdict.path, verdict.line, verdict.ok) == ("x.events.jsonl", 2, False)


def test_a_line_may_name_its_rule() -> None:
    assert complaints(And((A, B)), BOTH, NO_A, NO_B, line("fire", {"a": "1", "b": "1"}, rule="base")) == []
    assert complaints(And((A, B)), BOTH, NO_A, NO_B, line("fire", {"a": "1", "b": "1"}, rule="other")) == [
        "no such rule in the file: other"
    ]
    assert complaints(And((A, B)), BOTH, NO_A, NO_B, line("fire", [{}])) == ["no such rule in the file: a correlation"]


def test_difference_looks_into_nested_events_and_keeps_types_apart() -> None:
    one = {"Event": {"System": {"EventID": 1}, "EventData": {"a": "1", "b": None}}}
    assert differing(one, one) == 0
    assert differing(one, {"Event": {"System": {"EventID": "1"}, "EventData": {"a": "1", "b": None}}}) == 1
    assert differing(one, {"Event": {"System": {"EventID": 1}, "EventData": {"a": "1"}}}) == 1
    assert differing({"a": 1}, {"a": True, "b": []}) == 2


def burst(*rows: tuple[str, int, str]) -> list[dict[str, str]]:
    """Return a sequence of events: user, second, value of the rule's field."""
    return [{"u": user, "t": str(second), "a": value} for user, second, value in rows]


SEQUENCES = {
    "fires": line("fire", burst(("x", 0, "1"), ("x", 9, "1"))),
    "condition gte 2": line("not", burst(("x", 0, "1"), ("x", 9, "0"))),
    "group-by u": line("not", burst(("x", 0, "1"), ("y", 9, "1"))),
    "timespan": line("not", burst(("x", 0, "1"), ("x", 999, "1"))),
}


@pytest.mark.parametrize("missing", ["nothing", "condition gte 2", "group-by u", "timespan"])
def test_every_part_of_a_correlation_is_held_in_place(missing: str) -> None:
    lines = [line("fire", {"a": "1"}), line("not", {"a": "0"}), *(v for k, v in SEQUENCES.items() if k != missing)]
    verdicts = prove_file([rule(A)], [BURST], "\n".join(lines), "x.events.jsonl", match, fires)
    failed = [verdict.reason for verdict in verdicts if not verdict.ok]
    # A wrong group or time is stopped by the bound too, so the bound alone is always noticed.
    if missing in {"nothing", "condition gte 2"}:
        assert failed == []
    else:
        assert failed == [f"dropping {missing} goes unnoticed: no proof line changes its verdict"]


def test_other_types_are_weakened_in_their_own_parts() -> None:
    count = msgspec.structs.replace(BURST, type="value_count", fields=("f",))
    assert ("the counting of distinct f", "event_count") in [(label, kind.type) for label, kind in weakened(count)]
    order = msgspec.structs.replace(BURST, type="temporal_ordered", rules=("r", "s"), bounds=())
    assert [label for label, _ in weakened(order)] == ["group-by u", "timespan", "rule r", "rule s"]


def test_a_rule_left_out_of_a_temporal_correlation_is_no_longer_waited_for() -> None:
    every = msgspec.structs.replace(BURST, type="temporal", rules=("r", "s"), bounds=(("gte", 2.0),))
    assert dict(weakened(every))["rule r"].bounds == (("gte", 1.0),)
    some = msgspec.structs.replace(every, rules=("r", "s", "t"))
    assert dict(weakened(some))["rule r"].bounds == (("gte", 2.0),)


ONE_OF = Item((Atom("a", Op.EQ, "1"), Atom("b", Op.EQ, "1")))
"""No rule's item holds two fields, but it shows what a value's loss does."""


def test_single_values_are_left_out_in_turn() -> None:
    tree = And((C, Not(Or((ONE_OF, C)))))
    assert dict(value_drops(tree)) == {
        "a eq '1'": And((C, Not(Or((B, C))))),
        "b eq '1'": And((C, Not(Or((A, C))))),
    }
    assert not dict(value_drops(And((A, B, Always(holds=True)))))


def test_a_value_that_no_proof_needs_is_a_hint_and_no_failure() -> None:
    lines = "\n".join([line("fire", {"a": "1"}), line("not", {"a": "0"})])
    silent = prove_file([rule(ONE_OF)], [], lines, "x.events.jsonl", match, fires)
    assert not any(verdict.is_hint for verdict in silent)
    hinted = prove_file([rule(ONE_OF)], [], lines, "x.events.jsonl", match, fires, hints=True)
    assert hinted[: len(silent)] == silent
    (hint,) = hinted[len(silent) :]
    assert (hint.ok, hint.is_hint, hint.reason) == (True, True, "no proof needs the value b eq '1'")
