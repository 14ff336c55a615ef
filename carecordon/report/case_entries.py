"""Incidents at a terminal: what each is and why it scores what it does, what to do, what happened, what ran."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.table import Table
from rich.text import Text

from carecordon.model.incident import Case, Fact, Incident, Phase
from carecordon.model.match import Level
from carecordon.model.times import span_text, to_datetime
from carecordon.report.chosen import chosen
from carecordon.report.domains import Names, shared_domain, short_names
from carecordon.report.folds import Fold, folds
from carecordon.report.forest import Branch, base_name, forest
from carecordon.report.format import View
from carecordon.report.layout import BADGES, hanging, is_narrow, labelled, more, number, set_in, time_text
from carecordon.report.reach import called, listed, reach
from carecordon.report.visible import shortened, visible
from carecordon.report.zoned import zoned

WHOLE_SHOWN = 5
"""Incidents, the worst first, that are told whole; those after them, and those folded into one, in a few lines."""
CASES_SHOWN = 25
FACTS_SHOWN = 25
TREES_SHOWN = 3
"""Devices whose processes are drawn."""
PROCESSES_SHOWN = 25
"""Processes that are drawn of each of them."""
DEVICES_SHOWN = 12
STEPS_SHOWN = 10
SUMMANDS_SHOWN = 12
LINKS_SHOWN = 4
_TEXT_CHARS = 400
_ABOUT_CHARS = 800
_LINE_CHARS = 160
_TEXT_LEAST = 36
_PHASES = {
    Phase.BEFORE: "before the first match",
    Phase.DURING: "while rules matched",
    Phase.AFTER: "after the last match",
}


def cases(found: Sequence[Case], view: View) -> Iterator[RenderableType]:
    """Return the incidents piece by piece, and how many more there are."""
    told = folds(found)
    for place, fold in enumerate(told[:CASES_SHOWN]):
        yield Text()
        if len(fold.cases) > 1:
            yield from _alike(fold, view)
            continue
        (case,) = fold.cases
        yield from _title(case.incident)
        yield from _about(case, view)
        if place < WHOLE_SHOWN:
            yield from _whole(case, view)
    if rest := sum(len(fold.cases) for fold in told[CASES_SHOWN:]):
        yield Text()
        yield more(0, f"{number(rest, 'more incident', 'more incidents')}; all with --json")


def _alike(fold: Fold, view: View) -> Iterator[RenderableType]:
    """Return incidents of one title as one block."""
    first, count = fold.cases[0].incident, len(fold.cases)
    names = short_names(fold.devices)
    devices = ", ".join(names.get(device, device) for device in fold.devices[:DEVICES_SHOWN])
    totals = sorted(case.incident.score.total for case in fold.cases)
    ids = " ".join(case.incident.id for case in fold.cases[:LINKS_SHOWN])
    yield from _title(first, f"{count:,} alike: ")
    pairs = [
        ("Incidents", ids + _more(count - LINKS_SHOWN) + "; each whole with --json"),
        ("Score", f"{totals[0]:,} to {totals[-1]:,}" if totals[0] != totals[-1] else f"{totals[0]:,}"),
        ("Devices", devices + _more(len(fold.devices) - DEVICES_SHOWN)),
        ("When", _span(fold.first, fold.last, view)),
        ("Techniques", " ".join(first.techniques)),
        ("The first", zoned(fold.cases[0].story.summary, view)),
    ]
    yield set_in(2, labelled(_told(pairs)))


def _told(pairs: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
    return [(label, shortened(visible(text), _ABOUT_CHARS)) for label, text in pairs if text]


def _title(one: Incident, before: str = "") -> Iterator[RenderableType]:
    title = Text(before + visible(one.title), style="bold", overflow="fold")
    badge = Text(f" {one.level.value.upper()} ", BADGES[one.level])
    grid = Table.grid(padding=(0, 2, 0, 0))
    grid.add_column(no_wrap=True)
    grid.add_column(overflow="fold")
    grid.add_row(badge, title)
    yield grid


def _about(case: Case, view: View) -> Iterator[RenderableType]:
    one = case.incident
    where = reach(one)
    domain = shared_domain(one.devices) if len(one.devices) > 1 else None
    pairs = [
        ("Incident", one.id + (f" (was {', '.join(one.aliases[:3])})" if one.aliases else "")),
        ("Score", f"{one.score.total:,}"),
        ("Devices", _listed(where.hit, one) + (f", all in {domain}" if domain and not where.touched else "")),
        ("Connected", f"only connected to, {_listed(where.touched, one)}" if where.touched else ""),
        ("Domain", domain if domain and where.touched else ""),
        ("When", _span(one.first, one.last, view)),
        ("Techniques", " ".join(one.techniques)),
        ("Tied by", "; ".join(one.links[:LINKS_SHOWN]) + _more(len(one.links) - LINKS_SHOWN)),
        ("Late", "part of it came more than 24 h after newer events" if one.is_late else ""),
    ]
    yield set_in(2, labelled(_told(pairs)))


def _listed(devices: Sequence[str], one: Incident) -> str:
    told = ", ".join(listed(devices[:DEVICES_SHOWN], one, called(one))) + _more(len(devices) - DEVICES_SHOWN)
    return f"{len(devices):,}: {told}" if len(devices) > 1 else told


def _more(count: int) -> str:
    return f" and {count:,} more" if count > 0 else ""


def _span(first: int, last: int, view: View) -> str:
    """Return from when to when, and how long that is."""
    if first == last:
        return time_text(first, view)
    return f"{time_text(first, view)} to {time_text(last, view)} ({span_text((last - first) / 1e9)})"


def _whole(case: Case, view: View) -> Iterator[RenderableType]:
    one, story = case.incident, case.story
    names = short_names(one.devices)
    if story.summary:
        yield Text()
        yield set_in(2, Text(shortened(visible(zoned(story.summary, view)), 2 * _TEXT_CHARS), overflow="fold"))
    yield from _steps("What to do next", story.next_steps, "{}.", view)
    yield from _story(case, names, view)
    yield from _processes(one, names)
    yield from _score(one)
    yield from _steps("What is not known", story.unknown, "-", view)


def _heading(text: str) -> Iterator[RenderableType]:
    yield Text()
    yield set_in(2, Text(text, style="bold"))


def _steps(title: str, texts: tuple[str, ...], mark: str, view: View) -> Iterator[RenderableType]:
    if texts:
        yield from _heading(title)
    for place, text in enumerate(texts[:STEPS_SHOWN], 1):
        yield set_in(4, hanging(mark.format(place), _prose(zoned(text, view), 2 * _TEXT_CHARS)))
    if len(texts) > STEPS_SHOWN:
        yield more(4, f"{len(texts) - STEPS_SHOWN:,} more; all with --json")


def _prose(text: str, most: int = _TEXT_CHARS) -> Text:
    return Text(shortened(visible(text), most), overflow="fold")


def _score(one: Incident) -> Iterator[RenderableType]:
    if not one.score.summands:
        return
    yield from _heading(f"Why it scores {one.score.total:,}")
    grid = Table.grid(padding=(0, 2, 0, 0))
    grid.add_column(justify="right", no_wrap=True)
    grid.add_column(no_wrap=True)
    grid.add_column(overflow="fold")
    for part in one.score.summands[:SUMMANDS_SHOWN]:
        grid.add_row(f"{part.points:,}", Text(shortened(visible(part.name), 24)), _prose(part.why))
    yield set_in(4, grid)
    if rest := one.score.summands[SUMMANDS_SHOWN:]:
        yield more(4, f"{sum(part.points for part in rest):,} for {len(rest):,} more parts; all with --json")


def _story(case: Case, names: Names, view: View) -> Iterator[RenderableType]:
    facts = case.story.facts
    if not facts:
        return
    yield from _heading("What happened")
    shown = chosen(case, FACTS_SHOWN)
    for (phase, day), alike in groupby(shown, key=lambda fact: (fact.phase, _moment(fact, view)[0])):
        yield set_in(4, Text(f"{_PHASES[phase]}, {day}", style="italic"))
        for fact in alike:
            yield from _fact(fact, names, view)
    if len(facts) > FACTS_SHOWN:
        rest = number(len(facts) - FACTS_SHOWN, "sentence of less weight", "sentences of less weight")
        yield more(4, f"{rest} between these; all with --html or --json")


def _moment(fact: Fact, view: View) -> tuple[str, str]:
    """Return date and time of day; the zone stands at the top of the page."""
    moment = to_datetime(fact.time, view.zone)
    return (f"{moment:%Y-%m-%d}", f"{moment:%H:%M:%S}") if moment else ("date unknown", "--:--:--")


def _fact(fact: Fact, names: Names, view: View) -> Iterator[RenderableType]:
    text = _prose(zoned(fact.text, view))
    if fact.count > 1:
        text.append(f" ({fact.count:,} events)", style="dim")
    if fact.techniques:
        text.append(f"  {visible(' '.join(fact.techniques))}", style="dim")
    device = visible(names.get(fact.device, fact.device)) if fact.device else "(no device named)"
    when = _moment(fact, view)[1]
    if is_narrow(view):
        yield set_in(4, Text(f"{when}  {device}", style="cyan", overflow="fold"))
        yield set_in(6, text)
    else:
        yield set_in(4, hanging(when, Text.assemble((shortened(device, 40), "cyan"), "  ", text), gap=2))


def _processes(one: Incident, names: Names) -> Iterator[RenderableType]:
    if not one.processes:
        return
    yield from _heading("What ran")
    worst: dict[str, Level] = {}
    for alert in one.alerts:
        if alert.process is not None and alert.rule.level.rank >= worst.get(alert.process, alert.rule.level).rank:
            worst[alert.process] = alert.rule.level
    shown = 0
    for device, branches in list(forest(one.processes).items())[:TREES_SHOWN]:
        yield set_in(4, Text(visible(names.get(device, device)), style="cyan", overflow="fold"))
        for branch in branches[:PROCESSES_SHOWN]:
            yield set_in(6, _branch(branch, worst.get(branch.process.key)))
            shown += 1
    if rest := len(one.processes) - shown:
        yield more(4, f"{number(rest, 'more process', 'more processes')}; all with --json")


def _branch(branch: Branch, level: Level | None) -> RenderableType:
    """Return one process behind its tree lines, which go on down the lines that its text takes."""
    process = branch.process
    name = Text(visible(base_name(process.image)) if process.image else "program not known")
    if not process.is_context:
        name.stylize("bold")
    if process.pid is not None:
        name.append(f" ({process.pid})", style="not bold dim")
    if level is not None:
        name.append(f" {level.value}", style=BADGES[level])
    if process.command_line:
        name.append(f"  {shortened(visible(process.command_line), _LINE_CHARS)}", style="not bold")
    return _Rooted(branch.rails[1:], name)


@dataclass(frozen=True, slots=True)
class _Rooted:
    """Text whose first line stands behind the lines of a tree, and whose others stand behind their continuation."""

    rails: tuple[bool, ...]
    text: Text

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Yield the lines; a tree too deep for the width is drawn as deep as there is room for its text."""
        rails = self.rails[: max(1, (options.max_width - _TEXT_LEAST) // 3)]
        go_on = "".join("|  " if follows else "   " for follows in rails)
        first = go_on[:-3] + ("|- " if rails[-1] else "`- ") if rails else ""
        wrapped = self.text.wrap(console, options.max_width - len(go_on), overflow="fold")
        for place, line in enumerate(wrapped):
            yield Text.assemble(first if place == 0 else go_on, line)
