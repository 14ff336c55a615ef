"""Regular expressions in linear time (RE2), each behind literals that must stand in the text first.

RE2 never backtracks, so the time grows with the text and no faster; what RE2 cannot run, and what is so large that
it would be slow, is refused when the rule is loaded. Most patterns demand some literal text: only where it stands is
the pattern itself tried. The demand is found by walking Python's own parse tree of the pattern, and only when that is
certain: a pattern without such a literal is always tried.
"""

from __future__ import annotations

import re
import warnings
from typing import Any

import re2

MIN_LITERAL = 3
"""A shorter demanded literal would not spare much."""
MAX_ALTERNATIVES = 24
STATE_BYTES = 32 << 20
"""What the states of one pattern may take, on texts made for that: without room for them RE2 is far slower."""
LONG_LINE = re.compile(r"\.\{(\d{1,4}),?\}", re.ASCII)


class LongLine:
    """The pattern `.{n}` or `.{n,}`: a line of at least so many characters, for which RE2 would build n states."""

    def __init__(self, length: int) -> None:
        """Look for `length` characters."""
        self._length = length

    def search(self, data: bytes) -> bool | None:
        """Return True where a line of UTF-8 `data` is as long, else None."""
        length = self._length
        lines = (line for line in data.split(b"\n") if len(line) >= length)
        return True if any(len(line.decode()) >= length for line in lines) else None


def compiled(pattern: str) -> Any:
    """Return the program of `pattern`, to be asked with UTF-8 bytes. Raises re2.error if RE2 cannot run it.

    Bytes, because the wrapper counts characters on every call that hands it text: three times the cost.
    """
    options = re2.Options()
    options.log_errors = False
    options.never_capture = True
    options.max_mem = STATE_BYTES
    program = re2.compile(pattern.encode(), options)
    length = LONG_LINE.fullmatch(pattern)
    return program if length is None else LongLine(int(length[1]))


def demanded(pattern: str) -> tuple[str, ...] | None:
    """Return lower-case literals of which every matching text holds at least one, or None if unknown.

    True of texts whose lower-case form is compared, as long as they are ASCII: folding
    outside ASCII (such as the long s) is the caller's to look out for.
    """
    if "[:" in pattern:
        return None  # a class by its name, which only RE2 knows
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", FutureWarning)  # what Python may read otherwise one day
            tree = re._parser.parse(pattern)  # type: ignore[attr-defined]  # noqa: SLF001  # no public parser reads this
    except (re.error, RecursionError, OverflowError, FutureWarning):
        return None
    try:
        found = _demand(list(tree))
    except RecursionError:
        return None
    return found if found and min(map(len, found)) >= MIN_LITERAL else None


def _demand(items: list[Any]) -> tuple[str, ...] | None:
    """Return the best demand of a sequence: a run of literals, or what a part inside demands."""
    best: tuple[str, ...] | None = None
    run = ""
    for operation, argument in [*items, (None, None)]:
        if str(operation) == "LITERAL" and argument < 128:
            run += chr(argument).lower()
            continue
        for candidate in ((run,) if run else None, _inside(str(operation), argument)):
            best = _better(best, candidate)
        run = ""
    return best


def _inside(operation: str, argument: Any) -> tuple[str, ...] | None:
    if operation == "SUBPATTERN":
        return _demand(list(argument[3]))
    if operation in ("MAX_REPEAT", "MIN_REPEAT", "POSSESSIVE_REPEAT") and argument[0] > 0:
        return _demand(list(argument[2]))
    if operation == "BRANCH":
        demands = [_demand(list(branch)) for branch in argument[1]]
        if all(demands):
            union = tuple(sorted({literal for demand in demands if demand for literal in demand}))
            return union if len(union) <= MAX_ALTERNATIVES else None
    return None


def _better(one: tuple[str, ...] | None, other: tuple[str, ...] | None) -> tuple[str, ...] | None:
    if not one or not other:
        return one or other
    return max(one, other, key=lambda demand: (min(map(len, demand)), -len(demand)))
