"""Where a hub's things lie and how it is set: one folder of data, one of keys, one file that a person may edit."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path

import msgspec

from carecordon.model.errors import TheirFault
from carecordon.model.match import Level

SETTINGS = "hub.toml"


class Listen(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where the hub listens: `devices` and `enrol` for devices, `api` for people and other software.

    The API listens on anything but loopback only over TLS: `api_certificate` and `api_key` are PEM files.
    """

    host: str = "0.0.0.0"  # noqa: S104  # devices come from the hospital's whole network
    devices: int = 8443
    enrol: int = 8444
    api_host: str = "127.0.0.1"
    api: int = 8480
    api_certificate: str | None = None
    api_key: str | None = None
    api_names: tuple[str, ...] = ()
    """Names that the API may be called by beside this machine's own: those of a proxy before it, for example."""


class Mail(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A mail server that takes notices, and who gets them."""

    host: str
    sender: str
    to: tuple[str, ...]
    port: int = 25
    starttls: bool = True
    """What notices say of a hospital goes over its network encrypted, or the file says that it does not."""
    user: str | None = None
    password_file: str | None = None


class Webhook(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A receiver of signed notices: https, or http on this machine itself.

    Source: Standard Webhooks specification; `secret_file` holds `whsec_…`.
    """

    url: str
    secret_file: str


class Notify(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Who is told of incidents: those of `level` and above; more than `digest_after` in a minute become one digest."""

    level: str = Level.HIGH.value
    digest_after: int = 10
    mail: tuple[Mail, ...] = ()
    webhook: tuple[Webhook, ...] = ()

    def __post_init__(self) -> None:
        """Raise ValueError for a level that is none, with those that are."""
        if self.level not in set(Level):
            known = ", ".join(one.value for one in Level)
            raise ValueError(f"`level` is {self.level!r}; it can be one of {known}")


class Limits(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the hub allows: see docs/hub.md for what each one protects."""

    device_events_per_s: float = 200.0
    device_burst_events: float = 20_000.0
    forwarder_events_per_s: float = 5_000.0
    forwarder_burst_events: float = 100_000.0
    """A forwarder speaks for many machines."""
    max_lag_s: float = 300.0
    reserve_bytes: int = 1_000_000_000
    silent_after_s: float = 600.0
    question_s: float = 10.0
    question_rows: int = 10_000
    question_bytes: int = 1_000_000_000


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What stands in `hub.toml`. `ods` is the organisation's code in the NHS Organisation Data Service."""

    ods: str
    name: str
    partitions: int = 2
    """Of stream 1, fixed when the hub is made: as many workers as that can share the work."""
    retention_days: int = 30
    own_rules: bool = True
    rules: tuple[str, ...] = ()
    """Folders, files and zips of Sigma rules beside our own and beside `rules/` in the data folder."""
    listen: Listen = Listen()
    limits: Limits = Limits()
    notify: Notify = Notify()


@dataclass(frozen=True, slots=True)
class Paths:
    """Where everything lies. `keys` is apart from `data`, so that a copy of one gives nobody the other."""

    data: Path
    keys: Path

    @property
    def settings(self) -> Path:
        """Return the file that a person may edit."""
        return self.data / SETTINGS

    @property
    def events(self) -> Path:
        """Return the log of what devices sent: stream 1."""
        return self.data / "stream" / "events.db"

    @property
    def found(self) -> Path:
        """Return the log of what was found in it, and of what people did: stream 2."""
        return self.data / "stream" / "found.db"

    @property
    def register(self) -> Path:
        """Return the database of devices, people, incidents and the audit log."""
        return self.data / "register.db"

    @property
    def telemetry(self) -> Path:
        """Return the folder that the keeper keeps events in."""
        return self.data / "telemetry"

    @property
    def rules(self) -> Path:
        """Return the folder of the hub's own rules and exceptions."""
        return self.data / "rules"

    @property
    def devices(self) -> Path:
        """Return the list that a person may keep: what devices are for (CSV: device, class, impact)."""
        return self.data / "devices.csv"

    @property
    def run(self) -> Path:
        """Return the folder of what lives only while the hub does: sockets, pulses, the keeper's address and secret."""
        return self.data / "run"

    @property
    def logs(self) -> Path:
        """Return the folder of logs."""
        return self.data / "logs"

    @property
    def control(self) -> Path:
        """Return the socket, 0600, that the hub's own commands speak to."""
        return self.run / "control.sock"


def read_settings(path: Path) -> Settings:
    """Return what stands in `hub.toml`. Raises TheirFault, with path and reason, where it cannot be used."""
    try:
        text = path.read_text("utf-8")
    except FileNotFoundError as fault:
        raise TheirFault(f"{path}: there is no hub here; make one with `carecordon hub init`") from fault
    except (OSError, UnicodeDecodeError) as fault:
        raise TheirFault(f"{path}: it cannot be read: {fault}") from fault
    try:
        return msgspec.convert(tomllib.loads(text), Settings, strict=False)
    except (tomllib.TOMLDecodeError, msgspec.ValidationError) as fault:
        raise TheirFault(f"{path}: {fault}") from fault
