"""Short ways to write matches and process starts for the tests of grouping."""

from __future__ import annotations

from typing import Any

from carecordon.model.incident import Incident
from carecordon.model.match import Level, Match, RuleHead
from carecordon.model.process import ProcessStart
from carecordon.pipeline.triage.group import Grouper
from carecordon.pipeline.triage.score import Estate

SECOND = 1_000_000_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
NOON = 1_795_262_400 * SECOND
SYSMON = "Microsoft-Windows-Sysmon/Operational"


def rule(name: str, level: Level = Level.MEDIUM, techniques: tuple[str, ...] = (), *, silent: bool = False) -> RuleHead:
    return RuleHead(name, f"Rule {name}", level, techniques, "rules/made-up.yml", 1, silent)


def match(
    name: str = "a",
    at: int = 0,
    device: str = "ws1",
    level: Level = Level.MEDIUM,
    *,
    file: str = "log",
    position: int = 0,
    silent: bool = False,
    techniques: tuple[str, ...] = (),
    event: tuple[str, int] = (SYSMON, 3),
    **subject: Any,
) -> Match:
    """Return a match `at` ns after noon; `subject` the fields that triage goes by."""
    return Match(
        rule=rule(name, level, techniques, silent=silent),
        file=file,
        position=position or at // SECOND + 1,
        record_id=None,
        time=NOON + at,
        device=device,
        channel=event[0],
        event_id=event[1],
        fields={},
        subject=subject,
    )


def start(
    guid: str | None = None,
    parent: str | None = None,
    image: str = r"C:\Users\Public\x.exe",
    at: int = 0,
    *,
    pid: int | None = None,
    parent_pid: int | None = None,
    device: str = "ws1",
) -> ProcessStart:
    """Return the start of a process `at` ns after noon."""
    return ProcessStart(
        device=device,
        time=NOON + at,
        pid=pid,
        guid=guid,
        parent_pid=parent_pid,
        parent_guid=parent,
        image=image,
        parent_image=None,
        command_line=None,
        account=None,
        logon=None,
        file="log",
        position=at // SECOND + 1,
    )


def grouped(*found: Match | ProcessStart, estate: Estate | None = None) -> list[Incident]:
    """Return the incidents of what was found, in time order."""
    grouper = Grouper(estate=estate)
    grouper.feed(
        [one for one in found if isinstance(one, Match)], [one for one in found if isinstance(one, ProcessStart)]
    )
    return sorted(grouper.settle(), key=lambda incident: (incident.first, incident.id))
