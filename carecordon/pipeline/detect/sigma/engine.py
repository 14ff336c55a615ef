"""The detection engine: batches in, (row, rule variants) out.

One plan a kind of event, made when the kind is first met; `ready` makes plans ahead so
that no stream waits for one. Both layouts of a batch end in the same signatures.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import repeat
from operator import getitem

import numpy as np

from carecordon.model.batch import Rows, Table
from carecordon.model.event import Fields, Kind, LogSource, Value
from carecordon.model.fields import harden
from carecordon.pipeline.detect.sigma.accelerate import Accelerator
from carecordon.pipeline.detect.sigma.ir import Rule, RuleSet
from carecordon.pipeline.detect.sigma.keywords import KeywordGate
from carecordon.pipeline.detect.sigma.matcher import ABSENT, NOTHING, Truths
from carecordon.pipeline.detect.sigma.memo import Allowance
from carecordon.pipeline.detect.sigma.numbered import signatures
from carecordon.pipeline.detect.sigma.plan import Outcome, Plan
from carecordon.pipeline.detect.sigma.program import KEYWORDS, Program, Shape, Variant
from carecordon.pipeline.detect.sigma.values import decimal_of

MAX_KINDS = 65_536
"""Kinds whose plan is remembered: made-up ones beyond that are looked up anew. Plans are few: one a shape."""

Hit = tuple[int, Outcome]
"""A row's index in the batch and the variants of the rules that it matches."""


class Engine:
    """Matches batches against a rule set. Holds memos only: results never depend on its history."""

    def __init__(
        self,
        rules: RuleSet,
        accelerator: Accelerator | None,
        bound: LogSource | None = None,
        allowance: Allowance | None = None,
    ) -> None:
        """Prepare the rules; `bound` is the log source of documents bound by hand, `allowance` what memos may hold."""
        self.program = Program(rules, accelerator, bound, allowance)
        self.plans: dict[Kind, Plan] = {}
        self._by_shape: dict[Shape, Plan] = {}
        self.keywords: KeywordGate = self.program.keywords

    def plan(self, kind: Kind) -> Plan:
        """Return the plan of a kind, made now if need be."""
        plan = self.plans.get(kind)
        if plan is None:
            shape = self.program.shape(kind)
            plan = self._by_shape.get(shape)
            if plan is None:
                plan = self._by_shape[shape] = Plan(self.program, kind, shape)
            if len(self.plans) >= MAX_KINDS:
                self.plans.clear()
            self.plans[kind] = plan
        return plan

    def ready(self, kinds: Iterable[Kind]) -> None:
        """Make the plans of these kinds."""
        for kind in kinds:
            self.plan(kind)

    def match(self, batch: Rows | Table) -> Iterator[Hit]:
        """Yield the rows that match, in no particular order of rows for a Table.

        To be used up before the next batch: what is learnt of values may be forgotten between two.
        """
        if self.program.is_crowded:
            self.program.forget()
            for plan in self._by_shape.values():
                plan.forget()
        return self._rows(batch) if isinstance(batch, Rows) else self._table(batch)

    def _rows(self, rows: Rows) -> Iterator[Hit]:
        plans = self.plans
        possible = self.keywords.every if rows.keywords is None else rows.keywords
        absent = repeat(ABSENT)
        for index, (kind, fields) in enumerate(zip(rows.kinds, rows.fields, strict=True)):
            plan = plans.get(kind) or self.plan(kind)
            plan.events += 1
            if possible is not plan.possible:
                plan.expect(possible)
            if plan.is_idle:
                continue
            if plan.is_thorough:
                self._prepare(plan, rows, index)
            try:  # Plan.signature written out: a call would cost a tenth of an event's time here
                signature = tuple(map(getitem, plan.memos, map(fields.get, plan.keys, absent)))
                if not plan.is_plain:
                    signature = plan.extended(signature, fields)
            except TypeError:  # a list or mapping among the values: rare, so not looked for in each event
                harden(fields)
                signature = plan.signature(fields, possible)
            outcome = plan.signatures[signature]
            if outcome:
                harden(fields)  # whoever is told of the row meets values only
                yield index, outcome

    @staticmethod
    def _prepare(plan: Plan, rows: Rows, index: int) -> None:
        """Bring into the fields what only some plans ask for."""
        if plan.asks_header:
            rows.complete(index)
        if plan.asks_inside:
            harden(rows.fields[index])

    def _table(self, table: Table) -> Iterator[Hit]:
        order = np.argsort(table.kind, kind="stable")
        rows = order.tolist()
        ends = np.cumsum(np.bincount(table.kind, minlength=len(table.kinds))).tolist()
        parts = [
            (self.plan(kind), start, end)
            for kind, start, end in zip(table.kinds, [0, *ends], ends, strict=False)
            if start < end
        ]
        plans = [plan for plan, _, _ in parts]
        held = self._keywords_held(table, NOTHING.union(*(plan.keywords for plan in plans)))
        packed = signatures(self.program, table, order, plans, [end - start for _, start, end in parts])
        for plan, start, end in parts:
            plan.events += end - start
            if plan.is_idle:
                continue
            outcomes: Iterator[Outcome] = map(plan.packed.__getitem__, packed[start:end])
            if held or plan.has_references:
                outcomes = self._joined(plan, table, rows[start:end], packed[start:end], held)
            for row, outcome in zip(rows[start:end], outcomes, strict=True):
                if outcome:
                    yield row, outcome

    @staticmethod
    def _joined(
        plan: Plan, table: Table, rows: Sequence[int], packed: Sequence[bytes], held: Mapping[int, Truths]
    ) -> Iterator[Outcome]:
        """Yield the outcome of each row, with what no single field decides."""
        for row, signature in zip(rows, packed, strict=True):
            if plan.has_references or row in held:
                numbers = plan.unpacked(signature)
                yield plan.signatures[plan.joined(numbers, table.complete(row), held.get(row, NOTHING))]
            else:
                yield plan.packed[signature]

    def _keywords_held(self, table: Table, wanted: Truths) -> dict[int, Truths]:
        """Return the wanted keywords that rows hold: looked for in the raw text, then in the columns that may do."""
        if table.text is not None:
            wanted &= self.keywords.possible(table.text)
        held: dict[int, Truths] = {}
        if not wanted:
            return held
        truths = self.program.matcher(KEYWORDS).truths
        columns = table.columns
        for place in range(len(columns.names)):
            if columns.raw is not None and wanted.isdisjoint(self.keywords.possible(columns.raw(place))):
                continue
            for number, value in enumerate(columns.values(place)):
                found = truths(value) & wanted
                if found:
                    for row in np.flatnonzero(columns.index[place] == number).tolist():
                        held[row] = held.get(row, NOTHING) | found
        return held

    def seen_through(self, variant: Variant, fields: Mapping[str, Value]) -> Mapping[str, Value]:
        """Return an event's fields as the rule sees them: under the names of its log source's view."""
        if not variant.view:
            return fields
        seen = {name: value for name, value in fields.items() if name not in variant.view}
        for name, key in variant.view.items():
            if key in fields:
                value = fields[key]
                seen[name] = decimal_of(value) if name.endswith("ProcessId") and isinstance(value, str) else value
        return seen

    def evidence(self, variant: Variant, fields: Mapping[str, Value]) -> Fields:
        """Return those fields that the rule names and the event carries, and those that hold its keywords.

        `fields` as the rule sees them.
        """
        rule: Rule = self.program.rules[variant.rule]
        found: Fields = {name: fields[name] for name in rule.fields if name in fields}
        keywords = self.program.keywords_of(variant)
        if keywords:
            truths = self.program.matcher(KEYWORDS).truths
            found.update((name, value) for name, value in fields.items() if truths(value) & keywords)
        return found

    @property
    def sources_seen(self) -> list[Plan]:
        """Return the plans made so far: what was met, kinds of one shape together."""
        return list(self._by_shape.values())
