"""Kinds of facts about files, shares, the registry and the network."""

from __future__ import annotations

import re

from carecordon.model.event import Fields
from carecordon.report.story.kind import DEVICE, Kind
from carecordon.report.story.values import (
    NAME_CHARS,
    PATH_CHARS,
    Slot,
    account,
    field,
    from_table,
    leaf,
    name,
    origin,
    path,
    plain,
    program,
    quoted,
    text_of,
    told,
)

_TYPE = re.compile(r"^type: +\d+ +")
_RECENT = "\\microsoft\\windows\\recent\\"
"""Where Windows keeps links to what was opened; nobody starts a program from there."""
_INBOUND = frozenset({"%%14592", "inbound"})
_PROGRAM_ENDINGS = frozenset({
    "exe", "dll", "sys", "scr", "com", "cpl", "msi", "ps1", "psm1", "bat", "cmd", "vbs", "vbe", "js", "jse", "wsf",
    "hta", "lnk", "docm", "xlsm", "pptm", "xll", "iso", "img", "ocx", "jar",
})  # fmt: skip
_DUMP_ENDINGS = frozenset({"dmp", "mdmp", "hdmp"})


def ending(path_text: str) -> str:
    """Return a file's last ending, with its dot; '' if it has none."""
    stem, dot, last = leaf(path_text).rpartition(".")
    return f".{last}" if dot and stem and len(last) <= 20 else ""


def folder(path_text: str) -> str:
    """Return the folder that a path lies in, without its last slash; '' if it names none."""
    return path_text.rpartition("\\")[0]


def _ending(fields: Fields) -> str | None:
    return ending(field(fields, "TargetFilename", "RelativeTargetName") or "") or None


def _is_program(fields: Fields) -> bool:
    written = field(fields, "TargetFilename") or ""
    return ending(written)[1:].lower() in _PROGRAM_ENDINGS and _RECENT not in written.lower()


def _is_dump(fields: Fields) -> bool:
    return ending(field(fields, "TargetFilename") or "")[1:].lower() in _DUMP_ENDINGS


def _is_inbound(fields: Fields) -> bool:
    direction = field(fields, "Initiated", "Direction") or ""
    return direction.lower() in ("false", *_INBOUND)


def _has_failed(fields: Fields) -> bool:
    status = field(fields, "QueryStatus")
    return status not in (None, "0")


def _results(fields: Fields) -> str | None:
    """Return what a look-up was answered with: addresses without their wrapping, separated by commas."""
    parts = (field(fields, "QueryResults") or "").split(";")
    answers = [_TYPE.sub("", part.removeprefix("::ffff:").strip()) for part in parts]
    return ", ".join(answer for answer in answers if answer) or None


def _key_folder(fields: Fields) -> str | None:
    return folder(field(fields, "TargetObject") or "") or None


def _came_from(fields: Fields) -> str | None:
    """Return the address that a browser noted in the mark of a downloaded file."""
    found = re.search(r"HostUrl=([^\r\n]{1,2000})", text_of(fields.get("Contents")) or "")
    return found[1].strip() if found else None


_REGISTRY_SAYS = Slot(lambda fields: field(fields, "TargetObject"), lambda raw, words: words.hint("registry", "", raw))
_ENDING = Slot(_ending, lambda raw, _: quoted(raw))
_FILE = {"image": program("Image"), "file": path("TargetFilename"), "ending": _ENDING}
_PEER = {
    "image": program("Image", "Application"),
    "port": plain("DestinationPort", "DestPort"),
    "service": from_table("ports", "DestinationPort", "DestPort"),
}
_REGISTRY = {
    "image": program("Image"),
    "target": path("TargetObject"),
    "under": Slot(_key_folder, lambda raw, _: quoted(raw)),
    "says": _REGISTRY_SAYS,
}

THINGS = (
    Kind("program_written", (("sysmon", 11),), _FILE, ("image", "ending"), 30, "file", when=_is_program),
    Kind("dump_written", (("sysmon", 11),), _FILE, ("image",), 30, "file", when=_is_dump),
    Kind("file_written", (("sysmon", 11),), _FILE, ("image", "ending"), 10, "file"),
    Kind("file_deleted", (("sysmon", 23), ("sysmon", 26)), _FILE, ("image",), 8, "file"),
    Kind("file_time_changed", (("sysmon", 2),), _FILE, ("image",), 8, "file"),
    Kind("program_seen", (("sysmon", 29), ("sysmon", 27)), _FILE, ("image", "ending"), 20, "file"),
    Kind(
        "file_marked",
        (("sysmon", 15),),
        {
            "image": program("Image"),
            "file": path("TargetFilename"),
            "url": Slot(_came_from, lambda raw, _: quoted(raw, PATH_CHARS)),
        },
        same=("image",),
        weight=16,
        varies="file",
    ),
    Kind(
        "connection_in",
        (("sysmon", 3), ("security", 5156)),
        {**_PEER, "address": name("SourceIp", "SourceAddress"), "host": name("SourceHostname")},
        same=("address", "port"),
        weight=24,
        varies=DEVICE,
        when=_is_inbound,
    ),
    Kind(
        "connection_out",
        (("sysmon", 3), ("security", 5156)),
        {**_PEER, "address": name("DestinationIp", "DestAddress"), "host": name("DestinationHostname")},
        same=("image", "port"),
        weight=18,
        varies="address",
    ),
    Kind(
        "connection_blocked",
        (("security", 5157),),
        {**_PEER, "address": name("DestAddress")},
        same=("image", "port"),
        weight=10,
        varies="address",
    ),
    Kind(
        "lookup_failed",
        (("sysmon", 22),),
        {"image": program("Image"), "query": name("QueryName"), "status": told("dns", "QueryStatus")},
        same=("image", "status"),
        weight=14,
        varies="query",
        when=_has_failed,
    ),
    Kind(
        "lookup",
        (("sysmon", 22),),
        {
            "image": program("Image"),
            "query": name("QueryName"),
            "answer": Slot(_results, lambda raw, _: quoted(raw, NAME_CHARS)),
        },
        same=("image",),
        weight=10,
        varies="query",
    ),
    Kind(
        "registry_set",
        (("sysmon", 13),),
        {**_REGISTRY, "value": path("Details")},
        same=("image", "under"),
        weight=12,
        varies="target",
    ),
    Kind(
        "registry_removed",
        (("sysmon", 12),),
        _REGISTRY,
        same=("image", "under"),
        weight=8,
        varies="target",
        when=lambda fields: "delete" in (field(fields, "EventType") or "").lower(),
    ),
    Kind("registry_made", (("sysmon", 12),), _REGISTRY, ("image", "under"), 4, "target"),
    Kind(
        "registry_renamed",
        (("sysmon", 14),),
        {**_REGISTRY, "value": path("NewName")},
        same=("image", "under"),
        weight=8,
        varies="target",
    ),
    Kind(
        "share_opened",
        (("security", 5140),),
        {"account": account("Subject"), "share": path("ShareName"), "source": origin("IpAddress")},
        same=("account", "source"),
        weight=12,
        varies="share",
    ),
    Kind(
        "share_file",
        (("security", 5145),),
        {
            "account": account("Subject"),
            "share": path("ShareName"),
            "source": origin("IpAddress"),
            "file": path("RelativeTargetName"),
        },
        same=("account", "share", "source"),
        weight=14,
        varies="file",
    ),
    Kind(
        "object_used",
        (("security", 4656), ("security", 4663)),
        {"account": account("Subject"), "image": program("ProcessName"), "file": path("ObjectName")},
        same=("account", "image"),
        weight=8,
        varies="file",
    ),
    Kind(
        "registry_changed",
        (("security", 4657),),
        {
            "account": account("Subject"),
            "image": program("ProcessName"),
            "target": path("ObjectName"),
            "value": path("NewValue"),
        },
        same=("account", "image"),
        weight=12,
        varies="target",
    ),
    Kind(
        "plugged_in",
        (("usb", 2003), ("security", 6416), ("system", 20001)),
        {"name": path("DeviceDescription", "InstanceId", "lifetime", "DriverDescription")},
        same=("name",),
        weight=15,
    ),
    Kind(
        "firewall_rule",
        (("firewall", 2004), ("firewall", 2005), ("firewall", 2006), ("firewall", 2097)),
        {"name": name("RuleName"), "image": program("ModifyingApplication"), "target": path("ApplicationPath")},
        same=("image",),
        weight=12,
        varies="name",
    ),
)
