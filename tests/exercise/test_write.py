"""Three files on disk: events, truth, devices; packed where asked, and never half."""

from __future__ import annotations

import csv
import gzip
import io
from collections.abc import Callable, Iterator
from pathlib import Path

import orjson
import pytest
import zstandard

from carecordon.exercise.recording import Recording
from carecordon.exercise.stage import Line
from carecordon.exercise.write import paths_of, write
from tests.exercise.playing import played, recording


def _unzstd(content: bytes) -> bytes:
    return zstandard.ZstdDecompressor().stream_reader(io.BytesIO(content)).read()


@pytest.mark.parametrize(("ending", "unpack"), [("", bytes), (".gz", gzip.decompress), (".zst", _unzstd)])
def test_the_same_events_packed_or_not(tmp_path: Path, ending: str, unpack: Callable[[bytes], bytes]) -> None:
    out = tmp_path / f"q.jsonl{ending}"
    written = write(recording("quiet"), out)
    lines = unpack(out.read_bytes()).splitlines()
    assert [orjson.loads(line) for line in lines] == [document for document, _ in played("quiet")]
    assert (written.events, written.malicious) == (len(lines), 0)


def test_the_same_bytes_each_time_packed_too(tmp_path: Path) -> None:
    for name in ("a.jsonl.gz", "b.jsonl.gz"):
        write(recording("quiet"), tmp_path / name)
    assert (tmp_path / "a.jsonl.gz").read_bytes() == (tmp_path / "b.jsonl.gz").read_bytes()


def test_a_position_of_the_truth_is_the_line_of_its_event(tmp_path: Path) -> None:
    out = tmp_path / "f.jsonl"
    written = write(recording("friday"), out)
    lines = out.read_bytes().splitlines()
    truth = [orjson.loads(line) for line in paths_of(out).truth.read_bytes().splitlines()]
    assert len(truth) == written.malicious > 1000
    for told in truth:
        event = orjson.loads(lines[told["position"] - 1])
        assert event["Computer"] == told["device"]
        assert played("friday")[told["position"] - 1][1] is not None
    assert set(truth[0]) == {"position", "scenario", "step", "name", "techniques", "device"}


def test_the_devices_stand_beside(tmp_path: Path) -> None:
    out = tmp_path / "f.jsonl"
    write(recording("friday"), out)
    rows = list(csv.DictReader(paths_of(out).devices.read_text().splitlines()))
    assert list(rows[0]) == ["device", "address", "role", "class", "impact"]
    assert {row["impact"] for row in rows} == {"S0", "S1", "S2", "S3"}
    seen = {document["Computer"] for document, _ in played("friday")}
    assert seen <= {row["device"] for row in rows}
    assert {row["device"] for row in rows} - seen == {"wph-flu-xp01.wph.example.org"}


def test_a_failure_leaves_what_was_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def breaks(_: Recording) -> Iterator[Line]:
        yield from played("friday")[:10]
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Recording, "lines", breaks)
    (tmp_path / "f.jsonl").write_text("of last week")
    with pytest.raises(OSError, match="No space"):
        write(recording("friday"), tmp_path / "f.jsonl")
    assert [path.name for path in tmp_path.iterdir()] == ["f.jsonl"]
    assert (tmp_path / "f.jsonl").read_text() == "of last week"


def test_memory_does_not_grow_with_the_recording(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Lines go to disk piece by piece: never more than one piece is held."""
    held: list[int] = []

    def counts(_: Recording) -> Iterator[Line]:
        for line in played("quiet"):
            held.append((tmp_path / "q.jsonl.part").stat().st_size)
            yield _small(line)

    monkeypatch.setattr(Recording, "lines", counts)
    write(recording("quiet"), tmp_path / "q.jsonl")
    assert len(set(held)) > 3


def _small(line: Line) -> Line:
    return {**line[0], "padding": "x" * 500}, line[1]
