"""Every text of an incident, so that none is forgotten when names are learnt from it and taken out of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from carecordon.model.incident import (
    Alert,
    Case,
    Entity,
    EntityKind,
    EventSeen,
    Fact,
    Incident,
    Place,
    ProcessSeen,
    Score,
    Story,
)
from carecordon.model.match import Match


@dataclass(frozen=True, slots=True)
class Cleaning:
    """What cleans a text, a sentence of ours, what ties devices, the name of an account, a match, and an event."""

    text: Callable[[str], str]
    sentence: Callable[[str], str]
    link: Callable[[str], str]
    account: Callable[[str], str]
    match: Callable[[Match], Match]
    event: Callable[[EventSeen], EventSeen]


def texts_of(case: Case) -> Iterator[str]:
    """Yield every text of an incident and of its story but those of rules, of alerts' samples and of events."""
    one, story = case.incident, case.story
    yield from (one.title, *one.devices, *one.links, story.summary, *story.next_steps, *story.unknown)
    yield from (part.why for part in one.score.summands)
    yield from (text for asset in one.assets for text in (asset.device, asset.kind))
    yield from (alert.device for alert in one.alerts)
    yield from (place.file for place in one.places)
    for entity in one.entities:
        yield from (entity.name, entity.device or "")
    for process in one.processes:
        yield from (process.device, process.image or "", process.command_line or "")
    for fact in story.facts:
        yield from (fact.text, fact.file, fact.device or "")


def accounts_of(one: Incident) -> Iterator[str]:
    """Yield the names of accounts."""
    yield from (entity.name for entity in one.entities if entity.kind is EntityKind.ACCOUNT)
    yield from (process.account for process in one.processes if process.account)


def cleaned_case(case: Case, clean: Cleaning) -> Case:
    """Return the incident, its story and its events with every text cleaned.

    Keys of processes hold names of devices perhaps: one that is not clean is replaced by a number.
    """
    keys = {
        process.key: process.key if clean.text(process.key) == process.key else f"process-{place}"
        for place, process in enumerate(case.incident.processes, 1)
    }
    return Case(
        _incident(case.incident, keys, clean),
        _story(case.story, clean),
        [replace(clean.event(event), process=_key(event.process, keys)) for event in case.events],
        case.left_out,
    )


def _key(key: str | None, keys: dict[str, str]) -> str | None:
    """Return the new key of a process; of one that is not in the tree none, as nothing could be looked up by it."""
    return None if key is None else keys.get(key)


def _maybe(text: str | None, clean: Callable[[str], str]) -> str | None:
    return None if text is None else clean(text)


def _incident(one: Incident, keys: dict[str, str], clean: Cleaning) -> Incident:
    return replace(
        one,
        title=clean.sentence(one.title),
        score=_score(one.score, clean),
        devices=tuple(map(clean.text, one.devices)),
        assets=tuple(
            replace(asset, device=clean.text(asset.device), kind=clean.text(asset.kind)) for asset in one.assets
        ),
        alerts=tuple(_alert(alert, keys, clean) for alert in one.alerts),
        chains=tuple(replace(chain, group={}, devices=(), sample=None) for chain in one.chains),
        entities=tuple(_entity(entity, clean) for entity in one.entities),
        processes=tuple(_process(process, keys, clean) for process in one.processes),
        places=tuple(Place(clean.text(place.file), place.position, place.rule_id) for place in one.places),
        links=tuple(map(clean.link, one.links)),
    )


def _score(score: Score, clean: Cleaning) -> Score:
    return replace(score, summands=tuple(replace(part, why=clean.sentence(part.why)) for part in score.summands))


def _alert(alert: Alert, keys: dict[str, str], clean: Cleaning) -> Alert:
    return replace(
        alert,
        device=clean.text(alert.device),
        process=_key(alert.process, keys),
        sample=clean.match(alert.sample),
    )


def _entity(entity: Entity, clean: Cleaning) -> Entity:
    named = clean.account if entity.kind is EntityKind.ACCOUNT else clean.text
    return replace(entity, name=named(entity.name), device=_maybe(entity.device, clean.text))


def _process(process: ProcessSeen, keys: dict[str, str], clean: Cleaning) -> ProcessSeen:
    return replace(
        process,
        key=keys[process.key],
        parent=_key(process.parent, keys),
        device=clean.text(process.device),
        image=_maybe(process.image, clean.text),
        command_line=_maybe(process.command_line, clean.text),
        account=_maybe(process.account, clean.account),
    )


def _story(story: Story, clean: Cleaning) -> Story:
    return Story(
        clean.sentence(story.summary),
        tuple(_fact(fact, clean) for fact in story.facts),
        tuple(map(clean.sentence, story.next_steps)),
        tuple(map(clean.sentence, story.unknown)),
    )


def _fact(fact: Fact, clean: Cleaning) -> Fact:
    device = _maybe(fact.device, clean.text)
    return replace(fact, text=clean.sentence(fact.text), device=device, file=clean.text(fact.file))
