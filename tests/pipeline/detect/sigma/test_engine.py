"""What the engine says of an event hangs on nothing else: not on layout, accelerator, history, memory or company."""

from __future__ import annotations

from collections import Counter
from functools import cache
from itertools import pairwise
from random import Random

import pytest
import yaml

from carecordon.model.batch import Batch, Rows, Table
from carecordon.model.event import Kind
from carecordon.model.gather import gather
from carecordon.pipeline.detect.sigma import engine as engine_room
from carecordon.pipeline.detect.sigma.accelerate import Accelerator, accelerator
from carecordon.pipeline.detect.sigma.engine import Engine
from carecordon.pipeline.detect.sigma.ir import RuleSet
from carecordon.wire import codec
from tests.oracle import plain
from tests.oracle.events import from_document
from tests.pipeline.detect.sigma.matching import SYSMON, flat, matches, ready, rows_of, rule, told
from tests.pipeline.detect.sigma.random_events import pool, random_documents


class Kept:
    """A cache in memory."""

    def __init__(self) -> None:
        self.blobs: dict[str, bytes] = {}

    def load(self, key: str) -> bytes | None:
        return self.blobs.get(key)

    def save(self, key: str, blob: bytes) -> None:
        self.blobs[key] = blob


RULES: RuleSet = ready("---\n".join(pool()))
FAST: Accelerator | None = accelerator(Kept())
LIVED_IN = Engine(RULES, FAST)
"""An engine that has seen all that the tests before it gave it."""
TEXTS = {one.id: text for one, text in zip(RULES.rules, pool(), strict=True)}
PLAIN = {rule_id: plain.read_rule(yaml.safe_load(text), "") for rule_id, text in TEXTS.items()}
SEEDS = range(40)
over_seeds = pytest.mark.parametrize("seed", SEEDS)
needs_hyperscan = pytest.mark.skipif(FAST is None, reason="Hyperscan (the extra `fast`) is not installed")


@cache
def alone(seed: int) -> list[str]:
    """Return the matches of a seed's documents, each met as the first and only one by an engine of its own."""
    rows = (part(seed, index, index + 1) for index in range(len(random_documents(seed))))
    return [line for row in rows for line in by(Engine(RULES, None), row)]


def by(engine: Engine, batch: Batch) -> list[str]:
    return told(matches(RULES, engine, batch))


def whole(seed: int) -> Rows:
    return rows_of(random_documents(seed))


def part(seed: int, start: int, end: int) -> Rows:
    """Return some of a seed's documents as rows that keep their positions."""
    rows = rows_of(random_documents(seed)[start:end])
    rows.positions = [start + position for position in rows.positions]
    return rows


def wired(seed: int) -> Table:
    return codec.decode(codec.encode(gather(whole(seed))))


def test_every_rule_of_the_pool_matches_and_misses() -> None:
    """Else the properties below would prove less than they seem to."""
    count = Counter(match.rule.id for seed in SEEDS for match in matches(RULES, LIVED_IN, whole(seed)))
    assert {one.id for one in RULES.rules} == set(count)
    assert max(count.values()) < sum(len(whole(seed)) for seed in SEEDS)


@over_seeds
def test_a_table_gives_what_rows_give(seed: int) -> None:
    assert by(Engine(RULES, None), gather(whole(seed))) == alone(seed)
    assert by(Engine(RULES, None), wired(seed)) == alone(seed)


@needs_hyperscan
@over_seeds
def test_the_accelerator_changes_nothing(seed: int) -> None:
    assert by(Engine(RULES, FAST), whole(seed)) == alone(seed)
    assert by(Engine(RULES, FAST), wired(seed)) == alone(seed)


@over_seeds
def test_history_changes_nothing(seed: int) -> None:
    for _ in range(2):
        assert by(LIVED_IN, whole(seed)) == alone(seed)
        assert by(LIVED_IN, gather(whole(seed))) == alone(seed)


@over_seeds
def test_a_tiny_memory_changes_nothing(seed: int) -> None:
    engine = Engine(RULES, None)
    engine.ready(whole(seed).kinds)
    memos = [
        memo for plan in engine.plans.values() for memo in (plan.signatures, plan.packed, plan._outcomes, *plan.memos)
    ]
    for memo in memos:
        memo._entries = 1 + seed % 4
    for _ in range(2):
        assert by(engine, whole(seed)) == alone(seed)


@over_seeds
def test_grouping_changes_nothing(seed: int) -> None:
    end = len(random_documents(seed))
    edges = [0, *sorted(Random(seed).sample(range(end), 3)), end]
    engine = Engine(RULES, None)
    groups = (part(seed, first, last) for first, last in pairwise(edges))
    assert [line for group in groups for line in by(engine, group)] == alone(seed)


@over_seeds
def test_the_plain_evaluator_agrees(seed: int) -> None:
    found = {(match.position, match.rule.id) for match in matches(RULES, LIVED_IN, whole(seed))}
    expected = {
        (position, rule_id)
        for position, document in enumerate(random_documents(seed), 1)
        for rule_id, one in PLAIN.items()
        if one.matches(from_document(document))
    }
    assert [(random_documents(seed)[at - 1], TEXTS[rule_id]) for at, rule_id in expected ^ found] == []


def test_more_kinds_than_are_remembered_match_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine_room, "MAX_KINDS", 3)
    rules = ready(rule("s: {A: x}", "{product: windows}"))
    engine = Engine(rules, None)
    documents = [flat(f"Channel {number % 7}", number % 5, {"A": "x"}) for number in range(70)]
    assert len(matches(rules, engine, rows_of(documents))) == 70
    assert len(engine.plans) <= 3


def test_an_empty_batch_matches_nothing() -> None:
    assert by(LIVED_IN, Rows()) == []
    assert by(LIVED_IN, gather(Rows())) == []
    assert by(LIVED_IN, codec.decode(codec.encode(gather(Rows())))) == []


def test_kinds_without_rows_cost_no_plan() -> None:
    table = gather(rows_of([flat(SYSMON, 1, {"A": "a"})]))
    many = tuple(Kind(f"Made up {number}", None, number) for number in range(500))
    padded = Table(
        (*table.kinds, *many), table.kind, table.devices, table.device, table.time, table.sequence, table.columns
    )
    engine = Engine(RULES, None)
    assert by(engine, padded)
    assert list(engine.plans) == list(table.kinds)


def test_evidence_is_what_the_rule_names_and_the_event_carries() -> None:
    rules = ready(rule("s: {A: x, B|neq: y, C: null}, t: [evil], condition: s or t"))
    (found,) = matches(
        rules, Engine(rules, None), rows_of([flat(SYSMON, 1, {"A": "x", "D": ["very evil"], "E": "good"})])
    )
    assert found.fields == {"A": "x", "D": ("very evil",)}
    view = ready(rule("s: {ProcessId: 16, Image: '*'}"))
    data = {"NewProcessId": "0x10", "ProcessId": "0x4", "NewProcessName": "tool.exe"}
    (found,) = matches(view, Engine(view, None), rows_of([flat("Security", 4688, data)]))
    assert found.fields == {"ProcessId": "16", "Image": "tool.exe"}
    missing = ready(rule("s: {ProcessId: null, Image: '*'}"))
    (found,) = matches(
        missing, Engine(missing, None), rows_of([flat("Security", 4688, {"ProcessId": "1", "Image": "x"})])
    )
    assert found.fields == {"Image": "x"}
