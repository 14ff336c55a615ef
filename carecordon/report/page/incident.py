"""One incident on the page: what it is, what to do, what happened, what it rests on and what is not known."""

from __future__ import annotations

from itertools import groupby

from carecordon.model.incident import Case, Fact, Incident, Phase, Story
from carecordon.model.times import span_text
from carecordon.report.chosen import chosen
from carecordon.report.domains import Names, shared_domain, short_names
from carecordon.report.format import View
from carecordon.report.layout import number
from carecordon.report.page.bounds import LINKS_SHOWN, TEXT_CHARS, Bounds
from carecordon.report.page.evidence import alerts, entities, events
from carecordon.report.page.lanes import lanes
from carecordon.report.page.markup import Child, Safe, el, join
from carecordon.report.page.processes import processes
from carecordon.report.page.words import badge, chips, clock, day, folded, named, prose, stamp, table
from carecordon.report.reach import called, listed, reach
from carecordon.report.visible import shortened
from carecordon.report.zoned import zoned

PHASES = {
    Phase.BEFORE: "Before the first match",
    Phase.DURING: "While rules matched",
    Phase.AFTER: "After the last match",
}


def incident(case: Case, place: int, view: View, bounds: Bounds) -> Safe:
    """Return the incident; `place` counts from 1 and makes its anchor."""
    one, story, key = case.incident, case.story, f"i{place}"
    names = short_names(one.devices)
    return el(
        "article",
        el("h2", badge(one.level), " ", el("span", one.title), id=f"{key}-title", tabindex="-1"),
        el("p", prose(zoned(story.summary, view)), class_="lead") if story.summary else None,
        el("div", _next(story, view), _about(one, view), class_="pair"),
        _whereabouts(one, bounds),
        _part("Timeline", lanes(case, key, names, view, bounds)),
        _part("What happened", *_story(case, names, view, bounds)),
        _part("Processes", *processes(one, names, view, bounds)) if one.processes else None,
        _part("Evidence", *alerts(one, names, view, bounds), *events(case, names, view, bounds)),
        _part("Who and what took part", *entities(one, view, bounds)) if one.entities else None,
        _part("Why it scores " + f"{one.score.total:,}", _score(one)),
        _part("What is not known", el("ul", *(el("li", prose(zoned(text, view))) for text in story.unknown)))
        if story.unknown
        else None,
        id=key,
        class_=f"incident l-{one.level.value}",
        aria_labelledby=f"{key}-title",
    )


def _part(title: str, *content: Child) -> Safe:
    return el("div", el("h3", title), *content, class_="part")


def _next(story: Story, view: View) -> Safe | None:
    if not story.next_steps:
        return None
    return el(
        "div",
        el("h3", "What to do next"),
        el("ol", *(el("li", prose(zoned(step, view))) for step in story.next_steps)),
        class_="next",
    )


def _about(one: Incident, view: View) -> Safe:
    pairs: list[tuple[str, Child]] = [
        ("Score", f"{one.score.total:,}"),
        ("First seen", stamp(one.first, view)),
        ("Last seen", stamp(one.last, view)),
        ("Lasted", span_text((one.last - one.first) / 1e9)),
        ("Techniques", chips(one.techniques) or "none named by the rules"),
        ("Came late", "part of it arrived more than 24 h after newer events" if one.is_late else None),
        ("Incident", el("code", one.id)),
        ("Was before", _aliases(one) if one.aliases else None),
    ]
    return _pairs(pairs)


def _aliases(one: Incident) -> Safe:
    rest = len(one.aliases) - LINKS_SHOWN
    return join([el("code", ", ".join(one.aliases[:LINKS_SHOWN])), f" and {rest:,} more" if rest > 0 else None])


def _whereabouts(one: Incident, bounds: Bounds) -> Safe:
    where, names = reach(one), called(one)
    hit, touched = (listed(devices, one, names) for devices in (where.hit, where.touched))
    pairs: list[tuple[str, Child]] = [
        (number(len(hit), "device", "devices"), named(hit, {}, bounds.devices)),
        (f"{len(touched):,} only connected to", named(touched, {}, bounds.devices) if touched else None),
        ("All of them in", shared_domain(one.devices) if names else None),
        ("One incident because of", _links(one)),
    ]
    return _pairs(pairs)


def _links(one: Incident) -> Safe | None:
    made = [el("li", prose(link)) for link in one.links[:LINKS_SHOWN]]
    if rest := one.links[LINKS_SHOWN:]:
        made.append(el("li", f"+ {len(rest):,} more; all with ", el("code", "--json"), class_="more"))
    return el("ul", *made, class_="links") if made else None


def _pairs(pairs: list[tuple[str, Child]]) -> Safe:
    made = [el("div", el("dt", name), el("dd", text)) for name, text in pairs if text is not None]
    return el("dl", *made, class_="about")


def _score(one: Incident) -> Safe:
    total = max(1, sum(abs(part.points) for part in one.score.summands))
    rows = []
    for part in one.score.summands:
        bar = el("rect", width=f"{100 * abs(part.points) / total:g}%", height=8)
        drawn = el("svg", bar, class_="score-bar", width="100%", height=8, aria_hidden="true", focusable="false")
        rows.append((part.name, f"{part.points:,}", el("span", prose(part.why), drawn)))
    return table("The points add up to the score", ("Part", "Points", "Why"), rows, "score")


def _story(case: Case, names: Names, view: View, bounds: Bounds) -> list[Safe | None]:
    shown = chosen(case, bounds.facts)
    made: list[Safe | None] = []
    for phase, facts in groupby(shown, key=lambda fact: fact.phase):
        made.append(el("h4", PHASES[phase], class_="phase"))
        for date, of_day in groupby(facts, key=lambda fact: day(fact.time, view)):
            made.append(el("p", date, class_="day"))
            made.append(el("ol", *(_fact(fact, names, view) for fact in of_day), class_="story"))
    made.append(folded(len(case.story.facts) - len(shown), "more sentence", "more sentences", "--json"))
    return made


def _fact(fact: Fact, names: Names, view: View) -> Safe:
    many = el("span", f" ({fact.count:,} events)", class_="soft") if fact.count > 1 else None
    place = f"{fact.file} event {fact.position:,}"
    return el(
        "li",
        el("div", clock(fact.time, view), class_="when"),
        el(
            "div",
            el("p", prose(shortened(zoned(fact.text, view), TEXT_CHARS)), many, " ", chips(fact.techniques)),
            el(
                "p",
                el("b", names.get(fact.device, fact.device) if fact.device else "(no device named)"),
                f" {place}",
                class_="proof soft",
            ),
        ),
    )
