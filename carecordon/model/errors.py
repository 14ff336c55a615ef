"""Whose fault it is: refusals are values, faults are exceptions that say who must act."""

from __future__ import annotations

from dataclasses import dataclass


class TheirFault(Exception):
    """Input that cannot be used: says what, where and what to do about it."""


class OurFault(Exception):
    """A broken invariant of our own: a defect to report."""


def defect(fault: BaseException) -> str:
    """Return what to tell of an exception that nobody foresaw: what it was and where in our code it arose."""
    place = fault.__traceback__
    while place is not None and place.tb_next is not None:
        place = place.tb_next
    where = "" if place is None else f", {place.tb_frame.f_code.co_name} line {place.tb_lineno}"
    return f"a defect of ours ({type(fault).__name__}: {str(fault)[:200]}{where}); please report it"


@dataclass(frozen=True, slots=True)
class Refused:
    """A rule document that will not run, and why.

    `line` and `column` count from 1; 0 where the whole file is meant.
    """

    path: str
    line: int
    column: int
    rule_id: str | None
    reason: str

    def __str__(self) -> str:
        """Return `path:line:column: reason`, as editors and CI logs read it."""
        return f"{self.path}:{self.line}:{self.column}: {self.reason}"
