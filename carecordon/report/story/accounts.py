"""Kinds of facts about logons, accounts, groups and tickets."""

from __future__ import annotations

from carecordon.model.event import Fields
from carecordon.report.story.kind import Kind
from carecordon.report.story.values import (
    Slot,
    account,
    field,
    from_table,
    name,
    origin,
    program,
    quoted,
    show_account,
    told,
)


def _is_service(fields: Fields) -> bool:
    return field(fields, "LogonType") in ("0", "4", "5")


def _is_person(fields: Fields) -> bool:
    return field(fields, "LogonType") in ("2", "7", "10", "11", "12", "13", "9")


def _has_failed(fields: Fields) -> bool:
    return (field(fields, "Status") or "0x0").lower() not in ("0x0", "0")


def _ntlm(fields: Fields) -> str | None:
    package = field(fields, "AuthenticationPackageName", "PackageName")
    return package if package and "ntlm" in package.lower() else None


def _member(fields: Fields) -> str | None:
    return field(fields, "MemberName") or field(fields, "MemberSid")


def _replicates(fields: Fields) -> bool:
    rights = (field(fields, "Properties") or "").lower()
    return "1131f6a" in rights or "89e95b76-444d-4c62-991a-0facbeda640c" in rights


def _other_host(fields: Fields) -> str | None:
    """Return the device that a logon names as where it came from, unless that is the device itself."""
    host = field(fields, "WorkstationName") or ""
    own = field(fields, "Computer", "Hostname") or ""
    return None if host.lower() == own.partition(".")[0].lower() else host or None


_SOURCE = origin("IpAddress", "ClientAddress", "Address", "Param3")
_TARGET = account("Target")
_NAMED = Slot(_TARGET.read, lambda raw, _: quoted(raw))
"""For sentences that say themselves that it is an account."""
_BY = account("Subject")
_ENTRY = {"account": _BY, "object": name("ObjectDN")}
_LOGON = {
    "account": _TARGET,
    "manner": told("logons", "LogonType"),
    "source": _SOURCE,
    "host": Slot(_other_host, lambda raw, _: quoted(raw)),
    "package": Slot(_ntlm, lambda _, words: words.look_up("packages", "ntlm")),
}
_SAME_LOGON = ("account", "manner", "source")


def _changed(key: str, *ids: int, weight: int = 40) -> Kind:
    """Return a kind about an account that somebody changed."""
    slots = {"account": _NAMED if key.startswith("account_") else _TARGET, "by": _BY}
    return Kind(key, tuple(("security", number) for number in ids), slots, ("account", "by"), weight)


def _group(key: str, *ids: int) -> Kind:
    slots = {"member": Slot(_member, show_account), "group": name("TargetUserName"), "by": _BY}
    return Kind(key, tuple(("security", number) for number in ids), slots, ("member", "group"), 40)


ACCOUNTS = (
    Kind("logon", (("security", 4624),), _LOGON, _SAME_LOGON, 22, when=_is_person),
    Kind("logon_of_service", (("security", 4624),), _LOGON, ("account", "manner"), 6, when=_is_service),
    Kind("logon", (("security", 4624),), _LOGON, _SAME_LOGON, 16),
    Kind(
        "logon_failed",
        (("security", 4625),),
        {**_LOGON, "reason": from_table("statuses", "SubStatus", "Status")},
        same=("manner", "source", "reason"),
        weight=16,
        varies="account",
    ),
    Kind("logoff", (("security", 4634), ("security", 4647)), {"account": _TARGET}, ("account",), 2),
    Kind(
        "password_given",
        (("security", 4648),),
        {"by": _BY, "account": _TARGET, "server": name("TargetServerName"), "image": program("ProcessName")},
        same=("by", "account", "image"),
        weight=22,
        varies="server",
    ),
    Kind("rights_given", (("security", 4672),), {"account": _BY}, ("account",), 5),
    Kind(
        "password_wrong",
        (("security", 4776),),
        {"account": account("Target"), "host": name("Workstation"), "reason": from_table("statuses", "Status")},
        same=("host", "reason"),
        weight=12,
        varies="account",
        when=_has_failed,
    ),
    Kind(
        "password_checked",
        (("security", 4776),),
        {"account": account("Target"), "host": name("Workstation")},
        same=("account", "host"),
        weight=5,
    ),
    _changed("device_account_created", 4741, weight=30),
    _changed("device_account_changed", 4742, weight=12),
    _changed("device_account_deleted", 4743, weight=20),
    _changed("account_locked", 4740, weight=20),
    _changed("account_created", 4720),
    _changed("account_enabled", 4722, weight=25),
    _changed("account_disabled", 4725, weight=25),
    _changed("account_deleted", 4726),
    _changed("account_changed", 4738, weight=20),
    _changed("password_changed", 4723, weight=15),
    _changed("password_reset", 4724, weight=30),
    Kind(
        "account_renamed",
        (("security", 4781),),
        {"account": name("OldTargetUserName"), "name": name("NewTargetUserName"), "by": _BY},
        same=("account",),
        weight=25,
    ),
    _group("member_added", 4728, 4732, 4756),
    _group("member_removed", 4729, 4733, 4757),
    Kind(
        "ticket_refused",
        (("security", 4768), ("security", 4771)),
        {"source": _SOURCE, "account": _TARGET, "reason": told("kerberos", "Status")},
        same=("source", "reason"),
        weight=14,
        varies="account",
        when=_has_failed,
    ),
    Kind("ticket", (("security", 4768),), {"account": _TARGET, "source": _SOURCE}, ("account", "source"), 6),
    Kind(
        "service_ticket",
        (("security", 4769),),
        {
            "account": _TARGET,
            "service": name("ServiceName"),
            "cipher": from_table("ciphers", "TicketEncryptionType"),
            "source": _SOURCE,
        },
        same=("account", "source", "cipher"),
        weight=8,
        varies="service",
    ),
    Kind(
        "directory_copied",
        (("security", 4662),),
        {"account": _BY, "object": name("ObjectName")},
        same=("account",),
        weight=40,
        when=_replicates,
    ),
    Kind(
        "directory_used",
        (("security", 4662),),
        {"account": _BY, "object": name("ObjectName")},
        ("account",),
        8,
        "object",
    ),
    Kind(
        "directory_made",
        (("security", 5137),),
        {"account": _BY, "object": name("ObjectDN")},
        ("account",),
        18,
        "object",
    ),
    Kind(
        "directory_removed",
        (("security", 5141),),
        {"account": _BY, "object": name("ObjectDN")},
        ("account",),
        15,
        "object",
    ),
    Kind(
        "directory_changed",
        (("security", 5136),),
        {
            "account": _BY,
            "object": name("ObjectDN"),
            "name": name("AttributeLDAPDisplayName"),
            "value": name("AttributeValue"),
        },
        same=("account", "name"),
        weight=20,
        varies="object",
    ),
    Kind(
        "session",
        (("sessions", 21), ("sessions", 22), ("sessions", 25), ("remote-connections", 1149)),
        {"account": account("", "User", "Param1"), "source": _SOURCE},
        same=("account", "source"),
        weight=16,
    ),
    Kind(
        "session_end",
        (("sessions", 23), ("sessions", 24)),
        {"account": account("", "User"), "source": _SOURCE},
        ("account",),
        3,
    ),
    Kind(
        "session_resumed",
        (("security", 4778),),
        {"account": name("AccountName"), "source": _SOURCE, "host": name("ClientName")},
        same=("account", "source"),
        weight=14,
    ),
)
