"""Rule files as they are given, what tells one set of them from another, and the form of the names in them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import msgspec

Values = Mapping[str, Sequence[str | int]]
"""Placeholder name -> what may stand for it; each value may hold wildcards."""
NO_VALUES: Values = {}


class RuleText(NamedTuple):
    """One rule file: the path a user gave, and its bytes."""

    path: str
    text: bytes


def field_name(text: str) -> str:
    """Return a field as events carry it: without its spaces. Source: Sigma rules specification 2.1, Field Usage 2."""
    return text.replace(" ", "")


def rule_set_hash(texts: Iterable[RuleText], values: Values = NO_VALUES) -> str:
    """Return SHA-256 (hex) over the files' bytes and the placeholder values.

    Neither the order of files and values nor where files lie counts, nor a file given twice.
    """
    digest = hashlib.sha256()
    for text in sorted({hashlib.sha256(file.text).digest() for file in texts}):
        digest.update(text)
    digest.update(_canonical(values))
    return digest.hexdigest()


def _canonical(values: Values) -> bytes:
    return msgspec.json.encode(sorted((name, sorted({str(value) for value in of})) for name, of in values.items()))
