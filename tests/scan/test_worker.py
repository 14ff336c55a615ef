"""A worker answers a block with everything in it: matches, bad records, and what lay outside the time asked for."""

from __future__ import annotations

import orjson
import pytest

from carecordon.model.block import Block
from carecordon.model.event import Kind, LogSource
from carecordon.model.ports import NoCache
from carecordon.scan.hand import Task
from carecordon.scan.worker import Answer, Setup, Worker
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
    return found.records, found.events, found.skipped, found.matches, found.bad


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
    assert (found.records, found.events, found.skipped) == (5, 3, 0)
    assert [(bad.position, bad.count) for bad in found.bad] == [(2, 1), (3, 1)]
    assert [(match.position, match.rule.path) for match in found.matches] == [(1, "a.yml"), (1, "c.yml"), (5, "a.yml")]
    assert {match.file for match in found.matches} == {""}


@pytest.mark.parametrize(
    ("since", "until", "positions"),
    [(SECOND, SECOND, [1, 5]), (SECOND + 1, None, [5]), (None, SECOND - 1, [5]), (None, SECOND, [1, 5])],
)
def test_events_outside_the_time_are_skipped_and_those_without_one_kept(
    since: int | None, until: int | None, positions: list[int]
) -> None:
    found = answer(Worker(Setup(RULES, NoCache(), since=since, until=until)), block(*EVENTS))
    assert [match.position for match in found.matches if match.rule.path == "a.yml"] == positions
    assert (found.records, found.events + found.skipped) == (5, 3)


def test_a_worker_keeps_nothing_of_the_blocks_before() -> None:
    worker = Worker(Setup(RULES, NoCache()))
    assert parts(answer(worker, block(*EVENTS))) == parts(answer(worker, block(*EVENTS)))
    assert answer(worker, block()).records == 0


def test_documents_are_bound_by_hand() -> None:
    found = answer(Worker(Setup(RULES, NoCache(), LogSource("linux"))), block({"B": "y"}, *EVENTS))
    assert (found.matches[0].position, found.matches[0].rule.path) == (1, "b.yml")
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
    assert len(fast.matches) == 30
