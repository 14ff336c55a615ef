"""A result as it is shown: from a level up, without identifiers, and with the highest level noted as it goes by."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace

from msgspec import structs

from carecordon.model.match import CorrelationMatch, Level, Match
from carecordon.model.result import Result
from carecordon.report.redact import Redactor

Finding = Match | CorrelationMatch


@dataclass(frozen=True, slots=True)
class _AtLeast:
    """The findings of a result at or above a level; may be read any number of times."""

    result: Result
    level: Level

    def __iter__(self) -> Iterator[Finding]:
        """Yield them."""
        return (found for found in self.result.findings if found.rule.level.rank >= self.level.rank)


@dataclass(frozen=True, slots=True)
class _Redacted:
    """The findings of a result without identifiers; may be read any number of times."""

    result: Result
    redactor: Redactor

    def __iter__(self) -> Iterator[Finding]:
        """Yield them."""
        for found in self.result.findings:
            if isinstance(found, Match):
                yield self.redactor.match(structs.replace(found, carried={}))  # learnt from before
            else:
                yield self.redactor.correlation(found)


@dataclass(slots=True)
class Counted:
    """The findings of a result; `highest` is the rank of the highest level that went by or that an incident has."""

    result: Result
    highest: int = field(default=-1, init=False)
    """-1 before any."""

    def __post_init__(self) -> None:
        """Begin with the incidents: several findings together can be worse than the worst of them."""
        self.highest = max((case.incident.level.rank for case in self.result.cases), default=-1)

    def __iter__(self) -> Iterator[Finding]:
        """Yield them."""
        for found in self.result.findings:
            self.highest = max(self.highest, found.rule.level.rank)
            yield found


def at_least(result: Result, level: Level) -> Result:
    """Return the result without findings and incidents below the level, and with how many findings that hides."""
    cases = [case for case in result.cases if case.incident.level.rank >= level.rank]
    hidden = sum(found.rule.level.rank < level.rank for found in result.findings)
    summary = replace(result.closing.summary, min_level=level, findings_hidden=hidden)
    closing = replace(result.closing, summary=summary)
    return replace(result, findings=_AtLeast(result, level), closing=closing, cases=cases)


def redacted(result: Result, redactor: Redactor, matches: Iterable[Match]) -> Result:
    """Return the result without identifiers; names are learnt from `matches`, those that are not shown too."""
    for match in matches:  # before any is shown, since a name met late must be replaced early
        redactor.learn(match)
    for found in result.findings:
        if isinstance(found, CorrelationMatch):
            redactor.learn(found)
    for case in result.cases:
        redactor.learn_case(case)
    closing = redactor.closing(result.closing)
    cases = [redactor.case(case) for case in result.cases]
    return Result(redactor.begin(result.begin), _Redacted(result, redactor), closing, cases)
