"""Which events a rule's log source means: the one table between Sigma's names and Windows channels and ids.

Sources: Sigma taxonomy appendix 2.1 (services, Sysmon and PowerShell categories); channels
that SigmaHQ rules name and the appendix leaves out (SMB, Service Bus); ETW provider
Microsoft-Windows-Kernel-File for file_access and file_rename.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from carecordon.model.event import Kind, LogSource


@dataclass(frozen=True, slots=True)
class SourceTest:
    """One sort of Windows event; every part that is not None must hold. Text is lower case.

    `where` names fields whose text, lower case, must be one of the values. `view` says under
    which name such an event carries a field that rules name otherwise, in addition to
    what normalising adds to the event itself; for 4688 a `0x..` process id reads as decimal.
    """

    channels: frozenset[str] | None = None
    provider: str | None = None
    event_ids: frozenset[int] | None = None
    where: tuple[tuple[str, frozenset[str]], ...] = ()
    view: Mapping[str, str] = field(default_factory=dict, hash=False)


SYSMON = frozenset({"microsoft-windows-sysmon/operational"})
SECURITY = frozenset({"security"})
DEFENDER = frozenset({"microsoft-windows-windows defender/operational"})
POWERSHELL = frozenset({"microsoft-windows-powershell/operational", "powershellcore/operational"})
POWERSHELL_CLASSIC = frozenset({"windows powershell"})
KERNEL_FILE = "microsoft-windows-kernel-file"

SYSMON_IDS: Mapping[str, tuple[int, ...]] = {
    "process_creation": (1,),
    "file_change": (2,),
    "network_connection": (3,),
    "sysmon_status": (4, 16),
    "process_termination": (5,),
    "driver_load": (6,),
    "image_load": (7,),
    "create_remote_thread": (8,),
    "raw_access_thread": (9,),
    "process_access": (10,),
    "file_event": (11,),
    "registry_event": (12, 13, 14),
    "registry_add": (12,),
    "registry_delete": (12,),
    "registry_set": (13,),
    "registry_rename": (14,),
    "create_stream_hash": (15,),
    "pipe_created": (17, 18),
    "wmi_event": (19, 20, 21),
    "dns_query": (22,),
    "file_delete": (23,),
    "clipboard_capture": (24,),
    "clipboard_change": (24,),
    "process_tampering": (25,),
    "file_delete_detected": (26,),
    "file_block_executable": (27,),
    "file_block_shredding": (28,),
    "file_executable_detected": (29,),
    "sysmon_error": (255,),
}
"""Categories that Sysmon serves. `clipboard_change` is the old name of `clipboard_capture`."""

REGISTRY_TYPES: Mapping[str, frozenset[str]] = {
    "registry_add": frozenset({"createkey"}),
    "registry_delete": frozenset({"deletekey", "deletevalue"}),
}
"""EventType values that part id 12 into two categories."""

OTHER_CATEGORIES: Mapping[str, SourceTest] = {
    "ps_module": SourceTest(POWERSHELL, event_ids=frozenset({4103})),
    "ps_script": SourceTest(POWERSHELL, event_ids=frozenset({4104})),
    "ps_classic_start": SourceTest(POWERSHELL_CLASSIC, event_ids=frozenset({400})),
    "ps_classic_provider_start": SourceTest(POWERSHELL_CLASSIC, event_ids=frozenset({600})),
    "ps_classic_script": SourceTest(POWERSHELL_CLASSIC, event_ids=frozenset({800})),
    "file_access": SourceTest(provider=KERNEL_FILE, event_ids=frozenset({12})),
    "file_rename": SourceTest(provider=KERNEL_FILE, event_ids=frozenset({19, 27, 29})),
    "antivirus": SourceTest(
        DEFENDER,
        event_ids=frozenset({*range(1006, 1013), 1015, 1017, 1018, 1019, *range(1115, 1120)}),
        view={"Signature": "ThreatName", "Filename": "Path"},
    ),
}

SECURITY_4688 = SourceTest(
    SECURITY,
    event_ids=frozenset({4688}),
    view={"ProcessId": "NewProcessId", "ParentProcessId": "ProcessId"},
)
"""The audit log's process creation: its ProcessId is the parent's."""

SERVICES: Mapping[str, tuple[str, ...]] = {
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
    "dns-client": (
        "Microsoft-Windows-DNS Client Events/Operational",
        "Microsoft-Windows-DNS-Client/Operational",
    ),
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
    "microsoft-servicebus-client": ("Microsoft-ServiceBus-Client/Admin", "Microsoft-ServiceBus-Client/Operational"),
    "msexchange-management": ("MSExchange Management",),
    "ntfs": ("Microsoft-Windows-Ntfs/Operational",),
    "ntlm": ("Microsoft-Windows-NTLM/Operational",),
    "openssh": ("OpenSSH/Operational",),
    "powershell": ("Microsoft-Windows-PowerShell/Operational", "PowerShellCore/Operational"),
    "powershell-classic": ("Windows PowerShell",),
    "printservice-admin": ("Microsoft-Windows-PrintService/Admin",),
    "printservice-operational": ("Microsoft-Windows-PrintService/Operational",),
    "security": ("Security",),
    "security-mitigations": (
        "Microsoft-Windows-Security-Mitigations/Kernel Mode",
        "Microsoft-Windows-Security-Mitigations/User Mode",
    ),
    "sense": ("Microsoft-Windows-SENSE/Operational",),
    "servicebus-client": ("Microsoft-ServiceBus-Client/Admin", "Microsoft-ServiceBus-Client/Operational"),
    "shell-core": ("Microsoft-Windows-Shell-Core/Operational",),
    "smbclient-connectivity": ("Microsoft-Windows-SmbClient/Connectivity",),
    "smbclient-security": ("Microsoft-Windows-SmbClient/Security",),
    "smbserver-audit": ("Microsoft-Windows-SMBServer/Audit",),
    "smbserver-connectivity": ("Microsoft-Windows-SMBServer/Connectivity",),
    "sysmon": ("Microsoft-Windows-Sysmon/Operational",),
    "system": ("System",),
    "taskscheduler": ("Microsoft-Windows-TaskScheduler/Operational",),
    "terminalservices-localsessionmanager": ("Microsoft-Windows-TerminalServices-LocalSessionManager/Operational",),
    "vhdmp": ("Microsoft-Windows-VHDMP/Operational",),
    "windefend": ("Microsoft-Windows-Windows Defender/Operational",),
    "wmi": ("Microsoft-Windows-WMI-Activity/Operational",),
}
"""Channels of a Windows service, spelt as Windows spells them."""

WITHOUT_PRODUCT = frozenset({"process_creation", "antivirus"})
"""Categories whose rules speak of Windows too when they name no product."""


def sources_for(logsource: LogSource) -> tuple[SourceTest, ...]:
    """Return the Windows events that this log source means; () = dormant: nothing serves it.

    Category and service together must both hold.
    """
    if not _is_windows(logsource):
        return ()
    tests = _category_tests(logsource.category)
    if logsource.service is None:
        return tests
    channels = frozenset(name.lower() for name in SERVICES.get(logsource.service, ()))
    return tuple(narrowed for test in tests if (narrowed := _narrow(test, channels)) is not None)


def serves(test: SourceTest, kind: Kind) -> bool:
    """Return whether events of this kind can pass the test, its `where` left aside."""
    if kind.bound is not None:
        return False
    if test.event_ids is not None and kind.event_id not in test.event_ids:
        return False
    if test.channels is not None and (kind.channel or "").lower() not in test.channels:
        return False
    return test.provider is None or (kind.provider or "").lower() == test.provider


def bound_serves(logsource: LogSource, bound: LogSource) -> bool:
    """Return whether an event bound to `bound` by hand serves the rule: every part the rule names is equal."""
    return all(
        wanted is None or (given is not None and given.lower() == wanted)
        for wanted, given in zip(logsource, bound, strict=True)
    )


def _is_windows(logsource: LogSource) -> bool:
    if logsource.category == "antivirus":
        return True
    if logsource.product is None:
        return logsource.category in WITHOUT_PRODUCT
    return logsource.product == "windows"


def _category_tests(category: str | None) -> tuple[SourceTest, ...]:
    if category is None:
        return (SourceTest(),)
    if category in OTHER_CATEGORIES:
        return (OTHER_CATEGORIES[category],)
    if category not in SYSMON_IDS:
        return ()
    types = REGISTRY_TYPES.get(category)
    where = (("EventType", types),) if types else ()
    sysmon = SourceTest(SYSMON, event_ids=frozenset(SYSMON_IDS[category]), where=where)
    return (sysmon, SECURITY_4688) if category == "process_creation" else (sysmon,)


def _narrow(test: SourceTest, channels: frozenset[str]) -> SourceTest | None:
    """Return the test held to these channels too, or None where nothing passes both."""
    shared = channels if test.channels is None else test.channels & channels
    return replace(test, channels=shared) if shared else None
