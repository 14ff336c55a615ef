"""A worker answers a block with everything in it: matches, bad records, and what lay outside the time asked for."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import islice
from typing import Any

import orjson
import pytest

from carecordon.model.block import RUN, Bad, Block, Run
from carecordon.model.event import Kind, LogSource
from carecordon.model.match import Match
from carecordon.model.ports import NoCache
from carecordon.pipeline.detect.sigma.heads import head_of
from carecordon.pipeline.detect.sigma.ir import RuleSet
from carecordon.pipeline.ingest.feeds import feed_named
from carecordon.scan import worker as worker_module
from carecordon.scan.hand import Task
from carecordon.scan.rows import found_in
from carecordon.scan.worker import Answer, Setup, Worker, has_secret_hashes
from tests.pipeline.detect.sigma.matching import PROCESS_CREATION, SYSMON, flat, ready, rule

RULES = ready(
    rule("s: {A: x}"), rule("s: {B: y}", "{product: linux}"), rule("s: {A: x, C: null}", "{product: windows}")
)
SECOND = 1_795_568_523 * 10**9


def block(*lines: object) -> Block:
    return Block(
        "jsonlines", b"".join((line if isinstance(line, bytes) else orjson.dumps(line)) + b"\n" for line in lines)
    )


def answer(worker: Worker, given: Block) -> Answer:
    found = worker(Task(1, 2, given))
    assert isinstance(found, Answer)
    return found


def parts(found: Answer) -> tuple[object, ...]:
    return found.records, found.events, found.outside, found.found, found.bad


def matches(found: Answer, rules: RuleSet = RULES) -> list[Match]:
    heads = {head.id: head for head in map(head_of, rules.rules)}
    return [one for one in found_in(found.found, heads) if isinstance(one, Match)]


EVENTS = (
    flat(SYSMON, 1, {"A": "x", "UtcTime": "2026-11-25 01:02:03"}),
    b"{ not json",
    {"no": "event"},
    flat(SYSMON, 1, {"A": "z", "UtcTime": "2026-11-25 01:02:04"}),
    flat(SYSMON, 1, {"A": "x", "C": "c"}),
)


def test_everything_in_a_block_is_answered() -> None:
    found = answer(Worker(Setup(RULES, NoCache())), block(*EVENTS))
    assert (found.source, found.number, found.size) == (1, 2, len(block(*EVENTS).data))
    assert (found.records, found.events, found.outside) == (5, 3, 0)
    assert [(bad.position, bad.count) for bad in found.bad] == [(2, 1), (3, 1)]
    assert [(match.position, match.rule.path) for match in matches(found)] == [(1, "a.yml"), (1, "c.yml"), (5, "a.yml")]
    assert {match.file for match in matches(found)} == {""}


@pytest.mark.parametrize(
    ("since", "until", "positions"),
    [(SECOND, SECOND, [1, 5]), (SECOND + 1, None, [5]), (None, SECOND - 1, [5]), (None, SECOND, [1, 5])],
)
def test_events_outside_the_time_are_skipped_and_those_without_one_kept(
    since: int | None, until: int | None, positions: list[int]
) -> None:
    found = answer(Worker(Setup(RULES, NoCache(), since=since, until=until)), block(*EVENTS))
    assert [match.position for match in matches(found) if match.rule.path == "a.yml"] == positions
    assert (found.records, found.events + found.outside) == (5, 3)


def test_a_worker_keeps_nothing_of_the_blocks_before() -> None:
    worker = Worker(Setup(RULES, NoCache()))
    assert parts(answer(worker, block(*EVENTS))) == parts(answer(worker, block(*EVENTS)))
    assert answer(worker, block()).records == 0


def test_documents_are_bound_by_hand() -> None:
    found = answer(Worker(Setup(RULES, NoCache(), LogSource("linux"))), block({"B": "y"}, *EVENTS))
    assert [(one.position, one.rule.path) for one in matches(found)][:1] == [(1, "b.yml")]
    assert [bad.position for bad in found.bad] == [3]


def test_the_last_word_says_which_kinds_were_met_and_what_they_carried() -> None:
    worker = Worker(Setup(RULES, NoCache()))
    answer(worker, block(*EVENTS))
    answer(worker, block(flat("System", 7, {"A": None})))
    seen = {one.kind: one for one in worker.kinds_seen()}
    assert worker(None) == list(seen.values())
    sysmon = seen[Kind(SYSMON, None, 1)]
    assert (sysmon.events, sorted(sysmon.asked), sorted(sysmon.carried)) == (3, ["A", "C"], ["A", "C"])
    system = seen[Kind("System", None, 7)]
    assert (system.events, sorted(system.carried)) == (1, ["A"])


def test_with_and_without_the_accelerator_the_answer_is_the_same() -> None:
    rules = ready(
        "---\n".join(rule(f"s: {{A|contains: [lit{number}, 'x{number}y']}}", PROCESS_CREATION) for number in range(20))
    )
    given = block(*(flat(SYSMON, 1, {"A": f"lit{number} " * 200, "B": "x"}) for number in range(20)))
    fast = answer(Worker(Setup(rules, NoCache())), given)
    slow = answer(Worker(Setup(rules, NoCache(), use_accelerator=False)), given)
    assert parts(fast) == parts(slow)
    assert (fast.matches, fast.told) == (30, 30)


def failing(monkeypatch: pytest.MonkeyPatch, owner: object, name: str, is_bad: Callable[[Any], bool]) -> None:
    """Make a function raise where `is_bad` says so of its first argument."""
    whole = getattr(owner, name)

    def raising(first: Any, *more: Any) -> Any:
        if is_bad(first):
            raise ValueError("made up")
        return whole(first, *more)

    monkeypatch.setattr(owner, name, raising)


def test_where_matching_fails_only_the_event_it_fails_for_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    worker = Worker(Setup(RULES, NoCache()))
    given = block(*(flat(SYSMON, 1, {"A": "x", "N": number}) for number in range(200)))
    whole = answer(worker, given)
    failing(monkeypatch, worker.engine, "match", lambda rows: any(fields["N"] in (3, 130) for fields in rows.fields))
    found = answer(worker, given)
    assert (found.records, found.events, found.outside) == (200, 198, 0)
    assert matches(found) == [match for match in matches(whole) if match.position not in (4, 131)]
    assert [(bad.position, bad.count) for bad in found.bad] == [(4, 1), (131, 1)]
    assert all("a defect of ours (ValueError: made up, raising line " in bad.reason for bad in found.bad)


def test_where_an_event_cannot_be_taken_in_only_it_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    worker = Worker(Setup(RULES, NoCache()))
    given = block(*(flat("Application", 1, {"A": "x", "N": number}) for number in range(100)))
    failing(monkeypatch, worker._read.normaliser, "_by_shape", lambda document: document["N"] in (3, 70))
    found = answer(worker, given)
    assert (found.records, found.events, found.broken) == (100, 98, None)
    assert [bad.position for bad in found.bad] == [4, 71]


def test_where_reading_breaks_off_what_was_read_before_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    worker = Worker(Setup(RULES, NoCache()))
    feed = feed_named("jsonlines")

    def breaking(given: Block) -> Iterator[Run | Bad]:
        yield from islice(feed.read(given), 1)
        raise ValueError("made up")

    monkeypatch.setattr(worker_module, "feed_named", lambda _: replace(feed, read=breaking))
    found = answer(worker, block(*(flat(SYSMON, 1, {"A": "x"}) for _ in range(100))))
    assert (found.records, found.events) == (RUN, RUN)
    assert [match.position for match in matches(found) if match.rule.path == "a.yml"] == list(range(1, RUN + 1))
    assert found.broken is not None
    assert found.broken.startswith("a defect of ours (ValueError: made up, breaking line ")


@pytest.mark.parametrize(("seed", "is_secret"), [(None, True), ("random", True), ("0", False), ("7", False)])
def test_hashes_whose_key_was_given_are_no_secret(
    monkeypatch: pytest.MonkeyPatch, seed: str | None, *, is_secret: bool
) -> None:
    monkeypatch.delenv("PYTHONHASHSEED", raising=False)
    if seed is not None:
        monkeypatch.setenv("PYTHONHASHSEED", seed)
    if sys.hash_info.width >= 64 and sys.hash_info.algorithm.startswith("siphash"):
        assert has_secret_hashes() is is_secret
