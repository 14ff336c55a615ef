"""What could not be read of a block or an input: the first told one by one, the rest as one, so that none floods."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from carecordon.model.block import Bad

TOLD = 100
"""Bad records of one input that are told one by one, whatever is wrong with them."""


@dataclass(slots=True)
class BadRecords:
    """The first TOLD; `rest` stands for all others: place and reason of the first of them, and how many there are."""

    told: list[Bad] = field(default_factory=list)
    rest: Bad | None = None

    def __iter__(self) -> Iterator[Bad]:
        """Yield them, the rest last."""
        yield from self.told
        if self.rest is not None:
            yield self.rest

    def add(self, bad: Bad) -> None:
        """Take one in."""
        if len(self.told) < TOLD:
            self.told.append(bad)
        elif self.rest is None:
            self.rest = bad
        else:
            first = min(self.rest, bad, key=lambda one: one.position)
            self.rest = replace(first, count=self.rest.count + bad.count)
