"""A batch encoded once, with holes: for the names of another hospital's copy, for times and for numbers.

Many devices of a fleet tell the same story; what differs has the same length, so that a batch of one device becomes one
of another by replacing bytes, for a tenth of what encoding it anew would cost.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import numpy as np
import numpy.typing as npt
import zstandard

from carecordon.model.batch import Row, Rows
from carecordon.model.gather import gather
from carecordon.wire import codec, frame
from carecordon.wire.dictionary import LATEST, dictionary

_LOW = 1 << 62
"""Times and numbers from here on stand for holes: no event has them."""

Names = Sequence[tuple[bytes, bytes]]
"""What is written instead of what; both have one length."""


class Template:
    """Some events of a recording as a batch."""

    __slots__ = ("_after", "_before", "_between", "events")

    def __init__(self, rows: Sequence[Row]) -> None:
        """Encode the events once."""
        self.events = len(rows)
        given = Rows.of(rows)
        given.times = [_LOW + 2 * number for number in range(len(rows))]
        given.positions = [_LOW + 2 * number + 1 for number in range(len(rows))]
        table = gather(given)
        raw = frame.unpack(codec.encode(table))
        times, numbers = table.time.astype("<i8").tobytes(), table.sequence.astype("<i8").tobytes()
        first, second = raw.index(times), raw.index(numbers)
        size = 8 * len(rows)
        self._before = raw[:first]
        self._between = raw[first + size : second]
        self._after = raw[second + size :]

    def batch(self, names: Names, times: npt.NDArray[np.int64], first: int) -> bytes:
        """Return the batch with these names, times (UTC ns) and numbers from `first` on."""
        before, after = self._before, self._after
        for old, new in names:
            before, after = before.replace(old, new), after.replace(old, new)
        numbers = np.arange(first, first + self.events, dtype="<i8")
        return _packer().compress(
            b"".join((before, times.astype("<i8").tobytes(), self._between, numbers.tobytes(), after))
        )


@cache
def _packer() -> zstandard.ZstdCompressor:
    """Return what packs as the codec does."""
    return zstandard.ZstdCompressor(level=frame.LEVEL, dict_data=dictionary(LATEST, frame.LEVEL))
