"""Hyperscan finds the literals that Aho-Corasick finds, from a cache it can trust no more than any other file."""

from __future__ import annotations

from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carecordon.pipeline.detect.sigma import accelerate
from carecordon.pipeline.detect.sigma.accelerate import Accelerator, Scanner, accelerator, hyperscan
from carecordon.pipeline.detect.sigma.ir import Atom, Op
from carecordon.pipeline.detect.sigma.keywords import KeywordGate
from carecordon.pipeline.detect.sigma.literals import LONG_TEXT, Literals
from carecordon.pipeline.detect.sigma.matcher import FieldMatcher

pytestmark = pytest.mark.skipif(hyperscan is None, reason="Hyperscan (the extra `fast`) is not installed")

LITERALS = ("a", "ab", "abc", "c:\\x", "ä", "\N{KELVIN SIGN}", "\0", "aa", "(.*)")
TEXTS = st.lists(st.sampled_from([*LITERALS, "b", "A", " ", "\U0001f600"]), max_size=12).map("".join)


class Shelf:
    """A cache that gives one answer."""

    def __init__(self, blob: bytes | None) -> None:
        self.blob = blob
        self.saved: list[bytes] = []

    def load(self, key: str) -> bytes | None:
        return self.blob

    def save(self, key: str, blob: bytes) -> None:
        self.saved.append(blob)


ALONE = Literals(LITERALS, None)
FAST = Literals(LITERALS, accelerator(Shelf(None)))


@given(TEXTS)
def test_both_find_the_same(text: str) -> None:
    long = "x" * LONG_TEXT + text
    expected = {index for index, literal in enumerate(LITERALS) if literal in long}
    assert FAST.found(long) == ALONE.found(long) == expected


def scanner(shelf: Shelf) -> Scanner:
    made = Accelerator(shelf).literals(["evil", "tool"])
    assert made is not None
    return made


def test_very_many_literals_are_found_without_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(accelerate, "MOST_LITERALS", 3)
    shelf = Shelf(None)
    many = Literals(["evil", "tool", "kit", "spy", "ware"], Accelerator(shelf), folds=True)
    assert many.found("a spy's toolkit " + "x" * LONG_TEXT) == {1, 2, 3}
    assert not many.reads_bytes
    gate = KeywordGate(
        [(number, Atom("", Op.CONTAINS, text)) for number, text in enumerate(["evil", "tool", "kits"])],
        Accelerator(shelf),
    )
    assert gate.possible(b'{"a":"TOOL"}') == {1}
    assert shelf.saved == []


@pytest.mark.parametrize("blob", [b"", b"no database", b"\0" * 10_000])
def test_a_database_that_is_none_is_compiled_anew(blob: bytes) -> None:
    shelf = Shelf(blob)
    assert scanner(shelf).found("an evil tool") == {0, 1}
    assert len(shelf.saved) == 1


def test_a_cut_database_is_compiled_anew() -> None:
    first = Shelf(None)
    scanner(first)
    (whole,) = first.saved
    second = Shelf(whole[: len(whole) // 2])
    assert scanner(second).found("evil") == {0}
    assert second.saved == [whole]
    third = Shelf(whole)
    assert scanner(third).found("tool evil") == {0, 1}
    assert third.saved == []


def test_caseless_literals_fold_ascii_only() -> None:
    made = accelerator(Shelf(None))
    assert made is not None
    scanner = made.literals(["evil", "ärzte"], caseless=True)
    assert scanner is not None
    assert scanner.found("EVIL ÄRZTE") == {0}
    assert scanner.found_bytes(b"") == set()


ATOMS = [
    *(
        Atom("F", op, literal if cased else literal.lower(), cased)
        for op in (Op.EQ, Op.STARTS, Op.ENDS, Op.CONTAINS)
        for literal in ("Evil", "evil tool", "ToolX", "ärzte", "k", "kit")
        for cased in (False, True)
    ),
    *(Atom("F", Op.GLOB, pattern) for pattern in ("(?s).*evil.*tool", "(?s)evil.*", "(?s).*")),
    *(Atom("F", Op.RE, pattern, cased=True) for pattern in ("Evil.tool", "(?i)evil +tool", "[A-Z]{9}")),
]
WORDS = st.lists(
    st.sampled_from(["Evil", "EVIL TOOL", "tool", "ToolX", "ärzte", "ÄRZTE", "KIT", "\N{KELVIN SIGN}", "-"])
)
SLOW_FIELD = FieldMatcher(enumerate(ATOMS), None)
FAST_FIELD = FieldMatcher(enumerate(ATOMS), accelerator(Shelf(None)))


@given(WORDS.map("".join), WORDS.map("".join), st.sampled_from(["-", "AbCdEfGhI", "\n"]))
def test_a_long_text_says_the_same_as_it_stands_and_in_lower_case(head: str, tail: str, between: str) -> None:
    """Long ASCII texts are not lowered where there is an accelerator."""
    for text in (head + tail, head + between * LONG_TEXT + tail):
        assert FAST_FIELD.truths(text) == SLOW_FIELD.truths(text)


# none demands a literal, so that Hyperscan is asked; on some the two engines do not agree, and those must not be shared
LOOSE = (
    *("^$", "(?m)^$", "(?m)^[a-z]*$", r"\B", r"^\s*$", r"\S+$", "$", r"\A\z", r"(?m)^\w$", "[^a]", r"[^\s]$", "(?s)."),
    *("^.{2}$", "(?i)[K]", r"\d{,2}x", "[]a]", "[^]a]", r"[\v]", r"[^\v]", r"\012", r"\12", r"\n$", "a$", "(?m)a$"),
    *(r"x*\z", r"\W$", "|a", "[[:word:]]$", "[[:^alpha:]]", "(?i)a(?-i)B", "(a|b)*$", "^(?:a|)$", "[a-]$", "[+--]"),
    *(r"\.", r"^\n", r"\n\z", r"[^\n]$", "(?s:.)$", r"\x41|\x0a", "(?m:^b)", "(?m)^(?:a|b)?$", r"\D$", "(?im)^a?$"),
    *(r"[\x00]", "a\0|b", r"\pL", "(?:)", "[^\0]$"),
)
MATCHERS = [
    FieldMatcher([(number, Atom("F", Op.RE, pattern, cased=True)) for number, pattern in enumerate(LOOSE)], made)
    for made in (None, accelerator(Shelf(None)))
]


@given(st.text(alphabet="abBkK01 \n\r\v\t\0-]{},é\N{KELVIN SIGN}", max_size=5))
def test_expressions_mean_what_re2_says_with_and_without_hyperscan(text: str) -> None:
    alone, fast = (matcher.truths(text) for matcher in MATCHERS)
    assert [LOOSE[number] for number in alone ^ fast] == []


def test_short_texts_of_every_sort_are_read_alike() -> None:
    assert MATCHERS[1]._folded._patterns._scanner is not None, "Hyperscan is asked, else this proves nothing"
    for size in range(4):
        for letters in product("aB \n\v0", repeat=size):
            test = "".join(letters)
            alone, fast = (matcher.truths(test) for matcher in MATCHERS)
            assert [LOOSE[number] for number in alone ^ fast] == [], repr(test)
