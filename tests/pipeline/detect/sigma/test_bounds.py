"""What an attacker makes unique costs no memory for ever: plans are shared by shape, and crowded fields begin anew."""

from __future__ import annotations

import random
import sys

import pytest

from carecordon.model.batch import Rows
from carecordon.model.event import Kind
from carecordon.pipeline.detect.sigma import program as program_room
from carecordon.pipeline.detect.sigma.engine import Engine
from carecordon.pipeline.detect.sigma.ir import RuleSet
from carecordon.pipeline.detect.sigma.load import load
from carecordon.pipeline.detect.sigma.matcher import SET_BYTES
from carecordon.pipeline.detect.sigma.memo import Allowance
from carecordon.pipeline.detect.sigma.texts import RuleText

SYSMON = "Microsoft-Windows-Sysmon/Operational"
RULES = """title: Two words
logsource: {product: windows, category: process_creation}
detection:
    selection:
        CommandLine|contains|all: [%s]
    condition: selection
"""


def rows(texts: list[str], provider: str = "Microsoft-Windows-Sysmon") -> Rows:
    found = Rows()
    for position, text in enumerate(texts, 1):
        found.kinds.append(Kind(SYSMON, provider, 1))
        found.fields.append({"CommandLine": text})
        found.times.append(None)
        found.devices.append(None)
        found.record_ids.append(None)
        found.positions.append(position)
    return found


def engine_rules() -> RuleSet:
    texts = [RuleText(f"{word}.yml", (RULES % f"'{word}', 'end'").encode()) for word in ("aa", "bb", "cc", "dd", "ee")]
    return load(texts)


def engine() -> Engine:
    return Engine(engine_rules(), None)


def test_made_up_providers_share_one_plan() -> None:
    room = engine()
    for number in range(50):
        list(room.match(rows(["aa end"], provider=f"Made up {number}")))
    assert len(room.sources_seen) == 1
    assert room.sources_seen[0].events == 50


def test_crowded_fields_begin_anew_and_say_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    words = ("aa", "bb", "cc", "dd", "ee")
    texts = [" ".join(word for place, word in enumerate(words) if number >> place & 1) + " end" for number in range(32)]
    calm, crowded = engine(), engine()
    wanted = [[(row, len(outcome)) for row, outcome in calm.match(rows([text]))] for text in texts * 3]
    monkeypatch.setattr(program_room, "MAX_SET_BYTES", 4 * SET_BYTES)
    found = [[(row, len(outcome)) for row, outcome in crowded.match(rows([text]))] for text in texts * 3]
    assert found == wanted
    assert len(calm.program.matcher("CommandLine").sets) > len(crowded.program.matcher("CommandLine").sets)


def test_sets_of_atoms_take_no_more_memory_than_they_may(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each made-up value holds a set of literals of its own; what the sets take is counted, not how many there are."""
    monkeypatch.setattr(program_room, "MAX_SET_BYTES", 1_000_000)
    words = [f"word{number:04}" for number in range(2_000)]
    quoted = ", ".join(f"'{word}'" for word in words)
    room = Engine(load([RuleText("many.yml", (RULES % f"{quoted}, 'never'").encode())]), None)
    sample = random.Random(7).sample
    most = 0
    for _ in range(300):
        list(room.match(rows([" ".join(sample(words, 300))])))
        most = max(most, sum(map(sys.getsizeof, room.program.matcher("CommandLine").sets)))
    assert 500_000 < most < 1_100_000


def test_long_texts_are_told_apart_though_they_are_not_kept() -> None:
    filler = "-" * 1_100
    texts = [f"{filler}aa{filler}end", f"{filler}bb{filler}end", f"{filler}zz{filler}end"]
    for knows_hashes in (True, False):
        room = Engine(engine_rules(), None, allowance=Allowance(has_secret_hashes=knows_hashes))
        answers = [[row for row, _ in room.match(rows(texts))] for _ in range(2)]
        assert answers == [[0, 1], [0, 1]]
        kept = [key for key in room.program.matcher("CommandLine").numbered if isinstance(key, str)]
        assert bool(kept) is not knows_hashes
