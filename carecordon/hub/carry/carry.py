"""The process that empties the outbox: `python -m carecordon.hub.carry DATA KEYS`.

A notice is marked before it goes and after it has arrived. A crash between the two leaves it marked as on its way, and
then it goes once more under the same id: at most one repeat, never a loss. Each receiver has a task of its own, so that
none waits for another; one that takes nothing is left alone for a while, and its notices wait.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

import structlog

from carecordon.hub.carry.alarms import Alarms
from carecordon.hub.carry.receivers import targets
from carecordon.hub.config import Paths, read_settings
from carecordon.hub.process import Process
from carecordon.model.errors import TheirFault, defect
from carecordon.model.match import Level
from carecordon.model.notice import LONGEST_WAIT_NS, NoticeRow
from carecordon.notify.channel import Delivered, Gone, Later, Outcome, Target
from carecordon.notify.channels import CHANNELS
from carecordon.notify.digest import MINUTE_NS, digest_of, plan
from carecordon.notify.notice import Notice, decode
from carecordon.notify.retry import GIVE_UP_S, MOST_S, wait_s
from carecordon.register.backends.sqlite import SQLITE
from carecordon.register.register import Outbox

NS = 1_000_000_000
LOOK_S = 0.3
"""How long a notice may lie before it is looked for."""
ALARMS_S = 10.0
"""How long a trouble may last before it is put in the outbox."""
AT_ONCE = 2_000
"""Notices of one receiver that are taken from the outbox at a time."""
IN_VAIN_LEAST = 10
"""So often one must have been tried before anything is given up: a clock that jumps ahead makes nothing old."""
NOBODY = "nobody of this name is to be told any more (hub.toml, notify)"

log = structlog.get_logger(process="carry")


@dataclass(slots=True)
class Receiver:
    """One who is told: how, since when in vain, and until when to be left alone (UTC ns)."""

    target: Target
    in_vain: int = 0
    quiet_until: int = 0
    gone: str = ""
    """Why it wants no more, '' while it does."""

    def is_quiet(self, now: int) -> bool:
        """Return whether it is to be left alone; a time beyond the longest wait was set while the clock was ahead."""
        return now < self.quiet_until <= now + LONGEST_WAIT_NS


@dataclass(slots=True)
class Figures:
    """What the pulse tells."""

    delivered: int = 0
    digests: int = 0
    tried_in_vain: int = 0
    given_up: int = 0
    repeats: int = 0

    def told(self) -> dict[str, float]:
        """Return them by the names that the pulse has."""
        return {
            "notices_delivered_total": float(self.delivered),
            "digests_total": float(self.digests),
            "notices_tried_in_vain_total": float(self.tried_in_vain),
            "notices_given_up_total": float(self.given_up),
            "notices_repeated_total": float(self.repeats),
        }


@dataclass(slots=True)
class Carry:
    """Takes what is due from the outbox to its receivers. `clock` UTC ns; `chance` spreads the waits."""

    outbox: Outbox
    receivers: dict[str, Receiver]
    organisation: str
    digest_after: int
    clock: Callable[[], int] = time.time_ns
    chance: Random = field(default_factory=Random)
    figures: Figures = field(default_factory=Figures)
    _busy: dict[str, asyncio.Task[None]] = field(default_factory=dict)
    _is_over: bool = False

    async def run(self, is_over: Callable[[], bool]) -> None:
        """Carry until `is_over`; what is on its way then is still brought to its end."""
        self.figures.repeats = await asyncio.to_thread(self.outbox.resume, self.clock())
        while not is_over():
            await self.look()
            await asyncio.sleep(LOOK_S)
        self._is_over = True
        await self.settled()

    async def look(self) -> None:
        """Let each receiver that is not busy have what is due to it."""
        self._collect()
        now = self.clock()
        by_name: dict[str, list[NoticeRow]] = {}
        busy = {name for name, one in self.receivers.items() if name in self._busy or one.is_quiet(now)}
        for row in await asyncio.to_thread(self.outbox.due, now, AT_ONCE, busy):
            by_name.setdefault(row.channel, []).append(row)
        for name, rows in by_name.items():
            receiver = self.receivers.get(name)
            if receiver is None:
                await asyncio.to_thread(self._give_up, rows, NOBODY)
                continue
            asked = [row for row in rows if row.is_repeat] if receiver.gone else rows  # a person asked for these again
            if receiver.gone:
                await asyncio.to_thread(self._give_up, [row for row in rows if not row.is_repeat], receiver.gone)
            if asked:
                receiver.gone = ""
                self._busy[name] = asyncio.create_task(self._serve(receiver, asked))

    async def settled(self) -> None:
        """Wait until nothing is on its way."""
        await asyncio.gather(*self._busy.values(), return_exceptions=True)
        self._collect()

    def _collect(self) -> None:
        for name in [name for name, task in self._busy.items() if task.done()]:
            fault = self._busy.pop(name).exception()
            if fault is not None:  # the outbox could not be written: what was on its way stays marked, and is resumed
                log.error("a receiver's notices could not be carried", receiver=name, fault=defect(fault))
                raise fault

    async def _serve(self, receiver: Receiver, rows: Sequence[NoticeRow]) -> None:
        """Send what may go now, one after the other, until one does not get through."""
        now = self.clock()
        went = await asyncio.to_thread(self.outbox.went, receiver.target.name, now - MINUTE_NS, now)
        planned = plan(rows, went, self.digest_after, now)
        tried: set[int] = set()
        for group in [*((row,) for row in planned.single), *planned.digests]:
            if self._is_over:
                return
            tried.update(row.number for row in group)
            if not await self._send(receiver, group):
                if receiver.gone:
                    rest = [row for row in rows if row.number not in tried]
                    await asyncio.to_thread(self._give_up, rest, receiver.gone)
                return
        if planned.wait_until is not None and not planned.single and not planned.digests:
            receiver.quiet_until = min(planned.wait_until, self.clock() + NS)

    async def _send(self, receiver: Receiver, rows: Sequence[NoticeRow]) -> bool:
        """Send one notice, or several as a digest; return whether to go on."""
        numbers = [row.number for row in rows]
        try:
            notice = self._notice(rows)
        except TheirFault as fault:
            await asyncio.to_thread(self._give_up, rows, str(fault))
            return True
        is_digest = len(rows) > 1 or bool(rows[0].digest)
        await asyncio.to_thread(self.outbox.begun, numbers, self.clock(), notice.key if is_digest else "")
        outcome = await _sent(notice, receiver.target, self.clock())
        match outcome:
            case Delivered():
                await asyncio.to_thread(self.outbox.done, numbers, self.clock())
                receiver.in_vain = 0
                self.figures.delivered += len(rows)
                self.figures.digests += is_digest
                log.info("told", receiver=receiver.target.name, notices=len(rows), key=notice.key)
                return True
            case Gone(reason):
                receiver.gone = reason
                await asyncio.to_thread(self._give_up, rows, reason)
                return False
            case Later():
                await asyncio.to_thread(self._again, receiver, rows, outcome)
                return False

    def _notice(self, rows: Sequence[NoticeRow]) -> Notice:
        notices = [decode(row.body) for row in rows]
        if len(notices) == 1 and not rows[0].digest:
            return notices[0]
        return digest_of(notices, self.organisation, max(row.made for row in rows))

    def _again(self, receiver: Receiver, rows: Sequence[NoticeRow], outcome: Later) -> None:
        now = self.clock()
        receiver.in_vain += 1
        self.figures.tried_in_vain += 1
        wait = max(outcome.after_s, wait_s(receiver.in_vain, self.chance.random()))
        receiver.quiet_until = now + int(min(wait, MOST_S) * NS)
        log.warning("not told yet", receiver=receiver.target.name, why=outcome.reason, again_in_s=round(wait, 1))
        is_lost = receiver.in_vain >= IN_VAIN_LEAST
        old = [row for row in rows if is_lost and now - row.made > GIVE_UP_S * NS]
        if old:
            self._give_up(old, f"tried for three days: {outcome.reason}")
        rest = [row.number for row in rows if row not in old]
        if rest:
            tries = max(row.tries for row in rows) + 1
            self.outbox.failed(rest, outcome.reason, now + int(wait_s(tries, self.chance.random()) * NS))

    def _give_up(self, rows: Sequence[NoticeRow], why: str) -> None:
        if not rows:
            return
        numbers = [row.number for row in rows]
        self.outbox.begun(numbers, self.clock())  # only what was begun can fail
        self.outbox.failed(numbers, why, None)
        self.figures.given_up += len(rows)
        log.error("given up", receiver=rows[0].channel, notices=len(rows), why=why)


async def _sent(notice: Notice, target: Target, now: int) -> Outcome:
    """Return what became of a notice; settings that cannot be used are a reason to wait for better ones."""
    try:
        return await CHANNELS[target.channel].send(notice, target, now)
    except TheirFault as fault:
        return Later(str(fault), MOST_S)
    except Exception as fault:  # noqa: BLE001  # one receiver must not stop the others
        return Later(defect(fault), MOST_S)


async def _main(process: Process, paths: Paths) -> None:
    settings = read_settings(paths.settings)
    register = SQLITE.open_register(str(paths.register))
    try:
        found = {name: Receiver(target) for name, target in targets(settings.notify, paths.keys).items()}
        carry = Carry(register.outbox, found, settings.name, settings.notify.digest_after)
        alarms = Alarms(register, settings.name, tuple(found), Level(settings.notify.level))
        process.ready()
        process.log.info("carrying", receivers=sorted(found))
        beside = asyncio.gather(_beat(process, carry), _watch(process, alarms))
        await carry.run(lambda: process.is_stopping)
        await beside
    finally:
        register.close()


async def _watch(process: Process, alarms: Alarms) -> None:
    """Look for what is wrong with the hub: here, so that it is told where triage itself does not go on."""
    looked: float | None = None
    while not process.is_stopping:
        if looked is None or time.monotonic() - looked >= ALARMS_S:
            looked = time.monotonic()
            try:
                if count := await asyncio.to_thread(alarms.look, time.time_ns()):
                    process.log.info("to be told of troubles", count=count)
            except Exception as fault:  # noqa: BLE001  # one look that fails must end neither the next nor the carrying
                process.log.warning("troubles were not looked at", fault=defect(fault))
        await asyncio.sleep(LOOK_S)


async def _beat(process: Process, carry: Carry) -> None:
    while not process.is_stopping:
        states = await asyncio.to_thread(carry.outbox.count)
        process.beat(carry.figures.told() | {f"notices_{state}": float(count) for state, count in states.items()})
        await asyncio.sleep(LOOK_S)


def main() -> None:
    """Carry until somebody asks for an end."""
    paths = Paths(Path(sys.argv[1]), Path(sys.argv[2]))
    process = Process("carry", paths)
    try:
        asyncio.run(_main(process, paths))
    except TheirFault as fault:
        process.log.error("cannot carry", why=str(fault))  # noqa: TRY400  # whose fault it is stands in the text
        sys.exit(2)
    process.log.info("stopped")
