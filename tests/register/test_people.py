"""People and tokens: named, ended, audited."""

from __future__ import annotations

import pytest

from carecordon.model.errors import OurFault
from carecordon.model.person import Organisation, Person, Role, Token
from carecordon.register.register import Register
from tests.register.example import HOUR, NOW

TRUST = Organisation("X99", "Example Trust", NOW)
ADA = Person("ada", Role.ADMIN, NOW)


def token(name: str, person: str = "ada") -> Token:
    return Token(name, person, "laptop", name * 8, NOW, NOW + HOUR)


@pytest.fixture
def founded(register: Register) -> Register:
    register.people.found(TRUST, ADA, token("a"))
    return register


def test_a_hub_is_founded_once(founded: Register) -> None:
    assert founded.people.organisation() == TRUST
    assert founded.people.token("a") == (token("a"), ADA)
    with pytest.raises(OurFault, match="already"):
        founded.people.found(TRUST, Person("eve", Role.ADMIN, NOW), token("e", "eve"))
    assert founded.people.get("eve") is None
    assert [entry.act.verb for entry in founded.audit.entries()] == ["add-token", "add-person", "found"]


def test_a_name_is_taken_for_ever(founded: Register) -> None:
    assert founded.people.add(Person("bo", Role.READER, NOW), "ada")
    assert founded.people.remove("bo", "ada", NOW + 1)
    assert not founded.people.add(Person("bo", Role.ADMIN, NOW), "ada")
    assert [(one.name, one.gone) for one in founded.people.all()] == [("ada", None), ("bo", NOW + 1)]


def test_who_goes_takes_their_tokens_along(founded: Register) -> None:
    assert founded.people.add_token(token("b"), "ada")
    assert founded.people.remove("ada", "ada", NOW + 1)
    assert not founded.people.remove("ada", "ada", NOW + 2)
    assert [one.revoked for one in founded.people.tokens()] == [NOW + 1, NOW + 1]
    assert not founded.people.add_token(token("c"), "ada")


def test_a_token_is_revoked_once(founded: Register) -> None:
    assert founded.people.revoke_token("a", "ada", NOW + 1)
    assert not founded.people.revoke_token("a", "ada", NOW + 2)
    found = founded.people.token("a")
    assert found is not None
    assert found[0].revoked == NOW + 1


def test_nobodys_token_is_not_kept(founded: Register) -> None:
    assert not founded.people.add_token(token("z", "zoe"), "ada")
    assert founded.people.token("z") is None


def test_roles_rank() -> None:
    assert [role for role in Role if role.may(Role.ANALYST)] == [Role.ANALYST, Role.ADMIN]
