"""What is demanded of a text before an expression is tried stands in every ASCII text that the expression finds."""

from __future__ import annotations

import pytest
import re2
from hypothesis import given
from hypothesis import strategies as st

from carecordon.pipeline.detect.sigma.regexes import compiled, demanded

# pattern, and a text that RE2 finds it in although Python reads some of these patterns otherwise
FOUND = (
    ("evil", "an evil thing"),
    ("ev[i1]l", "ev1l"),
    ("(?i)EVIL tool", "evil TOOL"),
    ("(evil|tool)+kit", "toolkit"),
    ("(?:evil)?tool", "tool"),
    ("(evil){2,3}", "evilevil"),
    ("(evil)*tool", "tool"),
    ("[[:alpha:]]foo", "xfoo"),
    ("[[:^alpha:]]+foo", "1foo"),
    ("[^[:space:]]bar|foo", "xbar"),
    ("x[[:digit:]]]foo", "x1]foo"),
    ("[]foo]bar", "]bar"),
    ("[^]foo]bar", "xbar"),
    (r"\Qa.b\Efoo", "a.bfoo"),
    (r"\x{66}oo", "foo"),
    (r"\x66oo", "foo"),
    (r"\146oo", "foo"),
    (r"\pLfoo", "xfoo"),
    (r"\.exe\b", "x.exe"),
    (r"\Afoo\z", "foo"),
    ("(?P<n>foo)bar", "foobar"),
    ("(?<n>foo)bar", "foobar"),
    ("foo{,5}bar", "foo{,5}bar"),
    ("foo{0}bar", "fobar"),
    ("(?:foo){0,2}bar", "bar"),
    ("foo{x}", "foo{x}"),
    (r"foo\{1,2\}", "foo{1,2}"),
    ("(?s)foo.bar", "foo\nbar"),
    ("(?m)^foo$", "x\nfoo\ny"),
    ("(?-i)Foo", "Foo"),
    ("(?i:FOO)bar", "foobar"),
    ("(foo|)bar", "bar"),
    ("foo||bar", ""),
    ("a(foo)b|c(bar)d", "cbard"),
    ("foo[a-c]bar", "foobbar"),
    ("[f]oo", "foo"),
    ("foo--bar", "foo--bar"),
    ("[!--]foo", "-foo"),
    ("[&&]foo", "&foo"),
    ("[|||]foo", "|foo"),
    ("[~~]foo", "~foo"),
    ("(?s)(?:foo.*){3}", "foofoo\nfoo"),
    ("f(?:o(?:o(?:b)))", "foob"),
    (r"foo\-bar", "foo-bar"),
    ("(?i)ki(?:ss|ll)", "KILL"),
    (r"\bfoo\B", "food"),
    ("(foo(bar(baz)?)?)?x", "x"),
    ("foo.{3}bar", "foo---bar"),
    ("(?U)foo+bar", "foobar"),
    ("[fF][oO]o", "FOo"),
    ("é|foo", "foo"),
)
PATTERNS = [pattern for pattern, _ in FOUND]
PIECES = (
    "foo",
    "bar",
    "FOO",
    "Bar",
    "evil",
    "tool",
    "kit",
    "x",
    "]",
    "[",
    "a.b",
    "{,5}",
    "{x}",
    "{1,2}",
    "-",
    "--",
    "\n",
    " ",
)
TEXTS = st.lists(
    st.sampled_from([*PIECES, *"abcdfkisl1:&|~.", "kiss", "kill", "EVIL TOOL", ".exe", "ooo"]), max_size=8
).map("".join)


def is_sound(pattern: str, text: str) -> bool:
    demand = demanded(pattern)
    return demand is None or any(literal in text.lower() for literal in demand)


@pytest.mark.parametrize(("pattern", "text"), FOUND)
def test_what_is_found_holds_what_is_demanded(pattern: str, text: str) -> None:
    assert compiled(pattern).search(text.encode()) is not None
    assert is_sound(pattern, text)


@pytest.mark.parametrize("pattern", [".{5,}", ".{5}", ".{0,}", "(?s).{5,}", ".{5,9}"])
@pytest.mark.parametrize("text", ["", "abcd", "abcde", "abcd\nabcd", "ab\nabcdef\nc", "äöüß", "äöüßé", "abcd\r"])
def test_the_length_of_a_line_is_what_re2_finds(pattern: str, text: str) -> None:
    assert (compiled(pattern).search(text.encode()) is None) is (re2.search(pattern, text) is None)


@given(st.sampled_from(PATTERNS), TEXTS)
def test_random_texts_that_are_found_hold_what_is_demanded(pattern: str, text: str) -> None:
    assert compiled(pattern).search(text.encode()) is None or is_sound(pattern, text)


@pytest.mark.parametrize(
    ("pattern", "demand"),
    [
        ("evil", ("evil",)),
        ("(?i)EVIL tool|KIT[0-9]", ("evil tool", "kit")),
        ("(?:evil)?.*tool", ("tool",)),
        ("(?:x|evil)", None),
        ("[a-z]+", None),
        ("[[:alpha:]]evil", None),
        (r"\pLevil", None),
        ("(" * 500 + "evil" + ")" * 500, None),
    ],
)
def test_the_best_literal_is_demanded(pattern: str, demand: tuple[str, ...] | None) -> None:
    found = demanded(pattern)
    assert found is None if demand is None else sorted(found or ()) == sorted(demand)
