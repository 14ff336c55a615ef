"""SigmaHQ's rules see the attacks and stumble over ordinary days, as they do in real estates."""

from __future__ import annotations

import pytest

from carecordon.exercise.life import Span
from tests.exercise.playing import recording
from tests.exercise.strangers import FOLDERS, NOISY_RULES, SEEN_SHARE, SIGMA, judge

pytestmark = pytest.mark.skipif(
    not all((SIGMA / name).is_dir() for name in FOLDERS),
    reason="outside data is absent (CARECORDON_SHARED): data/sigma",
)


@pytest.mark.parametrize(("name", "span"), [("friday", Span(8.8, 9.6)), ("hands-on", Span(10.0, 11.6))])
def test_they_see_seven_techniques_of_ten(name: str, span: Span) -> None:
    found = judge(recording(name, span=span, has_random_names=True))
    missed = sorted(found.techniques - set(found.seen))
    assert found.share >= SEEN_SHARE, f"not seen: {missed}"


def test_they_stumble_over_ordinary_days() -> None:
    """Three hours here; ten days in `make strangers`."""
    assert len(judge(recording("quiet", span=Span(10.0, 13.0))).noisy) >= NOISY_RULES
