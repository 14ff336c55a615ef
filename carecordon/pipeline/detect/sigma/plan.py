"""What is to be asked of one kind of event: which fields, which atoms, which rules.

An event of the kind becomes a signature: per field one small number that stands for the
set of atoms its value satisfies. Rules are judged once a signature; an event with a
signature that was seen costs a few dictionary look-ups, however many rules there are.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping
from itertools import repeat
from operator import getitem
from typing import Any

from carecordon.model.batch import HEADER
from carecordon.model.event import Kind, Value
from carecordon.pipeline.detect.sigma.fieldrefs import FieldReference
from carecordon.pipeline.detect.sigma.ir import REF_OPS, Atom
from carecordon.pipeline.detect.sigma.matcher import ABSENT, NOTHING, Absent, FieldMatcher, Truths
from carecordon.pipeline.detect.sigma.memo import Memo, ValueMemo
from carecordon.pipeline.detect.sigma.nodes import Known, Test, atoms_of, demand, fold
from carecordon.pipeline.detect.sigma.program import KEYWORDS, Program, Variant
from carecordon.pipeline.detect.sigma.values import DECIMAL, decimal_of

Outcome = tuple[Variant, ...]
CONSTANTS = ("Channel", "EventID", "Provider_Name")
MAX_SIGNATURES = 20_000


class Slot:
    """One field of a plan: numbers the sets of the plan's atoms that its values satisfy."""

    def __init__(self, matcher: FieldMatcher, atoms: Truths, *, decimal: bool) -> None:
        """Take the field's matcher and those of its atoms that this plan asks for."""
        self._matcher = matcher
        self._atoms = atoms
        self._decimal = decimal
        self._numbers: dict[tuple[Truths, bool], int] = {}
        self.sets: list[Truths] = []
        self.memo = ValueMemo(self._number)
        self.absent: int = self.memo[ABSENT]

    def _number(self, value: Value | Absent) -> int:
        if self._decimal and isinstance(value, str):
            value = decimal_of(value)
        key = (self._matcher.truths(value) & self._atoms, value is ABSENT)
        number = self._numbers.get(key)
        if number is None:
            number = self._numbers[key] = len(self.sets)
            self.sets.append(key[0])
        return number


class Plan:
    """The rules that can speak of one kind of event. `events` counts those seen."""

    def __init__(self, program: Program, kind: Kind) -> None:
        """Fold what the kind decides into its rules and lay out the fields the rest asks for."""
        self.kind = kind
        self.events = 0
        self.variants: list[Variant] = []
        self._tests: list[Test] = []
        self._fold(program, kind)
        asked = frozenset().union(*map(atoms_of, self._tests))
        fields: dict[str, set[int]] = defaultdict(set)
        self._references: list[tuple[int, FieldReference]] = []
        for number in asked:
            atom: Atom = program.atoms[number]
            if atom.op in REF_OPS:
                self._references.append((number, FieldReference(atom)))
            else:
                fields[atom.field].add(number)
        self.keywords: Truths = frozenset(fields.pop(KEYWORDS, ()))
        self.names = tuple(sorted(fields))
        self.keys = tuple(name.removesuffix(DECIMAL) for name in self.names)
        self.slots = [
            Slot(program.matcher(name), frozenset(fields[name]), decimal=name.endswith(DECIMAL)) for name in self.names
        ]
        names_asked = {*self.keys, *(name for _, reference in self._references for name in reference.names)}
        self.asks_header = not names_asked.isdisjoint(HEADER)
        self.asks_inside = any("." in name for name in names_asked)
        self.memos = tuple(slot.memo for slot in self.slots)
        self.carried = [False] * len(self.slots)
        self.signatures = Memo(self._judge, MAX_SIGNATURES)
        self._keyword_truths: Callable[[Any], Truths] = program.matcher(KEYWORDS).truths
        self.has_references = bool(self._references)
        self._possible_in = program.keywords.possible_in
        self._index(program.rarity)

    def _fold(self, program: Program, kind: Kind) -> None:
        known: Truths = NOTHING
        truths: Truths = NOTHING
        if kind.bound is None:
            for name, value in zip(CONSTANTS, (kind.channel, kind.event_id, kind.provider), strict=True):
                matcher = program.matcher(name)
                known |= matcher.numbers
                truths |= matcher.truths(ABSENT if value is None else value)
        for variant in program.variants(kind):
            test = fold(variant.test, known, truths)
            if not (isinstance(test, Known) and not test.value):
                self.variants.append(variant)
                self._tests.append(test)

    def _index(self, rarity: list[int]) -> None:
        self._by_atom: dict[int, list[int]] = defaultdict(list)
        self._always: list[int] = []
        for index, test in enumerate(self._tests):
            needed = demand(test, rarity)
            if needed is None:
                self._always.append(index)
            for atom in needed or ():
                self._by_atom[atom].append(index)

    def signature(self, fields: Mapping[str, Any], possible: Truths) -> tuple[Any, ...]:
        """Return the signature of an event; `possible` are the keywords that may stand in it.

        Raises TypeError where a value is still a list or mapping.
        """
        signature = tuple(map(getitem, self.memos, map(fields.get, self.keys, repeat(ABSENT))))
        if self.has_references or not self.keywords.isdisjoint(possible):
            extra = self._extra(fields, self.keywords & possible)
            if extra:
                return (*signature, extra)
        return signature

    def _extra(self, fields: Mapping[str, Any], keywords: Truths) -> Truths:
        """Return the truths that no single field decides: keywords and comparisons between fields."""
        found: set[int] = {number for number, reference in self._references if reference.holds(fields)}
        if keywords and not keywords.isdisjoint(self._possible_in(fields)):
            found.update(NOTHING.union(*map(self._keyword_truths, fields.values())) & keywords)
        return frozenset(found)

    def _judge(self, signature: tuple[Any, ...]) -> Outcome:
        """Return the variants whose rules hold for every event of this signature."""
        truths = frozenset().union(
            *(slot.sets[number] for slot, number in zip(self.slots, signature, strict=False)),
            *signature[len(self.slots) :],
        )
        for index, (slot, number) in enumerate(zip(self.slots, signature, strict=False)):
            if number != slot.absent:
                self.carried[index] = True
        candidates = set(self._always)
        for atom in truths:
            candidates.update(self._by_atom.get(atom, ()))
        return tuple(self.variants[index] for index in sorted(candidates) if self._tests[index].holds(truths))
