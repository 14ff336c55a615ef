"""A name is shown whatever its bytes are: those that are no text are written out."""

from __future__ import annotations

import pytest

from carecordon.model.paths import shown_path


@pytest.mark.parametrize(
    ("path", "shown"),
    [
        ("ward 3/é.evtx", "ward 3/é.evtx"),
        (b"nm/\xff\x1b.jsonl".decode("utf-8", "surrogateescape"), "nm/\\xff\x1b.jsonl"),
        ("a\ud800b", "a\\ud800b"),
        ("\ud800\udcff", "\\ud800\\udcff"),
    ],
)
def test_bytes_that_are_no_text_are_written_out(path: str, shown: str) -> None:
    assert shown_path(path) == shown
