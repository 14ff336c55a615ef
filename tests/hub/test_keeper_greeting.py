"""A worker's client greets the keeper as every client does: no parser of questions is loaded for that."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from carecordon.hub.keeper.door import _GREETINGS
from carecordon.telemetry.answer import Answer
from carecordon.telemetry.question.rebuild import rebuild
from tests.telemetry.keeping import Keeping, merged, stop

KEEPER = """
import sys
from carecordon.hub.keeper import keeper
try:
    keeper.main()
finally:
    print("sqlglot" in sys.modules, flush=True)
"""


@pytest.mark.parametrize("is_asked", [False, True])
def test_a_keeper_loads_the_parser_with_the_first_question_and_not_with_an_insert(
    tmp_path: Path, is_asked: bool
) -> None:
    command = [sys.executable, "-c", KEEPER, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
            keeping = Keeping(tmp_path, process)
            store = keeping.telemetry()
            store.insert(merged([{"CommandLine": "run"}] * 3), "0:1-2:5e")
            store.close()
            if is_asked:
                reader = keeping.reader()
                assert isinstance(reader.ask("SELECT count() FROM events"), Answer)
                reader.close()
            process.terminate()
            assert process.stdout.readline() == f"{is_asked}\n"
        finally:
            stop(process)


@pytest.mark.parametrize(("asked", "sql"), _GREETINGS.items())
def test_a_greeting_is_what_rebuilding_it_gives(asked: str, sql: str) -> None:
    assert getattr(rebuild(asked), "sql", None) == sql
