"""What triage tells, as the register takes it: alerts with ids that a replay makes again, bodies to be read back."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import TypeVar

import msgspec
import zstandard

from carecordon.model.errors import OurFault
from carecordon.model.incident import Alert, Incident
from carecordon.model.kept import ToldAlert, ToldIncident
from carecordon.model.match import Match

_T = TypeVar("_T")
LEVEL = 3
"""Of zstd: an outbreak's incident is megabytes, is written each second while it grows, and packs to a tenth."""
MAX_BODY = 256 * 1024 * 1024
_ALERT = msgspec.msgpack.Decoder(Alert)
_INCIDENT = msgspec.msgpack.Decoder(Incident)


def alert_id(organisation: str, rule_id: str, device: str, entity: str, first_event: str) -> str:
    """Return an alert's id, 32 hex digits of a hash of what makes it this alert and no other.

    `first_event` names the earliest event in it (`sender/epoch` and its number): where an earlier one arrives late, the
    alert gets another id, and the register keeps the former one as an alias.
    """
    parts = msgspec.msgpack.encode((organisation, rule_id, device, entity, first_event))
    return hashlib.sha256(parts).hexdigest()[:32]


def told(incident: Incident, organisation: str, account_of: Callable[[Match], str]) -> ToldIncident:
    """Return an incident as the register takes it. Whole events, which matches carry for correlations, are left out.

    `account_of` returns who did it, as triage folds alerts of no known process; '' where nobody is named.
    """
    slim = replace(incident, alerts=tuple(map(_slim, incident.alerts)))
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
        alerts=tuple(_told_alerts(slim.alerts, organisation, account_of)),
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


def _slim(alert: Alert) -> Alert:
    return replace(alert, sample=replace(alert.sample, carried={}))


def _told_alerts(alerts: Sequence[Alert], organisation: str, account_of: Callable[[Match], str]) -> Iterator[ToldAlert]:
    met: set[tuple[str, str, str]] = set()
    for alert in alerts:
        entity = account_of(alert.sample) if alert.process is None else alert.process
        first = f"{alert.sample.file}#{alert.sample.position}"
        if (alert.rule.id, alert.device, entity) in met:  # two by one account's name, spelt alike: told apart
            entity = f"{entity}|{first}"
        met.add((alert.rule.id, alert.device, entity))
        yield ToldAlert(
            id=alert_id(organisation, alert.rule.id, alert.device, entity, first),
            rule_id=alert.rule.id,
            title=alert.rule.title,
            level=alert.rule.level,
            device=alert.device,
            entity=entity,
            first=alert.first,
            last=alert.last,
            count=alert.count,
            body=_pack(alert),
        )
