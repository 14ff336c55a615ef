"""People who may ask and act, under which name and in which role, and the tokens that they show."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Self


class Role(StrEnum):
    """What a person may do; each may all that those before it may."""

    READER = "reader"
    """Ask questions."""
    ANALYST = "analyst"
    """Also work on incidents."""
    ADMIN = "admin"
    """Also enrol and revoke devices, make tokens, take backups."""

    rank: int

    def __new__(cls, value: str) -> Self:
        """Return the role of this name; each ranks above those before it."""
        role = str.__new__(cls, value)
        role._value_ = value
        role.rank = len(cls.__members__)
        return role

    def may(self, needed: Role) -> bool:
        """Return whether this role may do what `needed` may."""
        return self.rank >= needed.rank


@dataclass(frozen=True, slots=True)
class Organisation:
    """Whose hub it is. `ods` is its code in the NHS Organisation Data Service. Made at `made`, UTC ns."""

    ods: str
    name: str
    made: int


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody with a name. `gone` (UTC ns): may no longer do anything; the name stays in the audit log."""

    name: str
    role: Role
    made: int
    gone: int | None = None


@dataclass(frozen=True, slots=True)
class Token:
    """What a person shows to the API: only the SHA-256 (hex) of the secret is kept. Times UTC ns."""

    id: str
    person: str
    label: str
    secret_hash: str
    made: int
    expires: int
    revoked: int | None = None


@dataclass(frozen=True, slots=True)
class Bearer:
    """Who speaks: a person by name, and what they may do. `token`: the id of the one they showed, '' at the machine."""

    name: str
    role: Role
    token: str = ""
