"""A format: one form that a result can be told in."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, tzinfo

from carecordon.model.result import Result


@dataclass(frozen=True, slots=True)
class View:
    """What the reader's side decides: how many columns there are, the zone of times, and whether `is_brief`.

    Briefly told, a page for a person has the incidents and counts; the matches themselves are left out.
    """

    width: int = 100
    zone: tzinfo = UTC
    is_brief: bool = False


@dataclass(frozen=True, slots=True)
class Format:
    """One form of telling.

    `tell` returns the text piece by piece, line ends included, to be written as UTF-8 and
    with line ends left alone. It keeps no findings but what it must show. Formats for
    programs take no notice of the view.
    """

    name: str
    tell: Callable[[Result, View], Iterator[str]]
