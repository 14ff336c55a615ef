"""What one `field|modifiers: values` item of a rule asks of an event, read plainly from the YAML."""

import base64
import ipaddress
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import cache, lru_cache
from itertools import product
from typing import Any

import re2

from tests.oracle.conditions import Refused
from tests.oracle.events import Fields, Scalar, Value
from tests.oracle.text import Part, Pattern, alternatives, lowered, matches, parse, pattern, plain, within

DASHES = ("-", "/", "–", "—", "―")  # noqa: RUF001 - the dash characters are the point
COMPARISONS: dict[str, Callable[[float, float], bool]] = {
    "lt": lambda left, right: left < right,
    "lte": lambda left, right: left <= right,
    "gt": lambda left, right: left > right,
    "gte": lambda left, right: left >= right,
}
DATE_PARTS: dict[str, Callable[[datetime], int]] = {
    "minute": lambda moment: moment.minute,
    "hour": lambda moment: moment.hour,
    "day": lambda moment: moment.day,
    "week": lambda moment: moment.isocalendar().week,
    "month": lambda moment: moment.month,
    "year": lambda moment: moment.year,
}
REGEX_FLAGS = {"i": "i", "ignorecase": "i", "m": "m", "multiline": "m", "s": "s", "dotall": "s"}
ENCODINGS = {"wide": "utf-16-le", "utf16le": "utf-16-le", "utf16be": "utf-16-be", "utf16": "utf-16-le"}
Values = dict[str, list[str]] | None  # what `expand` puts in the place of each placeholder
_DASH = re.compile(r"(\B[/\u2013\u2014\u2015-]\b)")
_NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")


@dataclass(frozen=True, slots=True)
class Texts:
    """The value is of one of the patterns (several when a modifier spreads one value)."""

    parts: tuple[tuple[Part, ...], ...]
    patterns: tuple[Pattern, ...]


@dataclass(frozen=True, slots=True)
class Regex:
    """The expression is found somewhere in the value."""

    expression: str


@dataclass(frozen=True, slots=True)
class Network:
    """The value is an address of the network."""

    cidr: str


@dataclass(frozen=True, slots=True)
class SameAs:
    """The value equals, begins with, ends with or contains the value of another field."""

    field: str
    may_begin_before: bool
    may_end_after: bool
    is_cased: bool


@dataclass(frozen=True, slots=True)
class Number:
    """The value's number (or the named part of its date) stands in this relation to `number`."""

    relation: str
    number: float
    date_part: str | None


@dataclass(frozen=True, slots=True)
class Absent:
    """The field is missing or null (or an empty list)."""


@dataclass(frozen=True, slots=True)
class Carried:
    """The field is carried, whatever it holds (or is not, when `wanted` is false)."""

    wanted: bool


Check = Texts | Regex | Network | SameAs | Number | Absent | Carried


@dataclass(frozen=True, slots=True)
class Item:
    """One item: the field (None: keywords) and its checks, of which one must hold, or all."""

    field: str | None
    checks: tuple[Check, ...]
    needs_all: bool
    is_negated: bool
    takes_missing: bool  # whether the checks hold where the field is not carried


def read_item(key: str, content: Any, values: Values) -> Item:
    """Returns the item of `key: content`. Raises Refused for what cannot be run (a placeholder without values …)."""
    field, *modifiers = key.split("|")
    field = field.replace(" ", "")
    listed = content if isinstance(content, list) else [content]
    checks = tuple(_read_check(one, tuple(modifiers), values) for one in listed) or (Absent(),)
    if not field:
        checks = tuple(_anywhere(check) for check in checks)
    needs_all = "all" in modifiers
    takes_missing = (all if needs_all else any)(_takes_missing(check) for check in checks)
    return Item(field or None, checks, needs_all, "neq" in modifiers, takes_missing)


def _read_check(value: Scalar, modifiers: tuple[str, ...], values: Values) -> Check:
    if value is None:
        return Absent()
    if "exists" in modifiers:
        return Carried(bool(value))
    if "re" in modifiers:
        return _read_regex(str(value), modifiers)
    if "cidr" in modifiers:
        try:
            return Network(str(ipaddress.ip_network(str(value))))
        except ValueError as error:
            raise Refused(f"cidr: {error}") from error
    if "fieldref" in modifiers:
        name = plain(parse(str(value)))
        if name is None:
            raise Refused("fieldref: a wildcard in a field's name")
        before, after = _open_ends(modifiers)
        return SameAs(name.replace(" ", ""), before, after, "cased" in modifiers)
    relation = next((name for name in COMPARISONS if name in modifiers), None)
    date_part = next((name for name in DATE_PARTS if name in modifiers), None)
    if relation or date_part:
        return Number(relation or "is", _rule_number(value), date_part)
    parts_found = _read_parts(value, modifiers, values)
    return Texts(tuple(parts_found), tuple(pattern(parts, "cased" in modifiers) for parts in parts_found))


def _rule_number(value: Scalar) -> float:
    number = _number_of(str(value))
    if number is None:
        raise Refused(f"{value!r} is no number")
    return number


def _read_regex(text: str, modifiers: tuple[str, ...]) -> Regex:
    flags = "".join(sorted({REGEX_FLAGS[name] for name in modifiers if name in REGEX_FLAGS}))
    expression = f"(?{flags}){text}" if flags else text
    _compiled(expression)
    return Regex(expression)


def _read_parts(value: Scalar, modifiers: tuple[str, ...], values: Values) -> list[tuple[Part, ...]]:
    """Returns the texts of a text, number or bool after its text modifiers, in the order they are written."""
    if not isinstance(value, str | int | float):
        raise Refused(f"{value!r} is neither text nor number")
    found = [parse(value) if isinstance(value, str) else (text_of(value) or "",)]
    wide: dict[tuple[Part, ...], bytes] = {}
    for name in modifiers:
        if name == "expand":
            found = [one for parts in found for one in _expanded(parts, values)]
        elif name == "windash":
            found = [one for parts in found for one in _dashed(parts)]
        elif name in ENCODINGS:
            wide = {(_as_letters(data),): data for data in (_wide(parts, name) for parts in found)}
            found = list(wide)
        elif name in ("base64", "base64offset"):
            plain_bytes = [wide[parts] if parts in wide else _plain(parts).encode() for parts in found]
            found = [(one,) for data in plain_bytes for one in (_base64(data) if name == "base64" else _offsets(data))]
        elif name in ("contains", "startswith", "endswith"):
            found = [within(parts, *_open_ends((name,))) for parts in found]
    return found


def _open_ends(modifiers: tuple[str, ...]) -> tuple[bool, bool]:
    """Returns whether other text may stand before, and after."""
    return (
        "contains" in modifiers or "endswith" in modifiers,
        "contains" in modifiers or "startswith" in modifiers,
    )


def _expanded(parts: tuple[Part, ...], values: Values) -> list[tuple[Part, ...]]:
    """Returns the parts with every %placeholder% replaced by each of its values, which may hold wildcards."""
    options: list[list[tuple[Part, ...]]] = []
    for part in parts:
        for number, run in enumerate(re.split(r"%(\w+)%", part) if isinstance(part, str) else [part]):
            if isinstance(run, str) and number % 2:
                filled = (values or {}).get(run)
                if not filled:
                    raise Refused(f"placeholder {run!r} has no values")
                options.append([parse(str(one)) for one in filled])
            elif run:
                options.append([(run,)])
    return [tuple(part for piece in choice for part in piece) for choice in product(*options)]


def _dashed(parts: tuple[Part, ...]) -> list[tuple[Part, ...]]:
    """Returns the parts with each dash that begins a word replaced by every dash character."""
    split: list[Part] = []
    for part in parts:
        split.extend([run for run in _DASH.split(part) if run] if isinstance(part, str) else [part])
    if sum(_begins_word(split, at) for at in range(len(split))) > 3:
        raise Refused("windash: more than three dashes in one text")
    marked = tuple("\0dash" if _begins_word(split, at) else part for at, part in enumerate(split))
    return alternatives(marked, {"\0dash": DASHES})


def _begins_word(parts: list[Part], at: int) -> bool:
    part = parts[at]
    following = parts[at + 1] if at + 1 < len(parts) else ""
    return part in DASHES and isinstance(following, str) and re.match(r"\w", following) is not None


def _plain(parts: tuple[Part, ...]) -> str:
    text = plain(parts)
    if text is None:
        raise Refused("a wildcard in text that is to be encoded")
    return text


def _wide(parts: tuple[Part, ...], name: str) -> bytes:
    return (b"\xff\xfe" if name == "utf16" else b"") + _plain(parts).encode(ENCODINGS[name])


def _as_letters(data: bytes) -> str:
    """Returns UTF-16 bytes read as one letter a byte: what a log holds that took them for plain text."""
    return data.decode("latin-1").replace("\xff\xfe", "\ufeff", 1)


def _base64(data: bytes) -> list[str]:
    return [base64.b64encode(data).decode()]


def _offsets(data: bytes) -> list[str]:
    """Returns the part of the Base64 text that is the same whatever stands around, for each of three shifts."""
    found = []
    for shift in range(3):
        text = base64.b64encode(b"\0" * shift + data).decode()
        start = (0, 2, 3)[shift]
        bits = 8 * (shift + len(data))
        found.append(text[start : bits // 6])
    return found


@cache
def _compiled(expression: str) -> Any:
    options = re2.Options()
    options.log_errors = False
    try:
        return re2.compile(expression, options)
    except re2.error as error:
        raise Refused(f"regular expression: {error}") from error


def text_of(value: Scalar) -> str | None:
    """Returns the text by which a value is compared; None for null."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return value if isinstance(value, str) else None if value is None else repr(value)


def _number_of(text: str) -> float | None:
    text = text.strip()
    if not _NUMBER.fullmatch(text):
        return None
    return int(text) if text.lstrip("+-").isdecimal() else float(text)


def item_matches(item: Item, fields: Fields) -> bool:
    """Returns whether the event's fields satisfy the item."""
    if item.field is None:
        scalars = tuple(one for value in fields.values() for one in _each(value))
    elif item.field not in fields:
        return item.takes_missing != item.is_negated
    else:
        scalars = _each(fields[item.field])
    for check in item.checks:
        if _check_matches(check, item.field, scalars, fields) != item.needs_all:
            return item.needs_all == item.is_negated
    return item.needs_all != item.is_negated


def _check_matches(check: Check, field: str | None, scalars: tuple[Scalar, ...], fields: Fields) -> bool:
    """Returns whether a field that is carried with these scalars (no field: all of the event's) passes the check."""
    if isinstance(check, Absent):
        return field is not None and fields[field] in (None, ())
    if isinstance(check, Carried):
        return field is not None and check.wanted
    for scalar in scalars:
        text = text_of(scalar)
        if text is not None and _text_passes(check, text, scalar, fields):
            return True
    return False


def _takes_missing(check: Check) -> bool:
    return isinstance(check, Absent) or (isinstance(check, Carried) and not check.wanted)


def _anywhere(check: Check) -> Check:
    """Returns the check of a keyword: its text may stand anywhere in a value."""
    if not isinstance(check, Texts):
        return check
    is_cased = check.patterns[0].is_cased
    wider = tuple(within(parts, True, True) for parts in check.parts)
    return Texts(wider, tuple(pattern(parts, is_cased) for parts in wider))


def _each(value: Value) -> tuple[Scalar, ...]:
    return value if isinstance(value, tuple) else (value,)


def _text_passes(check: Check, text: str, scalar: Scalar, fields: Fields) -> bool:
    match check:
        case Texts():
            for wanted in check.patterns:  # noqa: SIM110 - nearly all the time goes here
                if matches(wanted, text):
                    return True
            return False
        case Regex(expression):
            return _compiled(expression).search(text) is not None
        case Network(cidr):
            return _is_inside(text, cidr)
        case SameAs():
            return any(_is_same(check, text, text_of(other)) for other in _each(fields.get(check.field)))
        case Number(relation, number, date_part):
            found = _number_of(text) if date_part is None else _date_part(text, date_part)
            if isinstance(scalar, bool) or found is None:
                return False
            return found == number if relation == "is" else COMPARISONS[relation](found, number)
        case Absent() | Carried():
            return False


def _is_same(check: SameAs, text: str, other: str | None) -> bool:
    if other is None:
        return False
    if not check.is_cased:
        text, other = lowered(text), lowered(other)
    if check.may_begin_before and check.may_end_after:
        return other in text
    if check.may_begin_before:
        return text.endswith(other)
    return text.startswith(other) if check.may_end_after else text == other


@lru_cache(maxsize=100_000)
def _is_inside(text: str, cidr: str) -> bool:
    bare = text.removeprefix("[").removesuffix("]").split("%")[0]
    try:
        address = ipaddress.ip_address(bare)
    except ValueError:
        return False
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    return address in ipaddress.ip_network(cidr)


def _date_part(text: str, name: str) -> int | None:
    try:
        return DATE_PARTS[name](datetime.fromisoformat(text.strip()))
    except ValueError:
        return None
