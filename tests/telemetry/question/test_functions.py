"""Every function on the list runs on the store that we ship, through the reader's own door."""

from __future__ import annotations

import re

from carecordon.telemetry.answer import Answer
from carecordon.telemetry.question.functions import FUNCTIONS
from tests.telemetry.expressions import EXPRESSIONS, questions
from tests.telemetry.keeping import Keeping


def test_each_function_has_an_example() -> None:
    called = {name.lower() for one in EXPRESSIONS for name in re.findall(r"([A-Za-z_0-9]+)\(", one)}
    assert {name.lower() for name in FUNCTIONS} - called == set()


def test_each_function_runs(kept: Keeping) -> None:
    reader = kept.reader()
    told = {question: reader.ask(question) for question in questions()}
    reader.close()
    assert {question: str(one) for question, one in told.items() if not isinstance(one, Answer)} == {}
