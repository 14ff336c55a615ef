"""All atoms of a field answered at once say what each alone would say."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carecordon.pipeline.detect.sigma.ir import Atom, Op
from carecordon.pipeline.detect.sigma.literals import LONG_TEXT
from carecordon.pipeline.detect.sigma.matcher import ABSENT, FieldMatcher
from carecordon.pipeline.detect.sigma.memo import MAX_KEPT
from carecordon.pipeline.detect.sigma.values import address_of, date_part, decimal_of, network_of, number_of, text_of

LITERALS = st.text(alphabet="abAB\0\\é", max_size=5)
PLAIN: dict[Op, Callable[[str, str], bool]] = {
    Op.EQ: str.__eq__,
    Op.STARTS: str.startswith,
    Op.ENDS: str.endswith,
    Op.CONTAINS: str.__contains__,
}


@st.composite
def plain_atoms(draw: st.DrawFn) -> Atom:
    literal, cased = draw(LITERALS), draw(st.booleans())
    return Atom("F", draw(st.sampled_from(sorted(PLAIN))), literal if cased else literal.lower(), cased)


@given(
    st.lists(plain_atoms(), max_size=12),
    st.text(alphabet="abAB\0\\é", max_size=8),
    st.sampled_from([0, LONG_TEXT, MAX_KEPT]),
)
def test_literals_hold_as_each_alone_would(atoms: list[Atom], text: str, more: int) -> None:
    text = text + "-" * more + text
    matcher = FieldMatcher(enumerate(atoms), None)
    expected = {
        number
        for number, atom in enumerate(atoms)
        if PLAIN[atom.op](text if atom.cased else text.lower(), str(atom.value))
    }
    assert matcher.truths(text) == expected
    assert matcher.truths(("x", text)) >= expected


def test_half_a_surrogate_pair_stops_nothing() -> None:
    """No rule can name it; the rest of the text is still compared."""
    ops = [Op.CONTAINS, Op.STARTS, Op.ENDS]
    literals = [Atom("F", op, value) for op in ops for value in ("evil", "tool", "more", "less", "x\0")]
    matcher = FieldMatcher([*enumerate(literals), (90, Atom("F", Op.RE, "ev.l", cased=True))], None)
    for text in ("evil \ud800 tool", ("evil \udfff tool",), "evil \ud800 tool" + "-" * MAX_KEPT):
        held = matcher.truths(text)
        assert {90} | {number for number, atom in enumerate(literals[:2])} <= held
        assert not any(literals[number].value in ("more", "less") for number in held - {90})


def test_a_missing_field_is_null_and_a_null_one_exists() -> None:
    matcher = FieldMatcher([(0, Atom("F", Op.NULL)), (1, Atom("F", Op.EXISTS)), (2, Atom("F", Op.EQ, ""))], None)
    assert matcher.truths(ABSENT) == {0}
    assert matcher.truths(None) == matcher.truths(()) == {0, 1}
    assert matcher.truths("") == {1, 2}
    assert matcher.truths((None,)) == {1}
    assert repr(ABSENT) == "ABSENT"


@pytest.mark.parametrize(
    ("value", "number"),
    [(5, 5), (" 5\n", 5), ("-1.5", -1.5), (1.5, 1.5), ("1e3", 1000.0), ("+7", 7), (True, None), (None, None)]
    + [(text, None) for text in ("", "0x5", "1_0", "five", "inf", "nan", "-infinity", "1" * 65, "1 2")],
)
def test_numbers_are_decimal(value: str | float | None, number: float | None) -> None:
    assert number_of(value) == number


@pytest.mark.parametrize(
    ("value", "text"),
    [("x", "x"), (5, "5"), (True, "true"), (False, "false"), (None, None), (1.0, "1.0"), (1e16, "1e+16")],
)
def test_values_have_a_text(value: str | float | None, text: str | None) -> None:
    assert text_of(value) == text


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("192.0.2.1", (4, 0xC0000201)),
        (" 192.0.2.1 ", (4, 0xC0000201)),
        ("::ffff:192.0.2.1", (4, 0xC0000201)),
        ("[::1%3]", (6, 1)),
        ("fe80::1%eth0", (6, 0xFE80 << 112 | 1)),
        ("192.0.2", None),
        ("192.0.2.1/32", None),
        ("192.0.2.1:80", None),
        ("", None),
        ("%", None),
        ("3221225985", None),
    ],
)
def test_addresses_are_read_whole(text: str, address: tuple[int, int] | None) -> None:
    assert address_of(text) == address


def test_networks_have_a_first_and_a_last_address() -> None:
    assert network_of("192.0.2.0/30") == (4, 0xC0000200, 0xC0000203)
    assert network_of("::/0") == (6, 0, 2**128 - 1)


@pytest.mark.parametrize(
    ("part", "number"), [("minute", 4), ("hour", 3), ("day", 2), ("week", 1), ("month", 1), ("year", 2026)]
)
def test_dates_have_parts(part: str, number: int) -> None:
    assert date_part(" 2026-01-02 03:04:05.1234567 ", part) == number
    assert date_part("2027-01-01", "week") == 53
    assert date_part("02/01/2026", part) is None


@pytest.mark.parametrize(
    ("text", "decimal"),
    [("0x10", "16"), ("0XfF", "255"), ("10", "10"), ("0x", "0x"), ("0xzz", "0xzz"), ("0x" + "1" * 17, None)],
)
def test_hexadecimal_process_ids_read_as_decimal(text: str, decimal: str | None) -> None:
    assert decimal_of(text) == (decimal or text)
