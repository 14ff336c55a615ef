"""One device's findings, in time order: when, which rule, where the event stands, and the fields that matched."""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import RenderableType
from rich.text import Text

from carecordon.model.event import Fields
from carecordon.model.match import CorrelationMatch, Level, Match, RuleHead
from carecordon.model.times import span_text
from carecordon.report.digest import Finding, Group, time_of
from carecordon.report.format import View
from carecordon.report.layout import BADGES, hanging, is_narrow, labelled, more, set_in, time_text
from carecordon.report.visible import shortened, value_text, visible

FIELDS_SHOWN = 8
_LABEL_CHARS = 24
_VALUE_CHARS = 160
"""A value is never shortened below this, and never below two lines."""


def entries(groups: list[Group], view: View) -> Iterator[RenderableType]:
    """Return the first findings of each group in time order; behind a group's last one, how many more there are."""
    order = [
        (time_of(found), number, place)
        for number, group in enumerate(groups)
        for place, found in enumerate(group.shown)
    ]
    for _, number, place in sorted(order, key=lambda entry: (entry[0] is None, entry[0] or 0, entry[1:])):
        group = groups[number]
        yield from _finding(group.shown[place], view)
        rest = group.count - len(group.shown)
        if rest and place == len(group.shown) - 1:
            until = "" if group.last is None else f" until {time_text(group.last, view)}"
            yield more(6, f"{rest:,} more of this rule{until}; all with --json")


def _finding(found: Finding, view: View) -> Iterator[RenderableType]:
    yield from _headline(found.rule, time_text(time_of(found), view), view)
    place = _place(found) if isinstance(found, Match) else _extent(found, view)
    yield set_in(6, Text(visible(place), style="dim", overflow="fold"))
    yield from _fields(found.fields if isinstance(found, Match) else found.group, view)


def _headline(rule: RuleHead, time: str, view: View) -> Iterator[RenderableType]:
    title = Text(visible(rule.title), style="bold red" if rule.level is Level.CRITICAL else BADGES[rule.level])
    if rule.techniques:
        title.append(f"  {visible(' '.join(rule.techniques))}", style="not bold dim")
    if is_narrow(view):
        yield set_in(4, Text(time))
        yield set_in(6, title)
    else:
        yield set_in(4, hanging(time, title, gap=2))


def _fields(fields: Fields, view: View) -> Iterator[RenderableType]:
    shown = list(fields.items())[:FIELDS_SHOWN]
    if shown:
        labels = [shortened(visible(label), _LABEL_CHARS) for label, _ in shown]
        limit = max(_VALUE_CHARS, 2 * (view.width - 8 - max(map(len, labels))))
        texts = [shortened(visible(value_text(value)), limit) for _, value in shown]
        yield set_in(6, labelled(list(zip(labels, texts, strict=True))))
    if len(fields) > FIELDS_SHOWN:
        yield more(6, f"{len(fields) - FIELDS_SHOWN} more fields; all with --json")


def _place(match: Match) -> str:
    """Return which event this is and where it stands."""
    event = " ".join(str(part) for part in (match.channel, match.event_id) if part is not None)
    record = "" if match.record_id is None else f"record {match.record_id}"
    return ", ".join(part for part in (event, record, f"{match.file} event {match.position:,}") if part)


def _extent(found: CorrelationMatch, view: View) -> str:
    """Return how much a correlation counted, over which time, and where its first event stands."""
    lasted = span_text((found.end - found.start) / 1e9)
    first = f", first in {found.members[0][0]} event {found.members[0][1]:,}" if found.members else ""
    return f"correlation: {found.count:,} counted until {time_text(found.end, view)} ({lasted}){first}"
