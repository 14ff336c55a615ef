"""Comparisons between two fields of one event (`fieldref`)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from carecordon.pipeline.detect.sigma.ir import Atom, Op
from carecordon.pipeline.detect.sigma.values import scalars, text_of

COMPARE: Mapping[Op, Callable[[str, str], bool]] = {
    Op.REF_EQ: str.__eq__,
    Op.REF_STARTS: str.startswith,
    Op.REF_ENDS: str.endswith,
    Op.REF_CONTAINS: str.__contains__,
}


class FieldReference:
    """Holds where some value of one field compares with some value of the other; null never does."""

    def __init__(self, atom: Atom) -> None:
        """Take an atom whose op is one of REF_OPS."""
        self._field = atom.field
        self._other = str(atom.value)
        self._cased = atom.cased
        self._compare = COMPARE[atom.op]

    def holds(self, fields: Mapping[str, Any]) -> bool:
        """Return whether the comparison holds for this event."""
        others = self._texts(fields.get(self._other))
        return bool(others) and any(
            self._compare(text, other) for text in self._texts(fields.get(self._field)) for other in others
        )

    def _texts(self, value: Any) -> list[str]:
        texts = (text_of(part) for part in scalars(tuple(value) if isinstance(value, list) else value))
        return [text if self._cased else text.lower() for text in texts if text is not None]
