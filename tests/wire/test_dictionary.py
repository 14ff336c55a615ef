"""The codec's dictionary: it pays, frames name it, and frames of others are the sender's fault."""

from __future__ import annotations

import base64
from itertools import islice

import pytest
import zstandard

from carecordon.exercise.life import Span
from carecordon.model.errors import TheirFault
from carecordon.wire import codec, dictionary_1, frame
from carecordon.wire.dictionary import LATEST, dictionary
from tests.wire.make_dictionary import ID, SIZE, small_batches
from tests.wire.words import data_of


def test_small_batches_of_another_hospital_are_less_than_half_as_large() -> None:
    tables = list(islice(small_batches("quiet", 23, Span(12, 13)), 300))
    packed = [codec.encode(table) for table in tables]
    plain = [zstandard.ZstdCompressor(level=frame.LEVEL).compress(frame.unpack(one)) for one in packed]
    assert sum(map(len, packed)) < 0.5 * sum(map(len, plain))


def test_a_frame_names_its_dictionary() -> None:
    assert zstandard.get_frame_parameters(data_of(0, 1)).dict_id == LATEST == ID


def test_a_frame_without_one_is_read() -> None:
    data = data_of(0, 1)
    plain = zstandard.compress(frame.unpack(data))
    assert frame.unpack(plain) == frame.unpack(data)
    assert len(codec.decode(plain)) == 2


def test_a_frame_of_an_unknown_one_is_told() -> None:
    foreign = zstandard.train_dictionary(2_048, [b"%d %d" % (one, one * one) * 20 for one in range(500)], dict_id=77)
    packed = zstandard.ZstdCompressor(dict_data=foreign).compress(b"anything")
    for read in (codec.decode, frame.check_frame):
        with pytest.raises(TheirFault, match="dictionary 77"):
            read(packed)
    assert dictionary(77, frame.LEVEL) is None


def test_the_dictionary_is_a_small_constant() -> None:
    packed = base64.b85decode("".join(dictionary_1.PACKED.split()))
    content = zstandard.ZstdDecompressor().decompress(packed)
    assert len(content) == SIZE
    assert zstandard.ZstdCompressionDict(content).dict_id() == LATEST
