"""Correlations: every type and condition, references by id or name across files, chains, circles, who is silent."""

from __future__ import annotations

from textwrap import dedent, indent

import pytest

from carecordon.pipeline.detect.sigma.ir import And, Atom, Correlation, Item, Node, Not, Op, Or
from tests.pipeline.detect.sigma.rule_text import load_text, refused, rule_text


def base(name: str, rule_id: str = "") -> str:
    """Return a rule that correlations may refer to."""
    head = f"title: Base {name}\nname: {name}" + (f"\nid: {rule_id}" if rule_id else "")
    return rule_text(f"s: {{A: '{name}'}}\ncondition: s", head=head)


def correlation(section: str, head: str = "title: C\nid: c") -> str:
    """Return a correlation document; `section` lacks what is usual: a type, rules and a timespan."""
    usual = {"type": "event_count", "rules": "[one]", "timespan": "1m"}
    lines = dedent(section).strip()
    lines += "".join(f"\n{key}: {value}" for key, value in usual.items() if f"{key}:" not in lines)
    return f"{head}\ncorrelation:\n{indent(lines, '    ')}\n"


BASES = "---\n".join([base("one", "ID-1"), base("two", "ID-2"), base("three")])


def one_correlation(text: str) -> Correlation:
    """Return the one correlation that this and the base rules load to."""
    loaded = load_text(text, BASES)
    assert not loaded.refused, loaded.refused
    (found,) = loaded.correlations
    return found


def test_a_correlation_carries_all_that_it_says() -> None:
    text = """
        type: value_count
        rules: [one, id-2]
        group-by: [User, host]
        timespan: 15m
        condition: {field: [B, C], gt: 100, lte: 200}
        aliases:
            host: {one: Computer, ID-2: Workstation}
    """
    head = "title: Many\nid: C-1\nname: many\nlevel: critical\ntags: [attack.t1110]"
    found = one_correlation(correlation(text, head))
    assert (found.id, found.name, found.title, found.level) == ("C-1", "many", "Many", "critical")
    assert (found.techniques, found.path, found.line, found.silent) == (("T1110",), "a.yml", 1, False)
    assert (found.type, found.rules, found.group_by) == ("value_count", ("ID-1", "ID-2"), ("User", "host"))
    assert (found.timespan_s, found.fields) == (900, ("B", "C"))
    assert found.bounds == (("gt", 100.0), ("lte", 200.0))
    assert found.aliases == {"host": {"ID-1": "Computer", "ID-2": "Workstation"}}


def test_names_of_fields_lose_their_spaces() -> None:
    text = """
        type: value_count
        rules: [one, two]
        group-by: [User, Main Host]
        condition: {field: Threat Name, gt: 100}
        aliases:
            Main Host: {one: Computer Name, ID-2: Workstation}
    """
    found = one_correlation(correlation(text))
    assert (found.group_by, found.fields) == (("User", "MainHost"), ("ThreatName",))
    assert found.aliases == {"MainHost": {"ID-1": "ComputerName", "ID-2": "Workstation"}}


@pytest.mark.parametrize(
    "kind", ["value_count", "value_sum", "value_avg", "value_percentile", "value_median", "event_count", "temporal"]
)
@pytest.mark.parametrize("operator", ["gt", "gte", "lt", "lte", "eq", "neq"])
def test_every_type_takes_every_operator(kind: str, operator: str) -> None:
    found = one_correlation(correlation(f"type: {kind}\ncondition: {{{operator}: 2.5, field: B}}"))
    assert (found.type, found.bounds, found.fields) == (kind, ((operator, 2.5),), ("B",))


def test_a_percentile_has_its_number() -> None:
    said = "type: value_percentile\ncondition: {field: B, lte: 1, percentile: 99.5}"
    assert one_correlation(correlation(said)).percentile == 99.5
    assert one_correlation(correlation(said.replace(", percentile: 99.5", ""))).percentile == 50


@pytest.mark.parametrize(
    ("span", "seconds"), [("10s", 10), ("5m", 300), ("2h", 7200), ("1d", 86400), ("1w", 604800), ("1M", 2629746)]
)
def test_a_timespan_has_a_unit(span: str, seconds: int) -> None:
    assert one_correlation(correlation(f"condition: {{gte: 1}}\ntimespan: {span}")).timespan_s == seconds


@pytest.mark.parametrize("kind", ["temporal", "temporal_ordered"])
def test_a_temporal_correlation_without_condition_asks_for_all_rules(kind: str) -> None:
    found = one_correlation(correlation(f"type: {kind}\nrules: [two, one]"))
    assert (found.rules, found.bounds, found.group_by) == (("ID-2", "ID-1"), (("gte", 2.0),), ())


def seen(rule: str) -> Node:
    return Item((Atom(rule, Op.EXISTS),))


@pytest.mark.parametrize(
    ("section", "rules", "node"),
    [
        (
            "rules: [one, two, three]\ncondition: one and (two or not three)",
            ("ID-1", "ID-2", "three"),
            And((seen("ID-1"), Or((seen("ID-2"), Not(seen("three")))))),
        ),
        ("rules:\ncondition: two and one", ("ID-2", "ID-1"), And((seen("ID-2"), seen("ID-1")))),
    ],
)
def test_a_temporal_correlation_may_say_which_rules(section: str, rules: tuple[str, ...], node: Node) -> None:
    found = one_correlation(correlation(f"type: temporal\n{section}"))
    assert (found.rules, found.expression, found.bounds) == (rules, node, ())


def test_references_go_forward_backward_and_across_files() -> None:
    """Chains come out with what is referred to first."""
    outer = correlation("type: temporal\nrules: [inner, two]", "title: Outer\nid: outer")
    inner = correlation("rules: one\ncondition: {gte: 3}", "title: Inner\nid: ID-I\nname: inner")
    loaded = load_text(f"{outer}---\n{inner}", BASES)
    assert [(found.id, found.rules) for found in loaded.correlations] == [
        ("ID-I", ("ID-1",)),
        ("outer", ("ID-I", "ID-2")),
    ]


def silent_after(*documents: str) -> set[str]:
    loaded = load_text("---\n".join(documents), BASES)
    rules = {rule.id for rule in loaded.rules if rule.silent}
    return rules | {found.id for found in loaded.correlations if found.silent}


def test_rules_that_only_feed_correlations_are_silent() -> None:
    """Unless a correlation says `generate`, at either place, or was refused."""
    plain = correlation("condition: {gte: 2}")
    assert silent_after(plain) == {"ID-1"}
    assert silent_after(correlation("condition: {gte: 2}\ngenerate: true")) == set()
    assert silent_after(correlation("condition: {gte: 2}", "title: C\nid: c\ngenerate: true")) == set()
    assert silent_after(plain, correlation("condition: {gte: 3}\ngenerate: true", "title: D\nid: d")) == set()
    assert silent_after(plain, correlation("rules: [c]\ncondition: {gte: 2}", "title: D\nid: d")) == {"ID-1", "c"}
    assert silent_after(correlation("rules: [one, nope]\ncondition: {gte: 2}")) == set()


def test_a_rule_named_twice_is_two_steps_only_where_order_counts() -> None:
    kinds = {"type: temporal_ordered": 3, "type: temporal": 2, "type: event_count\ncondition: {gte: 2}": 2}
    for section, steps in kinds.items():
        (found,) = load_text(correlation(f"{section}\nrules: [one, two, ID-1]"), BASES).correlations
        assert len(found.rules) == steps
        assert found.bounds == (("gte", 2.0 if "condition" in section else float(steps)),)


# section of the correlation, line and column in its document, part of the reason
BAD = [
    ("type: often\ncondition: {gte: 1}", 4, 5, "`often` is no correlation type"),
    ("rules: []\ncondition: {gte: 1}", 4, 5, "`rules` must name"),
    ("rules: [one, nope]\ncondition: {gte: 1}", 4, 18, "`nope`, but no rule"),
    ("timespan: soon\ncondition: {gte: 1}", 4, 15, "`timespan`"),
    ("timespan: 0m\ncondition: {gte: 1}", 4, 15, "`timespan`"),
    ("timespan: 60\ncondition: {gte: 1}", 4, 15, "`timespan`"),
    ("group-by: {a: b}\ncondition: {gte: 1}", 4, 5, "`group-by`"),
    ("type: event_count", 3, 1, "needs a `condition`"),
    ("condition: one and two", 4, 5, "needs a `condition`"),
    ("condition: {field: B}", 4, 5, "compares with nothing"),
    ("condition: {gte: many}", 4, 22, "`gte` must be a number"),
    ("condition: {gte: true}", 4, 22, "`gte` must be a number"),
    ("condition: {ge: 1}", 4, 17, "`ge` is no part"),
    ("type: value_count\ncondition: {gte: 1}", 5, 5, "needs a `field`"),
    ("type: value_sum\ncondition: {gte: 1, field: [B, C]}", 5, 32, "one `field`"),
    ("type: value_percentile\ncondition: {gte: 1, field: B, percentile: 101}", 5, 47, "between 0 and 100"),
    ("aliases: [x]\ncondition: {gte: 1}", 4, 5, "`aliases`"),
    ("aliases: {x: {one: 5}}\ncondition: {gte: 1}", 4, 15, "alias `x`"),
    ("aliases: {x: {nope: F}}\ncondition: {gte: 1}", 4, 19, "`nope`, but no rule"),
    ("aliases: {x y: {nope: F}}\ncondition: {gte: 1}", 4, 21, "`nope`, but no rule"),
    ("generate: often\ncondition: {gte: 1}", 4, 15, "`generate`"),
    ("type: temporal\ncondition: one and", 5, 16, "ends where"),
    ("type: temporal\nrules: [one]\ncondition: one and two", 6, 16, "`two`, which `rules` does not"),
    ("type: temporal\nrules: [one, two]\ncondition: one", 6, 16, "leaves out"),
    ("type: temporal\nrules: [one, two]\ncondition: 1 of them", 6, 16, "`1 of` is for selections"),
    ("type: temporal\ncondition: one and all of them", 5, 16, "`all of` is for selections"),
]


@pytest.mark.parametrize(("section", "line", "column", "reason"), BAD)
def test_a_correlation_that_cannot_run_is_refused_where_it_is_wrong(
    section: str, line: int, column: int, reason: str
) -> None:
    refusal = refused(correlation(section), BASES)
    assert reason in refusal.reason
    assert (refusal.path, refusal.line, refusal.column, refusal.rule_id) == ("a.yml", line, column, "c")


def counting(name: str, *rules: str) -> str:
    return correlation(f"rules: [{', '.join(rules)}]\ncondition: {{gte: 1}}", f"title: C\nid: id-{name}\nname: {name}")


def test_a_circle_is_refused_with_all_that_hangs_on_it() -> None:
    documents = [
        counting("x", "y"),
        counting("y", "z"),
        counting("z", "x"),
        counting("hanging", "x"),
        counting("s", "s"),
    ]
    loaded = load_text("---\n".join([*documents, counting("fine", "one")]), BASES)
    assert [found.name for found in loaded.correlations] == ["fine"]
    reasons = {refusal.rule_id: refusal.reason for refusal in loaded.refused}
    assert "circle: x -> y -> z -> x;" in reasons["id-x"]
    assert "circle: y -> z -> x -> y;" in reasons["id-y"]
    assert "hangs on" in reasons["id-hanging"]
    assert "circle: s -> s;" in reasons["id-s"]


def test_what_refers_to_a_refused_rule_is_refused_with_its_reason() -> None:
    broken = rule_text("s: {A|nosuch: 1}\ncondition: s", head="title: B\nname: broken")
    loaded = load_text("---\n".join([counting("x", "broken"), counting("y", "x"), broken]))
    reasons = {refusal.rule_id: refusal.reason for refusal in loaded.refused}
    assert "`broken`, which was refused: `A|nosuch`" in reasons["id-x"]
    assert "`x`, which was refused" in reasons["id-y"]


def test_a_name_of_two_rules_cannot_be_referred_to() -> None:
    """Both rules run all the same."""
    loaded = load_text(counting("x", "twin"), f"{base('twin', 'T-1')}---\n{base('twin', 'T-2')}")
    assert [rule.id for rule in loaded.rules] == ["T-1", "T-2"]
    (refusal,) = loaded.refused
    assert "b.yml:1, b.yml:9" in refusal.reason
