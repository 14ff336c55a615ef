"""Hyperscan finds the literals that Aho-Corasick finds, from a cache it can trust no more than any other file."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carecordon.pipeline.detect.sigma.accelerate import Accelerator, accelerator, hyperscan
from carecordon.pipeline.detect.sigma.literals import LONG_TEXT, Literals

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
FAST = Literals(LITERALS, Accelerator(Shelf(None)))


@given(TEXTS)
def test_both_find_the_same(text: str) -> None:
    long = "x" * LONG_TEXT + text
    expected = {index for index, literal in enumerate(LITERALS) if literal in long}
    assert FAST.found(long) == ALONE.found(long) == expected


@pytest.mark.parametrize("blob", [b"", b"no database", b"\0" * 10_000])
def test_a_database_that_is_none_is_compiled_anew(blob: bytes) -> None:
    shelf = Shelf(blob)
    assert Accelerator(shelf).literals(["evil", "tool"]).found("an evil tool") == {0, 1}
    assert len(shelf.saved) == 1


def test_a_cut_database_is_compiled_anew() -> None:
    first = Shelf(None)
    Accelerator(first).literals(["evil", "tool"])
    (whole,) = first.saved
    second = Shelf(whole[: len(whole) // 2])
    assert Accelerator(second).literals(["evil", "tool"]).found("evil") == {0}
    assert second.saved == [whole]
    third = Shelf(whole)
    assert Accelerator(third).literals(["evil", "tool"]).found("tool evil") == {0, 1}
    assert third.saved == []


def test_caseless_literals_fold_ascii_only() -> None:
    made = accelerator(Shelf(None))
    assert made is not None
    scanner = made.literals(["evil", "ärzte"], caseless=True)
    assert scanner.found("EVIL ÄRZTE") == {0}
    assert scanner.found_bytes(b"") == set()
