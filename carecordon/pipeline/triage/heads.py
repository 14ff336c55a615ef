"""The heads of rules: each is one object here and one record, by which other records name it.

A rule that matches on ten thousand devices stands in ten thousand units. Only where the earliest event of a unit has
another head than the unit (of a rule that was changed, of a correlation's event) does its body say that whole.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

import msgspec

from carecordon.model.match import Level, RuleHead

NAMED = "\0"
"""How the id of a head begins that stands for another: no rule's id has it, and the name of its record follows."""
NAME_BYTES = 16


class _Name(RuleHead, frozen=True, omit_defaults=True):
    """What stands for a head in a record: an id, and nothing of what may be left out."""


class Heads:
    """All heads that were met."""

    def __init__(self) -> None:
        """Begin with none."""
        self._known: dict[RuleHead, RuleHead] = {}
        self._names: dict[RuleHead, RuleHead] = {}
        self._of_name: dict[str, RuleHead] = {}
        """By the ids that stand for them: those that have a record, or will have one."""
        self._unwritten: dict[str, RuleHead] = {}

    def one(self, head: RuleHead) -> RuleHead:
        """Return the one object for heads that are equal to this."""
        return self._known.setdefault(head, head)

    def name(self, head: RuleHead) -> RuleHead:
        """Return what stands for a head in a record."""
        name = self._names.get(head)
        if name is None:
            text = _text(head)
            name = self._names[head] = _Name(NAMED + text, "", Level.INFORMATIONAL, (), "", 0)
            if name.id not in self._of_name:
                self._of_name[name.id] = self._unwritten[text] = self.one(head)
        return name

    def remake(self, heads: Iterable[RuleHead]) -> None:
        """Write these again where no record of them is there: a name is made of its head alone."""
        for head in heads:
            text = _text(head)
            if NAMED + text not in self._of_name:
                self._of_name[NAMED + text] = self._unwritten[text] = self.one(head)

    def forget_all_but(self, used: Iterable[RuleHead]) -> list[str]:
        """Forget the heads that are none of these objects; return the names of their records."""
        kept = set(map(id, used))
        gone = [name for name, head in self._of_name.items() if id(head) not in kept]
        for name in gone:
            del self._of_name[name]
            self._unwritten.pop(name.removeprefix(NAMED), None)
        return [name.removeprefix(NAMED) for name in gone]

    def of(self, name: str) -> RuleHead | None:
        """Return the head that the id of what `name` returns stands for; None where its record was not read yet."""
        return self._of_name.get(name)

    def named(self, name: RuleHead) -> RuleHead | None:
        """Return the head that this stands for, itself where it is one; None where the record was not read yet."""
        found = self._of_name.get(name.id)
        return self.one(name) if found is None and not name.id.startswith(NAMED) else found

    def take(self, text: str, head: RuleHead) -> None:
        """Take in what was read under a name."""
        self._of_name[NAMED + text] = self.one(head)

    def unwritten(self) -> dict[str, RuleHead]:
        """Return those that were named since this was last asked, by the name of their record."""
        found, self._unwritten = self._unwritten, {}
        return found


def _text(head: RuleHead) -> str:
    return hashlib.sha256(msgspec.msgpack.encode(head)).hexdigest()[: 2 * NAME_BYTES]
