"""One JSON record: decoded fast, rescued where that is safe, refused with a reason otherwise."""

from __future__ import annotations

import json
import math
import re
from typing import Any

import orjson

MAX_RECORD = 16 * 1024 * 1024
"""The longest record that is read, in bytes. Windows cuts an event at 64 KiB, a collector adds some."""
TOO_LONG = f"the record is longer than {MAX_RECORD >> 20} MiB and was skipped"
_HALF_PAIR = re.compile("[\ud800-\udfff]")
_LARGE = 1024 * 1024
_MAX_VALUES = 500_000
"""In a record larger than 1 MiB: Python needs about 70 bytes a value, however short it is written."""


def decode(text: bytes) -> dict[str, Any] | str:
    """Return the object that `text` (UTF-8) holds, or the reason why it holds none."""
    if len(text) > _LARGE:
        if len(text) > MAX_RECORD:
            return TOO_LONG
        if text.count(b",") + text.count(b"{") + text.count(b"[") > _MAX_VALUES:
            return f"the record holds more than {_MAX_VALUES:,} values and was skipped"
    try:
        document = orjson.loads(text)
    except orjson.JSONDecodeError:
        return _rescue(text)
    return document if isinstance(document, dict) else _not_an_object(document)


def _rescue(text: bytes) -> dict[str, Any] | str:
    """Return the object of a record that the strict reader refuses, as that reader would have liked it, or the reason.

    Bytes that are no UTF-8 and halves of surrogate pairs become U+FFFD; NaN, infinities and
    numbers that no float holds become texts.
    """
    try:
        document = json.loads(text.decode("utf-8", "replace"), parse_constant=str, parse_float=_number)
        document = orjson.loads(_HALF_PAIR.sub("\ufffd", json.dumps(document, ensure_ascii=False)))
    except RecursionError:
        return "the record is nested too deep"
    except ValueError as fault:
        return f"not JSON: {str(fault)[:200]}"
    return document if isinstance(document, dict) else _not_an_object(document)


def _number(text: str) -> float | str:
    value = float(text)
    return value if math.isfinite(value) else text


def _not_an_object(document: object) -> str:
    return f"the record is no JSON object but {type(document).__name__}"
