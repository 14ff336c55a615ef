"""The number that processes go by is that of the last step."""

from __future__ import annotations

from carecordon.register.backends.sql.migrate import scripts
from carecordon.register.backends.sql.revision import REVISION


def test_the_revision_is_that_of_the_last_step() -> None:
    steps = scripts()
    assert steps.get_current_head() == REVISION
    numbers = [step.revision for step in steps.walk_revisions()]
    assert numbers == sorted(numbers, reverse=True), "numbered in order, so that a newer one is a greater one"
