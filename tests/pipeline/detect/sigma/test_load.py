"""Documents to rules: heads, selections, conditions, duplicates, the hash."""

from __future__ import annotations

import pytest

from carecordon.model.event import LogSource
from carecordon.pipeline.detect.sigma.ir import And, Atom, Item, Node, Not, Op, Or
from carecordon.pipeline.detect.sigma.load import load
from carecordon.pipeline.detect.sigma.texts import RuleText, rule_set_hash
from tests.pipeline.detect.sigma.rule_text import condition_of, load_text, one_rule, refused, rule_text

A, B, C, D = (Item((Atom(name, Op.EQ, "1"),)) for name in "ABCD")

ABC = """
    a: {A: 1}
    b: {B: 1}
    b_2: {C: 1}
    _d: {D: 1}"""

CONDITIONS: list[tuple[str, Node]] = [
    ("a", A),
    ("a and b", And((A, B))),
    ("a or b", Or((A, B))),
    ("not a", Not(A)),
    ("not not a", A),
    ("a or b and b_2", Or((A, And((B, C))))),
    ("(a or b) and b_2", And((Or((A, B)), C))),
    ("not a and b", And((Not(A), B))),
    ("not (a and b)", Not(And((A, B)))),
    ("not(a)and(b)", And((Not(A), B))),
    ("a AND NOT b", And((A, Not(B)))),
    ("1 of them", Or((A, B, C))),
    ("any of them", Or((A, B, C))),
    ("all of them", And((A, B, C))),
    ("1 of b*", Or((B, C))),
    ("all of *b*", And((B, C))),
    ("1 of *_2", C),
    ("1 of _*", D),
    ("1 of a", A),
    ("a and not 1 of b*", And((A, Not(Or((B, C)))))),
    ("_d and all of b*", And((D, B, C))),
    ("[a and b, b_2]", Or((And((A, B)), C))),
    ("a or a", A),
]


@pytest.mark.parametrize(("condition", "node"), CONDITIONS)
def test_a_condition_joins_the_selections(condition: str, node: Node) -> None:
    assert one_rule(rule_text(f"{ABC}\n    condition: {condition}")).condition == node


BAD_CONDITIONS = [
    ("a and nope", "`nope`"),
    ("1 of nope*", "`nope*`"),
    ("2 of b*", "`2 of`"),
    ("a and", "ends where"),
    ("and a", "`and` where"),
    ("a b", "go on with `b`"),
    ("(a", "closing bracket"),
    ("a)", "go on with `)`"),
    ("all of", "needs `them`"),
    ("a | count() > 5", "correlation rule"),
    ("''", "empty"),
    ("5", "must be text"),
    ("[]", "empty list"),
    ("[a, [b]]", "must be text"),
]


@pytest.mark.parametrize(("condition", "reason"), BAD_CONDITIONS)
def test_a_condition_that_cannot_be_read_is_refused_where_it_stands(condition: str, reason: str) -> None:
    refusal = refused(rule_text(f"{ABC}\n    condition: {condition}"))
    assert reason in refusal.reason
    assert refusal.line == 8
    assert refusal.column == (5 if condition == "[]" else 16)


def test_a_mapping_asks_for_all_and_a_list_of_mappings_for_one() -> None:
    assert one_rule(rule_text("s: {A: 1, B: 1}\ncondition: s")).condition == And((A, B))
    assert one_rule(rule_text("s: [{A: 1}, {B: 1, C: 1}]\ncondition: s")).condition == Or((A, And((B, C))))


def test_alternatives_on_one_field_become_one_item() -> None:
    node = one_rule(rule_text("s: [{A: 1}, {A: 2}]\nt: {A: 3}\ncondition: s or t")).condition
    assert node == Item(tuple(Atom("A", Op.EQ, value) for value in "123"))


def test_unmerged_every_item_stays_as_the_rule_has_it() -> None:
    text = rule_text("""
        a: {F: [x, y]}
        b: {F|contains: z}
        c:
            - F|contains: w
            - F: [x, y]
        condition: (a or b or c) and not 1 of b*
    """)
    file = RuleText("a.yml", text.encode())
    ((whole,), (apart,)) = (load([file], merge=merge).rules for merge in (True, False))
    values = Item((Atom("F", Op.EQ, "x"), Atom("F", Op.EQ, "y")))
    z, w = (Atom("F", Op.CONTAINS, value) for value in "zw")
    assert apart.condition == And((Or((values, Item((z,)), Item((w,)))), Not(Item((z,)))))
    assert whole.condition == And((Item((*values.atoms, z, w)), Not(Item((z,)))))
    assert apart.fields == whole.fields


def test_keywords_are_found_anywhere_in_a_value() -> None:
    """They have no field; wildcards inside are honoured, those at the ends say nothing new."""
    node = one_rule(rule_text("s: [Evil, 'a*', 'x?y', 7]\ncondition: s")).condition
    assert node == Item(
        (
            Atom("", Op.CONTAINS, "evil"),
            Atom("", Op.CONTAINS, "a"),
            Atom("", Op.GLOB, "(?s).*x.y.*"),
            Atom("", Op.CONTAINS, "7"),
        )
    )
    both = (Atom("", Op.CONTAINS, "a"), Atom("", Op.CONTAINS, "b"))
    assert condition_of("'|all': [a, b]") == Item(both, every=True)
    assert condition_of("'|re': a+") == Item((Atom("", Op.RE, "a+", cased=True),))


def test_a_rule_carries_its_head() -> None:
    head = """
        title: Odd logon
        id: 6F9619FF-8B86-D011-B42D-00C04FC964FF
        name: odd_logon
        level: High
        tags: [attack.initial-access, attack.t1078.002, attack.T1078, attack.t1078, attack.Lateral_Movement, cve.2026.1]
    """
    rule = one_rule(rule_text("s: {B: 1, A|fieldref: Z}\ncondition: s", head=head))
    assert (rule.id, rule.name, rule.title) == ("6F9619FF-8B86-D011-B42D-00C04FC964FF", "odd_logon", "Odd logon")
    assert (rule.level, rule.techniques) == ("high", ("T1078.002", "T1078"))
    assert rule.tactics == ("initial-access", "lateral-movement")
    assert (rule.path, rule.line, rule.silent) == ("a.yml", 1, False)
    assert rule.logsource == LogSource("windows", None, "security")
    assert rule.fields == ("A", "B", "Z")


def test_what_a_rule_does_not_say_has_a_default() -> None:
    text = rule_text("s: {A: 1}\ncondition: s")
    rule = one_rule(f"# a note\n---\n{text}")
    assert (rule.id, rule.level, rule.techniques, rule.line) == ("a.yml:3", "low", (), 3)
    assert one_rule(f"name: by_name\n{text}").id == "by_name"


def test_documents_of_a_file_stand_alone() -> None:
    good = rule_text("s: {A: 1}\ncondition: s")
    loaded = load_text(f"id: r1\n{good}---\nid: r2\ntitle: [\n---\nid: r3\n{good}---\n---\n")
    assert [rule.id for rule in loaded.rules] == ["r1", "r3"]
    assert [(one.rule_id, one.line) for one in loaded.refused] == [("r2", 10)]


def test_a_document_given_twice_counts_once() -> None:
    """In another file, in the same file, with other comments: without an id too."""
    text = rule_text("s: {A: 1}\ncondition: s")
    loaded = load_text(text, text, f"# copied\n{text}", f"{text}---\n{text}")
    assert [rule.id for rule in loaded.rules] == ["a.yml:1"]
    assert not loaded.refused


def test_another_document_with_a_taken_id_is_refused() -> None:
    """Paths decide who was first, not the order given; case does not tell ids apart."""
    first = rule_text("s: {A: 1}\ncondition: s", head="title: T\nid: abc")
    second = rule_text("s: {A: 2}\ncondition: s", head="title: T\nid: ABC")
    texts = [RuleText("b.yml", second.encode()), RuleText("a.yml", first.encode())]
    loaded = load(texts)
    assert [rule.path for rule in loaded.rules] == ["a.yml"]
    (refusal,) = loaded.refused
    assert "a.yml:1" in refusal.reason
    assert (refusal.path, refusal.line, refusal.column, refusal.rule_id) == ("b.yml", 2, 5, "ABC")


def test_the_hash_counts_texts_and_values_only() -> None:
    texts = [RuleText("a.yml", b"one"), RuleText("b.yml", b"two")]
    base = rule_set_hash(texts, {"x": ["1", 2]})
    moved = [RuleText("z/q.yml", b"two"), RuleText("c.yml", b"one"), RuleText("d.yml", b"one")]
    assert rule_set_hash(moved, {"x": [2, "1"]}) == base
    assert rule_set_hash(texts, {"x": ["1"]}) != base
    assert rule_set_hash(texts[:1], {"x": ["1", 2]}) != base
    assert load(texts, {"x": ["1", 2]}).hash == base
