"""The top of the page: what was found in one sentence, the figures, and all incidents in a table."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from carecordon.model.incident import Case, Incident
from carecordon.model.match import Level
from carecordon.model.result import Closing, Summary
from carecordon.model.times import span_text
from carecordon.report import left_out
from carecordon.report.digest import Digest
from carecordon.report.domains import short_names
from carecordon.report.folds import Fold, folds
from carecordon.report.format import View
from carecordon.report.layout import number
from carecordon.report.page.bounds import INCIDENTS_LISTED, INCIDENTS_SHOWN
from carecordon.report.page.markup import Child, Safe, el, join
from carecordon.report.page.words import badge, folded, named, section, stamp, table
from carecordon.report.reach import reach

DEVICES_NAMED = 4


def verdict(cases: Sequence[Case], digest: Digest, summary: Summary) -> str:
    """Return what was found in a few words."""
    found = digest.matches + digest.correlations
    if not cases:
        return f"{number(found, 'match', 'matches')}, no incident" if found else left_out.nothing(summary)
    return f"{number(len(cases), 'incident', 'incidents')} on {number(len(devices(cases)), 'device', 'devices')}"


def devices(cases: Sequence[Case]) -> set[str]:
    """Return the devices of all incidents."""
    return {device for case in cases for device in case.incident.devices}


def overview(cases: Sequence[Case], digest: Digest, closing: Closing, blind: int, view: View) -> Safe:
    """Return the overview; `blind` is how many sorts of blindness there are."""
    summary = closing.summary
    return section(
        "overview",
        "Overview",
        el("p", *_lead(cases, digest, summary), class_="lead"),
        el("dl", *_figures(cases, digest, closing, blind), class_="figures"),
        *(_incidents(cases, view) if cases else ()),
    )


def _lead(cases: Sequence[Case], digest: Digest, summary: Summary) -> list[Child]:
    if cases:
        levels = Counter(case.incident.level for case in cases)
        words = [f"{levels[level]:,} {level.value}" for level in sorted(levels, key=lambda level: -level.rank)]
        text = f"By level: {', '.join(words)}. Start with the first: it is the worst."
    elif digest.matches or digest.correlations:
        text = "Rules matched, and nothing tied the matches together to an incident."
    else:
        text = "That does not prove that nothing happened: read what could not be seen, below."
    if hidden := left_out.hidden(summary):
        text += f" {hidden}."
    rules, events = number(summary.rules_ready, "rule", "rules"), number(summary.events_read, "event", "events")
    text += f" {rules} were held against {events}, in {span_text(summary.seconds)}."
    return [text, *(f" {told}." for told in left_out.skipped(summary))]


def _figures(cases: Sequence[Case], digest: Digest, closing: Closing, blind: int) -> list[Safe]:
    summary = closing.summary
    pairs: list[tuple[str, Child]] = [
        ("Incidents", f"{len(cases):,}"),
        ("Devices in incidents", f"{len(devices(cases)):,}"),
        ("Matches", f"{digest.matches + digest.correlations:,}"),
        ("Events read", f"{summary.events_read:,}"),
        ("Files read", f"{summary.files_read:,}"),
        ("Blind spots", el("a", f"{blind:,} sorts" if blind != 1 else "1 sort", href="#unseen")),
    ]
    return [el("div", el("dt", name), el("dd", figure)) for name, figure in pairs]


def _incidents(cases: Sequence[Case], view: View) -> list[Safe | None]:
    rows = [_row(fold, view) for fold in folds(cases[:INCIDENTS_LISTED])]
    heads = ("Incident", "Level", "Score", "Devices", "First seen", "Lasted")
    return [
        table("All incidents, the worst first", heads, rows, "incidents"),
        folded(len(cases) - INCIDENTS_LISTED, "more incident", "more incidents", "--json"),
    ]


def _row(fold: Fold, view: View) -> tuple[Child, ...]:
    one, place = fold.cases[0].incident, fold.places[0]
    if len(fold.cases) > 1:
        title: Child = alike(fold, view, INCIDENTS_LISTED)
        devices = fold.devices
    else:
        title = el("a", one.title, href=f"#i{place}") if place <= INCIDENTS_SHOWN else one.title
        devices = (*reach(one).hit, *reach(one).touched)
    names = named(devices, short_names(devices), DEVICES_NAMED)
    lasted = span_text((fold.last - fold.first) / 1e9)
    return title, badge(one.level), _points(fold), names, stamp(fold.first, view), lasted


def _points(fold: Fold) -> str:
    totals = sorted(case.incident.score.total for case in fold.cases)
    return f"{totals[0]:,}" if totals[0] == totals[-1] else f"{totals[0]:,} to {totals[-1]:,}"


def alike(fold: Fold, view: View, listed: int) -> Safe:
    """Return incidents that are alike as one line, which opens to a list of those among the first `listed` of all."""
    first = fold.cases[0].incident
    shape = el("svg", el("use", href=f"#s-{first.level.value}"), class_="shape", aria_hidden="true", focusable="false")
    head = el("summary", shape, el("span", f" {len(fold.cases):,} alike: {first.title}"))
    items = [
        el("li", _one_of(case.incident, place, view))
        for place, case in zip(fold.places, fold.cases, strict=True)
        if place <= listed
    ]
    if rest := len(fold.cases) - len(items):
        items.append(el("li", f"+ {rest:,} more", class_="more"))
    return el("details", head, el("ul", *items, class_="within"), class_=f"quiet alike l-{first.level.value}")


def _one_of(one: Incident, place: int, view: View) -> Safe:
    names = short_names(one.devices)
    called = ", ".join(names.get(device, device) for device in one.devices[:DEVICES_NAMED])
    rest = f" and {len(one.devices) - DEVICES_NAMED:,} more" if len(one.devices) > DEVICES_NAMED else ""
    which = join([f"{called}{rest}, ", stamp(one.first, view)])
    return el("a", which, href=f"#i{place}") if place <= INCIDENTS_SHOWN else which


def worst(cases: Sequence[Case], digest: Digest) -> Level | None:
    """Return the highest level of an incident, else of a match, None if there is neither."""
    levels = [case.incident.level for case in cases] or list(digest.levels)
    return max(levels, key=lambda level: level.rank, default=None)
