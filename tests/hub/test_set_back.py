"""A device whose disk was set back (an image restored, a machine copied) and that counted on before it came again.

It gives numbers anew that the hub has: neither its hello nor its next number shows it, only what the hub's mark ends.
"""

from __future__ import annotations

import asyncio
import shutil
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from random import Random

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from carecordon.agent.fill import Fresh
from carecordon.agent.identity import Hub as Place
from carecordon.agent.identity import Identity, settle
from carecordon.agent.run import Agent
from carecordon.agent.spool import Spool
from carecordon.hub.gate.clones import Evidence
from carecordon.model.device import Standing
from carecordon.wire import codec
from tests.agent.hubs import pem
from tests.agent.spooling import Make, kill, put
from tests.hub.gate_kit import Running, member, wait_for


@pytest.fixture
def make() -> Iterator[Make]:
    making = Make()
    yield making
    making.end()


def enrolled(gate: Running, folder: Path) -> Identity:
    made = member(gate.hub, folder)
    key = made.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    chain = (folder / "device.crt").read_text("ascii")
    place = Place("127.0.0.1", gate.ports.devices, made.id, pem(gate.hub.authority))
    return settle(folder / "state", place, key, chain)


def carry(spool: Spool, identity: Identity) -> None:
    """Bring everything that waits to the hub, and let go of the folder."""

    async def nothing() -> AsyncIterator[Fresh]:
        for fresh in list[Fresh]():
            yield fresh

    one = Agent(spool, identity, host="ward-pc-07", system="Windows 11", rng=Random(1))
    asyncio.run(asyncio.wait_for(one.run(nothing()), 30))
    kill(spool)


def arrived(gate: Running, device: str) -> Counter[str]:
    """Return the command lines that the hub has of a device, and how often each."""
    tables = [codec.decode(entry.part.data) for entry in gate.hub.entries() if entry.part.sender == device]
    return Counter(str(table.complete(row)["CommandLine"]) for table in tables for row in range(len(table)))


@pytest.mark.parametrize("events", [1, 4], ids=["in the same pieces", "in other pieces"])
def test_what_it_counted_anew_is_not_lost_and_it_is_told(
    gate: Running, tmp_path: Path, make: Make, events: int
) -> None:
    identity = enrolled(gate, tmp_path / "device")
    device = identity.hub.device
    spool = make(tmp_path / "spool", epochs=[7])
    put(spool, text="before")
    carry(spool, identity)
    shutil.copytree(tmp_path / "spool", tmp_path / "image")
    spool = make(tmp_path / "spool", epochs=[])
    for number in range(6):
        put(spool, text=f"original {number},")
    carry(spool, identity)
    restored = make(tmp_path / "image", epochs=[8])
    for number in range(12):
        put(restored, events, text=f"restored {number},")
    assert (restored.epoch, restored.next > spool.next) == (7, True)
    carry(restored, identity)
    wanted = ["before 0", *(f"original {number}, 0" for number in range(6))]
    wanted += [f"restored {number}, {event}" for number in range(12) for event in range(events)]
    assert arrived(gate, device) == Counter(wanted)
    assert {entry.part.epoch for entry in gate.hub.entries() if entry.part.sender == device} == {7, 8}

    def is_told() -> bool:
        found = gate.hub.register.devices.get(device)
        return found is not None and found.standing is Standing.UNPROVEN and Evidence.DISOWNED.value in found.why

    wait_for(is_told)


def test_one_that_did_not_hear_a_receipt_is_not_doubted(gate: Running, tmp_path: Path, make: Make) -> None:
    identity = enrolled(gate, tmp_path / "device")
    device = identity.hub.device
    spool = make(tmp_path / "spool", epochs=[7])
    for number in range(5):
        put(spool, text=f"once {number},")
    shutil.copytree(tmp_path / "spool", tmp_path / "deaf")
    carry(spool, identity)
    deaf = make(tmp_path / "deaf", epochs=[])
    for number in range(5, 8):
        put(deaf, text=f"once {number},")
    carry(deaf, identity)
    assert arrived(gate, device) == Counter(f"once {number}, 0" for number in range(8))
    found = gate.hub.register.devices.get(device)
    assert found is not None
    assert found.standing is Standing.ACTIVE
