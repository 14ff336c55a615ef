"""Why a rule will not run: the reason, and the keys that lead to the offending place in its document."""

from __future__ import annotations

from carecordon.model.errors import TheirFault

Step = str | int
"""A key of a mapping, or a 0-based index of a list."""


class BadRule(TheirFault):
    """A document, or a part of one, that cannot become a rule.

    `where` leads from the document's top to the key at fault; with `at_value` the value
    beside the key is meant. Each floor of the reading adds its own keys with `under`.
    """

    def __init__(self, reason: str, *where: Step, at_value: bool = False) -> None:
        super().__init__(reason)
        self.reason = reason
        self.where = where
        self.at_value = at_value

    def under(self, *keys: Step) -> BadRule:
        """Return the same refusal seen from `keys` further up."""
        return BadRule(self.reason, *keys, *self.where, at_value=self.at_value)
