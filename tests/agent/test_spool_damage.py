"""Files of a spool that are torn, flipped or gone: the rest is kept, the loss is told, and no number is used twice."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from carecordon.agent.rank import Rank
from carecordon.agent.segment import HEAD_BYTES, Hole, Name, Place, pack, records
from tests.agent.spooling import Make, everything, kill, put, told

DAMAGED = 2


def _segment(folder: Path) -> Path:
    (found,) = folder.glob("1-*.seg")
    return found


def test_each_flipped_byte_costs_one_record_at_most_is_told_and_is_never_taken_for_an_event(
    tmp_path: Path, make: Make
) -> None:
    spool = make(tmp_path / "spool")
    parts = [put(spool, 1, text=f"part {place}") for place in range(2)]
    kill(spool)
    content = _segment(tmp_path / "spool").read_bytes()
    datas = [part.data for part in parts]
    for at in range(len(content)):
        copy = tmp_path / f"copy{at}"
        shutil.copytree(tmp_path / "spool", copy)
        _segment(copy).write_bytes(content[:at] + bytes([content[at] ^ 0x55]) + content[at + 1 :])
        again = make(copy, epochs=[77])
        kept = [one.data for one in everything(again, 1)]
        assert len(kept) == 1
        (hit,) = [data for data in datas if data not in kept]
        told_of = told(everything(again, 77))
        assert [one["id"] for one in told_of] == [DAMAGED]
        assert told_of[0]["Bytes"] == HEAD_BYTES + len(hit)
        kill(again)
        shutil.rmtree(copy)


@pytest.mark.parametrize("keep", [0, 1, 10, HEAD_BYTES, HEAD_BYTES + 5, -1, -7])
def test_a_torn_tail_is_cut_off_and_a_new_count_begins(tmp_path: Path, make: Make, keep: int) -> None:
    spool = make(tmp_path)
    whole = put(spool, 2)
    torn = put(spool, 2)
    kill(spool)
    path = _segment(tmp_path)
    content = path.read_bytes()
    first = HEAD_BYTES + len(whole.data)
    path.write_bytes(content[: first + keep if keep >= 0 else keep])
    again = make(tmp_path, epochs=[88, 89])
    assert [one.data for one in everything(again, 1)] == [whole.data]
    if keep == 0:  # nothing shows that anything was there: it cannot have been told to be kept
        assert (again.epoch, again.next) == (1, 2)
        return
    assert again.epoch == 88, "the numbers of the torn record may have gone out: they are not used again"
    assert [one["FirstNumber"] for one in told(everything(again, 88))] == [torn.first]
    kill(again)
    third = make(tmp_path, epochs=[89])
    assert (third.epoch, len(told(everything(third, 88)))) == (88, 1), "what was told once is not told again"


def test_a_spool_whose_tally_is_bad_goes_on_with_a_new_count(tmp_path: Path, make: Make) -> None:
    spool = make(tmp_path)
    part = put(spool, 2)
    kill(spool)
    tally = tmp_path / "tally"
    content = tally.read_bytes()
    for at in range(0, len(content), 3):
        tally.write_bytes(content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :])
        again = make(tmp_path, epochs=[1_000 + at])
        assert again.epoch == 1_000 + at
        assert [one.data for one in everything(again, 1)] == [part.data]
        kill(again)


def test_rot_under_a_running_spool_is_noticed_when_it_is_read(tmp_path: Path, make: Make) -> None:
    spool = make(tmp_path)
    parts = [put(spool, 2) for _ in range(3)]
    path = _segment(tmp_path)
    content = bytearray(path.read_bytes())
    content[HEAD_BYTES + len(parts[0].data) + HEAD_BYTES + 3] ^= 1
    path.write_bytes(content)
    assert [one.first for one in everything(spool)] == [0, 4]
    put(spool, 1, Rank.FILE)
    (loss,) = told(everything(spool))
    assert (loss["id"], loss["Events"], loss["FirstNumber"], loss["LastNumber"]) == (DAMAGED, 2, 2, 3)


def test_files_that_are_none_of_a_spool_are_left_alone(tmp_path: Path, make: Make) -> None:
    for name in ("notes.txt", "1-zz-1.seg", "9-0000000000000001-0000000000000000000.seg"):
        (tmp_path / name).write_bytes(b"something else")
    (tmp_path / "x.seg.new").write_bytes(b"half")
    spool = make(tmp_path)
    put(spool)
    assert spool.pending == 1
    assert not (tmp_path / "x.seg.new").exists()
    assert (tmp_path / "notes.txt").exists()


def test_a_record_under_another_name_is_no_record() -> None:
    name = Name(Rank.PROCESS, 5, 0)
    content = pack(name, 0, 3, b"data")
    assert list(records(name, content)) == [Place(0, 3, HEAD_BYTES, 4)]
    for other in (name._replace(epoch=6), name._replace(rank=Rank.FILE)):
        assert list(records(other, content)) == [Hole(0, len(content), -1, None)]


def test_records_whose_numbers_go_back_are_none() -> None:
    name = Name(Rank.PROCESS, 5, 10)
    low, high = pack(name, 3, 4, b"low"), pack(name, 10, 11, b"high")
    assert list(records(name, high + low)) == [Place(10, 11, HEAD_BYTES, 4), Hole(len(high), len(low), 11, None)]
