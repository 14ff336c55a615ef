"""What an incident rests on: its alerts with the fields that matched, its events, and who and what took part."""

from __future__ import annotations

from collections.abc import Mapping

from carecordon.model.event import Fields
from carecordon.model.incident import Alert, Case, Entity, EntityKind, EventSeen, Incident
from carecordon.report.domains import Names
from carecordon.report.forest import base_name
from carecordon.report.format import View
from carecordon.report.layout import number
from carecordon.report.page.bounds import ALERTS_OF_RULE, FIELD_CHARS, FIELDS_SHOWN, VALUE_CHARS, Bounds
from carecordon.report.page.markup import Safe, el
from carecordon.report.page.words import badge, chips, clock, folded, stamp, table
from carecordon.report.visible import shortened, value_text


def alerts(incident: Incident, names: Names, view: View, bounds: Bounds) -> list[Safe | None]:
    """Return the alerts by rule, the worst and then the earliest first, each rule with what to check."""
    rules: dict[str, list[Alert]] = {}
    for alert in incident.alerts:
        rules.setdefault(alert.rule.id, []).append(alert)
    order = sorted(rules.values(), key=lambda alike: (-alike[0].rule.level.rank, alike[0].first))
    images = {process.key: base_name(process.image) for process in incident.processes if process.image}
    shown = [_rule(alike, names, images, view) for alike in order[: bounds.rules]]
    rest = sum(len(alike) for alike in order[bounds.rules :])
    return [
        el("ul", *shown, class_="alerts") if shown else None,
        folded(rest, "more alert", "more alerts", "--json"),
        *(_chains(incident, view) if incident.chains else ()),
    ]


def _rule(alike: list[Alert], names: Names, images: Mapping[str, str], view: View) -> Safe:
    rule, sample = alike[0].rule, alike[0].sample
    places = [_alert(alert, names, images, view) for alert in alike[:ALERTS_OF_RULE]]
    rest = len(alike) - len(places)
    if rest:
        places.append(el("li", f"+ {number(rest, 'more', 'more')}; all with ", el("code", "--json"), class_="more"))
    return el(
        "li",
        el("p", badge(rule.level), " ", el("strong", rule.title), " ", chips(rule.techniques), class_="alert-title"),
        el("ul", *places, class_="places"),
        el(
            "details",
            el("summary", "First event, and what to check"),
            _named("What to check", rule.triage, "ol"),
            _named("Known harmless causes", rule.benign, "ul"),
            el("p", _place(sample.file, sample.position, sample.channel, sample.event_id), class_="soft"),
            fields(sample.fields),
            el("p", "Rule ", el("code", rule.id), class_="soft"),
        ),
    )


def _alert(alert: Alert, names: Names, images: Mapping[str, str], view: View) -> Safe:
    image = images.get(alert.process or "")
    return el(
        "li",
        el("b", names.get(alert.device, alert.device)),
        f", {image}" if image else None,
        el("span", f", {number(alert.count, 'event', 'events')}, ", class_="soft"),
        stamp(alert.first, view),
        el("span", " to ", clock(alert.last, view), class_="soft") if alert.last != alert.first else None,
    )


def _named(title: str, texts: tuple[str, ...], kind: str) -> Safe | None:
    return el("div", el("p", el("b", title)), el(kind, *(el("li", text) for text in texts))) if texts else None


def _chains(incident: Incident, view: View) -> list[Safe]:
    rows = [
        (
            el("span", badge(chain.rule.level), " ", chain.rule.title),
            f"{chain.count:,}",
            stamp(chain.first, view),
            stamp(chain.last, view),
        )
        for chain in incident.chains[:FIELDS_SHOWN]
    ]
    return [table("Correlations: rules that count or order events", ("Rule", "Counted", "First", "Last"), rows)]


def fields(values: Fields) -> Safe | None:
    """Return fields with their values; None if there are none."""
    if not values:
        return None
    pairs: list[Safe] = []
    for name, value in list(values.items())[:FIELDS_SHOWN]:
        text = el("dd", el("code", shortened(value_text(value), VALUE_CHARS)))
        pairs.append(el("div", el("dt", shortened(name, FIELD_CHARS)), text))
    if len(values) > FIELDS_SHOWN:
        rest = number(len(values) - FIELDS_SHOWN, "more field", "more fields")
        pairs.append(el("div", el("dt", "+"), el("dd", rest)))
    return el("dl", *pairs, class_="fields")


def events(case: Case, names: Names, view: View, bounds: Bounds) -> list[Safe | None]:
    """Return the events, those that the story tells before any other, in order of time; all closed."""
    total = len(case.events) + case.left_out
    if not bounds.events or not case.events:
        return [folded(total, "event", "events", "--timeline")]
    told = {(fact.file, fact.position) for fact in case.story.facts}
    told |= {(alert.sample.file, alert.sample.position) for alert in case.incident.alerts}
    first = [event for event in case.events if (event.file, event.position) in told][: bounds.events]
    room = bounds.events - len(first)
    rest = [event for event in case.events if (event.file, event.position) not in told][:room]
    shown = sorted([*first, *rest], key=lambda event: (event.time, event.file, event.position))
    head = el(
        "summary", f"{number(len(shown), 'event', 'events')} of {total:,}, those that the story tells first of all"
    )
    listed = el("ol", *(_event(event, names, view) for event in shown), class_="events")
    return [
        el("details", head, listed, class_="quiet"),
        folded(len(case.events) - len(shown), "more event", "more events", "--timeline"),
        folded(case.left_out, "more event there was no room for", "more events there was no room for", "--json"),
    ]


def _event(event: EventSeen, names: Names, view: View) -> Safe:
    what = " ".join(str(part) for part in (event.channel, event.event_id) if part is not None)
    head = el(
        "summary",
        stamp(event.time, view),
        " ",
        el("b", names.get(event.device, event.device) if event.device else "(no device named)"),
        " ",
        what,
    )
    place = el("p", _place(event.file, event.position, None, None), class_="soft")
    return el("li", el("details", head, place, fields(event.fields)))


def _place(file: str, position: int, channel: str | None, event_id: int | None) -> str:
    event = " ".join(str(part) for part in (channel, event_id) if part is not None)
    return ", ".join(part for part in (event, f"{file} event {position:,}") if part)


def entities(incident: Incident, view: View, bounds: Bounds) -> list[Safe | None]:
    """Return who and what took part, with first and last time."""
    shown = incident.entities[: bounds.entities]
    if not shown:
        return []
    rows = [_entity(entity, view) for entity in shown]
    heads = ("Name", "What", "On", "First seen", "Last seen", "Events")
    rest = folded(len(incident.entities) - len(shown), "more", "more", "--json")
    return [table("With the first and the last event that names each", heads, rows, "entities"), rest]


def _entity(entity: Entity, view: View) -> tuple[str, ...]:
    return (
        el("code", shortened(entity.name, VALUE_CHARS)),
        entity.kind.value,
        entity.device or ("itself" if entity.kind is EntityKind.DEVICE else "any device"),
        stamp(entity.first, view),
        stamp(entity.last, view),
        f"{entity.count:,}",
    )
