"""Work goes on though something fails that is only noted, or only looked after now and then."""

from __future__ import annotations

from typing import Any

import pytest

from carecordon.hub.triage.triage import _look
from carecordon.hub.worker.detector import Detector
from carecordon.hub.worker.hearing import Hearing
from carecordon.hub.worker.shard import DETECT, STORE, Doors, Shard
from carecordon.model.merged import Merged
from tests.hub import shard_kit
from tests.hub.shard_kit import part, run, shelf, told

detector, doors = shard_kit.detector, shard_kit.doors


def wrong(_: Merged) -> None:
    raise ValueError("no such piece")


def test_events_are_worked_on_though_noting_them_fails(doors: Doors, detector: Detector) -> None:
    doors.events.publish([part(0, "mischief", "quiet")], 10**18)
    seen: list[int] = []
    faults: list[str] = []
    shard = Shard(doors, 0)
    shard.heard = Hearing([wrong, lambda merged: seen.append(len(merged))], faults.append).hear
    run(shard, detector)
    assert [number for _, number in shelf(doors).events()] == [0, 1]
    assert len(told(doors)[0]) == 1
    assert doors.events.lag(DETECT).parts == doors.events.lag(STORE).parts == 0
    assert seen == [2], "the other note is taken"
    assert len(faults) == 1
    assert "ValueError: no such piece" in faults[0]


@pytest.mark.parametrize("fault", [OSError("full"), MemoryError()])
def test_what_the_machine_refuses_is_not_hushed_up(fault: Exception) -> None:
    def fail(_: Any) -> None:
        raise fault

    with pytest.raises(type(fault)):
        Hearing([fail], lambda _: None).hear(None)  # type: ignore[arg-type]  # looked at by nobody


class Log:
    """Keeps what is logged."""

    def __init__(self) -> None:
        self.lines: list[dict[str, str]] = []

    def warning(self, _event: str, **what: str) -> None:
        self.lines.append(what)


def test_triage_looks_at_the_rest_though_it_cannot_let_go_of_the_log() -> None:
    def full() -> None:
        raise OSError("the disk is full")

    done: list[str] = []
    log = Log()
    _look({"acknowledge": full, "silence": lambda: done.append("silence"), "upkeep": full,
           "passing": lambda: done.append("passing")}, log)  # fmt: skip
    assert done == ["silence", "passing"]
    assert [line["what"] for line in log.lines] == ["acknowledge", "upkeep"]
    assert log.lines[0]["fault"] == "the disk is full"
