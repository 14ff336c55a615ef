"""A pool of rules with every operator and nesting, and random events of few values that all of them speak of."""

from __future__ import annotations

from random import Random
from typing import Any

from tests.pipeline.detect.sigma.matching import PROCESS_CREATION, SYSMON, rule

DETECTIONS = (
    "s: {A: a}",
    "s: {A: 1}",
    "s: {A: '1.0'}",
    "s: {A: true}",
    "s: {A: ['0.0', '-0.0']}, t: {A: '-0.0'}, condition: s and not t",
    "s: {A: null}",
    "s: {A: ''}",
    "s: {A: '*'}",
    "s: {A|exists: true, B|exists: false}",
    "s: {A|contains: bc}",
    "s: {A|startswith: [ab, ev]}",
    "s: {A|endswith: [bc, thing]}",
    "s: {A|cased: aB}",
    "s: {A|contains|cased: B}",
    "s: {A: 'a?c'}",
    "s: {A: 'a*c'}",
    "s: {A|contains|all: [a, b]}",
    "s: {A|all: [a, '1']}",
    "s: {A|neq: [a, 1]}",
    "s: {A|re: '^ab+c?$'}",
    "s: {A|re|i: 'ABC|evil'}",
    "s: {A|cidr: 192.0.2.0/24}",
    "s: {A|gt: 0, A|lte: 1}",
    "s: {A|hour|gte: 3}",
    "s: {A|fieldref: B}",
    "s: {A|fieldref|contains|neq: B}",
    "s: {A|fieldref: Computer}",
    "s: {A.D: a}",
    "s: {B: a, C: [1, null]}",
    "s: {A: a, B: 1}, t: {C: x}, u: {C: null}, condition: s or not (t or u)",
    "s: [{A: a}, {B: a}], t: [evil], condition: s and t",
    "s: [evil]",
    "s: ['ev?l*thing', '1.0']",
    "s: [true, abc]",
    "s: {'|all': [evil, thing]}",
    "s: {'|re': 'ev.l'}, t: {A: '*'}, condition: 1 of them",
    "s: {Computer: ward-pc-07, EventID: 1, Channel: '*sysmon*'}",
    "s: {EventRecordID|gt: 1, Provider_Name: made up}",
)
SOURCES = (PROCESS_CREATION, "{product: windows}", "{product: windows, service: security}")


def pool() -> list[str]:
    """Return the rules: each detection for process starts, and every third for other sources too."""
    return [rule(text, SOURCES[0]) for text in DETECTIONS] + [
        rule(text, SOURCES[1 + number % 2]) for number, text in enumerate(DETECTIONS) if number % 3
    ]


VALUES: list[Any] = [
    *("", "a", "aB", "ABC", "a\nc", "abbc", "evil", "an EVIL thing", "x", "-", "ward-pc-07"),
    *("1", "1.0", "true", "192.0.2.7", "2026-01-02T03:04:05Z", "ev\N{LATIN SMALL LETTER DOTLESS I}l"),
    *("\N{KELVIN SIGN}", "\N{LATIN CAPITAL LETTER I WITH DOT ABOVE}", "\\u0041bc", '"evil"', "evi\\l"),
    *(0, 1, 2, True, False, 0.0, -0.0, 1.0, None, ["a", "1"], ["x", 1, "a"]),
]
HEADERS: list[dict[str, Any]] = [
    {"Channel": SYSMON, "EventID": 1, "Hostname": "ward-pc-07"},
    {"Channel": SYSMON, "EventID": 1, "Hostname": "Ward-PC-07", "RecordNumber": 2, "SourceName": "Made Up"},
    {"Channel": SYSMON.upper(), "EventID": "1", "Computer": "other", "UtcTime": "2026-01-02 03:04:05"},
    {"Channel": SYSMON, "EventID": 5},
    {"Channel": "Security", "EventID": 4624, "Hostname": "ward-pc-07", "EventRecordID": 2, "SourceName": "Made Up"},
    {"Channel": "Security", "EventID": 4688, "NewProcessId": "0x10", "SubjectUserName": "evil"},
    {"Channel": "Application", "EventID": 1},
]


def random_documents(seed: int, count: int = 25) -> list[dict[str, Any]]:
    """Return that many documents, flat or nested, always the same for a seed."""
    rng = Random(seed)
    return [_document(rng) for _ in range(count)]


def _document(rng: Random) -> dict[str, Any]:
    header = rng.choice(HEADERS)
    data = {name: _inside(rng) for name in ("A", "B", "C", "A.D") if rng.random() < 0.6}
    if isinstance(data.get("A"), dict | list):
        data.pop("A.D", None)  # what `A.D` and `A: {D: ...}` mean together is nobody's convention
    if rng.random() < 0.7:
        return header | data
    system = {name: value for name, value in header.items() if name in ("Channel", "EventID", "Computer")}
    return {"Event": {"System": system, "EventData": data}}


def _value(rng: Random) -> Any:
    return rng.choice(VALUES) if rng.random() < 0.8 else rng.choices(VALUES[:-2], k=rng.randrange(4))


def _inside(rng: Random) -> Any:
    """Return a value as a document may hold it: mappings and lists of mappings too."""
    sort = rng.random()
    if sort < 0.85:
        return _value(rng)
    inner = {name: _value(rng) for name in ("D", "E") if rng.random() < 0.7}
    return inner if sort < 0.95 else [inner, _value(rng)]
