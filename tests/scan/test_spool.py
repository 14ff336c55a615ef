"""Matches come back in one order whatever order they came in, and as they were, without being held in memory."""

from __future__ import annotations

import errno
import io
import tempfile
import tracemalloc
from collections.abc import Iterator
from itertools import pairwise
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carecordon.model.event import Value
from carecordon.model.match import Level, Match, RuleHead
from carecordon.scan.rows import row_of
from carecordon.scan.spool import RUN_BYTES, Spool

HEADS = [RuleHead(f"rule-{number}", "Made up", Level.LOW, ("T1059",), "a.yml", 1) for number in range(3)]
KNOWN = {head.id: head for head in HEADS}


def match(
    rule: int = 0,
    file: str = "a.jsonl",
    position: int = 1,
    time: int | None = 0,
    fields: dict[str, Value] | None = None,
    carried: dict[str, Value] | None = None,
    digest: bytes = b"",
) -> Match:
    subject: dict[str, Value] = {"User": "anna"}
    maps = (fields or {}, carried or {}, subject)
    return Match(HEADS[rule], file, position, 7, time, "ward-pc-07", "Security", 4624, *maps, digest)


def kept(*matches: Match, run_bytes: int = RUN_BYTES) -> list[Match]:
    spool = Spool(KNOWN, run_bytes)
    spool.add(map(row_of, matches))
    found = list(spool)
    assert list(spool) == found, "it may be read any number of times"
    spool.close()
    return found


SCALARS = (
    st.text(max_size=4) | st.integers(-(2**63), 2**64 - 1) | st.booleans() | st.none() | st.floats(allow_nan=False)
)
FIELDS = st.dictionaries(st.text(max_size=4), SCALARS | st.lists(SCALARS, max_size=3).map(tuple), max_size=3)
MATCHES = st.builds(
    match,
    rule=st.integers(0, 2),
    file=st.sampled_from(["a", "b", "B", "é"]),
    position=st.integers(1, 3),
    time=st.none() | st.integers(-3, 3) | st.sampled_from([-(2**63) + 1, 2**63 - 2]),
    fields=FIELDS,
    carried=FIELDS,
    digest=st.binary(max_size=4),
)


def place(one: Match) -> tuple[bool, int, str, int, str]:
    return one.time is None, one.time or 0, one.file, one.position, one.rule.id


@given(
    st.lists(MATCHES, max_size=8, unique_by=place), st.randoms(use_true_random=False), st.sampled_from([1, 700, 10**6])
)
def test_matches_come_back_in_order_and_as_they_were(matches: list[Match], rng: Random, run_bytes: int) -> None:
    expected = sorted(matches, key=place)
    rng.shuffle(matches)
    found = kept(*matches, run_bytes=run_bytes)
    assert list(map(repr, found)) == list(map(repr, expected))


def test_numbers_that_no_64_bits_hold_survive_as_text() -> None:
    fields: dict[str, Value] = {"A": 2**64, "B": ("x", -(2**63) - 1), "C": 2**64 - 1, "D": -(2**63), "E": True}
    (found,) = kept(match(fields=fields, carried={"A": 10**30}))
    assert found.fields == fields | {"A": str(2**64), "B": ("x", str(-(2**63) - 1))}
    assert found.carried == {"A": "1" + "0" * 30}


def test_half_a_surrogate_pair_survives_as_a_question_mark() -> None:
    (found,) = kept(match(fields={"A\ud800": "x\udfff", "B": ("\ud800", 1)}))
    assert found.fields == {"A?": "x?", "B": ("?", 1)}
    odd = Match(HEADS[0], "a", 1, 2**70, 0, "pc\ud800", "S\ud800", 2**70, {}, {})
    (found,) = kept(odd)
    assert (found.device, found.channel) == ("pc?", "S?")
    assert f"{found.record_id} {found.event_id}" == f"{2**70} {2**70}"


def test_many_matches_take_no_memory() -> None:
    """Fifty thousand, which would take fifty megabytes."""
    count = 50_000

    def made() -> Iterator[Match]:
        rng = Random(20_261_125)
        for position in range(count):
            yield match(position % 3, position=position, time=rng.randrange(1_000), fields={"A": f"{position:0300}"})

    spool = Spool(KNOWN, 1 << 20)
    tracemalloc.start()
    try:
        matches = map(row_of, made())
        spool.add(next(matches) for _ in range(1_000))
        tracemalloc.reset_peak()
        spool.add(matches)
        read = sum(place(one) <= place(other) for one, other in pairwise(spool))
        assert tracemalloc.get_traced_memory()[1] < 4 * 1024 * 1024
    finally:
        tracemalloc.stop()
        spool.close()
    assert read == count - 1


@pytest.mark.parametrize("time", [None, 5])
def test_time_is_kept(time: int | None) -> None:
    (found,) = kept(match(time=time))
    assert found.time == time


class Full:
    """A temporary file on a disk that holds `room` bytes."""

    def __init__(self, room: int) -> None:
        self.room = room
        self.file = io.BytesIO()

    def seek(self, *where: int) -> int:
        return self.file.seek(*where)

    def read(self, size: int) -> bytes:
        return self.file.read(size)

    def write(self, piece: bytes) -> int:
        free = self.room - len(self.file.getvalue())
        if free <= 0:
            raise OSError(errno.ENOSPC, "No space left on device")
        return self.file.write(piece[:free])


@pytest.mark.parametrize("room", [0, 1, 700, 2_000])
def test_on_a_full_disk_nothing_that_was_found_is_lost(monkeypatch: pytest.MonkeyPatch, room: int) -> None:
    monkeypatch.setattr(tempfile, "TemporaryFile", lambda **_: Full(room))
    spool = Spool(KNOWN, 1_000)
    matches = [match(position=position, fields={"A": "x" * 300}) for position in range(1, 21)]
    spool.add(map(row_of, reversed(matches[:3])))
    spool.add(map(row_of, reversed(matches[3:])))
    assert (
        spool.fault
        == "no more temporary files can be written here (No space left on device); TMPDIR may name another folder"
    )
    assert list(spool) == list(spool) == matches


def test_few_matches_need_no_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "TemporaryFile", lambda **_: pytest.fail("a file was made"))
    assert len(kept(*(match(position=position) for position in range(100)))) == 100
