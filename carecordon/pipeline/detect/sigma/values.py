"""What a value says when a rule looks at it: as text, number, address or date."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from datetime import datetime
from math import isfinite

from carecordon.model.event import Scalar, Value

DECIMAL = "|decimal"
"""Suffix of a field whose `0x..` text is read as decimal before rules look at it."""


def text_of(value: Scalar) -> str | None:
    """Return a scalar as the text that rules compare; None for null."""
    if isinstance(value, str):
        return value
    if value is None:
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    return repr(value)


def folded(text: str) -> str:
    """Return the text as it is compared without case; a part of a text folds as it does in the whole.

    Lower case alone does not: it has another sigma at the end of a word than within.
    """
    return text.lower().replace("\N{GREEK SMALL LETTER FINAL SIGMA}", "\N{GREEK SMALL LETTER SIGMA}")


def decimal_of(text: str) -> str:
    """Return a `0x..` process id as decimal text; anything else as it is."""
    if text[:2].lower() == "0x" and len(text) <= 18:
        try:
            return str(int(text, 16))
        except ValueError:
            return text
    return text


def scalars(value: Value) -> Iterator[Scalar]:
    """Yield the elements of a list, or the value itself."""
    if isinstance(value, tuple):
        yield from value
    else:
        yield value


def number_of(value: Scalar) -> float | int | None:
    """Return a number, or text that reads as a decimal one; None for anything else (bool too)."""
    if isinstance(value, bool) or value is None:
        return None
    if isinstance(value, int | float):
        return value
    text = value.strip()
    if len(text) > 64 or "_" in text:
        return None
    try:
        return int(text)
    except ValueError:
        pass
    try:
        figure = float(text)
    except ValueError:
        return None
    return figure if isfinite(figure) else None


def address_of(text: str) -> tuple[int, int] | None:
    """Return (version, address as integer), or None where the text is not one IP address.

    Brackets and zone ids are dropped; an IPv4-mapped IPv6 address counts as its IPv4.
    """
    bare = text.strip()
    if len(bare) > 64:
        return None
    if bare.startswith("[") and bare.endswith("]"):
        bare = bare[1:-1]
    bare = bare.partition("%")[0]
    try:
        address = ipaddress.ip_address(bare)
    except ValueError:
        return None
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    return address.version, int(address)


def network_of(text: str) -> tuple[int, int, int]:
    """Return (version, first, last) of a CIDR range. Raises ValueError if it is none."""
    network = ipaddress.ip_network(text, strict=False)
    return network.version, int(network.network_address), int(network.broadcast_address)


def date_part(text: str, part: str) -> int | None:
    """Return minute, hour, day, week (ISO), month or year of an ISO 8601 date; None if unreadable.

    The zone is neither read nor converted. Source: Sigma modifiers appendix 2.1, time modifiers.
    """
    try:
        date = datetime.fromisoformat(text.strip())
    except ValueError:
        return None
    if part == "week":
        return date.isocalendar().week
    return int(getattr(date, part))
