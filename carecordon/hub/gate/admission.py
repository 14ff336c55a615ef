"""Who may come in: the register's devices as the gate holds them in memory, brought up to date every few seconds.

Nothing here blocks: what is not in memory is asked for by a caller that has a thread for it (`look_up`).
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from carecordon.hub.trust.authority import Authority
from carecordon.hub.trust.identity import IdentityRefusal, certificate_of, facts_of
from carecordon.model.device import Device, Standing
from carecordon.register.register import Devices

HELD_RETRY_S = 300.0
NEVER_S = -1.0
MAX_FORMER = 20_000
"""Former certificates that are remembered, so that a device on its old one is not looked up at each attempt."""


@dataclass(frozen=True, slots=True)
class Visitor:
    """Whose certificate (DER) it is, by the certificate alone; until when it is good, UTC ns."""

    device: str
    fingerprint: str
    expires: int
    certificate: bytes


@dataclass(frozen=True, slots=True)
class TurnedAway:
    """Why a device does not come in; `kind` in one word for the figures, `retry_s` as in Bye."""

    kind: str
    reason: str
    retry_s: float


class Admission:
    """The devices that the gate knows."""

    def __init__(self, authority: Authority, devices: Devices) -> None:
        """Read all devices; blocks."""
        self._authority = authority
        self._devices = devices
        self._known: dict[str, Device] = {}
        self._newest: dict[str, Device] = {}
        """Fingerprint of a device's newest certificate to the device."""
        self._former: dict[str, str] = {}
        """Fingerprint of a certificate that is not its device's newest to the device."""
        self._revision = 0
        self.take(self.changes())

    def changes(self) -> tuple[int, list[Device]]:
        """Return what changed in the register since the last `take`; blocks, and changes nothing here."""
        return self._devices.changed_since(self._revision)

    def take(self, changes: tuple[int, list[Device]]) -> list[str]:
        """Take changes in and return the devices that they are of."""
        self._revision = max(self._revision, changes[0])
        for device in changes[1]:
            self._learn(device)
        changed = {device.id for device in changes[1]}
        if changed:
            self._former = {print_: owner for print_, owner in self._former.items() if owner not in changed}
        return sorted(changed)

    def identify(self, der: bytes, now: int) -> Visitor | TurnedAway:
        """Return whose certificate (DER) this is; `now` UTC ns. The register is not asked.

        TLS has seen that our CA signed it and that its holder has the key. One that is known by its hash is not looked
        at again: that would be a tenth of what it costs to let ten thousand devices in after a restart.
        """
        fingerprint = hashlib.sha256(der).hexdigest()
        known = self._newest.get(fingerprint)
        if known is not None and now < known.expires:
            return Visitor(known.id, fingerprint, known.expires, der)
        found = self._authority.identify(der, now)
        if isinstance(found, IdentityRefusal):
            return TurnedAway("certificate", f"your certificate: {found.value}", NEVER_S)
        return Visitor(found.device, fingerprint, found.certificate.expires, der)

    def judge(self, visitor: Visitor) -> Device | TurnedAway | None:
        """Return the device if it may come in, or why not; None where only the register can tell: then `look_up`."""
        device = self._known.get(visitor.device)
        if device is None:
            return None
        refusal = _refusal(device)
        if refusal is not None:
            return refusal
        is_its_own = device.fingerprint == visitor.fingerprint or self._former.get(visitor.fingerprint) == device.id
        return device if is_its_own else None

    def look_up(self, visitor: Visitor) -> Device | None:
        """Return the device that the register says this certificate was issued to, new or old; blocks.

        After a restore that may be one which it was issued after the backup: TLS has seen that it is our CA's.
        """
        known = self._devices.by_certificate(visitor.fingerprint)
        if known is not None or not visitor.certificate:
            return known
        return self._devices.adopt(visitor.device, facts_of(certificate_of(visitor.certificate)))

    def learn(self, visitor: Visitor, found: Device | None) -> Device | TurnedAway:
        """Take in what `look_up` found and return the judgement."""
        if found is None or found.id != visitor.device:
            return TurnedAway("certificate", "your certificate is not one that this hub keeps: enrol again", NEVER_S)
        self._learn(found)
        if found.fingerprint != visitor.fingerprint:
            if len(self._former) >= MAX_FORMER:
                self._former.clear()
            self._former[visitor.fingerprint] = found.id
        return _refusal(found) or found

    def _learn(self, device: Device) -> None:
        before = self._known.get(device.id)
        if before is not None and before.fingerprint != device.fingerprint:
            self._newest.pop(before.fingerprint, None)
        self._known[device.id] = self._newest[device.fingerprint] = device


def _refusal(device: Device) -> TurnedAway | None:
    match device.standing:
        case Standing.REVOKED:
            return TurnedAway("revoked", "this device has been revoked: enrol it again", NEVER_S)
        case Standing.HELD:
            return TurnedAway("held", "this device is held until a person confirms it", HELD_RETRY_S)
        case Standing.ACTIVE | Standing.UNPROVEN:
            return None
