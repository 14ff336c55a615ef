"""An incident as it is told, made from the units that belong together."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from operator import attrgetter

from carecordon.model.incident import Alert, Chain, DeviceAsset, Entity, EntityKind, Incident, Place, Score
from carecordon.model.match import CorrelationMatch, RuleHead
from carecordon.pipeline.triage.links import ACROSS, Tie
from carecordon.pipeline.triage.processes import Processes
from carecordon.pipeline.triage.score import IMPACT, Estate, level_of, score
from carecordon.pipeline.triage.tree import Tree
from carecordon.pipeline.triage.unit import EntityKey, Sighting, Unit, first_of

LINKS_TOLD = 6
ENTITIES_TOLD = 500


def tell(
    name: str,
    aliases: tuple[str, ...],
    units: Sequence[Unit],
    processes: Processes,
    spread: Mapping[str, int],
    estate: Estate,
) -> Incident:
    """Return the incident with this id. `spread` on how many devices each rule matched."""
    tree = Tree(processes)
    alerts = _alerts([unit for unit in units if unit.chain is None], tree)
    chains = [unit for unit in units if unit.chain is not None]
    rules = list({unit.rule.id: unit.rule for unit in sorted(units, key=_age)}.values())
    techniques = tuple(dict.fromkeys(one for rule in rules for one in rule.techniques))
    devices = _devices(units)
    total = _score(rules, techniques, devices, alerts, spread, estate)
    return Incident(
        id=name,
        aliases=aliases,
        title=_headline(units).title,
        level=level_of(total),
        score=total,
        devices=devices,
        first=min(unit.first for unit in units),
        last=max(unit.last for unit in units),
        techniques=techniques,
        alerts=alerts,
        chains=tuple(_chain(unit, unit.chain) for unit in chains if unit.chain is not None),
        entities=_entities(units),
        processes=tree.told(devices),
        places=_places(units),
        links=tuple(_links(units)),
        is_late=any(unit.is_late for unit in units),
        assets=_assets(devices, estate),
    )


def rescored(incident: Incident, spread: Mapping[str, int], estate: Estate) -> Incident:
    """Return an incident with the score that it has when more is known of how many devices each rule matched on."""
    heads = [*(alert.rule for alert in incident.alerts), *(chain.rule for chain in incident.chains)]
    rules = list({head.id: head for head in heads}.values())
    total = _score(rules, incident.techniques, incident.devices, incident.alerts, spread, estate)
    return replace(incident, score=total, level=level_of(total))


def _score(
    rules: Sequence[RuleHead],
    techniques: Sequence[str],
    devices: Sequence[str],
    alerts: Sequence[Alert],
    spread: Mapping[str, int],
    estate: Estate,
) -> Score:
    own = {alert.device for alert in alerts}
    hit = [device for device in devices if device in own]
    return score(rules, techniques, hit, min(spread[rule.id] for rule in rules), estate)


def _age(unit: Unit) -> tuple[int, str]:
    return unit.first, unit.rule.id


def _headline(units: Sequence[Unit]) -> RuleHead:
    """Return the rule that names the incident: the worst, of several the one on most devices, then the latest."""
    reach = Counter({(unit.rule.id, device) for unit in units for device in unit.devices})
    on = Counter(rule for rule, _ in reach)
    return max(units, key=lambda unit: (unit.rule.level.rank, on[unit.rule.id], unit.first, unit.rule.id)).rule


def _devices(units: Sequence[Unit]) -> tuple[str, ...]:
    """Return the devices in the order in which something matched on them; of a correlation only its end is known."""
    seen: dict[str, int] = {}
    for unit in units:
        time = unit.first if unit.chain is None or len(unit.devices) == 1 else unit.last
        for device in unit.devices:
            seen[device] = min(seen.get(device, time), time)
    return tuple(sorted((device for device in seen if device), key=lambda device: (seen[device], device)))


def _alerts(units: Sequence[Unit], tree: Tree) -> tuple[Alert, ...]:
    """Return the units of the same rule, device and process (without one: account) as one alert each, by time."""
    folded: dict[tuple[str, str, str], list[Unit]] = {}
    keys: dict[tuple[str, str, str], str | None] = {}
    for unit in units:
        process = tree.place(unit)
        actor = unit.subject.accounts[0] if unit.subject.accounts and process is None else ""
        key = (unit.rule.id, unit.device, process or actor)
        folded.setdefault(key, []).append(unit)
        keys[key] = process
    alerts = [
        Alert(
            rule=parts[0].rule,
            device=parts[0].device,
            process=keys[key],
            first=min(part.first for part in parts),
            last=max(part.last for part in parts),
            count=sum(part.count for part in parts),
            sample=first_of(parts),
        )
        for key, parts in folded.items()
    ]
    return tuple(sorted(alerts, key=lambda alert: (alert.first, alert.device, alert.rule.id, alert.process or "")))


def _chain(unit: Unit, chain: CorrelationMatch) -> Chain:
    """Return a correlation as it is told."""
    devices = tuple(sorted(filter(None, unit.devices)))
    return Chain(unit.rule, chain.count, unit.first, unit.last, chain.group, devices, unit.count, unit.body.sample)


def _entities(units: Sequence[Unit]) -> tuple[Entity, ...]:
    """Return who and what took part, kind by kind, the most frequent first."""
    met: dict[EntityKey, Sighting] = {}
    for unit in units:
        for device in unit.devices:
            if device:
                key: EntityKey = (EntityKind.DEVICE, device.lower(), None)
                _merge(met, key, unit.first, unit.last, unit.count, device)
        for key, sighting in unit.body.entities.items():
            _merge(met, key, sighting.first, sighting.last, sighting.count, sighting.name)
    told = [Entity(kind, one.name, device, one.first, one.last, one.count) for (kind, _, device), one in met.items()]
    kinds = list(EntityKind)
    told.sort(key=lambda one: (kinds.index(one.kind), -one.count, one.first, one.name.lower(), one.device or ""))
    return tuple(told[:ENTITIES_TOLD])


def _merge(met: dict[EntityKey, Sighting], key: EntityKey, first: int, last: int, count: int, name: str) -> None:
    known = met.get(key)
    if known is None:
        met[key] = Sighting(name, first, last, count)
        return
    if first < known.first or (first == known.first and name < known.name):
        known.name = name
    known.first, known.last = min(known.first, first), max(known.last, last)
    known.count += count


def _places(units: Sequence[Unit]) -> tuple[Place, ...]:
    places = {place for unit in units for place in unit.body.places}
    places |= {
        Place(file, position, unit.rule.id)
        for unit in units
        if unit.chain is not None
        for file, position in unit.chain.members
    }
    return tuple(sorted(places, key=attrgetter("file", "position", "rule_id")))


def _assets(devices: Sequence[str], estate: Estate) -> tuple[DeviceAsset, ...]:
    """Return what is known of what the devices are for, the gravest impact first."""
    known = [DeviceAsset(device, one.kind, one.impact) for device in devices if (one := estate.asset(device))]
    return tuple(sorted(known, key=lambda one: (-IMPACT[one.impact], devices.index(one.device))))


def _links(units: Sequence[Unit]) -> list[str]:
    """Return what ties devices together, what ties most of them first."""
    tied: dict[tuple[Tie, str], set[str]] = {}
    for unit in units:
        for kind, scope, value in unit.links:
            if kind in ACROSS and not scope:
                tied.setdefault((kind, value), set()).update(unit.devices)
    several = [(len(devices), kind, value) for (kind, value), devices in tied.items() if len(devices) > 1]
    several.sort(key=lambda one: (-one[0], one[1], one[2]))
    return [f"{kind.value} {value} on {count} devices" for count, kind, value in several[:LINKS_TOLD]]
