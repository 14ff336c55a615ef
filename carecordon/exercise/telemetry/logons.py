"""Logons as the Security log tells them: who came, from where, by which protocol, and who failed."""

from __future__ import annotations

from dataclasses import dataclass

from carecordon.exercise.telemetry import kinds
from carecordon.exercise.telemetry.programs import SYSTEM32
from carecordon.exercise.telemetry.sensor import Sensor, Session
from carecordon.exercise.world import DOMAIN, ZONE, Person

NOBODY = "{00000000-0000-0000-0000-000000000000}"
SPECIAL = "\r\n\t\t\t".join(
    f"Se{name}Privilege"
    for name in ("Security", "Backup", "Restore", "TakeOwnership", "Debug", "SystemEnvironment", "LoadDriver",
                 "Impersonate", "DelegateSessionUserImpersonate")
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Manner:
    """How a logon comes about: type, from where, by which protocol."""

    kind: int
    address: str = "-"
    workstation: str = "-"
    package: str = "Kerberos"
    process: str = "-"
    key_length: str = "128"
    """Of the session key of NTLM; 0 where a tool of attackers speaks it."""
    special: bool = False
    """The account has an administrator's privileges here, which Windows tells in an event of its own."""


CONSOLE = Manner(2, "127.0.0.1", package="Negotiate", process=SYSTEM32 + "svchost.exe")
UNLOCK = Manner(7, "127.0.0.1", package="Negotiate", process=SYSTEM32 + "svchost.exe")


def log_on(on: Sensor, who: Person, manner: Manner, terminal: str = "0") -> Session:
    """Return the session of a logon that was granted."""
    number = on.new_logon_id()
    sid = on.world.sid(who)
    session = on.session(f"{DOMAIN}\\{who.account}", sid, number, terminal, "High" if manner.special else "Medium")
    inside = manner.kind in (2, 7, 10, 11)
    ntlm = manner.package == "NTLM"
    on.emit(
        kinds.LOGGED_ON,
        {
            "SubjectUserSid": "S-1-5-18" if inside else "S-1-0-0",
            "SubjectUserName": f"{on.device.name.upper()}$" if inside else "-",
            "SubjectDomainName": DOMAIN if inside else "-",
            "SubjectLogonId": "0x3e7" if inside else "0x0",
            "TargetUserSid": sid,
            "TargetUserName": who.account,
            "TargetDomainName": DOMAIN if inside or ntlm else ZONE.upper(),
            "TargetLogonId": session.logon_id,
            "LogonType": str(manner.kind),
            "LogonProcessName": "User32 " if inside else "NtLmSsp " if ntlm else "Kerberos",
            "AuthenticationPackageName": manner.package,
            "WorkstationName": manner.workstation.upper() if ntlm or not inside else on.device.name.upper(),
            "LogonGuid": NOBODY if ntlm else session.logon_guid,
            "TransmittedServices": "-",
            "LmPackageName": "NTLM V2" if ntlm else "-",
            "KeyLength": manner.key_length if ntlm else "0",
            "ProcessId": hex(on.state.roots["svchost:netsvcs"].pid) if inside else "0x0",
            "ProcessName": manner.process,
            "IpAddress": manner.address,
            "IpPort": _port(on, manner),
            "ImpersonationLevel": "%%1833",
            "RestrictedAdminMode": "%%1843" if manner.kind == 10 else "-",
            "TargetOutboundUserName": "-",
            "TargetOutboundDomainName": "-",
            "VirtualAccount": "%%1843",
            "TargetLinkedLogonId": "0x0",
            "ElevatedToken": "%%1842" if manner.special else "%%1843",
        },
    )
    if manner.special:
        grant(on, session)
    return session


def _port(on: Sensor, manner: Manner) -> str:
    if manner.address in ("-", "127.0.0.1"):
        return "0" if manner.address != "-" else "-"
    return str(on.rng.randrange(49152, 65536))


def grant(on: Sensor, session: Session) -> None:
    """Tell that a new logon has an administrator's privileges."""
    on.emit(kinds.PRIVILEGES, subject(session) | {"PrivilegeList": SPECIAL})


def start_service(on: Sensor) -> None:
    """Tell the logon of the system for a service that starts (type 5), the commonest of all."""
    system = on.state.roots["services"].session
    fields = {
        "TargetUserSid": system.sid,
        "TargetUserName": "SYSTEM",
        "TargetDomainName": "NT AUTHORITY",
        "TargetLogonId": system.logon_id,
        "LogonType": "5",
        "LogonProcessName": "Advapi  ",
        "AuthenticationPackageName": "Negotiate",
        "WorkstationName": "-",
        "LogonGuid": NOBODY,
        "TransmittedServices": "-",
        "LmPackageName": "-",
        "KeyLength": "0",
        "ProcessId": hex(on.state.roots["services"].pid),
        "ProcessName": SYSTEM32 + "services.exe",
        "IpAddress": "-",
        "IpPort": "-",
        "ImpersonationLevel": "%%1833",
        "RestrictedAdminMode": "-",
        "TargetOutboundUserName": "-",
        "TargetOutboundDomainName": "-",
        "VirtualAccount": "%%1843",
        "TargetLinkedLogonId": "0x0",
        "ElevatedToken": "%%1842",
    }
    machine = subject(system) | {"SubjectUserName": f"{on.device.name.upper()}$", "SubjectDomainName": DOMAIN}
    on.emit(kinds.LOGGED_ON, machine | fields)
    grant(on, system)


def log_on_as_other(on: Sensor, session: Session, other: Person) -> None:
    """Tell the new logon by which a process of `session` goes on as another account on the network only (type 9)."""
    number = on.new_logon_id()
    fields = {
        "TargetUserSid": session.sid,
        "TargetUserName": session.account,
        "TargetDomainName": session.domain,
        "TargetLogonId": hex(number),
        "LogonType": "9",
        "LogonProcessName": "seclogo",
        "AuthenticationPackageName": "Negotiate",
        "WorkstationName": "-",
        "LogonGuid": NOBODY,
        "TransmittedServices": "-",
        "LmPackageName": "-",
        "KeyLength": "0",
        "ProcessId": hex(on.state.roots["svchost:netsvcs"].pid),
        "ProcessName": SYSTEM32 + "svchost.exe",
        "IpAddress": "::1",
        "IpPort": "0",
        "ImpersonationLevel": "%%1833",
        "RestrictedAdminMode": "-",
        "TargetOutboundUserName": other.account,
        "TargetOutboundDomainName": DOMAIN,
        "VirtualAccount": "%%1843",
        "TargetLinkedLogonId": "0x0",
        "ElevatedToken": "%%1842",
    }
    on.emit(kinds.LOGGED_ON, subject(session) | fields)


def log_off(on: Sensor, session: Session, kind: int) -> None:
    """Tell that a logon is over."""
    on.emit(
        kinds.LOGGED_OFF,
        {
            "TargetUserSid": session.sid,
            "TargetUserName": session.account,
            "TargetDomainName": session.domain,
            "TargetLogonId": session.logon_id,
            "LogonType": str(kind),
        },
    )


def fail(on: Sensor, account: str, manner: Manner, sub_status: str = "0xc000006a") -> None:
    """Tell that a logon was refused: 0xc000006a a wrong password, 0xc0000064 nobody of that name, 0xc0000234 locked."""
    on.emit(
        kinds.LOGON_FAILED,
        {
            "SubjectUserSid": "S-1-5-18" if manner.kind in (2, 7) else "S-1-0-0",
            "SubjectUserName": f"{on.device.name.upper()}$" if manner.kind in (2, 7) else "-",
            "SubjectDomainName": DOMAIN if manner.kind in (2, 7) else "-",
            "SubjectLogonId": "0x3e7" if manner.kind in (2, 7) else "0x0",
            "TargetUserSid": "S-1-0-0",
            "TargetUserName": account,
            "TargetDomainName": DOMAIN,
            "Status": "0xc000006d",
            "FailureReason": "%%2313",
            "SubStatus": sub_status,
            "LogonType": str(manner.kind),
            "LogonProcessName": "User32 " if manner.kind in (2, 7) else "NtLmSsp ",
            "AuthenticationPackageName": manner.package,
            "WorkstationName": manner.workstation,
            "TransmittedServices": "-",
            "LmPackageName": "-",
            "KeyLength": "0",
            "ProcessId": "0x0",
            "ProcessName": manner.process,
            "IpAddress": manner.address,
            "IpPort": _port(on, manner),
        },
    )


def use_credentials(on: Sensor, session: Session, other: str, server: str, program: str) -> None:
    """Tell that somebody used another account's name and password for a server."""
    on.emit(
        kinds.EXPLICIT_LOGON,
        subject(session)
        | {
            "LogonGuid": NOBODY,
            "TargetUserName": other,
            "TargetDomainName": DOMAIN,
            "TargetLogonGuid": NOBODY,
            "TargetServerName": server,
            "TargetInfo": server,
            "ProcessId": hex(4 * on.rng.randrange(250, 4000)),
            "ProcessName": program,
            "IpAddress": "-",
            "IpPort": "-",
        },
    )


def subject(session: Session) -> dict[str, str]:
    """Return the four fields by which the Security log names who did something."""
    return {
        "SubjectUserSid": session.sid,
        "SubjectUserName": session.account,
        "SubjectDomainName": session.domain,
        "SubjectLogonId": session.logon_id,
    }
