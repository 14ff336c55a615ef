"""The detection engine: batches in, (row, rule variants) out.

One plan a kind of event, made when the kind is first met; `ready` makes plans ahead so
that no stream waits for one. Both layouts of a batch end in the same signatures.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import repeat
from typing import Any

import numpy as np

from carecordon.model.batch import Rows, Table
from carecordon.model.event import Fields, Kind, LogSource
from carecordon.model.fields import harden
from carecordon.pipeline.detect.sigma.accelerate import Accelerator
from carecordon.pipeline.detect.sigma.ir import Rule, RuleSet
from carecordon.pipeline.detect.sigma.keywords import KeywordGate
from carecordon.pipeline.detect.sigma.matcher import ABSENT, NOTHING
from carecordon.pipeline.detect.sigma.plan import Outcome, Plan
from carecordon.pipeline.detect.sigma.program import Program, Variant

MAX_PLANS = 4_096
"""More kinds than this in one run (made-up channels, say) share their turn: the oldest plan goes."""

Hit = tuple[int, Outcome]
"""A row's index in the batch and the variants of the rules that it matches."""


class Engine:
    """Matches batches against a rule set. Holds memos only: results never depend on its history."""

    def __init__(self, rules: RuleSet, accelerator: Accelerator | None, bound: LogSource | None = None) -> None:
        """Prepare the rules; `bound` is the log source of documents bound by hand."""
        self.program = Program(rules, accelerator, bound)
        self.plans: dict[Kind, Plan] = {}
        self.keywords: KeywordGate = self.program.keywords

    def plan(self, kind: Kind) -> Plan:
        """Return the plan of a kind, made now if need be."""
        plan = self.plans.get(kind)
        if plan is None:
            if len(self.plans) >= MAX_PLANS:
                del self.plans[next(iter(self.plans))]
            plan = self.plans[kind] = Plan(self.program, kind)
        return plan

    def ready(self, kinds: Iterable[Kind]) -> None:
        """Make the plans of these kinds."""
        for kind in kinds:
            self.plan(kind)

    def match(self, batch: Rows | Table) -> Iterator[Hit]:
        """Yield the rows that match, in no particular order of rows for a Table."""
        return self._rows(batch) if isinstance(batch, Rows) else self._table(batch)

    def _rows(self, rows: Rows) -> Iterator[Hit]:
        plans = self.plans
        possible = self.keywords.every if rows.keywords is None else rows.keywords
        for index, (kind, fields) in enumerate(zip(rows.kinds, rows.fields, strict=True)):
            plan = plans.get(kind) or self.plan(kind)
            plan.events += 1
            if not plan.variants:
                continue
            if plan.asks_header:
                rows.complete(index)
            if plan.asks_inside:
                harden(fields)
            try:
                signature = plan.signature(fields, possible)
            except TypeError:  # a list or mapping among the values: rare, so not looked for in each event
                harden(fields)
                signature = plan.signature(fields, possible)
            outcome = plan.signatures[signature]
            if outcome:
                harden(fields)  # whoever is told of the row meets values only
                yield index, outcome

    def _table(self, table: Table) -> Iterator[Hit]:
        possible = self._possible_keywords(table)
        asked: dict[str, tuple[Any, ...]] = {}
        order = np.argsort(table.kind, kind="stable")
        ends = np.cumsum(np.bincount(table.kind, minlength=len(table.kinds)))
        for kind, end, start in zip(table.kinds, ends.tolist(), [0, *ends.tolist()], strict=False):
            if start == end:
                continue
            plan = self.plan(kind)
            plan.events += end - start
            if not plan.variants:
                continue
            rows = order[start:end]
            signatures: Iterable[tuple[Any, ...]]
            if plan.has_references or not plan.keywords.isdisjoint(possible):
                signatures = (plan.signature(table.complete(row), possible) for row in rows.tolist())
            else:
                signatures = zip(*self._numbers(plan, table, asked, rows), strict=True) if plan.keys else repeat(())
            known = plan.signatures
            for row, signature in zip(rows.tolist(), signatures, strict=False):
                outcome = known[signature]
                if outcome:
                    yield row, outcome

    @staticmethod
    def _numbers(plan: Plan, table: Table, asked: dict[str, tuple[Any, ...]], rows: Any) -> Iterator[Iterable[int]]:
        """Yield per slot the numbers of its rows: a value that many rows share is one object, hashed once."""
        for slot, key in zip(plan.slots, plan.keys, strict=True):
            column = table.columns.get(key)
            if column is None:
                yield repeat(slot.absent, len(rows))
                continue
            values = asked.get(key)
            if values is None:
                values = asked[key] = (*column.values, ABSENT)  # index -1 finds the mark of absence
            yield map(slot.memo.__getitem__, map(values.__getitem__, column.index[rows].tolist()))

    def _possible_keywords(self, table: Table) -> frozenset[int]:
        if not self.keywords.every:
            return NOTHING
        if table.text is not None:
            return self.keywords.possible(table.text)
        return self.keywords.possible_in({name: column.values for name, column in table.columns.items()})

    def evidence(self, variant: Variant, fields: Fields) -> Fields:
        """Return those fields that the rule names and the event carries, and those that hold its keywords."""
        rule: Rule = self.program.rules[variant.rule]
        found: Fields = {}
        for name in rule.fields:
            key = variant.view.get(name, name)
            if key in fields:
                found[name] = fields[key]
        keywords = self.program.keywords_of(variant)
        if keywords:
            truths = self.program.matcher("").truths
            found.update((name, value) for name, value in fields.items() if truths(value) & keywords)
        return found

    @property
    def sources_seen(self) -> list[Plan]:
        """Return the plans made so far: the kinds of events that were met."""
        return list(self.plans.values())
