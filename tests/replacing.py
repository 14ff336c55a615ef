"""Something with some of it changed, whichever way its class was made."""

from __future__ import annotations

import dataclasses
from typing import Any, TypeVar

from msgspec import Struct, structs

_T = TypeVar("_T")


def replace(one: _T, /, **changes: Any) -> _T:
    """Return a copy of a frozen dataclass or Struct, changed."""
    given: Any = one
    changed: _T = (structs if isinstance(one, Struct) else dataclasses).replace(given, **changes)
    return changed
