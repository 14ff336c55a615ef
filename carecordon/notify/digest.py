"""A storm told in one message: the first few notices of a minute go as they are, all others as one digest a minute."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from carecordon.model.match import Level
from carecordon.model.notice import NoticeRow
from carecordon.notify.notice import TROUBLE, Notice
from carecordon.notify.plain import counted, one_line

DIGEST = "incidents.digest"
MINUTE_NS = 60 * 1_000_000_000
LISTED = 100
"""Notices that a digest names; the others it counts."""
_LINE_CHARS = 160


@dataclass(frozen=True, slots=True)
class Plan:
    """What goes to one receiver now: each of `single` by itself, each of `digests` as one message; the rest waits."""

    single: tuple[NoticeRow, ...] = ()
    digests: tuple[tuple[NoticeRow, ...], ...] = ()
    wait_until: int | None = None
    """When the next digest may go (UTC ns), where some wait for it."""


def plan(due: Sequence[NoticeRow], went: Sequence[NoticeRow], digest_after: int, now: int) -> Plan:
    """Return what to send to the one receiver of these. `went`: what it got within the last minute. `now` UTC ns.

    Within any minute no more than `digest_after` go singly, the worst first, and no more than one digest. What was on
    its way in a digest goes again in the same one, so that its receiver can tell a repeat.
    """
    since = now - MINUTE_NS
    lately = [row for row in went if row.sent is not None and since < row.sent <= now]  # later: the clock was ahead
    again: dict[str, list[NoticeRow]] = {}
    for row in due:
        if row.digest:
            again.setdefault(row.digest, []).append(row)
    digests = [tuple(rows) for rows in again.values()]
    fresh = sorted((row for row in due if not row.digest), key=lambda row: (-rank(row.level), row.made, row.number))
    room = max(0, digest_after - sum(not row.digest for row in lately))
    if len(fresh) <= room:
        return Plan(tuple(fresh), tuple(digests))
    last = max((row.sent for row in lately if row.digest and row.sent is not None), default=None)
    if digests:
        return Plan(tuple(fresh[:room]), tuple(digests), now + MINUTE_NS)
    if last is not None:
        return Plan(tuple(fresh[:room]), wait_until=last + MINUTE_NS)
    return Plan(tuple(fresh[:room]), (tuple(fresh[room:]),))


def digest_of(notices: Sequence[Notice], organisation: str, now: int) -> Notice:
    """Return one notice for many; the same many give the same key, however they are ordered."""
    ordered = sorted(notices, key=lambda notice: (-rank(notice.level), notice.at, notice.key))
    levels = Counter(notice.level for notice in ordered)
    counts = ", ".join(f"{levels[level.value]:,} {level.value}" for level in reversed(Level) if levels[level.value])
    where = one_line(organisation, _LINE_CHARS)
    total = counted(len(ordered), *_words(ordered))
    worst = ordered[0].level if ordered else Level.INFORMATIONAL.value
    keys = "\n".join(sorted(notice.key for notice in ordered))
    return Notice(
        key=f"digest/{hashlib.sha256(keys.encode()).hexdigest()[:32]}",
        kind=DIGEST,
        level=worst,
        subject=one_line(f"[Carecordon {worst}] {total} at {where}: {counts}", _LINE_CHARS),
        text=_text(ordered, f"{total} at {where}: {counts}."),
        data={
            "total": len(ordered),
            "levels": dict(levels),
            "incidents": [notice.data for notice in ordered[:LISTED] if notice.kind != TROUBLE],
            "troubles": [notice.data for notice in ordered[:LISTED] if notice.kind == TROUBLE],
            "left_out": max(0, len(ordered) - LISTED),
        },
        at=now,
    )


def rank(level: str) -> int:
    """Return how grave a level is; what is no level is the least."""
    return next((one.rank for one in Level if one.value == level), -1)


def _text(ordered: Sequence[Notice], head: str) -> str:
    lines = [head, "So many came within a minute that they are told together."]
    before = None
    for notice in ordered[:LISTED]:
        if notice.level != before:
            lines += ["", notice.level.upper()]
            before = notice.level
        lines.append(f"- {one_line(notice.subject, _LINE_CHARS)}  {_id(notice)}".rstrip())
    if len(ordered) > LISTED:
        lines += ["", f"and {len(ordered) - LISTED:,} more, none of them worse"]
    lines += ["", f"All of them: {_commands(ordered)}"]
    return "\n".join(lines) + "\n"


def _words(notices: Sequence[Notice]) -> tuple[str, str]:
    """Return what these are, one of them and many."""
    troubles = sum(notice.kind == TROUBLE for notice in notices)
    if not troubles:
        return "more incident", "more incidents"
    return ("more trouble", "more troubles") if troubles == len(notices) else ("more", "more incidents and troubles")


def _commands(notices: Sequence[Notice]) -> str:
    """Return what shows them."""
    kinds = {notice.kind == TROUBLE for notice in notices}
    shown = {False: "carecordon hub incidents", True: "carecordon hub status"}
    return ", ".join(text for is_trouble, text in shown.items() if is_trouble in kinds)


def _id(notice: Notice) -> str:
    found = notice.data.get("id")
    return one_line(found, _LINE_CHARS) if isinstance(found, str) else ""
