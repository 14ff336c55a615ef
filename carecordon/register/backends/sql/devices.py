"""Devices in SQL: who may come in, since when, and by which certificate."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, case, delete, func, insert, select, update

from carecordon.model.audit import Act
from carecordon.model.device import Certificate, Device, DeviceKind, EnrolRefusal, EnrolToken, NewDevice, Standing
from carecordon.model.errors import OurFault
from carecordon.register.backends.sql.audit import append
from carecordon.register.backends.sql.door import Door, add_missing, changed, chunks, count_by, counter, set_counter
from carecordon.register.backends.sql.enrolment import tokens_of, use_token
from carecordon.register.tables import CERTIFICATES, DEVICES, ENROL_TOKENS, RESTORED_AT, RESTORED_SINCE, REVISION, SEEN

HUB = "hub"
SLACK_NS = 600 * 1_000_000_000
"""Certificates tell their time in whole seconds, and a backup takes a while to begin."""
_SAID = (
    "id",
    "name",
    "system",
    "kind",
    "standing",
    "why",
    "enrolled",
    "enrolled_with",
    "fingerprint",
    "serial",
    "expires",
)
_DEVICE = select(*(DEVICES.c[name] for name in _SAID), SEEN.c.last, DEVICES.c.revision).outerjoin(
    SEEN, SEEN.c.device == DEVICES.c.id
)
_KINDS = {kind.value: kind for kind in DeviceKind}
_STANDINGS = {standing.value: standing for standing in Standing}


class SqlDevices:
    """For the gate and enrolment."""

    def __init__(self, door: Door) -> None:
        """Use the database behind `door`."""
        self._door = door

    def get(self, device_id: str) -> Device | None:
        """Return the device with this id."""
        with self._door.reading() as connection:
            return _get(connection, device_id)

    def by_certificate(self, fingerprint: str) -> Device | None:
        """Return the device that a certificate was issued to."""
        statement = _DEVICE.join(CERTIFICATES, CERTIFICATES.c.device == DEVICES.c.id)
        with self._door.reading() as connection:
            row = connection.execute(statement.where(CERTIFICATES.c.fingerprint == fingerprint)).first()
        return None if row is None else _device(row)

    def all(self, after: str = "", limit: int = 1_000, name: str | None = None) -> list[Device]:
        """Return devices by id, those behind `after`; if a name is given, that of this id, else those of this name."""
        statement = _DEVICE.where(DEVICES.c.id > after).order_by(DEVICES.c.id).limit(limit)
        with self._door.reading() as connection:
            if name is not None:
                is_id = _get(connection, name) is not None  # what a device calls itself hides nobody's id
                statement = statement.where(
                    DEVICES.c.id == name if is_id else func.lower(DEVICES.c.name) == func.lower(name)
                )
            return list(map(_device, connection.execute(statement)))

    def count(self) -> dict[str, int]:
        """Return how many devices are of each standing."""
        with self._door.reading() as connection:
            return count_by(connection, DEVICES, "standing")

    def changed_since(self, revision: int) -> tuple[int, list[Device]]:
        """Return the revision now, and the devices that changed since that revision."""
        with self._door.reading() as connection:
            now = counter(connection, REVISION)
            if now == revision:
                return now, []
            statement = _DEVICE.where(DEVICES.c.revision > revision).order_by(DEVICES.c.revision)
            return now, list(map(_device, connection.execute(statement).all()))

    def use_enrol_token(self, secret_hash: str, now: int) -> EnrolToken | EnrolRefusal:
        """Return the token of this secret with one use less."""
        with self._door.writing() as connection:
            return use_token(connection, secret_hash, now)

    def enrol(self, secret_hash: str, device: NewDevice, now: int) -> EnrolToken | EnrolRefusal:
        """Use the token and add the device of the token's kind, both or neither."""
        with self._door.writing() as connection:
            token = use_token(connection, secret_hash, now)
            if isinstance(token, EnrolToken):
                _add(connection, device, token.kind, token.label, now)
            return token

    def add(self, device: NewDevice, enrolled_with: str, now: int) -> None:
        """Add a device whose token is already used."""
        with self._door.writing() as connection:
            _add(connection, device, device.kind, enrolled_with, now)

    def add_certificate(self, device_id: str, certificate: Certificate, *, is_proof: bool = False) -> None:
        """Remember a renewed certificate."""
        with self._door.writing() as connection:
            device = _get(connection, device_id)
            if device is None or device.standing is Standing.REVOKED:
                raise OurFault(f"device {device_id}: a certificate for one that is unknown or revoked")
            if is_proof:
                connection.execute(delete(CERTIFICATES).where(CERTIFICATES.c.device == device_id))
                if device.standing is Standing.UNPROVEN:
                    _change(connection, [device_id], standing=Standing.ACTIVE.value, why="")
            connection.execute(insert(CERTIFICATES), _certificate_row(device_id, certificate))
            _change(connection, [device_id], **_newest(certificate))

    def adopt(self, device_id: str, certificate: Certificate) -> Device | None:
        """Remember a certificate that the hub issued between the backup that it was restored from and now."""
        with self._door.reading() as connection:  # hardly any hub was ever restored: who knocks costs it no write
            since, until = counter(connection, RESTORED_SINCE), counter(connection, RESTORED_AT)
        if not since - SLACK_NS <= certificate.issued <= until:
            return None
        with self._door.writing() as connection:
            device = _get(connection, device_id)
            if device is None or device.standing is Standing.REVOKED:
                return None
            add_missing(connection, CERTIFICATES, [_certificate_row(device_id, certificate)])
            if certificate.expires > device.expires:
                _change(connection, [device_id], **_newest(certificate))
            return _get(connection, device_id)

    def restored(self, since: int, now: int) -> None:
        """Remember that what is known here is what was known at `since` (UTC ns), and was taken up at `now`."""
        with self._door.writing() as connection:
            set_counter(connection, RESTORED_SINCE, since)
            set_counter(connection, RESTORED_AT, now)

    def revoke(self, device_id: str, why: str, who: str, now: int) -> bool:
        """Revoke a device for ever and audit it."""
        with self._door.writing() as connection:
            device = _get(connection, device_id)
            if device is None or device.standing is Standing.REVOKED:
                return False
            _change(connection, [device_id], standing=Standing.REVOKED.value, why=why)
            append(connection, [Act(who, "revoke", device_id, why)], now)
            return True

    def mark_unproven(self, device_id: str, why: str, now: int) -> bool:
        """Mark an active device as unproven and audit it."""
        with self._door.writing() as connection:
            device = _get(connection, device_id)
            if device is None or device.standing is not Standing.ACTIVE:
                return False
            _change(connection, [device_id], standing=Standing.UNPROVEN.value, why=why)
            append(connection, [Act(HUB, "doubt", device_id, why)], now)
            return True

    def hold(self, why: str, who: str, now: int) -> int:
        """Hold all devices that are not revoked and audit it."""
        with self._door.writing() as connection:
            standing = DEVICES.c.standing.not_in([Standing.REVOKED.value, Standing.HELD.value])
            found = list(connection.execute(select(DEVICES.c.id).where(standing)).scalars())
            _change(connection, found, standing=Standing.HELD.value, why=why, before=DEVICES.c.standing)
            append(connection, [Act(who, "hold", "all devices", f"{len(found)}: {why}")], now)
            return len(found)

    def confirm(self, device_ids: Sequence[str] | None, who: str, now: int) -> int:
        """Let held devices in again and audit it."""
        with self._door.writing() as connection:
            held = select(DEVICES.c.id).where(DEVICES.c.standing == Standing.HELD.value)
            unproven = (DEVICES.c.before == Standing.UNPROVEN.value, "it was unproven before it was held")
            found = list(connection.execute(held).scalars())
            if device_ids is not None:
                wanted = set(device_ids)
                found = [one for one in found if one in wanted]
            _change(connection, found, standing=DEVICES.c.before, why=case(unproven, else_=""), before="")
            what = "all held devices" if device_ids is None else " ".join(found)
            append(connection, [Act(who, "confirm", what, f"{len(found)}")], now)
            return len(found)

    def seen_since(self, after: int) -> dict[str, int]:
        """Return when devices were last heard, of those that were behind `after`."""
        with self._door.reading() as connection:
            rows = connection.execute(select(SEEN.c.device, SEEN.c.last).where(SEEN.c.last > after))
            return {one.device: one.last for one in rows}

    def seen(self, last: Mapping[str, int]) -> None:
        """Remember when devices last spoke."""
        if not last:
            return
        rows = [{"one": device, "at": at} for device, at in last.items()]
        # The parameters' names are no columns of the table, or SQLAlchemy would take them for values to set.
        statement = "UPDATE seen SET last = :at WHERE device = :one AND last < :at"
        with self._door.writing() as connection:
            connection.exec_driver_sql(statement, rows)

    def add_enrol_token(self, token: EnrolToken) -> None:
        """Keep a new enrolment token and audit it."""
        row = {name: getattr(token, name) for name in ENROL_TOKENS.c.keys()}  # noqa: SIM118  # no mapping: names
        with self._door.writing() as connection:
            connection.execute(insert(ENROL_TOKENS), row | {"kind": token.kind.value})
            detail = f"{token.label}: {token.uses_left} of kind {token.kind}"
            append(connection, [Act(token.made_by, "enrol-token", token.id, detail)], token.made)

    def enrol_tokens(self) -> list[EnrolToken]:
        """Return all enrolment tokens, the newest first."""
        statement = select(ENROL_TOKENS).order_by(ENROL_TOKENS.c.made.desc(), ENROL_TOKENS.c.id)
        with self._door.reading() as connection:
            return tokens_of(connection.execute(statement))

    def revoke_enrol_token(self, token_id: str, who: str, now: int) -> bool:
        """Let nobody in by this token any more and audit it."""
        with self._door.writing() as connection:
            good = [ENROL_TOKENS.c.id == token_id, ENROL_TOKENS.c.revoked.is_(None)]
            if not changed(connection, ENROL_TOKENS, good, {"revoked": now}):
                return False
            append(connection, [Act(who, "revoke-enrol-token", token_id)], now)
            return True


def _get(connection: Connection, device_id: str) -> Device | None:
    row = connection.execute(_DEVICE.where(DEVICES.c.id == device_id)).first()
    return None if row is None else _device(row)


def _add(connection: Connection, device: NewDevice, kind: DeviceKind, label: str, now: int) -> None:
    if _get(connection, device.id) is not None:
        raise OurFault(f"device {device.id}: it is there already")
    row = {"id": device.id, "name": device.name, "system": device.system, "kind": kind.value}
    row |= {"standing": Standing.ACTIVE.value, "why": "", "before": "", "enrolled_with": label}
    numbers = {"enrolled": now, "revision": _next_revision(connection)}
    connection.execute(insert(DEVICES), row | numbers | _newest(device.certificate))
    connection.execute(insert(SEEN), {"device": device.id, "last": 0})
    connection.execute(insert(CERTIFICATES), _certificate_row(device.id, device.certificate))
    append(connection, [Act(HUB, "enrol", device.id, f"{device.name}, with {label}")], now)


def _change(connection: Connection, device_ids: Sequence[str], **values: Any) -> None:
    if not device_ids:
        return
    values["revision"] = _next_revision(connection)
    for some in chunks(device_ids):
        connection.execute(update(DEVICES).where(DEVICES.c.id.in_(some)).values(**values))


def _next_revision(connection: Connection) -> int:
    new = counter(connection, REVISION) + 1
    set_counter(connection, REVISION, new)
    return new


def _newest(certificate: Certificate) -> dict[str, Any]:
    return {"fingerprint": certificate.fingerprint, "serial": certificate.serial, "expires": certificate.expires}


def _certificate_row(device_id: str, certificate: Certificate) -> dict[str, Any]:
    return {"device": device_id, "issued": certificate.issued, **_newest(certificate)}


def _device(row: Sequence[Any]) -> Device:
    """Return the device of a row of `_DEVICE`: a gate and each worker read all of them at each start."""
    id_, name, system, kind, standing, why, enrolled, label, fingerprint, serial, expires, last, revision = row
    certificate = fingerprint, serial, expires
    return Device(
        id_,
        name,
        system,
        _KINDS[kind],
        _STANDINGS[standing],
        why,
        enrolled,
        label,
        *certificate,
        last or None,
        revision,
    )
