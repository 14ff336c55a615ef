"""What an attacker makes unique costs no memory for ever: plans are shared by shape, and crowded fields begin anew."""

from __future__ import annotations

import pytest

from carecordon.model.batch import Rows
from carecordon.model.event import Kind
from carecordon.pipeline.detect.sigma import matcher as matcher_room
from carecordon.pipeline.detect.sigma.engine import Engine
from carecordon.pipeline.detect.sigma.load import RuleText, load

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


def engine() -> Engine:
    texts = [RuleText(f"{word}.yml", (RULES % f"'{word}', 'end'").encode()) for word in ("aa", "bb", "cc", "dd", "ee")]
    return Engine(load(texts), None)


def test_made_up_providers_share_one_plan() -> None:
    room = engine()
    for number in range(50):
        list(room.match(rows(["aa end"], provider=f"Made up {number}")))
    assert len(room.sources_seen) == 1
    assert room.sources_seen[0].events == 50


def test_a_crowded_field_begins_anew_and_says_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    words = ("aa", "bb", "cc", "dd", "ee")
    texts = [" ".join(word for place, word in enumerate(words) if number >> place & 1) + " end" for number in range(32)]
    calm, crowded = engine(), engine()
    wanted = [[(row, len(outcome)) for row, outcome in calm.match(rows([text]))] for text in texts * 3]
    monkeypatch.setattr(matcher_room, "MAX_SETS", 4)
    found = [[(row, len(outcome)) for row, outcome in crowded.match(rows([text]))] for text in texts * 3]
    assert found == wanted
    assert all(len(matcher.sets) <= 6 for matcher in crowded.program._matchers.values())
    assert any(len(matcher.sets) > 6 for matcher in calm.program._matchers.values())
