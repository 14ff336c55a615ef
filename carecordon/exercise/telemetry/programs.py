"""What the version block and the hash of a program file say: the same on every device that has the file."""

from __future__ import annotations

import hashlib
from functools import cache
from typing import NamedTuple

SYSTEM32 = "C:\\Windows\\System32\\"
POWERSHELL = SYSTEM32 + "WindowsPowerShell\\v1.0\\powershell.exe"
CMD = SYSTEM32 + "cmd.exe"
EXPLORER = "C:\\Windows\\explorer.exe"
OFFICE = "C:\\Program Files\\Microsoft Office\\root\\Office16\\"
EDGE = "C:\\Program Files (x86)\\Microsoft\\Edge\\Application\\msedge.exe"
EPR = "C:\\Program Files\\Example EPR\\Client\\epr.exe"
VIEWER = "C:\\Program Files\\Example PACS\\Viewer\\viewer.exe"
MANAGED = "C:\\Program Files\\Example Manage\\Agent\\xmagent.exe"
SEVEN_ZIP = "C:\\Program Files\\7-Zip\\7z.exe"

WINDOWS_VERSION = "10.0.19041.1 (WinBuild.160101.0800)"
WINDOWS_PRODUCT = "Microsoft® Windows® Operating System"
MICROSOFT = "Microsoft Corporation"

ORIGINAL = {
    "cmd.exe": ("Cmd.Exe", "Windows Command Processor"),
    "powershell.exe": ("PowerShell.EXE", "Windows PowerShell"),
    "whoami.exe": ("whoami.exe", "whoami - displays logged on user information"),
    "net.exe": ("net.exe", "Net Command"),
    "net1.exe": ("net1.exe", "Net Command"),
    "nltest.exe": ("nltestrk.exe", "Microsoft® Logon Server Test Utility"),
    "vssadmin.exe": ("VSSADMIN.EXE", "Command Line Interface for Microsoft® Volume Shadow Copy Service"),
    "wmic.exe": ("wmic.exe", "WMI Commandline Utility"),
    "bcdedit.exe": ("bcdedit.exe", "Boot Configuration Data Editor"),
    "wbadmin.exe": ("WBADMIN.EXE", "Command Line Interface for Microsoft® BLB Backup"),
    "icacls.exe": ("iCACLS.EXE", "Microsoft® iCACLS"),
    "attrib.exe": ("ATTRIB.EXE", "Attribute Utility"),
    "schtasks.exe": ("schtasks.exe", "Task Scheduler Configuration Tool"),
    "reg.exe": ("reg.exe", "Registry Console Tool"),
    "rundll32.exe": ("RUNDLL32.EXE", "Windows host process (Rundll32)"),
    "regsvr32.exe": ("REGSVR32.EXE", "Microsoft(C) Register Server"),
    "mshta.exe": ("MSHTA.EXE", "Microsoft (R) HTML Application host"),
    "wscript.exe": ("wscript.exe", "Microsoft ® Windows Based Script Host"),
    "cscript.exe": ("cscript.exe", "Microsoft ® Console Based Script Host"),
    "certutil.exe": ("CertUtil.exe", "CertUtil.exe"),
    "bitsadmin.exe": ("bitsadmin.exe", "BITS administration utility"),
    "curl.exe": ("curl.exe", "The curl executable"),
    "ntdsutil.exe": ("ntdsutil.exe", "NT5DS"),
    "wevtutil.exe": ("wevtutil.exe", "Eventing Command Line Utility"),
    "taskkill.exe": ("taskkill.exe", "Terminates Processes"),
    "sc.exe": ("sc.exe", "Service Control Manager Configuration Tool"),
    "svchost.exe": ("svchost.exe", "Host Process for Windows Services"),
    "explorer.exe": ("EXPLORER.EXE", "Windows Explorer"),
    "mmc.exe": ("mmc.exe", "Microsoft Management Console"),
    "mstsc.exe": ("mstsc.exe", "Remote Desktop Connection"),
    "msiexec.exe": ("msiexec.exe", "Windows® installer"),
    "wmiprvse.exe": ("Wmiprvse.exe", "WMI Provider Host"),
    "systeminfo.exe": ("sysinfo.exe", "Displays system information"),
    "ipconfig.exe": ("ipconfig.exe", "IP Configuration Utility"),
    "ping.exe": ("ping.exe", "TCP/IP Ping Command"),
    "nslookup.exe": ("nslookup.exe", "nslookup"),
    "tasklist.exe": ("tasklist.exe", "Lists the current running tasks"),
    "quser.exe": ("quser.exe", "Query User Utility"),
    "conhost.exe": ("CONHOST.EXE", "Console Window Host"),
    "mpcmdrun.exe": ("MpCmdRun.exe", "Microsoft Malware Protection Command Line Utility"),
}
"""Of Windows' own programs: the original file name and the description in the file. Source: the files of Windows 10."""


class Facts(NamedTuple):
    """What a sensor reads from the file of a program."""

    version: str
    description: str
    product: str
    company: str
    original: str
    hashes: str


OTHERS = {
    "winword.exe": ("16.0.16731.20674", "Microsoft Word", "Microsoft Office", MICROSOFT, "WinWord.exe"),
    "excel.exe": ("16.0.16731.20674", "Microsoft Excel", "Microsoft Office", MICROSOFT, "Excel.exe"),
    "outlook.exe": ("16.0.16731.20674", "Microsoft Outlook", "Microsoft Outlook", MICROSOFT, "Outlook.exe"),
    "msedge.exe": ("126.0.2592.87", "Microsoft Edge", "Microsoft Edge", MICROSOFT, "msedge.exe"),
    "epr.exe": ("7.4.1.0", "Example EPR client", "Example EPR", "Example Records Ltd", "epr.exe"),
    "viewer.exe": ("5.2.0.118", "Example PACS viewer", "Example PACS", "Example Imaging Ltd", "viewer.exe"),
    "xmagent.exe": ("3.9.2.0", "Example Manage agent", "Example Manage", "Example Systems Ltd", "xmagent.exe"),
    "7z.exe": ("23.01", "7-Zip Console", "7-Zip", "Igor Pavlov", "7z.exe"),
    "psexec.exe": ("2.43", "Execute processes remotely", "Sysinternals PsExec", "Sysinternals", "psexec.c"),
    "psexesvc.exe": ("2.43", "PsExec Service", "Sysinternals PsExec", "Sysinternals", "psexesvc.exe"),
}
UNKNOWN = ("-", "-", "-", "-", "-")


@cache
def facts_of(image: str) -> Facts:
    """Return what the program at this path says of itself; one that nobody knows says nothing, as real ones do."""
    name = image.rpartition("\\")[2].lower()
    if name in OTHERS:
        return Facts(*OTHERS[name], hashes_of(name))
    if image.lower().startswith(("c:\\windows\\", "c:\\program files\\windows", "c:\\programdata\\microsoft\\")):
        original, description = ORIGINAL.get(name, (name, name.removesuffix(".exe")))
        return Facts(WINDOWS_VERSION, description, WINDOWS_PRODUCT, MICROSOFT, original, hashes_of(name))
    return Facts(*UNKNOWN, hashes_of(image.lower()))


def hashes_of(content: str) -> str:
    """Return the hashes of a file that stands for `content`, as Sysmon writes them. Nothing is really hashed."""
    digest = hashlib.shake_256(content.encode()).hexdigest(84).upper()
    return f"SHA1={digest[:40]},MD5={digest[40:72]},SHA256={digest[72:136]},IMPHASH={digest[136:]}"


def made_of(content: str) -> Facts:
    """Return the facts of a file without a version block whose hash follows from `content`."""
    return Facts(*UNKNOWN, hashes_of(content))
