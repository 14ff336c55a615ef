"""An incident as one line of the output contract: its score, its story, its parts; what is absent is null."""

from __future__ import annotations

from typing import Any

from carecordon.model.incident import Alert, Case, Chain, Entity, Fact, Place, ProcessSeen, Score
from carecordon.model.match import RuleHead
from carecordon.model.times import rfc3339

Line = dict[str, Any]


def incident(case: Case) -> Line:
    """Return the line of an incident; docs/output.md says what each key means."""
    one, story = case.incident, case.story
    return {
        "type": "incident",
        "id": one.id,
        "aliases": list(one.aliases),
        "title": one.title,
        "level": one.level.value,
        "score": _score(one.score),
        "devices": list(one.devices),
        "assets": [{"device": asset.device, "class": asset.kind, "impact": asset.impact} for asset in one.assets],
        "from": rfc3339(one.first),
        "to": rfc3339(one.last),
        "late": one.is_late,
        "techniques": list(one.techniques),
        "links": list(one.links),
        "matches": [_place(place) for place in one.places],
        "alerts": [_alert(alert) for alert in one.alerts],
        "correlations": [_chain(chain) for chain in one.chains],
        "entities": [_entity(entity) for entity in one.entities],
        "processes": [_process(process) for process in one.processes],
        "summary": story.summary,
        "story": [_fact(fact) for fact in story.facts],
        "next_steps": list(story.next_steps),
        "unknown": list(story.unknown),
        "events": {"told": len(case.events), "left_out": case.left_out},
    }


def _score(score: Score) -> Line:
    summands = [{"name": part.name, "points": part.points, "why": part.why} for part in score.summands]
    return {"total": score.total, "summands": summands}


def _place(place: Place) -> Line:
    return {"file": place.file, "position": place.position, "rule_id": place.rule_id}


def _rule(rule: RuleHead) -> Line:
    return {"rule_id": rule.id, "title": rule.title, "level": rule.level.value, "techniques": list(rule.techniques)}


def _alert(alert: Alert) -> Line:
    return {
        **_rule(alert.rule),
        "device": alert.device,
        "process": alert.process,
        "from": rfc3339(alert.first),
        "to": rfc3339(alert.last),
        "count": alert.count,
        "file": alert.sample.file,
        "position": alert.sample.position,
    }


def _chain(chain: Chain) -> Line:
    return {**_rule(chain.rule), "count": chain.count, "from": rfc3339(chain.first), "to": rfc3339(chain.last)}


def _entity(entity: Entity) -> Line:
    return {
        "kind": entity.kind.value,
        "name": entity.name,
        "device": entity.device,
        "from": rfc3339(entity.first),
        "to": rfc3339(entity.last),
        "count": entity.count,
    }


def _process(process: ProcessSeen) -> Line:
    return {
        "key": process.key,
        "parent": process.parent,
        "device": process.device,
        "pid": process.pid,
        "image": process.image,
        "command_line": process.command_line,
        "account": process.account,
        "start": rfc3339(process.start),
        "context": process.is_context,
    }


def _fact(fact: Fact) -> Line:
    return {
        "time": rfc3339(fact.time),
        "device": fact.device,
        "text": fact.text,
        "techniques": list(fact.techniques),
        "phase": fact.phase.value,
        "file": fact.file,
        "position": fact.position,
        "count": fact.count,
    }
