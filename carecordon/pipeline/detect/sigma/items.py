"""One line of a detection, `Field|modifiers: values`, to one node.

pySigma supplies the values, their wildcards and most modifiers. `cased`, `all`, `neq` and
`expand` mean the same wherever they stand, and `fieldref` and the parts of a date come
first whatever the order, so that every combination of the specification's appendix works.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

from sigma.exceptions import SigmaError
from sigma.modifiers import modifier_mapping
from sigma.policy import SigmaPolicy
from sigma.policy.regex_engine import RegexEngine
from sigma.rule import SigmaDetectionItem
from sigma.types import (
    SigmaBool,
    SigmaExists,
    SigmaExpansion,
    SigmaNull,
    SigmaNumber,
    SigmaString,
    SigmaType,
)

from carecordon.pipeline.detect.sigma.atoms import AFFIXES, Setting, atom
from carecordon.pipeline.detect.sigma.encode import BASE64, UTF16, base64, base64offset, expand, utf16, windash
from carecordon.pipeline.detect.sigma.fold import all_of, any_of, negate
from carecordon.pipeline.detect.sigma.ir import Atom, Item, Node, Op
from carecordon.pipeline.detect.sigma.refusal import BadRule
from carecordon.pipeline.detect.sigma.texts import Values, field_name

MAX_VALUES = 100_000
"""Of one item, after every modifier has made its variants."""
MAX_NUMBER = 10**18

DATE_PARTS = frozenset({"minute", "hour", "day", "week", "month", "year"})
ORDER = frozenset({"lt", "lte", "gt", "gte"})
FLAGS = frozenset({"i", "m", "s", "ignorecase", "multiline", "dotall"})
ANYWHERE = frozenset({"all", "neq", "cased", "expand"})
TEXT = AFFIXES | UTF16 | BASE64 | {"windash", "re", "cidr", "fieldref", "expand"}
KNOWN = TEXT | DATE_PARTS | ORDER | FLAGS | ANYWHERE | {"exists"}

_SPECIAL = re.compile(r"[*?]|\\\\")

Scalar = str | int | float | bool | None
Change = Callable[[SigmaType], list[SigmaType]]


class _Unchecked(RegexEngine):
    """Leaves patterns to `atoms`, which checks each once, with its flags."""

    error = ValueError

    def compile(self, pattern: str, flags: int = 0) -> Any:
        return None


_POLICY = SigmaPolicy(regex_engine=_Unchecked())


def read_item(key: str, raw: Any, values: Values) -> Node:
    """Return the node of one item; `key` '' or starting with `|` means keywords. Raises BadRule."""
    field, *modifiers = key.split("|")
    _check_modifiers(modifiers)
    if "exists" in modifiers and not field:
        raise BadRule("`exists` needs a field to look for; a keyword has none")
    texts = _scalars(raw, modifiers, values)
    setting = Setting(
        field_name(field), tuple(name for name in modifiers if name not in ANYWHERE), "cased" in modifiers
    )
    changes = _changes(setting)
    nodes: list[Node] = []
    count = 0
    for value in texts:
        for changed in _change(value, changes):
            nodes.append(node := _node(changed, setting))
            count += len(node.atoms) if isinstance(node, Item) else 1
            if count > MAX_VALUES:
                raise BadRule(f"its values become more than {MAX_VALUES:,}; split the rule")
    joined = _join(nodes, every="all" in modifiers)
    return negate(joined) if "neq" in modifiers else joined


def _join(nodes: list[Node], *, every: bool) -> Node:
    if not every:
        return any_of(nodes)
    single = [node.atoms[0] for node in nodes if isinstance(node, Item) and len(node.atoms) == 1]
    if len(single) < 2:
        return all_of(nodes)
    rest = [node for node in nodes if not (isinstance(node, Item) and len(node.atoms) == 1)]
    atoms = tuple(dict.fromkeys(single))
    return all_of([Item(atoms, every=len(atoms) > 1), *rest])


def _node(value: SigmaType, setting: Setting) -> Node:
    if isinstance(value, SigmaExpansion):
        return any_of(_node(inner, setting) for inner in value.values)
    if isinstance(value, SigmaExists):
        carried = Item((Atom(setting.field, Op.EXISTS),))
        return carried if value.exists else negate(carried)
    return Item((atom(value, setting),))


def _check_modifiers(modifiers: list[str]) -> None:
    for name in modifiers:
        if name not in KNOWN:
            raise BadRule(f"there is no modifier `{name}`; the modifiers are {', '.join(sorted(KNOWN))}")
    chosen = set(modifiers)
    if len(chosen) < len(modifiers):
        raise BadRule("a modifier stands twice")
    if chosen & FLAGS and "re" not in chosen:
        raise BadRule(f"`{min(chosen & FLAGS)}` only goes with `re`")
    if early := sorted(FLAGS.intersection(modifiers[: modifiers.index("re")] if "re" in chosen else ())):
        raise BadRule(f"the flag `{early[0]}` stands behind `re`: write `re|{early[0]}`")
    if chosen & AFFIXES and chosen & (ORDER | DATE_PARTS | {"cidr"}):
        raise BadRule(f"`{min(chosen & AFFIXES)}` is for text; it does not go with numbers, dates or networks")
    if chosen & BASE64 and AFFIXES.intersection(modifiers[: min(map(modifiers.index, chosen & BASE64))]):
        raise BadRule("Base64 cannot encode the open end that `contains` and its like leave; put them behind it")
    if "exists" in chosen and len(chosen) > 1:
        raise BadRule("`exists` takes no other modifier")


def _scalars(raw: Any, modifiers: list[str], values: Values) -> Iterable[SigmaType]:
    """Return the values as pySigma knows them, placeholders replaced."""
    items = raw if isinstance(raw, list) else [raw]
    if not items:
        raise BadRule("there is no value; write one, or `null` for a field that must be missing")
    if len(items) > MAX_VALUES:
        raise BadRule(f"more than {MAX_VALUES:,} values; split the rule")
    return [_scalar(item, modifiers, values) for item in items]


def _scalar(item: Scalar, modifiers: list[str], values: Values) -> SigmaType:
    if isinstance(item, list | dict):
        raise BadRule("a value must be text, a number, true, false or null, or a list of these")
    if "exists" in modifiers:
        if not isinstance(item, bool):
            raise BadRule("`exists` takes true or false")
        return SigmaBool(item)
    numeric = [name for name in modifiers if name in ORDER or name in DATE_PARTS]
    if numeric:
        return _numeric(item, numeric)
    if TEXT.isdisjoint(modifiers):
        return _plain(item)
    if item is None:
        raise BadRule("null is no text; to ask for a missing field use it without modifiers")
    text = item if isinstance(item, str) else _text(item)
    make = SigmaString.from_str if "re" in modifiers else _string
    if "expand" not in modifiers:
        return make(text)
    return SigmaExpansion([make(filled) for filled in expand(text, values)])


def _numeric(item: Scalar, modifiers: list[str]) -> SigmaNumber:
    if isinstance(item, bool) or not isinstance(item, int | float):
        raise BadRule(f"`{modifiers[0]}` takes a number, written without quotes")
    if isinstance(item, float) and not DATE_PARTS.isdisjoint(modifiers):
        raise BadRule(f"`{modifiers[0]}` takes a whole number")
    if abs(item) > MAX_NUMBER:
        raise BadRule(f"`{modifiers[0]}` takes a number of at most 18 digits")
    return _as_number(item)


def _as_number(item: float) -> SigmaNumber:
    """Return the number just as written: pySigma would make 1.0 a 1."""
    number = SigmaNumber(item)
    number.number = item
    return number


def _plain(item: Scalar) -> SigmaType:
    if item is None:
        return SigmaNull()
    if isinstance(item, bool):
        return SigmaBool(item)
    if isinstance(item, str) or abs(item) > MAX_NUMBER:
        return _string(str(item))
    return _as_number(item)


def _string(text: str) -> SigmaString:
    """Return the text as pySigma reads it; most texts have nothing to read."""
    return SigmaString(text) if not text or _SPECIAL.search(text) else SigmaString.from_str(text)


def _text(item: int | float) -> str:
    if isinstance(item, bool):
        return "true" if item else "false"
    return repr(item) if isinstance(item, float) else str(item)


def _changes(setting: Setting) -> list[Change]:
    """Return what the modifiers do to a value, in order; affixes are left to the atom, which knows the shape."""
    names = sorted(setting.modifiers, key=lambda name: name != "fieldref" and name not in DATE_PARTS)
    if "fieldref" not in names:
        names = [name for name in names if name not in AFFIXES]
    item = SigmaDetectionItem(setting.field or None, [], [], auto_modifiers=False, policy=_POLICY)
    applied: list[Any] = []
    changes: list[Change] = []
    for at, name in enumerate(names):
        change = _own(name, names[at - 1] if at else None, names[at + 1] if at + 1 < len(names) else None)
        if change is None:
            modifier = modifier_mapping[name]
            change = partial(_pysigma, modifier(item, list(applied)).apply, name)
            applied.append(modifier)
        changes.append(change)
    return changes


def _pysigma(change: Change, name: str, value: SigmaType) -> list[SigmaType]:
    try:
        return change(value)
    except SigmaError as fault:
        raise BadRule(f"`{name}` cannot be applied: {fault}") from fault


def _change(value: SigmaType, changes: list[Change]) -> list[SigmaType]:
    found = [value]
    for change in changes:
        found = [new for old in found for new in _each(old, change)]
    return found


def _each(value: SigmaType, change: Change) -> list[SigmaType]:
    """Apply a change to a value, or to each inside an expansion, which stays one value."""
    if not isinstance(value, SigmaExpansion):
        return change(value)
    inner: list[SigmaType] = []
    for old in value.values:
        for new in _each(old, change):
            inner.extend(new.values if isinstance(new, SigmaExpansion) else [new])
        if len(inner) > MAX_VALUES:
            raise BadRule(f"its values become more than {MAX_VALUES:,}; split the rule")
    return [SigmaExpansion(inner)]


def _own(name: str, before: str | None, after: str | None) -> Change | None:
    """Return our change for this modifier, or None where pySigma's is the one."""
    if name == "windash":
        return _on_text(windash)
    if name in UTF16:
        return _on_text(lambda value: [value]) if after in BASE64 else _on_text(lambda value: [utf16(value, name)])
    if name == "base64":
        return _on_text(lambda value: [base64(value, before)])
    if name == "base64offset":
        return _on_text(lambda value: [base64offset(value, before)])
    return None


def _on_text(change: Callable[[SigmaString], list[SigmaType]]) -> Change:
    return partial(_only_text, change)


def _only_text(change: Callable[[SigmaString], list[SigmaType]], value: SigmaType) -> list[SigmaType]:
    if not isinstance(value, SigmaString):
        raise BadRule("these modifiers do not go together: text is needed where another modifier has changed it")
    return change(value)
