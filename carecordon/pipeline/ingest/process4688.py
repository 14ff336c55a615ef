"""Security 4688 in the words of process creation, so that it serves the rules written for Sysmon 1.

Added beside the audit log's own names, which stay for rules of the Security log. The
process ids clash (4688's ProcessId is the parent's), so only rules of process creation see
them turned round: the log source's view does that.
"""

from __future__ import annotations

from typing import Any

from carecordon.model.event import Kind

INTEGRITY = {
    "S-1-16-0": "Untrusted",
    "S-1-16-4096": "Low",
    "S-1-16-8192": "Medium",
    "S-1-16-8448": "Medium",
    "S-1-16-12288": "High",
    "S-1-16-16384": "System",
    "S-1-16-20480": "Protected",
}
"""Mandatory label to Sysmon's IntegrityLevel. Source: MS-DTYP 2.4.2.4, well-known SIDs."""
ADDED = " ".join(INTEGRITY.values()).encode()
"""Texts that an event may hold after `add_process_fields` though its raw text does not."""
SAME = {"Image": "NewProcessName", "ParentImage": "ParentProcessName", "LogonId": "SubjectLogonId"}


def add_process_fields(kind: Kind, fields: dict[str, Any]) -> None:
    """Add Image, ParentImage, IntegrityLevel, LogonId and User where the event lacks them, in place."""
    if (kind.channel or "").lower() != "security":
        return
    for name, source in SAME.items():
        if source in fields:
            fields.setdefault(name, fields[source])
    label = fields.get("MandatoryLabel")
    if isinstance(label, str) and label in INTEGRITY:
        fields.setdefault("IntegrityLevel", (INTEGRITY[label], label))
    user = fields.get("SubjectUserName")
    if isinstance(user, str):
        domain = fields.get("SubjectDomainName")
        fields.setdefault("User", f"{domain}\\{user}" if isinstance(domain, str) and domain not in ("", "-") else user)
