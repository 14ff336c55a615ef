"""From rule text and documents to matches, as every event goes: load, normalise, match."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from copy import deepcopy
from typing import Any

from carecordon.model.batch import Batch, Rows
from carecordon.model.block import Run
from carecordon.model.effect import recorded
from carecordon.model.event import LogSource
from carecordon.model.match import Match
from carecordon.pipeline import journey
from carecordon.pipeline.detect.sigma.accelerate import Accelerator
from carecordon.pipeline.detect.sigma.engine import Engine
from carecordon.pipeline.detect.sigma.ir import RuleSet
from carecordon.pipeline.detect.sigma.texts import NO_VALUES, Values
from carecordon.pipeline.ingest.normalise import Normaliser
from tests.pipeline.detect.sigma.rule_text import load_text

SYSMON = "Microsoft-Windows-Sysmon/Operational"
DEFENDER = "Microsoft-Windows-Windows Defender/Operational"
PROCESS_CREATION = "{product: windows, category: process_creation}"

Shape = Callable[[str, int, dict[str, Any]], dict[str, Any]]


def flat(channel: str, event_id: int, data: dict[str, Any]) -> dict[str, Any]:
    """Return an event as NXLog writes it."""
    return {"Channel": channel, "EventID": event_id, "Hostname": "ward-pc-07", **data}


def nested(channel: str, event_id: int, data: dict[str, Any]) -> dict[str, Any]:
    """Return an event as EVTX decodes to JSON."""
    system = {"Channel": channel, "EventID": event_id, "Computer": "ward-pc-07"}
    return {"Event": {"System": system, "EventData": data}}


def winlogbeat(channel: str, event_id: int, data: dict[str, Any]) -> dict[str, Any]:
    """Return an event as Winlogbeat ships it."""
    return {"winlog": {"channel": channel, "event_id": event_id, "computer_name": "ward-pc-07", "event_data": data}}


SHAPES: tuple[Shape, ...] = (flat, nested, winlogbeat)


def rule(detection: str, logsource: str = PROCESS_CREATION) -> str:
    """Return a rule with these selections, written as a YAML flow mapping, and the condition `s` if it names none."""
    condition = "" if "condition:" in detection else "condition: s, "
    return f"title: Made up\nlogsource: {logsource}\ndetection: {{{condition}{detection}}}\n"


def ready(*texts: str, values: Values = NO_VALUES) -> RuleSet:
    """Return the rules of these files, none of which may be refused."""
    loaded = load_text(*texts, values=values)
    assert not loaded.refused, loaded.refused
    return loaded


def fires(text: str, document: dict[str, Any], *, values: Values = NO_VALUES, bound: LogSource | None = None) -> bool:
    """Return whether the rule matches the document."""
    rules = ready(text, values=values)
    return bool(matches(rules, Engine(rules, None, bound), rows_of([document], bound)))


def is_hit(detection: str, data: dict[str, Any], logsource: str = PROCESS_CREATION) -> bool:
    """Return whether the rule matches a process start with this data, which must not hang on the event's shape."""
    answers = {fires(rule(detection, logsource), shape(SYSMON, 1, data)) for shape in SHAPES}
    assert len(answers) == 1, f"the shapes differ over {detection} and {data}"
    return answers.pop()


def rows_of(documents: Iterable[dict[str, Any]], bound: LogSource | None = None) -> Rows:
    """Return the documents, which stay as they are, as rows."""
    rows, refused = Normaliser(bound).read(Run(1, [deepcopy(document) for document in documents]))
    assert not refused
    return Rows.of(rows)


def matches(rules: RuleSet, engine: Engine, batch: Batch) -> list[Match]:
    """Return the matches of a batch in order of position and rule."""
    _, effects = journey.detect_step(journey.detecting(rules, engine), batch, 0)
    found = [item for item in recorded(effects) if isinstance(item, Match)]
    return sorted(found, key=lambda match: (match.position, match.rule.id))


def told(found: Iterable[Match]) -> list[str]:
    """Return matches as texts in which True, 1 and 1.0 differ; the order of fields does not count."""
    parts = ((one, sorted(map(repr, one.fields.items())), sorted(map(repr, one.carried.items()))) for one in found)
    return [repr((one.rule.id, one.position, one.device, one.time, *fields)) for one, *fields in parts]


def engine_of(rules: RuleSet, accelerator: Accelerator | None = None) -> Engine:
    """Return a new engine."""
    return Engine(rules, accelerator)
