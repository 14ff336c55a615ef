"""The audit log: who did or asked what, each entry sealed to the one before it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Act:
    """Something that somebody did or asked, not yet in the log.

    `who` a person's name, or `hub` for what it does by itself; `verb` in one word (`revoke`, `ask`, `login`);
    `subject` what it was done to; `detail` the rest in words or JSON.
    """

    who: str
    verb: str
    subject: str
    detail: str = ""


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One entry: numbered from 1 without a gap, at `at` (UTC ns); `seal` covers it and all before it (SHA-256, hex)."""

    number: int
    at: int
    act: Act
    seal: str


@dataclass(frozen=True, slots=True)
class Head:
    """The end of the log as it once was: kept elsewhere, it shows what was cut off or rewritten since."""

    number: int
    seal: str


@dataclass(frozen=True, slots=True)
class Break:
    """One place where the log is not what was written: the entry's number, and what is wrong."""

    number: int
    what: str
