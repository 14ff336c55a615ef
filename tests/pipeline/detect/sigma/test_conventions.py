"""The conventions of docs/detection.md, one test each: from rule text to matches, in every shape of event."""

from __future__ import annotations

from base64 import b64encode
from itertools import product
from typing import Any

import pytest

from carecordon.model.event import LogSource
from carecordon.pipeline.detect.sigma.engine import Engine
from tests.pipeline.detect.sigma.matching import (
    DEFENDER,
    SHAPES,
    SYSMON,
    fires,
    flat,
    is_hit,
    matches,
    nested,
    ready,
    rows_of,
    rule,
    winlogbeat,
)

WINDOWS = "{product: windows}"
SECURITY = "{product: windows, service: security}"


def test_header_and_data_are_two_name_spaces() -> None:
    data = {"Computer": "other.example.org", "Level": "99", "EventID": 7}
    for shape in (nested, winlogbeat):
        event = shape(SYSMON, 1, data)
        assert fires(rule("s: {Computer: ward-pc-07, EventID: 1}"), event)
        assert fires(rule("s: {EventData_Computer: other.example.org, EventData_EventID: 7}"), event)
        assert not fires(rule("s: {Computer: other.example.org}"), event)
        assert fires(rule("s: {EventData_Level: 99, Level: null}"), event)  # though this header has no Level
    assert fires(rule("s: {Computer: other.example.org}"), flat(SYSMON, 1, {"Computer": "other.example.org"}))
    assert not fires(rule("s: {EventData_Computer: '*'}"), flat(SYSMON, 1, {"Computer": "other.example.org"}))


def test_nested_documents_give_their_header_and_data() -> None:
    system = {
        "Channel": "System",
        "EventID": {"#text": "7045", "#attributes": {"Qualifiers": 16384}},
        "EventRecordID": "12",
        "Provider": {"#attributes": {"Name": "Made Up Service", "EventSourceName": "made-up"}},
        "Execution": {"#attributes": {"ProcessID": 4, "ThreadID": 8}},
        "Security": {"#attributes": {"UserID": "S-1-5-18"}},
    }
    data: dict[str, Any] = {
        "#attributes": {"Name": "Installed"},
        "Data": {"#text": ["first", "second"], "#attributes": {"x": 1}},
        "Deep": {"Er": {"Still": "here"}},
        "Empty": None,
    }
    event = {"Event": {"System": system, "EventData": data}}
    header = "EventID: 7045, Provider_Name: made up service, Execution_ProcessID: 4, Security_UserID: S-1-5-18"
    assert fires(rule(f"s: {{{header}, EventSourceName: made-up, EventRecordID: 12}}", WINDOWS), event)
    assert fires(rule("s: {Data: second, Deep.Er.Still: here, EventData_Name: Installed, Empty: null}", WINDOWS), event)
    assert not fires(rule("s: {Data: 'first second'}", WINDOWS), event)
    assert not fires(rule("s: {Data.#attributes.x: 1}", WINDOWS), event)
    user = {"Event": {"System": system, "UserData": {"Cleared": {"Subject": "anna", "#attributes": {"xmlns": "u"}}}}}
    assert fires(rule("s: {Subject: anna}", WINDOWS), user)
    assert not fires(rule("s: {Cleared.Subject: anna}", WINDOWS), user)


def test_flat_documents_are_taken_as_they_stand() -> None:
    event = flat("Security", 4624, {"SourceName": "Auditing", "RecordNumber": 7, "Message": "hello"})
    assert fires(rule("s: {Provider_Name: auditing, Computer: ward-pc-07, EventRecordID: 7}", SECURITY), event)
    assert fires(rule("s: {SourceName: auditing, RecordNumber: 7, Message: hello}", SECURITY), event)
    assert fires(rule("s: {Computer: other}", SECURITY), event | {"Computer": "other"})
    assert not fires(rule("s: {Computer: ward-pc-07}", SECURITY), event | {"Computer": "other"})


def test_winlogbeat_gives_header_data_and_message() -> None:
    event = winlogbeat("Security", 4624, {"param1": "x", "LogonType": "3"}) | {"message": "hello"}
    event["winlog"] |= {"record_id": "9", "process": {"pid": 4}, "user": {"identifier": "S-1-5-18"}}
    wanted = "s: {EventRecordID: 9, Execution_ProcessID: 4, Security_UserID: S-1-5-18, param1: x, Message: hello}"
    assert fires(rule(wanted, SECURITY), event)
    assert not fires(rule("s: {message: hello}", SECURITY), event)
    assert not fires(rule("s: {winlog.record_id: 9}", SECURITY), event)


def test_documents_bound_by_hand_are_flattened() -> None:
    bound = LogSource("linux", None, "auditd")
    document = {"process": {"args": ["sh", "-c"]}, "a.b": 1, "users": [{"name": "anna"}, {"name": "ben"}]}
    text = rule("s: {process.args: '-c', a.b: 1, users.name: ben}", "{product: linux, service: auditd}")
    assert fires(text, document, bound=bound)
    assert not fires(text, document | {"users": [{"name": "anna"}]}, bound=bound)
    assert not fires(rule("s: {a.b: 1}", "{product: linux, service: cron}"), document, bound=bound)
    assert fires(rule("s: {a.b: 1}", "{product: linux}"), document, bound=bound)


def test_names_lose_their_spaces_and_are_else_exact() -> None:
    data = {"Threat Name": "Made/Up", "Detection  User": "anna"}
    mapped = {**data, "More": {"Of It": ["x"]}}
    bound = LogSource("windows", None, None)
    events = [shape(DEFENDER, 1116, data) for shape in SHAPES]
    for event, source in [*((event, None) for event in events), (data, bound), (mapped, bound)]:
        assert fires(rule("s: {ThreatName: made/up, DetectionUser: anna}", WINDOWS), event, bound=source)
        assert fires(rule("s: {'Threat Name': made/up, DetectionUser|contains: nn}", WINDOWS), event, bound=source)
        assert fires(rule("s: {Threat Name|fieldref|neq: 'Detection User'}", WINDOWS), event, bound=source)
        assert fires(rule("s: {'Detection User|fieldref': 'Detection User'}", WINDOWS), event, bound=source)
        assert not fires(rule("s: {threatname: made/up}", WINDOWS), event, bound=source)
    for event, source in ((mapped, bound), *((shape(DEFENDER, 1116, mapped), None) for shape in SHAPES)):
        assert fires(rule("s: {More.OfIt: x}", WINDOWS), event, bound=source)
        assert fires(rule("s: {More.Of It: x}", WINDOWS), event, bound=source)


@pytest.mark.parametrize("name", ["TimeCreated", "UtcTime", "@timestamp", "EventTime"])
def test_time_is_utc(name: str) -> None:
    documents = [
        flat(SYSMON, 1, {name: "2026-11-25 01:02:03.5"}),
        flat(SYSMON, 1, {name: "2026-11-25T02:02:03.500+01:00"}),
        flat(SYSMON, 1, {"EventTime": "2020-01-01", name: "2026-11-25T01:02:03.5000000Z"}),
    ]
    assert set(rows_of(documents).times) == {1_795_568_523_500_000_000}
    created = nested(SYSMON, 1, {"UtcTime": "2020-01-01 00:00:00"})
    created["Event"]["System"]["TimeCreated"] = {"#attributes": {"SystemTime": "2026-11-25T01:02:03.500Z"}}
    shipped = winlogbeat(SYSMON, 1, {}) | {"@timestamp": "2026-11-25T01:02:03.500Z"}
    assert set(rows_of([created, shipped]).times) == {1_795_568_523_500_000_000}


def test_case_is_folded() -> None:
    assert is_hit(r"s: {Image|endswith: '\CMD.exe'}", {"Image": "C:\\cmd.EXE"})
    assert is_hit("s: {A: 'ÄRZTE'}", {"A": "ärzte"})
    assert is_hit("s: {A: 'x*Y?z'}", {"A": "X--yYZ"})
    for rule_s, event_s in product(("ΟΔΟΣ", "οδος", "οδοσ"), repeat=2):
        assert is_hit(f"s: {{A: '{rule_s}'}}", {"A": event_s})
        assert is_hit(f"s: {{A|contains: '{rule_s}'}}", {"A": f"x{event_s}a"})
        assert is_hit(f"s: {{A: '{rule_s}*?a'}}", {"A": f"{event_s} a"})
        assert is_hit(f"s: {{A|startswith: '{rule_s}'}}", {"A": event_s + "a" * 500})
        assert is_hit(f"s: ['{rule_s} word']", {"A": f"a {event_s} word"})
        assert is_hit("s: {A|fieldref|endswith: B}", {"A": "x" + rule_s, "B": event_s})
    assert not is_hit("s: {A: 'ÄRZTE'}", {"A": "arzte"})
    for shape in SHAPES:
        assert fires(rule("s: {Channel: SECURITY}", SECURITY), shape("security", 4624, {}))


def test_cased_tells_capitals_apart() -> None:
    assert is_hit("s: {A|contains|cased: 'Ab'}", {"A": "xAbx"})
    assert not is_hit("s: {A|contains|cased: 'Ab'}", {"A": "xabx"})
    assert is_hit("s: {A|cased: 'A*b'}", {"A": "A\nb"})
    assert not is_hit("s: {A|cased: 'A*b'}", {"A": "A\nB"})


def test_wildcards_stand_for_any_run_or_one_character() -> None:
    assert is_hit("s: {A: 'x*y'}", {"A": "xy"})
    assert is_hit("s: {A: 'x*y'}", {"A": "x\r\n\r\ny"})
    assert is_hit("s: {A: 'x?y'}", {"A": "x\ny"})
    assert is_hit("s: {A: 'x?y'}", {"A": "x\N{PILE OF POO}y"})
    assert not is_hit("s: {A: 'x?y'}", {"A": "xy"})
    assert is_hit(r"s: {A: 'x\*y'}", {"A": "x*y"})
    assert not is_hit(r"s: {A: 'x\*y'}", {"A": "x-y"})
    assert is_hit(r"s: {A: 'x\\*'}", {"A": "x\\y"})
    assert not is_hit(r"s: {A: 'x\\*'}", {"A": "x*"})


def test_numbers_and_booleans_match_by_their_text() -> None:
    same: tuple[Any, ...] = (5, "5")
    for value in same:
        assert is_hit("s: {A: 5}", {"A": value})
        assert is_hit("s: {A: '5'}", {"A": value})
    other: tuple[Any, ...] = ("05", "0x5", 5.0, True, 55)
    for value in other:
        assert not is_hit("s: {A: 5}", {"A": value})
    assert is_hit("s: {A: '46*'}", {"A": 4688})
    assert is_hit("s: {A: 1.5}", {"A": 1.5})
    assert is_hit("s: {A: true}", {"A": True})
    assert is_hit("s: {A: 'TRUE'}", {"A": True})
    assert is_hit("s: {A: true}", {"A": "True"})
    assert not is_hit("s: {A: true}", {"A": 1})
    assert not is_hit("s: {A: 1}", {"A": True})
    assert not is_hit("s: {A: false}", {"A": 0})


def test_comparisons_read_decimal_numbers_only() -> None:
    assert is_hit("s: {A|lt: 10}", {"A": " 9 "})
    assert not is_hit("s: {A|lt: 10}", {"A": "10"})
    assert is_hit("s: {A|lte: 10}", {"A": 10.0})
    assert not is_hit("s: {A|lte: 10}", {"A": "10.5"})
    assert is_hit("s: {A|gt: -2}", {"A": "-1"})
    assert not is_hit("s: {A|gt: -2}", {"A": -2})
    assert is_hit("s: {A|gte: 16}", {"A": 16})
    for value in (True, "0x10", "sixteen", "1_6", "", None, "nan", "inf"):
        assert not is_hit("s: {A|gte: 0}", {"A": value})


def test_null_is_missing_null_or_the_empty_list() -> None:
    nothing: tuple[dict[str, Any], ...] = ({}, {"A": None}, {"A": []})
    for data in nothing:
        assert is_hit("s: {A: null}", data)
        assert not is_hit("s: {A: '*'}", data)
        assert not is_hit("s: {A: ''}", data)
    for value in ("", "-", 0, False, [None], "null"):
        assert not is_hit("s: {A: null}", {"A": value})


def test_empty_text_is_a_text() -> None:
    assert is_hit("s: {A: ''}", {"A": ""})
    assert is_hit("s: {A: '*'}", {"A": ""})
    assert not is_hit("s: {A: ''}", {"A": " "})
    assert not is_hit("s: {A: '?'}", {"A": ""})


def test_exists_asks_whether_a_field_is_carried() -> None:
    carried: tuple[Any, ...] = (None, "", [], "x", 0)
    for value in carried:
        assert is_hit("s: {A|exists: true}", {"A": value})
        assert not is_hit("s: {A|exists: false}", {"A": value})
    assert is_hit("s: {A|exists: false}", {"a": "x"})
    assert not is_hit("s: {A|exists: true}", {"a": "x"})


def test_lists_match_by_some_element() -> None:
    assert is_hit("s: {A: b}", {"A": ["a", "b"]})
    assert not is_hit("s: {A: b}", {"A": ["a", "ab"]})
    assert not is_hit("s: {A: 'a b'}", {"A": ["a", "b"]})
    assert is_hit("s: {A|all: [a, b]}", {"A": ["b", "a"]})
    assert not is_hit("s: {A|all: [a, b]}", {"A": ["a", "c"]})
    assert is_hit("s: {A|gt: 2}", {"A": ["x", 3]})
    assert is_hit("s: {A|contains|all: [x, y]}", {"A": ["-x-", "-y-"]})


def test_neq_is_equal_to_none_of_the_values() -> None:
    assert is_hit("s: {A|neq: [a, b]}", {"A": "c"})
    assert not is_hit("s: {A|neq: [a, b]}", {"A": "B"})
    assert is_hit("s: {A|neq: a}", {})
    assert is_hit("s: {A|neq: a}", {"A": None})
    assert not is_hit("s: {A|neq: a}", {"A": ["b", "a"]})
    assert not is_hit("s: {A|contains|neq: a}", {"A": "xax"})


def test_keywords_look_into_every_single_value() -> None:
    assert is_hit("s: [evil]", {"A": "it is EVIL"})
    assert is_hit("s: [evil]", {"A": ["x", "evil"]})
    assert is_hit("s: [evil]", {"A": {"B": "evil"}})
    assert is_hit("s: ['x1*x2']", {"A": "-x1\nx2-"})
    assert is_hit("s: [468]", {"A": 4688})
    assert is_hit("s: ['ward-pc']", {})
    assert is_hit("s: {'|all': [x1, x2]}", {"A": "x1", "B": "x2"})
    assert not is_hit("s: [evil]", {"evil": "it is good"})
    assert not is_hit("s: ['a b']", {"A": "a", "B": "b"})
    assert not is_hit("s: ['a b']", {"A": ["a", "b"]})
    assert not is_hit("s: [none]", {"A": None})


@pytest.mark.parametrize(
    ("modifiers", "pattern", "match", "miss"),
    [
        ("re", "ab+", "xxabbx", "xxABBx"),
        ("re|i", "ab+$", "xxABB", "xxABBx"),
        ("re|m", "^ab$", "x\nab\ny", "x\nabc\ny"),
        ("re|s", "a.b", "a\nb", "ab"),
        ("re", "a.b", "a-b", "a\nb"),
        ("re", "^a.c$", "aéc", "aéec"),
    ],
)
def test_regular_expressions_search_the_text(modifiers: str, pattern: str, match: str, miss: str) -> None:
    assert is_hit(f"s: {{A|{modifiers}: '{pattern}'}}", {"A": match})
    assert not is_hit(f"s: {{A|{modifiers}: '{pattern}'}}", {"A": miss})


def test_cidr_holds_one_address() -> None:
    assert is_hit("s: {A|cidr: 192.0.2.0/24}", {"A": "192.0.2.77"})
    assert is_hit("s: {A|cidr: 192.0.2.0/24}", {"A": "::ffff:192.0.2.77"})
    assert is_hit("s: {A|cidr: '2001:db8::/32'}", {"A": "2001:DB8::1"})
    assert is_hit("s: {A|cidr: 'fe80::/10'}", {"A": "[fe80::1%eth0]"})
    assert is_hit("s: {A|cidr: 192.0.2.0/24}", {"A": ["x", "192.0.2.1"]})
    for value in ("192.0.3.77", "192.0.2.77:80", "::192.0.2.77", "192.0.2", "", None, 3_221_225_985):
        assert not is_hit("s: {A|cidr: 192.0.2.0/24}", {"A": value})


def test_fieldref_compares_two_fields() -> None:
    assert is_hit("s: {A|fieldref: B}", {"A": "X", "B": "x"})
    assert not is_hit("s: {A|fieldref: B}", {"A": "X", "B": "y"})
    assert is_hit("s: {A|fieldref: B}", {"A": 5, "B": "5"})
    assert not is_hit("s: {A|fieldref|cased: B}", {"A": "X", "B": "x"})
    assert is_hit("s: {A|fieldref|startswith: B}", {"A": "xab", "B": "X"})
    assert not is_hit("s: {A|fieldref|startswith: B}", {"A": "abx", "B": "X"})
    assert is_hit("s: {A|fieldref|endswith: B}", {"A": "abx", "B": "X"})
    assert is_hit("s: {A|fieldref|contains: B}", {"A": "axb", "B": "X"})
    assert is_hit("s: {A|fieldref: B}", {"A": ["x", "y"], "B": ["z", "y"]})
    assert not is_hit("s: {A|fieldref: B}", {"A": ["x"], "B": ["z"]})
    assert is_hit("s: {A|fieldref: B.C}", {"A": "x", "B": {"C": "x"}})
    assert is_hit("s: {A|fieldref: Computer}", {"A": "WARD-PC-07"})
    nothing: tuple[dict[str, Any], ...] = ({"A": "x"}, {"B": "x"}, {"A": None, "B": None}, {}, {"A": [], "B": []})
    for data in nothing:
        assert not is_hit("s: {A|fieldref: B}", data)


@pytest.mark.parametrize(
    ("item", "match", "miss"),
    [
        ("A|minute: 59", "2026-11-25 03:59:00", "2026-11-25 59:03:00"),
        ("A|hour: 3", "2026-11-25T03:59:00Z", "2026-11-25T04:00:00+01:00"),
        ("A|hour|gte: 22", "2026-11-25 22:00:00.123", "2026-11-25 21:59:59.999"),
        ("A|day: 25", "2026-11-25", "2026-25-11"),
        ("A|week: 53", "2027-01-01", "2027-01-04"),
        ("A|month|lt: 11", "2026-10-31", "2026-11-01"),
        ("A|year: 2026", "2026-01-01", "2025-12-31"),
    ],
)
def test_date_parts_are_read_without_their_zone(item: str, match: str, miss: str) -> None:
    assert is_hit(f"s: {{{item}}}", {"A": match})
    assert not is_hit(f"s: {{{item}}}", {"A": miss})
    assert not is_hit(f"s: {{{item}}}", {"A": "Tuesday"})


def test_encodings_work_on_the_bytes_of_the_text() -> None:
    for before in range(3):
        encoded = b64encode(b"q" * before + b"made-up-tool" + b"qq").decode()
        assert is_hit("s: {A|base64offset|contains: made-up-tool}", {"A": f"run {encoded}"})
        assert not is_hit("s: {A|base64offset|contains: made-up-toil}", {"A": f"run {encoded}"})
        wide = b64encode(b"qq" * before + "made-up-tool".encode("utf-16-le")).decode()
        assert is_hit("s: {A|wide|base64offset|contains: made-up-tool}", {"A": wide})
        assert not is_hit("s: {A|base64offset|contains: made-up-tool}", {"A": wide})
    assert is_hit("s: {A|base64: hi}", {"A": "AGK="})  # in any case, like all text
    assert not is_hit("s: {A|base64|cased: hi}", {"A": "AGK="})
    assert is_hit("s: {A|utf16le|base64: hi}", {"A": "aABpAA=="})
    assert is_hit("s: {A|utf16be|base64: hi}", {"A": "AGgAaQ=="})
    assert is_hit("s: {A|utf16|base64: hi}", {"A": "//5oAGkA"})
    assert is_hit("s: {A|wide: hi}", {"A": "h\0i\0"})


def test_windash_takes_dashes_for_one_another() -> None:
    dashes = ("-", "/", "\N{EN DASH}", "\N{EM DASH}", "\N{HORIZONTAL BAR}")
    for written, dash in product(dashes, dashes):
        assert is_hit(f"s: {{A|windash|contains: '{written}enc'}}", {"A": f"p {dash}enc"})
        assert is_hit(f"s: {{A|contains|windash: ' {written}enc'}}", {"A": f"p {dash}enc"})
        assert not is_hit(f"s: {{A|windash|contains: 'x{written}enc'}}", {"A": f"x{dash}enc"}) or written == dash
    assert not is_hit("s: {A|windash|contains: ' -enc'}", {"A": "p +enc"})
    assert not is_hit("s: {A|windash|contains: ' -no-exit'}", {"A": "p -no/exit"})


def test_placeholders_stand_for_their_values() -> None:
    text = rule("s: {A|expand: '%Servers%'}")
    for shape in SHAPES:
        assert fires(text, shape(SYSMON, 1, {"A": "SRV-12"}), values={"Servers": ["srv-*", "dc01"]})
        assert not fires(text, shape(SYSMON, 1, {"A": "dc02"}), values={"Servers": ["srv-*", "dc01"]})


def test_filters_narrow_the_rules_they_name() -> None:
    text = "id: 5b1ee4b8-6a9c-4d3e-9f46-7f7b5d1c2a90\n" + rule("s: {A: x}")
    head = "title: Quiet\nlogsource: {product: windows, category: process_creation}\n"
    named = "filter: {rules: [5b1ee4b8-6a9c-4d3e-9f46-7f7b5d1c2a90], known: {B: y}, condition: "
    for condition in ("known}", "not known}"):
        rules = ready(text, f"{head}{named}{condition}\n")
        for shape in SHAPES:
            rows = rows_of([shape(SYSMON, 1, {"A": "x", "B": "y"}), shape(SYSMON, 1, {"A": "x", "B": "z"})])
            assert [match.position for match in matches(rules, Engine(rules, None), rows)] == [2]


def test_x_of_pattern_leaves_out_underscored_selections_unless_it_begins_with_one() -> None:
    text = "s: {A: x}, _s: {A: y}, condition: 1 of "
    assert is_hit(text + "them", {"A": "x"})
    assert not is_hit(text + "them", {"A": "y"})
    assert not is_hit(text + "*s", {"A": "y"})
    assert is_hit(text + "_*", {"A": "y"})
    assert not is_hit(text + "_*", {"A": "x"})
