"""The closed list of a question's shapes: which parts of SQL are taken, and what each may have in it."""

from __future__ import annotations

from sqlglot import exp


def _with(names: str) -> frozenset[str]:
    return frozenset(names.split())


_TWO = _with("this expression")
SHAPES: dict[type[exp.Expr], frozenset[str]] = {
    exp.Select: _with("distinct from_ joins where group having order limit offset"),
    exp.Union: _with("this expression distinct order limit offset"),
    exp.Except: _with("this expression distinct order limit offset"),
    exp.Intersect: _with("this expression distinct order limit offset"),
    exp.Subquery: _with("this alias"),
    exp.TableAlias: _with("this"),
    exp.From: _with("this"),
    exp.Join: _with("this on using side kind"),
    exp.Where: _with("this"),
    exp.Group: _with("expressions"),
    exp.Having: _with("this"),
    exp.Order: _with("expressions"),
    exp.Ordered: _with("this desc nulls_first"),
    exp.Limit: _with("expression expressions"),
    exp.Offset: _with("expression"),
    exp.Distinct: _with("expressions"),
    exp.Alias: _with("this alias"),
    exp.Paren: _with("this"),
    exp.Tuple: _with("expressions"),
    exp.Array: _with("expressions"),
    exp.Bracket: _with("this expressions offset"),
    exp.Boolean: _with("this"),
    exp.Null: frozenset(),
    exp.Neg: _with("this"),
    exp.Not: _with("this"),
    exp.Between: _with("this low high"),
    exp.In: _with("this expressions query"),
    exp.Exists: _with("this"),
    exp.Case: _with("this ifs default"),
    exp.If: _with("this true false"),
    exp.Cast: _with("this to"),
    exp.Interval: _with("this unit"),
    exp.Window: _with("this partition_by order spec over"),
    exp.WindowSpec: _with("kind start start_side end end_side"),
    **dict.fromkeys(
        (exp.And, exp.Or, exp.EQ, exp.NEQ, exp.GT, exp.GTE, exp.LT, exp.LTE, exp.Is, exp.Like, exp.ILike,
         exp.Add, exp.Sub, exp.Mul, exp.Div, exp.Mod, exp.IntDiv),
        _TWO,
    ),
}  # fmt: skip
"""By kind of part: the arguments that are taken. What stands elsewhere in a question is refused."""

WORDS = _with(
    "INNER LEFT RIGHT FULL OUTER CROSS ROWS RANGE UNBOUNDED PRECEDING FOLLOWING CURRENT ROW OVER "
    "SECOND MINUTE HOUR DAY WEEK MONTH YEAR"
) | {"CURRENT ROW"}
"""Words that such an argument may be."""
