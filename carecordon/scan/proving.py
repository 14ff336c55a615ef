"""Rules held against their proofs: the file beside a rule whose events must, and must not, match."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from carecordon.model.batch import Rows
from carecordon.model.block import Run
from carecordon.model.effect import recorded
from carecordon.model.errors import TheirFault
from carecordon.model.match import CorrelationMatch, Match
from carecordon.pipeline import journey
from carecordon.pipeline.detect.disk.rulebook import Files, own_files, read_files
from carecordon.pipeline.detect.sigma.engine import Engine
from carecordon.pipeline.detect.sigma.ir import Correlation, Rule, RuleSet
from carecordon.pipeline.detect.sigma.load import load
from carecordon.pipeline.detect.sigma.proof import Verdict, prove_file
from carecordon.pipeline.detect.sigma.texts import NO_VALUES, RuleText, Values
from carecordon.pipeline.ingest.normalise import Normaliser

PROOF = ".events.jsonl"


def proving_own() -> Files:
    """Return the rules that Carecordon ships, and their proofs."""
    return Files(dict(own_files((PROOF,))))


def proving(path: Path) -> Files:
    """Return the rules at `path`, a file, folder or zip, and the proofs beside them.

    Raises TheirFault where nothing is there to prove.
    """
    files = read_files(path, (PROOF,))
    proof = path.with_name(_proof_of(path.name))
    if files.collection is None and path.is_file() and proof.is_file():
        files.texts.update(read_files(proof, (PROOF,)).texts)
    return files


def prove(texts: Mapping[str, bytes], values: Values | None = None, *, hints: bool = False) -> Iterator[Verdict]:
    """Yield what the proofs among these texts say of the rules among them."""
    for path, text in sorted(texts.items()):
        if not path.lower().endswith(PROOF):
            yield from prove_text(path, text, texts.get(_proof_of(path)), values or {}, hints=hints)


def prove_text(
    path: str, text: bytes, proof: bytes | None, values: Values = NO_VALUES, *, hints: bool = False
) -> Iterator[Verdict]:
    """Yield the verdicts on one rule file; a rule without proof, or refused, has failed."""
    rules = load([RuleText(path, text)], values, merge=False)
    for refused in rules.refused:
        yield Verdict(refused.rule_id or "", refused.path, refused.line, False, refused.reason)
    if rules.refused and not rules.rules and not rules.correlations:
        return
    if proof is None:
        every: list[Rule | Correlation] = [*rules.rules, *rules.correlations]
        for rule in every:
            if not rule.silent:
                yield Verdict(rule.id, path, rule.line, False, f"no proof: {PROOF} file beside the rule is missing")
        return
    lines = proof.decode("utf-8", "replace")
    yield from prove_file(rules.rules, rules.correlations, lines, _proof_of(path), match, fires, hints=hints)


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
    told = recorded((*effects, *rest))
    return any(isinstance(one, CorrelationMatch) and one.rule.id == correlation.id for one in told)


def _matches(
    rules: Sequence[Rule], correlations: Sequence[Correlation], events: Iterable[Mapping[str, Any]]
) -> list[Match]:
    rule_set = RuleSet("", tuple(rules), tuple(correlations), ())
    engine = Engine(rule_set, None)
    rows, refused = Normaliser().read(Run(1, [copy.deepcopy(dict(event)) for event in events]))
    for bad in refused:
        raise TheirFault(f"event {bad.position} of a proof: {bad.reason}")
    _, effects = journey.detect_step(journey.detecting(rule_set, engine), Rows.of(rows), 0)
    return [item for item in recorded(effects) if isinstance(item, Match)]


def _proof_of(path: str) -> str:
    return path.rsplit(".", 1)[0] + PROOF
