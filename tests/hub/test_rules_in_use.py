"""Rules change while the hub runs; what does not load changes nothing, and what costs too much is left out."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import pytest
import structlog
from msgspec.structs import replace as replaced

from carecordon.hub.config import Paths, Settings
from carecordon.hub.founding import Wishes, found
from carecordon.hub.news.complaints import Complaints
from carecordon.hub.worker.costly import EVENTS, LAG_S
from carecordon.hub.worker.notes import Notes
from carecordon.hub.worker.rules_in_use import RulesInUse, digest_of
from carecordon.model.event import LogSource
from carecordon.pipeline.detect.sigma.ir import And, Atom, Item, Not, Op, Or, Rule
from carecordon.register.backends.sqlite import SQLITE
from carecordon.register.register import Register
from tests.hub.test_costly import ALL, EVIL, RULES

DEADLINE_S = 120.0
ONE, OTHER = RULES.split("---")
DIGEST = "7d370c27de57dfcfe4c163d8cad934d5ef61799090ae8affeb6932178f037484"
"""What the first of them is."""


@pytest.fixture
def paths(tmp_path: Path) -> Paths:
    made = Paths(tmp_path / "data", tmp_path / "keys")
    found(made, Wishes("XX1", "Example Trust", "B. Osei"), 1)
    made.settings.write_text('ods = "XX1"\nname = "Example Trust"\nown_rules = false\n')
    made.rules.mkdir()
    (made.rules / "one.yml").write_text(ONE)
    return made


@pytest.fixture
def register(paths: Paths) -> Iterator[Register]:
    opened = SQLITE.open_register(str(paths.register))
    yield opened
    opened.close()


def start(paths: Paths, register: Register, number: int = 0, of: int = 1) -> RulesInUse:
    """Return the rules as a worker that begins has them."""
    settings = Settings("XX1", "Example Trust", own_rules=False)
    complaints, notes = Complaints(register.cases, time.time_ns), Notes(register, time.time_ns)
    return RulesInUse(settings, paths, complaints, notes, structlog.get_logger(), number, of)


@pytest.fixture
def rules(paths: Paths, register: Register) -> RulesInUse:
    return start(paths, register)


def ids(rules: RulesInUse) -> set[str]:
    return {rule.id for rule in rules.detector.rules.rules}


def until(rules: RulesInUse, claim: Callable[[], bool]) -> None:
    """Let the rules be looked at until the claim holds."""
    end = time.monotonic() + DEADLINE_S
    while not claim():
        assert time.monotonic() < end, "it did not come about"
        rules.look(0, 0.0)


def test_a_changed_folder_is_taken_up(paths: Paths, rules: RulesInUse) -> None:
    assert ids(rules) == {ALL}
    (paths.rules / "other.yml").write_text(OTHER)
    until(rules, lambda: ids(rules) == {ALL, EVIL})


def test_a_rule_that_is_none_is_told_and_the_others_stay(paths: Paths, rules: RulesInUse, register: Register) -> None:
    (paths.rules / "other.yml").write_text("title: nothing\n")
    until(rules, lambda: any("rules were refused" in one.text for one in register.cases.troubles()))
    assert ids(rules) == {ALL}
    (paths.rules / "other.yml").unlink()
    until(rules, lambda: not register.cases.troubles())


def test_rules_that_do_not_load_leave_the_former_ones_in_use(
    paths: Paths, rules: RulesInUse, register: Register
) -> None:
    (paths.rules / "one.yml").unlink()
    paths.settings.write_text("ods = \n")
    until(rules, lambda: any("do not load" in one.text for one in register.cases.troubles()))
    assert ids(rules) == {ALL}


def switch_off(rules: RulesInUse, rule: str = ALL, events: int = EVENTS) -> None:
    """Let a rule be too dear while events wait."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("carecordon.hub.worker.detector.Detector.work", lambda _: {rule: 10**12})
        rules.look(events, LAG_S)


def told(register: Register) -> list[str]:
    return sorted(one.key for one in register.cases.troubles())


def test_a_dear_rule_is_left_out_until_it_changes(paths: Paths, rules: RulesInUse, register: Register) -> None:
    switch_off(rules)
    assert ids(rules) == set()
    assert rules.figures()["rules_off"] == 1
    (trouble,) = register.cases.troubles()
    assert "'Matches everything' is switched off" in trouble.text
    (paths.rules / "one.yml").write_text(ONE.replace("level: low", "level: medium"))
    until(rules, lambda: ids(rules) == {ALL})
    assert register.cases.troubles() == []
    switch_off(rules, events=2 * EVENTS)
    assert ids(rules) == set()
    assert told(register) == [f"rules/off/0/{ALL}"]


def test_it_stays_off_over_restarts_and_is_told_once(paths: Paths, register: Register) -> None:
    (paths.rules / "other.yml").write_text(OTHER)
    switch_off(start(paths, register))
    before = register.cases.troubles()
    for again in (start(paths, register), start(paths, register)):
        again.look(0, 0.0)
        assert ids(again) == {EVIL}
        assert again.figures()["rules_off"] == 1
        assert register.cases.troubles() == before
    again = start(paths, register)
    switch_off(again, EVIL)
    once_more = start(paths, register)
    once_more.look(0, 0.0)
    assert ids(once_more) == set()
    assert told(register) == [f"rules/off/0/{ALL}", f"rules/off/0/{EVIL}"]


def test_a_change_of_others_switches_nothing_on(paths: Paths, rules: RulesInUse, register: Register) -> None:
    switch_off(rules)
    (paths.rules / "one.yml").write_text(f"{OTHER}---{ONE}")  # it stands elsewhere in its file now
    until(rules, lambda: ids(rules) == {EVIL})
    assert told(register) == [f"rules/off/0/{ALL}"]
    again = start(paths, register)
    assert ids(again) == {EVIL}


def reversed_struct(kind: type[Any], **changed: Any) -> Any:
    """Return a struct of the same name and content, declared the other way round, some parts of it others."""
    given = msgspec.structs.fields(kind)
    tag = kind.__struct_config__.tag
    made = msgspec.defstruct(
        kind.__name__,
        [(one.name, one.type, one.default) for one in reversed(given)],
        frozen=True,
        array_like=kind.__struct_config__.array_like,
        tag=tag,
        kw_only=True,
    )
    return made(**changed)


def parts(of: Any) -> dict[str, Any]:
    return {name: getattr(of, name) for name in of.__struct_fields__}


def test_a_rule_is_the_same_in_whatever_order_a_release_declares_its_fields(rules: RulesInUse) -> None:
    (rule,) = rules.detector.rules.rules
    assert isinstance(rule.condition, Item)
    atoms = tuple(reversed_struct(Atom, **parts(one)) for one in rule.condition.atoms)
    item = reversed_struct(Item, **parts(rule.condition) | {"atoms": atoms})
    assert digest_of(reversed_struct(Rule, **parts(rule) | {"condition": item})) == digest_of(rule)
    one_more: Any = msgspec.defstruct("Rule", [("note", str, "")], bases=(Rule,), frozen=True, kw_only=True)
    assert digest_of(one_more(**parts(rule))) == digest_of(rule), "a later release knows more of rules"
    assert digest_of(one_more(**parts(rule), note="cheap")) != digest_of(rule)


def test_a_rule_that_asks_something_else_is_another_one(rules: RulesInUse) -> None:
    (rule,) = rules.detector.rules.rules
    kept = digest_of(rule)
    assert kept == DIGEST, "it stands in registers: another one switches every dear rule on again, once"
    condition = Item((Atom("EventID", Op.EQ, 1),))
    forms = [
        condition,
        Item((Atom("EventID", Op.EQ, 1, cased=True),)),
        Item((Atom("EventID", Op.EQ, "1"),)),
        Item((Atom("EventID", Op.GT, 1),)),
        Item((Atom("1", Op.EQ, "EventID"),)),
        Item(condition.atoms, every=True),
        And((condition,)),
        Or((condition,)),
        Not(condition),
    ]
    asked = {digest_of(replaced(rule, condition=one)) for one in forms}
    bound = {digest_of(replaced(rule, logsource=one)) for one in (LogSource("a"), LogSource(None, "a"))}
    assert len(asked | bound) == len(forms) + 2


EXCEPTION = f"""
title: Not this one
id: 31111111-2222-4333-8444-555555555555
owner: B. Osei
expires: 2999-01-01
logsource: {{product: windows, category: process_creation}}
filter:
  rules: [{ALL}]
  selection: {{CommandLine: harmless}}
  condition: not selection
"""


@pytest.mark.parametrize(
    ("change", "is_running"), [("mended", False), ("exception", True), ("exception", False), ("gone", False)]
)
def test_a_change_of_the_rule_or_an_exception_is_the_end_of_it(
    paths: Paths, register: Register, change: str, is_running: bool
) -> None:
    (paths.rules / "other.yml").write_text(OTHER)
    rules = start(paths, register)
    switch_off(rules)
    assert ids(rules) == {EVIL}
    match change:
        case "mended":
            (paths.rules / "one.yml").write_text(ONE.replace("EventID: 1", "EventID: 2"))
        case "exception":
            (paths.rules / "exception.yml").write_text(EXCEPTION)
        case _:
            (paths.rules / "one.yml").unlink()
    used = rules if is_running else start(paths, register)
    until(used, lambda: not register.cases.troubles())
    assert ids(used) == ({EVIL} if change == "gone" else {ALL, EVIL})
    again = start(paths, register)
    again.look(0, 0.0)
    assert ids(again) == ids(used)
    assert told(register) == []


def test_each_worker_has_its_own(paths: Paths, register: Register) -> None:
    one, other = start(paths, register, 0, 2), start(paths, register, 1, 2)
    switch_off(other)
    one.look(0, 0.0)
    assert (ids(one), ids(other)) == ({ALL}, set())
    assert told(register) == [f"rules/off/1/{ALL}"]
    one, other = start(paths, register, 0, 2), start(paths, register, 1, 2)
    one.look(0, 0.0)
    other.look(0, 0.0)
    assert (ids(one), ids(other)) == ({ALL}, set())
    assert told(register) == [f"rules/off/1/{ALL}"]
    alone = start(paths, register, 0, 1)
    alone.look(0, 0.0)
    assert ids(alone) == {ALL}
    assert told(register) == [], "the other is no more"


def test_killed_before_it_was_told_it_is_told_at_the_next_start(paths: Paths, register: Register) -> None:
    rules = start(paths, register)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(type(register.cases), "trouble", _full)
        with pytest.raises(OSError, match="no room"):
            switch_off(rules)
    assert told(register) == []
    rules.look(0, 0.0)
    assert told(register) == [f"rules/off/0/{ALL}"], "this one tells it at its next look"
    register.cases.trouble([replace(one, until=one.since) for one in register.cases.troubles()])
    start(paths, register).look(0, 0.0)
    assert told(register) == [f"rules/off/0/{ALL}"]


def _full(*_: object) -> None:
    raise OSError("no room")


def test_a_note_that_cannot_be_read_is_set_aside(paths: Paths, rules: RulesInUse, register: Register) -> None:
    switch_off(rules)
    register.checkpoints.set("rules-off/0", b"\xc1 no note")
    for _ in range(2):
        again = start(paths, register)
        again.look(0, 0.0)
        assert ids(again) == {ALL}
        assert told(register) == ["poison/note/rules-off/0"]
    (letter,) = register.letters.all()
    kept = register.letters.get(letter.number)
    assert kept is not None
    assert kept.letter.payload == b"\xc1 no note"
