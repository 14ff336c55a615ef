"""A rule's proof: events that must fire, near-misses that must not, and whether any condition could go unnoticed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Literal, TypeVar

import msgspec

from carecordon.pipeline.detect.sigma.ir import Correlation, Rule
from carecordon.pipeline.detect.sigma.weaken import drops, value_drops, weakened

Event = Mapping[str, object]
"""One event as its source tells it: flat (Channel, EventID and fields on top) or nested (Event.System/EventData)."""

Matches = Callable[[Rule, Event], bool]
"""Says whether the rule's log source and condition both take the event."""

Fires = Callable[[Correlation, Sequence[Rule | Correlation], Sequence[Event]], bool]
"""Says whether the correlation comes true at least once for these events; the rules are all others of its file."""

Subject = TypeVar("Subject", Rule, Correlation)


class Line(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A proof line as it is written: `event`, or for a correlation `events`; `rule` where the file has several."""

    must: Literal["fire", "not"]
    why: Annotated[str, msgspec.Meta(min_length=1)]
    event: dict[str, object] | None = None
    events: Annotated[list[dict[str, object]], msgspec.Meta(min_length=1)] | None = None
    rule: str = ""


@dataclass(frozen=True, slots=True)
class Proof:
    """One line of `x.events.jsonl`.

    `subject` is the id or name of the rule meant, '' for the file's only one. `events` is
    one event, or for a correlation a sequence (`is_sequence`).
    """

    line: int
    must_fire: bool
    why: str
    events: tuple[Event, ...]
    is_sequence: bool = False
    subject: str = ""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What one check found.

    `line` is the line of the proof file where one line is judged, the rule's own line in
    `path` where the whole proof is; `reason` says what was wrong, or for `ok` what was shown.
    A hint is never a failure: it names what a longer proof could show too.
    """

    rule_id: str
    path: str
    line: int
    ok: bool
    reason: str
    is_hint: bool = False


def prove_file(
    rules: Sequence[Rule],
    correlations: Sequence[Correlation],
    text: str,
    path: str,
    match: Matches,
    fires: Fires,
    *,
    hints: bool = False,
) -> list[Verdict]:
    """Return every verdict on the rules of one file, held against the proof file `path` with content `text`.

    A line without `rule` speaks of the first rule (`event`) or the first correlation (`events`).
    With `hints`, single values that no proof needs are named too.
    """
    proofs, verdicts = read(text, path)
    for proof in proofs:
        heads: Sequence[Rule | Correlation] = correlations if proof.is_sequence else rules
        if not any(_speaks_of(proof, head, first=head is heads[0]) for head in heads):
            named = proof.subject or ("a correlation" if proof.is_sequence else "a rule")
            verdicts.append(
                Verdict(proof.subject, path, proof.line, ok=False, reason=f"no such rule in the file: {named}")
            )
    for rule in rules:
        own = [p for p in proofs if not p.is_sequence and _speaks_of(p, rule, first=rule is rules[0])]
        verdicts += prove(rule, own, path, match)
        if hints:
            verdicts += value_hints(rule, own, match)
    for correlation in correlations:
        own = [p for p in proofs if p.is_sequence and _speaks_of(p, correlation, first=correlation is correlations[0])]
        feeding: list[Rule | Correlation] = [*rules, *(other for other in correlations if other is not correlation)]
        verdicts += prove_correlation(correlation, feeding, own, path, fires)
    return verdicts


def read(text: str, path: str) -> tuple[list[Proof], list[Verdict]]:
    """Return the proofs of a file's text, and a failed verdict for each line that is none."""
    proofs: list[Proof] = []
    bad: list[Verdict] = []
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        try:
            told = msgspec.json.decode(line, type=Line)
        except (msgspec.MsgspecError, RecursionError) as fault:
            bad.append(Verdict("", path, number, ok=False, reason=f"not a proof line: {fault}"))
            continue
        if (told.event is None) == (told.events is None):
            bad.append(
                Verdict("", path, number, ok=False, reason="not a proof line: one of `event` and `events` is needed")
            )
            continue
        events = told.events if told.event is None else [told.event]
        proofs.append(Proof(number, told.must == "fire", told.why, tuple(events or ()), told.event is None, told.rule))
    return proofs, bad


def prove(rule: Rule, proofs: Sequence[Proof], path: str, match: Matches) -> list[Verdict]:
    """Return one verdict a proof line, then one for each condition item, and group of items, left out in turn."""

    def judge(subject: Rule, proof: Proof) -> bool:
        return match(subject, proof.events[0])

    changed = ((label, msgspec.structs.replace(rule, condition=node)) for label, node in drops(rule.condition))
    return _judge(rule, proofs, path, judge, changed)


def value_hints(rule: Rule, proofs: Sequence[Proof], match: Matches) -> list[Verdict]:
    """Return a hint for each single value whose loss no proof would notice, though that of its whole item is."""
    hints = []
    for label, node in value_drops(rule.condition):
        weaker = msgspec.structs.replace(rule, condition=node)
        if not any(match(weaker, proof.events[0]) != proof.must_fire for proof in proofs):
            reason = f"no proof needs the value {label}"
            hints.append(Verdict(rule.id, rule.path, rule.line, ok=True, reason=reason, is_hint=True))
    return hints


def prove_correlation(
    correlation: Correlation, rules: Sequence[Rule | Correlation], proofs: Sequence[Proof], path: str, fires: Fires
) -> list[Verdict]:
    """Return one verdict a sequence, then one for each part of the correlation left out in turn."""

    def judge(subject: Correlation, proof: Proof) -> bool:
        return fires(subject, rules, proof.events)

    return _judge(correlation, proofs, path, judge, weakened(correlation))


def differing(left: Event, right: Event) -> int:
    """Return in how many fields two events differ; a field that only one of them carries counts."""
    a, b = dict(_leaves(left)), dict(_leaves(right))
    return sum(1 for name in a.keys() | b.keys() if name not in a or name not in b or a[name] != b[name])


def _judge(
    subject: Subject,
    proofs: Sequence[Proof],
    path: str,
    judge: Callable[[Subject, Proof], bool],
    changed: Iterator[tuple[str, Subject]],
) -> list[Verdict]:
    firing = [proof for proof in proofs if proof.must_fire]
    if not firing or len(firing) == len(proofs):
        lacks = "events that must not" if firing else "an event that must"
        return [
            Verdict(subject.id, subject.path, subject.line, ok=False, reason=f"no proof: {path} lacks {lacks} fire")
        ]
    verdicts = [_judge_line(subject, proof, firing, path, judge) for proof in proofs]
    for label, weaker in changed:
        seen = any(judge(weaker, proof) != proof.must_fire for proof in proofs)
        reason = f"dropping {label} {'is noticed' if seen else 'goes unnoticed: no proof line changes its verdict'}"
        verdicts.append(Verdict(subject.id, subject.path, subject.line, seen, reason))
    return verdicts


def _judge_line(
    subject: Subject,
    proof: Proof,
    firing: Sequence[Proof],
    path: str,
    judge: Callable[[Subject, Proof], bool],
) -> Verdict:
    fired = judge(subject, proof)
    ok = fired == proof.must_fire
    reason = f"{'fires' if fired else 'does not fire'}: {proof.why}"
    if ok and not proof.must_fire and not any(_is_near(proof, other) for other in firing):
        ok, reason = False, f"is no near-miss: differs in one field from no firing event of the file: {proof.why}"
    return Verdict(subject.id, path, proof.line, ok, reason)


def _is_near(proof: Proof, other: Proof) -> bool:
    same_length = len(proof.events) == len(other.events)
    return same_length and sum(map(differing, proof.events, other.events)) == 1


def _leaves(value: object, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], object]]:
    if isinstance(value, Mapping) and value:
        for name, inner in value.items():
            yield from _leaves(inner, (*path, str(name)))
    else:
        # repr keeps true, 1 and "1" apart.
        yield path, repr(value)


def _speaks_of(proof: Proof, head: Rule | Correlation, *, first: bool) -> bool:
    return proof.subject in {head.id, head.name} if proof.subject else first
