"""What every device has: accounts, programs and addresses that tie nothing together because they are everywhere."""

from __future__ import annotations

import re
from functools import lru_cache
from ipaddress import ip_address

SERVICE_ACCOUNTS = frozenset(
    {"system", "local service", "network service", "localsystem", "anonymous logon", "window manager", "iusr"}
    | {"font driver host", "localservice", "networkservice", "lokaler dienst", "netzwerkdienst"}
)
"""Accounts of Windows itself. Source: MS-DTYP 2.4.2.4, well-known SIDs, and their names as Windows writes them."""
DRAWN = ("dwm-", "umfd-")
"""How the accounts begin that draw each session's windows and fonts."""
SERVICE_DOMAINS = frozenset({"nt service", "iis apppool", "nt authority", "window manager", "font driver host"})
"""Domains of Windows' own accounts. Source: Windows, service SIDs and virtual accounts."""
BUILT_IN = frozenset({"administrator", "guest", "defaultaccount", "wdagutilityaccount", "admin", "root"})
"""Accounts that every device has by itself."""
ROOTS = frozenset(
    {"system", "smss.exe", "csrss.exe", "wininit.exe", "winlogon.exe", "services.exe", "lsass.exe", "svchost.exe"}
    | {"explorer.exe", "userinit.exe", "taskhostw.exe", "taskeng.exe", "sihost.exe", "runtimebroker.exe"}
    | {"wmiprvse.exe", "dllhost.exe", "lsm.exe", "registry", "fontdrvhost.exe", "dwm.exe", "taskhost.exe"}
)
"""Programs of Windows that start others on everybody's behalf: having one as a parent in common means nothing."""
SYSTEM_FOLDERS = (
    *("\\windows\\system32\\", "\\windows\\syswow64\\", "\\windows\\winsxs\\", "\\windows\\microsoft.net\\"),
    *("\\program files\\", "\\program files (x86)\\", "\\windows\\servicing\\", "\\windows\\softwaredistribution\\"),
)
"""Where the same file lies on every device, below the drive."""
ROOT_FOLDERS = frozenset({"\\windows", "\\windows\\system32", "\\windows\\syswow64", "\\windows\\system32\\wbem"})
"""Where Windows' own programs lie; a namesake elsewhere is none of them."""
PROTECTION = re.compile(
    r"\\(?:programdata\\microsoft|program files)\\windows defender\\(?:platform\\[^\\]+\\)?msmpeng\.exe"
)
"""Windows' own virus protection, which writes its settings for whoever asks; only Windows may write there."""
COMMON_NAMES = frozenset(
    {"setup.exe", "install.exe", "update.exe", "installer.exe", "desktop.ini", "thumbs.db", "ntuser.dat"}
    | {"explorer.exe", "notepad.exe", "regedit.exe", "write.exe", "hh.exe", "uninstall.exe", "index.html"}
)
"""File names that unrelated programs share."""


LONGEST_ADDRESS = 64
WINDOWS_TOOLS = frozenset(
    {"cmd.exe", "powershell.exe", "pwsh.exe", "powershell_ise.exe", "conhost.exe", "rundll32.exe", "regsvr32.exe"}
    | {"mshta.exe", "wscript.exe", "cscript.exe", "msiexec.exe", "wmic.exe", "net.exe", "net1.exe", "reg.exe", "sc.exe"}
    | {"schtasks.exe", "at.exe", "bitsadmin.exe", "certutil.exe", "wevtutil.exe", "vssadmin.exe", "bcdedit.exe"}
    | {"whoami.exe", "nltest.exe", "netsh.exe", "tasklist.exe", "taskkill.exe", "ping.exe", "ipconfig.exe", "curl.exe"}
    | {
        "systeminfo.exe",
        "mmc.exe",
        "msmpeng.exe",
        "werfault.exe",
        "spoolsv.exe",
        "searchindexer.exe",
        "wsmprovhost.exe",
    }
)
"""Windows' own programs that people and attackers alike run on every device."""

_DRIVE = re.compile(r"^(?:\\\\[?.]\\|\\\?\?\\)?(?:[a-z]:|\\device\\harddiskvolume[0-9]+)(?=\\)")
_SYSTEM_ROOT = re.compile(r"^(?:\\systemroot|%(?:systemroot|windir)%)\\")


def base_name(path: str) -> str:
    r"""Return the last part of a path, lower case, whichever way its slashes lean."""
    return path.replace("/", "\\").rsplit("\\", 1)[-1].lower()


@lru_cache(8192)
def is_root(image: str | None) -> bool:
    """Say whether a program starts others on everybody's behalf; its namesake outside Windows does not."""
    if image is None:
        return False
    path = below_drive(image)
    folder, _, name = path.rpartition("\\")
    if name in ROOTS:
        return folder in ROOT_FOLDERS or path in {"system", "registry"}
    return is_protection(path)


def is_protection(image: str) -> bool:
    """Say whether a program is Windows' own virus protection."""
    return PROTECTION.fullmatch(below_drive(image)) is not None


@lru_cache(8192)
def is_everywhere(path: str) -> bool:
    """Say whether the same file lies on every device, or its name is anybody's."""
    return below_drive(path).startswith(SYSTEM_FOLDERS) or base_name(path) in COMMON_NAMES or is_root(path)


def is_telling_file(name: str) -> bool:
    """Say whether the bare name of a file (lower case) tells more than that Windows is there."""
    return name not in COMMON_NAMES and name not in ROOTS and name not in WINDOWS_TOOLS


def below_drive(path: str) -> str:
    r"""Return a path without its drive, lower case: `C:\`, `\??\C:\`, `\Device\HarddiskVolume2\`, `\SystemRoot\`."""
    lower = path.replace("/", "\\").lower()
    return _DRIVE.sub("", _SYSTEM_ROOT.sub(r"\\windows\\", lower), count=1)


def account_name(account: str) -> str:
    r"""Return the bare name of `DOMAIN\name` or `name@domain`, lower case."""
    return account.rsplit("\\", 1)[-1].split("@", 1)[0].lower()


def account_domain(account: str) -> str:
    r"""Return the first label of an account's domain, lower case; '' where it names none."""
    domain = account.rsplit("\\", 1)[0] if "\\" in account else account.partition("@")[2]
    return domain.split(".", 1)[0].lower()


def is_person(account: str) -> bool:
    """Say whether an account is somebody's, not a computer's nor Windows' own."""
    name = account_name(account)
    domain = account.rsplit("\\", 1)[0].lower() if "\\" in account else ""
    if domain in SERVICE_DOMAINS or name in SERVICE_ACCOUNTS:
        return False
    return bool(name) and not name.endswith("$") and not name.startswith(DRAWN)


def is_local(account: str, device: str) -> bool:
    """Say whether an account is the device's own, so that one of that name elsewhere is another.

    A device's name is cut at 15 characters there. Accounts that every device has are local where no domain is named.
    """
    domain = account_domain(account)
    if not domain:
        return account_name(account) in BUILT_IN
    return domain == "." or domain == device.split(".", 1)[0].lower()[:15]


@lru_cache(8192)
def telling_address(address: str | None) -> str | None:
    """Return an address in one spelling; None if it is none, or one that every device has or speaks to."""
    if address is None or len(address) > LONGEST_ADDRESS:
        return None
    try:
        found = ip_address(address.split("%", 1)[0])
    except ValueError:
        return None
    mapped = getattr(found, "ipv4_mapped", None)
    found = mapped or found
    if found.is_loopback or found.is_unspecified or found.is_multicast or found.is_link_local:
        return None
    return None if str(found) == "255.255.255.255" else str(found)
