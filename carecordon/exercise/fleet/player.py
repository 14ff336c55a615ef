"""Who sees what when: the stories' own clock, and what each device puts together of what it has seen."""

from __future__ import annotations

import asyncio
import heapq
import time
from collections.abc import Callable
from random import Random

import numpy as np
import numpy.typing as npt

from carecordon.agent.fill import BATCH_EVENTS
from carecordon.agent.queued import Part
from carecordon.agent.rank import Rank, rank_of
from carecordon.agent.run import FLUSH_S, MOST_S
from carecordon.exercise.fleet.faults import Faults
from carecordon.exercise.fleet.figures import NS
from carecordon.exercise.fleet.member import Member
from carecordon.exercise.fleet.pattern import Templates, copied
from carecordon.exercise.fleet.template import Template
from carecordon.model.batch import Row

TICK_S = 0.02
_HELD = 3
"""So many events that are told late are told together."""


class Player:
    """Plays the stories of all members. `rate`: how many times as fast as recorded; may be changed at any time."""

    def __init__(
        self,
        members: list[Member],
        rate: float,
        faults: Faults,
        rng: Random,
        on_written: Callable[[Member, list[Part], bool], None],
        *,
        is_endless: bool,
        keeps_times: bool,
        back_ns: int = 0,
    ) -> None:
        """`keeps_times`: events are dated as far apart as in their story, the first `back_ns` before now; else as told.

        `on_written` gets what went into a member's spool, and whether somebody waits for it.
        """
        self.rate, self.behind_s = rate, 0.0
        self._members, self._faults, self._rng, self._on_written = members, faults, rng, on_written
        self._is_endless, self._keeps_times, self._back_ns = is_endless, keeps_times, back_ns
        self._templates = Templates()
        self._coming: list[tuple[int, int]] = []
        self._due: list[tuple[float, int]] = []
        self._virtual = 0.0
        self._ticked = 0.0
        self._started = 0

    def begin(self, *, is_aligned: bool) -> None:
        """Begin all stories; what was begun before goes on."""
        if not self._started:
            for member in self._members:
                if not is_aligned:
                    member.begin_at(self._rng.randrange(member.role.length))
                self._coming.append((member.next_moment(), member.index))
            heapq.heapify(self._coming)
            self._started = time.time_ns() - self._back_ns
        self._ticked = time.monotonic()

    def join(self, member: Member) -> None:
        """Let one more member play."""
        heapq.heappush(self._coming, (member.next_moment(), member.index))

    @property
    def is_over(self) -> bool:
        """Return whether nothing will happen any more."""
        return not self._coming and not self._due

    async def play(self) -> None:
        """Play until all stories are over."""
        loop = asyncio.get_running_loop()
        wanted = loop.time()
        while not self.is_over:
            self.tick(time.monotonic())
            wanted += TICK_S
            self.behind_s = max(0.0, loop.time() - wanted)
            if self.behind_s > 1.0:
                wanted = loop.time()  # what is lost is lost; it was told
            await asyncio.sleep(max(0.0, wanted - loop.time()))

    def tick(self, now: float) -> None:
        """Let time pass up to `now` (seconds of a clock that never goes back)."""
        self._virtual += (now - self._ticked) * self.rate * NS
        self._ticked = now
        coming, due, members = self._coming, self._due, self._members
        while coming and coming[0][0] <= self._virtual:
            self.make_due(members[heapq.heappop(coming)[1]], now)
        while due and due[0][0] <= now:
            self.flush(members[heapq.heappop(due)[1]])

    def make_due(self, member: Member, now: float) -> None:
        """Let a member put together what it has seen, as soon as an agent would."""
        if member.is_due:
            return
        member.is_due = True
        link = member.link
        pause_s = link.exchange.session.credit.delay_s if link is not None and link.exchange.is_open else 0.0
        member.window_s = min(MOST_S, max(FLUSH_S, pause_s))
        heapq.heappush(self._due, (now + member.window_s, member.index))

    def flush(self, member: Member) -> None:
        """Put what a member has seen into its spool, and see when the next comes."""
        member.is_due = False
        now = time.time_ns()
        parts: list[Part] = []
        while (end := self._seen(member)) > member.cursor:
            parts += self._told(member, end, now, parts)
            member.cursor = end
            if end == len(member.role.offsets):
                if not self._is_endless:
                    break
                member.cursor, member.base = 0, member.base + member.role.length
        if member.held and (not parts or len(member.held) >= _HELD):
            parts.append(self._late(member, parts))
        if parts:
            member.keep(parts, time.monotonic_ns())
            self._on_written(member, parts, False)
        self._flush_planted(member)
        if member.cursor < len(member.role.offsets):
            heapq.heappush(self._coming, (member.next_moment(), member.index))
        elif member.held:
            self.make_due(member, time.monotonic())
        if member.link is not None:
            member.link.pump()

    def _seen(self, member: Member) -> int:
        """Return behind which event of its story the next batch of a member ends: at its cursor, if there is none.

        A batch holds what an agent would wait for with the first event in it, and that alone, so that copies of a story
        put the same batches together whenever their turn comes.
        """
        offsets, start = member.role.offsets, member.cursor
        limit = min(len(offsets), start + BATCH_EVENTS)
        if start == limit:
            return start
        moment = min(self._virtual - member.base, int(offsets[start]) + member.window_s * self.rate * NS)
        return start + int(np.searchsorted(offsets[start:limit], moment, "right"))

    def warm(self, rate: float) -> None:
        """Encode beforehand what will be told at this rate."""
        for member in {member.role.number: member for member in self._members}.values():
            offsets, start = member.role.offsets, 0
            while start < len(offsets):
                limit = min(len(offsets), start + BATCH_EVENTS)
                moment = int(offsets[start]) + FLUSH_S * rate * NS
                end = start + max(1, int(np.searchsorted(offsets[start:limit], moment, "right")))
                self._templates.of(member.role.number, member.role.pattern, start, end)
                start = end

    def _told(self, member: Member, end: int, now: int, before: list[Part]) -> list[Part]:
        """Return the events up to `end` as a batch, unless they are to be told later."""
        role, start = member.role, member.cursor
        moments = member.base + role.offsets[start:end]
        times = member.clock.dated(self._times(moments, now))
        if self._faults.reorder and len(member.held) < _HELD and self._rng.random() < self._faults.reorder:
            rows = _renamed(copied(role.pattern.rows[start:end]), member)
            member.held += zip(rows, times.tolist(), strict=True)
            return []
        template = self._templates.of(role.number, role.pattern, start, end)
        first = before[-1].last + 1 if before else member.spool.next
        ranks = {rank_of(row[0]) for row in role.pattern.rows[start:end]}
        return [Part(min(ranks), first, first + end - start - 1, template.batch(role.names, times, first))]

    def _times(self, moments: npt.NDArray[np.int64], now: int) -> npt.NDArray[np.int64]:
        """Return when (UTC ns) events happen that stand at these moments of the story."""
        if self._keeps_times:
            return self._started + moments
        return now - ((self._virtual - moments) / self.rate).astype(np.int64)

    def _late(self, member: Member, before: list[Part]) -> Part:
        """Return the events that were held back."""
        first = before[-1].last + 1 if before else member.spool.next
        held, member.held = member.held, []
        times = np.array([time_ns for _, time_ns in held], np.int64)
        data = Template([row for row, _ in held]).batch((), times, first)
        return Part(Rank.PROCESS, first, first + len(held) - 1, data)

    def _flush_planted(self, member: Member) -> None:
        planted, member.planted = member.planted, []
        if not planted:
            return
        first = member.spool.next
        times = np.array([one.dated for one in planted], np.int64)
        data = Template(copied([one.row for one in planted])).batch((), times, first)
        part = Part(Rank.PROCESS, first, first + len(planted) - 1, data)
        member.keep([part], time.monotonic_ns())
        for place, one in enumerate(planted):
            one.epoch, one.number = member.spool.epoch, first + place
        member.waiting_for.extend(planted)
        self._on_written(member, [part], True)


def _renamed(rows: list[Row], member: Member) -> list[Row]:
    """Return events under the names of a member's hospital."""
    found: list[Row] = []
    for kind, fields, moment, _, record, at in rows:
        for name, value in fields.items():
            if isinstance(value, str):
                fields[name] = _replaced(value, member)
        found.append((kind, fields, moment, member.name, record, at))
    return found


def _replaced(text: str, member: Member) -> str:
    data = text.encode("utf-8", "surrogatepass")
    for old, new in member.role.names:
        data = data.replace(old, new)
    return data.decode("utf-8", "surrogatepass")
