"""Small invented incidents, written as scripts: what happened on which device, and which rule matched it."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from pathlib import Path

from carecordon.model.device import COPIED_RULE
from carecordon.model.event import Value
from carecordon.model.incident import (
    Alert,
    Chain,
    DeviceAsset,
    Entity,
    EntityKind,
    EventSeen,
    Incident,
    Place,
    ProcessSeen,
    Score,
    Story,
    Summand,
)
from carecordon.model.match import BlindSpot, Level, Match, RuleHead
from carecordon.report.story.catalogue import words_of
from carecordon.report.story.tell import tell_story
from carecordon.report.story.words import Words

TOP = Path(__file__).resolve().parents[3]
CATALOGUE = TOP / "carecordon" / "report" / "story" / "words.toml"
HUB_LOG = "Carecordon-Hub/Devices"
GOLDEN = Path(__file__).resolve().parent / "golden"
SECOND = 10**9
START = 1_494_580_000 * SECOND
"""2017-05-12 09:06:40 UTC."""
FILE = "ward.jsonl"
SYSMON = "Microsoft-Windows-Sysmon/Operational"
POWERSHELL = "Microsoft-Windows-PowerShell/Operational"
DEFENDER = "Microsoft-Windows-Windows Defender/Operational"
TASKS = "Microsoft-Windows-TaskScheduler/Operational"
SYSTEM32 = "C:\\Windows\\System32\\"


@cache
def words() -> Words:
    """Return the catalogue that ships."""
    return words_of(CATALOGUE.read_text(encoding="utf-8"))


def rule(title: str, *techniques: str, level: Level = Level.HIGH, triage: tuple[str, ...] = ()) -> RuleHead:
    """Return a rule; its id is made of its title."""
    return RuleHead(title.lower().replace(" ", "-"), title, level, techniques, "rules/x.yml", 1, triage=triage)


def copied() -> RuleHead:
    """Return the hub's own rule that a device's key is in two places."""
    return RuleHead(COPIED_RULE, "A device's key is in use in two places", Level.HIGH, (), "hub.py", 1)


class Script:
    """Takes events one after the other; `tell` makes an incident of them and tells it."""

    def __init__(self) -> None:
        """Start at START with nothing."""
        self.events: list[EventSeen] = []
        self.matches: list[tuple[RuleHead, EventSeen]] = []
        self.processes: list[ProcessSeen] = []
        self.accounts: list[str] = []
        self.points: tuple[Summand, ...] = ()
        self.assets: list[DeviceAsset] = []
        self.chains: list[tuple[RuleHead, EventSeen]] = []

    def event(
        self,
        at: float,
        device: str | None,
        channel: str | None,
        event_id: int | None,
        *rules: RuleHead,
        **fields: Value,
    ) -> EventSeen:
        """Add an event `at` seconds after START, which the rules match."""
        place = len(self.events) + 1
        time = START + int(at * SECOND)
        event = EventSeen(FILE, place, 1000 + place, time, device, channel, event_id, None, dict(fields))
        self.events.append(event)
        self.matches.extend((head, event) for head in rules)
        return event

    def sysmon(self, at: float, device: str, event_id: int, *rules: RuleHead, **fields: Value) -> EventSeen:
        """Add an event of Sysmon."""
        return self.event(at, device, SYSMON, event_id, *rules, **fields)

    def start(
        self,
        at: float,
        device: str,
        parent: str,
        image: str,
        line: str,
        *rules: RuleHead,
        user: str = "NT AUTHORITY\\SYSTEM",
    ) -> EventSeen:
        """Add the start of a process."""
        fields: dict[str, Value] = {
            "ParentImage": parent,
            "Image": image,
            "CommandLine": line,
            "User": user,
            "ProcessId": len(self.events),
        }
        return self.sysmon(at, device, 1, *rules, **fields)

    def list(self, device: str, impact: str, kind: str | None = None) -> Script:
        """Put a device into the hospital's list; return this script."""
        self.assets.append(DeviceAsset(device, kind or ("office" if impact == "S0" else "clinical"), impact))
        return self

    def chained(self, head: RuleHead, event: EventSeen) -> None:
        """Make an event part of a correlation that the rule tells."""
        self.chains.append((head, event))

    def incident(self) -> Incident:
        """Return the incident of all events."""
        told = [*self.matches, *self.chains]
        techniques = dict.fromkeys(technique for head, _ in told for technique in head.techniques)
        devices = dict.fromkeys(event.device for _, event in told if event.device)
        times = [event.time for _, event in told] or [event.time for event in self.events] or [START]
        return Incident(
            id="i1",
            aliases=(),
            title="Invented",
            level=max((head.level for head, _ in told), key=lambda level: level.rank, default=Level.LOW),
            score=Score(sum(part.points for part in self.points), self.points),
            devices=tuple(devices),
            first=min(times),
            last=max(times),
            techniques=tuple(techniques),
            alerts=tuple(_alert(head, event) for head, event in self.matches),
            chains=tuple(Chain(head, 1, event.time, event.time) for head, event in self.chains),
            entities=tuple(Entity(EntityKind.ACCOUNT, name, None, START, START, 1) for name in self.accounts),
            processes=tuple(self.processes),
            places=tuple(Place(event.file, event.position, head.id) for head, event in told),
            assets=tuple(sorted(self.assets, key=lambda one: one.impact, reverse=True)),
        )

    def tell(self, unseen: Sequence[BlindSpot] = ()) -> Story:
        """Return the story."""
        return tell_story(self.incident(), self.events, unseen, words())


def _alert(head: RuleHead, event: EventSeen) -> Alert:
    where = (event.file, event.position, event.record_id, event.time, event.device, event.channel, event.event_id)
    return Alert(head, event.device or "", None, event.time, event.time, 1, Match(head, *where, event.fields))


def one(channel: str, event_id: int, **fields: Value) -> str:
    """Return the one sentence that an event alone is told by."""
    script = Script()
    rules = (copied(),) if channel == HUB_LOG else ()
    script.event(0, "wph-ward-ws02", channel, event_id, *rules, **fields)
    (fact,) = script.tell().facts
    return fact.text
