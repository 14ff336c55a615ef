"""Texts that matches have alike are one object, whatever field they stand in, and no more are remembered than fit."""

from __future__ import annotations

import msgspec
import pytest

from carecordon.model.match import Level, Match, RuleHead
from carecordon.pipeline.triage import alike
from carecordon.pipeline.triage.alike import Alike
from carecordon.pipeline.triage.digests import DIGEST_BYTES, digest

HEAD = RuleHead("id", "title", Level.LOW, (), "path", 1)


def read(**fields: str | int) -> Match:
    """Return a match as it comes out of stream 2: each text an object of its own."""
    made = Match(HEAD, "sender/1", 1, None, 1, "pc", "Security", 1, dict(fields), dict(fields), dict(fields))
    return msgspec.msgpack.decode(msgspec.msgpack.encode(made), type=Match)


def test_equal_texts_are_one_object_over_fields_and_matches() -> None:
    texts = Alike()
    first, other = read(Image="C:\\x.exe", EventID=1), read(Image="C:\\x.exe", User="anna")
    before = (msgspec.msgpack.encode(first), msgspec.msgpack.encode(other))
    assert first.fields["Image"] is not other.fields["Image"]
    texts.share(first)
    texts.share(other)
    assert (msgspec.msgpack.encode(first), msgspec.msgpack.encode(other)) == before
    assert first.fields["Image"] is first.subject["Image"] is other.carried["Image"]
    assert first.file is other.file
    assert first.device is other.device


def test_no_more_is_remembered_than_there_is_room_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(alike, "ROOM_BYTES", 5 * alike.TEXT_BYTES)
    texts = Alike()
    for number in range(100):
        assert texts.share(read(Image=f"program {number}")).fields == {"Image": f"program {number}"}
        assert len(texts._texts) <= 5
    long = "x" * (alike.LONGEST + 1)
    assert texts.share(read(Image=long)).fields == {"Image": long}
    assert long not in texts._texts


def test_a_digest_is_that_of_the_content_also_of_what_no_format_takes() -> None:
    assert digest([("a", 1)]) == digest([("a", 1)]) != digest([("a", 2)])
    for odd in (1 << 70, "\ud800"):
        assert digest([("a", odd)]) == digest([("a", odd)]) != digest([("a", "x")])
        assert len(digest([("a", odd)])) == DIGEST_BYTES
