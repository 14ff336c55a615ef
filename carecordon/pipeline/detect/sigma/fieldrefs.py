"""Comparisons between two fields of one event (`fieldref`)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from carecordon.pipeline.detect.sigma.ir import Atom, Op
from carecordon.pipeline.detect.sigma.values import DECIMAL, decimal_of, folded, scalars, text_of

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
        self.names = (self._field.removesuffix(DECIMAL), self._other.removesuffix(DECIMAL))
        self._cased = atom.cased
        self._compare = COMPARE[atom.op]

    def holds(self, fields: Mapping[str, Any]) -> bool:
        """Return whether the comparison holds for this event. Raises TypeError where a value is a list or mapping."""
        name, other_name = self.names
        others = self._texts(fields.get(other_name), is_decimal=self._other is not other_name)
        texts = self._texts(fields.get(name), is_decimal=self._field is not name) if others else ()
        return any(self._compare(text, other) for text in texts for other in others)

    def _texts(self, value: Any, *, is_decimal: bool) -> list[str]:
        if isinstance(value, list | dict):
            raise TypeError("not hardened yet")
        texts = [text for part in scalars(value) if (text := text_of(part)) is not None]
        if is_decimal:
            texts = [decimal_of(text) for text in texts]
        return texts if self._cased else [folded(text) for text in texts]
