"""Which of many literals stand in a text: Aho-Corasick for short texts, Hyperscan for long ones.

Both give the same answer; Hyperscan (the optional extra `fast`) is quicker on texts of
hundreds of characters, Aho-Corasick on short ones: see `carecordon bench detect --without-fast`.
"""

from __future__ import annotations

from collections.abc import Sequence

import ahocorasick_rs

from carecordon.pipeline.detect.sigma.accelerate import Accelerator, Scanner

LONG_TEXT = 300
"""Characters from which Hyperscan is asked instead of Aho-Corasick."""
WORTHWHILE = 4
"""Fewer literals than this are looked for one by one."""


class Literals:
    """A set of distinct, non-empty literals; `found` returns the indexes of those in a text.

    `reads_bytes`: `found_bytes` can be asked, too.
    """

    def __init__(self, literals: Sequence[str], accelerator: Accelerator | None, *, folds: bool = False) -> None:
        """Build the automaton; the accelerator compiles (or loads) its own when there are enough.

        `folds`: literals are in lower case, and `found_bytes` takes ASCII capitals for small letters.
        """
        self._literals = tuple(literals)
        self._automaton: ahocorasick_rs.AhoCorasick | None = None
        self._scanner: Scanner | None = None
        if len(self._literals) >= WORTHWHILE:
            self._automaton = ahocorasick_rs.AhoCorasick(self._literals, store_patterns=False)
            if accelerator is not None:
                self._scanner = accelerator.literals(self._literals, caseless=folds)
        self.reads_bytes = self._scanner is not None or not self._literals

    def found(self, text: str) -> set[int]:
        """Return the indexes of all literals that stand in `text` (exact characters, overlaps included)."""
        if self._automaton is None:
            return {index for index, literal in enumerate(self._literals) if literal in text}
        if self._scanner is not None and len(text) > LONG_TEXT:
            return self._scanner.found(text)
        return {hit[0] for hit in self._automaton.find_matches_as_indexes(text, overlapping=True)}

    def found_bytes(self, data: bytes) -> set[int]:
        """Return the indexes of all literals that stand in UTF-8 `data`. Ask only where `reads_bytes`."""
        return set() if self._scanner is None else self._scanner.found_bytes(data)
