"""The plain evaluator's own log-source table: which Windows events a rule's `logsource` means.

Source: Sigma taxonomy appendix 2.1.0 (Windows categories and services) and the project's protocol notes, section 8.1.
"""

from dataclasses import dataclass
from typing import Any

from tests.oracle.events import Event, Fields, Value

SYSMON = "Microsoft-Windows-Sysmon/Operational"
POWERSHELL = ("Microsoft-Windows-PowerShell/Operational", "PowerShellCore/Operational")
CLASSIC = "Windows PowerShell"
DEFENDER = "Microsoft-Windows-Windows Defender/Operational"
KERNEL_FILE = "Microsoft-Windows-Kernel-File"
DEFENDER_FINDINGS = (1006, 1007, 1008, 1009, 1010, 1011, 1012, 1015, 1017, 1018, 1019, 1115, 1116, 1117, 1118, 1119)

SERVICES: dict[str, tuple[str, ...]] = {
    "application": ("Application",),
    "application-experience": (
        "Microsoft-Windows-Application-Experience/Program-Telemetry",
        "Microsoft-Windows-Application-Experience/Program-Compatibility-Assistant",
    ),
    "applocker": (
        "Microsoft-Windows-AppLocker/MSI and Script",
        "Microsoft-Windows-AppLocker/EXE and DLL",
        "Microsoft-Windows-AppLocker/Packaged app-Deployment",
        "Microsoft-Windows-AppLocker/Packaged app-Execution",
    ),
    "appmodel-runtime": ("Microsoft-Windows-AppModel-Runtime/Admin",),
    "appxdeployment-server": ("Microsoft-Windows-AppXDeploymentServer/Operational",),
    "appxpackaging-om": ("Microsoft-Windows-AppxPackaging/Operational",),
    "bitlocker": ("Microsoft-Windows-BitLocker/BitLocker Management",),
    "bits-client": ("Microsoft-Windows-Bits-Client/Operational",),
    "capi2": ("Microsoft-Windows-CAPI2/Operational",),
    "certificateservicesclient-lifecycle-system": (
        "Microsoft-Windows-CertificateServicesClient-Lifecycle-System/Operational",
    ),
    "codeintegrity-operational": ("Microsoft-Windows-CodeIntegrity/Operational",),
    "dhcp": ("Microsoft-Windows-DHCP-Server/Operational",),
    "diagnosis-scripted": ("Microsoft-Windows-Diagnosis-Scripted/Operational",),
    "dns-client": ("Microsoft-Windows-DNS Client Events/Operational", "Microsoft-Windows-DNS-Client/Operational"),
    "dns-server": ("DNS Server",),
    "dns-server-analytic": ("Microsoft-Windows-DNS-Server/Analytical",),
    "dns-server-audit": ("Microsoft-Windows-DNS-Server/Audit",),
    "driver-framework": ("Microsoft-Windows-DriverFrameworks-UserMode/Operational",),
    "firewall-as": ("Microsoft-Windows-Windows Firewall With Advanced Security/Firewall",),
    "hyper-v-worker": ("Microsoft-Windows-Hyper-V-Worker",),
    "iis-configuration": ("Microsoft-IIS-Configuration/Operational",),
    "kernel-event-tracing": ("Microsoft-Windows-Kernel-EventTracing",),
    "kernel-shimengine": (
        "Microsoft-Windows-Kernel-ShimEngine/Operational",
        "Microsoft-Windows-Kernel-ShimEngine/Diagnostic",
    ),
    "ldap": ("Microsoft-Windows-LDAP-Client/Debug",),
    "lsa-server": ("Microsoft-Windows-LSA/Operational",),
    "microsoft-servicebus-client": ("Microsoft-ServiceBus-Client/Operational", "Microsoft-ServiceBus-Client/Admin"),
    "msexchange-management": ("MSExchange Management",),
    "ntfs": ("Microsoft-Windows-Ntfs/Operational",),
    "ntlm": ("Microsoft-Windows-NTLM/Operational",),
    "openssh": ("OpenSSH/Operational",),
    "powershell": POWERSHELL,
    "powershell-classic": (CLASSIC,),
    "printservice-admin": ("Microsoft-Windows-PrintService/Admin",),
    "printservice-operational": ("Microsoft-Windows-PrintService/Operational",),
    "security": ("Security",),
    "security-mitigations": (
        "Microsoft-Windows-Security-Mitigations/Kernel Mode",
        "Microsoft-Windows-Security-Mitigations/User Mode",
    ),
    "sense": ("Microsoft-Windows-SENSE/Operational",),
    "servicebus-client": ("Microsoft-ServiceBus-Client/Operational", "Microsoft-ServiceBus-Client/Admin"),
    "shell-core": ("Microsoft-Windows-Shell-Core/Operational",),
    "smbclient-connectivity": ("Microsoft-Windows-SmbClient/Connectivity",),
    "smbclient-security": ("Microsoft-Windows-SmbClient/Security",),
    "smbserver-connectivity": ("Microsoft-Windows-SMBServer/Connectivity",),
    "sysmon": (SYSMON,),
    "system": ("System",),
    "taskscheduler": ("Microsoft-Windows-TaskScheduler/Operational",),
    "terminalservices-localsessionmanager": ("Microsoft-Windows-TerminalServices-LocalSessionManager/Operational",),
    "vhdmp": ("Microsoft-Windows-VHDMP/Operational",),
    "windefend": (DEFENDER,),
    "wmi": ("Microsoft-Windows-WMI-Activity/Operational",),
}


@dataclass(frozen=True, slots=True)
class Kind:
    """One sort of event that serves a category: by channels or by provider, ids, and what EventType must say."""

    channels: tuple[str, ...]
    ids: tuple[int, ...]
    provider: str | None = None
    event_types: tuple[str, ...] = ()


def _sysmon(*ids: int, event_types: tuple[str, ...] = ()) -> tuple[Kind, ...]:
    return (Kind((SYSMON,), ids, event_types=event_types),)


CATEGORIES: dict[str, tuple[Kind, ...]] = {
    "process_creation": (Kind((SYSMON,), (1,)), Kind(("Security",), (4688,))),
    "file_change": _sysmon(2),
    "network_connection": _sysmon(3),
    "sysmon_status": _sysmon(4, 16),
    "process_termination": _sysmon(5),
    "driver_load": _sysmon(6),
    "image_load": _sysmon(7),
    "create_remote_thread": _sysmon(8),
    "raw_access_thread": _sysmon(9),
    "process_access": _sysmon(10),
    "file_event": _sysmon(11),
    "registry_event": _sysmon(12, 13, 14),
    "registry_add": _sysmon(12, event_types=("createkey",)),
    "registry_delete": _sysmon(12, event_types=("deletekey", "deletevalue")),
    "registry_set": _sysmon(13),
    "registry_rename": _sysmon(14),
    "create_stream_hash": _sysmon(15),
    "pipe_created": _sysmon(17, 18),
    "wmi_event": _sysmon(19, 20, 21),
    "dns_query": _sysmon(22),
    "file_delete": _sysmon(23),
    "clipboard_capture": _sysmon(24),
    "clipboard_change": _sysmon(24),
    "process_tampering": _sysmon(25),
    "file_delete_detected": _sysmon(26),
    "file_block_executable": _sysmon(27),
    "file_block_shredding": _sysmon(28),
    "file_executable_detected": _sysmon(29),
    "sysmon_error": _sysmon(255),
    "ps_module": (Kind(POWERSHELL, (4103,)),),
    "ps_script": (Kind(POWERSHELL, (4104,)),),
    "ps_classic_start": (Kind((CLASSIC,), (400,)),),
    "ps_classic_provider_start": (Kind((CLASSIC,), (600,)),),
    "ps_classic_script": (Kind((CLASSIC,), (800,)),),
    "file_access": (Kind((), (12,), provider=KERNEL_FILE),),
    "file_rename": (Kind((), (19, 27, 29), provider=KERNEL_FILE),),
    "antivirus": (Kind((DEFENDER,), DEFENDER_FINDINGS),),
}
WITHOUT_PRODUCT = ("process_creation", "antivirus")
LABELS = {
    "S-1-16-0": "Untrusted",
    "S-1-16-4096": "Low",
    "S-1-16-8192": "Medium",
    "S-1-16-8448": "Medium",
    "S-1-16-12288": "High",
    "S-1-16-16384": "System",
    "S-1-16-20480": "Protected",
}


def is_mapped(logsource: dict[str, Any]) -> bool:
    """Returns whether Windows events can serve this log source at all (a rule for any other lies dormant)."""
    product, category, service = (logsource.get(part) for part in ("product", "category", "service"))
    if category is not None and category not in CATEGORIES:
        return False
    if service is not None and service not in SERVICES:
        return False
    return product == "windows" or category == "antivirus" or (product is None and category in WITHOUT_PRODUCT)


def serves(event: Event, logsource: dict[str, Any]) -> bool:
    """Returns whether the event is of the log source."""
    parts = {part: logsource.get(part) for part in ("product", "category", "service")}
    if event.bound is not None:
        return all(wanted is None or event.bound.get(part) == wanted for part, wanted in parts.items())
    if not is_mapped(logsource):
        return False
    fields = event.fields
    channel = _lower(fields.get("Channel"))
    if parts["service"] is not None and channel not in [name.lower() for name in SERVICES[parts["service"]]]:
        return False
    return parts["category"] is None or any(_is_kind(fields, channel, kind) for kind in CATEGORIES[parts["category"]])


def _is_kind(fields: Fields, channel: str, kind: Kind) -> bool:
    if fields.get("EventID") not in kind.ids:
        return False
    event_type = fields.get("EventType")
    spoken = [_lower(one) for one in (event_type if isinstance(event_type, tuple) else (event_type,))]
    if kind.event_types and not set(spoken) & set(kind.event_types):
        return False
    if kind.provider is not None:
        return _lower(fields.get("Provider_Name")) == kind.provider.lower()
    return channel in [name.lower() for name in kind.channels]


def _lower(content: Value) -> str:
    return content.lower() if isinstance(content, str) else ""


def fields_for(event: Event, category: str | None) -> Fields:
    """Returns the event's fields as a rule of this category meets them: the raw ones and the mapped ones beside."""
    if event.bound is not None:
        return event.fields
    channel = _lower(event.fields.get("Channel"))
    if channel == "security" and event.fields.get("EventID") == 4688:
        fields = _beside(event.fields, _process_fields(event.fields))
        if category == "process_creation":
            fields.update(_process_numbers(event.fields))
        return fields
    if category == "antivirus":
        renamed = {"Signature": "ThreatName", "Filename": "Path"}
        return _beside(event.fields, {new: event.fields[old] for new, old in renamed.items() if old in event.fields})
    return event.fields


def _beside(fields: Fields, extra: Fields) -> Fields:
    return {**extra, **fields}


def _process_fields(fields: Fields) -> Fields:
    renamed = {"Image": "NewProcessName", "ParentImage": "ParentProcessName", "LogonId": "SubjectLogonId"}
    extra = {new: fields[old] for new, old in renamed.items() if old in fields}
    label = fields.get("MandatoryLabel")
    if isinstance(label, str):
        extra["IntegrityLevel"] = (LABELS[label], label) if label in LABELS else label
    name, domain = fields.get("SubjectUserName"), fields.get("SubjectDomainName")
    if isinstance(name, str):
        extra["User"] = f"{domain}\\{name}" if domain else name
    return extra


def _process_numbers(fields: Fields) -> Fields:
    renamed = {"ProcessId": "NewProcessId", "ParentProcessId": "ProcessId"}
    return {new: _decimal(fields[old]) for new, old in renamed.items() if old in fields}


def _decimal(content: Value) -> Value:
    if isinstance(content, str) and content.lower().startswith("0x"):
        try:
            return str(int(content, 16))
        except ValueError:
            return content
    return content
