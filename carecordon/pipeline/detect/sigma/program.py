"""A rule set made ready to run: atoms numbered, log sources resolved, one matcher a field.

A rule may be served by several sorts of events under different field names (Sysmon 1 and
Security 4688 both start processes): each is a variant of its own. Matchers are built when
the first plan asks for their field.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from carecordon.model.event import Kind, LogSource
from carecordon.pipeline.detect.sigma.accelerate import Accelerator
from carecordon.pipeline.detect.sigma.ir import REF_OPS, Always, And, Atom, Item, Node, Not, Op, Rule, RuleSet
from carecordon.pipeline.detect.sigma.keywords import KeywordGate
from carecordon.pipeline.detect.sigma.logsource import SourceTest, bound_serves, serves, sources_for
from carecordon.pipeline.detect.sigma.matcher import ABSENT, FieldMatcher
from carecordon.pipeline.detect.sigma.memo import Allowance, ValueMemo
from carecordon.pipeline.detect.sigma.nodes import FALSE, TRUE, AllOf, AnyOf, Every, Known, No, Some, Test, atoms_of
from carecordon.pipeline.detect.sigma.values import DECIMAL

KEYWORDS = ""
CONSTANTS = ("Channel", "EventID", "Provider_Name")
"""Fields that every event of a kind has alike."""
MAX_SET_BYTES = 32_000_000
"""Once the sets of atoms that values satisfy take more, all begins anew before the next batch; real logs need 1 %."""


@dataclass(frozen=True, slots=True)
class Variant:
    """A rule as one sort of event serves it; `view` maps a field as the rule names it to the event's name."""

    rule: int
    source: SourceTest | None
    test: Test
    view: Mapping[str, str]


class Shape(NamedTuple):
    """What of a kind rules can tell: the groups of variants it serves, and the atoms its constants satisfy."""

    bound: LogSource | None
    served: tuple[int, ...]
    truths: frozenset[int]


class Program:
    """The ready rules of a set, by the kinds of events that serve them.

    `rules` are all rules of the set in its order; `dormant` are the indexes of those that
    no known source serves. `bound` is the log source that documents without one are bound to.
    """

    def __init__(
        self,
        rules: RuleSet,
        accelerator: Accelerator | None,
        bound: LogSource | None = None,
        allowance: Allowance | None = None,
    ) -> None:
        """Number the atoms and resolve the log sources; the memos of all fields share `allowance`."""
        self.rules: tuple[Rule, ...] = rules.rules
        self.atoms: list[Atom] = []
        self.rarity: list[int] = []
        self._numbers: dict[Atom, int] = {}
        self._fields: dict[str, list[int]] = defaultdict(list)
        self._matchers: dict[str, FieldMatcher] = {}
        self._places: dict[str, int] = {}
        self.fields: list[tuple[str, ValueMemo]] = []
        """By their places, the fields that have a matcher: the name in the event, and the memo of the matcher."""
        self.widest = 1
        """As many fields the widest plan so far asks for."""
        self._accelerator = accelerator
        self._allowance = allowance or Allowance()
        self.is_crowded = False
        """Fields gave more sets of atoms than are to be kept: all is to begin anew before the next batch."""
        self._set_bytes = 0
        self._rules_of: dict[int, set[int]] | None = None
        self._keywords_of: dict[int, frozenset[int]] = {}
        self._groups: list[tuple[SourceTest, list[Variant]]] = []
        self._bound = bound
        self._bound_variants: list[Variant] = []
        self.dormant: list[int] = []
        self._prepare()
        keywords = [(number, self.atoms[number]) for number in self._fields[KEYWORDS]]
        self.keywords = KeywordGate(keywords, accelerator)

    def _prepare(self) -> None:
        by_source: dict[LogSource, list[int]] = defaultdict(list)
        for index, rule in enumerate(self.rules):
            by_source[rule.logsource].append(index)
        for source, indexes in by_source.items():
            tests = sources_for(source)
            is_bound = self._bound is not None and bound_serves(source, self._bound)
            if not tests and not is_bound:
                self.dormant.extend(indexes)
            self._groups.extend((test, [self._variant(index, test) for index in indexes]) for test in tests)
            if is_bound:
                self._bound_variants.extend(self._variant(index, None) for index in indexes)
        self.dormant.sort()

    def shape(self, kind: Kind) -> Shape:
        """Return all that decides which rules can speak of a kind: kinds of one shape are asked alike."""
        if kind.bound is not None:
            return Shape(kind.bound, (), frozenset())
        served = tuple(number for number, (test, _) in enumerate(self._groups) if serves(test, kind))
        truths: frozenset[int] = frozenset()
        for name, value in zip(CONSTANTS, (kind.channel, kind.event_id, kind.provider), strict=True):
            truths |= self.matcher(name).truths(ABSENT if value is None else value)
        return Shape(None, served, truths)

    def variants(self, kind: Kind) -> list[Variant]:
        """Return the variants that events of this kind serve."""
        return self.variants_of(self.shape(kind))

    def variants_of(self, shape: Shape) -> list[Variant]:
        """Return the variants that events of this shape serve."""
        if shape.bound is not None:
            return self._bound_variants if shape.bound == self._bound else []
        return [variant for number in shape.served for variant in self._groups[number][1]]

    def matcher(self, field: str) -> FieldMatcher:
        """Return the matcher of a field: all atoms on it, references to other fields left out."""
        if field not in self._matchers:
            atoms = [(number, self.atoms[number]) for number in self._fields[field]]
            plain = [(number, atom) for number, atom in atoms if atom.op not in REF_OPS]
            self._matchers[field] = FieldMatcher(
                plain,
                self._accelerator,
                self._allowance,
                reads_decimal=field.endswith(DECIMAL),
                on_growth=self._grow,
            )
            self._places[field] = len(self.fields)
            self.fields.append((field.removesuffix(DECIMAL), self._matchers[field].numbered))
        return self._matchers[field]

    def places(self, names: Sequence[str]) -> tuple[int, ...]:
        """Return the places in `fields` of what a plan asks for."""
        self.widest = max(self.widest, len(names))
        for name in names:
            self.matcher(name)
        return tuple(map(self._places.__getitem__, names))

    def work(self) -> dict[int, int]:
        """Return for rules (by their index) how many bytes their patterns were held against so far.

        A pattern that several rules ask for counts in each of them.
        """
        if self._rules_of is None:
            self._rules_of = defaultdict(set)
            for variant in [*self._bound_variants, *(one for _, variants in self._groups for one in variants)]:
                for number in atoms_of(variant.test):
                    self._rules_of[number].add(variant.rule)
        work: dict[int, int] = defaultdict(int)
        for matcher in self._matchers.values():
            for number, read in matcher.work():
                for rule in self._rules_of[number]:
                    work[rule] += read
        return work

    def forget(self) -> None:
        """Begin anew with what was learnt of values: no number of a matcher means anything any longer."""
        self.is_crowded = False
        self._set_bytes = 0
        for matcher in self._matchers.values():
            matcher.forget()

    def _grow(self, size: int) -> None:
        self._set_bytes += size
        self.is_crowded = self._set_bytes > MAX_SET_BYTES

    def keywords_of(self, variant: Variant) -> frozenset[int]:
        """Return the keyword atoms of a variant."""
        found = self._keywords_of.get(variant.rule)
        if found is None:
            found = self._keywords_of[variant.rule] = atoms_of(variant.test).intersection(self._fields[KEYWORDS])
        return found

    def _variant(self, index: int, source: SourceTest | None) -> Variant:
        rule = self.rules[index]
        view = {} if source is None else source.view
        test = self._test(rule.condition, {name: _viewed(name, seen) for name, seen in view.items()})
        if source is not None and source.where:
            conditions = [self._item(Item(tuple(Atom(f, Op.EQ, v) for v in sorted(vs))), {}) for f, vs in source.where]
            test = Every((*conditions, test))
        return Variant(index, source, test, view)

    def _test(self, node: Node, view: Mapping[str, str]) -> Test:
        if isinstance(node, Item):
            return self._item(node, view)
        if isinstance(node, Always):
            return TRUE if node.holds else FALSE
        if isinstance(node, Not):
            return No(self._test(node.part, view))
        parts = tuple(self._test(part, view) for part in node.parts)
        if isinstance(node, And):
            return Every(parts) if parts else Known(True)
        return Some(parts) if parts else Known(False)

    def _item(self, item: Item, view: Mapping[str, str]) -> Test:
        numbers = frozenset(self._number(atom, view) for atom in item.atoms)
        return AllOf(numbers) if item.every and len(numbers) > 1 else AnyOf(numbers)

    def _number(self, atom: Atom, view: Mapping[str, str]) -> int:
        value = view.get(str(atom.value), atom.value) if atom.op in REF_OPS else atom.value
        if atom.field in view or value is not atom.value:
            atom = Atom(view.get(atom.field, atom.field), atom.op, value, atom.cased, atom.part)
        number = self._numbers.get(atom)
        if number is None:
            number = self._numbers[atom] = len(self.atoms)
            self.atoms.append(atom)
            self.rarity.append(_rarity(atom))
            self._fields[atom.field].append(number)
        return number


def _viewed(name: str, seen: str) -> str:
    return seen + DECIMAL if name.endswith("ProcessId") else seen


def _rarity(atom: Atom) -> int:
    """Return a guess of how rarely the atom holds: the longer the literal, the rarer."""
    if atom.op in (Op.NULL, Op.EXISTS):
        return 0
    if atom.op in (Op.LT, Op.LTE, Op.GT, Op.GTE):
        return 1
    return 2 + len(str(atom.value)) + (8 if atom.op is Op.EQ else 0)
