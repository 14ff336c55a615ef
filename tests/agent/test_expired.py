"""A device that was away for longer than its certificate is good comes back without a person, by a real hub's door."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import pytest

from carecordon.agent.carry import RENEW_AGAIN_S, RENEW_SOON_S, UNHEARD, Carrier
from carecordon.agent.identity import Hub, Identity, make_key, make_request, settle
from carecordon.hub.gate.gate import Ports
from carecordon.hub.trust.authority import Issued
from carecordon.model.device import DeviceKind, NewDevice
from tests.agent.hubs import DEVICE, pem, until
from tests.agent.spooling import Make, put
from tests.agent.test_carry import Swift
from tests.hub import gate_kit

DAY_NS = 86_400 * 10**9


def expired(hub: gate_kit.Hub, folder: Path, ports: Ports, days_ago: int) -> Identity:
    """Return a device whose certificate was issued so many days ago."""
    key, at = make_key(), time.time_ns() - days_ago * DAY_NS
    issued = hub.authority.issue(make_request(key, "ward-pc-07"), DEVICE, at)
    assert isinstance(issued, Issued)
    device = NewDevice(DEVICE, "ward-pc-07", "Linux", DeviceKind.AGENT, issued.certificate)
    hub.register.devices.add(device, "wards", at)
    return settle(folder, Hub("127.0.0.1", ports.devices, DEVICE, pem(hub.authority), ports.enrol), key, issued.chain)


@pytest.mark.parametrize("clock", ["right", "a year behind"])
def test_an_expired_certificate_is_renewed_with_proof_and_everything_arrives(
    tmp_path: Path, make: Make, clock: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub = gate_kit.make_hub(tmp_path / "hub")
    spool = make(tmp_path / "spool")
    put(spool, 3)
    with gate_kit.running(hub) as gate:
        identity = expired(hub, tmp_path / "state", gate.ports, 40)
        before = identity.file.read_bytes()
        if clock != "right":
            real = time.time_ns
            monkeypatch.setattr("carecordon.agent.carry.time.time_ns", lambda: real() - 365 * DAY_NS)

        async def run() -> None:
            carrier = Carrier(spool, identity, host="ward-pc-07", system="Linux", rng=Swift())
            working = asyncio.ensure_future(carrier.run())
            await until(lambda: not spool.pending, 40)
            working.cancel()
            await asyncio.wait({working})

        asyncio.run(run())
    assert identity.file.read_bytes() != before
    assert hub.numbers(DEVICE) == [0, 1, 2]
    assert UNHEARD > 1


@pytest.mark.parametrize(("is_there", "again_s"), [(False, RENEW_SOON_S), (True, RENEW_AGAIN_S)])
def test_a_hub_that_was_not_reached_is_asked_again_sooner_than_one_that_refused(
    tmp_path: Path, make: Make, is_there: bool, again_s: float
) -> None:
    hub, now = gate_kit.make_hub(tmp_path / "hub"), 0
    with gate_kit.running(hub) as gate:
        identity = expired(hub, tmp_path / "state", gate.ports, 30 + 181)
        if not is_there:
            gate.kill()
        carrier = Carrier(
            make(tmp_path / "spool"), identity, host="ward-pc-07", system="Linux", rng=Swift(), clock=lambda: now
        )
        assert carrier._may_have_expired()
        assert not asyncio.run(carrier._revive())
    now = int((again_s - 1) * 1e9)
    assert not carrier._may_have_expired()
    now = int((again_s + 1) * 1e9)
    assert carrier._may_have_expired()
    hub.register.close()


def test_one_that_expired_too_long_ago_is_told_to_need_a_person(tmp_path: Path, make: Make) -> None:
    hub = gate_kit.make_hub(tmp_path / "hub")
    spool = make(tmp_path / "spool")
    put(spool, 3)
    with gate_kit.running(hub) as gate:
        identity = expired(hub, tmp_path / "state", gate.ports, 30 + 181)

        async def run() -> list[str]:
            told: list[str] = []

            def note() -> None:
                if carrier.standing.is_refused:
                    told.append(str(carrier.standing.last_end))

            carrier = Carrier(spool, identity, host="ward-pc-07", system="Linux", rng=Swift(), on_change=note)
            working = asyncio.ensure_future(carrier.run())
            await until(lambda: len(told) >= 4, 40)  # by then it has tried again, and the hub's TLS has refused it
            working.cancel()
            await asyncio.wait({working})
            return told

        assert all("the certificate has expired" in one for one in asyncio.run(run()))
    assert spool.pending == 3
