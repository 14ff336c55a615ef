"""The optional accelerator: Hyperscan databases for literals, compiled once and kept in the cache.

Only literals: what a regular expression means is RE2's word alone, with or without Hyperscan.
"""

from __future__ import annotations

import hashlib
import importlib
from collections.abc import Sequence
from typing import Any

from carecordon.model.ports import Cache

hyperscan: Any
try:
    hyperscan = importlib.import_module("hyperscan")
except ImportError:
    hyperscan = None


class Scanner:
    """A compiled database that tells which literals stand in a text."""

    def __init__(self, database: Any) -> None:
        """Take a Hyperscan block-mode database."""
        self._scan = database.scan
        self._hits: set[int] = set()

    def _hit(self, index: int, start: int, end: int, flags: int, context: object) -> None:
        self._hits.add(index)

    def found(self, text: str) -> set[int]:
        """Return the indexes of the literals in `text`; lone surrogates match nothing."""
        return self.found_bytes(text.encode("utf-8", "replace"))

    def found_bytes(self, data: bytes | memoryview) -> set[int]:
        """Return the indexes of the literals in UTF-8 `data`."""
        hits: set[int] = set()
        self._hits = hits
        self._scan(data, match_event_handler=self._hit)
        return hits


class Accelerator:
    """Makes scanners, from the cache where it holds them."""

    def __init__(self, cache: Cache) -> None:
        """Use `cache` for compiled databases."""
        self._cache = cache

    def literals(self, literals: Sequence[str], *, caseless: bool = False) -> Scanner:
        """Return a scanner for `literals`; each is reported at most once a text."""
        encoded = [literal.encode("utf-8", "replace") for literal in literals]
        digest = hashlib.sha256(bytes([caseless]))
        for literal in encoded:
            digest.update(len(literal).to_bytes(4, "big") + literal)
        key = f"hyperscan-{hyperscan.__version__}-{digest.hexdigest()[:40]}"
        blob = self._cache.load(key)
        if blob is not None:
            try:
                kept = hyperscan.loadb(blob, hyperscan.HS_MODE_BLOCK)
                kept.scratch = hyperscan.Scratch(kept)
                return Scanner(kept)
            except hyperscan.error:
                pass  # another processor's database, or a torn one: compiled anew below
        flags = hyperscan.HS_FLAG_SINGLEMATCH | (hyperscan.HS_FLAG_CASELESS if caseless else 0)
        database = hyperscan.Database(mode=hyperscan.HS_MODE_BLOCK)
        has_nul = any(b"\0" in literal for literal in encoded)  # where the binding would end the literal
        database.compile(
            expressions=[_as_pattern(literal) for literal in encoded] if has_nul else encoded,
            ids=list(range(len(encoded))),
            elements=len(encoded),
            flags=flags,
            literal=not has_nul,
        )
        self._cache.save(key, hyperscan.dumpb(database))
        return Scanner(database)


def _as_pattern(literal: bytes) -> bytes:
    return b"".join(b"\\x%02x" % byte for byte in literal)


def accelerator(cache: Cache) -> Accelerator | None:
    """Return the accelerator, or None where Hyperscan is not installed."""
    return None if hyperscan is None else Accelerator(cache)
