"""The second reading opens what may hold something, once: copies are not read again, and nothing is missing for it."""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from carecordon.model.match import Unseen
from carecordon.model.result import Result
from carecordon.scan import again as again_module
from carecordon.scan import open as open_module
from carecordon.scan.again import CHANGED, GONE, copies_of
from carecordon.scan.assembly import Assembly
from carecordon.scan.open import Facts
from carecordon.scan.run import Scan
from tests.scan.test_cases import BELONG, EVENTS, event, scanned, written


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of what is opened the second time, as it is opened."""
    names: list[str] = []

    def noted(source: Any, *more: Any) -> Iterator[Any]:
        names.append(source.name.rsplit("/", 1)[-1])
        return open_module.open_source(source, *more)

    monkeypatch.setattr(again_module, "open_source", noted)
    return names


def story(result: Result) -> list[tuple[object, ...]]:
    return [(case.incident, case.events, case.story, case.left_out) for case in result.cases]


@pytest.mark.parametrize("cores", [1, 2])
def test_of_copies_the_first_by_name_is_read_and_tells_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, opened: list[str], cores: int
) -> None:
    names = ("c.jsonl", "a.jsonl", "b.jsonl")
    paths = [written(tmp_path / name, EVENTS) for name in names]
    once = scanned(paths, tmp_path, cores)
    assert opened == ["a.jsonl"], "nobody called, so that it is opened for the events alone"
    assert unread(once) == []
    assert [seen.record_id for seen in once.cases[0].events] == BELONG
    assert {seen.file for seen in once.cases[0].events} == {str(tmp_path / "a.jsonl")}
    monkeypatch.setattr(again_module, "copies_of", lambda _: {})
    assert story(scanned(paths, tmp_path, cores)) == story(once)
    assert sorted(opened) == ["a.jsonl", "a.jsonl", "b.jsonl", "c.jsonl"]


def test_a_file_that_is_named_twice_is_read_again_once(tmp_path: Path, opened: list[str]) -> None:
    path = written(tmp_path / "a.jsonl", EVENTS)
    result = scanned([path, path], tmp_path)
    assert opened == ["a.jsonl"]
    assert [seen.record_id for seen in result.cases[0].events] == BELONG
    assert unread(result) == []


def test_what_cannot_hold_anything_is_not_opened_again(tmp_path: Path, opened: list[str]) -> None:
    late = [event(number, 200_000 + number, EventID=11, ProcessGuid="{00-77}", Image="x.exe") for number in range(9)]
    paths = [written(tmp_path / "late.jsonl", late), written(tmp_path / "a.jsonl", EVENTS)]
    (case,) = scanned(paths, tmp_path).cases
    assert opened == ["a.jsonl"]
    assert [seen.record_id for seen in case.events] == BELONG


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_members_of_one_name_are_both_read_again(tmp_path: Path, opened: list[str]) -> None:
    with zipfile.ZipFile(tmp_path / "logs.zip", "w") as archive:
        for number, part in enumerate((EVENTS[:2], EVENTS[2:])):
            archive.write(written(tmp_path / f"{number}.jsonl", part), "log.jsonl")
    result = scanned([tmp_path / "logs.zip"], tmp_path)
    assert opened == ["logs.zip"]
    assert [seen.record_id for seen in result.cases[0].events] == BELONG
    assert unread(result) == []


def changing(monkeypatch: pytest.MonkeyPatch, change: Callable[[], object]) -> None:
    """Do something to the files between the two readings."""

    def triaged_first(scan: Scan) -> Any:
        change()
        return triaged(scan)

    triaged = Scan._triaged
    monkeypatch.setattr(Scan, "_triaged", triaged_first)


def overwrite(path: Path) -> None:
    path.write_text(path.read_text().replace("whoami", "calculator"))


@pytest.mark.parametrize("harm", [overwrite, Path.unlink])
def test_where_the_first_copy_is_not_what_it_was_another_serves(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, harm: Callable[[Path], object]
) -> None:
    paths = [written(tmp_path / name, EVENTS) for name in ("a.jsonl", "b.jsonl", "c.jsonl")]
    changing(monkeypatch, lambda: [*map(harm, paths[:2])])
    result = scanned(paths, tmp_path)
    assert [(seen.record_id, seen.file) for seen in result.cases[0].events] == [(at, str(paths[2])) for at in BELONG]
    assert unread(result) == []


def test_where_no_copy_is_what_it_was_all_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    paths = [written(tmp_path / name, EVENTS) for name in ("a.jsonl", "b.jsonl", "c.jsonl")]

    def harm() -> None:
        overwrite(paths[0])
        paths[1].unlink()
        overwrite(paths[2])

    changing(monkeypatch, harm)
    result = scanned(paths, tmp_path)
    assert unread(result) == [(str(path), why) for path, why in zip(paths, (CHANGED, GONE, CHANGED), strict=True)]
    assert [seen.record_id for seen in result.cases[0].events] == [7], "what matched is told all the same"


def unread(result: Result) -> list[tuple[str | None, str]]:
    """Return what is told of inputs that were not read again, or otherwise."""
    return [(spot.file, spot.reason) for spot in result.closing.unseen if spot.kind is Unseen.FILE]


def facts(digest: str, *faults: str) -> Facts:
    return Facts(digest, 10, "evtx", faults)


def test_what_was_not_read_alike_is_no_copy() -> None:
    inputs = [
        Assembly("b", facts=facts("1"), records=5, before=[0, 3]),
        Assembly("a", facts=facts("1"), records=5, before=[0, 3]),
        Assembly("c", facts=facts("2"), records=5, before=[0, 3]),
        Assembly("d", facts=facts("1"), records=4, before=[0, 2]),
        Assembly("e", facts=facts("1", "it grew"), records=5, before=[0, 3]),
        Assembly("f", facts=facts("1"), records=5, before=[0, 3], is_cut=True),
        Assembly("g"),
        Assembly("h", facts=facts("1"), records=5, before=[0, 3]),
    ]
    assert copies_of(inputs) == {0: 1, 7: 1}
