"""The timeline of an incident: one lane a device, one mark for each alert in it, and above them how many events.

It is drawn in hundredths of the whole span, so that it fits any width; the script draws the
same marks again for a part of it. Without script it stands as it is. The alerts and the
story tell the same in words, so it is one picture to those who cannot see it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from carecordon.model.incident import Alert, Case, Chain, Incident
from carecordon.model.times import span_text, to_datetime
from carecordon.report.domains import Names
from carecordon.report.format import View
from carecordon.report.layout import number
from carecordon.report.page.bounds import Bounds
from carecordon.report.page.markup import Safe, el
from carecordon.report.page.words import badge, stamp

BUCKETS = 80
TICKS = 5
_MARGIN = 0.02
_LEAST_SPAN = 2_000_000_000
_MARK = 14
_MS = 1_000_000


@dataclass(frozen=True, slots=True)
class Span:
    """The time that the picture shows: `start` and `end` UTC ns."""

    start: int
    end: int

    def at(self, time: int) -> float:
        """Return where a time is, in hundredths; what lies outside is at the edge."""
        return round(min(100.0, max(0.0, 100 * (time - self.start) / (self.end - self.start))), 3)

    def holds(self, time: int) -> bool:
        """Say whether a time is inside."""
        return self.start <= time <= self.end


def span_of(incident: Incident) -> Span:
    """Return the time of an incident with a little before and after."""
    margin = max(int((incident.last - incident.first) * _MARGIN), _LEAST_SPAN)
    return Span(incident.first - margin, incident.last + margin)


def lanes(case: Case, key: str, names: Names, view: View, bounds: Bounds) -> Safe:
    """Return the figure; `key` is the anchor of the incident."""
    incident, span = case.incident, span_of(case.incident)
    by_device: dict[str, list[Alert]] = {device: [] for device in incident.devices}
    for alert in incident.alerts:
        by_device.setdefault(alert.device, []).append(alert)
    order = sorted((device for device in by_device if by_device[device]), key=lambda name: by_device[name][0].first)
    shown = order[: bounds.lanes]
    most = bounds.marks
    rows = [_lane(names.get(device, device), by_device[device], span, view, most) for device in shown]
    if rest := [alert for device in order[bounds.lanes :] for alert in by_device[device]]:
        rows.append(_lane(number(len(order) - len(shown), "more device", "more devices"), rest, span, view, most))
    if incident.chains:
        rows.append(_lane("correlations", incident.chains, span, view, most))
    return el(
        "figure",
        el("figcaption", *_caption(incident, len(order), view), id=f"{key}-lanes"),
        _tools(),
        el("div", _density(case, span), *rows, _ruler(span, view), class_="plot"),
        class_="lanes",
        aria_labelledby=f"{key}-lanes",
        data_from=span.start // _MS,
        data_to=span.end // _MS,
        data_shift=_shift(span.start, view),
    )


def _caption(incident: Incident, devices: int, view: View) -> list[str]:
    lasted = span_text((incident.last - incident.first) / 1e9)
    found: list[Alert | Chain] = [*incident.alerts, *incident.chains]
    levels = sorted({one.rule.level for one in found}, key=lambda level: -level.rank)
    many = f"{number(len(incident.alerts), 'alert', 'alerts')} on {number(devices, 'device', 'devices')}"
    return [
        f"{many} in {lasted}, from ",
        stamp(incident.first, view),
        " to ",
        stamp(incident.last, view),
        ". A mark stands where a rule first matched on a device, its line ends where it last did. ",
        el("span", *(badge(level) for level in levels), class_="legend"),
    ]


def _tools() -> Safe:
    """Return the buttons, which only show where the script runs."""
    acts = (("in", "Zoom in"), ("out", "Zoom out"), ("back", "Earlier"), ("on", "Later"), ("all", "Whole"))
    buttons = [el("button", text, type="button", data_act=act) for act, text in acts]
    state = el("output", class_="state", aria_live="polite")
    return el("div", *buttons, state, class_="tools", role="group", aria_label="Zoom the timeline", hidden=True)


def _lane(name: str, found: Sequence[Alert | Chain], span: Span, view: View, most: int) -> Safe:
    groups = [[one] for one in found] if len(found) <= most else _close_together(found, span, most)
    marks = [_mark(group, span, view) for group in sorted(groups, key=lambda group: _worst(group).rule.level.rank)]
    plot = el("svg", *marks, class_="track", width="100%", height=26, aria_hidden="true", focusable="false")
    return el("div", el("span", name, class_="lane-name"), plot, class_="lane")


def _close_together(found: Sequence[Alert | Chain], span: Span, most: int) -> list[list[Alert | Chain]]:
    """Return the alerts of a lane in at most so many groups, by when they began."""
    groups: dict[int, list[Alert | Chain]] = {}
    for one in found:
        groups.setdefault(min(most - 1, int(span.at(one.first) * most / 100)), []).append(one)
    return list(groups.values())


def _worst(group: Sequence[Alert | Chain]) -> Alert | Chain:
    return max(group, key=lambda one: (one.rule.level.rank, -one.first, one.rule.id))


def _mark(group: Sequence[Alert | Chain], span: Span, view: View) -> Safe:
    worst, first = _worst(group), min(one.first for one in group)
    start, end = span.at(first), span.at(max(one.last for one in group))
    shape = el("use", href=f"#s-{worst.rule.level.value}", x=-_MARK / 2, y=6, width=_MARK, height=_MARK)
    many = f", the worst of {len(group):,} alerts" if len(group) > 1 else ""
    what = f"{worst.rule.title} ({worst.rule.level.value}){many}, {sum(one.count for one in group):,} counted, "
    return el(
        "g",
        el("title", what, _plain(first, view)),
        el("line", x1=f"{start:g}%", x2=f"{end:g}%", y1=13, y2=13),
        el("svg", shape, x=f"{start:g}%", overflow="visible"),
        class_=f"mark l-{worst.rule.level.value}",
        data_a=start,
        data_b=end,
    )


def _plain(time: int, view: View) -> str:
    moment = to_datetime(time, view.zone)
    return f"{moment:%H:%M:%S}" if moment else "time unknown"


def _density(case: Case, span: Span) -> Safe | None:
    """Return how many events each part of the span has, as bars."""
    counts = [0] * BUCKETS
    for event in case.events:
        if span.holds(event.time):
            counts[min(BUCKETS - 1, int(span.at(event.time) * BUCKETS / 100))] += 1
    most = max(counts)
    if not most:
        return None
    wide = 100 / BUCKETS
    bars = []
    for place, count in enumerate(counts):
        if count:
            tall = max(2.0, 26 * count / most)
            bar = el(
                "rect", x=f"{place * wide:g}%", width=f"{wide * 0.8:g}%", y=round(26 - tall, 2), height=round(tall, 2)
            )
            bars.append(el("g", bar, class_="bar", data_a=place * wide, data_b=(place + 0.8) * wide))
    plot = el("svg", *bars, class_="track", width="100%", height=26, aria_hidden="true", focusable="false")
    return el("div", el("span", f"events, up to {most:,} a bar", class_="lane-name soft"), plot, class_="lane density")


def _ruler(span: Span, view: View) -> Safe:
    """Return the times below the lanes."""
    texts = []
    for tick in range(TICKS):
        share = 100 * tick / (TICKS - 1)
        moment = to_datetime(span.start + (span.end - span.start) * tick // (TICKS - 1), view.zone)
        anchor = "start" if tick == 0 else "end" if tick == TICKS - 1 else "middle"
        text = f"{moment:%H:%M:%S}" if moment else "?"
        texts.append(
            el("text", text, x=f"{share:g}%", y=14, text_anchor=anchor, class_=None if tick % 2 == 0 else "minor")
        )
    plot = el("svg", *texts, class_="track ruler", width="100%", height=20, aria_hidden="true", focusable="false")
    return el("div", el("span", "", class_="lane-name"), plot, class_="lane")


def _shift(time: int, view: View) -> int:
    """Return how many minutes the reader's zone is ahead of UTC at a time."""
    moment = to_datetime(time, view.zone)
    offset = moment.utcoffset() if moment else None
    return int(offset.total_seconds() // 60) if offset else 0
