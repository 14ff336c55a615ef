"""Tokens: shown once, kept as a hash, good for their time and their person only."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carecordon.hub.trust.access import (
    AccessRefusal,
    bearer_of,
    hash_of,
    make_enrol_token,
    make_token,
    read_enrol_token,
)
from carecordon.model.device import DeviceKind, EnrolToken
from carecordon.model.errors import TheirFault
from carecordon.model.person import Bearer, Organisation, Person, Role, Token
from carecordon.register.backends.sqlite import SQLITE
from carecordon.register.register import Register

NOW = 1_800_000_000_000_000_000
DAY = 86_400 * 1_000_000_000
CA = "ab" * 32


@pytest.fixture
def register(tmp_path: Path) -> Iterator[Register]:
    place = str(tmp_path / "register.db")
    SQLITE.prepare(place)
    opened = SQLITE.open_register(place)
    yield opened
    opened.close()


@pytest.fixture
def hub(register: Register) -> tuple[Register, Token, str]:
    token, shown = make_token("ada", "laptop", NOW)
    register.people.found(Organisation("X99", "Example Trust", NOW), Person("ada", Role.ADMIN, NOW), token)
    return register, token, shown


def test_who_shows_a_good_token_is_known(hub: tuple[Register, Token, str]) -> None:
    register, token, shown = hub
    assert bearer_of(shown, register.people, NOW) == Bearer("ada", Role.ADMIN, token.id)
    assert token.secret_hash == hash_of(shown.rpartition("_")[2])
    assert shown.rpartition("_")[2] not in repr(token)


def test_two_tokens_are_never_alike() -> None:
    assert make_token("ada", "a", NOW)[1] != make_token("ada", "a", NOW)[1]


def last_changed(shown: str) -> str:
    return shown[:-1] + ("0" if shown[-1] != "0" else "1")


@pytest.mark.parametrize(
    ("alter", "refusal"),
    [
        (last_changed, AccessRefusal.UNKNOWN),
        (lambda shown: f"carecordon_{'0' * 16}_{shown[-64:]}", AccessRefusal.UNKNOWN),
        (lambda shown: f"{shown}\n", AccessRefusal.MALFORMED),
        (str.upper, AccessRefusal.MALFORMED),
        (lambda shown: shown[:-1], AccessRefusal.MALFORMED),
        (lambda _: "", AccessRefusal.MALFORMED),
    ],
)
def test_what_is_no_token_lets_nobody_in(
    hub: tuple[Register, Token, str], alter: Callable[[str], str], refusal: AccessRefusal
) -> None:
    register, _, shown = hub
    assert bearer_of(alter(shown), register.people, NOW) is refusal


def test_a_token_ends(hub: tuple[Register, Token, str]) -> None:
    register, token, shown = hub
    assert isinstance(bearer_of(shown, register.people, token.expires - 1), Bearer)
    assert bearer_of(shown, register.people, token.expires) is AccessRefusal.EXPIRED
    register.people.revoke_token(token.id, "ada", NOW)
    assert bearer_of(shown, register.people, NOW) is AccessRefusal.REVOKED
    register.people.remove("ada", "ada", NOW)
    assert bearer_of(shown, register.people, NOW) is AccessRefusal.GONE


def test_an_enrolment_token_works_once(register: Register) -> None:
    token, shown = make_enrol_token(CA, "ward 7", "ada", NOW, kind=DeviceKind.FORWARDER)
    register.devices.add_enrol_token(token)
    pinned = read_enrol_token(f"  {shown[:70]}\n{shown[70:]} \n")
    assert pinned.authority == CA
    used = register.devices.use_enrol_token(hash_of(pinned.secret), NOW)
    assert isinstance(used, EnrolToken)
    assert (used.kind, used.uses_left, used.expires) == (DeviceKind.FORWARDER, 0, NOW + DAY)
    assert not isinstance(register.devices.use_enrol_token(hash_of(pinned.secret), NOW), EnrolToken)
    assert pinned.secret not in repr(token)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "no dot"),
        (CA, "no dot"),
        (f"{CA}.{CA[:-1]}", "64 and 63 characters"),
        (f"{CA}.{CA}.{CA}", "64 and 129 characters"),
        (f"{CA.upper()}.{CA}", "lower case"),
        (f"{CA}.{'٣' * 64}", "hexadecimal"),
        (f"carecordon_{CA[:16]}_{CA}", "person's token"),
    ],
)
def test_what_is_no_enrolment_token_is_told(text: str, says: str) -> None:
    with pytest.raises(TheirFault, match=re.escape(says)):
        read_enrol_token(text)


@given(st.text("0123456789", min_size=8, max_size=140), st.sampled_from(["", ".", "abc.", "carecordon_1_"]))
def test_no_message_holds_what_was_typed(secret: str, before: str) -> None:
    """Digits, since a message may hold any word that somebody types."""
    try:
        read_enrol_token(before + secret)
    except TheirFault as fault:
        assert secret not in str(fault)  # noqa: PT017  # that none is raised is another test's
