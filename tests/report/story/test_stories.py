"""Whole stories, held against what a person read and found right.

To renew a golden file after a change that is meant: write what `shown` returns to it, and read the difference.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from carecordon.model.incident import Phase, Story
from tests.report.story.script import GOLDEN
from tests.report.story.stories import letter, worm


def shown(story: Story) -> str:
    lines = [story.summary, ""]
    for fact in story.facts:
        lines.append(f"{fact.phase:6} {fact.device} x{fact.count} {','.join(fact.techniques) or '-'}")
        lines.append(f"       {fact.text}")
    lines += ["", *(f"- {step}" for step in story.next_steps), "", *(f"? {gap}" for gap in story.unknown)]
    return "\n".join(lines) + "\n"


@pytest.mark.parametrize(("name", "told"), [("worm.txt", worm), ("letter.txt", letter)])
def test_a_story_is_told_as_it_was(name: str, told: Callable[[], Story]) -> None:
    assert shown(told()) == (GOLDEN / name).read_text(encoding="utf-8")


def test_a_worm_on_three_devices_reads_in_a_page() -> None:
    facts = worm().facts
    assert len(facts) < 25
    assert sum("41 addresses on port 445" in fact.text for fact in facts) == 1
    assert [fact.device for fact in facts if fact.text.startswith("The same as on `wph-ward-ws01`, ")] == [
        "wph-ward-ws07.wph.example.org",
        "wph-lab-srv01.wph.example.org",
    ]


def test_a_letter_is_told_from_the_logon_to_the_end() -> None:
    facts = letter().facts
    assert [fact.phase for fact in facts] == sorted((fact.phase for fact in facts), key=list(Phase).index)
    assert facts[0].text == "`WPH\\n.ward` logged on at the keyboard."
    assert facts[-1].phase is Phase.AFTER
    assert any(fact.text.startswith("Outlook started Word, with the document `C:\\Users") for fact in facts)
