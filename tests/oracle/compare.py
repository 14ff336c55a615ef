"""The comparison: the shipped `scan` command and the plain evaluator must name the same rules for the same events."""

import json
import multiprocessing
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path

from tests.oracle import corpora
from tests.oracle.corpora import TOP, Corpus, Place
from tests.oracle.events import from_file
from tests.oracle.plain import Rule, RuleSet

Hit = tuple[str, int, str]  # file, position, rule id
SHOWN = 20
SEED = 20_261_125
CONTRADICTORY = frozenset({"a62b37e0-45d3-48d9-a517-90c1a1b0186b"})
"""Rules of SigmaHQ's that nothing can match: docs/detection.md, part 1, says why."""


class NoAnswer(Exception):
    """The command did not do its work; the text says how it ended."""


def engine_hits(paths: Iterable[Path], rule_folders: Iterable[Path]) -> set[Hit]:
    """Returns what the shipped command finds. Raises NoAnswer if it fails or says that its result is partial."""
    command = [sys.executable, "-m", "carecordon", "scan", *map(str, paths)]
    for folder in rule_folders:
        command += ["--rules", str(folder)]
    command += ["--no-own-rules", "--json", "--min-level", "informational"]
    done = subprocess.run(command, cwd=TOP, capture_output=True, text=True, check=False)
    words = [json.loads(line) for line in done.stdout.splitlines()]
    if done.returncode not in (0, 1) or not words or words[-1]["type"] != "summary" or words[-1]["partial"]:
        raise NoAnswer(f"scan ended with {done.returncode}: {done.stderr[-2000:]}")
    matches = [word for word in words if word["type"] == "match"]
    return {(str(Path(word["file"]).absolute()), word["position"], word["rule_id"]) for word in matches}


_rule_set: RuleSet | None = None


def _take_rules(rules: RuleSet) -> None:
    global _rule_set  # noqa: PLW0603 - a worker process is given its rules once, not with every file
    _rule_set = rules


def _hits_of_file(path: Path) -> set[Hit]:
    if _rule_set is None:
        raise RuntimeError("the worker was given no rules")
    return {(str(path), at, rule_id) for at, event in from_file(path) for rule_id in _rule_set.hits(event)}


def plain_hits(paths: Iterable[Path], rules: list[Rule], processes: int = 2) -> set[Hit]:
    """Returns what the plain evaluator finds, the files spread over processes."""
    largest_first = sorted(paths, key=lambda path: (-path.stat().st_size, str(path)))
    context = multiprocessing.get_context("spawn")
    with context.Pool(processes, _take_rules, (RuleSet(rules),)) as pool:
        return set().union(*pool.imap_unordered(_hits_of_file, largest_first))


def differences(corpus: Corpus, rule_folders: list[Path], rules: list[Rule]) -> list[str]:
    """Returns one line for each hit that only one side has, and for each generated event that failed its purpose."""
    began = time.monotonic()
    plain = plain_hits(corpus.files, rules)
    between = time.monotonic()
    engine = engine_hits(corpus.files, rule_folders)
    ended = time.monotonic()
    paths = {rule.rule_id: rule.path for rule in rules}
    only_engine, only_plain = engine - plain, plain - engine
    found = [*_told("only the engine", only_engine, paths), *_told("only the plain evaluator", only_plain, paths)]
    broken = _broken_purposes(corpus, plain)
    print(
        f"{corpus.name}: {len(corpus.files)} files; engine {len(engine)} hits of {len({hit[2] for hit in engine})}"
        f" rules in {ended - between:.0f} s, plain {len(plain)} hits of {len({hit[2] for hit in plain})} rules in"
        f" {between - began:.0f} s; {len(only_engine)} only the engine's, {len(only_plain)} only the plain ones",
        flush=True,
    )
    return found + broken


def _told(side: str, hits: set[Hit], paths: dict[str, str]) -> list[str]:
    lines = [f"{side}: {rule_id} {paths.get(rule_id)} at {file}:{at}" for file, at, rule_id in sorted(hits)]
    return [*lines[:SHOWN], f"{side}: {len(lines) - SHOWN} more"] if len(lines) > SHOWN else lines


def _broken_purposes(corpus: Corpus, plain: set[Hit]) -> list[str]:
    def is_hit(place: Place, rule_id: str) -> bool:
        return (place.file, place.position, rule_id) in plain

    broken = [
        f"made to match and does not: {rule_id} {at}" for at, rule_id in corpus.must.items() if not is_hit(at, rule_id)
    ]
    missed = corpus.must_not.items()
    return broken + [f"made to miss and matches: {rule_id} {at}" for at, rule_id in missed if is_hit(at, rule_id)]


def are_made(rules: Iterable[Rule], not_made: Iterable[str]) -> bool:
    """Returns whether events were made for all rules but those that contradict themselves, and for none of these."""
    return set(not_made) == CONTRADICTORY & {rule.rule_id for rule in rules}


def compare(seed: int | None = None) -> tuple[int, int]:
    """Compares all corpora, or with a seed a tenth of each with a tenth of the rules. Returns (passed, failed)."""
    failed = 0
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch).resolve()
        folders = corpora.rule_folders() if seed is None else corpora.a_tenth_of_the_rules(seed, folder / "rules")
        rules, refused = corpora.windows_rules(folders)
        print(f"{len(rules)} rules, {len(refused)} refused", flush=True)
        generated = corpora.generated_events(rules, SEED if seed is None else seed, folder / "generated")
        made = len(rules) - len(generated.not_made)
        print(
            f"events made for {made} of {len(rules)} rules", *generated.not_made.values(), sep="\n  not: ", flush=True
        )
        failed += not are_made(rules, generated.not_made)
        checked = (corpora.event_files(seed), corpora.otrf_events(seed, folder / "otrf"), generated)
        for corpus in checked:
            lines = differences(corpus, folders, rules)
            print(*lines, sep="\n", end="\n" if lines else "")
            failed += bool(lines)
    return len(checked) + 1 - failed, failed
