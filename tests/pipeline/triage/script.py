"""Stories for correlations: `>>` an event that a rule matches, `<<` a correlation that is over by then."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence

from carecordon.model.correlation import CorrelationRule, CorrelationType, Expression
from carecordon.model.event import Fields, Value
from carecordon.model.match import CorrelationMatch, Level, Match, RuleHead
from carecordon.pipeline.triage.correlate import Correlator

SECOND = 1_000_000_000
MINUTE = 60 * SECOND
UNITS = {"s": SECOND, "m": MINUTE, "h": 60 * MINUTE}


def head(name: str) -> RuleHead:
    """Return the head of a rule whose id and title are its name."""
    return RuleHead(name, name, Level.HIGH, (), "story.yml", 1)


def correlation(
    name: str,
    kind: str,
    rules: str,
    within: str,
    *,
    by: str = "User",
    of: str = "",
    percentile: float = 50.0,
    aliases: dict[str, dict[str, str]] | None = None,
    expression: Expression | None = None,
    silent: bool = False,
    **bounds: float,
) -> CorrelationRule:
    """Return a correlation rule; `rules`, `by` and `of` name several things parted by spaces."""
    return CorrelationRule(
        head=head(name),
        type=CorrelationType(kind),
        rules=tuple(rules.split()),
        group_by=tuple(by.split()),
        timespan_ns=int(within[:-1]) * UNITS[within[-1]],
        bounds=tuple(bounds.items()),
        fields=tuple(of.split()),
        percentile=percentile,
        aliases=aliases or {},
        expression=expression,
        silent=silent,
    )


def play(rules: Sequence[CorrelationRule], script: str) -> str:
    """Return the script with the `<<` lines that really follow each `>>` line."""
    correlator = Correlator(rules)
    told: list[str] = []
    for number, line in enumerate(events_of(script), start=1):
        told.append(line)
        found = correlator.close() if line == ">> end" else correlator.feed(matches(line, number))
        told += map(_line, found)
    return "\n".join(told)


def tidy(script: str) -> str:
    """Return a script without indentation and empty lines."""
    return "\n".join(line.strip() for line in script.splitlines() if line.strip())


def events_of(script: str) -> list[str]:
    """Return the `>>` lines."""
    return [line for line in tidy(script).splitlines() if line.startswith(">>")]


def matches(line: str, number: int) -> list[Match]:
    """Return the matches of `>> TIME RULE[,RULE] [in FILE:POSITION] [id=N] [from=DEVICE] [FIELD=VALUE]...`.

    Without `in` the event stands in `log` at the line's number; `-` for TIME is no time.
    """
    _, time, names, *rest = line.split()
    file, position = "log", str(number)
    if rest[:1] == ["in"]:
        file, position = rest[1].rsplit(":", 1)
        rest = rest[2:]
    carried: Fields = {}
    for part in rest:
        name, text = part.split("=", 1)
        carried[name] = _value(text)
    record_id = carried.pop("id", None)
    device = carried.pop("from", None)
    return [
        Match(
            rule=head(name),
            file=file,
            position=int(position),
            record_id=record_id if isinstance(record_id, int) else None,
            time=None if time == "-" else _time(time),
            device=device if isinstance(device, str) else None,
            channel="Security",
            event_id=1,
            fields={},
            carried=carried,
        )
        for name in names.split(",")
    ]


def _line(found: CorrelationMatch) -> str:
    """Return `<< RULE FIELD=VALUE... FIGURE from TIME to TIME: PLACES`."""
    group = "".join(f" {name}={_text(value)}" for name, value in found.group.items())
    return f"<< {found.rule.id}{group} {found.count} from {_clock(found.start)} to {_clock(found.end)}: " + " ".join(
        _places(found.members)
    )


def _places(members: Iterable[tuple[str, int]]) -> list[str]:
    """Return each place, the file only where it is not `log`."""
    return [str(position) if file == "log" else f"{file}:{position}" for file, position in members]


def _value(text: str) -> Value:
    """Return the JSON value that the text is, else the text."""
    try:
        value = json.loads(text)
    except ValueError:
        return text
    return tuple(value) if isinstance(value, list) else value


def _text(value: Value) -> str:
    """Return a value as the script writes it."""
    return value if isinstance(value, str) else json.dumps(value)


def _time(clock: str) -> int:
    """Return HH:MM or HH:MM:SS as ns."""
    hours, minutes, *seconds = clock.split(":")
    return (int(hours) * 60 + int(minutes)) * MINUTE + sum(int(part) * SECOND for part in seconds)


def _clock(time: int) -> str:
    """Return ns as HH:MM, with :SS where they are not 0."""
    minutes, seconds = divmod(time // SECOND, 60)
    return f"{minutes // 60:02}:{minutes % 60:02}" + (f":{seconds:02}" if seconds else "")
