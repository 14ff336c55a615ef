"""Strangers judge the world: which of SigmaHQ's rules see what in it. By hand: `python -m tests.exercise.strangers`.

Nobody here wrote those rules, and they were written for real estates. So an attack that they see is made of what real
tools do, and ordinary days on which none of them speaks are too clean to be true.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from pathlib import Path

from carecordon.exercise.recording import Recording
from carecordon.exercise.scenarios import all_scenarios
from carecordon.exercise.write import paths_of, write

SIGMA = Path(os.environ.get("CARECORDON_SHARED", "../shared")).resolve() / "data" / "sigma"
FOLDERS = ("rules/windows", "rules-threat-hunting/windows", "rules-emerging-threats")
NOISY = ("medium", "high", "critical")
SEEN_SHARE, NOISY_RULES = 0.7, 20


@dataclass
class Judgement:
    """What the rules said of one recording."""

    events: int
    techniques: set[str]
    """All that the truth names."""
    seen: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    """Technique to the titles of the rules that match an event which shows it."""
    tagged: set[str] = field(default_factory=set)
    """Those of them that one of these rules names too."""
    noise: Counter[tuple[str, str]] = field(default_factory=Counter)
    """(level, title) of the matches on ordinary events."""

    @property
    def share(self) -> float:
        """Return which part of the techniques is seen."""
        return len(self.seen) / len(self.techniques)

    @property
    def noisy(self) -> list[str]:
        """Return the rules of level medium and above that speak on ordinary events."""
        return sorted(title for level, title in self.noise if level in NOISY)


def judge(recording: Recording) -> Judgement:
    """Return what SigmaHQ's rules say of a recording."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "events.jsonl"
        written = write(recording, out)
        told = (json.loads(line) for line in paths_of(out).truth.read_bytes().splitlines())
        truth = {one["position"]: set(one["techniques"]) for one in told}
        rules = [word for name in FOLDERS for word in ("--rules", str(SIGMA / name))]
        command = [sys.executable, "-m", "carecordon", "scan", str(out), "--no-own-rules", "--json", *rules]
        done = subprocess.run(command, capture_output=True, check=False)
    found = Judgement(written.events, set().union(*truth.values()))
    for line in done.stdout.splitlines():
        one = json.loads(line)
        if one["type"] == "match":
            _weigh(found, one, truth.get(one["position"]))
    return found


def _weigh(found: Judgement, match: dict[str, object], shown: set[str] | None) -> None:
    title, level = str(match["title"]), str(match["level"])
    if shown is None:
        found.noise[level, title] += 1
        return
    named = {str(technique).upper() for technique in match["techniques"]}  # type: ignore[attr-defined]  # a list, says the contract
    for technique in shown:
        found.seen[technique].add(title)
    found.tagged |= shown & named


def main() -> None:
    """Judge whole days: each attack of three seeds with known and with random names, and ten quiet days."""
    failed = False
    for name in ("friday", "hands-on"):
        for seed in (1, 2, 3):
            for random_names in (False, True):
                found = judge(Recording(all_scenarios()[name], seed, has_random_names=random_names))
                failed |= found.share < SEEN_SHARE
                missed = ", ".join(sorted(found.techniques - set(found.seen)))
                print(
                    f"{name} seed {seed}{' random names' if random_names else ''}: {len(found.seen)} of"
                    f" {len(found.techniques)} techniques seen ({found.share:.0%}), {len(found.tagged)} by a rule that"
                    f" names it; not seen: {missed}"
                )
    quiet = judge(Recording(all_scenarios()["quiet"], 1, days=10))
    failed |= len(quiet.noisy) < NOISY_RULES
    print(f"quiet, ten days, {quiet.events:,} events: {len(quiet.noisy)} rules of level medium and above")
    for (level, title), count in sorted(quiet.noise.items()):
        if level in NOISY:
            print(f"  {count:6} {level:8} {title}")
    sys.exit(failed)


if __name__ == "__main__":
    main()
