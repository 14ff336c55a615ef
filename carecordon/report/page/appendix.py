"""What stands below the incidents: all matches, techniques, what could not be seen, the logs, the inputs, the run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from carecordon.model.incident import Case
from carecordon.model.match import Level, Match
from carecordon.model.result import Begin, Closing
from carecordon.model.times import span_text
from carecordon.report.digest import Digest, Finding, Group
from carecordon.report.domains import short_names
from carecordon.report.format import View
from carecordon.report.layout import number
from carecordon.report.left_out import skipped
from carecordon.report.page.bounds import GROUPS_SHOWN, INPUTS_SHOWN, SOURCES_SHOWN, TECHNIQUES_SHOWN
from carecordon.report.page.evidence import fields
from carecordon.report.page.markup import Child, Safe, el, join
from carecordon.report.page.words import badge, chip, chips, folded, section, stamp, table
from carecordon.report.silence import Topic
from carecordon.report.visible import shortened

RULES_NAMED = 5
DEVICE_CHARS = 32
TACTICS = (
    "reconnaissance", "resource-development", "initial-access", "execution", "persistence", "privilege-escalation",
    "stealth", "defense-evasion", "defense-impairment", "credential-access", "discovery", "lateral-movement",
    "collection", "command-and-control", "exfiltration", "impact",
)  # fmt: skip
"""In the order of the ATT&CK matrix, old names of tactics beside the new."""


def matches(digest: Digest, view: View) -> Safe:
    """Return the table of all that matched, one row for each rule on each device, the worst first."""
    groups = [
        (device, group)
        for level in sorted(digest.levels, key=lambda level: -level.rank)
        for device, of_device in digest.by_device(level)
        for group in of_device
    ]
    found = digest.matches + digest.correlations
    shown = groups[:GROUPS_SHOWN]
    rest = found - sum(group.count for _, group in shown)
    heads = ("Rule", "Device", "Matches", "First", "Last")
    names = short_names(sorted({device for device, _ in shown if device}))
    rows = [_group(device and names.get(device, device), group, view) for device, group in shown]
    return section(
        "matches",
        "All matches",
        el("p", f"{number(found, 'match', 'matches')}; those in incidents too. ", _levels(digest.levels)),
        table("Matches by rule and device", heads, rows, "matches") if rows else None,
        folded(rest, "match", "matches", "--json"),
    )


def _levels(levels: Counter[Level]) -> Safe:
    order = sorted(levels, key=lambda level: -level.rank)
    return join((el("span", badge(level), f" {levels[level]:,}", class_="count") for level in order), " ")


def _group(device: str | None, group: Group, view: View) -> tuple[Child, ...]:
    rule = group.rule
    title = el("span", badge(rule.level), " ", rule.title, " ", chips(rule.techniques))
    cell = el("div", title, _sample(group.shown[0]))
    first, last = stamp(group.first, view), stamp(group.last, view)
    called = el("span", shortened(device or "(not named)", DEVICE_CHARS), class_="whole")
    return cell, called, f"{group.count:,}", first, last


def _sample(found: Finding) -> Safe:
    if isinstance(found, Match):
        place, values = f"{found.file} event {found.position:,}", found.fields
    else:
        place, values = f"correlation: {found.count:,} counted", found.group
    return el("details", el("summary", "First event"), el("p", place, class_="soft"), fields(values))


def techniques(cases: Sequence[Case], digest: Digest) -> Safe | None:
    """Return which ATT&CK techniques the rules name, by tactic and in how many incidents; None if none."""
    incidents = Counter(technique for case in cases for technique in dict.fromkeys(case.incident.techniques))
    seen = {technique: _Seen() for technique in incidents}
    for rule_id, count in digest.rules.items():
        head = digest.heads[rule_id]
        for technique in head.techniques:
            one = seen.setdefault(technique, _Seen())
            one.matches += count
            one.rules.append(head.title)
            one.tactics.update(dict.fromkeys(head.tactics))
    if not seen:
        return None
    order = sorted(seen, key=lambda technique: (_stage(seen[technique]), -incidents[technique], technique))
    rows = [
        (
            chip(technique),
            ", ".join(tactic.replace("-", " ") for tactic in seen[technique].tactics) or "none named",
            f"{incidents[technique]:,}",
            f"{seen[technique].matches:,}",
            "; ".join(seen[technique].rules[:RULES_NAMED]),
        )
        for technique in order[:TECHNIQUES_SHOWN]
    ]
    heads = ("Technique", "Tactics of its rules", "Incidents", "Matches", "Rules")
    return section(
        "techniques",
        "Techniques",
        el("p", "ATT&CK techniques as the rules name them; ", el("code", "--navigator"), " writes them as a layer."),
        table("In the order of an attack, from first access to impact", heads, rows),
        folded(len(order) - TECHNIQUES_SHOWN, "more technique", "more techniques", "--json"),
    )


@dataclass(slots=True)
class _Seen:
    """One technique: how many matches, by which rules, and the tactics that these name."""

    matches: int = 0
    rules: list[str] = field(default_factory=list)
    tactics: dict[str, None] = field(default_factory=dict)


def _stage(one: _Seen) -> int:
    """Return where in an attack the earliest of the tactics stands."""
    return min((TACTICS.index(tactic) for tactic in one.tactics if tactic in TACTICS), default=len(TACTICS))


def unseen(topics: Sequence[Topic]) -> Safe:
    """Return what could not be seen, the gravest first."""
    if not topics:
        text = "Nothing that we know of: all input was read, all rules ran, and no log shows a gap."
        return section("unseen", "What could not be seen", el("p", text))
    made = [
        el("li", el("p", el("strong", topic.title), f". {topic.meaning}"), _bullets(topic.lines)) for topic in topics
    ]
    return section("unseen", "What could not be seen", el("ul", *made, class_="topics"))


def _bullets(lines: Sequence[str]) -> Safe | None:
    return el("ul", *(el("li", line) for line in lines)) if lines else None


def sources(closing: Closing, view: View) -> Safe | None:
    """Return the logs that were read, device by device; None if there were none."""
    if not closing.sources:
        return None
    rows = [
        (
            source.device or "(not named)",
            source.channel or "(not named)",
            f"{source.events:,}",
            stamp(source.first, view),
            stamp(source.last, view),
        )
        for source in closing.sources[:SOURCES_SHOWN]
    ]
    heads = ("Device", "Log", "Events", "First", "Last")
    rest = folded(len(closing.sources) - SOURCES_SHOWN, "more log", "more logs", "the terminal's page")
    return section("seen", "What was seen", table("Logs by device", heads, rows), rest)


def inputs(closing: Closing) -> Safe | None:
    """Return the files that were read with their hashes; None if there were none."""
    if not closing.inputs:
        return None
    rows = [
        (
            el("code", file.file),
            "not known" if file.size is None else f"{file.size:,}",
            "not known" if file.records is None else f"{file.records:,}",
            el("code", file.sha256 or "not known: could not be read to its end"),
        )
        for file in closing.inputs[:INPUTS_SHOWN]
    ]
    rest = folded(len(closing.inputs) - INPUTS_SHOWN, "more file", "more files", "--json")
    return section("inputs", "Inputs", table("Files read", ("File", "Bytes", "Events", "SHA-256"), rows), rest)


def run(begin: Begin, closing: Closing) -> Safe:
    """Return how the report was made, so that it can be made again."""
    summary = closing.summary
    pairs: list[tuple[str, Child]] = [
        ("Program", f"Carecordon {begin.version}"),
        ("Command line", el("code", " ".join(["carecordon", *map(_word, begin.command)]))),
        ("SHA-256 of the rules", el("code", begin.rules_hash)),
        ("Rules", f"{summary.rules_ready:,} ran, {summary.rules_dormant:,} dormant, {summary.rules_refused:,} refused"),
        ("Events", f"{summary.events_read:,} looked at{'; '.join(['', *skipped(summary)])}"),
        ("Files", f"{summary.files_read:,} read, {summary.files_failed:,} not, or not wholly"),
        ("Took", span_text(summary.seconds)),
    ]
    made = [el("div", el("dt", name), el("dd", text)) for name, text in pairs]
    return section("run", "How this report was made", el("dl", *made, class_="about"))


def _word(word: str) -> str:
    """Return a word of a command line, in quotes if it is none to a shell."""
    return word if word and not any(char in word for char in " \t\"'") else "'" + word.replace("'", "'\\''") + "'"
