"""What is wrong with a call whose query or body does not fit, in a sentence: where, what, and what would be taken.

Nothing that was sent is told again: a body may hold a secret.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

TOLD = 5
"""Faults of one call that are told one by one."""
NAME_CHARS = 60
WHERE = "what is taken stands in /api/v1/openapi.json"
_WORDS = {
    "missing": "it is missing",
    "extra_forbidden": "nothing has this name here: leave it out",
    "greater_than_equal": "give {ge} or more",
    "greater_than": "give more than {gt}",
    "less_than_equal": "give {le} or less",
    "less_than": "give less than {lt}",
    "string_too_short": "give at least {min_length} characters",
    "string_too_long": "give at most {max_length} characters",
    "too_short": "give at least {min_length} of them",
    "too_long": "give at most {max_length} of them",
    "string_pattern_mismatch": "it has another form than {pattern}",
    "enum": "give one of {expected}",
    "string_type": "give a text",
    "list_type": "give a list",
    "int_type": "give a whole number",
    "int_parsing": "give a whole number",
    "int_parsing_size": "give a smaller number",
    "int_from_float": "give a whole number",
    "float_type": "give a number",
    "float_parsing": "give a number",
    "finite_number": "give a number that is not infinite",
    "model_attributes_type": "give an object of JSON, and say so: `content-type: application/json`",
}
"""By pydantic's names of what can be wrong. Source: pydantic documentation, "Validation Errors"."""


def unfit(faults: Sequence[Mapping[str, Any]]) -> str:
    """Return what is wrong, for the faults that pydantic found in a call."""
    told = [_fault(one) for one in faults[:TOLD]]
    if len(faults) > TOLD:
        told.append(f"{len(faults) - TOLD} more faults")
    return "; ".join([*told, WHERE])


def _fault(fault: Mapping[str, Any]) -> str:
    part, *inside = fault["loc"]
    if fault["type"] == "json_invalid":
        return f"{part}: it is no JSON, from character {inside[0]} on"
    words = _WORDS.get(fault["type"])
    said = str(fault["msg"]) if words is None else words.format_map(fault.get("ctx", {}))
    name = "".join(f"[{one}]" if isinstance(one, int) else f".{one}" for one in inside).removeprefix(".")
    return f"{part} `{name[:NAME_CHARS]}`: {said}" if name else f"{part}: {said}"
