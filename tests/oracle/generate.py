"""Events made from rules: for each rule some that must match, and near-misses that differ from one in one field."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from random import Random
from typing import Any as Anything

from tests.oracle.checks import Absent, Item, SameAs, item_matches
from tests.oracle.conditions import All, Any, Condition, Named, Not
from tests.oracle.events import SYSTEM_NAMES, Fields, Value, from_document
from tests.oracle.plain import Detection, Every, Rule, Some, detection_holds
from tests.oracle.shapes import SHAPES, as_4688, nested
from tests.oracle.sources import CATEGORIES, SERVICES
from tests.oracle.witness import NoWay, near_values, value_for

TRIES = 400
KEYWORD_FIELDS = ("Data", "Payload", "ScriptBlockText")
ODD_LETTERS = (
    "a ",
    "\N{LATIN SMALL LETTER E WITH ACUTE}",
    "\N{LATIN CAPITAL LETTER I WITH DOT ABOVE}",
    "\n",
    "\0 ",
    "\\",
)
Document = dict[str, Anything]


@dataclass(frozen=True, slots=True)
class Made:
    """One generated document; `must` is the rule that must match it, `must_not` the rule that must not."""

    document: Document
    must: str | None = None
    must_not: str | None = None


def made_from(rule: Rule, seed: int) -> tuple[list[Made], str | None]:
    """Returns the events made from the rule, and why something could not be made (None: all of it was)."""
    rng = Random(f"{seed}:{rule.rule_id}")
    try:
        fields = matching_fields(rule, rng)
    except NoWay as reason:
        return [], str(reason)
    made = [Made(nested(fields, rule), must=rule.rule_id)]
    missed = near_miss(fields, rule, rng)
    if missed is not None:
        made.append(Made(nested(missed, rule), must_not=rule.rule_id))
    for _ in range(2):
        made.extend(_variants(matching_fields(rule, rng, first_tries=0), rule, rng))
    made.append(Made(nested(_padded(fields, rng), rule)))
    return made, None if missed is not None else "no near-miss in one field"


def matching_fields(rule: Rule, rng: Random, first_tries: int = 1) -> Fields:
    """Returns fields that make the rule match. Raises NoWay if none of many tries does."""
    last = "every try failed"
    for attempt in range(TRIES):
        # The first try takes the first alternative everywhere: the shortest event, told apart most easily.
        try:
            fields = _Attempt(rule, _First() if attempt < first_tries else rng, rng).fields()
        except NoWay as reason:
            last = str(reason)
            continue
        if _does_match(rule, fields):
            return fields
    raise NoWay(last)


def near_miss(fields: Fields, rule: Rule, rng: Random) -> Fields | None:
    """Returns the fields with one of them changed, missing or added so that the rule matches no more."""
    named = [name for name in _named_fields(rule) if name not in SYSTEM_NAMES]
    inner = [name for name in fields if name in named] + [name for name in fields if name not in SYSTEM_NAMES]
    outer = [name for name in fields if name in _named_fields(rule) and name in SYSTEM_NAMES]
    for name in dict.fromkeys([*inner, *outer]):
        for value in near_values(fields[name], rng):
            if not _does_match(rule, {**fields, name: value}):
                return {**fields, name: value}
    for name in dict.fromkeys([*inner, *named]):
        changed = {other: value for other, value in fields.items() if other != name}
        if name not in fields:
            changed[name] = "present"
        if not _does_match(rule, changed):
            return changed
    for name in ("EventID", "Channel"):
        elsewhere: Fields = {**fields, name: 65_001 if name == "EventID" else "Example/Operational"}
        if not _does_match(rule, elsewhere):
            return elsewhere
    return None


def _does_match(rule: Rule, fields: Fields) -> bool:
    return rule.matches(from_document(nested(fields, rule)))


def _named_fields(rule: Rule) -> list[str]:
    return [item.field for detection in rule.detections.values() for item in _items(detection) if item.field]


def _items(detection: Detection) -> Iterator[Item]:
    if isinstance(detection, Item):
        yield detection
    else:
        for part in detection.parts:
            yield from _items(part)


def _variants(fields: Fields, rule: Rule, rng: Random) -> Iterator[Made]:
    """Yields the event again in other clothes: other capitals, a list around a value, other shapes of document."""
    shape = rng.choice(SHAPES)
    yield Made(shape(fields, rule), must=rule.rule_id if _holds_in(shape, fields, rule) else None)
    data = [name for name in fields if name not in SYSTEM_NAMES]
    fold: Callable[[str], str] = rng.choice((str.upper, str.lower, str.swapcase))
    yield Made(nested({n: fold(v) if n in data and isinstance(v, str) else v for n, v in fields.items()}, rule))
    if data:
        name = rng.choice(data)
        value = fields[name]
        if not isinstance(value, tuple):
            yield Made(nested({**fields, name: rng.choice((("other", value), (value, None), (value, "")))}, rule))
    other_form = as_4688(fields, rule)
    if other_form is not None:
        yield Made(other_form)


def _padded(fields: Fields, rng: Random) -> Fields:
    """Returns the fields with one text made long or odd: engines take other ways for long values and odd letters."""
    texts = [name for name, value in fields.items() if isinstance(value, str) and name not in SYSTEM_NAMES]
    if not texts:
        return fields
    name = rng.choice(texts)
    padding = rng.choice(ODD_LETTERS) * rng.choice((1, 1, 300, 300, 5_000))
    return {**fields, name: rng.choice(("{1}{0}", "{0}{1}", "{0}{1}{0}")).format(fields[name], padding)}


def _holds_in(shape: Callable[[Fields, Rule], Document], fields: Fields, rule: Rule) -> bool:
    return rule.matches(from_document(shape(fields, rule)))


class _First(Random):
    """Chooses the first of everything."""

    def choice(self, seq: Anything) -> Anything:
        return seq[0]


class _Attempt:
    """One try at a matching event: wishes gathered from the condition, values found, unwanted detections spoiled."""

    def __init__(self, rule: Rule, chooser: Random, rng: Random) -> None:
        self.rule = rule
        self.chooser = chooser
        self.rng = rng
        self.wishes: dict[str, list[Item]] = {}
        self.keywords: list[Item] = []
        self.unwanted: list[Detection] = []
        self.found: Fields = {}

    def fields(self) -> Fields:
        self._want(self.rule.condition, True)
        self.found = dict(_header(self.rule.logsource, self.chooser))
        for name in sorted(self.wishes, key=lambda name: any(isinstance(c, SameAs) for c in self._checks(name))):
            self._fill(name)
        if self.keywords:
            name = self.chooser.choice(KEYWORD_FIELDS)
            bare = [replace(item, field=name) for item in self.keywords]
            self._store(name, value_for(name, bare, self.found, self.rng))
        for detection in self.unwanted:
            self._spoil(detection)
        return self.found

    def _checks(self, name: str) -> list[Anything]:
        return [check for item in self.wishes[name] for check in item.checks]

    def _want(self, condition: Condition, wanted: bool) -> None:
        match condition:
            case Named(name):
                self._want_detection(self.rule.detections[name], wanted)
            case Not(part):
                self._want(part, not wanted)
            case All(parts) | Any(parts):
                if isinstance(condition, All) == wanted:
                    for part in parts:
                        self._want(part, wanted)
                else:
                    self._want(self.chooser.choice(parts), wanted)

    def _want_detection(self, detection: Detection, wanted: bool) -> None:
        if not wanted:
            self.unwanted.append(detection)
            return
        match detection:
            case Every(parts):
                for part in parts:
                    self._want_detection(part, True)
            case Some(parts):
                self._want_detection(self.chooser.choice(parts), True)
            case Item():
                self._want_item(detection)

    def _want_item(self, item: Item) -> None:
        if item.is_negated:
            self.unwanted.append(replace(item, is_negated=False))
        elif item.field is None:
            self.keywords.append(item)
        else:
            self.wishes.setdefault(item.field, []).append(item)

    def _fill(self, name: str) -> None:
        for check in self._checks(name):
            if isinstance(check, SameAs) and check.field not in self.found:
                self.found[check.field] = "C:\\Windows\\same.exe"
        self._store(name, value_for(name, self.wishes[name], self.found, self.rng))

    def _store(self, name: str, value: Value | type[Absent]) -> None:
        if isinstance(value, type):
            self.found.pop(name, None)
        else:
            self.found[name] = value

    def _spoil(self, detection: Detection) -> None:
        """Changes fields until the detection no longer holds. Raises NoWay if it will not go."""
        for _ in range(30):
            if not detection_holds(detection, self.found):
                return
            held = [item for item in _items(detection) if item.field and item_matches(item, self.found)]
            if not held:
                raise NoWay("an unwanted keyword is in a wanted one")
            name = str(self.rng.choice(held).field)
            wishes = self.wishes.get(name)
            if wishes:
                self._store(name, value_for(name, wishes, self.found, self.rng))
            elif name in self.found and name not in SYSTEM_NAMES and self.rng.random() < 0.5:
                del self.found[name]
            else:
                self.found[name] = f"benign {self.rng.randrange(1000)}"
        raise NoWay("an unwanted detection cannot be avoided")


def _header(logsource: dict[str, Anything], chooser: Random) -> Fields:
    """Returns the header (and EventType) of an event that serves the log source."""
    service, category = logsource.get("service"), logsource.get("category")
    channel = chooser.choice(SERVICES[service]) if service else "Application"
    fields: Fields = {"Channel": channel, "EventID": 1, "Provider_Name": channel.split("/")[0]}
    if category:
        kind = CATEGORIES[category][0]
        channel = chooser.choice(kind.channels) if kind.channels else f"{kind.provider}/Analytic"
        fields = {"Channel": channel, "EventID": chooser.choice(kind.ids)}
        fields["Provider_Name"] = kind.provider or channel.removesuffix("/Operational")
        if kind.event_types:
            spelled = {"createkey": "CreateKey", "deletekey": "DeleteKey", "deletevalue": "DeleteValue"}
            fields["EventType"] = spelled[chooser.choice(kind.event_types)]
    return {**fields, "Computer": "ward-pc-07.example.org", "Level": 4}
