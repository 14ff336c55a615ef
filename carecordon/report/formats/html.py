"""One page for a browser: whole in itself, without an address of elsewhere, readable without script and on paper.

For the analyst on shift, the board and the inspector. The page's own policy lets nothing be
loaded, sent or framed, and no style or script run but the two whose hashes it names, so that
even a fault of ours in escaping could not make an event's text run. What a page cannot hold
is counted, and says where it stands whole. Costs: up to some 5 MB, whatever was found.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator, Sequence

from carecordon.model.incident import Case
from carecordon.model.match import Level
from carecordon.model.result import Begin, Result, Summary
from carecordon.report.digest import Digest
from carecordon.report.folds import folds
from carecordon.report.format import Format, View
from carecordon.report.layout import number
from carecordon.report.page.appendix import inputs, matches, run, sources, techniques, unseen
from carecordon.report.page.bounds import BRIEF, INCIDENTS_LISTED, INCIDENTS_SHOWN, WHOLE, WHOLE_SHOWN
from carecordon.report.page.incident import incident
from carecordon.report.page.markup import Safe, el
from carecordon.report.page.overview import alike, overview, verdict, worst
from carecordon.report.page.script import SCRIPT
from carecordon.report.page.style import STYLE
from carecordon.report.page.words import badge, folded, sprite
from carecordon.report.silence import silence

PARTIAL = "Partial result: the scan was stopped before it had read everything. What is missing here may still be there."


def tell(result: Result, view: View) -> Iterator[str]:
    """Return the page part by part."""
    digest = Digest()
    for found in result.findings:
        digest.take(found)
    cases, closing = result.cases, result.closing
    topics = silence(closing, view)
    told = verdict(cases, digest, closing.summary)
    yield _start(f"{told}: Carecordon report")
    yield _top(told, worst(cases, digest), closing.summary, view)
    yield '<div class="frame body">\n'
    yield f"{_contents(cases, digest, view)}\n<main>\n"
    yield f"{overview(cases, digest, closing, len(topics), view)}\n"
    for place, case in enumerate(cases[:INCIDENTS_SHOWN], 1):
        yield f"{incident(case, place, view, WHOLE if place <= WHOLE_SHOWN else BRIEF)}\n"
    yield folded(len(cases) - INCIDENTS_SHOWN, "more incident", "more incidents", "--json") or ""
    yield f"{matches(digest, view)}\n"
    for part in (techniques(cases, digest), unseen(topics), sources(closing, view), inputs(closing)):
        yield f"{part or ''}\n"
    yield f"{run(result.begin, closing)}\n</main>\n</div>\n"
    yield _end(result.begin)


def policy() -> str:
    """Return the page's Content-Security-Policy. Source: W3C, Content Security Policy Level 3."""
    allowed = f"style-src '{_hash(STYLE)}'; script-src '{_hash(SCRIPT)}'"
    return f"default-src 'none'; {allowed}; base-uri 'none'; form-action 'none'"


def _hash(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def _start(title: str) -> str:
    return (
        '<!doctype html>\n<html lang="en-GB">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{policy()}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="color-scheme" content="light dark">\n<meta name="referrer" content="no-referrer">\n'
        f"{el('title', title)}\n<style>{STYLE}</style>\n</head>\n<body>\n"
        f"{sprite()}\n{el('a', 'Skip to the overview', href='#overview-title', class_='skip')}\n"
    )


def _top(told: str, level: Level | None, summary: Summary, view: View) -> Safe:
    brand = el("p", el("strong", "Carecordon"), el("span", f"scan report, times in {view.zone}"), class_="brand")
    events = f"In {number(summary.events_read, 'event', 'events')} from {number(summary.files_read, 'file', 'files')}."
    return el(
        "header",
        brand,
        el("p", PARTIAL, class_="warning") if summary.partial else None,
        badge(level) if level else None,
        el("h1", told),
        el("p", events, class_="lead soft"),
        class_=f"top frame l-{level.value}" if level else "top frame",
    )


def _contents(cases: Sequence[Case], digest: Digest, view: View) -> Safe:
    shown = [
        el("li", alike(fold, view, INCIDENTS_SHOWN) if len(fold.cases) > 1 else _link(fold.cases[0], fold.places[0]))
        for fold in folds(cases[:INCIDENTS_LISTED])
        if fold.places[0] <= INCIDENTS_SHOWN
    ]
    parts = [("#overview", "Overview"), *([("#i1", "Incidents")] if cases else []), ("#matches", "All matches")]
    if any(head.techniques for head in digest.heads.values()):
        parts.append(("#techniques", "Techniques"))
    parts += [("#unseen", "What could not be seen"), ("#run", "How this report was made")]
    items = []
    for target, text in parts:
        within = el("ul", *shown, class_="within") if target == "#i1" else None
        items.append(el("li", el("a", text, href=target), within))
    return el("nav", el("ul", *items), class_="contents", aria_label="Contents")


def _link(case: Case, place: int) -> Safe:
    level = case.incident.level.value
    drawn = el("svg", el("use", href=f"#s-{level}"), class_=f"shape l-{level}", aria_hidden="true", focusable="false")
    return el("a", drawn, el("span", case.incident.title), href=f"#i{place}")


def _end(begin: Begin) -> str:
    made = el("p", f"Made by Carecordon {begin.version}. This page loads nothing and sends nothing.")
    return f"{el('footer', made, class_='frame')}\n<script>{SCRIPT}</script>\n</body>\n</html>\n"


HTML = Format("html", tell)
