"""What is to be asked of one kind of event: which fields, which atoms, which rules.

An event of the kind becomes a signature: per field one small number that stands for the
set of atoms its value satisfies. Rules are judged once a signature; an event with a
signature that was seen costs a few dictionary look-ups, however many rules there are.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import repeat
from operator import getitem
from typing import Any

from carecordon.model.batch import HEADER
from carecordon.model.event import Kind, Value
from carecordon.pipeline.detect.sigma.fieldrefs import FieldReference
from carecordon.pipeline.detect.sigma.ir import REF_OPS
from carecordon.pipeline.detect.sigma.masks import mask_of, masked
from carecordon.pipeline.detect.sigma.matcher import ABSENT, NOTHING, Absent, Truths
from carecordon.pipeline.detect.sigma.memo import Allowance, Memo, ValueMemo
from carecordon.pipeline.detect.sigma.nodes import Known, Test, atoms_of, demand, fold
from carecordon.pipeline.detect.sigma.program import CONSTANTS, KEYWORDS, Program, Shape, Variant
from carecordon.pipeline.detect.sigma.values import DECIMAL, decimal_of

Outcome = tuple[Variant, ...]
MAX_SIGNATURES = 20_000
MAX_SETS = 4_096
"""Sets of atoms that a field's values may give; a plan with more begins anew before the next batch."""


class Slot:
    """One field of a plan: numbers the sets of the plan's atoms that its values satisfy.

    By number: `masks` the atoms as the plan's bits, `candidates` the rules that demand one of them.
    """

    def __init__(
        self,
        ask: Callable[[Any], Truths],
        bits: Mapping[int, int],
        allowance: Allowance,
        on_crowd: Callable[[], None],
    ) -> None:
        """Take the field's question, the bits of the atoms that this plan asks for, and whom to tell of too many."""
        self._ask = ask
        self._on_crowd = on_crowd
        self._bits = bits
        self._numbers: dict[tuple[int, bool], int] = {}
        self._by_atom: Mapping[int, Sequence[int]] = {}
        self.masks: list[int] = []
        self.candidates: list[frozenset[int]] = []
        self.memo = ValueMemo(self._number, allowance=allowance)
        self.absent = 0

    def open(self, by_atom: Mapping[int, Sequence[int]]) -> None:
        """Begin, with the rules that demand each atom."""
        self._by_atom = by_atom
        self.absent = self.memo[ABSENT]

    def forget(self) -> None:
        """Begin anew: no number given before means anything."""
        self.memo.forget()
        self._numbers.clear()
        self.masks.clear()
        self.candidates.clear()
        self.absent = self.memo[ABSENT]

    def _number(self, value: Value | Absent) -> int:
        bits = self._bits
        atoms = [atom for atom in self._ask(value) if atom in bits]
        key = (mask_of(atoms, bits), value is ABSENT)
        number = self._numbers.get(key)
        if number is None:
            number = self._numbers[key] = len(self.masks)
            self.masks.append(key[0])
            self.candidates.append(frozenset(rule for atom in atoms for rule in self._by_atom.get(atom, ())))
            if number == MAX_SETS:
                self._on_crowd()
        return number


class Plan:
    """The rules that can speak of the kinds of one shape. `kind` is one of these; `events` counts those seen."""

    def __init__(self, program: Program, kind: Kind, shape: Shape) -> None:
        """Fold what the shape decides into its rules and lay out the fields the rest asks for."""
        self.kind = kind
        self.events = 0
        self.variants: list[Variant] = []
        tests = self._fold(program, shape)
        asked = sorted(frozenset().union(*map(atoms_of, tests)))
        self._bits = {atom: 1 << place for place, atom in enumerate(asked)}
        fields: dict[str, list[int]] = defaultdict(list)
        self._references: list[tuple[int, FieldReference]] = []
        for number in asked:
            atom = program.atoms[number]
            if atom.op in REF_OPS:
                self._references.append((number, FieldReference(atom)))
            else:
                fields[atom.field].append(number)
        self.keywords: Truths = frozenset(fields.pop(KEYWORDS, ()))
        self._keyword_truths: Callable[[Any], Truths] = program.matcher(KEYWORDS).truths
        self._possible_in = program.keywords.possible_in
        self.slots = [self._slot(program, name, fields[name]) for name in sorted(fields)]
        self.keys = tuple(name.removesuffix(DECIMAL) for name in sorted(fields))
        self.memos = tuple(slot.memo for slot in self.slots)
        self.carried = [False] * len(self.slots)
        self.signatures = Memo(self._judge, MAX_SIGNATURES)
        self._tests = [masked(test, self._bits) for test in tests]
        self._index(tests, program.rarity)
        self._lay_out()

    def _slot(self, program: Program, name: str, atoms: Iterable[int]) -> Slot:
        ask = program.matcher(name).truths
        if name.endswith(DECIMAL):
            as_it_stands = ask

            def ask(value: Value | Absent) -> Truths:
                return as_it_stands(decimal_of(value) if isinstance(value, str) else value)

        bits = {atom: self._bits[atom] for atom in atoms}
        return Slot(ask, bits, program.allowance, lambda: program.crowded.append(self))

    def forget(self) -> None:
        """Begin anew with what was learnt of values; which rules there are stays."""
        for slot in self.slots:
            slot.forget()
        self.signatures.forget()

    def _fold(self, program: Program, shape: Shape) -> list[Test]:
        """Note the rules that the shape does not rule out; return what remains to be asked for each."""
        known: Truths = NOTHING
        if shape.bound is None:
            known = known.union(*(program.matcher(name).numbers for name in CONSTANTS))
        tests: list[Test] = []
        for variant in program.variants_of(shape):
            test = fold(variant.test, known, shape.truths)
            if not (isinstance(test, Known) and not test.value):
                self.variants.append(variant)
                tests.append(test)
        return tests

    def _index(self, tests: Sequence[Test], rarity: list[int]) -> None:
        """Find the rules by an atom that they demand; those that demand none are asked always."""
        self._by_atom: dict[int, list[int]] = defaultdict(list)
        always: list[int] = []
        for index, test in enumerate(tests):
            needed = demand(test, rarity)
            if needed is None:
                always.append(index)
            for atom in needed or ():
                self._by_atom[atom].append(index)
        self._always = frozenset(always)
        for slot in self.slots:
            slot.open(self._by_atom)

    def _lay_out(self) -> None:
        """Note what an event must go through before it can be looked up."""
        self.has_references = bool(self._references)
        names = {*self.keys, *(name for _, reference in self._references for name in reference.names)}
        self.asks_header = not names.isdisjoint(HEADER)
        self.asks_inside = any("." in name for name in names)
        self.is_thorough = self.asks_header or self.asks_inside
        self.is_idle = not self.variants
        self.expect(NOTHING)

    def signature(self, fields: Mapping[str, Any], possible: Truths) -> tuple[Any, ...]:
        """Return the signature of an event; `possible` are the keywords that may stand in it.

        Raises TypeError where a value is still a list or mapping.
        """
        if possible is not self.possible:
            self.expect(possible)
        signature = tuple(map(getitem, self.memos, map(fields.get, self.keys, repeat(ABSENT))))
        return signature if self.is_plain else self.extended(signature, fields)

    def expect(self, possible: Truths) -> None:
        """Take note of the keywords that may stand in the events to come."""
        self.possible = possible
        self._expected = self.keywords & possible
        self.is_plain = not self.has_references and not self._expected

    def extended(self, signature: tuple[Any, ...], fields: Mapping[str, Any]) -> tuple[Any, ...]:
        """Return the signature with the truths that no single field decides: keywords, comparisons between fields."""
        held, keywords = NOTHING, self._expected
        if keywords and not keywords.isdisjoint(self._possible_in(fields)):
            held = NOTHING.union(*map(self._keyword_truths, fields.values()))
        return self.joined(signature, fields, held)

    def joined(self, signature: tuple[Any, ...], fields: Mapping[str, Any], held: Truths) -> tuple[Any, ...]:
        """Return the signature with the keywords that the event holds and the comparisons between its fields."""
        references = {number for number, reference in self._references if reference.holds(fields)}
        found = (held & self.keywords).union(references)
        return (*signature, found) if found else signature

    def _judge(self, signature: tuple[Any, ...]) -> Outcome:
        """Return the variants whose rules hold for every event of this signature."""
        truths = 0
        candidates = [self._always]
        for index, (slot, number) in enumerate(zip(self.slots, signature, strict=False)):
            truths |= slot.masks[number]
            candidates.append(slot.candidates[number])
            if number != slot.absent:
                self.carried[index] = True
        if len(signature) > len(self.slots):
            extra: Truths = signature[-1]
            truths |= mask_of(extra, self._bits)
            candidates.append(frozenset(rule for atom in extra for rule in self._by_atom.get(atom, ())))
        tests = self._tests
        chosen = frozenset().union(*candidates)
        return tuple(self.variants[index] for index in sorted(chosen) if tests[index].holds(truths))
