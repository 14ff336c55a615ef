"""The reception, where sessions are served: let in, greet, take or refuse, acknowledge what is on disk, let go."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import assert_never

import structlog

from carecordon.hub.config import Limits
from carecordon.hub.gate.admission import NEVER_S, Admission, TurnedAway, Visitor
from carecordon.hub.gate.bucket import Bucket
from carecordon.hub.gate.clones import Evidence
from carecordon.hub.gate.commit import Committer, Written
from carecordon.hub.gate.figures import Figures
from carecordon.hub.gate.link import Link
from carecordon.hub.gate.office import Office
from carecordon.hub.gate.presence import Presence
from carecordon.hub.gate.pressure import Pressure
from carecordon.hub.gate.writing import Caller, Waiting, Writing, part_of
from carecordon.hub.news.losses import Losses, Way
from carecordon.model.device import Device, DeviceKind
from carecordon.model.errors import TheirFault
from carecordon.model.stream import Outcome, Tail
from carecordon.stream.partition import check_part
from carecordon.wire.messages import Batch, Hello
from carecordon.wire.session import (
    Answered,
    Disowned,
    Ended,
    Fault,
    Greeted,
    HubEvent,
    Offered,
    RenewalAsked,
    Send,
    State,
)

MAX_LINKS = 4
"""Sessions of one device at once: the oldest makes room, and beyond twice as many nobody new is let in."""
BYTES_AS_EVENT = 1024
"""A device's share counts so many bytes as an event where that is more than the events themselves."""
MAX_UNFINISHED_BYTES = 128 * 1024 * 1024
"""Of messages that have begun to come, over all links."""
TICK_SLOTS = 10
"""A tick looks at each tenth link, so each is looked at every ten seconds; who leaves is looked at by every tick."""
NANOSECONDS = 1_000_000_000
DOUBT_AGAIN_NS = 3_600 * NANOSECONDS
"""So long the same evidence against a device is not told again."""
log = structlog.get_logger("gate")


@dataclass(frozen=True, slots=True)
class Clocks:
    """`steady` never goes back, `wall` is UTC; both ns."""

    steady: Callable[[], int]
    wall: Callable[[], int]


@dataclass(frozen=True, slots=True)
class Calls:
    """What others do for the reception. `renew(link, request)`; `suspect(device, evidence)`, each kind once an hour."""

    renew: Callable[[Link, str], None]
    suspect: Callable[[str, Evidence], None]


class Reception:
    """Everything runs in the event loop."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        admission: Admission,
        committer: Committer,
        pressure: Pressure,
        limits: Limits,
        clocks: Clocks,
        office: Office,
    ) -> None:
        """Begin with nobody here; `calls` is set before anybody comes."""
        self._admission = admission
        self._limits = limits
        self._clocks = clocks
        self._office = office
        self.pressure = pressure
        self.figures = Figures()
        self.writing = Writing(loop, committer, self._written, self._known)
        self.links: dict[int, Link] = {}
        self.seen: dict[str, int] = {}
        """When devices were last heard since it was last written down, UTC ns."""
        self.losses = Losses()
        self.calls: Calls
        self._present: dict[str, Presence] = {}
        self._unfinished_bytes = 0
        self._slot = 0
        self._is_due = False
        self._empty = asyncio.Event()
        self._empty.set()

    def clock(self) -> int:
        """Return the steady time."""
        return self._clocks.steady()

    def arrived(self, link: Link, certificate: bytes, *, is_resumed: bool) -> None:
        """Let a link in if its certificate says who it is, and the register that it may come."""
        self.links[link.number] = link
        self._empty.clear()
        if is_resumed:
            self.figures.count("resumed")
        visitor = self._admission.identify(certificate, self._clocks.wall())
        if isinstance(visitor, TurnedAway):
            self._turn_away(link, visitor)
            return
        link.visitor = visitor
        self._judged(link, visitor, self._admission.judge(visitor))

    def weigh(self, link: Link, change_bytes: int) -> None:
        """Drop who brings unfinished messages beyond what all may hold together."""
        self._unfinished_bytes += change_bytes
        if change_bytes > 0 and self._unfinished_bytes > MAX_UNFINISHED_BYTES:
            self.figures.count("dropped_unfinished")
            link.drop("too many unfinished messages")

    def left(self, link: Link, reason: str) -> None:
        """Forget a link; what it brought is still written."""
        self.links.pop(link.number, None)
        if not self.links:
            self._empty.set()
        presence = self._present.get(link.device or "")
        if presence is not None and link in presence.links:
            presence.links.remove(link)
            self._is_due = True
        log.debug("session_ended", device=link.device, reason=reason)

    def said(self, link: Link, events: Sequence[HubEvent]) -> None:
        """Carry out what a session says."""
        if link.device is not None:
            self.seen[link.device] = self._clocks.wall()
        for event in events:
            match event:
                case Greeted(hello):
                    self._greet(link, hello)
                case Offered(batch):
                    self._offer(link, batch)
                case RenewalAsked(request):
                    self.calls.renew(link, request)
                case Answered():
                    self._answered(link)
                case Disowned():
                    self._doubt(link.device, Evidence.DISOWNED)
                case Ended(reason, fault, _):
                    self.figures.count(f"ended_{fault.value}")
                    if fault is Fault.THEIRS:
                        log.info("session_broken", device=link.device, reason=reason)
                case Send():
                    link.send(event.message)
                case _:
                    assert_never(event)

    def tick(self) -> None:
        """Look at each tenth link, and at all that leave; called every second."""
        self._slot = (self._slot + 1) % TICK_SLOTS
        now, wall = self._clocks.steady(), self._clocks.wall()
        for link in [one for one in self.links.values() if one.is_leaving or one.number % TICK_SLOTS == self._slot]:
            if link.visitor is not None and wall >= link.visitor.expires:
                link.turn_away(link.session.bye("your certificate has expired", 0.0), "certificate expired")
            link.tick(now)

    def take_seen(self, *, is_due: bool) -> dict[str, int]:
        """Return when devices were last heard, and begin anew; nothing where nobody came or went and it is not due."""
        if not (is_due or self._is_due):
            return {}
        self._is_due = False
        seen, self.seen = self.seen, {}
        return seen

    def put_back(self, seen: Mapping[str, int]) -> None:
        """Take back what could not be written down."""
        self.seen = {**seen, **self.seen}

    def changed(self, devices: Sequence[str]) -> None:
        """Judge these devices' sessions again, since the register changed."""
        for device in devices:
            presence = self._present.get(device)
            for link in list(presence.links) if presence else ():
                if link.visitor is not None:
                    self._judged(link, link.visitor, self._admission.judge(link.visitor))

    def say_bye(self, reason: str, retry_s: Callable[[], float]) -> None:
        """End all sessions."""
        for link in list(self.links.values()):
            link.turn_away(link.session.bye(reason, retry_s()), reason)

    async def emptied(self) -> None:
        """Wait until nobody is here."""
        await self._empty.wait()

    def told(self) -> dict[str, float]:
        """Return the figures."""
        return self.figures.told() | {
            "sessions": float(len(self.links)),
            "queue_batches": float(len(self.writing)),
            "queue_bytes": float(self.writing.size_bytes),
            "credit_delay_s": self.pressure.delay_s,
            "free_bytes": self.pressure.free_bytes,
            "lag_s": self.pressure.lag_s,
        }

    def _turn_away(self, link: Link, why: TurnedAway) -> None:
        self.figures.count(f"turned_away_{why.kind}")
        log.info("turned_away", device=link.visitor.device if link.visitor else None, why=why.reason)
        link.turn_away(link.session.bye(why.reason, why.retry_s), why.reason)

    def _judged(self, link: Link, visitor: Visitor, judgement: Device | TurnedAway | None) -> None:
        """Let a link in, or go; where only the register can tell, ask it first."""
        if isinstance(judgement, TurnedAway):
            self._turn_away(link, judgement)
        elif judgement is not None:
            self._let_in(link, judgement)
        elif self._office.is_full:
            self._turn_away(link, TurnedAway("busy", "the hub is busy", 5.0))
        else:
            self._office.ask(
                lambda: self._admission.look_up(visitor),
                lambda found: self._judged(link, visitor, self._admission.learn(visitor, found)),
                lambda: self._turn_away(link, TurnedAway("busy", "the hub cannot read its register", 30.0)),
            )

    def _let_in(self, link: Link, device: Device) -> None:
        if link.device is not None or not link.is_open:
            return
        link.device = device.id
        presence = self._present.get(device.id)
        if presence is None:
            presence = self._present[device.id] = Presence(device.name, self._bucket(device.kind))
        if len(presence.links) >= 2 * MAX_LINKS:
            link.device = None
            self.figures.count("turned_away_crowded")
            link.drop("this device has too many sessions")  # a last word would keep it here for seconds
            return
        presence.links.append(link)
        self._note(device.id)
        self.figures.count("sessions_begun")
        standing = [other for other in presence.links if other.is_open and other is not link]
        if len(standing) >= MAX_LINKS:
            oldest = min(standing, key=lambda other: other.session.heard_at)
            oldest.turn_away(oldest.session.bye("newer sessions of this device took its place", 60.0), "superseded")
            oldest.drop("superseded")
        if link.greeting is not None:
            hello, link.greeting = link.greeting, None
            self._greet(link, hello)

    def _note(self, device: str) -> None:
        """Note that a device came: `hub devices` shows it within a second or two."""
        self.seen[device] = self._clocks.wall()
        self._is_due = True

    def _bucket(self, kind: DeviceKind) -> Bucket:
        limits, now = self._limits, self.clock()
        if kind is DeviceKind.FORWARDER:
            return Bucket(limits.forwarder_events_per_s, limits.forwarder_burst_events, now)
        return Bucket(limits.device_events_per_s, limits.device_burst_events, now)

    def _greet(self, link: Link, hello: Hello) -> None:
        """Ask for the device's mark, and its older sessions whether they are still there."""
        if link.device is None:
            link.greeting = hello
            return
        for other in self._present[link.device].links:
            if other is not link and other.is_open and other.session.state is State.OPEN:
                other.asked = 2 if other.session.is_asking else 1
                other.send(other.session.ping())
        self.writing.call(Caller(link, link.device, hello))

    def _known(self, callers: Sequence[Caller], written: Written) -> None:
        """Welcome devices whose marks are known."""
        for caller, tail in zip(callers, written.tails or [Tail(-1, None)] * len(callers), strict=True):
            link, presence = caller.link, self._present[caller.device]
            if not link.is_open or link.session.state is not State.GREETING:
                continue
            if written.failure is not None:
                link.finish(link.session.bye("the hub cannot read its log", 10.0), "log unreadable")
                continue
            link.granted = link.acked = tail.mark
            evidence = presence.trail.greet(caller.hello.epoch, caller.hello.next, link.granted)
            credit = self.pressure.credit(presence.bucket, self.clock())
            link.send(link.session.welcome(self._clocks.wall(), link.granted, credit, tail.check))
            self._doubt(caller.device, evidence)

    def _offer(self, link: Link, batch: Batch) -> None:
        """Queue a batch, or refuse it before anything of it is kept."""
        if link.device is None or link.recount is not None:
            return
        now, events, size = self.clock(), batch.last - batch.first + 1, len(batch.data)
        self.figures.count("messages")
        busy = self.pressure.busy(self.writing.size_bytes, now)
        if busy is not None:
            self._refuse(link, batch.first, busy.kind, busy.reason, busy.retry_s)
            return
        presence = self._present[link.device]
        wait_s = presence.bucket.take(max(events, size // BYTES_AS_EVENT), now)
        if wait_s:
            self._refuse(link, batch.first, "rate", "this device sends more events than its share", wait_s)
            return
        verdict = presence.trail.offer(batch, link.number, link.granted)
        self._doubt(link.device, verdict.evidence)
        if verdict.is_foreign:
            link.recount = "somebody else goes on with this device's count: begin a new epoch"
            self._recount(link)
            return
        try:
            check_part(part_of(link.device, batch))
        except TheirFault as fault:  # in a group it would take the parts of all others along
            self._refuse(link, batch.first, "unfit", str(fault), NEVER_S)
            return
        self.figures.count("bytes", size)
        link.hold(size)
        self.writing.put(Waiting(link, link.device, batch, now))

    def _refuse(self, link: Link, first: int, kind: str, reason: str, retry_s: float) -> None:
        self.figures.count(f"refused_{kind}")
        link.send(link.session.refuse(first, reason, retry_s))

    def _written(self, items: Sequence[Waiting], written: Written) -> None:
        """Acknowledge a group: one receipt a session."""
        for item in items:
            item.link.release(len(item.batch.data))
        if written.failure is not None:
            self._failed(items, written.failure)
            return
        now, links = self.clock(), dict[int, Link]()
        for item, published in zip(items, written.published, strict=True):
            self.figures.count("events", item.batch.last - item.batch.first + 1)
            if published.outcome is not Outcome.APPENDED:
                self.figures.count(published.outcome.value)
            if published.outcome is Outcome.GAP:
                missing, name = item.batch.first - published.expected, self._present[item.device].name
                self.losses.add(item.device, Way.NUMBERS, name, missing, self._clocks.wall())
            self.figures.receipt(now - item.came)
            item.link.acked = max(item.link.acked, item.batch.last)
            links[item.link.number] = item.link
        self.figures.count("groups")
        self.figures.commit(written.took_s)
        for link in links.values():
            if link.is_open and link.device is not None and link.session.state is State.OPEN:
                bucket = self._present[link.device].bucket
                link.send(link.session.receipt(link.acked, self.pressure.credit(bucket, now)))
                self._recount(link)

    def _failed(self, items: Sequence[Waiting], why: str) -> None:
        """Refuse what could not be written, and everything that its sessions have waiting behind it."""
        log.error("commit_failed", batches=len(items), why=why)
        self.pressure.fail(self.clock())
        firsts: dict[int, list[Waiting]] = defaultdict(list)
        for item in items:
            firsts[item.link.number].append(item)
        for lost in firsts.values():
            link = lost[0].link
            behind = self.writing.take_back(link)
            for item in behind:
                link.release(len(item.batch.data))
            first = min(item.batch.first for item in (*lost, *behind))
            self._present[lost[0].device].trail.forget(lost[0].batch.epoch, first)
            busy = self.pressure.busy(0, self.clock())
            self._refuse(link, first, "commit", "the hub could not write", busy.retry_s if busy else 5.0)

    def _answered(self, link: Link) -> None:
        """Take in a pong: that of an older session, asked for after a newer one greeted, shows two that answer."""
        if link.asked:
            link.asked -= 1
            if not link.asked and link.device is not None:
                self._doubt(link.device, Evidence.TWO_ANSWER)

    def _doubt(self, device: str | None, evidence: Evidence | None) -> None:
        if device is None or evidence is None:
            return
        presence, now = self._present[device], self.clock()
        if not presence.trail.is_doubted:
            presence.trail.is_doubted = True
            self.figures.count("clones")
        if now - presence.doubts.get(evidence, now - DOUBT_AGAIN_NS) >= DOUBT_AGAIN_NS:
            presence.doubts[evidence] = now
            log.warning("clone", device=device, evidence=evidence.value)
            self.calls.suspect(device, evidence)

    def _recount(self, link: Link) -> None:
        """Tell a link to count anew, once nothing of it waits any more."""
        if link.recount is not None and not link.held and link.is_open:
            link.finish(link.session.recount(link.acked, link.recount), "it counts anew")
