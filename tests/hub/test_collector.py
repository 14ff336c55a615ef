"""The collector rests while much is made, whatever comes of it, and is as it was before."""

from __future__ import annotations

import gc
import weakref

import pytest

from carecordon.hub.collector import at_rest


class Circle:
    """Something that holds itself."""

    def __init__(self) -> None:
        self.whole = self


@pytest.mark.parametrize("was_on", [True, False])
@pytest.mark.parametrize("fails", [True, False])
def test_it_is_on_again_where_it_was_on(was_on: bool, fails: bool) -> None:
    before = gc.isenabled()
    (gc.enable if was_on else gc.disable)()
    try:
        with pytest.raises(OSError, match="full") if fails else at_rest(), at_rest():
            assert not gc.isenabled()
            if fails:
                raise OSError("full")
        assert gc.isenabled() is was_on
    finally:
        gc.unfreeze()
        (gc.enable if before else gc.disable)()


@pytest.mark.parametrize("is_first", [True, False])
def test_what_nobody_holds_stays_only_the_first_time(is_first: bool) -> None:
    gc.disable()
    try:
        there = weakref.ref(Circle())
        with at_rest(is_first=is_first):
            pass
        gc.collect()
        assert (there() is not None) is is_first
    finally:
        gc.enable()
        gc.unfreeze()
        gc.collect()
