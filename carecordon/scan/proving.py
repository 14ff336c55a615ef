"""Rules held against their proofs: the file beside a rule whose events must, and must not, match."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Iterator, Mapping, Sequence
from importlib import resources
from pathlib import Path
from typing import Any

import msgspec

import carecordon
from carecordon.model.batch import Rows
from carecordon.model.errors import TheirFault
from carecordon.model.match import Match
from carecordon.pipeline import journey
from carecordon.pipeline.detect.sigma.engine import Engine
from carecordon.pipeline.detect.sigma.ir import Correlation, Rule, RuleSet
from carecordon.pipeline.detect.sigma.load import RuleText, load
from carecordon.pipeline.detect.sigma.proof import Verdict, prove_file
from carecordon.pipeline.ingest.normalise import Normaliser
from carecordon.scan.rulebook import SUFFIXES

PROOF = ".events.jsonl"


def prove(path: Path) -> Iterator[Verdict]:
    """Yield what the proofs say of the rule file, or of all rule files in the folder, at `path`.

    Raises TheirFault where nothing is there to prove.
    """
    if path.is_dir():
        files = sorted(file for file in path.rglob("*") if file.suffix in SUFFIXES)
    else:
        files = [path] if path.is_file() else []
    if not files:
        raise TheirFault(f"{path}: no rule file here; name a rule or a folder of rules")
    for file in files:
        yield from prove_text(str(file), file.read_bytes(), _beside(file))


def prove_own() -> Iterator[Verdict]:
    """Yield what the proofs say of the rules that Carecordon ships."""
    root = resources.files(carecordon) / "rules"
    for tactic in sorted(root.iterdir(), key=lambda entry: entry.name):
        for rule in sorted(tactic.iterdir() if tactic.is_dir() else (), key=lambda entry: entry.name):
            if rule.name.endswith(SUFFIXES):
                proof = tactic / (rule.name.rsplit(".", 1)[0] + PROOF)
                text = proof.read_bytes() if proof.is_file() else None
                yield from prove_text(f"carecordon/rules/{tactic.name}/{rule.name}", rule.read_bytes(), text)


def prove_text(path: str, text: bytes, proof: bytes | None) -> Iterator[Verdict]:
    """Yield the verdicts on one rule file; a rule without proof, or refused, has failed."""
    rules = load([RuleText(path, text)], merge=False)
    for refused in rules.refused:
        yield Verdict(refused.rule_id or "", refused.path, refused.line, False, refused.reason)
    if proof is None:
        every: list[Rule | Correlation] = [*rules.rules, *rules.correlations]
        for rule in every:
            if not rule.silent:
                yield Verdict(rule.id, path, rule.line, False, f"no proof: {PROOF} file beside the rule is missing")
        return
    proof_path = path.rsplit(".", 1)[0] + PROOF
    yield from prove_file(rules.rules, rules.correlations, proof.decode("utf-8", "replace"), proof_path, match, fires)


def match(rule: Rule, event: Mapping[str, Any]) -> bool:
    """Return whether the engine says that the rule matches the event."""
    return bool(_matches([rule], (), [event]))


def fires(correlation: Correlation, others: Iterable[Rule | Correlation], events: Sequence[Mapping[str, Any]]) -> bool:
    """Return whether the correlation is told for the events, with the other rules of its file."""
    others = list(others)
    rules = [rule for rule in others if isinstance(rule, Rule)]
    correlations = [rule for rule in others if isinstance(rule, Correlation)]
    asked = msgspec.structs.replace(correlation, silent=False)
    found = _matches(rules, (*correlations, asked), events)
    state = journey.triaging(RuleSet("", tuple(rules), (*correlations, asked), ()))
    in_order = sorted(found, key=lambda one: (one.time or 0, one.position))
    _, effects = journey.triage_step(state, in_order, 0)
    rest, _ = journey.triage_end(state)
    told = [effect.item.rule.id for effect in effects] + [one.rule.id for one in rest]
    return correlation.id in told


def _matches(
    rules: Sequence[Rule], correlations: Sequence[Correlation], events: Iterable[Mapping[str, Any]]
) -> list[Match]:
    rule_set = RuleSet("", tuple(rules), tuple(correlations), ())
    engine = Engine(rule_set, None)
    rows = Rows()
    normaliser = Normaliser()
    for position, event in enumerate(events, 1):
        refusal = normaliser.add(copy.deepcopy(dict(event)), position, rows)
        if refusal is not None:
            raise TheirFault(f"event {position} of a proof: {refusal}")
    _, effects = journey.detect_step(journey.detecting(rule_set, engine), rows, 0)
    return [effect.item for effect in effects if isinstance(effect.item, Match)]


def _beside(file: Path) -> bytes | None:
    proof = file.with_name(file.name.rsplit(".", 1)[0] + PROOF)
    return proof.read_bytes() if proof.is_file() else None
