"""The hub's own troubles as notices: which of them are told, how grave each is, and what to do first.

A trouble is told once, and again only when it is over and comes back on another day: one that comes and goes all day
is one notice. Sees the trouble alone; of what devices sent no more goes out than its text says.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from carecordon.model.kept import Trouble
from carecordon.model.match import Level
from carecordon.model.notice import NewNotice
from carecordon.model.times import rfc3339
from carecordon.notify.notice import TROUBLE, Notice, encode
from carecordon.notify.plain import one_line

OFF = "rules/off/"
"""How the keys of rules that were switched off begin."""
HUSHED = ("silent", "source")
"""Kinds of which one alone is little, and many at once are grave."""
_DAY_NS = 86_400 * 1_000_000_000
_SUBJECT_CHARS = 160
_LINE_CHARS = 600


class Alarm(NamedTuple):
    """How a kind of trouble is told: how grave it is, what it is called, and the first thing to do."""

    level: Level
    title: str
    step: str


_ALARMS = {
    "store": Alarm(
        Level.HIGH,
        "The store of events does not answer",
        "Incidents go on, questions do not: look at the disk, and at the log of the keeper.",
    ),
    "damage": Alarm(
        Level.HIGH,
        "A log of the hub does not read back",
        "Look at the disk, and run `carecordon hub check`.",
    ),
    "held": Alarm(
        Level.HIGH,
        "Devices are held since a restore and may not send",
        "Confirm those that are still yours: `carecordon hub devices`.",
    ),
    "lag": Alarm(Level.HIGH, "Events wait too long", "Look for what sends so much: `carecordon hub watch`."),
    "blind": Alarm(Level.MEDIUM, "Something cannot be read", "Mend what the text names."),
    "gap": Alarm(Level.MEDIUM, "Events of a device are missing", "Look at the device's disk and connection."),
    "poison": Alarm(Level.MEDIUM, "Something was set aside", "Look at it: `carecordon hub dead-letters`."),
    "name": Alarm(
        Level.MEDIUM, "A sender names machines that it may not speak for", "Look at who enrolled it, and what it is."
    ),
}
_CROWD = Alarm(
    Level.HIGH,
    "Many stopped sending together",
    "Look for what they share: a switch, a link, a power supply, an update.",
)
LONE = Alarm(Level.LOW, "A device or a source stopped sending", "See whether it is switched off, and by whom.")
_RULE_OFF = Alarm(
    Level.HIGH,
    "A rule is switched off: it cost too much",
    "Mend the rule, or make an exception: it is used again when it has changed.",
)
_RULES = Alarm(Level.MEDIUM, "Rules or exceptions are not used", "Mend what the text names.")
_OTHER = Alarm(Level.MEDIUM, "Something is wrong", "See what the text names.")


def alarm_of(trouble: Trouble) -> Alarm:
    """Return how a trouble is told."""
    if trouble.kind in HUSHED:
        return LONE if trouble.count == 1 else _CROWD
    if trouble.kind == "rule":
        return _RULE_OFF if trouble.key.startswith(OFF) else _RULES
    return _ALARMS.get(trouble.kind, _OTHER)


def key_of(trouble: Trouble) -> str:
    """Return the key of a trouble's notice; the store is one, however many processes miss it."""
    name = trouble.kind if trouble.kind == "store" else trouble.key
    return f"trouble/{name}/{trouble.since // _DAY_NS}"


def alarms(
    troubles: Sequence[Trouble], organisation: str, receivers: Sequence[str], least: Level, now: int
) -> list[NewNotice]:
    """Return what is to be put into the outbox, each receiver's own: of what lasts and is `least` or graver.

    The same trouble gives the same keys, so the outbox takes it once. `now` UTC ns.
    """
    found: dict[str, Notice] = {}
    for trouble in troubles:
        if trouble.until is None and alarm_of(trouble).level.rank >= least.rank:
            notice = compose(trouble, organisation, now)
            found.setdefault(notice.key, notice)
    return [
        NewNotice(receiver, notice.key, None, notice.level, notice.subject, body, now)
        for notice in found.values()
        for body in (encode(notice),)
        for receiver in receivers
    ]


def compose(trouble: Trouble, organisation: str, now: int) -> Notice:
    """Return the notice of a trouble. `now` UTC ns."""
    alarm = alarm_of(trouble)
    level = alarm.level.value
    where, what = (one_line(text, _LINE_CHARS) for text in (organisation, trouble.text))
    lines = [
        alarm.title,
        "",
        f"Level:    {level}",
        f"Since:    {rfc3339(trouble.since) or 'time unknown'}",
        f"Trouble:  {one_line(trouble.key, _LINE_CHARS)} at {where}",
        "",
        what,
        "",
        "What to do first",
        f"1. {alarm.step}",
        "",
        "All that is wrong with the hub: carecordon hub status",
    ]
    return Notice(
        key=key_of(trouble),
        kind=TROUBLE,
        level=level,
        subject=one_line(f"[Carecordon {level}] {alarm.title}: {what}", _SUBJECT_CHARS),
        text="\n".join(lines) + "\n",
        data={
            "id": one_line(trouble.key, _LINE_CHARS),
            "organisation": organisation,
            "title": alarm.title,
            "level": level,
            "kind": trouble.kind,
            "device": trouble.device,
            "text": what,
            "count": trouble.count,
            "since": rfc3339(trouble.since),
            "next_steps": [alarm.step],
        },
        at=now,
    )
