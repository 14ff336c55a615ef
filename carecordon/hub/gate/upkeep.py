"""What the gate does by the clock: revocations, who was seen when, the pulse, and a collector that does not stop it."""

from __future__ import annotations

import asyncio
import gc
import time
from collections.abc import Callable
from functools import partial

import structlog

from carecordon.hub.gate.admission import Admission
from carecordon.hub.gate.office import Office
from carecordon.hub.gate.reception import Reception
from carecordon.hub.news.losses import KEPT, Way
from carecordon.hub.pulse import Heart
from carecordon.model.device import Device
from carecordon.register.register import Register

TICK_S = 1.0
REVOKED_S = 2.0
"""How often the register is asked what changed: a revoked device is cut off within this time and a little."""
SEEN_S = 60.0
"""How often it is written down when devices were last heard; where any came or went, at the next tick."""
STEP_S = 0.1
"""How often the loop's own lateness is measured."""
GC_THRESHOLD = (50_000, 20, 1_000_000)
"""The oldest generation is not looked through: with 10,000 sessions that stops the gate for 0.65 s."""
FREEZE_AFTER = 200
"""So many new sessions, and then a calm second: what they are made of is set aside from collection."""
NANOSECONDS = 1_000_000_000
log = structlog.get_logger("gate")


class Upkeep:
    """Turns a wheel in the event loop until it is stopped."""

    def __init__(
        self,
        reception: Reception,
        admission: Admission,
        register: Register,
        office: Office,
        heart: Heart,
        more: Callable[[], dict[str, float]],
    ) -> None:
        """`more` gives figures beside the reception's."""
        self._reception = reception
        self._admission = admission
        self._devices = register.devices
        self._cases = register.cases
        losses = register.cases.troubles(is_over=False, limit=KEPT)
        reception.losses.resume((one for one in losses if one.key.endswith(f"/{Way.NUMBERS}")), time.time_ns())
        self._office = office
        self._heart = heart
        self._more = more
        self._late_s = 0.0
        self._cpu_s = time.process_time()
        self._sessions_then = 0
        self._frozen_at = 0
        self._is_asking = False

    async def turn(self) -> None:
        """Go on until cancelled."""
        gc.collect()
        gc.freeze()
        gc.set_threshold(*GC_THRESHOLD)
        last_tick = last_ask = last_seen = self._now_s()
        while True:
            due = self._now_s() + STEP_S
            await asyncio.sleep(STEP_S)
            now = self._now_s()
            self._late_s = max(self._late_s, now - due)
            if now - last_ask >= REVOKED_S:
                last_ask = now
                self.ask_register()
            if now - last_tick >= TICK_S:
                is_due = now - last_seen >= SEEN_S
                last_seen = now if is_due else last_seen
                self._write_seen(self._reception.take_seen(is_due=is_due))
                if losses := self._reception.losses.news(time.time_ns()):
                    self._office.ask(partial(self._cases.trouble, losses), _done)
                self._tick(now - last_tick)
                last_tick = now

    def _now_s(self) -> float:
        return self._reception.clock() / NANOSECONDS

    def ask_register(self) -> None:
        """Ask what changed, and judge those sessions again."""
        if not self._is_asking:
            self._is_asking = True
            self._office.ask(self._admission.changes, self._changed, self._not_told)

    def _write_seen(self, seen: dict[str, int]) -> None:
        """Write down when devices were last heard; where that fails it is tried again."""
        if seen:
            self._office.ask(partial(self._devices.seen, seen), _done, partial(self._reception.put_back, seen))

    def _changed(self, changes: tuple[int, list[Device]]) -> None:
        self._is_asking = False
        changed = self._admission.take(changes)
        if changed:
            self._reception.changed(changed)

    def _not_told(self) -> None:
        self._is_asking = False

    def _tick(self, elapsed_s: float) -> None:
        reception = self._reception
        reception.tick()
        cpu_s, self._cpu_s = self._cpu_s, time.process_time()
        reception.pressure.load((self._cpu_s - cpu_s) / elapsed_s, reception.figures.messages_per_s(elapsed_s))
        figures = reception.told() | self._more() | {"loop_lag_ms": self._late_s * 1_000}
        self._late_s = 0.0
        self._office.ask(partial(self._heart.beat, time.time_ns(), figures), _done)
        self._freeze(reception.figures.totals["sessions_begun"])

    def _freeze(self, begun: int) -> None:
        """Set aside what a burst of new sessions left, once it is over."""
        is_calm = begun == self._sessions_then
        self._sessions_then = begun
        if is_calm and begun - self._frozen_at >= FREEZE_AFTER:
            self._frozen_at = begun
            gc.collect(1)
            gc.freeze()


def _done(_: None) -> None:
    """Go on: there is no answer."""
