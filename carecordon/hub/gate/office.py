"""Work that blocks, done in a thread beside the event loop: the register, signing, files."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import structlog

from carecordon.model.errors import TheirFault, defect

MAX_PENDING = 2_000
Answer = TypeVar("Answer")
log = structlog.get_logger("gate")


class Office:
    """One thread that does what it is asked for, in order, and answers in the event loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop, name: str) -> None:
        """Begin; the thread is made when there is something to do."""
        self._loop = loop
        self._name = name
        self._threads = ThreadPoolExecutor(1, name)
        self._pending = 0

    @property
    def is_full(self) -> bool:
        """Return whether so much waits that nothing more is to be asked for on a stranger's behalf."""
        return self._pending >= MAX_PENDING

    def ask(
        self,
        work: Callable[[], Answer],
        then: Callable[[Answer], None],
        otherwise: Callable[[], None] = lambda: None,
    ) -> None:
        """Do `work` in the thread, then call `then` with its answer in the event loop; `otherwise` where it failed."""
        self._pending += 1
        self._loop.create_task(self._do(work, then, otherwise))

    async def wait(self, work: Callable[[], Answer]) -> Answer:
        """Return what `work` returns, done in the thread."""
        return await self._loop.run_in_executor(self._threads, work)

    def close(self) -> None:
        """Finish what was asked for; blocks."""
        self._threads.shutdown(wait=True)

    async def _do(
        self, work: Callable[[], Answer], then: Callable[[Answer], None], otherwise: Callable[[], None]
    ) -> None:
        try:
            answer = await self._loop.run_in_executor(self._threads, work)
        except (OSError, TheirFault) as fault:
            log.warning("work_failed", office=self._name, why=str(fault))
            otherwise()
        except Exception as fault:  # noqa: BLE001  # one device's trouble must not stop the gate
            log.error("work_failed", office=self._name, why=defect(fault))  # noqa: TRY400  # told in words, with its place
            otherwise()
        else:
            then(answer)
        finally:
            self._pending -= 1
