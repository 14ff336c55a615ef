"""The engine keeps the same conventions: every small rule of the oracle's tests against every small event of them."""

import json
from pathlib import Path
from typing import Any
from uuid import UUID

import yaml

from tests.oracle.compare import engine_hits
from tests.oracle.events import from_file
from tests.oracle.plain import RuleSet, read_rules
from tests.oracle.test_plain import COMPARED, CONDITIONS, event, rule


def test_engine_and_plain_evaluator_agree_on_every_convention(tmp_path: Path) -> None:
    condition_parts = "a: {A: 1}, b: {B: 1}, c: {C: 1}, _hidden: {H: 1}"
    conditions = [f"{{{condition_parts}, condition: '{text}'}}" for text in sorted({case[0] for case in CONDITIONS})]
    documents = []
    for number, detection in enumerate([*(case[1] for case in COMPARED), *conditions]):
        head = {"title": f"rule {number}", "status": "test", "level": "low"}
        documents.append({**head, **rule(detection), "id": str(UUID(int=number + 1, version=4))})
    rules_path = tmp_path / "rules" / "all.yml"
    rules_path.parent.mkdir()
    rules_path.write_text(yaml.safe_dump_all(documents, allow_unicode=True), "utf-8")

    switches: list[dict[str, Any]] = [
        {name: 1 for name in "ABCH" if number & 1 << "ABCH".index(name)} for number in range(16)
    ]
    data = [*(case[2] for case in COMPARED), *(case[3] for case in COMPARED), *switches]
    events_path = tmp_path / "events.jsonl"
    events_path.write_text("".join(json.dumps(event(**one)) + "\n" for one in data), "utf-8")

    rules, refused = read_rules([rules_path.parent])
    assert not refused
    assert len(rules) == len(documents)
    rule_set = RuleSet(rules)
    plain = {(str(events_path), at, rule_id) for at, seen in from_file(events_path) for rule_id in rule_set.hits(seen)}
    names = {document["id"]: json.dumps(document["detection"]) for document in documents}
    engine = engine_hits([events_path], [rules_path])
    assert [(names[rule_id], data[at - 1]) for _, at, rule_id in engine - plain] == []
    assert [(names[rule_id], data[at - 1]) for _, at, rule_id in plain - engine] == []
