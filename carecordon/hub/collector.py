"""Python's collector of circles, and when it is to rest."""

from __future__ import annotations

import contextlib
import gc
from collections.abc import Iterator


@contextlib.contextmanager
def at_rest(*, is_first: bool = True) -> Iterator[None]:
    """Keep the collector off while much is made that stays, and off all that is alive from then on.

    Where it is not the first time, circles that nobody holds are taken away before: else they would stay for ever.
    """
    was_on = gc.isenabled()
    gc.disable()
    try:
        if not is_first:
            gc.collect()
        yield
        gc.freeze()
    finally:
        if was_on:
            gc.enable()
