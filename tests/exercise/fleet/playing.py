"""Small fleets against a real gate, and what is in its stream afterwards."""

from __future__ import annotations

import os
import ssl
import time
from collections.abc import Sequence
from functools import cache
from pathlib import Path

from cryptography.hazmat.primitives.serialization import Encoding

from carecordon.agent.identity import Identity
from carecordon.exercise.fleet.credentials import Asked, certified
from carecordon.exercise.fleet.fleet import Fleet, names_for
from carecordon.exercise.fleet.ledger import acknowledged, read_ledger
from carecordon.exercise.fleet.pattern import Tape, tape_of
from carecordon.exercise.life import Span
from carecordon.exercise.recording import Recording
from carecordon.exercise.scenarios import all_scenarios
from carecordon.hub.trust.authority import Issued
from carecordon.model.device import DeviceKind, NewDevice
from tests.hub.gate_kit import Hub, Running


@cache
def tape() -> Tape:
    """Return half an hour of a quiet morning."""
    return tape_of(Recording(all_scenarios()["quiet"], 5, span=Span(9.0, 9.5)))


def devices(gate: Running, folder: Path, count: int) -> list[Identity]:
    """Return devices that the hub knows."""
    hub = gate.hub

    def issue(asked: Sequence[Asked]) -> list[tuple[str, str]]:
        return [_issued(hub, name, request) for name, request in asked]

    authority = ssl.DER_cert_to_PEM_cert(hub.authority.certificate.public_bytes(Encoding.DER))
    return certified(folder, names_for([tape()], count), "127.0.0.1", gate.ports.devices, authority, issue)


def _issued(hub: Hub, name: str, request: str) -> tuple[str, str]:
    device, now = os.urandom(16).hex(), time.time_ns()
    issued = hub.authority.issue(request, device, now)
    assert isinstance(issued, Issued)
    hub.register.devices.add(NewDevice(device, name, "exercise", DeviceKind.AGENT, issued.certificate), "fleet", now)
    return device, issued.chain


def stored(hub: Hub, fleet: Fleet | None = None) -> dict[tuple[str, int], list[int]]:
    """Return the numbers in stream 1 by device and epoch, in their order there: all, or those of a fleet."""
    ids = None if fleet is None else {member.identity.hub.device for member in fleet.members}
    found: dict[tuple[str, int], list[int]] = {}
    for entry in hub.entries():
        if ids is not None and entry.part.sender not in ids:
            continue
        numbers = range(entry.part.first + entry.skip, entry.part.last + 1 - entry.drop)
        found.setdefault((entry.part.sender, entry.part.epoch), []).extend(numbers)
    return found


def missing(hub: Hub, ledger: Path) -> list[tuple[str, int, int]]:
    """Return the events that the ledger has as acknowledged and the stream has not."""
    there = {key: set(numbers) for key, numbers in stored(hub).items()}
    return [
        (device, epoch, number)
        for device, epoch, first, last in acknowledged(read_ledger(ledger))
        for number in range(first, last + 1)
        if number not in there.get((device, epoch), set())
    ]
