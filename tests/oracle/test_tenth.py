"""Engine and plain evaluator name the same rules for the same events, on a seeded tenth of everything."""

import pytest

from tests.oracle.compare import compare
from tests.oracle.corpora import missing_data

SEED = 7


def test_engine_and_plain_evaluator_agree_on_a_tenth(capsys: pytest.CaptureFixture[str]) -> None:
    absent = missing_data()
    if absent is not None:
        pytest.skip(absent)
    _, failed = compare(SEED)
    assert failed == 0, capsys.readouterr().out
