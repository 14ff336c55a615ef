"""Values beside a question, `{name:Type}`: put in as literals, so that no value is ever read as SQL."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from sqlglot import exp

Parameter = str | int | Sequence[str] | Sequence[int]
Parameters = Mapping[str, Parameter]
_WHOLE = re.compile(r"-?[0-9]{1,19}")


def literal_of(kind: str, value: Parameter) -> exp.Expr | None:
    """Return a value as a literal of a type, whatever stands before it; None where it is none of that type."""
    inner = re.fullmatch(r"Array\((String|Int64|UInt64)\)", kind)
    if inner is not None:
        if isinstance(value, str | int):
            return None
        made = [literal_of(inner.group(1), one) for one in value]
        return None if None in made else exp.Array(expressions=made)
    if kind == "String":
        return exp.Literal.string(value) if isinstance(value, str) else None
    if kind in ("Int64", "UInt64") and isinstance(value, str | int) and _WHOLE.fullmatch(str(value)):
        number = int(value)
        made_number = exp.Literal.number(str(abs(number)))
        return exp.Paren(this=exp.Neg(this=made_number)) if number < 0 else made_number
    return None
