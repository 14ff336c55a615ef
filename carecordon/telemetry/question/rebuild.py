"""A question taken apart and put together again: nothing that a person typed reaches the store as text."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from functools import lru_cache
from typing import Any

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

from carecordon.telemetry.answer import Denied
from carecordon.telemetry.columns import DATABASE
from carecordon.telemetry.question.expansion import Circular, expanded
from carecordon.telemetry.question.functions import TYPES
from carecordon.telemetry.question.grammar import SHAPES, WORDS
from carecordon.telemetry.question.parameters import Parameters
from carecordon.telemetry.question.prepared import Prepared, Rebuilt, Slot, Slots
from carecordon.telemetry.question.views import VIEWS
from carecordon.telemetry.question.words import DIALECT, MAX_CHARACTERS, ORDINARY_CASE, too_large

MAX_STARRED = 300
"""Columns that all `*` of a question stand for."""
MAX_READ = 8
"""Views that are read; one that WITH names counts as often as its name is used: the store reads it anew each time.

The store plans a question before its limit on time holds, and that takes 50 to 80 ms of a core for each view that is
joined: sixteen of them held a busy machine for seconds longer than they might. Eight: a UNION of all views is one.
"""
MAX_EXPANDED = 2_000
"""Parts that the names given by AS stand for, wherever they are used."""
PREPARED = 64
"""Questions that are kept as they were made, for the next time that they are asked."""
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,63}")
_NUMBER = re.compile(r"[0-9]{1,30}(\.[0-9]{1,30})?([eE][+-]?[0-9]{1,3})?")
_CALL = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)\(")


class _DeniedHere(Exception):
    """What a part of the question is refused for."""

    def __init__(self, reason: str, node: exp.Expr | None = None) -> None:
        super().__init__(reason)
        meta = {} if node is None else next((one.meta for one in node.walk() if one.meta.get("line")), {})
        self.denied = Denied(reason, int(meta.get("line", 0)), int(meta.get("col", 0)))


@dataclass(slots=True)
class _Scope:
    """What may be named: columns of the views in the question and names that it gives itself."""

    slots: Slots
    tables: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """Columns of each `WITH` name."""
    read: dict[str, int] = field(default_factory=dict)
    """How many views each `WITH` name reads, once it is rebuilt."""
    inner: dict[int, Sequence[str]] = field(default_factory=dict)
    """Columns of each subquery that is rebuilt, by the identity of the part that it was."""
    reads: int = 0
    starred: int = 0
    names: set[str] = field(default_factory=set)
    views: set[str] = field(default_factory=set)


def rebuild(sql: str, parameters: Parameters | None = None) -> Rebuilt | Denied:
    """Return one SELECT over published views, made anew from allowed parts, or why not.

    `parameters` fill `{name:Type}`, as ClickHouse's own do. Rebuilt again, it comes out the same.
    """
    if len(sql) > MAX_CHARACTERS:  # nothing so long is kept
        return Denied(str(too_large(sql)))
    made = _prepared(sql)
    return made if isinstance(made, Denied) else made.filled(parameters or {})


@lru_cache(maxsize=PREPARED)
def _prepared(sql: str) -> Prepared | Denied:
    try:
        reason = too_large(sql)
        if reason is not None:
            raise _DeniedHere(reason)
        parsed = sqlglot.parse(sql, dialect=DIALECT)
        if len(parsed) != 1 or not isinstance(parsed[0], exp.Select | exp.SetOperation | exp.Subquery):
            raise _DeniedHere("a question is one SELECT; nothing else is taken")
        scope = _Scope(Slots(sql))
        _gather_names(parsed[0], scope)
        if expanded(parsed[0]) > MAX_EXPANDED:
            raise _DeniedHere("its names stand for each other too often; ask in several smaller questions")
        made = _node(parsed[0], scope)
        text = made.sql(DIALECT, comments=False, identify=True)
        return scope.slots.prepared(text, is_joined=not isinstance(made, exp.Select))
    except _DeniedHere as fault:
        return fault.denied
    except Circular as fault:
        return Denied(str(fault))
    except SqlglotError as fault:
        return _unreadable(fault)
    except RecursionError:
        return Denied("it is nested too deeply; ask in several smaller questions")


def _unreadable(fault: SqlglotError) -> Denied:
    errors: list[dict[str, Any]] = getattr(fault, "errors", [])
    if errors:
        return Denied(
            f"it cannot be read: {errors[0].get('description')}", errors[0].get("line") or 0, errors[0].get("col") or 0
        )
    return Denied(f"it cannot be read: {str(fault).splitlines()[0][:200]}")


def _gather_names(tree: exp.Expr, scope: _Scope) -> None:
    """Take all names that the question gives and the columns of all views that it names."""
    for node in tree.walk():
        if isinstance(node, exp.CTE):
            name = node.alias
            if name in VIEWS or name in scope.tables:
                raise _DeniedHere(f"the name {name!r} is taken already: choose another", node)
            scope.tables[name] = ()
        if isinstance(node, exp.Alias | exp.TableAlias):
            scope.names.add(_name(node.args.get("alias") if isinstance(node, exp.Alias) else node.this, node))
    for table in tree.find_all(exp.Table):
        if table.name in VIEWS:
            scope.views.add(table.name)
    for name in scope.views:
        scope.names |= VIEWS[name].names


def _name(identifier: Any, node: exp.Expr) -> str:
    name = identifier.name if isinstance(identifier, exp.Identifier) else str(identifier or "")
    if not _NAME.fullmatch(name):
        raise _DeniedHere(f"the name {name[:70]!r} is not taken: letters, digits and _ only, a letter first", node)
    return name


def _node(node: exp.Expr, scope: _Scope) -> exp.Expr:
    """Return a part made anew."""
    match node:
        case exp.Table():
            return _table(node, scope)
        case exp.Column():
            return _column(node, scope)
        case exp.Identifier():
            return exp.to_identifier(_name(node, node), quoted=True)
        case exp.Literal():
            return _literal(node)
        case exp.DataType():
            return _type(node)
        case exp.Placeholder():
            return _placeholder(node, scope)
        case exp.Select():
            return _select(node, scope)
        case exp.Star():
            raise _DeniedHere("`*` stands only alone in a SELECT or in count(*)", node)
        case exp.Var():
            return _word(node)
        case _ if type(node) in SHAPES:
            return _shaped(node, SHAPES[type(node)], scope)
        case exp.Func():
            return _function(node, scope)
        case _:
            raise _DeniedHere(f"{type(node).__name__.upper()} is not taken in a question", node)


def _shaped(node: exp.Expr, allowed: frozenset[str], scope: _Scope) -> exp.Expr:
    made: dict[str, Any] = {}
    for key, value in node.args.items():
        if value is None or value == []:
            continue
        if value is False:
            made |= {key: False} if key in allowed else {}
            continue
        if key not in allowed:
            what = key.rstrip("_").upper()
            raise _DeniedHere(f"{what} is not taken in a question", node)
        made[key] = _part(value, scope, node)
    if isinstance(node, exp.Subquery):
        scope.inner[id(node)] = [name for name in _names_of(made["this"]) if _NAME.fullmatch(name)]
    return type(node)(**made)


def _part(value: Any, scope: _Scope, node: exp.Expr) -> Any:
    match value:
        case exp.Expr():
            return _node(value, scope)
        case list():
            return [_part(one, scope, node) for one in value]
        case bool():
            return value
        case str() if value.upper() in WORDS:
            return value.upper()
        case _:
            raise _DeniedHere(f"{str(value)[:40]!r} is not taken in a question", node)


def _function(node: exp.Func, scope: _Scope) -> exp.Expr:
    if isinstance(node, exp.Anonymous | exp.AnonymousAggFunc | exp.CombinedAggFunc | exp.ParameterizedAgg):
        # These carry the name as it was typed: the store's own spelling goes on.
        name = ORDINARY_CASE.get(str(node.this).lower(), "")
        if not name:
            raise _DeniedHere(f"the function {str(node.this)[:60]!r} is not on the list (docs/questions.md)", node)
        rest = {key: _part(value, scope, node) for key, value in node.args.items() if key != "this" and value}
        return type(node)(this=name, **rest)
    made: dict[str, Any] = {}
    for key, value in node.args.items():
        if value is None or value is False or value == []:
            continue
        if isinstance(value, exp.Star) and isinstance(node, exp.Count):
            continue
        made[key] = _part(value, scope, node)
    built = type(node)(**made)
    if str(node.meta.get("clickhouse_name")).lower() in ORDINARY_CASE:  # as it was typed, for the head of its column
        built.meta["clickhouse_name"] = ORDINARY_CASE[node.meta["clickhouse_name"].lower()]
    called = _CALL.match(built.sql(DIALECT, comments=False, identify=True))
    if called is None or called.group(1).lower() not in ORDINARY_CASE:
        name = called.group(1) if called else type(node).__name__
        raise _DeniedHere(f"the function {name!r} is not on the list (docs/questions.md)", node)
    return built


def _literal(node: exp.Literal) -> exp.Expr:
    if node.is_string:
        return exp.Literal.string(node.this)
    if not _NUMBER.fullmatch(node.this):
        raise _DeniedHere(f"the number {node.this[:40]!r} is not taken", node)
    return exp.Literal.number(node.this)


def _type(node: exp.DataType) -> exp.Expr:
    name = node.sql(DIALECT)
    if name not in TYPES:
        raise _DeniedHere(f"the type {name[:40]} is not taken: {', '.join(sorted(TYPES))}", node)
    return exp.DataType.build(name, dialect=DIALECT)


def _word(node: exp.Var) -> exp.Expr:
    if node.name.upper() not in WORDS:
        raise _DeniedHere(f"the word {node.name[:40]!r} is not taken in a question", node)
    return exp.var(node.name.upper())


def _placeholder(node: exp.Placeholder, scope: _Scope) -> exp.Expr:
    name = node.this.name if isinstance(node.this, exp.Expr) else str(node.this or "")
    kind = node.args.get("kind")
    if not isinstance(kind, exp.DataType):
        raise _DeniedHere(f"there is no value for the parameter {name[:40]!r}", node)
    return exp.var(scope.slots.mark(Slot(name, kind.sql(DIALECT))))


def _table(node: exp.Table, scope: _Scope) -> exp.Expr:
    for key, value in node.args.items():
        if value and key not in ("this", "db", "alias"):
            raise _DeniedHere(f"{key.upper()} is not taken beside a view", node)
    if not isinstance(node.this, exp.Identifier):
        raise _DeniedHere("functions that make tables are not taken: ask the views (docs/questions.md)", node)
    database = node.args.get("db")
    if database is not None and (not isinstance(database, exp.Identifier) or database.name != DATABASE):
        raise _DeniedHere("no other database can be asked", node)
    alias = node.args.get("alias")
    made_alias = None if alias is None else _node(alias, scope)
    if node.name in scope.tables and database is None:
        _read(scope.read.get(node.name), scope, node)
        return exp.Table(this=exp.to_identifier(node.name, quoted=True), alias=made_alias)
    if node.name not in VIEWS:
        raise _DeniedHere(f"there is no view {node.name[:60]!r}; there are {', '.join(VIEWS)}", node)
    _read(1, scope, node)
    return exp.Table(
        this=exp.to_identifier(node.name, quoted=True), db=exp.to_identifier(DATABASE, quoted=True), alias=made_alias
    )


def _read(views: int | None, scope: _Scope, node: exp.Expr) -> None:
    if views is None:
        raise _DeniedHere(f"{node.name[:60]!r} is asked before WITH says what it is", node)
    scope.reads += views
    if scope.reads > MAX_READ:
        raise _DeniedHere(
            f"it reads more than {MAX_READ} views, each as often as it is named; ask in several smaller questions", node
        )


def _nearest(name: str, scope: _Scope) -> str:
    """Return which column may be meant, as a sentence goes on."""
    known = {one.lower(): one for one in sorted(scope.names)}
    near = get_close_matches(name.lower(), known, 1)
    return f"; did you mean {known[near[0]][:60]}?" if near else ""


def _column(node: exp.Column, scope: _Scope) -> exp.Expr:
    if any(value for key, value in node.args.items() if key not in ("this", "table")):
        raise _DeniedHere("a column is named by itself or with its view before it", node)
    if not isinstance(node.this, exp.Identifier):
        raise _DeniedHere("`*` stands only alone in a SELECT or in count(*)", node)
    if node.name not in scope.names:
        where = f" in {', '.join(sorted(scope.views))}" if scope.views else ""
        raise _DeniedHere(f"there is no column {node.name[:60]!r}{where}{_nearest(node.name[:60], scope)}", node)
    table = node.args.get("table")
    made = {} if table is None else {"table": exp.to_identifier(_source(table, scope, node), quoted=True)}
    return exp.Column(this=exp.to_identifier(node.name, quoted=True), **made)


def _source(table: Any, scope: _Scope, node: exp.Expr) -> str:
    name = _name(table, node)
    if name not in scope.names and name not in scope.views and name not in scope.tables:
        raise _DeniedHere(f"there is no view or name {name!r}", node)
    return name


def _select(node: exp.Select, scope: _Scope) -> exp.Expr:
    with_ = node.args.get("with_")
    made_with = None
    if with_ is not None:
        made_with = exp.With(expressions=[_common(one, scope) for one in with_.expressions])
        if with_.args.get("recursive"):
            raise _DeniedHere("WITH RECURSIVE is not taken in a question", node)
    bare = exp.Select(**{key: value for key, value in node.args.items() if key not in ("with_", "expressions")})
    made = _shaped(bare, SHAPES[exp.Select], scope)
    if not node.expressions:
        raise _DeniedHere("a SELECT names what it wants", node)
    columns: list[exp.Expr] = []
    for one in node.expressions:
        columns += _starred(one, node, scope) if _is_star(one) else [_node(one, scope)]
    made.set("expressions", columns)
    if made_with is not None:
        made.set("with_", made_with)
    return made


def _common(node: exp.Expr, scope: _Scope) -> exp.Expr:
    if (
        not isinstance(node, exp.CTE)
        or not isinstance(node.this, exp.Select | exp.SetOperation)
        or node.args.get("scalar")
    ):
        raise _DeniedHere("WITH names a SELECT: `WITH name AS (SELECT …)`", node)
    before = scope.reads
    made = _node(node.this, scope)
    scope.read[node.alias], scope.reads = max(1, scope.reads - before), before
    scope.tables[node.alias] = tuple(_names_of(made))
    scope.names |= {name for name in _names_of(made) if _NAME.fullmatch(name)}
    return exp.CTE(this=made, alias=exp.TableAlias(this=exp.to_identifier(_name(node.alias, node), quoted=True)))


def _names_of(select: exp.Expr) -> Sequence[str]:
    return select.named_selects if isinstance(select, exp.Query) else ()


def _is_star(node: exp.Expr) -> bool:
    return isinstance(node, exp.Star) or (isinstance(node, exp.Column) and isinstance(node.this, exp.Star))


def _starred(star: exp.Expr, select: exp.Select, scope: _Scope) -> Sequence[exp.Expr]:
    """Return the columns that a `*` means: those of the published views, nothing internal."""
    inner = star.this if isinstance(star, exp.Column) else star
    if any(inner.args.values()):
        raise _DeniedHere("`*` is taken without EXCEPT, REPLACE or APPLY: name the columns", star)
    wanted = star.args.get("table") if isinstance(star, exp.Column) else None
    from_ = select.args.get("from_")
    sources = [] if from_ is None else [from_.this, *(join.this for join in select.args.get("joins") or ())]
    found: list[exp.Expr] = []
    for source in sources:
        if wanted is not None and source.alias_or_name != wanted.name:
            continue
        qualifier = source.alias_or_name if wanted is not None or len(sources) > 1 else None
        for name in _columns_of(source, scope):
            made = {} if not qualifier else {"table": exp.to_identifier(_name(qualifier, star), quoted=True)}
            found.append(exp.Column(this=exp.to_identifier(name, quoted=True), **made))
    scope.starred += len(found)
    if scope.starred > MAX_STARRED:
        raise _DeniedHere(f"`*` stands for more than {MAX_STARRED} columns: name those that are wanted", star)
    if not found:
        raise _DeniedHere("`*` has nothing to stand for here", star)
    return found


def _columns_of(source: exp.Expr, scope: _Scope) -> Sequence[str]:
    if isinstance(source, exp.Table):
        return VIEWS[source.name].starred if source.name in VIEWS else scope.tables.get(source.name, ())
    if isinstance(source, exp.Subquery):
        return scope.inner.get(id(source), ())
    return ()
