"""Every modifier of the specification's appendix, alone and combined, comes out as the atoms that it means."""

from __future__ import annotations

import base64

import pytest

from carecordon.pipeline.detect.sigma.ir import And, Atom, Item, Node, Not, Op
from carecordon.pipeline.detect.sigma.texts import Values
from tests.pipeline.detect.sigma.rule_text import condition_of, refused, refused_item, rule_text

DASHES = "-/\u2013\u2014\u2015"


def any_of(*atoms: Atom) -> Item:
    return Item(atoms)


def f(op: Op, value: str | int | float = "", *, cased: bool = False, part: str = "") -> Atom:
    """Return an atom of the field F."""
    return Atom("F", op, value, cased, part)


def b64(text: str, encoding: str = "utf-8", mark: bytes = b"") -> str:
    return base64.b64encode(mark + text.encode(encoding)).decode()


PLAIN: list[tuple[str, Node]] = [
    ("F: AbC", any_of(f(Op.EQ, "abc"))),
    ("F: 'x*'", any_of(f(Op.STARTS, "x"))),
    ("F: '*x'", any_of(f(Op.ENDS, "x"))),
    ("F: '*x*'", any_of(f(Op.CONTAINS, "x"))),
    ("F: '**x'", any_of(f(Op.ENDS, "x"))),
    ("F: '*'", any_of(f(Op.GLOB, "(?s).*"))),
    ("F: ''", any_of(f(Op.EQ, ""))),
    ("F: null", any_of(f(Op.NULL))),
    ("F: 4625", any_of(f(Op.EQ, "4625"))),
    ("F: 1.50", any_of(f(Op.EQ, "1.5"))),
    ("F: 2.0", any_of(f(Op.EQ, "2.0"))),
    ("F: true", any_of(f(Op.EQ, "true"))),
    ("F: [a, 7, null]", any_of(f(Op.EQ, "a"), f(Op.EQ, "7"), f(Op.NULL))),
    ("F: 2026-01-02", any_of(f(Op.EQ, "2026-01-02"))),
    ("F: 007", any_of(f(Op.EQ, "007"))),
    (r"F: 'c:\t'", any_of(f(Op.EQ, r"c:\t"))),
    (r"F: 'c:\\t'", any_of(f(Op.EQ, r"c:\t"))),
    (r"F: 'c:\*'", any_of(f(Op.EQ, "c:*"))),
    (r"F: 'c:\\*'", any_of(f(Op.STARTS, "c:\\"))),
    (r"F: 'c:\\\*'", any_of(f(Op.EQ, r"c:\*"))),
    (r"F: '\\\\host'", any_of(f(Op.EQ, r"\\host"))),
    ("F: 'a?c'", any_of(f(Op.GLOB, "(?s)a.c"))),
    ("F: 'a.b*C'", any_of(f(Op.GLOB, r"(?s)a\.b.*c"))),
]

MODIFIED: list[tuple[str, Node]] = [
    ("F|contains: aB", any_of(f(Op.CONTAINS, "ab"))),
    ("F|contains: 46", any_of(f(Op.CONTAINS, "46"))),
    ("F|contains: ''", any_of(f(Op.GLOB, "(?s).*"))),
    ("F|startswith: [a, b]", any_of(f(Op.STARTS, "a"), f(Op.STARTS, "b"))),
    ("F|endswith: a", any_of(f(Op.ENDS, "a"))),
    ("F|contains: 'a*b'", any_of(f(Op.GLOB, "(?s).*a.*b.*"))),
    ("F|contains|all: [a, b]", Item((f(Op.CONTAINS, "a"), f(Op.CONTAINS, "b")), every=True)),
    ("F|all|contains: [a, b]", Item((f(Op.CONTAINS, "a"), f(Op.CONTAINS, "b")), every=True)),
    ("F|contains|all: a", any_of(f(Op.CONTAINS, "a"))),
    ("F|cased: aB", any_of(f(Op.EQ, "aB", cased=True))),
    ("F|contains|cased: aB", any_of(f(Op.CONTAINS, "aB", cased=True))),
    ("F|neq: [1, 2]", Not(any_of(f(Op.EQ, "1"), f(Op.EQ, "2")))),
    ("F|neq|contains: x", Not(any_of(f(Op.CONTAINS, "x")))),
    ("F|exists: true", any_of(f(Op.EXISTS))),
    ("F|exists: no", Not(any_of(f(Op.EXISTS)))),
    ("F|lt: 5", any_of(f(Op.LT, 5))),
    ("F|lte: -5", any_of(f(Op.LTE, -5))),
    ("F|gt: 1.5", any_of(f(Op.GT, 1.5))),
    ("F|gte: 0x10", any_of(f(Op.GTE, 16))),
    ("F|re: 'A.*b'", any_of(f(Op.RE, "A.*b", cased=True))),
    ("F|re|i: ab", any_of(f(Op.RE, "(?i)ab", cased=True))),
    ("F|re|s|m|i: ab", any_of(f(Op.RE, "(?ims)ab", cased=True))),
    ("F|re|contains: ab", any_of(f(Op.RE, "ab", cased=True))),
    ("F|re|startswith: a|b", any_of(f(Op.RE, r"\A(?:a|b)", cased=True))),
    ("F|re|endswith: a|b", any_of(f(Op.RE, r"(?:a|b)\z", cased=True))),
    ("F|re: '\\d+%*'", any_of(f(Op.RE, r"\d+%*", cased=True))),
    ("F|cidr: 192.0.2.0/24", any_of(f(Op.CIDR, "192.0.2.0/24"))),
    ("F|cidr: 192.0.2.7", any_of(f(Op.CIDR, "192.0.2.7/32"))),
    ("F|cidr: '2001:DB8::/32'", any_of(f(Op.CIDR, "2001:db8::/32"))),
    ("F|cidr: '::ffff:192.0.2.0/120'", any_of(f(Op.CIDR, "192.0.2.0/24"))),
    ("F|fieldref: G", any_of(f(Op.REF_EQ, "G"))),
    ("F|fieldref|startswith: G", any_of(f(Op.REF_STARTS, "G"))),
    ("F|endswith|fieldref: G", any_of(f(Op.REF_ENDS, "G"))),
    ("F|fieldref|contains|cased: G", any_of(f(Op.REF_CONTAINS, "G", cased=True))),
    ("F|fieldref|neq: G", Not(any_of(f(Op.REF_EQ, "G")))),
    *((f"F|{part}: 5", any_of(f(Op.EQ, 5, part=part))) for part in ("minute", "hour", "day", "week", "month", "year")),
    ("F|hour|gte: 20", any_of(f(Op.GTE, 20, part="hour"))),
    ("F|lt|hour: 6", any_of(f(Op.LT, 6, part="hour"))),
]

ENCODED: list[tuple[str, Node]] = [
    ("F|base64: Foo", any_of(f(Op.EQ, b64("Foo").lower()))),
    ("F|base64|cased: Foo", any_of(f(Op.EQ, b64("Foo"), cased=True))),
    ("F|base64|contains: Føø", any_of(f(Op.CONTAINS, b64("Føø").lower()))),
    ("F|wide|base64: Føø", any_of(f(Op.EQ, b64("Føø", "utf-16-le").lower()))),
    ("F|utf16le|base64: Foo", any_of(f(Op.EQ, b64("Foo", "utf-16-le").lower()))),
    ("F|utf16be|base64: Foo", any_of(f(Op.EQ, b64("Foo", "utf-16-be").lower()))),
    ("F|utf16|base64: Foo", any_of(f(Op.EQ, b64("Foo", "utf-16-le", b"\xff\xfe").lower()))),
    ("F|utf16le: ab", any_of(f(Op.EQ, "a\0b\0"))),
    ("F|wide|contains: ab", any_of(f(Op.CONTAINS, "a\0b\0"))),
    ("F|utf16be: ab", any_of(f(Op.EQ, "\0a\0b"))),
    ("F|utf16: ab", any_of(f(Op.EQ, "\ufeffa\0b\0"))),
]


@pytest.mark.parametrize(("item", "node"), [*PLAIN, *MODIFIED, *ENCODED])
def test_an_item_means_these_atoms(item: str, node: Node) -> None:
    assert condition_of(item) == node


def test_base64offset_finds_the_text_wherever_it_starts() -> None:
    """Each variant stands in the Base64 of the text behind that many other bytes."""
    node = condition_of("F|base64offset|contains|cased: http://")
    assert isinstance(node, Item)
    assert len(node.atoms) == 3
    for shift, atom in enumerate(node.atoms):
        assert str(atom.value) in b64("q" * shift + "http://" + "tail")
        assert atom.op is Op.CONTAINS


def test_variants_stay_alternatives_under_all() -> None:
    """Each value must be found, in any one of its forms."""
    node = condition_of("F|windash|contains|all: [' -a', ' /b', c]")
    assert isinstance(node, And)
    dashed = {frozenset(str(atom.value) for atom in part.atoms) for part in node.parts if isinstance(part, Item)}
    assert dashed == {frozenset(f" {dash}{letter}" for dash in DASHES) for letter in "ab"} | {frozenset("c")}


def test_windash_leaves_dashes_inside_words() -> None:
    node = condition_of("F|windash: -no-exit")
    assert isinstance(node, Item)
    assert {atom.value for atom in node.atoms} == {f"{dash}no-exit" for dash in DASHES}


def test_windash_takes_any_number_of_dashes() -> None:
    """Five dashes are one pattern instead of 3,125 texts."""
    (atom,) = condition_of("F|windash|contains: ' -a -b -c -d -e'").atoms  # type: ignore[union-attr] # an item, else it fails
    assert atom.op is Op.GLOB
    assert str(atom.value).count(f"[{DASHES[1:]}-]") == 5


VALUES: Values = {"Servers": ["srv*", "dc01"], "Ids": [4624, 4625]}

EXPANDED: list[tuple[str, Node]] = [
    ("F|expand: '%Servers%'", any_of(f(Op.STARTS, "srv"), f(Op.EQ, "dc01"))),
    ("F|expand: '%Ids%'", any_of(f(Op.EQ, "4624"), f(Op.EQ, "4625"))),
    ("F|contains|expand: '%Servers%.'", any_of(f(Op.GLOB, r"(?s).*srv.*\..*"), f(Op.CONTAINS, "dc01."))),
    (r"F|expand: '\%Servers%Ids%'", any_of(f(Op.EQ, "%servers4624"), f(Op.EQ, "%servers4625"))),
    ("F|expand: '100%'", any_of(f(Op.EQ, "100%"))),
    ("F: '%Servers%'", any_of(f(Op.EQ, "%servers%"))),
]


@pytest.mark.parametrize(("item", "node"), EXPANDED)
def test_a_placeholder_stands_for_its_values(item: str, node: Node) -> None:
    assert condition_of(item, VALUES) == node


@pytest.mark.parametrize("values", [{}, {"Servers": []}])
@pytest.mark.parametrize("modifiers", ["expand", "expand|neq", "contains|expand"])
def test_a_placeholder_without_values_is_named(values: Values, modifiers: str) -> None:
    refusal = refused(rule_text(f"pick:\n    F|{modifiers}: 'x-%Servers%'\ncondition: pick"), values=values)
    assert "%Servers%" in refusal.reason
    assert "values file" in refusal.reason
    assert (refusal.line, refusal.column) == (5, 9)


REFUSED = [
    ("F|nosuch: x", "no modifier `nosuch`"),
    ("F|contains|contains: x", "twice"),
    ("F|i: x", "only goes with `re`"),
    ("F|i|re: x", "the flag `i` stands behind `re`: write `re|i`"),
    ("F|dotall|all|re|i: [x, y]", "write `re|dotall`"),
    ("F|exists: maybe", "true or false"),
    ("F|exists|all: true", "no other modifier"),
    ("F|lt: '5'", "number, written without quotes"),
    ("F|lt: true", "number"),
    ("F|gt: 99999999999999999999", "18 digits"),
    ("F|hour: 5.5", "whole number"),
    ("F|contains: null", "null is no text"),
    ("F|contains|lt: 5", "does not go with numbers"),
    ("F|cidr: 192.0.2.1/24", "host bits"),
    ("F|cidr: example.org", "cidr"),
    ("F|re: '(a'", "not valid: missing )"),
    ("F|re: '(?=a)b'", "linear time"),
    ("F|re: '(?<!a)b'", "linear time"),
    (r"F|re: '(a)\1'", "linear time"),
    ("F|re: 'a{2000}'", "linear time"),
    ("F|re: '" + ".{0,900}a" * 3 + "'", "makes 24,307 steps; 16,384 at most run fast on every text: shorten it"),
    ("F: '" + "*a" * 3_000 + "'", "too long; shorten it"),
    ("F|base64: 'a*'", "without wildcards"),
    ("F|base64: ''", "not empty"),
    ("F|contains|base64: a", "behind"),
    ("F|wide: é", "ASCII"),
    ("F|fieldref: 'G*'", "wildcards"),
    ("F: []", "no value"),
    ("F: {G: 1}", "a value must be"),
    ("F: [[a]]", "a value must be"),
    ("'|exists': true", "needs a field"),
    ("'|lt': 5", "needs a field"),
    ("'|cidr': 192.0.2.0/24", "needs a field"),
    ("'|fieldref': G", "needs a field"),
]


@pytest.mark.parametrize(("item", "reason"), REFUSED)
def test_what_cannot_be_meant_is_refused_at_its_key(item: str, reason: str) -> None:
    refusal = refused_item(item)
    assert reason in refusal.reason
    assert (refusal.path, refusal.line, refusal.column) == ("a.yml", 5, 9)
