"""Rules are read from wherever they lie, compiled once, and told from one another by every byte that counts."""

from __future__ import annotations

import os
import sys
import zipfile
from importlib import metadata, resources
from pathlib import Path
from random import Random

import pytest

import carecordon
from carecordon.model.errors import TheirFault
from carecordon.pipeline.detect.disk import rulebook as room
from carecordon.pipeline.detect.disk.cache import DiskCache
from carecordon.pipeline.detect.disk.rulebook import Rulebook, own_files, read_files, read_rulebook, read_values
from carecordon.pipeline.detect.disk.source import source_hash
from tests.pipeline.detect.sigma.matching import rule

RULE = rule("s: {A: x}")
OTHER = rule("s: {A: y}")


@pytest.fixture
def rules(tmp_path: Path) -> Path:
    folder = tmp_path / "rules"
    (folder / "deep").mkdir(parents=True)
    (folder / "a.yml").write_text(RULE)
    (folder / "deep" / "b.YAML").write_text(OTHER)
    (folder / "readme.txt").write_text("no rule")
    return folder


def zipped(path: Path, members: dict[str, str], method: int = zipfile.ZIP_DEFLATED) -> Path:
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, text in members.items():
            archive.writestr(name, text)
    return path


def read(*paths: Path, cache: Path, values: dict[str, list[str | int]] | None = None) -> Rulebook:
    return read_rulebook(paths, DiskCache(cache), values, own=False)


def places(book: Rulebook) -> list[str]:
    return [one.path for one in book.rules.rules]


def test_folders_and_files_are_read(rules: Path, tmp_path: Path) -> None:
    assert places(read(rules, cache=tmp_path)) == [str(rules / "a.yml"), str(rules / "deep" / "b.YAML")]
    assert places(read(rules / "a.yml", cache=tmp_path)) == [str(rules / "a.yml")]
    assert places(read(rules, rules / "a.yml", cache=tmp_path)) == places(read(rules, cache=tmp_path))


def test_our_own_rules_come_with_the_program(tmp_path: Path) -> None:
    own = [path for path, _ in own_files()]
    assert own
    assert all(path.startswith("carecordon/rules/") for path in own)
    assert {one.path for one in read_rulebook([], DiskCache(tmp_path)).rules.rules} <= set(own)
    assert not read_rulebook([], DiskCache(tmp_path), own=False).rules.rules


def test_a_zip_tells_its_hash_and_licence(tmp_path: Path) -> None:
    members = {
        "x-main/LICENSE": "\n# Detection Rule Licence\nmore\n",
        "x-main/rules/a.yml": RULE,
        "x-main/b.md": "no rule",
    }
    path = zipped(tmp_path / "rules.zip", members)
    book = read(path, cache=tmp_path)
    assert places(book) == [f"{path}!x-main/rules/a.yml"]
    (collection,) = book.collections
    assert (collection.path, collection.licence) == (str(path), "Detection Rule Licence")
    assert len(collection.sha256) == 64
    assert read(zipped(tmp_path / "bare.zip", {"a.yml": RULE}), cache=tmp_path).collections[0].licence is None


def test_the_second_start_compiles_nothing(rules: Path, tmp_path: Path) -> None:
    first, second = read(rules, cache=tmp_path), read(rules, cache=tmp_path)
    assert (first.was_cached, second.was_cached) == (False, True)
    assert second.rules == first.rules


def test_whatever_counts_compiles_anew(rules: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read(rules, cache=tmp_path)
    assert not read(rules, cache=tmp_path, values={"x": ["y"]}).was_cached
    assert not read(rules, cache=tmp_path, values={"x": ["z"]}).was_cached
    assert read(rules, cache=tmp_path, values={"x": ["z"]}).was_cached
    assert not read(rules / "a.yml", cache=tmp_path).was_cached
    (rules / "a.yml").write_text(RULE + "# a comment\n")
    assert not read(rules, cache=tmp_path).was_cached
    (rules / "a.yml").rename(rules / "c.yml")
    assert not read(rules, cache=tmp_path).was_cached
    makers: list[tuple[object, str, object]] = [
        (carecordon, "__version__", "99.0"),
        (room, "IR_VERSION", 99),
        (metadata, "version", lambda _: "99.0"),
        (room, "source_hash", lambda _: "other"),
    ]
    for owner, name, value in makers:
        assert read(rules, cache=tmp_path).was_cached
        monkeypatch.setattr(owner, name, value)
        assert not read(rules, cache=tmp_path).was_cached


def test_the_compiler_is_told_by_its_source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resources, "files", lambda _: tmp_path)
    hashes = []
    for name, text in (("a.py", "x = 1"), ("a.py", "x = 2"), ("b.py", "x = 2"), ("notes.txt", "no source")):
        (tmp_path / name).write_text(text)
        hashes.append(source_hash("any"))
    assert len(set(hashes)) == 3
    assert hashes[2] == hashes[3]


def test_two_files_that_change_places_are_told_at_their_new_ones(tmp_path: Path) -> None:
    a, b = tmp_path / "a.yml", tmp_path / "b.yml"
    a.write_text(RULE)
    b.write_text(OTHER.replace("Made up", "Other"))
    before = {one.title: one.path for one in read(a, b, cache=tmp_path).rules.rules}
    swapped = b.read_text()
    b.write_text(a.read_text())
    a.write_text(swapped)
    after = {one.title: one.path for one in read(a, b, cache=tmp_path).rules.rules}
    assert before == {"Made up": str(a), "Other": str(b)}
    assert after == {"Made up": str(b), "Other": str(a)}


def test_a_cache_of_another_layout_is_compiled_anew(rules: Path, tmp_path: Path) -> None:
    cache = DiskCache(tmp_path / "cache")
    first = read_rulebook([rules], cache, own=False)
    (path,) = (tmp_path / "cache").iterdir()
    for blob in (b"", b"\xc1", b"\x80", b"\x93\x01\x02\x03"):
        cache.save(path.name.removesuffix(".cache"), blob)
        again = read_rulebook([rules], cache, own=False)
        assert (again.was_cached, again.rules) == (False, first.rules)


def told(*paths: Path, cache: Path) -> str:
    with pytest.raises(TheirFault) as fault:
        read(*paths, cache=cache)
    return str(fault.value)


def test_a_path_without_rules_is_told(tmp_path: Path) -> None:
    for name in ("nosuch", "nosuch.zip", "nosuch.yml"):
        assert told(tmp_path / name, cache=tmp_path) == f"{tmp_path / name}: no such file or folder of rules"
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty" / "readme.txt").touch()
    assert "no rule file" in told(tmp_path / "empty", cache=tmp_path)
    assert "no rule file" in told(zipped(tmp_path / "empty.zip", {"readme.txt": "x"}), cache=tmp_path)


def test_files_beside_rules_come_with_them(rules: Path, tmp_path: Path) -> None:
    (rules / "a.events.jsonl").write_text("{}\n")
    suffix = (".events.jsonl",)
    assert set(read_files(rules, suffix).texts) - set(read_files(rules).texts) == {str(rules / "a.events.jsonl")}
    path = zipped(tmp_path / "rules.zip", {"a.yml": RULE, "a.events.jsonl": "{}"})
    assert list(read_files(path, suffix).texts) == [f"{path}!a.yml", f"{path}!a.events.jsonl"]
    assert {path.rsplit(".", 1)[-1] for path, _ in own_files(suffix)} == {"yml", "jsonl"}


def test_a_broken_zip_says_what_is_wrong_and_what_to_do(tmp_path: Path) -> None:
    """However it is broken: cut, overwritten or of another kind."""
    path = zipped(tmp_path / "rules.zip", {f"{number}.yml": RULE * 20 for number in range(3)})
    good, rng = path.read_bytes(), Random(20_261_125)
    broken = [good[: rng.randrange(len(good))] for _ in range(100)] + [b"", b"PK", b"no zip at all"]
    for _ in range(400):
        flipped = bytearray(good)
        flipped[rng.randrange(len(good))] ^= 1 << rng.randrange(8)
        broken.append(bytes(flipped))
    reasons: list[str] = []
    for data in broken:
        path.write_bytes(data)
        try:
            read(path, cache=tmp_path)
        except TheirFault as fault:
            reasons.append(str(fault))
    assert len(reasons) > 100
    assert all(
        reason.startswith(f"{path}: ") and ("make it anew" in reason or "split it" in reason) for reason in reasons
    )


def test_zip_bombs_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "MAX_ZIP_BYTES", 100_000)
    path = zipped(tmp_path / "rules.zip", {f"{number}.yml": "#" * 60_000 for number in range(3)})
    assert "unpack to more than" in told(path, cache=tmp_path)
    monkeypatch.setattr(room, "MAX_MEMBERS", 2)
    assert "holds 3 members" in told(path, cache=tmp_path)


def test_a_rule_too_large_is_refused_alone(rules: Path, tmp_path: Path) -> None:
    (rules / "big.yml").write_text("#" * (room.MAX_RULE_BYTES + 10))
    book = read(rules, cache=tmp_path)
    assert len(book.rules.rules) == 2
    (refused,) = book.rules.refused
    assert refused.path == str(rules / "big.yml")


@pytest.mark.skipif(sys.platform != "linux", reason="only some systems allow such names")
def test_names_that_are_no_unicode_are_shown_with_escapes(tmp_path: Path) -> None:
    folder = tmp_path / "rules"
    folder.mkdir()
    (folder / os.fsdecode(b"\xff.yml")).write_text(RULE)
    for was_cached in (False, True):
        book = read(folder, cache=tmp_path)
        assert places(book) == [f"{folder}/\\xff.yml"]
        assert book.was_cached is was_cached


def test_placeholder_values_are_read(tmp_path: Path) -> None:
    path = tmp_path / "values.yml"
    path.write_text("Servers: [srv-*, dc01]\n'%Ids%': [4624, 4625]\nOne: x\nNone: []\n")
    assert read_values(path) == {"Servers": ["srv-*", "dc01"], "Ids": [4624, 4625], "One": ["x"], "None": []}


NO_VALUES = {
    "empty": b"",
    "list": b"- a",
    "mapping of mappings": b"x: {y: z}",
    "float": b"x: [1.5]",
    "null": b"x: null",
    "no YAML": b"x: [",
    "no UTF-8": b"\xff\xfe\x00",
    "no date": b"x: 2026-99-99",
    "deep": b"[" * 2_000,
    "tag": b"x: !!python/name:os",
}


@pytest.mark.parametrize("text", NO_VALUES.values(), ids=NO_VALUES)
def test_values_that_are_none_are_told_with_their_file(tmp_path: Path, text: bytes) -> None:
    path = tmp_path / "values.yml"
    path.write_bytes(text)
    with pytest.raises(TheirFault, match=r"values\.yml: "):
        read_values(path)
    with pytest.raises(TheirFault, match="nosuch"):
        read_values(tmp_path / "nosuch")
