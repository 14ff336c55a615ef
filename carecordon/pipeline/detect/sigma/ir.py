"""A rule as the engine runs it: atoms over single fields, joined by and, or, not.

The IR is what the cache keeps and every other part of the engine reads; it knows nothing
of YAML or pySigma. All structs are frozen, hashable where their parts are, and travel as msgpack.
"""

from __future__ import annotations

from enum import StrEnum

import msgspec

from carecordon.model.event import LogSource

IR_VERSION = 4
"""Raised with every change of what these structs hold or mean, so that nothing kept under another is read."""


class Op(StrEnum):
    """How an atom compares a field's value with its own."""

    EQ = "eq"
    """Whole text equal."""
    GLOB = "glob"
    """`value` is an RE2 pattern for the whole text, made from wildcards that are not plain STARTS, ENDS or CONTAINS."""
    STARTS = "starts"
    ENDS = "ends"
    CONTAINS = "contains"
    RE = "re"
    """`value` is an RE2 pattern with inline flags, searched anywhere in the text."""
    CIDR = "cidr"
    LT = "lt"
    LTE = "lte"
    GT = "gt"
    GTE = "gte"
    NULL = "null"
    """Missing or null."""
    EXISTS = "exists"
    """Carried, be it null or empty."""
    REF_EQ = "ref_eq"
    REF_STARTS = "ref_starts"
    REF_ENDS = "ref_ends"
    REF_CONTAINS = "ref_contains"
    """`value` names the other field."""


PLAIN_OPS = frozenset({Op.EQ, Op.STARTS, Op.ENDS, Op.CONTAINS})
REF_OPS = frozenset({Op.REF_EQ, Op.REF_STARTS, Op.REF_ENDS, Op.REF_CONTAINS})
ORDER_OPS = frozenset({Op.LT, Op.LTE, Op.GT, Op.GTE})


class Atom(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One comparison of one field; `field` is '' for a keyword, which any value of the event may satisfy.

    `value` is already folded (values.py) unless `cased` (RE carries its case in its pattern and is
    always `cased`). `part` takes a number out of a date before comparing: minute, hour,
    day, week, month, year.
    """

    field: str
    op: Op
    value: str | int | float = ""
    cased: bool = False
    part: str = ""


class Item(msgspec.Struct, frozen=True, array_like=True, tag="i", gc=False):
    """One detection item: any (or `every`) of its atoms."""

    atoms: tuple[Atom, ...]
    every: bool = False


class And(msgspec.Struct, frozen=True, array_like=True, tag="a", gc=False):
    """All parts hold."""

    parts: tuple[Node, ...]


class Or(msgspec.Struct, frozen=True, array_like=True, tag="o", gc=False):
    """At least one part holds."""

    parts: tuple[Node, ...]


class Not(msgspec.Struct, frozen=True, array_like=True, tag="n", gc=False):
    """The part does not hold."""

    part: Node


class Always(msgspec.Struct, frozen=True, array_like=True, tag="c", gc=False):
    """A constant: what folding leaves behind."""

    holds: bool


Node = Item | And | Or | Not | Always


class About(msgspec.Struct, frozen=True):
    """What is told of a rule or correlation, whatever it asks.

    `id` is the document's id, else its name, else `path:line`. `path` and `line` say where
    it stands. `silent` ones only feed correlations (a correlation without `generate` refers
    to them).
    """

    id: str
    title: str
    level: str
    techniques: tuple[str, ...]
    path: str
    line: int
    name: str = ""
    silent: bool = False
    tactics: tuple[str, ...] = ()
    triage: tuple[str, ...] = ()
    benign: tuple[str, ...] = ()


class Rule(About, frozen=True, kw_only=True):
    """One compiled Sigma rule. `fields` are all field names that the detection mentions, sorted."""

    logsource: LogSource
    condition: Node
    fields: tuple[str, ...] = ()


class Correlation(About, frozen=True, kw_only=True):
    """One correlation rule. Source: Sigma correlation rules specification 2.1.

    `rules` are ids of rules or correlations in this set, in the order given. `aliases` maps
    alias to {rule id: field}. `bounds` is a tuple of (op, figure), all of which must hold:
    op one of gt gte lt lte eq neq; none beside an `expression`. `percentile` is for value_percentile.
    """

    type: str
    rules: tuple[str, ...]
    group_by: tuple[str, ...]
    timespan_s: int
    bounds: tuple[tuple[str, float], ...]
    fields: tuple[str, ...] = ()
    percentile: float = 50.0
    aliases: dict[str, dict[str, str]] = {}
    expression: Node | None = None


class RefusedRule(msgspec.Struct, frozen=True):
    """A document that will not run: place (1-based line and column), id if it has one, reason."""

    path: str
    line: int
    column: int
    rule_id: str | None
    reason: str


class RuleSet(msgspec.Struct, frozen=True):
    """Everything one load gave. `hash` is SHA-256 (hex) over the documents and the placeholder values."""

    hash: str
    rules: tuple[Rule, ...]
    correlations: tuple[Correlation, ...]
    refused: tuple[RefusedRule, ...]


class Abridged(msgspec.Struct, frozen=True):
    """A rule set without what its rules ask: for who is told what matched and tells it on."""

    rules: tuple[About, ...]
    correlations: tuple[Correlation, ...]


def abridged(rules: RuleSet) -> Abridged:
    """Return what there is to tell of a rule set, as it is when only that is read from the cache."""
    names = About.__struct_fields__
    heads = (About(**{name: getattr(rule, name) for name in names}) for rule in rules.rules)
    return Abridged(tuple(heads), rules.correlations)
