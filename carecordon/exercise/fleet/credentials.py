"""The keys and certificates of a fleet: each device makes its own; a hub, or whoever speaks for it, certifies them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import msgspec

from carecordon.agent.enrol import NotEnrolled, Pass, enrol
from carecordon.agent.identity import DEVICE, HUB, Hub, Identity, make_key, make_request, open_identity
from carecordon.model.errors import TheirFault

Asked = tuple[str, str]
"""What a device calls itself, and its signing request (PEM)."""
Issue = Callable[[Sequence[Asked]], Sequence[tuple[str, str]]]
"""Returns for each request the device's id and its certificate with the CA behind it (PEM)."""
THREADS = 8


def folder_of(state: Path, number: int) -> Path:
    """Return the state folder of one device."""
    return state / f"{number:05d}"


def certified(state: Path, names: Sequence[str], host: str, port: int, authority: str, issue: Issue) -> list[Identity]:
    """Return devices that were certified all at once, without a door to knock at; those from before are used again.

    `authority` is the hub's CA (PEM), `port` where devices connect.
    """
    found = [_known(folder_of(state, number), host, port) for number in range(len(names))]
    missing = [number for number, one in enumerate(found) if one is None]
    keys = [make_key() for _ in missing]
    asked = [(names[number], make_request(key, names[number])) for number, key in zip(missing, keys, strict=True)]
    for number, key, (device, chain) in zip(missing, keys, issue(asked) if asked else (), strict=True):
        found[number] = _settled(folder_of(state, number), Hub(host, port, device, authority), key, chain)
    return [one for one in found if one is not None]


def enrolled(state: Path, names: Sequence[str], host: str, port: int, token: Pass) -> list[Identity]:
    """Return devices that enrolled as real ones do, a few at a time; those from before are used again.

    Raises TheirFault where the hub refuses one.
    """

    def one(number: int) -> Identity:
        folder = folder_of(state, number)
        known = open_identity(folder)
        if known is not None:
            return known
        made = enrol(folder, host, port, token, name=names[number], system="exercise", timeout_s=60.0)
        if isinstance(made, NotEnrolled):
            raise TheirFault(f"device {names[number]}: {made.reason}")
        return made

    with ThreadPoolExecutor(THREADS) as threads:
        return list(threads.map(one, range(len(names))))


def ids(identities: Iterable[Identity]) -> list[str]:
    """Return the ids that the hub gave."""
    return [identity.hub.device for identity in identities]


def _settled(folder: Path, hub: Hub, key: bytes, chain: str) -> Identity:
    """Keep what a device is, without waiting for the disk as a real one does: ten thousand would take minutes."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    for name, content in ((DEVICE, key + chain.encode()), (HUB, msgspec.json.encode(hub))):
        path = folder / name
        path.touch(0o600)
        path.write_bytes(content)
    return Identity(folder, hub)


def _known(folder: Path, host: str, port: int) -> Identity | None:
    """Return a device of before, at the hub's address of today."""
    found = open_identity(folder)
    if found is None:
        return None
    return Identity(folder, Hub(host, port, found.hub.device, found.hub.authority))
