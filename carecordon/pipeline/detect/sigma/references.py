"""Who refers to whom: ids and names of a rule set, and correlations in an order that their chains allow."""

from __future__ import annotations

import textwrap
from collections import deque
from collections.abc import Iterable
from typing import NamedTuple

import msgspec

from carecordon.pipeline.detect.sigma.correlations import Draft, finish
from carecordon.pipeline.detect.sigma.documents import Document
from carecordon.pipeline.detect.sigma.ir import Correlation
from carecordon.pipeline.detect.sigma.refusal import BadRule

MAX_CIRCLE = 20
"""How many rules of a circle a refusal names."""
MAX_REASON = 200
"""How much of a refusal those that hang on it repeat."""


class Pending(NamedTuple):
    """A correlation read but not yet resolved, and the document to point at."""

    draft: Draft
    document: Document


class Resolved(NamedTuple):
    """`silent` are the ids of rules that only feed correlations."""

    correlations: tuple[Correlation, ...]
    refused: tuple[tuple[Pending, BadRule], ...]
    silent: frozenset[str]


class Known:
    """Ids and names taken so far. Ids compare without case; a key is an id in lower case."""

    def __init__(self) -> None:
        self._ids: dict[str, str] = {}
        self._places: dict[str, str] = {}
        self._names: dict[str, list[str]] = {}
        self._lost: dict[str, str] = {}

    def add(self, rule_id: str, name: str, place: str, *, given: bool) -> None:
        """Take an id and a name. Raises BadRule if the id is taken."""
        key = rule_id.lower()
        if key in self._ids:
            what = "id" if given else "name"
            raise BadRule(f"its {what} is already that of {self._places[key]}; give it its own", what, at_value=True)
        self._ids[key] = rule_id
        self._places[key] = place
        if name:
            self._names.setdefault(name, []).append(key)

    def lose(self, rule_id: str | None, name: str, reason: str) -> None:
        """Remember why a document was refused, for those that refer to it."""
        for reference in (rule_id, name):
            if reference:
                self._lost.setdefault(reference.lower(), textwrap.shorten(reason, MAX_REASON, placeholder=" …"))

    def drop(self, rule_id: str, name: str, reason: str) -> None:
        """Take back an id and a name: their correlation was refused after all."""
        key = rule_id.lower()
        del self._ids[key]
        if name:
            self._names[name].remove(key)
        self.lose(rule_id, name, reason)

    def keys(self, reference: str) -> list[str]:
        """Return the keys that an id or name means: none if unknown, several if a name is not unique."""
        key = reference.lower()
        return [key] if key in self._ids else self._names.get(reference, [])

    def resolve(self, reference: str) -> str:
        """Return the id that a reference means. Raises BadRule if it means none or several."""
        keys = self.keys(reference)
        if len(keys) == 1:
            return self._ids[keys[0]]
        if keys:
            places = ", ".join(self._places[key] for key in keys)
            raise BadRule(f"the name `{reference}` is that of several rules: {places}; refer to one by its id")
        if (reason := self._lost.get(reference.lower())) is not None:
            raise BadRule(f"it refers to `{reference}`, which was refused: {reason}")
        raise BadRule(f"it refers to `{reference}`, but no rule here has this id or name")


def resolve_all(known: Known, pending: Iterable[Pending]) -> Resolved:
    """Return all correlations that can run, referred ones first; a circle and what hangs on it is refused."""
    chains = _Chains(known, {each.draft.id.lower(): each for each in pending})
    done, refused = chains.unwind()
    rules = tuple(correlation for correlation, _ in done)
    silent = _silent(done)
    return Resolved(
        tuple(msgspec.structs.replace(rule, silent=True) if rule.id in silent else rule for rule in rules),
        tuple(refused),
        silent,
    )


def _silent(done: list[tuple[Correlation, Draft]]) -> frozenset[str]:
    """Return what is referred to, and by no correlation that says `generate`."""
    named = {rule for correlation, _ in done for rule in correlation.rules}
    return frozenset(named - {rule for correlation, draft in done if draft.generate for rule in correlation.rules})


class _Chains:
    """Correlations that wait for the correlations they refer to."""

    def __init__(self, known: Known, pending: dict[str, Pending]) -> None:
        self._known = known
        self._pending = pending
        self._waits = {key: self._needs(each.draft) for key, each in pending.items()}
        self._users: dict[str, list[str]] = {}
        for key, needs in self._waits.items():
            for need in needs:
                self._users.setdefault(need, []).append(key)

    def unwind(self) -> tuple[list[tuple[Correlation, Draft]], list[tuple[Pending, BadRule]]]:
        done: list[tuple[Correlation, Draft]] = []
        refused: list[tuple[Pending, BadRule]] = []
        free = deque(key for key, needs in self._waits.items() if not needs)
        while free:
            key = free.popleft()
            del self._waits[key]
            each = self._pending[key]
            try:
                done.append((finish(each.draft, self._known.resolve), each.draft))
            except BadRule as bad:
                refused.append((each, bad))
                self._known.drop(each.draft.id, each.draft.head.name, bad.reason)
            for user in self._users.get(key, ()):
                self._waits[user].discard(key)
                if not self._waits[user]:
                    free.append(user)
        refused.extend((self._pending[key], self._circle(key)) for key in self._waits)
        return done, refused

    def _needs(self, draft: Draft) -> set[str]:
        return {
            key
            for reference in draft.references
            if len(keys := self._known.keys(reference)) == 1 and (key := keys[0]) in self._pending
        }

    def _circle(self, start: str) -> BadRule:
        """Return the refusal of a correlation that can never be free."""
        way = [start]
        while (step := min(self._waits[way[-1]])) not in way and len(way) < MAX_CIRCLE:
            way.append(step)
        names = " -> ".join(self._name(key) for key in (*way, step))
        if step == start or step not in way:
            dots = "" if step == start else " -> …"
            reason = f"correlations refer to one another in a circle: {names}{dots}; take one reference out"
        else:
            reason = f"it hangs on correlations that refer to one another in a circle: {names}"
        return BadRule(reason, "correlation", "rules")

    def _name(self, key: str) -> str:
        draft = self._pending[key].draft
        return draft.head.name or draft.id
