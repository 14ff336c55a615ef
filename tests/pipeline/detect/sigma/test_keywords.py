"""The keyword gate may open in vain, but never stays shut before a value that holds a keyword."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

import msgspec
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from carecordon.model.batch import Rows
from carecordon.model.block import Block
from carecordon.model.ports import NoCache
from carecordon.pipeline import journey
from carecordon.pipeline.detect.sigma.accelerate import accelerator
from carecordon.pipeline.detect.sigma.engine import Engine
from carecordon.pipeline.detect.sigma.ir import RuleSet
from carecordon.pipeline.detect.sigma.keywords import HIDING
from carecordon.pipeline.detect.sigma.matcher import FieldMatcher
from carecordon.pipeline.ingest.feeds import feed_named
from tests.pipeline.detect.sigma.matching import flat, matches, ready, rule

KEYWORDS = (
    *("evil", "ki", "kill", "Köln", r"c:\\evil", '"quoted"', "a/b", "a\tb", "1000", "1.5", "e+16", "true", "als"),
    *(
        "ev*il",
        "k?ll",
        "*",
        "kiss",
        "istanbul",
        "4688",
        "nan",
        "-0.0",
        "x y",
        "'single'",
        "[evil]",
        "lil'",
        "two\nlines",
    ),
)
EXPRESSIONS = (
    ("re", "ev[i1]l+"),
    ("re|i", "kiss|miss"),
    ("re", "[0-9]{4}"),
    ("re|s", "evil.*kill"),
    ("re|i", "istanbul"),
)


@cache
def engine(*, is_fast: bool) -> Engine:
    texts = [rule(f"s: [{json.dumps(keyword)}]") for keyword in KEYWORDS]
    texts += [rule(f"s: {{'|{modifiers}': {json.dumps(pattern)}}}") for modifiers, pattern in EXPRESSIONS]
    texts.append(rule("s: {'|contains|cased': Evil}"))
    rules: RuleSet = ready("---\n".join(texts))
    return Engine(rules, accelerator(NoCache()) if is_fast else None)


PIECES = st.sampled_from(
    [
        *(
            "evil",
            "EVIL",
            "k",
            "\N{KELVIN SIGN}",
            "i",
            "\N{LATIN CAPITAL LETTER I WITH DOT ABOVE}",
            "ll",
            "ss",
            "\N{LATIN SMALL LETTER LONG S}",
            "\N{LATIN SMALL LETTER LONG S}" * 2,
        ),
        *(
            "\N{LATIN SMALL LETTER DOTLESS I}",
            "\\",
            '"',
            "/",
            "'",
            "\n",
            "\t",
            "\0",
            "1000",
            "1e3",
            " ",
            "köln",
            "KÖLN",
            "ö",
        ),
        *(
            "c:\\evil",
            '"quoted"',
            "a/b",
            "a\tb",
            "stanbul",
            "\\u0041",
            "\ufeff",
            "\u2028",
            "[evil]",
            "x y",
            "\U0001f600",
        ),
    ]
)
TEXTS = st.lists(PIECES | st.characters(exclude_categories=["Cs"]), max_size=6).map("".join)
NUMBERS = st.integers(-(2**63), 2**63) | st.floats(allow_nan=False, allow_infinity=False)
SCALARS = TEXTS | NUMBERS | st.booleans() | st.none() | st.sampled_from([1000, 1000.0, 1.5, 1e16, 4688, -0.0])
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=2), max_leaves=4
)


def escaped(value: Any) -> bytes:
    """Return JSON in which every character is an escape, as a hostile or odd writer may have it."""
    if isinstance(value, str):
        units = value.encode("utf-16-be").hex()
        return ('"' + "".join(f"\\u{units[at : at + 4]}" for at in range(0, len(units), 4)) + '"').encode()
    if isinstance(value, list):
        return b"[" + b",".join(map(escaped, value)) + b"]"
    if isinstance(value, dict):
        return b"{" + b",".join(escaped(key) + b":" + escaped(part) for key, part in value.items()) + b"}"
    return json.dumps(value).encode()


def leaves(value: Any) -> list[Any]:
    parts = value.values() if isinstance(value, dict) else value
    return [leaf for part in parts for leaf in leaves(part)] if isinstance(value, dict | list) else [value]


def held(matcher: FieldMatcher, value: Any) -> frozenset[int]:
    return frozenset().union(*(matcher.truths(leaf) for leaf in leaves(value)))


@pytest.mark.parametrize("is_fast", [False, True])
@given(VALUES)
def test_what_a_value_holds_is_possible_in_its_raw_text(is_fast: bool, value: Any) -> None:
    gate, matcher = engine(is_fast=is_fast).keywords, engine(is_fast=is_fast).program.matcher("")
    raws = [json.dumps(value).encode(), json.dumps(value, ensure_ascii=False).encode(), escaped(value)]
    for raw in raws:
        decoded = orjson.loads(raw)
        assert held(matcher, decoded) <= gate.possible(raw)
        assert held(matcher, decoded) <= gate.possible(msgspec.msgpack.encode(decoded))
        assert held(matcher, decoded) <= gate.possible_in({"A": decoded})


@pytest.mark.parametrize(
    "number", ["1e3", "1.000e3", "1E+16", "10000000000000000.0", "18446744073709551616", "-0.0", "15e-1"]
)
def test_numbers_are_possible_however_they_are_written(number: str) -> None:
    gate, matcher = engine(is_fast=False).keywords, engine(is_fast=False).program.matcher("")
    assert held(matcher, orjson.loads(number)) <= gate.possible(number.encode())


def test_no_other_character_hides_a_keyword() -> None:
    """Only these fold to ASCII: in Python's lower case, or under an expression's `i`."""
    folding = {chr(code) for code in range(128, 0x110000) if any(map(str.isascii, chr(code).lower()))}
    assert folding | {"\N{LATIN SMALL LETTER LONG S}"} == {text for text in HIDING if len(text) == 1}


def test_a_plain_text_opens_the_gate_for_what_it_holds_only() -> None:
    rules = ready(rule("s: [mimic]"), rule("s: [remote tool]"))
    gate = Engine(rules, None).keywords
    assert not gate.possible(b'{"A": "nothing of note"}')
    assert len(gate.possible(b'{"A": "a MIMIC"}')) == 1
    assert gate.possible(b'{"A": "a \\u006dimic"}') == gate.every


def test_keywords_find_what_normalising_adds() -> None:
    """4688 has a label, and only we say `Protected`: it stands in no raw text."""
    rules = ready(rule("s: [protected]", "{product: windows, service: security}"))
    one = Engine(rules, None)
    state = journey.reading(one, None)
    block = Block("jsonlines", orjson.dumps(flat("Security", 4688, {"MandatoryLabel": "S-1-16-20480"})) + b"\n")
    (rows,) = journey.read_step(state, feed_named("jsonlines"), block)
    assert isinstance(rows, Rows)
    assert len(matches(rules, one, rows)) == 1
