"""What one device of the made-up hospital saw, before it is written in any shape."""

from __future__ import annotations

from dataclasses import dataclass, field

DOMAIN = "wph.example.org"
ADM, RAD, DC, FS = "WPH-ADM-WS14", "WPH-RAD-WS02", "WPH-DC01", "WPH-FS01"
ADDRESSES = {ADM: "192.0.2.34", RAD: "192.0.2.72", DC: "192.0.2.10", FS: "192.0.2.20"}
"""All addresses are of the blocks kept for documentation. Source: RFC 5737."""

SYSTEM32 = "C:\\Windows\\System32\\"
POWERSHELL = SYSTEM32 + "WindowsPowerShell\\v1.0\\powershell.exe"
EXPLORER = "C:\\Windows\\explorer.exe"

SYSMON = ("Microsoft-Windows-Sysmon/Operational", "Microsoft-Windows-Sysmon")
SECURITY = ("Security", "Microsoft-Windows-Security-Auditing")
SERVICES = ("System", "Service Control Manager")
LOG_SERVICE = "Microsoft-Windows-Eventlog"
DEFENDER = ("Microsoft-Windows-Windows Defender/Operational", "Microsoft-Windows-Windows Defender")
SCRIPTS = ("Microsoft-Windows-PowerShell/Operational", "Microsoft-Windows-PowerShell")


@dataclass(frozen=True, slots=True)
class Seen:
    """One event: `clock` is the time of day in UTC, `HH:MM:SS`."""

    clock: str
    host: str
    channel: str
    provider: str
    event_id: int
    fields: dict[str, str] = field(default_factory=dict)


def seen(clock: str, host: str, log: tuple[str, str], event_id: int, **fields: str) -> Seen:
    """Return an event of a log."""
    return Seen(clock, host, *log, event_id, fields)


def process(clock: str, host: str, image: str, line: str, parent: str = EXPLORER, **fields: str) -> Seen:
    """Return Sysmon's report of a started process."""
    told = {"Image": image, "CommandLine": line, "ParentImage": parent, **fields}
    return seen(clock, host, SYSMON, 1, **{"User": "WPH\\medsec07", **told})


def connection(clock: str, host: str, image: str, address: str, port: int) -> Seen:
    """Return Sysmon's report of a connection that the host opened."""
    ends = {"SourceIp": ADDRESSES[host], "DestinationIp": address, "DestinationPort": str(port)}
    return seen(clock, host, SYSMON, 3, Image=image, Initiated="true", Protocol="tcp", **ends)


def written(clock: str, host: str, image: str, path: str) -> Seen:
    """Return Sysmon's report of a file that was made."""
    return seen(clock, host, SYSMON, 11, Image=image, TargetFilename=path)


def setting(clock: str, host: str, image: str, key: str, value: str) -> Seen:
    """Return Sysmon's report of a registry value that was set."""
    return seen(clock, host, SYSMON, 13, EventType="SetValue", Image=image, TargetObject=key, Details=value)


def logon(clock: str, host: str, user: str, address: str, kind: int = 3, *, failed: bool = False) -> Seen:
    """Return a logon of the given type, or its failure for a wrong password."""
    told = {"TargetUserName": user, "TargetDomainName": "WPH", "LogonType": str(kind), "IpAddress": address}
    if failed:
        return seen(clock, host, SECURITY, 4625, Status="0xc000006d", SubStatus="0xc000006a", **told)
    return seen(clock, host, SECURITY, 4624, AuthenticationPackageName="Kerberos", **told)


def service(clock: str, host: str, name: str, path: str, start: str) -> Seen:
    """Return the report that a service was installed."""
    told = {"ServiceName": name, "ImagePath": path, "StartType": start}
    return seen(clock, host, SERVICES, 7045, ServiceType="user mode service", AccountName="LocalSystem", **told)
