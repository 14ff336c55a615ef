"""Rule files to one rule set: each document a rule, a correlation, a filter or a refusal with its place.

Files are read in the order of their paths. A document given twice, word for word, counts
once; another document with an id that is taken is refused. What one document does wrong
never touches another, unless that one refers to it.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

from carecordon.pipeline.detect.sigma.convert import read_rule
from carecordon.pipeline.detect.sigma.correlations import read_correlation
from carecordon.pipeline.detect.sigma.documents import Broken, Document, read
from carecordon.pipeline.detect.sigma.filters import Filter, read_filter
from carecordon.pipeline.detect.sigma.fold import merged
from carecordon.pipeline.detect.sigma.head import given_id
from carecordon.pipeline.detect.sigma.ir import RefusedRule, Rule, RuleSet
from carecordon.pipeline.detect.sigma.references import Known, Pending, resolve_all
from carecordon.pipeline.detect.sigma.refusal import BadRule
from carecordon.pipeline.detect.sigma.texts import NO_VALUES, RuleText, Values, rule_set_hash


def load(texts: Iterable[RuleText], values: Values = NO_VALUES, *, merge: bool = True) -> RuleSet:
    """Return the rules, correlations and refusals of these files. Never raises for what they hold.

    Rules stand in the order of path and line; a correlation stands after those it refers to.
    `merge` joins items of one field where that means the same and runs faster; without it
    every item stays as the rule has it, for proofs.
    """
    files = sorted(set(texts))
    loader = _Loader(values, merge=merge)
    seen: set[bytes] = set()
    for file in files:
        if file.text in seen:
            continue
        seen.add(file.text)
        for document in read(file.text):
            loader.take(file.path, document)
    return loader.finish(rule_set_hash(files, values))


class _Loader:
    """What has been read so far."""

    def __init__(self, values: Values, *, merge: bool) -> None:
        self._values = values
        self._merge = merge
        self._seen: set[str] = set()
        self._known = Known()
        self._rules: dict[str, Rule] = {}
        self._pending: list[Pending] = []
        self._filters: list[tuple[str, Document, Filter]] = []
        self._refused: list[RefusedRule] = []

    def take(self, path: str, document: Document | Broken) -> None:
        """Read one document."""
        if isinstance(document, Broken):
            rule_id, reason = document.rule_id, document.reason
            self._refused.append(RefusedRule(path, document.line, document.column, rule_id, reason))
            self._known.lose(rule_id, "", reason)
            return
        words = repr(document.content)
        if words in self._seen:
            return
        self._seen.add(words)
        try:
            self._read(path, document)
        except BadRule as bad:
            self._refuse(path, document, bad)
        except Exception as fault:  # noqa: BLE001  one odd rule must never take down the others
            self._refuse(path, document, BadRule(f"the rule cannot be read: {type(fault).__name__}: {fault}"))

    def finish(self, digest: str) -> RuleSet:
        """Return everything, references resolved and filters applied."""
        for path, document, found in self._filters:
            self._apply(path, document, found)
        resolved = resolve_all(self._known, self._pending)
        for pending, bad in resolved.refused:
            self._refuse(pending.draft.path, pending.document, bad)
        rules = tuple(self._finished(rule, resolved.silent) for rule in self._rules.values())
        return RuleSet(digest, rules, resolved.correlations, tuple(sorted(self._refused, key=_place)))

    def _finished(self, rule: Rule, silent: frozenset[str]) -> Rule:
        condition = merged(rule.condition) if self._merge else rule.condition
        return msgspec.structs.replace(rule, condition=condition, silent=rule.id in silent)

    def _read(self, path: str, document: Document) -> None:
        content = document.content
        if not isinstance(content, dict):
            raise BadRule("this is no Sigma document: a mapping with `detection`, `correlation` or `filter` is needed")
        if content.get("action") in ("global", "repeat", "reset"):
            raise BadRule("`action` is no longer part of Sigma; write every document out in full", "action")
        if "correlation" in content:
            draft = read_correlation(content, path, document.line)
            self._known.add(draft.id, draft.head.name, f"{path}:{document.line}", given="id" in content)
            self._pending.append(Pending(draft, document))
        elif "filter" in content:
            self._filters.append((path, document, read_filter(content, self._values)))
        elif "detection" in content:
            rule = read_rule(content, path, document.line, self._values)
            self._known.add(rule.id, rule.name, f"{path}:{document.line}", given="id" in content)
            self._rules[rule.id.lower()] = rule
        else:
            raise BadRule("this is no Sigma document: it has neither `detection`, `correlation` nor `filter`")

    def _apply(self, path: str, document: Document, found: Filter) -> None:
        try:
            keys = self._filtered(found)
        except BadRule as bad:
            self._refuse(path, document, bad.under("filter"))
            return
        for key in keys:
            self._rules[key] = found.apply(self._rules[key])

    def _filtered(self, found: Filter) -> list[str]:
        """Return the keys of the rules that a filter speaks of; a filter that could do nothing is refused."""
        if found.references is None:
            return [key for key, rule in self._rules.items() if found.fits(rule.logsource)]
        named = [key for reference in found.references for key in self._known.keys(reference) if key in self._rules]
        if not named:
            names = ", ".join(found.references)
            raise BadRule(f"none of the rules that the filter names can be filtered: {names}", "rules")
        fitting = [key for key in dict.fromkeys(named) if found.fits(self._rules[key].logsource)]
        if not fitting:
            raise BadRule(
                "the filter's log source is not that of the rules it names; make it equal or broader", "rules"
            )
        return fitting

    def _refuse(self, path: str, document: Document, bad: BadRule) -> None:
        line, column = document.place(bad.where, at_value=bad.at_value)
        rule_id, name = _identity(document.content)
        self._refused.append(RefusedRule(path, line, column, rule_id, bad.reason))
        self._known.lose(rule_id, name, bad.reason)


def _identity(content: Any) -> tuple[str | None, str]:
    """Return id and name of a document that may have neither."""
    if not isinstance(content, dict):
        return None, ""
    name = content.get("name")
    try:
        return given_id(content), name if isinstance(name, str) else ""
    except BadRule:
        return None, ""


def _place(refused: RefusedRule) -> tuple[str, int, int]:
    return refused.path, refused.line, refused.column
