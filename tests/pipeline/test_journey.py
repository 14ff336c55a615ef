"""An event's journey from bytes to what is told: the same steps that a scan and, later, a hub take."""

from __future__ import annotations

import io

import orjson

from carecordon.model.batch import Rows
from carecordon.model.block import RUN, Bad, Block
from carecordon.model.effect import Keep, recorded
from carecordon.model.gather import gather
from carecordon.model.incident import Incident
from carecordon.model.match import CorrelationMatch, Match
from carecordon.pipeline import journey
from carecordon.pipeline.detect.sigma.engine import Engine
from carecordon.pipeline.ingest.feeds import feed_named
from carecordon.pipeline.ingest.feeds.evtx import EVTX
from carecordon.pipeline.triage.gather import identity_of
from carecordon.pipeline.triage.records import Kept
from tests.pipeline.detect.sigma.matching import SYSMON, flat, matches, nested, ready, rows_of, rule, told
from tests.pipeline.ingest.feeds.evtx_sample import needs_sample, sample

LOGON = """
title: Failed logon
id: 0e1f2a3b-4c5d-4e6f-8a9b-0c1d2e3f4a5b
logsource: {product: windows, service: security}
detection: {s: {EventID: 4625}, condition: s}
---
title: Many failed logons
level: high
correlation:
    type: event_count
    rules: [0e1f2a3b-4c5d-4e6f-8a9b-0c1d2e3f4a5b]
    group-by: [User]
    timespan: 5m
    condition: {gte: 3}
"""


def read(engine: Engine, data: bytes) -> list[Rows | Bad]:
    feed = feed_named("jsonlines")
    return list(journey.read_step(journey.reading(engine, None), feed, Block("jsonlines", data)))


def lines(*documents: object) -> bytes:
    return b"".join(orjson.dumps(document) + b"\n" for document in documents)


def test_reading_groups_events_and_tells_bad_ones_in_their_place() -> None:
    engine = Engine(ready(rule("s: {A: x}")), None)
    good = [flat(SYSMON, 1, {"A": number}) for number in range(RUN + 2)]
    found = read(engine, lines(*good[:-1]) + b"{\n" + lines({"no": "event"}, good[-1]))
    assert [len(one) if isinstance(one, Rows) else (one.position, one.count) for one in found] == [
        RUN,
        1,
        (RUN + 2, 1),
        (RUN + 3, 1),
        1,
    ]
    rows = found[-1]
    assert isinstance(rows, Rows)
    assert rows.positions == [RUN + 4]


def test_a_document_nested_too_deep_stops_no_other() -> None:
    engine = Engine(ready(rule("s: {A: x}")), None)
    deep = b'{"Event": {"System": {"EventID": 1}, "EventData": ' + b'{"a":' * 900 + b"1" + b"}" * 902 + b"\n"
    found = read(engine, deep * 2 + lines(flat(SYSMON, 1, {"A": "x"})))
    assert sum(len(one) if isinstance(one, Rows) else one.count for one in found) == 3
    assert isinstance(found[-1], Rows)
    assert found[-1].positions[-1] == 3


@needs_sample
def test_the_text_of_binary_records_says_which_keywords_may_stand_in_them() -> None:
    """Each run of records has a gate of its own, which lets through what one of its values holds and nothing else."""
    blocks = [block for block in EVTX.split(io.BytesIO(sample())) if isinstance(block, Block)]
    words = ("'LogFileCleared is no value'", "'S-1-5-21-4230534742'", "fs01.offsec")
    rules = ready(*(rule(f"s: [{word}]", "{product: windows}") for word in words))
    engine = Engine(rules, None)
    batches = [batch for block in blocks for batch in journey.read_step(journey.reading(engine, None), EVTX, block)]
    rows = [batch for batch in batches if isinstance(batch, Rows)]
    assert len(rows) == len(batches) > 1
    assert {len(batch.keywords or ()) for batch in rows} <= {1, 2}
    evidence = [str(match.fields) for batch in rows for match in matches(rules, engine, batch)]
    held = [sum(word.strip("'") in fields for fields in evidence) for word in words]
    assert held[0] == 0 < held[1] <= held[2] == sum(map(len, rows))


def test_evidence_and_what_correlations_carry_are_values() -> None:
    """Lists and mappings of a document are tuples and dotted fields there, though no rule looked at them."""
    grouped = LOGON.replace("[User]", "[tags, in.ner]")
    rules = ready(rule("s: {A: x}, t: [nowhere], condition: 1 of them"), grouped)
    documents = [
        flat(SYSMON, 1, {"A": "x", "tags": ["a", "b"]}),
        flat("Security", 4625, {"tags": [1], "in": {"ner": [2]}, "LogonType": 3}),
    ]
    for shape in (documents, [nested(SYSMON, 1, {"A": "x", "tags": ["a"]}), nested("Security", 4625, {"tags": ["b"]})]):
        found = matches(rules, Engine(rules, None), rows_of(shape))
        assert len(found) == 2
        for match in found:
            values = [*match.fields.values(), *match.carried.values()]
            assert not any(isinstance(value, list | dict) for value in values)
            assert isinstance(match.carried, dict)
    (first, second) = matches(rules, Engine(rules, None), rows_of(documents))
    assert (first.carried, second.carried) == ({}, {"tags": (1,), "in.ner": (2,)})


def test_events_that_agree_in_what_is_carried_are_told_apart_by_a_digest_of_the_rest() -> None:
    rules = ready(rule("s: {A: x}"), LOGON)
    once, again, other = (
        flat("Security", 4625, {"User": "anna", "LogonType": kind, "RecordNumber": 7}) for kind in (3, 3, 10)
    )
    found = matches(rules, Engine(rules, None), rows_of([flat(SYSMON, 1, {"A": "x"}), once, again, other]))
    assert found[0].digest == b""
    assert found[1].carried == found[2].carried == found[3].carried == {"User": "anna"}
    assert found[1].digest == found[2].digest != found[3].digest
    assert identity_of(found[1]) == identity_of(found[2]) != identity_of(found[3])


def test_a_table_brings_the_same_matches() -> None:
    rules = ready(LOGON)
    rows = rows_of(flat("Security", 4625, {"User": "anna", "RecordNumber": number}) for number in range(3))
    table = matches(rules, Engine(rules, None), gather(rows))
    assert told(table) == told(matches(rules, Engine(rules, None), rows))
    assert [match.record_id for match in table] == [0, 1, 2]


def test_matches_become_correlations_in_event_time() -> None:
    rules = ready(LOGON)
    rows = rows_of(
        flat("Security", 4625, {"User": user, "RecordNumber": number, "EventTime": f"2026-11-25 01:0{number}:00"})
        for number, user in enumerate(["anna", "ben", "anna", "anna"])
    )
    state = journey.triaging(rules)
    _, effects = journey.triage_step(state, matches(rules, Engine(rules, None), rows), 0)
    rest, unseen = journey.triage_end(state)
    items = recorded((*effects, *rest))
    correlations = [item for item in items if isinstance(item, CorrelationMatch)]
    assert [(one.rule.title, one.group, one.count) for one in correlations] == [
        ("Many failed logons", {"User": "anna"}, 3)
    ]
    assert not [item for item in items if isinstance(item, Match)], "a rule that only feeds a correlation is silent"
    (incident,) = [item for item in items if isinstance(item, Incident)]
    assert (incident.title, [chain.count for chain in incident.chains]) == ("Many failed logons", [3])
    assert unseen == []


def test_triage_goes_on_from_its_records() -> None:
    """Two failed logons, a crash, and a third: the correlation and its incident are told, once and whole."""
    rules = ready(LOGON)
    rows = rows_of(
        flat("Security", 4625, {"User": "anna", "RecordNumber": number, "EventTime": f"2026-11-25 01:0{number}:00"})
        for number in range(3)
    )
    found = matches(rules, Engine(rules, None), rows)
    _, effects = journey.triage_step(journey.triaging(rules, is_kept=True), found[:2], 0)
    store = {effect.key: effect.record for effect in effects if isinstance(effect, Keep)}
    kept = Kept((key, record) for key, record in store.items() if record is not None)
    state = journey.resuming(rules, kept)
    _, more = journey.triage_step(state, found[2:], 1)
    rest, _ = journey.triage_end(state)
    items = recorded((*more, *rest))
    assert [one.count for one in items if isinstance(one, CorrelationMatch)] == [3]
    assert [one.title for one in items if isinstance(one, Incident)] == ["Many failed logons"]
