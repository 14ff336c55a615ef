"""What a kind of database gives the register: how to make or renew it, and how to open it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from carecordon.register.register import Register


@dataclass(frozen=True, slots=True)
class Backend:
    """One kind of database. `place` is its own: a path, later an address.

    `prepare(place)`: make the tables, or bring those of an older program up to date; called by `hub init` and `hub up`
    before any process opens it. Raises TheirFault where a newer program has been at it.
    `open_register(place)`: open what is prepared. Raises TheirFault where it is not, with what to do.
    """

    name: str
    prepare: Callable[[str], None]
    open_register: Callable[[str], Register]
