"""What an incident asks for: the events that bear the names of its processes, logons, programs, callers and so on.

What is asked for, and at which times, stands in docs/incidents.md.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from carecordon.model.event import Kind, Value
from carecordon.model.incident import EntityKind, Incident, ProcessSeen
from carecordon.model.match import Match
from carecordon.pipeline.triage.links import HOUR, MINUTE
from carecordon.pipeline.triage.names import By, Name, named_in, names_of
from carecordon.pipeline.triage.ordinary import (
    is_everywhere,
    is_protection,
    is_root,
    is_telling_file,
    telling_address,
)
from carecordon.pipeline.triage.processes import TWIN_NS
from carecordon.pipeline.triage.subject import subject_of
from carecordon.scan.question import Question, merged

AROUND_NS = HOUR
"""How long before the first match and after the last a process is followed; its start is told whenever it was."""
WIDE_NS = 24 * HOUR
"""How long before and after a logon may begin or end, or a service be installed, that belongs to it."""
NEAR_NS = 10 * MINUTE
"""How long before and after an alert the incident's callers are asked for, and what came in from their addresses."""
_WIDE = frozenset({By.TASK, By.FILE, By.POLICY, By.SERVICE})
_NEAR = frozenset({By.CALLER, By.INBOUND})
"""What an alert's event names that is asked for on all devices of the incident: at any time, or near an alert only."""
_SCRIPTS = (".bat", ".cmd", ".ps1", ".vbs", ".js", ".hta")
_SHARED = ("\\netlogon\\", "\\sysvol\\", "\\scripts\\")


def question(incidents: Sequence[Incident], inputs: Mapping[str, list[int]]) -> Question:
    """Return what is to be asked, not yet settled; `inputs` the numbers of the inputs of each name.

    Of an input that is a copy of another it is the number of that other, which is asked in its place.
    """
    devices = [frozenset(incident.devices) for incident in incidents]
    asked = Question(devices=devices, ends=[incident.last + AROUND_NS for incident in incidents])
    for number, incident in enumerate(incidents):
        for place in incident.places:
            for source in inputs.get(place.file, ()):
                known = asked.places.setdefault(source, {}).setdefault(place.position, [])
                if number not in known[-1:]:
                    known.append(number)
        _ask_processes(asked, number, incident)
        shown = {name for alert in incident.alerts for name in _names_in(alert.sample)}
        _ask_around(asked, number, incident, {name for name in shown if name[0] in _WIDE})
        _ask_callers(asked, number, incident, sorted(name for name in shown if name[0] in _NEAR))
    return asked


def _ask_processes(asked: Question, number: int, incident: Incident) -> None:
    """Ask for what the processes of an incident did, and for how those came to be that only started them."""
    for process in incident.processes:
        if process.image is not None and is_protection(process.image):
            continue
        name = process.key.split("|", 1)[1].split("@", 1)[0]
        since, until = incident.first - AROUND_NS, incident.last + AROUND_NS
        pid = None if process.pid is None else str(process.pid)
        if (start := process.start) is not None:
            asked.ask(process.device, (By.START, name), (number, start, start, process.key))
            if pid is not None:  # the Security log tells of it too
                asked.ask(process.device, (By.START, pid), (number, start - TWIN_NS, start + TWIN_NS, process.key))
            since = max(since, start)
        if is_root(process.image):
            continue  # what Windows' own programs do besides has nothing to do with it
        if "-" in name:
            asked.ask(process.device, (By.GUID, name), (number, since, until, process.key))
        if pid is not None:
            if process.until is not None:
                until = min(until, process.until - 1)
            asked.ask(process.device, (By.PID, pid), (number, since, until, process.key))


def _ask_around(asked: Question, number: int, incident: Incident, names: set[Name]) -> None:
    """Ask for what bears the names of an incident's logons, services, tasks, files and policies."""
    wide = (number, incident.first - WIDE_NS, incident.last + WIDE_NS, None)
    after = (number, incident.first, incident.last + AROUND_NS, None)
    for by, value in sorted(names.union(*map(_programs, incident.processes))):
        if by is not By.FILE or is_telling_file(value):
            asked.ask(None, (by, value), after if by is By.POLICY else wide)
    for device, logon in sorted(
        {(alert.device, logon) for alert in incident.alerts for logon in subject_of(alert.sample).logons}
    ):
        asked.ask(device, (By.LOGON, logon), wide)
    for entity in incident.entities:
        if entity.kind is EntityKind.SERVICE and entity.device:
            asked.ask(entity.device, (By.SERVICE, entity.name.lower()), wide)


def _ask_callers(asked: Question, number: int, incident: Incident, names: Sequence[Name]) -> None:
    """Ask for what an alert's caller did, and what came in from its address, at times when something matched."""
    times = merged((alert.first - NEAR_NS, alert.last + NEAR_NS) for alert in incident.alerts)
    for name in names:
        for since, until in times:
            asked.ask(None, name, (number, since, until, None))


def _programs(process: ProcessSeen) -> Iterator[Name]:
    """Yield the program of a process, and the scripts that it was told to run if something matched in it."""
    if process.image is not None and not is_everywhere(process.image):
        yield from named_in(process.image)
    command = process.command_line or ""
    if not process.is_context and not any(place in command.lower() for place in _SHARED):
        yield from (name for name in named_in(command) if name[1].endswith(_SCRIPTS))


def _names_in(sample: Match) -> Iterator[Name]:
    """Yield the names that a match gives to ask for: those of its event, and where something came from."""
    kind = Kind(sample.channel, None, sample.event_id)
    fields = {name: value for name, value in sample.subject.items() if not _is_common(value)}
    yield from names_of(kind, fields)
    subject = subject_of(sample)
    for address in filter(None, map(telling_address, (subject.own, subject.source))):
        yield By.INBOUND, address


def _is_common(value: Value) -> bool:
    return isinstance(value, str) and is_everywhere(value)
