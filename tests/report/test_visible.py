"""Text from outside is made plain, and long text is cut where it says least."""

from __future__ import annotations

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from carecordon.report.visible import shortened, value_text, visible, visible_json


def test_controls_are_written_as_escapes() -> None:
    assert visible("a\x1b[2J\x07\r\n\t\x9b\u202e\u200b\ud800\U000e0001é 病") == (
        "a\\x1b[2J\\x07\\r\\n\\t\\x9b\\u202e\\u200b\\ud800\\U000e0001é 病"
    )


@given(st.text(alphabet=st.characters()))
def test_all_that_is_left_is_printable(text: str) -> None:
    assert visible(text).isprintable()


@given(st.text(max_size=60), st.integers(10, 40))
def test_shortened_text_keeps_its_ends_and_its_limit(text: str, limit: int) -> None:
    short = shortened(text, limit)
    if len(text) <= limit:
        assert short == text
    else:
        head, _, tail = short.partition(" ... ")
        assert len(short) == limit
        assert text.startswith(head)
        assert text.endswith(tail)
        assert len(head) > len(tail) > 0


def test_null_and_empty_differ() -> None:
    assert [value_text(value) for value in (None, "", True, 0, ("a", None))] == [
        "(null)",
        "(empty)",
        "true",
        "0",
        "a, (null)",
    ]


@given(st.dictionaries(st.text(), st.text(alphabet=st.characters(exclude_categories=["Cs"]))))
def test_json_for_a_terminal_means_the_same_and_steers_nothing(told: dict[str, str]) -> None:
    shown = visible_json(msgspec.json.encode(told) + b"\n")
    assert msgspec.json.decode(shown) == told
    assert shown.decode().replace("\n", "").isprintable()


def test_json_for_a_terminal_has_no_c1_and_no_direction_marks() -> None:
    shown = visible_json('{"a": "\x9b2J\u202e\U000e0001\x7fé"}\n'.encode())
    assert shown == '{"a": "\\u009b2J\\u202e\\udb40\\udc01\\u007fé"}\n'.encode()
