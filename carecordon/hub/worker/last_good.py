"""The last good text of each rule: a rule that is none any more, or whose place cannot be read, goes on as it was.

A typing error must not make a hub blind: the last text of a rule that did load stands for it until it is mended, or
taken away whole. It is known by its id; of a document whose id cannot be read any more, all stand that its file has
lost. Only rules and correlations do: an exception that does not load is not used. Kept beside what compiling gave, as
text, so that another release reads it too; where that folder is emptied, they are lost.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import NamedTuple

import msgspec

from carecordon.model.ports import Cache
from carecordon.pipeline.detect.disk.rulebook import Rulebook
from carecordon.pipeline.detect.sigma.documents import Document, read
from carecordon.pipeline.detect.sigma.ir import RuleSet
from carecordon.pipeline.detect.sigma.texts import RuleText

KEY = "good-rules"


class Good(msgspec.Struct, frozen=True, array_like=True):
    """A document that did load: the place that the settings name, the file, lines before it, its id, its text."""

    root: str
    path: str
    lines: int
    id: str
    is_correlation: bool
    source: str

    def text(self) -> RuleText:
        """Return it as a file of its own, on the lines on which it stood."""
        return RuleText(self.path, ("\n" * self.lines + self.source).encode())


class Kept(NamedTuple):
    """All that did load, and under which key what compiling them gave is."""

    key: str
    rules: tuple[Good, ...]


_NONE = Kept("", ())
_DECODER = msgspec.msgpack.Decoder(Kept)


def last_good(cache: Cache) -> Kept:
    """Return what did load the last time; nothing where that is not known."""
    try:
        return _DECODER.decode(cache.load(KEY) or b"")
    except msgspec.DecodeError:
        return _NONE


def missed(known: Iterable[Good], rules: RuleSet, unread: Collection[str]) -> list[Good]:
    """Return what is to stand beside `rules`, since it is refused as it is now, or its root is among the `unread`.

    Rules first: a correlation may be refused only for one that it speaks of, and is returned when they are there.
    """
    loaded = _ids(rules)
    ids = {one.rule_id.lower() for one in rules.refused if one.rule_id is not None}
    nameless = {one.path for one in rules.refused if one.rule_id is None}
    gone = [
        one
        for one in known
        if one.id.lower() not in loaded and (one.root in unread or one.id.lower() in ids or one.path in nameless)
    ]
    return [one for one in gone if not one.is_correlation] or gone


def standing(stood: Iterable[Good], rules: RuleSet) -> list[Good]:
    """Return those that do load among `rules`."""
    loaded = _ids(rules)
    return [one for one in stood if one.id.lower() in loaded]


def keep(
    book: Rulebook, roots: Mapping[str, str], texts: Sequence[RuleText], stood: Iterable[Good], cache: Cache
) -> None:
    """Note down what did load of these texts, with what stood for others; `roots` by the path of a text."""
    documents = {(path, one.line): one for path, text in texts for one in read(text) if isinstance(one, Document)}
    former = {one.id: one for one in stood}
    found: list[Good] = []
    for rule in (*book.rules.rules, *book.rules.correlations):
        document = documents.get((rule.path, rule.line))
        if rule.id in former:
            found.append(former[rule.id])
        elif document is not None:
            is_correlation = "correlation" in document.content
            found.append(Good(roots[rule.path], rule.path, document.offset, rule.id, is_correlation, document.source))
    cache.save(KEY, msgspec.msgpack.encode(Kept(book.key, tuple(found))))


def _ids(rules: RuleSet) -> set[str]:
    return {one.id.lower() for one in (*rules.rules, *rules.correlations)}
