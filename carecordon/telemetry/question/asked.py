"""Rebuilding a question, for processes that may never be asked one: the parser comes with the first question.

It takes a tenth of a second to import, in each process that does, which no start has to wait for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from carecordon.telemetry.answer import Denied
from carecordon.telemetry.question.parameters import Parameters

if TYPE_CHECKING:
    from carecordon.telemetry.question.prepared import Rebuilt


def rebuild(sql: str, parameters: Parameters | None = None) -> Rebuilt | Denied:
    """Return what `telemetry.question.rebuild` does."""
    from carecordon.telemetry.question import rebuild as parser  # noqa: PLC0415  # with the first question, see above

    return parser.rebuild(sql, parameters)
