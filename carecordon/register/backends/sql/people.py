"""People and their tokens in SQL, and whose hub it is."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, Row, insert, select

from carecordon.model.audit import Act
from carecordon.model.errors import OurFault
from carecordon.model.person import Organisation, Person, Role, Token
from carecordon.register.backends.sql.audit import append
from carecordon.register.backends.sql.door import Door, changed
from carecordon.register.tables import ORGANISATIONS, PEOPLE, TOKENS


class SqlPeople:
    """Whose hub it is, who may do what, and by which tokens."""

    def __init__(self, door: Door) -> None:
        """Use the database behind `door`."""
        self._door = door

    def organisation(self) -> Organisation | None:
        """Return whose hub it is; None before `hub init`."""
        with self._door.reading() as connection:
            return _organisation(connection)

    def found(self, organisation: Organisation, admin: Person, token: Token) -> None:
        """Write the organisation, its first person and that person's token, and audit it."""
        with self._door.writing() as connection:
            if _organisation(connection) is not None:
                raise OurFault("the register has its organisation already")
            row = {"ods": organisation.ods, "name": organisation.name, "made": organisation.made}
            connection.execute(insert(ORGANISATIONS), row)
            append(connection, [Act(admin.name, "found", organisation.ods, organisation.name)], organisation.made)
            _add(connection, admin, admin.name)
            _add_token(connection, token, admin.name)

    def all(self) -> list[Person]:
        """Return everybody, by name."""
        with self._door.reading() as connection:
            return list(map(_person, connection.execute(select(PEOPLE).order_by(PEOPLE.c.name))))

    def get(self, name: str) -> Person | None:
        """Return the person of this name."""
        with self._door.reading() as connection:
            return _get(connection, name)

    def add(self, person: Person, who: str) -> bool:
        """Add a person and audit it."""
        with self._door.writing() as connection:
            if _get(connection, person.name) is not None:
                return False
            _add(connection, person, who)
            return True

    def remove(self, name: str, who: str, now: int) -> bool:
        """Let a person do nothing any more, revoke their tokens and audit it."""
        with self._door.writing() as connection:
            if not changed(connection, PEOPLE, [PEOPLE.c.name == name, PEOPLE.c.gone.is_(None)], {"gone": now}):
                return False
            changed(connection, TOKENS, [TOKENS.c.person == name, TOKENS.c.revoked.is_(None)], {"revoked": now})
            append(connection, [Act(who, "remove-person", name)], now)
            return True

    def token(self, token_id: str) -> tuple[Token, Person] | None:
        """Return a token and whose it is, good or not."""
        with self._door.reading() as connection:
            row = connection.execute(select(TOKENS).where(TOKENS.c.id == token_id)).first()
            person = None if row is None else _get(connection, row.person)
        return None if row is None or person is None else (_token(row), person)

    def tokens(self) -> list[Token]:
        """Return all tokens, the newest first."""
        with self._door.reading() as connection:
            return list(map(_token, connection.execute(select(TOKENS).order_by(TOKENS.c.made.desc(), TOKENS.c.id))))

    def add_token(self, token: Token, who: str) -> bool:
        """Keep a new token and audit it."""
        with self._door.writing() as connection:
            person = _get(connection, token.person)
            if person is None or person.gone is not None:
                return False
            _add_token(connection, token, who)
            return True

    def revoke_token(self, token_id: str, who: str, now: int) -> bool:
        """Let a token be good for nothing and audit it."""
        with self._door.writing() as connection:
            if not changed(connection, TOKENS, [TOKENS.c.id == token_id, TOKENS.c.revoked.is_(None)], {"revoked": now}):
                return False
            append(connection, [Act(who, "revoke-token", token_id)], now)
            return True


def _organisation(connection: Connection) -> Organisation | None:
    row = connection.execute(select(ORGANISATIONS)).first()
    return None if row is None else Organisation(row.ods, row.name, row.made)


def _get(connection: Connection, name: str) -> Person | None:
    row = connection.execute(select(PEOPLE).where(PEOPLE.c.name == name)).first()
    return None if row is None else _person(row)


def _add(connection: Connection, person: Person, who: str) -> None:
    row = {"name": person.name, "role": person.role.value, "made": person.made, "gone": person.gone}
    connection.execute(insert(PEOPLE), row)
    append(connection, [Act(who, "add-person", person.name, person.role.value)], person.made)


def _add_token(connection: Connection, token: Token, who: str) -> None:
    row = {"id": token.id, "person": token.person, "label": token.label, "secret_hash": token.secret_hash}
    connection.execute(insert(TOKENS), row | {"made": token.made, "expires": token.expires, "revoked": token.revoked})
    append(connection, [Act(who, "add-token", token.id, f"{token.person}: {token.label}")], token.made)


def _person(row: Row[Any]) -> Person:
    return Person(row.name, Role(row.role), row.made, row.gone)


def _token(row: Row[Any]) -> Token:
    return Token(row.id, row.person, row.label, row.secret_hash, row.made, row.expires, row.revoked)
