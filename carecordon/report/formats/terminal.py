"""The result for a person at a terminal: the worst first, in time order, and what could not be seen."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator
from datetime import UTC, tzinfo

from rich.console import Console, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from carecordon.model.match import CorrelationMatch, Level, Match
from carecordon.model.result import Closing, SourceSeen, Summary
from carecordon.model.times import span_text, to_datetime
from carecordon.report.digest import Digest, Finding, Group, time_of
from carecordon.report.silence import silence
from carecordon.report.visible import shortened, value_text, visible

NARROW = 80
"""Below this many columns a label stands above its text instead of beside it."""
RULES_COUNTED = 20
SOURCES_SHOWN = 200
_FIELDS_SHOWN = 8
_NAME_WIDTH = 24

_STYLES = {
    Level.CRITICAL: "bold white on red",
    Level.HIGH: "bold red",
    Level.MEDIUM: "bold yellow",
    Level.LOW: "bold cyan",
    Level.INFORMATIONAL: "bold",
}
_PARTIAL = (
    "PARTIAL RESULT: the scan was stopped before it had read everything. What is missing here may still be there."
)


def report(findings: Iterable[Finding], closing: Closing, width: int, zone: tzinfo = UTC) -> Iterator[Text]:
    """Return the result line by line, no line wider than `width` columns; `findings` in the order of the result.

    Nothing from outside is taken for markup, and no character of an event, a path or a rule
    is among the lines unless it is printable: no input can drive the terminal.
    """
    paper = Console(file=io.StringIO(), width=width, force_terminal=True, legacy_windows=False, _environ={})
    for piece in _pieces(findings, closing, _View(width, zone)):
        for segments in paper.render_lines(piece, pad=False):
            line = Text(end="").join(Text(segment.text, segment.style or "") for segment in segments)
            line.rstrip()
            yield line


def _pieces(findings: Iterable[Finding], closing: Closing, view: _View) -> Iterator[RenderableType]:
    digest = Digest()
    for found in findings:
        digest.take(found)
    yield from view.head(digest, closing.summary)
    for level in sorted(Level, key=lambda level: -level.rank):
        if digest.levels[level]:
            yield from view.level(level, digest)
    yield from view.counts(digest, closing.summary)
    yield from view.unseen(closing)
    yield from view.sources(closing.sources)
    if closing.summary.partial:
        yield Text()
        yield Text(_PARTIAL, style="bold red")


class _View:
    """How wide the terminal is and in which zone its reader thinks: all that the pieces depend on."""

    def __init__(self, width: int, zone: tzinfo) -> None:
        self.width = width
        self.zone = zone
        self.is_narrow = width < NARROW
        self.is_utc = str(zone) == "UTC"

    def head(self, digest: Digest, summary: Summary) -> Iterator[RenderableType]:
        if summary.partial:
            yield Text(_PARTIAL, style="bold red")
            yield Text()
        if digest.matches or digest.correlations:
            found = _number(digest.matches, "match", "matches")
            if digest.correlations:
                found += f" and {_number(digest.correlations, 'correlation', 'correlations')}"
            yield Text(f"{found} in {_number(summary.events_read, 'event', 'events')}. Times are in {self.zone}.")
        else:
            yield Text(f"Nothing matched in {_number(summary.events_read, 'event', 'events')}.", style="bold")
            yield Text("That does not prove that nothing happened: read what could not be seen, below.")

    def level(self, level: Level, digest: Digest) -> Iterator[RenderableType]:
        yield Text()
        yield Text.assemble((f" {level.value.upper()} ", _STYLES[level]), f"  {digest.levels[level]:,}")
        for device, groups in digest.by_device(level):
            yield Text()
            yield Text(f"  {visible(device)}" if device else "  (no device named)", style="bold")
            yield from self._entries(groups)
        if digest.beyond[level]:
            yield Text()
            yield _more(2, f"{digest.beyond[level]:,} more by other rules or on other devices; all with --json")

    def counts(self, digest: Digest, summary: Summary) -> Iterator[RenderableType]:
        if digest.rules:
            yield from _heading("Counts")
            levels = sorted(digest.levels, key=lambda level: -level.rank)
            yield _set_in(2, Text(", ".join(f"{level.value} {digest.levels[level]:,}" for level in levels)))
            yield _set_in(2, self._rule_counts(digest))
            if len(digest.rules) > RULES_COUNTED:
                yield _more(
                    2, f"{_number(len(digest.rules) - RULES_COUNTED, 'more rule', 'more rules')}; all with --json"
                )
        yield Text()
        yield Text(_totals(summary))

    def unseen(self, closing: Closing) -> Iterator[RenderableType]:
        yield from _heading("What could not be seen")
        topics = silence(closing)
        if not topics:
            yield Text("  Nothing that we know of: all input was read, all rules ran, and no log shows a gap.")
        for topic in topics:
            yield Text()
            yield _set_in(2, Text.assemble((topic.title, "bold"), f". {topic.meaning}"))
            for line in topic.lines:
                yield _set_in(4, _hanging("-", Text(line, overflow="fold")))

    def sources(self, sources: tuple[SourceSeen, ...]) -> Iterator[RenderableType]:
        if not sources:
            return
        yield from _heading("What was seen")
        shown = sources[:SOURCES_SHOWN]
        if self.is_narrow:
            yield from self._sources_narrow(shown)
        else:
            yield _set_in(2, self._sources_wide(shown))
        if len(sources) > SOURCES_SHOWN:
            yield _more(2, _number(len(sources) - SOURCES_SHOWN, "more log", "more logs"))

    def _entries(self, groups: list[Group]) -> Iterator[RenderableType]:
        entries = [
            (time_of(found), number, place)
            for number, group in enumerate(groups)
            for place, found in enumerate(group.shown)
        ]
        for _, number, place in sorted(entries, key=lambda entry: (entry[0] is None, entry[0] or 0, entry[1:])):
            group = groups[number]
            yield from self._finding(group.shown[place])
            if place == len(group.shown) - 1 and group.count > len(group.shown):
                until = "" if group.last is None else f" until {self._time(group.last)}"
                yield _more(6, f"{group.count - len(group.shown):,} more of this rule{until}; all with --json")

    def _finding(self, found: Finding) -> Iterator[RenderableType]:
        title = Text(
            visible(found.rule.title), style=_STYLES[found.rule.level].replace(" on red", "").replace("white", "red")
        )
        if found.rule.techniques:
            title.append(f"  {visible(' '.join(found.rule.techniques))}", style="not bold dim")
        time = Text(self._time(time_of(found)))
        if self.is_narrow:
            yield _set_in(4, time)
            yield _set_in(6, title)
        else:
            yield _set_in(4, _hanging(time, title))
        place, fields = (
            (_place(found), found.fields) if isinstance(found, Match) else (self._extent(found), found.group)
        )
        yield _set_in(6, Text(visible(place), style="dim", overflow="fold"))
        shown = list(fields.items())[:_FIELDS_SHOWN]
        if shown:
            yield _set_in(6, self._fields([(name, value_text(value)) for name, value in shown]))
        if len(fields) > _FIELDS_SHOWN:
            yield _more(6, f"{len(fields) - _FIELDS_SHOWN} more fields; all with --json")

    def _fields(self, fields: list[tuple[str, str]]) -> RenderableType:
        names = [shortened(visible(name), _NAME_WIDTH) for name, _ in fields]
        room = max(20, self.width - 8 - (4 if self.is_narrow else max(map(len, names))))
        grid = Table.grid(padding=(0, 2, 0, 0))
        grid.add_column(no_wrap=True)
        grid.add_column(overflow="fold", ratio=1)
        for name, (_, value) in zip(names, fields, strict=True):
            grid.add_row(Text(name, style="cyan"), Text(shortened(visible(value), 2 * room), overflow="fold"))
        return grid

    def _extent(self, found: CorrelationMatch) -> str:
        """Return how much a correlation counted, over which time, and where its events begin."""
        lasted = span_text((found.end - found.start) / 1e9)
        first = f", first in {found.members[0][0]} event {found.members[0][1]:,}" if found.members else ""
        return f"correlation: {found.count:,} counted until {self._time(found.end)} ({lasted}){first}"

    def _rule_counts(self, digest: Digest) -> RenderableType:
        table = Table.grid(padding=(0, 2, 0, 0))
        table.add_column(justify="right", no_wrap=True)
        table.add_column(no_wrap=True)
        table.add_column(overflow="fold")
        ordered = sorted(digest.rules, key=lambda id_: (-digest.heads[id_].level.rank, -digest.rules[id_], id_))
        for rule_id in ordered[:RULES_COUNTED]:
            head = digest.heads[rule_id]
            on = f" (on {digest.devices[rule_id]:,} devices)" if digest.devices[rule_id] > 1 else ""
            table.add_row(f"{digest.rules[rule_id]:,}", head.level.value, Text(visible(head.title) + on))
        return table

    def _sources_wide(self, sources: tuple[SourceSeen, ...]) -> RenderableType:
        table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
        table.add_column("Device", overflow="fold")
        table.add_column("Log", overflow="fold")
        table.add_column("Events", justify="right", no_wrap=True)
        table.add_column("First", no_wrap=self.width >= 120)
        table.add_column("Last", no_wrap=self.width >= 120)
        for source in sources:
            table.add_row(
                _name(source.device),
                _name(source.channel),
                f"{source.events:,}",
                self._time(source.first),
                self._time(source.last),
            )
        return table

    def _sources_narrow(self, sources: tuple[SourceSeen, ...]) -> Iterator[RenderableType]:
        for source in sources:
            yield _set_in(2, Text.assemble((_name(source.device).plain, "bold"), ", ", _name(source.channel).plain))
            yield _set_in(
                4,
                Text(
                    f"{_number(source.events, 'event', 'events')}, first {self._time(source.first)}, last {self._time(source.last)}"
                ),
            )

    def _time(self, time: int | None) -> str:
        moment = None if time is None else to_datetime(time, self.zone)
        if moment is None:
            return "time unknown"
        text = moment.isoformat(sep=" ", timespec="seconds")
        return text.replace("+00:00", "Z") if self.is_utc else text


def _heading(text: str) -> Iterator[RenderableType]:
    yield Text()
    yield Text(text, style="bold underline")


def _set_in(indent: int, what: RenderableType) -> RenderableType:
    return Padding(what, (0, 0, 0, indent))


def _more(indent: int, text: str) -> RenderableType:
    return _set_in(indent, _hanging("+", Text(text, style="italic")))


def _hanging(mark: str | Text, text: Text) -> RenderableType:
    """Return the text with its later lines set in under its first, behind the mark."""
    grid = Table.grid(padding=(0, 2 if isinstance(mark, Text) else 1, 0, 0))
    grid.add_column(no_wrap=True)
    grid.add_column(overflow="fold")
    grid.add_row(mark, text)
    return grid


def _place(match: Match) -> str:
    """Return which event this is and where it stands."""
    event = " ".join(str(part) for part in (match.channel, match.event_id) if part is not None)
    record = "" if match.record_id is None else f"record {match.record_id}"
    return ", ".join(part for part in (event, record, f"{match.file} event {match.position:,}") if part)


def _totals(summary: Summary) -> str:
    text = (
        f"Read {_number(summary.events_read, 'event', 'events')} from {_number(summary.files_read, 'file', 'files')}"
        f" in {span_text(summary.seconds)} with {_number(summary.rules_ready, 'rule', 'rules')}."
    )
    if summary.events_skipped:
        text += f" {_number(summary.events_skipped, 'event was', 'events were')} not looked at."
    if summary.files_failed:
        text += f" {_number(summary.files_failed, 'file', 'files')} could not be read, wholly or in part."
    return text


def _name(text: str | None) -> Text:
    return Text(visible(text) if text else "(not named)")


def _number(count: int, one: str, many: str) -> str:
    return f"{count:,} {one if count == 1 else many}"
