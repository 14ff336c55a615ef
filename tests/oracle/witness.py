"""Values that satisfy the items of a rule, and near values that do not: the material of generated events."""

import ipaddress
import string
from collections.abc import Iterator
from random import Random

from tests.oracle.checks import Absent, Carried, Check, Item, Network, Number, Regex, SameAs, Texts, item_matches
from tests.oracle.events import Fields, Scalar, Value
from tests.oracle.sampler import sample
from tests.oracle.text import Part, Wild

FILLERS = ("", "", " ", "a", " zq ", "7")
DATES = {"minute": "2026-01-05 10:{:02}:00", "hour": "2026-01-05 {:02}:30:00", "day": "2026-01-{:02} 10:30:00"}


class NoWay(Exception):
    """No value was found; the text says for what."""


def value_for(field: str, items: list[Item], known: Fields, rng: Random) -> Value | type[Absent]:
    """Returns a value of the field that all the items accept, or Absent where the field must stay away.

    Raises NoWay if a handful of drawn values are all refused.
    """
    for attempt in range(24):
        wanted = [check for item in items for check in _wanted_checks(item, rng)]
        if any(isinstance(check, Absent) or check == Carried(False) for check in wanted):
            candidate: Value | type[Absent] = Absent
        else:
            candidate = _assembled(wanted, known, rng)
            if attempt > 16:  # what no one text can be, a list of texts may
                candidate = tuple(_scalar(_assembled([check], known, rng)) for check in wanted)
        trial = {**known, field: candidate} if candidate is not Absent else _without(known, field)
        if all(item_matches(item, trial) for item in items):  # type: ignore[arg-type]  # Absent is left out above
            return candidate
    raise NoWay(f"no value for {field}")


def _scalar(value: Value) -> Scalar:
    return value[0] if isinstance(value, tuple) else value


def _without(fields: Fields, field: str) -> Fields:
    return {name: value for name, value in fields.items() if name != field}


def _wanted_checks(item: Item, rng: Random) -> list[Check]:
    return list(item.checks) if item.needs_all else [rng.choice(item.checks)]


def _assembled(checks: list[Check], known: Fields, rng: Random) -> Value:
    """Returns one text made of what each check asks: beginnings, middles and ends put together in some order."""
    head, tail, middles = "", "", []
    for check in rng.sample(checks, len(checks)):
        match check:
            case Texts():
                begin, between, end = _pieces(rng.choice(check.parts), rng)
                if end is None:
                    return _as_number(begin, rng)
                head, tail = max(head, begin, key=len), max(tail, end, key=len)
                middles.extend(between)
            case Regex(expression):
                text = sample(expression, rng)
                if expression.lstrip("(?ims)").startswith("^"):
                    head = text
                elif expression.endswith("$"):
                    tail = text
                else:
                    middles.append(text)
            case Network(cidr):
                network = ipaddress.ip_network(cidr)
                return str(network[rng.randrange(min(network.num_addresses, 1 << 32))])
            case SameAs():
                other = known.get(check.field)
                middles.append(other if isinstance(other, str) else "C:\\Windows\\same.exe")
            case Number():
                return _number(check, rng)
            case Absent() | Carried():
                middles.append("carried")
    middles = [text for text in middles if text.lower() not in (head + "\0" + tail).lower()]
    return head + rng.choice(FILLERS).join(["", *middles, ""]) + tail


def _pieces(parts: tuple[Part, ...], rng: Random) -> tuple[str, list[str], str | None]:
    """Returns the beginning, the middles and the end that a text with `*` asks; the end is None without `*`."""
    pieces = [""]
    for part in parts:
        if part is Wild.MANY:
            pieces.append("")
        else:
            pieces[-1] += part if isinstance(part, str) else rng.choice(string.ascii_lowercase)
    if len(pieces) == 1:
        return pieces[0], [], None
    return pieces[0], [piece for piece in pieces[1:-1] if piece], pieces[-1]


def _as_number(text: str, rng: Random) -> Value:
    """Returns a text of digits sometimes as the number it is: events carry both."""
    if text.isdecimal() and str(int(text)) == text and len(text) < 18 and rng.random() < 0.5:
        return int(text)
    return text == "true" if text in ("true", "false") and rng.random() < 0.5 else text


def _number(check: Number, rng: Random) -> Value:
    number = int(check.number) + {"lt": -1, "lte": 0, "is": 0, "gte": 0, "gt": 1}[check.relation]
    if check.date_part is None:
        return rng.choice((number, str(number)))
    return DATES.get(check.date_part, "{:04}-06-15 10:30:00").format(number)


def near_values(value: Value, rng: Random) -> Iterator[Value]:
    """Yields values that differ little from the given one: another letter, one letter less, one more, nothing."""
    if isinstance(value, tuple):
        for at in range(len(value)):
            for near in near_values(value[at], rng):
                if not isinstance(near, tuple):
                    yield (*value[:at], near, *value[at + 1 :])
        return
    if value is None or isinstance(value, bool):
        yield "present" if value is None else not value
        return
    if isinstance(value, int | float):
        yield value + 1
        yield value + 100_003
        return
    places = [at for at, letter in enumerate(value) if letter.isalnum()]
    for at in rng.sample(places, min(len(places), 12)):
        yield value[:at] + ("q" if value[at].lower() != "q" else "j") + value[at + 1 :]
    if value:
        yield value[:-1]
        yield value[1:]
    yield value + "q"
    yield "q" + value
    yield ""
