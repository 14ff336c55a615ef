"""An incident that holds one text in every place that can hold a text, and a result made of it."""

from __future__ import annotations

from carecordon.model.errors import Refused
from carecordon.model.incident import (
    Alert,
    Case,
    Chain,
    DeviceAsset,
    Entity,
    EntityKind,
    EventSeen,
    Fact,
    Incident,
    Phase,
    Place,
    ProcessSeen,
    Score,
    Story,
    Summand,
)
from carecordon.model.match import BlindSpot, CorrelationMatch, Level, Match, RuleHead, Unseen
from carecordon.model.result import Begin, Closing, InputFile, Result, SourceSeen, Summary
from tests.replacing import replace
from tests.report.sample import START, S

FORMULA = "=HYPERLINK(A1)"
SCRIPTS = (
    "<img src=x onerror=alert(1)>",
    '"><script>document.title="taken"</script>',
    "'><svg onload=alert(1)>",
    "</script><script>alert(1)</script>",
    "</style><style>*{display:none}</style>",
    "<!--",
    "]]>",
    "javascript:alert(1)",
    "&lt;b&gt; &#x3c;script&#x3e;",
    "nul \x00 bell \x07 esc \x1b[2J",
    "turned \u202egnp.exe \u2066 \u200b \ufeff",
    "lone \ud800 byte \udcff",
    "--></title><iframe src=//evil.example.org></iframe>",
    'x" onmouseover="alert(1)',
    "${alert(1)} {{7*7}} `alert(1)",
)
LEVELS = list(Level)


def hostile_rule(text: str, level: Level = Level.HIGH) -> RuleHead:
    """Return a rule that says the text in all it says of itself."""
    return RuleHead(text, text, level, (text,), text, 1, tactics=(text,), triage=(text, text), benign=(text,))


def hostile_case(text: str, level: Level = Level.CRITICAL) -> Case:
    """Return an incident with the text in every place."""
    other = f"{text} (2)"
    rule, start, end = hostile_rule(text, level), START, START + 60 * S
    match = Match(rule, text, 1, 1, start, text, text, 1, {text: text, "list": (text, None, True, 7)})
    processes = (
        ProcessSeen(text, None, text, 1, text, text, text, start, False),
        ProcessSeen(other, text, text, None, text, text, text, None, True),
    )
    incident = Incident(
        text, (text,), text, level, Score(9, (Summand(text, 9, text),)), (text, other), start, end, (text,),
        (Alert(rule, text, text, start, end, 2, match), Alert(rule, other, None, start, end, 1, match)),
        (Chain(rule, 3, start, end),), tuple(Entity(kind, text, text, start, end, 1) for kind in EntityKind),
        processes, (Place(text, 1, text),), (text,), True, (DeviceAsset(text, text, "S3"),),
    )  # fmt: skip
    facts = tuple(Fact(start, text, text, (text,), phase, text, 1, 2) for phase in Phase)
    event = EventSeen(text, 1, 1, start, text, text, 1, text, {text: text, "list": (text, text), "CommandLine": text})
    return Case(incident, Story(text, facts, (text,), (text,)), [event, replace(event, time=end, position=2)], 5)


def hostile_result(*texts: str) -> Result:
    """Return a result with each text in every place."""
    cases = [hostile_case(text, LEVELS[number % len(LEVELS)]) for number, text in enumerate(texts)]
    findings: list[Match | CorrelationMatch] = [alert.sample for case in cases for alert in case.incident.alerts]
    findings += [
        CorrelationMatch(hostile_rule(text), {text: text}, 2, START, START + S, ((text, 1),)) for text in texts
    ]
    closing = Closing(
        tuple(InputFile(text, text, 1, 1, text) for text in texts),
        tuple(Refused(text, 1, 1, text, text) for text in texts),
        tuple(BlindSpot(kind, text, text, 1, text, 3) for text in texts for kind in Unseen),
        tuple(SourceSeen(text, text, 1, START, START) for text in texts),
        Summary(1, 1, 1, 1, 1, 1, 1, 1, 1.0, partial=True),
    )
    return Result(Begin(texts[0], texts[0], texts), findings, closing, cases)
