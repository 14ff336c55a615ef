"""What a device saw: the kind of an event, its header and its fields in Sigma names."""

from __future__ import annotations

from typing import NamedTuple

Scalar = str | int | float | bool | None
Value = Scalar | tuple[Scalar, ...]
"""A field's value. Absent, null and '' differ; a list is a tuple. bool never counts as a number."""

Fields = dict[str, Value]


class LogSource(NamedTuple):
    """What a Sigma rule asks for, or what `--logsource` binds by hand (lower case; None = any)."""

    product: str | None = None
    category: str | None = None
    service: str | None = None


class Kind(NamedTuple):
    """Which sort of event this is: decides which rules can speak of it.

    A Windows event has channel, provider and event id as it gives them itself. Other
    events are bound to a log source by hand and have only `bound`.
    """

    channel: str | None
    provider: str | None
    event_id: int | None
    bound: LogSource | None = None
