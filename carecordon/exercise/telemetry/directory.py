"""What the domain controller and the file server tell: tickets, checked passwords, shares, accounts."""

from __future__ import annotations

from carecordon.exercise.telemetry import kinds
from carecordon.exercise.telemetry.logons import NOBODY, subject
from carecordon.exercise.telemetry.sensor import Sensor, Session
from carecordon.exercise.world import DOMAIN, ZONE, Person

LOCAL = {
    "ADMIN$": "\\??\\C:\\Windows",
    "C$": "\\??\\C:\\",
    "IPC$": "",
    "SYSVOL": "\\??\\C:\\Windows\\SYSVOL\\sysvol",
}
AES, RC4 = "0x12", "0x17"


def grant_ticket(on: Sensor, account: str, sid: str, address: str, cipher: str = AES) -> None:
    """Tell that the controller let an account in (its ticket-granting ticket)."""
    on.emit(
        kinds.TICKET_GRANTED,
        {
            "TargetUserName": account,
            "TargetDomainName": DOMAIN,
            "TargetSid": sid,
            "ServiceName": "krbtgt",
            "ServiceSid": f"{on.world.domain_sid}-502",
            "TicketOptions": "0x40810010",
            "Status": "0x0",
            "TicketEncryptionType": cipher,
            "PreAuthType": "2",
            "IpAddress": f"::ffff:{address}",
            "IpPort": str(on.rng.randrange(49152, 65536)),
            "CertIssuerName": "",
            "CertSerialNumber": "",
            "CertThumbprint": "",
        },
    )


def grant_service(on: Sensor, account: str, service: str, address: str, cipher: str = AES) -> None:
    """Tell that the controller gave an account a ticket for a service."""
    on.emit(
        kinds.SERVICE_TICKET,
        {
            "TargetUserName": f"{account}@{ZONE.upper()}",
            "TargetDomainName": ZONE.upper(),
            "ServiceName": service,
            "ServiceSid": f"{on.world.domain_sid}-{1000 + len(service)}",
            "TicketOptions": "0x40810000",
            "TicketEncryptionType": cipher,
            "IpAddress": f"::ffff:{address}",
            "IpPort": str(on.rng.randrange(49152, 65536)),
            "Status": "0x0",
            "LogonGuid": f"{{{on.rng.getrandbits(32):08x}-52c8-9a0f-d1c2-{on.rng.getrandbits(48):012x}}}",
            "TransmittedServices": "-",
        },
    )


def refuse_password(on: Sensor, who: Person, address: str) -> None:
    """Tell that the controller was shown a wrong password."""
    on.emit(
        kinds.PREAUTH_FAILED,
        {
            "TargetUserName": who.account,
            "TargetSid": on.world.sid(who),
            "ServiceName": f"krbtgt/{DOMAIN}",
            "TicketOptions": "0x40810010",
            "Status": "0x18",
            "PreAuthType": "2",
            "IpAddress": f"::ffff:{address}",
            "IpPort": str(on.rng.randrange(49152, 65536)),
            "CertIssuerName": "",
            "CertSerialNumber": "",
            "CertThumbprint": "",
        },
    )


def check_password(on: Sensor, account: str, workstation: str, status: str = "0x0") -> None:
    """Tell that the controller checked a password or its hash for the old protocol (NTLM)."""
    on.emit(
        kinds.CREDENTIALS_CHECKED,
        {
            "PackageName": "MICROSOFT_AUTHENTICATION_PACKAGE_V1_0",
            "TargetUserName": account,
            "Workstation": workstation.upper(),
            "Status": status,
        },
    )


def open_share(on: Sensor, session: Session, share: str, address: str, path: str = "") -> None:
    """Tell that a share was opened over the network."""
    on.emit(
        kinds.SHARE_OPENED,
        subject(session)
        | {
            "ObjectType": "File",
            "IpAddress": address,
            "IpPort": str(on.rng.randrange(49152, 65536)),
            "ShareName": f"\\\\*\\{share}",
            "ShareLocalPath": path and f"\\??\\{path}",
            "AccessMask": "0x1",
            "AccessList": "%%4416\r\n\t\t\t\t",
        },
    )


def use_share(on: Sensor, session: Session, share: str, address: str, name: str, mask: str = "0x120089") -> None:
    """Tell that a file of a share was used; the mask says how: 0x120089 read, 0x13019f written."""
    writes = mask != "0x120089"
    on.emit(
        kinds.SHARE_CHECKED,
        subject(session)
        | {
            "ObjectType": "File",
            "IpAddress": address,
            "IpPort": str(on.rng.randrange(49152, 65536)),
            "ShareName": f"\\\\*\\{share}",
            "ShareLocalPath": LOCAL.get(share, f"\\??\\D:\\{share}"),
            "RelativeTargetName": name,
            "AccessMask": mask,
            "AccessList": "%%1538\r\n\t\t\t\t%%4417\r\n\t\t\t\t%%4418\r\n\t\t\t\t" if writes
            else "%%1538\r\n\t\t\t\t%%4416\r\n\t\t\t\t%%4423\r\n\t\t\t\t",
            "AccessReason": "-",
        },
    )  # fmt: skip


def replicate(on: Sensor, session: Session, right: str) -> None:
    """Tell that somebody used a right over the whole directory, such as copying all passwords."""
    on.emit(
        kinds.OBJECT_OPERATION,
        subject(session)
        | {
            "ObjectServer": "DS",
            "ObjectType": "%{19195a5b-6da0-11d0-afd3-00c04fd930c9}",
            "ObjectName": "%{5c1f3a8e-2b64-4b0d-9a77-0e3f5d21c6b8}",
            "OperationType": "Object Access",
            "HandleId": "0x0",
            "AccessList": "%%7688\r\n\t\t\t\t",
            "AccessMask": "0x100",
            "Properties": f"%%7688\r\n\t\t{{{right}}}\r\n\t{{19195a5b-6da0-11d0-afd3-00c04fd930c9}}\r\n",
            "AdditionalInfo": "-",
            "AdditionalInfo2": "",
        },
    )


def touch_object(on: Sensor, session: Session, right: str, mask: str = "0x10") -> None:
    """Tell that somebody read or wrote one object of the directory; 0x10 reads a property, 0x20 writes one."""
    kind = "%%7684" if mask == "0x10" else "%%7685"
    on.emit(
        kinds.OBJECT_OPERATION,
        subject(session)
        | {
            "ObjectServer": "DS",
            "ObjectType": "%{bf967aba-0de6-11d0-a285-00aa003049e2}",
            "ObjectName": f"%{{{on.rng.getrandbits(32):08x}-2b64-4b0d-9a77-0e3f5d21c6b8}}",
            "OperationType": "Object Access",
            "HandleId": "0x0",
            "AccessList": f"{kind}\r\n\t\t\t\t",
            "AccessMask": mask,
            "Properties": f"{kind}\r\n\t\t{{{right}}}\r\n\t{{bf967aba-0de6-11d0-a285-00aa003049e2}}\r\n",
            "AdditionalInfo": "-",
            "AdditionalInfo2": "",
        },
    )


def create_account(on: Sensor, session: Session, account: str, sid: str) -> None:
    """Tell that an account of the domain was created."""
    on.emit(
        kinds.ACCOUNT_CREATED,
        {"TargetUserName": account, "TargetDomainName": DOMAIN, "TargetSid": sid}
        | subject(session)
        | {
            "PrivilegeList": "-",
            "SamAccountName": account,
            "DisplayName": "%%1793",
            "UserPrincipalName": f"{account}@{ZONE}",
            "HomeDirectory": "%%1793",
            "HomePath": "%%1793",
            "ScriptPath": "%%1793",
            "ProfilePath": "%%1793",
            "UserWorkstations": "%%1793",
            "PasswordLastSet": "%%1794",
            "AccountExpires": "%%1794",
            "PrimaryGroupId": "513",
            "AllowedToDelegateTo": "-",
            "OldUacValue": "0x0",
            "NewUacValue": "0x15",
            "UserAccountControl": "\r\n\t\t%%2080\r\n\t\t%%2082\r\n\t\t%%2084",
            "UserParameters": "%%1793",
            "SidHistory": "-",
            "LogonHours": "%%1797",
        },
    )


def add_to_group(on: Sensor, session: Session, account: str, sid: str, group: str, group_rid: int) -> None:
    """Tell that an account was added to a group of the domain."""
    on.emit(
        kinds.ADDED_TO_GLOBAL_GROUP,
        {
            "MemberName": f"CN={account},CN=Users,DC=wph,DC=example,DC=org",
            "MemberSid": sid,
            "TargetUserName": group,
            "TargetDomainName": DOMAIN,
            "TargetSid": f"{on.world.domain_sid}-{group_rid}",
        }
        | subject(session)
        | {"PrivilegeList": "-"},
    )


def change_directory(on: Sensor, session: Session, target: str, attribute: str, value: str) -> None:
    """Tell that an attribute of a policy in the directory was given a value."""
    on.emit(
        kinds.DIRECTORY_CHANGED,
        {"OpCorrelationID": NOBODY, "AppCorrelationID": "-"}
        | subject(session)
        | {
            "DSName": ZONE,
            "DSType": "%%14676",
            "ObjectDN": target,
            "ObjectGUID": "{7d0b7c52-41e8-4f0c-8d5a-3f4a9be3d6c1}",
            "ObjectClass": "groupPolicyContainer",
            "AttributeLDAPDisplayName": attribute,
            "AttributeSyntaxOID": "2.5.5.12",
            "AttributeValue": value,
            "OperationType": "%%14674",
        },
    )
