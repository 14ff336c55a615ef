"""SigmaHQ's rules see the attacks and stumble over ordinary days, as they do in real estates; `make strangers` has it all."""

from __future__ import annotations

import pytest

from tests.exercise.playing import recording
from tests.exercise.strangers import FOLDERS, NOISY_RULES, SEEN_SHARE, SIGMA, judge

pytestmark = pytest.mark.skipif(
    not all((SIGMA / name).is_dir() for name in FOLDERS),
    reason="outside data is absent (CARECORDON_SHARED): data/sigma",
)


@pytest.mark.parametrize("name", ["friday", "hands-on"])
def test_they_see_seven_techniques_of_ten(name: str) -> None:
    found = judge(recording(name, has_random_names=True))
    missed = sorted(found.techniques - set(found.seen))
    assert found.share >= SEEN_SHARE, f"not seen: {missed}"


def test_they_stumble_over_ordinary_days() -> None:
    """Some morning hours here; ten days in `make strangers`."""
    assert len(judge(recording("quiet", days=2)).noisy) >= NOISY_RULES
