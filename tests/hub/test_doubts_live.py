"""From two sessions with one key to the incident: a real gate, a real triage, each killed and started anew."""

from __future__ import annotations

import contextlib
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from carecordon.hub.news.doubts import COPIED
from carecordon.model.kept import AlertQuery, AlertRow, IncidentQuery
from carecordon.stream.backends.sqlite import SQLITE as STREAM
from tests.hub.gate_kit import Hub, Talk, make_hub, member, running, wait_for


@contextlib.contextmanager
def triaging(hub: Hub) -> Iterator[None]:
    """Run triage until the end of the block, which it does not see coming."""
    command = [sys.executable, "-m", "carecordon.hub.triage", str(hub.paths.data), str(hub.paths.keys)]
    with (hub.paths.data / "triage.log").open("ab") as log:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log)
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n", (hub.paths.data / "triage.log").read_text()
        yield
    finally:
        process.kill()
        process.communicate()


def alerts(hub: Hub) -> list[AlertRow]:
    return hub.register.cases.alerts(AlertQuery(rule_id=COPIED.id))


def test_a_clone_is_one_incident_and_both_go_on(tmp_path: Path) -> None:
    hub = make_hub(tmp_path)
    hub.paths.settings.write_text("own_rules = false\n" + hub.paths.settings.read_text("utf-8"), "utf-8")
    hub.paths.found.parent.mkdir(exist_ok=True)
    STREAM.open(str(hub.paths.found), 1).close()
    device = member(hub, tmp_path / "device")
    with running(hub) as gate:
        with Talk(device, gate.ports.devices, epoch=7) as one, Talk(device, gate.ports.devices, epoch=8) as two:
            for number, talk in enumerate((one, two, one, two)):
                talk.send(number // 2, number // 2)
                talk.acknowledged(number // 2)
            with triaging(hub):
                wait_for(lambda: [alert.count for alert in alerts(hub)] == [1])
        gate.kill()
    with triaging(hub), running(hub) as gate:
        with Talk(device, gate.ports.devices, epoch=7, next_number=1) as one:
            one.ended()
        wait_for(lambda: [alert.count for alert in alerts(hub)] == [2])
    (incident,) = hub.register.cases.incidents(IncidentQuery())
    assert (incident.title, incident.devices) == (COPIED.title, ("ward-pc-07",))
    assert hub.numbers(device.id, 7) == hub.numbers(device.id, 8) == [0, 1]
    hub.register.close()
