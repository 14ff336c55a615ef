"""What is compared: the public event files, a part of the public OTRF events, and events generated from the rules."""

import io
import json
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

import zstandard

from tests.oracle.generate import Made, made_from
from tests.oracle.plain import Rule, read_rules

TOP = Path(__file__).resolve().parents[2]
RULE_FOLDERS = ("rules/windows", "rules/category", "rules-threat-hunting/windows", "rules-emerging-threats")
PART = 1_000  # events a file, so that two processes share the work evenly
OTRF_EVENTS = 20_000
OTRF_STEP = 7


@dataclass(frozen=True, slots=True)
class Place:
    """An event of a file."""

    file: str
    position: int


@dataclass(slots=True)
class Corpus:
    """Some files to compare on, and what generated events were made for; `not_made`: rule id to place and reason."""

    name: str
    files: list[Path]
    must: dict[Place, str] = field(default_factory=dict)
    must_not: dict[Place, str] = field(default_factory=dict)
    not_made: dict[str, str] = field(default_factory=dict)


def shared() -> Path:
    """Returns the folder of outside data: CARECORDON_SHARED, or `../shared` beside the project."""
    return Path(os.environ.get("CARECORDON_SHARED", TOP.parent / "shared")).resolve()


def rule_folders() -> list[Path]:
    """Returns the folders of the SigmaHQ rules that Windows events are compared with."""
    return [shared() / "data/sigma" / folder for folder in RULE_FOLDERS]


def missing_data() -> str | None:
    """Returns what outside data is absent, None when all is there."""
    needed = [*rule_folders(), shared() / "data/evtx-to-mitre", shared() / "data/otrf-150k.jsonl.zst"]
    absent = [path.name for path in needed if not path.exists()]
    return f"outside data is absent (CARECORDON_SHARED): {', '.join(absent)}" if absent else None


def a_tenth_of_the_rules(seed: int, folder: Path) -> list[Path]:
    """Returns a folder with every tenth rule file, drawn by the seed."""
    folder.mkdir()
    paths = sorted(path for one in rule_folders() for path in one.rglob("*.yml"))
    for number, path in enumerate(Random(seed).sample(paths, len(paths) // 10)):
        shutil.copy(path, folder / f"{number:04}_{path.name}")
    return [folder]


def event_files(seed: int | None) -> Corpus:
    """Returns the public EVTX files (a tenth of them with a seed)."""
    files = sorted((shared() / "data/evtx-to-mitre").rglob("*.evtx"))
    return Corpus("evtx-to-mitre", files if seed is None else Random(seed).sample(files, len(files) // 10))


def otrf_events(seed: int | None, folder: Path) -> Corpus:
    """Returns files with every seventh of the OTRF events, 20,000 in all (a tenth of that with a seed)."""
    wanted = OTRF_EVENTS if seed is None else OTRF_EVENTS // 10
    step = OTRF_STEP if seed is None else OTRF_STEP * 10
    first = 0 if seed is None else Random(seed).randrange(step)
    lines = (line for at, line in enumerate(_otrf_lines()) if at % step == first)
    return Corpus("otrf", _written((line for line, _ in zip(lines, range(wanted), strict=False)), folder, "otrf"))


def _otrf_lines() -> Iterator[bytes]:
    with (shared() / "data/otrf-150k.jsonl.zst").open("rb") as packed:
        reader = io.BufferedReader(zstandard.ZstdDecompressor().stream_reader(packed))
        yield from reader


def _written(lines: Iterator[bytes], folder: Path, name: str) -> list[Path]:
    folder.mkdir()
    files: list[Path] = []
    stream = None
    for number, line in enumerate(lines):
        if number % PART == 0:
            if stream is not None:
                stream.close()
            files.append(folder / f"{name}-{number // PART:03}.jsonl")
            stream = files[-1].open("wb")
        if stream is not None:
            stream.write(line.rstrip(b"\n") + b"\n")
    if stream is not None:
        stream.close()
    return files


def generated_events(rules: list[Rule], seed: int, folder: Path) -> Corpus:
    """Returns files with the events made from each rule, and for each what it was made for."""
    made: list[Made] = []
    not_made: dict[str, str] = {}
    for rule in rules:
        documents, reason = made_from(rule, seed)
        made.extend(documents)
        if reason is not None:
            not_made[rule.rule_id] = f"{rule.path}: {reason}"
    lines = (json.dumps(one.document).encode() for one in made)
    corpus = Corpus("generated", _written(lines, folder, "generated"), not_made=not_made)
    for number, one in enumerate(made):
        place = Place(str(corpus.files[number // PART]), number % PART + 1)
        if one.must is not None:
            corpus.must[place] = one.must
        if one.must_not is not None:
            corpus.must_not[place] = one.must_not
    return corpus


def windows_rules(folders: list[Path]) -> tuple[list[Rule], list[tuple[str, str]]]:
    """Returns the rules below the folders that Windows events serve, and the refused ones with the reason."""
    return read_rules(folders)
