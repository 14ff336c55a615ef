"""What is to be asked of one kind of event: which fields, which atoms, which rules.

An event of the kind becomes a signature: per field one small number that stands for the
set of atoms its value satisfies, the same number in every plan. Of a new signature the plan
keeps those atoms that its own rules ask for, and only where these are new, too, are rules
judged; an event with a signature that was seen costs a few dictionary look-ups, however
many rules there are.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from functools import reduce
from itertools import repeat
from operator import getitem, or_
from typing import Any

from carecordon.model.batch import HEADER
from carecordon.model.event import Kind
from carecordon.pipeline.detect.sigma.fieldrefs import FieldReference
from carecordon.pipeline.detect.sigma.ir import REF_OPS
from carecordon.pipeline.detect.sigma.masks import bits_of, mask_of, masked
from carecordon.pipeline.detect.sigma.matcher import ABSENT, NOTHING, FieldMatcher, Truths
from carecordon.pipeline.detect.sigma.memo import Memo
from carecordon.pipeline.detect.sigma.nodes import Known, Test, atoms_of, demand, fold
from carecordon.pipeline.detect.sigma.program import CONSTANTS, KEYWORDS, Program, Shape, Variant
from carecordon.pipeline.detect.sigma.values import DECIMAL

Outcome = tuple[Variant, ...]
MAX_SIGNATURES = 20_000


class Masks(dict[int, int]):
    """Of one field: which of the plan's bits a number of its matcher stands for."""

    def __init__(self, matcher: FieldMatcher, bits: Mapping[int, int]) -> None:
        """Take the field's matcher and the bits of those of its atoms that this plan asks for."""
        super().__init__()
        self._matcher = matcher
        self._bits = bits

    def __missing__(self, number: int) -> int:
        """Return the mask, reckoned once."""
        bits = self._bits
        mask = self[number] = mask_of((atom for atom in self._matcher.sets[number] if atom in bits), bits)
        return mask


class Plan:
    """The rules that can speak of the kinds of one shape. `kind` is one of these; `events` counts those seen."""

    def __init__(self, program: Program, kind: Kind, shape: Shape) -> None:
        """Fold what the shape decides into its rules and lay out the fields the rest asks for."""
        self.kind = kind
        self.events = 0
        self.variants: list[Variant] = []
        tests = self._fold(program, shape)
        fields: dict[str, list[int]] = defaultdict(list)
        for number in sorted(frozenset().union(*map(atoms_of, tests))):
            fields[program.atoms[number].field].append(number)
        # Fields with few atoms come first: what an event satisfies is a short integer as long as these suffice.
        asked = [number for numbers in sorted(fields.values(), key=len) for number in numbers]
        self._bits = bits_of(asked, tests)
        self._references = [
            (number, FieldReference(program.atoms[number])) for number in asked if program.atoms[number].op in REF_OPS
        ]
        compared = {number for number, _ in self._references}
        fields = {name: kept for name, some in fields.items() if (kept := [one for one in some if one not in compared])}
        self.keywords: Truths = frozenset(fields.pop(KEYWORDS, ()))
        self._keyword_truths: Callable[[Any], Truths] = program.matcher(KEYWORDS).truths
        self._possible_in = program.keywords.possible_in
        self.names = tuple(sorted(fields))
        self.keys = tuple(name.removesuffix(DECIMAL) for name in self.names)
        self.memos = tuple(program.matcher(name).numbered for name in self.names)
        self.places = program.places(self.names)
        self.carried = [False] * len(self.names)
        self._masks = [
            Masks(program.matcher(name), {atom: self._bits[atom] for atom in fields[name]}) for name in self.names
        ]
        self.signatures = Memo(self._judge, MAX_SIGNATURES)
        self.packed = Memo(lambda packed: self._judge(self.unpacked(packed)), MAX_SIGNATURES)
        self._outcomes = Memo(self._weigh, MAX_SIGNATURES)
        self._tests = [masked(test, self._bits) for test in tests]
        self._index(tests, program.rarity)
        self._lay_out()

    def forget(self) -> None:
        """Begin anew with what was learnt of numbers, which mean nothing any longer; which rules there are stays."""
        for masks in self._masks:
            masks.clear()
        self.signatures.forget()
        self.packed.forget()

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
        self._always: list[int] = []
        self._by_bit: dict[int, list[int]] = defaultdict(list)
        for index, test in enumerate(tests):
            needed = demand(test, rarity)
            if needed is None:
                self._always.append(index)
            for bit in {self._bits[atom] for atom in needed or ()}:
                self._by_bit[bit].append(index)
        self._demanded = sum(self._by_bit)

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

    def unpacked(self, packed: bytes) -> tuple[int, ...]:
        """Return a signature that came as bytes: a number takes four, and more may stand behind them."""
        return tuple(memoryview(packed).cast("i")[: len(self.names)])

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
        truths = reduce(or_, filter(None, map(getitem, self._masks, signature)), 0)
        self.carried = list(map(or_, self.carried, map(bool, signature)))
        if len(signature) > len(self._masks):
            truths |= mask_of(signature[-1], self._bits)
        outcome: Outcome = self._outcomes[truths]
        return outcome

    def _weigh(self, truths: int) -> Outcome:
        """Return the variants whose rules hold where exactly these of the plan's atoms do."""
        chosen = set(self._always)
        left = truths & self._demanded
        while left:
            bit = left & -left
            chosen.update(self._by_bit[bit])
            left ^= bit
        tests = self._tests
        return tuple(self.variants[index] for index in sorted(chosen) if tests[index].holds(truths))
