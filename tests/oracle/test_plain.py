"""The plain evaluator keeps the conventions: small rules and events typed by hand, with what must come of them."""

from typing import Any

import pytest
import yaml

from tests.oracle.events import from_document
from tests.oracle.plain import Refused, evaluate

SYSMON = "Microsoft-Windows-Sysmon/Operational"


def event(**data: Any) -> dict[str, Any]:
    """A Sysmon process creation with this data."""
    return {"Event": {"System": {"Channel": SYSMON, "EventID": 1, "Computer": "ward-pc-07"}, "EventData": data}}


def rule(detection: str, logsource: str = "{product: windows, category: process_creation}") -> dict[str, Any]:
    """A rule with this detection, its condition `s` unless it says another."""
    read = yaml.safe_load(detection)
    return {"id": "r", "logsource": yaml.safe_load(logsource), "detection": {"condition": "s", **read}}


def fires(detection: str, **data: Any) -> bool:
    return evaluate(rule(detection), from_document(event(**data)))


# convention, detection, data that must match, data that must not (near-misses in one field)
COMPARED: list[tuple[str, str, dict[str, Any], dict[str, Any]]] = [
    ("8 case", "s: {Image: '*\\CMD.exe'}", {"Image": "C:\\cmd.EXE"}, {"Image": "C:\\cmd.exe2"}),
    ("8 case of other letters", "s: {A: 'ÄRZTE'}", {"A": "ärzte"}, {"A": "arzte"}),
    ("8 a sigma within a word", "s: {A|contains: 'ΔΣ'}", {"A": "xΔΣa"}, {"A": "xΔa"}),
    ("8 a sigma at its end", "s: {A|contains: 'οδοσ'}", {"A": "x ΟΔΟΣ"}, {"A": "x ΟΔΟ"}),
    ("8 a final sigma", "s: {A|endswith: 'ΔΟς'}", {"A": "οδοσ"}, {"A": "οδοσα"}),
    ("8 a sigma before a wildcard", "s: {A: 'ΟΔΟΣ*?Σ'}", {"A": "οδοσΑΣ"}, {"A": "οδοσΣ"}),
    ("8 a cased sigma", "s: {A|cased|contains: 'δος'}", {"A": "οδος"}, {"A": "οδοσ"}),
    ("8 star takes new lines", "s: {A: 'x*y'}", {"A": "x\r\n\r\ny"}, {"A": "x\r\n\r\nz"}),
    ("8 star takes nothing", "s: {A: 'x*y'}", {"A": "xy"}, {"A": "x"}),
    ("8 star twice", "s: {A: 'ab*ba'}", {"A": "abba"}, {"A": "aba"}),
    ("8 question mark", "s: {A: 'x?y'}", {"A": "x\ny"}, {"A": "xy"}),
    ("8 question mark in the middle", "s: {A|contains: 'x?y'}", {"A": "--xzy--"}, {"A": "--xy--"}),
    ("8 escaped star", r"s: {A: 'x\*y'}", {"A": "x*y"}, {"A": "xzy"}),
    ("8 escaped question mark", r"s: {A: 'x\?'}", {"A": "x?"}, {"A": "xy"}),
    ("8 backslash before star", r"s: {A: 'x\\*'}", {"A": "x\\y"}, {"A": "x*"}),
    ("8 escaped both", r"s: {A: 'x\\\*'}", {"A": "x\\*"}, {"A": "x\\y"}),
    ("8 two backslashes are one", r"s: {A: '\\\\host'}", {"A": "\\\\host"}, {"A": "\\host"}),
    ("8 three backslashes are two", r"s: {A: '\\\host'}", {"A": "\\\\host"}, {"A": "\\host"}),
    ("8 cased", "s: {A|cased: 'Ab'}", {"A": "Ab"}, {"A": "ab"}),
    ("8 cased and contains", "s: {A|contains|cased: 'Ab'}", {"A": "xAbx"}, {"A": "xabx"}),
    ("8 startswith", "s: {A|startswith: 'ab'}", {"A": "abc"}, {"A": "cab"}),
    ("8 endswith", "s: {A|endswith: 'ab'}", {"A": "cab"}, {"A": "abc"}),
    ("8 expression is cased", "s: {A|re: 'ab+'}", {"A": "xxabbx"}, {"A": "xxABBx"}),
    ("8 expression without case", "s: {A|re|i: 'ab+$'}", {"A": "xxABB"}, {"A": "xxABBx"}),
    ("8 expression over lines", "s: {A|re|m: '^ab$'}", {"A": "x\nab\ny"}, {"A": "x\nabc\ny"}),
    ("8 dot takes new lines", "s: {A|re|s: 'a.b'}", {"A": "a\nb"}, {"A": "ab"}),
    ("8 dot alone does not", "s: {A|re: 'a.b'}", {"A": "a-b"}, {"A": "a\nb"}),
    ("9 number as text", "s: {A: 4688}", {"A": "4688"}, {"A": "04688"}),
    ("9 text as number", "s: {A: '46*'}", {"A": 4688}, {"A": 4788}),
    ("9 float as repr", "s: {A: '1.5'}", {"A": 1.5}, {"A": 1.25}),
    ("9 bool as text", "s: {A: 'true'}", {"A": True}, {"A": False}),
    ("9 rule's bool", "s: {A: true}", {"A": "True"}, {"A": 1}),
    ("9 less", "s: {A|lt: 10}", {"A": " 9 "}, {"A": "10"}),
    ("9 less or equal", "s: {A|lte: 10}", {"A": 10}, {"A": 10.5}),
    ("9 greater", "s: {A|gt: 10}", {"A": "10.5"}, {"A": "ten"}),
    ("9 greater or equal", "s: {A|gte: 0}", {"A": 0}, {"A": "0x10"}),
    ("9 bool is no number", "s: {A|gte: 0}", {"A": 1}, {"A": True}),
    ("10 null takes missing", "s: {A: null}", {"B": "x"}, {"A": "x"}),
    ("10 null takes null", "s: {A: null}", {"A": None}, {"A": "-"}),
    ("10 null takes an empty list", "s: {A: null}", {"A": []}, {"A": ["x"]}),
    ("10 null is no list of nulls", "s: {A: null}", {"A": []}, {"A": [None]}),
    ("10 null is not empty text", "s: {A: null}", {}, {"A": ""}),
    ("10 empty text", "s: {A: ''}", {"A": ""}, {"A": None}),
    ("10 empty text is not missing", "s: {A: ''}", {"A": ""}, {}),
    ("10 star takes empty text", "s: {A: '*'}", {"A": ""}, {"A": None}),
    ("10 star is not missing", "s: {A: '*'}", {"A": "x"}, {}),
    ("10 exists though null", "s: {A|exists: true}", {"A": None}, {}),
    ("10 exists not", "s: {A|exists: false}", {}, {"A": ""}),
    ("11 list in the event", "s: {A: b}", {"A": ["a", "b"]}, {"A": ["a", "ab"]}),
    ("11 all over a list", "s: {A|all: [a, b]}", {"A": ["b", "a"]}, {"A": ["a", "c"]}),
    ("11 contains all", "s: {A|contains|all: [a, b]}", {"A": "xbxa"}, {"A": "xbx"}),
    ("11 one of a rule's list", "s: {A: [a, b]}", {"A": "b"}, {"A": "c"}),
    ("12 neq", "s: {A|neq: [a, b]}", {"A": "c"}, {"A": "b"}),
    ("12 neq takes missing", "s: {A|neq: a}", {}, {"A": "A"}),
    ("12 neq and a list", "s: {A|neq: a}", {"A": ["b"]}, {"A": ["b", "a"]}),
    ("12 neq with contains", "s: {A|contains|neq: a}", {"A": "xyx"}, {"A": "xax"}),
    ("13 keyword", "s: [evil, bad]", {"A": "it is EVIL"}, {"evil": "it is good"}),
    ("13 keyword is in one value", "s: ['a b']", {"A": "xa bx"}, {"A": "a", "B": "b"}),
    ("13 keyword with a wildcard", "s: ['x1*x2']", {"A": "-x1bx2-"}, {"A": "-x1", "B": "x2-"}),
    ("13 keyword in a list", "s: [evil]", {"A": ["x", "evil"]}, {"A": ["x", "evi"]}),
    ("13 keyword in a number", "s: [468]", {"A": 4688}, {"A": 4788}),
    ("13 all keywords in different values", "s: {'|all': [x1, x2]}", {"A": "x1", "B": "x2"}, {"A": "x1"}),
    ("13 keyword as an expression", "s: {'|re': 'x[0-9]'}", {"A": "ax1"}, {"A": "axy"}),
    ("14 names are cased", "s: {Image: x}", {"Image": "x"}, {"image": "x"}),
    ("14 names have no spaces", "s: {Threat Name: x}", {"Threat Name": "x"}, {"Threat": "x"}),
    ("14 names have no spaces on one side", "s: {ThreatName: x}", {"Threat Name": "x"}, {"Threat_Name": "x"}),
    ("15 dash", "s: {A|windash|contains: ' -enc'}", {"A": "p /enc"}, {"A": "p +enc"}),
    ("15 en dash", "s: {A|contains|windash: ' /enc'}", {"A": "p \N{EN DASH}enc"}, {"A": "p enc"}),
    ("15 en dash in the rule", "s: {A|windash|contains: '\N{EN DASH}enc'}", {"A": "p -enc"}, {"A": "p enc"}),
    ("15 inner dash stays", "s: {A|windash: '-a-b'}", {"A": "\N{EM DASH}a-b"}, {"A": "-a/b"}),
    ("16 base64", "s: {A|base64|contains: 'ping'}", {"A": "xx cGluZw== xx"}, {"A": "xx cGluZx== xx"}),
    ("16 base64 in any case", "s: {A|base64|contains: 'ping'}", {"A": "CGLUZW=="}, {"A": "CGLUZX=="}),
    ("16 offset 0", "s: {A|base64offset|contains: 'pinging'}", {"A": "cGluZ2luZw=="}, {"A": "cGluZ2luAw=="}),
    ("16 offset 1", "s: {A|base64offset|contains: 'pinging'}", {"A": "eHBpbmdpbmc="}, {"A": "eHBpbmdpamc="}),
    ("16 offset 2", "s: {A|base64offset|contains: 'pinging'}", {"A": "eHhwaW5naW5n"}, {"A": "eHhwaW5najZn"}),
    ("16 wide", "s: {A|wide|base64|contains: 'hi'}", {"A": "aABpAA=="}, {"A": "aGk="}),
    ("16 utf16le", "s: {A|utf16le|base64: 'hi'}", {"A": "aABpAA=="}, {"A": "aABqAA=="}),
    ("16 utf16be", "s: {A|utf16be|base64: 'hi'}", {"A": "AGgAaQ=="}, {"A": "aABpAA=="}),
    ("16 utf16", "s: {A|utf16|base64: 'hi'}", {"A": "//5oAGkA"}, {"A": "aABpAA=="}),
    ("17 cidr", "s: {A|cidr: 192.0.2.0/24}", {"A": "192.0.2.77"}, {"A": "192.0.3.77"}),
    ("17 mapped", "s: {A|cidr: 192.0.2.0/24}", {"A": "::ffff:192.0.2.77"}, {"A": "192.0.2.77:80"}),
    ("17 version 6", "s: {A|cidr: 'fe80::/10'}", {"A": "[FE80::1%eth0]"}, {"A": "::1"}),
    ("18 fieldref", "s: {A|fieldref: B}", {"A": "X", "B": "x"}, {"A": "X", "B": "y"}),
    ("18 spaces", "s: {A B|fieldref: C D}", {"A B": "x", "C D": "x"}, {"A B": "x", "C D": "y"}),
    ("18 missing", "s: {A|fieldref: B}", {"A": "x", "B": "x"}, {"A": "x"}),
    ("18 null", "s: {A|fieldref: B}", {"A": "x", "B": "x"}, {"A": None, "B": None}),
    ("18 lists", "s: {A|fieldref: B}", {"A": ["x", "y"], "B": ["z", "y"]}, {"A": ["x"], "B": ["z"]}),
    ("18 sigma", "s: {A|fieldref|startswith: B}", {"A": "ΟΔΟΣα", "B": "ΟΔΟΣ"}, {"A": "ΟΔΟα", "B": "ΟΔΟΣ"}),
    ("18 contains", "s: {A|fieldref|contains: B}", {"A": "axb", "B": "X"}, {"A": "axb", "B": "y"}),
    ("18 startswith", "s: {A|fieldref|startswith: B}", {"A": "xab", "B": "x"}, {"A": "axb", "B": "x"}),
    ("18 endswith", "s: {A|fieldref|endswith: B}", {"A": "abx", "B": "x"}, {"A": "axb", "B": "x"}),
    ("18 neq", "s: {A|fieldref|neq: B}", {"A": "x", "B": "y"}, {"A": "x", "B": "x"}),
    ("18 cased", "s: {A|fieldref|cased: B}", {"A": "x", "B": "x"}, {"A": "x", "B": "X"}),
    ("19 hour", "s: {A|hour: 3}", {"A": "2026-11-25T03:59:00Z"}, {"A": "2026-11-25T04:00:00+01:00"}),
    ("19 hour compared", "s: {A|hour|gte: 22}", {"A": "2026-11-25 22:00:00.123"}, {"A": "2026-11-25 21:59:59.999"}),
    ("19 minute", "s: {A|minute: 59}", {"A": "2026-11-25 03:59:00"}, {"A": "2026-11-25 59:03:00"}),
    ("19 day", "s: {A|day: 25}", {"A": "2026-11-25"}, {"A": "2026-25-11"}),
    ("19 week", "s: {A|week: 53}", {"A": "2027-01-01"}, {"A": "2027-01-04"}),
    ("19 month", "s: {A|month|lt: 11}", {"A": "2026-10-31"}, {"A": "2026-11-01"}),
    ("19 year", "s: {A|year: 2026}", {"A": "2026-01-01"}, {"A": "2025-12-31"}),
]


@pytest.mark.parametrize(("name", "detection", "match", "miss"), COMPARED, ids=[case[0] for case in COMPARED])
def test_a_value_is_compared(name: str, detection: str, match: dict[str, Any], miss: dict[str, Any]) -> None:
    assert fires(detection, **match), f"{name}: must match"
    assert not fires(detection, **miss), f"{name}: must not match"


CONDITIONS = [
    ("a or b and c", "a", True),
    ("a or b and c", "b", False),
    ("(a or b) and c", "ac", True),
    ("(a or b) and c", "a", False),
    ("not a and b", "b", True),
    ("not a and b", "", False),
    ("not (a and b)", "a", True),
    ("not not a", "a", True),
    ("1 of them", "c", True),
    ("1 of them", "", False),
    ("all of them", "abc", True),
    ("all of them", "ab", False),
    ("any of a*", "a", True),
    ("all of *", "abc", True),
    ("1 of *", "_", False),
    ("1 of _h*", "_", True),
    ("a and not 1 of b*", "a", True),
    ("a and not 1 of b*", "ab", False),
    ("not 1 of b* and not 1 of c", "a", True),
    ("_hidden", "_", True),
]


@pytest.mark.parametrize(("condition", "true", "expected"), CONDITIONS)
def test_a_condition_is_read(condition: str, true: str, expected: bool) -> None:
    names = {"a": "A", "b": "B", "c": "C", "_hidden": "H"}
    parts = ", ".join(f"{name}: {{{field}: 1}}" for name, field in names.items())
    data = {field: 1 for name, field in names.items() if name[0] in true}
    assert fires(f"{{{parts}, condition: '{condition}'}}", **data) is expected


def test_of_a_list_of_conditions_one_is_enough() -> None:
    detection = "{a: {A: 1}, b: {B: 1}, condition: [a, 'not b']}"
    assert fires(detection, A=1, B=1)
    assert fires(detection)
    assert not fires(detection, B=1)


@pytest.mark.parametrize("condition", ["a and", "(a", "a b", "1 of x*", "nothing", "a)", "a AND a"])
def test_what_is_no_condition_is_refused(condition: str) -> None:
    with pytest.raises(Refused, match="condition"):
        fires(f"{{a: {{A: 1}}, condition: '{condition}'}}")


def test_a_list_of_maps_is_joined_by_or_and_a_map_by_and() -> None:
    detection = "s: [{A: 1, B: 1}, {C: 1}, word]"
    assert fires(detection, A=1, B=1)
    assert not fires(detection, A=1)
    assert fires(detection, C=1)
    assert fires(detection, D="a word")


def test_an_expression_that_is_not_linear_is_refused() -> None:
    with pytest.raises(Refused, match="regular expression"):
        fires(r"s: {A|re: '(a)\1'}", A="aa")


def test_a_placeholder_needs_values_and_those_may_hold_wildcards() -> None:
    document = rule("s: {A|expand: 'x-%who%'}")
    seen = from_document(event(A="x-admin7"))
    with pytest.raises(Refused, match="who"):
        evaluate(document, seen)
    assert evaluate(document, seen, {"who": ["root", "admin?"]})
    assert not evaluate(document, seen, {"who": ["root", "admin??"]})


FILTER = {"logsource": {"product": "windows", "category": "process_creation"}, "filter": {"rules": ["r"]}}


@pytest.mark.parametrize(
    ("condition", "user", "expected"),
    [
        ("f", "adm_x", False),
        ("f", "nurse", True),
        ("not f", "adm_x", False),
        ("not f", "nurse", True),
        ("not(f)", "nurse", True),
        ("( not f)", "adm_x", False),
        ("not-f", "adm_x", False),
        ("not-f", "nurse", True),
    ],
)
def test_a_filter_takes_matches_away(condition: str, user: str, expected: bool) -> None:
    selections = {name: {"User|startswith": "adm_"} for name in ("f", "not-f")}
    filters = [{**FILTER, "filter": {"rules": ["r"], **selections, "condition": condition}}]
    assert evaluate(rule("s: {A: 1}"), from_document(event(A=1, User=user)), filters=filters) is expected


def test_a_filter_is_for_the_rules_it_names() -> None:
    filters = [{**FILTER, "filter": {"rules": ["other"], "f": {"A": 1}, "condition": "f"}}]
    assert evaluate(rule("s: {A: 1}"), from_document(event(A=1)), filters=filters)


def test_keywords_are_sought_in_the_header_too() -> None:
    assert fires("s: [ward-pc]")
    assert not fires("s: [lab-pc]")
