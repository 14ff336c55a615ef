"""The bytes on the wire stay what they were: each word as hex in vectors/, and batches of every version of the codec.

`python -m tests.wire.test_vectors` writes what is missing; a file that is there is never made anew.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest
import zstandard

from carecordon.model.errors import TheirFault
from carecordon.model.event import Kind, LogSource
from carecordon.wire import codec, frame
from carecordon.wire.messages import Welcome
from carecordon.wire.session import WORDS, Word, name_of, read, write
from tests.wire.test_codec import table_of
from tests.wire.words import WORD, data_of

VECTORS = Path(__file__).parent / "vectors"
BATCHES = ("batch-data-v1", "batch-data-v1-dictionary-1")
"""The first is packed without a dictionary."""
VALUES, TOO_MANY = "batch-data-v1-values", "batch-data-v1-too-many-items"
FIELDS: dict[str, Any] = {
    "": "",
    "text": "K\u00f6ln \0",
    "small": -(1 << 63),
    "large": (1 << 64) - 1,
    "float": -0.0,
    "yes": True,
    "null": None,
    "empty list": (),
    "list": ("a", 1, 1.0, False, None),
}


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


def test_a_welcome_of_before_it_told_what_the_mark_ends_is_still_read() -> None:
    assert read(vector("welcome-without-check")) == msgspec.structs.replace(WORD[Welcome], check=None)


@pytest.mark.parametrize("name", BATCHES)
def test_a_batch_of_every_version_is_still_read(name: str) -> None:
    table = codec.decode(vector(name))
    assert len(table) == 2
    assert table.devices == ("ward-pc-07.example.org",)
    assert table.kinds == (Kind("Security", "made up", 4624),)
    assert [dict(table.complete(row))["Number"] for row in range(2)] == ["10", "11"]


def test_values_of_every_type_are_still_read() -> None:
    table = codec.decode(vector(VALUES))
    assert repr(dict(table.complete(0))) == repr(FIELDS | {"Provider_Name": ""})
    assert table.kinds == (Kind(None, "", -(1 << 63), LogSource("linux", None, "auditd")),)


def test_a_list_with_an_item_too_many_is_refused_as_ever() -> None:
    with pytest.raises(TheirFault, match="a list of 65537 items, at most 65536 are taken"):
        codec.decode(vector(TOO_MANY))


def _too_many() -> bytes:
    """Return a batch with a list that `encode` would refuse."""
    parts = msgspec.msgpack.decode(frame.unpack(data_of(10, 10)))
    parts[-1][0] = [[None] * (codec.MAX_ITEMS + 1)]
    return zstandard.compress(msgspec.msgpack.encode(parts), 19)


if __name__ == "__main__":
    made = {name_of(kind): write(word) for kind, word in WORD.items()} | {BATCHES[-1]: data_of(10, 11)}
    kind = Kind(None, "", -(1 << 63), LogSource("linux", None, "auditd"))
    made |= {VALUES: codec.encode(table_of([(kind, dict(FIELDS), None, None)])), TOO_MANY: _too_many()}
    for name, content in made.items():
        path = VECTORS / f"{name}.hex"
        if not path.exists():
            path.write_text(content.hex() + "\n", "ascii")
