"""A device's own clock: by how much it is off the true time, and how fast it wanders away from it."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

import numpy as np
import numpy.typing as npt

MILLION = 1_000_000


@dataclass(slots=True)
class DeviceClock:
    """Shows the true time, set wrong by `offset_ns`, and since `began` (UTC ns) running fast by `drift_ppm`.

    May be set anew at any time: all that the device says from then on is dated by it.
    """

    offset_ns: int = 0
    drift_ppm: float = 0.0
    began: int = 0

    def at(self, now: int) -> int:
        """Return what it shows when it is `now` (UTC ns)."""
        return now + self.offset_ns + int((now - self.began) * self.drift_ppm / MILLION)

    def dated(self, times: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """Return what it shows at these times (UTC ns)."""
        if not self.drift_ppm:
            return times + self.offset_ns
        return times + self.offset_ns + ((times - self.began) * (self.drift_ppm / MILLION)).astype(np.int64)


def clock_of(seed: int, index: int, off_s: float, drift_ppm: float, now: int) -> DeviceClock:
    """Return the clock of a device, always the same of a seed: at most so far off, and at most so fast or slow."""
    rng = Random(f"{seed}/clock/{index}")  # noqa: S311  # a fleet is to be the same each time
    return DeviceClock(int(rng.uniform(-off_s, off_s) * 1e9), rng.uniform(-drift_ppm, drift_ppm), now)
