"""A small made-up hub on disk: settings, keys, a register with people and devices, two streams that hold something."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from carecordon.hub.backup.archive import Manifest
from carecordon.hub.backup.backup import Store, backup
from carecordon.hub.config import Paths
from carecordon.hub.trust.access import make_enrol_token, make_token
from carecordon.hub.trust.authority import make_authority
from carecordon.hub.trust.keyfile import make_folder, write_secret
from carecordon.model.device import Certificate, DeviceKind, NewDevice
from carecordon.model.person import Organisation, Person, Role
from carecordon.model.stream import Part
from carecordon.register.backends.sqlite import SQLITE as REGISTER
from carecordon.register.register import Register
from carecordon.stream.backends.sqlite import SQLITE as STREAM

NOW = 1_800_000_000_000_000_000
HOUR = 3_600 * 1_000_000_000
ODS = "X99"
PASSPHRASE = "four words and some more"  # noqa: S105  # of made-up backups
CHEAP = 1_024
"""Of stretching it: the real cost takes a second each time, and is tried once."""
DEVICES = 6


def device_id(number: int) -> str:
    """Return the id of a device."""
    return f"{number:032x}"


def found_hub(paths: Paths) -> str:
    """Make a hub; return the text of the administrator's token."""
    for folder in (paths.data, paths.events.parent, paths.rules):
        folder.mkdir(parents=True, exist_ok=True)
    paths.data.chmod(0o700)
    paths.settings.write_text(f'ods = "{ODS}"\nname = "Example Trust"\n[limits]\nreserve_bytes = 1000\n', "utf-8")
    (paths.rules / "own.yml").write_text("title: own\n", "utf-8")
    authority = make_authority(paths.keys, ODS, "Example Trust", NOW)
    authority.issue_server(paths.keys, [], NOW)
    make_folder(paths.keys / "notify")
    write_secret(paths.keys / "notify" / "mail.password", b"invented")
    REGISTER.prepare(str(paths.register))
    token, shown = make_token("ada", "laptop", NOW)
    enrol, _ = make_enrol_token(authority.fingerprint, "ward", "ada", NOW, uses=9)
    with opened(paths) as register:
        register.people.found(Organisation(ODS, "Example Trust", NOW), Person("ada", Role.ADMIN, NOW), token)
        register.devices.add_enrol_token(enrol)
        for number in range(DEVICES):
            certificate = Certificate(f"{number:064x}", f"{number:x}", NOW, NOW + 720 * HOUR)
            new = NewDevice(device_id(number), f"WARD-{number}", "Linux", DeviceKind.AGENT, certificate)
            register.devices.add(new, "ward", NOW)
    for path, partitions in ((paths.events, 2), (paths.found, 1)):
        stream = STREAM.open(str(path), partitions)
        stream.publish([Part("sender", 1, 0, 9, b"ten events")], NOW)
        stream.close()
    return shown


@contextmanager
def opened(paths: Paths) -> Iterator[Register]:
    """Yield the hub's register, open."""
    register = REGISTER.open_register(str(paths.register))
    try:
        yield register
    finally:
        register.close()


def back_up(paths: Paths, target: Path, now: int, store: Store | None = None) -> Manifest:
    """Take a backup whose passphrase is stretched but a little."""
    return backup(paths, target, PASSPHRASE, now, store, cost=CHEAP)
