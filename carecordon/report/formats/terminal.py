"""The result for a person at a terminal: incidents, then matches, the worst first, and what could not be seen.

No character of an event, a path or a rule is among the lines unless it is printable, and
nothing from outside is taken for markup: no input can drive the terminal. Labels are plain
ASCII, so that any pipe takes them. What is folded away is counted, and is whole in `--json`.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence

from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text

from carecordon.model.incident import Case
from carecordon.model.match import Level
from carecordon.model.result import Closing, Result, SourceSeen, Summary
from carecordon.model.times import span_text
from carecordon.report import left_out
from carecordon.report.case_entries import cases
from carecordon.report.digest import Digest
from carecordon.report.entries import entries
from carecordon.report.format import Format, View
from carecordon.report.layout import BADGES, hanging, is_narrow, more, name, number, set_in, time_text
from carecordon.report.silence import silence
from carecordon.report.visible import visible

RULES_COUNTED = 20
SOURCES_SHOWN = 200
PARTIAL = "PARTIAL RESULT: the scan was stopped before it had read everything. What is missing here may still be there."


def tell(result: Result, view: View) -> Iterator[str]:
    """Return the page as plain text, line by line."""
    for line in styled(result, view):
        yield f"{line.plain}\n"


def styled(result: Result, view: View) -> Iterator[Text]:
    """Return the page line by line in colour, no line wider than the view and none ended with spaces."""
    paper = Console(file=io.StringIO(), width=view.width, force_terminal=True, legacy_windows=False, _environ={})
    for piece in _pieces(result, view):
        for segments in paper.render_lines(piece, pad=False):
            line = Text().join(Text(segment.text, segment.style or "") for segment in segments)
            line.rstrip()
            yield line


def _pieces(result: Result, view: View) -> Iterator[RenderableType]:
    digest = Digest()
    for found in result.findings:
        digest.take(found)
    closing = result.closing
    yield from _head(digest, closing.summary, view)
    if result.cases:
        yield from _cases(result.cases, view)
    if not view.is_brief:
        if result.cases:
            yield from _heading("All matches, those of the incidents too")
        for level in sorted(digest.levels, key=lambda level: -level.rank):
            yield from _level(level, digest, view)
    yield from _counts(digest)
    yield Text()
    yield Text(_totals(closing.summary))
    yield from _unseen(closing, view)
    if not view.is_brief:
        yield from _sources(closing.sources, view)
    if closing.summary.partial:
        yield Text()
        yield Text(PARTIAL, style="bold red")


def _head(digest: Digest, summary: Summary, view: View) -> Iterator[RenderableType]:
    if summary.partial:
        yield Text(PARTIAL, style="bold red")
        yield Text()
    events = number(summary.events_read, "event", "events")
    hidden = f"; {text}" if (text := left_out.hidden(summary)) else ""
    if digest.matches or digest.correlations:
        found = number(digest.matches, "match", "matches")
        if digest.correlations:
            found += f" and {number(digest.correlations, 'correlation', 'correlations')}"
        yield Text(f"{found} in {events}{hidden}. Times are in {view.zone}.")
    else:
        told = left_out.nothing(summary)
        yield Text(f"{told} {'in' if summary.rules_ready else 'on'} {events}{hidden}.", style="bold")
        yield Text("That does not prove that nothing happened: read what could not be seen, below.")


def _cases(found: Sequence[Case], view: View) -> Iterator[RenderableType]:
    devices = {device for case in found for device in case.incident.devices}
    on = f"on {number(len(devices), 'device', 'devices')}"
    yield from _heading(f"{number(len(found), 'incident', 'incidents')} {on}, the worst first")
    yield from cases(found, view)


def _level(level: Level, digest: Digest, view: View) -> Iterator[RenderableType]:
    yield Text()
    yield Text.assemble((f" {level.value.upper()} ", BADGES[level]), f"  {digest.levels[level]:,}")
    for device, groups in digest.by_device(level):
        yield Text()
        yield set_in(2, Text(visible(device) if device else "(no device named)", style="bold", overflow="fold"))
        yield from entries(groups, view)
    if digest.beyond[level]:
        yield Text()
        yield more(2, f"{digest.beyond[level]:,} more by other rules or on other devices; all with --json")


def _counts(digest: Digest) -> Iterator[RenderableType]:
    if not digest.rules:
        return
    yield from _heading("Counts")
    levels = sorted(digest.levels, key=lambda level: -level.rank)
    yield set_in(2, Text(", ".join(f"{level.value} {digest.levels[level]:,}" for level in levels)))
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(justify="right", no_wrap=True)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    ordered = sorted(digest.rules, key=lambda rule: (-digest.heads[rule].level.rank, -digest.rules[rule], rule))
    for rule in ordered[:RULES_COUNTED]:
        head = digest.heads[rule]
        on = f" (on {digest.devices[rule]:,} devices)" if digest.devices[rule] > 1 else ""
        table.add_row(f"{digest.rules[rule]:,}", head.level.value, Text(visible(head.title) + on))
    yield set_in(2, table)
    if len(ordered) > RULES_COUNTED:
        yield more(2, f"{number(len(ordered) - RULES_COUNTED, 'more rule', 'more rules')}; all with --json")


def _totals(summary: Summary) -> str:
    text = (
        f"Read {number(summary.events_read, 'event', 'events')} from {number(summary.files_read, 'file', 'files')}"
        f" in {span_text(summary.seconds)} with {number(summary.rules_ready, 'rule', 'rules')}."
    )
    text += "".join(f" {told}." for told in left_out.skipped(summary))
    if summary.files_failed:
        text += f" {number(summary.files_failed, 'file', 'files')} could not be read, wholly or in part."
    return text


def _unseen(closing: Closing, view: View) -> Iterator[RenderableType]:
    yield from _heading("What could not be seen")
    topics = silence(closing, view)
    if not topics:
        yield set_in(2, Text("Nothing that we know of: all input was read, all rules ran, and no log shows a gap."))
    for topic in topics:
        yield Text()
        yield set_in(2, Text.assemble((topic.title, "bold"), f". {topic.meaning}"))
        for line in topic.lines:
            yield set_in(4, hanging("-", Text(line, overflow="fold")))


def _sources(sources: tuple[SourceSeen, ...], view: View) -> Iterator[RenderableType]:
    if not sources:
        return
    yield from _heading("What was seen")
    shown = sources[:SOURCES_SHOWN]
    if is_narrow(view):
        yield from _sources_narrow(shown, view)
    else:
        yield set_in(2, _sources_wide(shown, view))
    if len(sources) > SOURCES_SHOWN:
        yield more(2, number(len(sources) - SOURCES_SHOWN, "more log", "more logs"))


def _sources_wide(sources: tuple[SourceSeen, ...], view: View) -> RenderableType:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    table.add_column("Device", overflow="fold")
    table.add_column("Log", overflow="fold")
    table.add_column("Events", justify="right", no_wrap=True)
    table.add_column("First")
    table.add_column("Last")
    for source in sources:
        first, last = time_text(source.first, view), time_text(source.last, view)
        table.add_row(name(source.device), name(source.channel), f"{source.events:,}", first, last)
    return table


def _sources_narrow(sources: tuple[SourceSeen, ...], view: View) -> Iterator[RenderableType]:
    for source in sources:
        yield set_in(2, Text(", ", overflow="fold").join([name(source.device), name(source.channel)]))
        first, last = time_text(source.first, view), time_text(source.last, view)
        yield set_in(4, Text(f"{number(source.events, 'event', 'events')}, first {first}, last {last}"))


def _heading(text: str) -> Iterator[RenderableType]:
    yield Text()
    yield Text(text, style="bold underline")


TERMINAL = Format("terminal", tell)
