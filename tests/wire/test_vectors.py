"""The bytes on the wire stay what they were: each word as hex in vectors/, and batches of every version of the codec.

`python -m tests.wire.test_vectors` writes what is missing; a file that is there is never made anew.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from carecordon.model.event import Kind
from carecordon.wire import codec
from carecordon.wire.session import WORDS, Word, name_of, read, write
from tests.wire.words import WORD, data_of

VECTORS = Path(__file__).parent / "vectors"
BATCHES = ("batch-data-v1", "batch-data-v1-dictionary-1")
"""The first is packed without a dictionary."""


def vector(name: str) -> bytes:
    return bytes.fromhex((VECTORS / f"{name}.hex").read_text("ascii"))


@pytest.mark.parametrize("kind", WORDS)
def test_a_word_is_written_and_read_as_ever(kind: type[Word]) -> None:
    word = WORD[kind]
    if name_of(kind) == "batch":  # what zstd makes of the same rows may change with its release
        word = read(vector("batch"))
        assert type(word) is kind
    assert write(word) == vector(name_of(kind))
    assert read(vector(name_of(kind))) == word


@pytest.mark.parametrize("name", BATCHES)
def test_a_batch_of_every_version_is_still_read(name: str) -> None:
    table = codec.decode(vector(name))
    assert len(table) == 2
    assert table.devices == ("ward-pc-07.example.org",)
    assert table.kinds == (Kind("Security", "made up", 4624),)
    assert [dict(table.complete(row))["Number"] for row in range(2)] == ["10", "11"]


if __name__ == "__main__":
    made = {name_of(kind): write(word) for kind, word in WORD.items()} | {BATCHES[-1]: data_of(10, 11)}
    for name, content in made.items():
        path = VECTORS / f"{name}.hex"
        if not path.exists():
            path.write_text(content.hex() + "\n", "ascii")
