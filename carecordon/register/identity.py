"""What triage tells, as the register takes it: alerts with ids that a replay makes again, bodies to be read back."""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

import msgspec
import zstandard
from msgspec import structs

from carecordon.model.errors import OurFault
from carecordon.model.incident import Alert, Chain, Incident
from carecordon.model.kept import ToldAlert, ToldIncident
from carecordon.model.match import Match

_T = TypeVar("_T")
LEVEL = 3
"""Of zstd: an outbreak's incident is megabytes, is written each second while it grows, and packs to a tenth."""
MAX_BODY = 256 * 1024 * 1024
GROUP_CHARS = 200
"""So much of what a correlation's events have in common stands in its alert's name."""
_ALERT = msgspec.msgpack.Decoder(Alert)
_INCIDENT = msgspec.msgpack.Decoder(Incident)


@dataclass(frozen=True, slots=True)
class PackedAlert:
    """An alert without the whole event, and what is told of it."""

    alert: Alert
    told: ToldAlert


class AlertMemory:
    """Alerts as they were told last, the newest ones: most of a large incident is the same each time."""

    def __init__(self, room: int = 30_000) -> None:
        """Remember so many."""
        self._room = room
        self._known: OrderedDict[int, tuple[Alert, PackedAlert]] = OrderedDict()

    def get(self, alert: Alert) -> PackedAlert | None:
        """Return what was kept of an alert that is the same in everything, its first match the same object."""
        known = self._known.get(id(alert.sample))
        if known is None or known[0].sample is not alert.sample or known[0] != alert:
            return None
        self._known.move_to_end(id(alert.sample))
        return known[1]

    def keep(self, alert: Alert, packed: PackedAlert) -> PackedAlert:
        """Remember an alert, and return what is kept of it."""
        self._known[id(alert.sample)] = alert, packed
        self._known.move_to_end(id(alert.sample))
        if len(self._known) > self._room:
            self._known.popitem(last=False)
        return packed


def alert_id(organisation: str, rule_id: str, device: str, entity: str, first_event: str) -> str:
    """Return an alert's id, 32 hex digits of a hash of what makes it this alert and no other.

    `first_event` names the earliest event in it (`sender/epoch` and its number): where an earlier one arrives late, the
    alert gets another id, and the register keeps the former one as an alias.
    """
    parts = msgspec.msgpack.encode((organisation, rule_id, device, entity, first_event))
    return hashlib.sha256(parts).hexdigest()[:32]


def told(
    incident: Incident, organisation: str, account_of: Callable[[Match], str], memory: AlertMemory | None = None
) -> ToldIncident:
    """Return an incident as the register takes it. Whole events, which matches carry for correlations, are left out.

    `account_of` returns who did it, as triage folds alerts of no known process; '' where nobody is named. `memory`, of
    one organisation and one `account_of`, spares an alert that has not changed since it was told last.
    """
    memory = AlertMemory() if memory is None else memory
    packed = [
        memory.get(alert) or memory.keep(alert, _packed(alert, organisation, _entity(alert, account_of)))
        for alert in incident.alerts
    ]
    slim = replace(incident, alerts=tuple(one.alert for one in packed), chains=tuple(map(_slim, incident.chains)))
    packed += [
        memory.get(alert) or memory.keep(alert, _packed(alert, organisation, entity))
        for alert, entity in _correlated(incident.chains)
    ]
    return ToldIncident(
        id=slim.id,
        aliases=slim.aliases,
        title=slim.title,
        level=slim.level,
        score=slim.score.total,
        devices=slim.devices,
        first=slim.first,
        last=slim.last,
        body=_pack(slim),
        alerts=tuple(_told_alerts(packed, organisation)),
    )


def incident_of(body: bytes) -> Incident:
    """Return the incident that `told` wrote. Raises OurFault for anything else."""
    return _unpacked(body, _INCIDENT)


def alert_of(body: bytes) -> Alert:
    """Return the alert that `told` wrote. Raises OurFault for anything else."""
    return _unpacked(body, _ALERT)


def _pack(item: Incident | Alert) -> bytes:
    return zstandard.ZstdCompressor(level=LEVEL).compress(msgspec.msgpack.encode(item))


def _unpacked(body: bytes, decoder: msgspec.msgpack.Decoder[_T]) -> _T:
    try:
        return decoder.decode(zstandard.ZstdDecompressor().decompress(body, max_output_size=MAX_BODY))
    except (zstandard.ZstdError, msgspec.DecodeError) as fault:
        raise OurFault(f"what the register keeps of an incident or alert cannot be read: {fault}") from fault


def _entity(alert: Alert, account_of: Callable[[Match], str]) -> str:
    return account_of(alert.sample) if alert.process is None else alert.process


def _packed(alert: Alert, organisation: str, entity: str) -> PackedAlert:
    slim = replace(alert, sample=structs.replace(alert.sample, carried={}))
    told_alert = ToldAlert(
        id=alert_id(organisation, slim.rule.id, slim.device, entity, _first(slim)),
        rule_id=slim.rule.id,
        title=slim.rule.title,
        level=slim.rule.level,
        device=slim.device,
        entity=entity,
        first=slim.first,
        last=slim.last,
        count=slim.count,
        body=_pack(slim),
    )
    return PackedAlert(slim, told_alert)


def _slim(chain: Chain) -> Chain:
    if chain.sample is None or not chain.sample.carried:
        return chain
    return replace(chain, sample=structs.replace(chain.sample, carried={}))


def _correlated(chains: Sequence[Chain]) -> list[tuple[Alert, str]]:
    """Return each correlation as an alert, and what tells it from others of its rule: its group and its beginning.

    It is of the device that all its events are of, else of none. Told again with more events it is the same alert.
    """
    found: dict[tuple[str, str, str], Alert] = {}
    for chain in chains:
        if chain.sample is None:
            continue
        device = chain.devices[0] if len(chain.devices) == 1 else ""
        alert = Alert(chain.rule, device, None, chain.first, chain.last, chain.events, chain.sample)
        group = ", ".join(f"{name}={value}" for name, value in chain.group.items())[:GROUP_CHARS]
        key = (chain.rule.id, device, f"{group}|{_first(alert)}")
        known = found.get(key)
        if known is None or (known.count, known.last) < (alert.count, alert.last):
            found[key] = alert
    return [(alert, entity) for (_, _, entity), alert in found.items()]


def _told_alerts(packed: Sequence[PackedAlert], organisation: str) -> Iterator[ToldAlert]:
    met: set[tuple[str, str, str]] = set()
    for one in packed:
        told_alert = one.told
        key = (told_alert.rule_id, told_alert.device, told_alert.entity)
        if key in met:  # two by one account's name, spelt alike: told apart
            first = _first(one.alert)
            entity = f"{told_alert.entity}|{first}"
            name = alert_id(organisation, told_alert.rule_id, told_alert.device, entity, first)
            told_alert = replace(told_alert, id=name, entity=entity)
            key = (told_alert.rule_id, told_alert.device, entity)
        met.add(key)
        yield told_alert


def _first(alert: Alert) -> str:
    return f"{alert.sample.file}#{alert.sample.position}"
