"""Everything that rules ask of one field, answered for a value in one go.

A value is looked at once: exact literals by hash, beginnings and endings by hash of their
length, inner literals by one automaton, regular expressions behind the literals they
demand, networks and numbers by comparison. The answer is the set of atom numbers that hold.
"""

from __future__ import annotations

import sys
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from carecordon.model.event import Scalar, Value
from carecordon.pipeline.detect.sigma.accelerate import Accelerator, Scanner, is_shared
from carecordon.pipeline.detect.sigma.ir import ORDER_OPS, PLAIN_OPS, Atom, Op
from carecordon.pipeline.detect.sigma.literals import LONG_TEXT, WORTHWHILE, Literals
from carecordon.pipeline.detect.sigma.memo import Allowance, ValueMemo
from carecordon.pipeline.detect.sigma.regexes import compiled, demanded
from carecordon.pipeline.detect.sigma.values import (
    address_of,
    date_part,
    decimal_of,
    folded,
    network_of,
    number_of,
    scalars,
    text_of,
)

Truths = frozenset[int]
NOTHING: Truths = frozenset()
ANYTHING = "(?s).*"
"""The pattern of a lone `*`, which any text satisfies."""
EDGE = 3
"""Outermost characters by which beginnings and endings are found."""
SET_BYTES = 1_000
"""What a set of atoms costs beside its own size: its number, and its mask in each plan that meets it."""


class Absent:
    """The mark of a field that an event does not carry."""

    __slots__ = ()

    def __repr__(self) -> str:
        """Return a readable name."""
        return "ABSENT"


ABSENT = Absent()


class Edge:
    """Literals that a text must begin with, or end with: found by their outermost characters, then by length."""

    def __init__(self, *, at_end: bool) -> None:
        """Start empty; `longest` is the length of the longest literal."""
        self.longest = 0
        self._at_end = at_end
        self._near: dict[str, dict[int, dict[str, list[int]]]] = {}
        self._short: dict[str, list[int]] = {}

    def add(self, literal: str, number: int) -> None:
        """Add a non-empty literal of an atom."""
        self.longest = max(self.longest, len(literal))
        if len(literal) < EDGE:
            self._short.setdefault(literal, []).append(number)
            return
        lengths = self._near.setdefault(literal[-EDGE:] if self._at_end else literal[:EDGE], {})
        lengths.setdefault(len(literal), {}).setdefault(literal, []).append(number)

    def truths(self, text: str, found: set[int]) -> None:
        """Add the atoms whose literal the text begins (or ends) with."""
        lengths = self._near.get(text[-EDGE:] if self._at_end else text[:EDGE])
        if lengths is not None:
            for length, table in lengths.items():
                numbers = table.get(text[-length:] if self._at_end else text[:length])
                if numbers is not None:
                    found.update(numbers)
        for literal, numbers in self._short.items():
            if text.endswith(literal) if self._at_end else text.startswith(literal):
                found.update(numbers)


class TextSide:
    """Atoms over one spelling of the text, lower case or as it stands; `patterns` may read the text as it stands."""

    def __init__(
        self,
        atoms: Iterable[tuple[int, Atom]],
        patterns: Iterable[tuple[int, Atom]],
        accelerator: Accelerator | None,
        *,
        folds: bool,
    ) -> None:
        """Sort the atoms by how they are best asked; `folds`: they are asked of the text in lower case."""
        self._folds = folds
        self._equal: dict[str, list[int]] = defaultdict(list)
        self._starts = Edge(at_end=False)
        self._ends = Edge(at_end=True)
        self._always: list[int] = []
        inner: dict[str, list[int]] = defaultdict(list)
        sought: list[tuple[int, Atom]] = []
        for number, atom in patterns:
            if atom.op is Op.GLOB and atom.value == ANYTHING:
                self._always.append(number)
            else:
                sought.append((number, atom))
        for number, atom in atoms:
            text = str(atom.value)
            if atom.op is Op.EQ:
                self._equal[text].append(number)
            elif not text:
                self._always.append(number)
            elif atom.op is Op.STARTS:
                self._starts.add(text, number)
            elif atom.op is Op.ENDS:
                self._ends.add(text, number)
            else:
                inner[text].append(number)
        self._inner = list(inner.values())
        self._patterns = Patterns(sought, accelerator)
        self._literals = Literals([*inner, *self._patterns.gates], accelerator, folds=folds)
        self._brief = max(LONG_TEXT, *map(len, self._equal), self._starts.longest, self._ends.longest, 0)

    def work(self) -> Iterator[tuple[int, int]]:
        """Yield what its patterns cost so far."""
        return self._patterns.work()

    def truths(self, text: str, found: set[int]) -> None:
        """Add to `found` the atoms that hold for `text`, given as the event has it."""
        found.update(self._always)
        if self._folds and len(text) > self._brief and self._literals.reads_bytes and text.isascii():
            self._long(text, found)
            return
        spelled = text if not self._folds else text.lower() if text.isascii() else folded(text)
        numbers = self._equal.get(spelled)
        if numbers is not None:
            found.update(numbers)
        self._starts.truths(spelled, found)
        self._ends.truths(spelled, found)
        opened = self._sorted(self._literals.found(spelled), found)
        self._patterns.truths(text, text.encode, spelled.encode, opened, found)

    def _long(self, text: str, found: set[int]) -> None:
        """Do the same for a long ASCII text without lowering it, which would cost as much as all the rest."""
        self._starts.truths(text[: self._starts.longest].lower(), found)
        self._ends.truths(text[len(text) - self._ends.longest :].lower(), found)
        data = text.encode()
        opened = self._sorted(self._literals.found_bytes(data), found)
        self._patterns.truths(text, lambda: data, data.lower, opened, found)

    def _sorted(self, hits: Iterable[int], found: set[int]) -> set[int]:
        """Add the atoms of the literals that were hit; return the patterns that were opened."""
        inner = self._inner
        opened: set[int] = set()
        for hit in hits:
            if hit < len(inner):
                found.update(inner[hit])
            else:
                opened.update(self._patterns.behind[hit - len(inner)])
        return opened


class Patterns:
    """Wildcard and regular expressions, each behind the lower-case literals it demands."""

    def __init__(self, atoms: Iterable[tuple[int, Atom]], accelerator: Accelerator | None) -> None:
        """Compile them; `gates` are the literals to look for, `behind` the patterns each opens.

        Those that demand no literal are always tried, or where the accelerator says that they may match.
        """
        self.programs: list[tuple[int, Any, bool, bool]] = []
        self._open: list[int] = []
        self._watched: list[int] = []
        self._scanner: Scanner | None = None
        watched: list[str] = []
        behind: dict[str, list[int]] = defaultdict(list)
        for index, (number, atom) in enumerate(atoms):
            pattern = str(atom.value)
            self.programs.append((number, compiled(pattern), atom.op is Op.GLOB, atom.cased or atom.op is Op.RE))
            gates = demanded(pattern)
            if gates is None and atom.op is Op.RE and is_shared(pattern):
                self._watched.append(index)
                watched.append(pattern)
            elif gates is None:
                self._open.append(index)
            for gate in gates or ():
                behind[gate].append(index)
        if accelerator is not None and len(watched) >= WORTHWHILE:
            self._scanner = accelerator.may_match(watched)
        if self._scanner is None:
            self._open += self._watched
        self.gates = list(behind)
        self.behind = list(behind.values())
        self._read = [0] * len(self.programs)

    def work(self) -> Iterator[tuple[int, int]]:
        """Yield for each pattern its atom and how many bytes it was held against so far."""
        return ((program[0], read) for program, read in zip(self.programs, self._read, strict=True) if read)

    def truths(
        self, text: str, encode: Callable[[], bytes], fold: Callable[[], bytes], opened: set[int], found: set[int]
    ) -> None:
        """Try the patterns that are open to this text; outside ASCII all are, since folding may hide a gate.

        `encode` gives the text in UTF-8, `fold` in lower case: asked only where there is something to try.
        """
        candidates: Iterable[int] = opened.union(self._open) if text.isascii() else range(len(self.programs))
        if not candidates and self._scanner is None:
            return
        as_is, folded = encode(), None
        if self._scanner is not None and text.isascii():
            watched = self._watched
            hits = range(len(watched)) if "\v" in text else self._scanner.found_bytes(as_is)
            candidates = {*candidates, *(watched[hit] for hit in hits)}
        for index in candidates:
            number, program, whole, is_cased = self.programs[index]
            if not is_cased and folded is None:
                folded = fold()
            data = as_is if is_cased else folded
            self._read[index] += len(as_is)
            if (program.fullmatch(data) if whole else program.search(data)) is not None:
                found.add(number)


class FieldMatcher:
    """All atoms of one field; `truths` gives those that hold for a value, a list included.

    `numbered[value]` is a small number that stands for this set of atoms, `sets[number]` the set; 0 is
    kept for ABSENT. Numbers mean something until `forget`.
    """

    def __init__(
        self,
        atoms: Iterable[tuple[int, Atom]],
        accelerator: Accelerator | None,
        allowance: Allowance | None = None,
        *,
        reads_decimal: bool = False,
        on_growth: Callable[[int], None] | None = None,
    ) -> None:
        """Take (number, atom) of this field, references to other fields left out.

        `reads_decimal`: `0x..` texts are read as decimal; `on_growth` is told how many bytes a new set of atoms takes.
        """
        atoms = list(atoms)
        self.numbers: Truths = frozenset(number for number, _ in atoms)
        text = [(n, a) for n, a in atoms if not a.part and a.op in PLAIN_OPS]
        patterns = [(n, a) for n, a in atoms if a.op in (Op.RE, Op.GLOB)]
        cased = [(n, a) for n, a in text if a.cased]
        self._folded = TextSide([(n, a) for n, a in text if not a.cased], patterns, accelerator, folds=True)
        self._cased = TextSide(cased, (), accelerator, folds=False) if cased else None
        self._null = frozenset(n for n, a in atoms if a.op is Op.NULL)
        self._exists = frozenset(n for n, a in atoms if a.op is Op.EXISTS)
        self._networks = [(n, *network_of(str(a.value))) for n, a in atoms if a.op is Op.CIDR]
        self._ordered = [(n, a) for n, a in atoms if a.op in ORDER_OPS and not a.part]
        self._parts = [(n, a) for n, a in atoms if a.part]
        self._reads_decimal = reads_decimal
        self._on_growth = on_growth
        self.sets: list[Truths] = [self._null]
        self._of_set: dict[Truths, int] = {}
        self.numbered = ValueMemo(self._number, allowance=allowance)

    def work(self) -> Iterator[tuple[int, int]]:
        """Yield for atoms that are patterns how many bytes they were held against so far: what they cost."""
        yield from self._folded.work()

    def forget(self) -> None:
        """Begin anew: no number given before means anything."""
        self.numbered.forget()
        self._of_set.clear()
        del self.sets[1:]

    def truths(self, value: Value | Absent) -> Truths:
        """Return the numbers of the atoms that hold for `value`."""
        number: int = self.numbered[value]
        return self.sets[number]

    def _number(self, value: Value | Absent) -> int:
        if isinstance(value, Absent):
            return 0
        truths = self._answer(value)
        number = self._of_set.get(truths)
        if number is None:
            number = self._of_set[truths] = len(self.sets)
            self.sets.append(truths)
            if self._on_growth is not None:
                self._on_growth(sys.getsizeof(truths) + SET_BYTES)
        return number

    def _answer(self, value: Value) -> Truths:
        if self._reads_decimal and isinstance(value, str):
            value = decimal_of(value)
        if value is None or value == ():
            return self._null | self._exists
        found: set[int] = set(self._exists)
        for part in (value,) if isinstance(value, str) else scalars(value):
            try:
                self._scalar(part, found)
            except UnicodeEncodeError:  # a lone surrogate, which no rule can name: read it as a question mark
                self._scalar(str(part).encode("utf-8", "replace").decode(), found)
        return frozenset(found)

    def _scalar(self, value: Scalar, found: set[int]) -> None:
        text = text_of(value)
        if text is None:
            return
        self._folded.truths(text, found)
        if self._cased is not None:
            self._cased.truths(text, found)
        if self._networks:
            self._addresses(text, found)
        if self._ordered:
            self._compare(self._ordered, number_of(value), found)
        for number, atom in self._parts:
            self._compare([(number, atom)], date_part(text, atom.part), found)

    def _addresses(self, text: str, found: set[int]) -> None:
        address = address_of(text)
        if address is not None:
            version, at = address
            found.update(n for n, net, first, last in self._networks if net == version and first <= at <= last)

    @staticmethod
    def _compare(atoms: Iterable[tuple[int, Atom]], figure: float | None, found: set[int]) -> None:
        if figure is None:
            return
        for number, atom in atoms:
            limit = number_of(atom.value)
            if limit is not None and _holds(atom.op, figure, limit):
                found.add(number)


def _holds(op: Op, figure: float, limit: float) -> bool:
    if op is Op.LT:
        return figure < limit
    if op is Op.LTE:
        return figure <= limit
    if op is Op.GT:
        return figure > limit
    if op is Op.GTE:
        return figure >= limit
    return figure == limit
