"""The optional accelerator: Hyperscan databases, compiled once and kept in the cache.

For literals it has the word. Of regular expressions it only says which may match (its
prefilter mode finds all that do, and perhaps more): what they mean is RE2's word alone.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from typing import Any

from carecordon.model.ports import Cache

NOT_SHARED = re.compile(r"\\[pPCQv1-9]|\\x\{|\(\?P|\(\?[a-zA-Z]*m|\0")

MOST_LITERALS = 20_000
"""More would take long to compile: the time grows with their square where they are alike."""

try:
    import hyperscan as _hyperscan
except ImportError:
    _hyperscan = None  # type: ignore[assignment]  # the extra `fast` is not installed
hyperscan: Any = _hyperscan


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

    def literals(self, literals: Sequence[str], *, caseless: bool = False) -> Scanner | None:
        """Return a scanner for `literals`, None for more than MOST_LITERALS; each is reported at most once a text."""
        if len(literals) > MOST_LITERALS:
            return None
        encoded = [literal.encode("utf-8", "replace") for literal in literals]
        digest = hashlib.sha256(bytes([caseless]))
        for literal in encoded:
            digest.update(len(literal).to_bytes(4, "big") + literal)
        flags = hyperscan.HS_FLAG_SINGLEMATCH | (hyperscan.HS_FLAG_CASELESS if caseless else 0)
        has_nul = any(b"\0" in literal for literal in encoded)  # where the binding would end the literal
        expressions = [_as_pattern(literal) for literal in encoded] if has_nul else encoded
        return self._scanner(f"literals-{digest.hexdigest()[:40]}", expressions, flags, literal=not has_nul)

    def may_match(self, patterns: Sequence[str]) -> Scanner | None:
        """Return a scanner for ASCII texts that finds all of these RE2 patterns that match, and perhaps others.

        None where Hyperscan cannot run one of them; see `is_shared` for those to leave out beforehand.
        """
        expressions = [pattern.encode() for pattern in patterns]
        digest = hashlib.sha256(b"\0".join(expressions)).hexdigest()[:40]
        flags = hyperscan.HS_FLAG_SINGLEMATCH | hyperscan.HS_FLAG_PREFILTER | hyperscan.HS_FLAG_ALLOWEMPTY
        try:
            return self._scanner(f"patterns-{digest}", expressions, flags, literal=False)
        except hyperscan.error:
            return None

    def _scanner(self, name: str, expressions: Sequence[bytes], flags: int, *, literal: bool) -> Scanner:
        """Return a scanner from the cache, or compile it and keep it there."""
        key = f"hyperscan-{hyperscan.__version__}-{name}"
        blob = self._cache.load(key)
        if blob is not None:
            try:
                kept = hyperscan.loadb(blob, hyperscan.HS_MODE_BLOCK)
                kept.scratch = hyperscan.Scratch(kept)
                return Scanner(kept)
            except hyperscan.error:
                pass  # another processor's database, or a torn one: compiled anew below
        database = hyperscan.Database(mode=hyperscan.HS_MODE_BLOCK)
        database.compile(
            expressions=list(expressions),
            ids=list(range(len(expressions))),
            elements=len(expressions),
            flags=flags,
            literal=literal,
        )
        self._cache.save(key, hyperscan.dumpb(database))
        return Scanner(database)


def is_shared(pattern: str) -> bool:
    r"""Return whether RE2 and Hyperscan surely read the pattern alike on ASCII text without vertical tab.

    They differ on Unicode classes, on `\C`, on quoting, on white space (`\s` with or without vertical tab,
    `\v`), on numbers behind a backslash, and on `^` behind a last line end where `m` makes it look at lines.
    """
    return pattern.isascii() and NOT_SHARED.search(pattern) is None


def _as_pattern(literal: bytes) -> bytes:
    return b"".join(b"\\x%02x" % byte for byte in literal)


def accelerator(cache: Cache) -> Accelerator | None:
    """Return the accelerator, or None where Hyperscan is not installed."""
    return None if hyperscan is None else Accelerator(cache)
