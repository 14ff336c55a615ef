"""Two invented attacks, small enough to read: a worm on three devices, and a letter that ends in ransom."""

from __future__ import annotations

from carecordon.model.incident import ProcessSeen, Story, Summand
from carecordon.model.match import BlindSpot, Level, Unseen
from tests.report.story.script import DEFENDER, SYSTEM32, Script, rule

WORM = "C:\\Windows\\mzqx.exe"
NTFS_RULE = rule("Document written with a second ending", "T1486", level=Level.CRITICAL)
SHADOWS = rule(
    "Shadow copies deleted",
    "T1490",
    triage=("Check the backups", "Ring the ward", "Look for the same program elsewhere."),
)
BROKEN_INTO = rule(
    "Logon service starts a program", "T1210", level=Level.CRITICAL, triage=("Cut port 445 between wards",)
)
SERVICE = rule("Service in the Windows folder", "T1543.003", level=Level.MEDIUM)
SCAN = rule("Program speaks SMB by itself", "T1046", level=Level.MEDIUM)
HIDDEN = rule("Document starts PowerShell", "T1059.001", "T1204.002")
DUMP = rule("Memory of the logon service opened", "T1003.001")
OFF = rule("Virus protection switched off", "T1562.001")
CLEARED = rule("Security log cleared", "T1070.001")


def worm() -> Story:
    """Return the story of a worm that comes from a device without events to three wards, 20 s after one another."""
    script = Script()
    for number, device in enumerate(
        ("wph-ward-ws01.wph.example.org", "wph-ward-ws07.wph.example.org", "wph-lab-srv01.wph.example.org")
    ):
        _infected(script, number * 20, device, f"10.20.1.{10 + number}")
    script.points = (Summand("asset", 10, "wph-lab-srv01 is a laboratory server"),)
    gap = BlindSpot(Unseen.CLEARED, "the log Security was cleared", device="wph-ward-ws07.wph.example.org")
    elsewhere = BlindSpot(Unseen.GAP, "records are missing", device="wph-gp-ws01.wph.example.org")
    return script.tell([elsewhere, gap])


def _infected(script: Script, at: float, device: str, address: str) -> None:
    ransom = f"C:\\ProgramData\\qx{int(at)}\\tq.exe"
    script.sysmon(
        at,
        device,
        3,
        Initiated="false",
        SourceIp="10.20.9.9",
        DestinationIp=address,
        DestinationPort="445",
        Image="System",
    )
    script.sysmon(at + 1, device, 11, Image=SYSTEM32 + "lsass.exe", TargetFilename=WORM)
    script.start(at + 2, device, SYSTEM32 + "lsass.exe", WORM, WORM, BROKEN_INTO)
    script.sysmon(at + 3, device, 22, Image=WORM, QueryName="www.qpwoeiruty.example", QueryStatus="9003")
    script.event(
        at + 4,
        device,
        "System",
        7045,
        SERVICE,
        ServiceName="mz",
        ImagePath=f"{WORM} -m security",
        AccountName="LocalSystem",
    )
    script.event(at + 4, device, "Security", 4697, SERVICE, ServiceName="mz2.0", ServiceFileName=f"{WORM} -m security")
    for host in range(41):
        script.sysmon(
            at + 5 + host / 2,
            device,
            3,
            SCAN,
            Image=WORM,
            Initiated="true",
            SourceIp=address,
            DestinationIp=f"10.20.1.{host + 4}",
            DestinationPort=445,
        )
    script.sysmon(at + 30, device, 11, Image=WORM, TargetFilename=ransom)
    script.start(at + 31, device, WORM, ransom, f"{ransom} /i")
    script.start(at + 32, device, ransom, SYSTEM32 + "attrib.exe", "attrib +h .")
    script.start(at + 33, device, ransom, SYSTEM32 + "icacls.exe", "icacls . /grant Everyone:F /T /C /Q")
    script.start(at + 34, device, ransom, SYSTEM32 + "vssadmin.exe", "vssadmin delete shadows /all /quiet", SHADOWS)
    for number in range(143):
        written = f"C:\\Users\\n.ward\\Documents\\{number % 5}\\plan {number}.docx.abc"
        script.sysmon(at + 40 + number / 5, device, 11, NTFS_RULE, Image=ransom, TargetFilename=written)
    for number in range(30):
        script.sysmon(at + 70, device, 11, Image=ransom, TargetFilename=f"C:\\Users\\n.ward\\{number}\\@read_me@.txt")


def letter() -> Story:
    """Return the story of a letter opened at a desk, whose sender gets to the file server and encrypts it."""
    script, desk, server = Script(), "wph-adm-ws03", "wph-fs01"
    office = "C:\\Program Files\\Microsoft Office\\root\\Office16\\"
    powershell = SYSTEM32 + "WindowsPowerShell\\v1.0\\powershell.exe"
    tool, user = "C:\\Users\\n.ward\\AppData\\Roaming\\prof.exe", "WPH\\n.ward"
    script.event(-4000, desk, "Security", 4624, TargetUserName="n.ward", TargetDomainName="WPH", LogonType="2")
    script.start(-900, desk, "C:\\Windows\\explorer.exe", office + "OUTLOOK.EXE", "OUTLOOK.EXE", user=user)
    document = "C:\\Users\\n.ward\\AppData\\Local\\Content.Outlook\\K7\\rota.docm"
    script.start(-20, desk, office + "OUTLOOK.EXE", office + "WINWORD.EXE", f'WINWORD.EXE /n "{document}"', user=user)
    script.start(
        0,
        desk,
        office + "WINWORD.EXE",
        powershell,
        "powershell.exe -w hidden -enc SQBFAFgAIABoAGUAbABsAG8A",
        HIDDEN,
        user=user,
    )
    script.sysmon(
        2,
        desk,
        3,
        Image=powershell,
        Initiated="true",
        SourceIp="10.20.3.3",
        DestinationIp="203.0.113.9",
        DestinationPort=443,
    )
    script.sysmon(3, desk, 11, Image=powershell, TargetFilename=tool)
    script.start(4, desk, powershell, tool, tool, user=user)
    for minute in range(30):
        script.sysmon(
            10 + 60 * minute,
            desk,
            22,
            Image=tool,
            QueryName="cdn.example.org",
            QueryStatus="0",
            QueryResults="203.0.113.9;",
        )
    script.event(600, desk, DEFENDER, 5001, OFF)
    script.sysmon(700, desk, 10, DUMP, SourceImage=tool, TargetImage=SYSTEM32 + "lsass.exe", GrantedAccess="0x1010")
    script.event(
        900,
        server,
        "Security",
        4624,
        TargetUserName="it.lane",
        TargetDomainName="WPH",
        LogonType="10",
        IpAddress="10.20.3.3",
    )
    script.start(960, server, "C:\\Windows\\explorer.exe", SYSTEM32 + "cmd.exe", "cmd.exe", user="WPH\\it.lane")
    script.start(
        1000,
        server,
        SYSTEM32 + "cmd.exe",
        SYSTEM32 + "vssadmin.exe",
        "vssadmin delete shadows /all",
        SHADOWS,
        user="WPH\\it.lane",
    )
    for number in range(200):
        script.sysmon(
            1010 + number / 10,
            server,
            11,
            NTFS_RULE,
            Image="C:\\ProgramData\\enc.exe",
            TargetFilename=f"D:\\Shared\\f{number}.xlsx.locked",
        )
    script.event(1100, server, "Security", 1102, CLEARED, SubjectUserName="it.lane", SubjectDomainName="WPH")
    script.event(1200, server, "Security", 4634, TargetUserName="it.lane", TargetDomainName="WPH", LogonType="10")
    script.event(1300, server, "System", 6006)
    script.accounts = [user, "WPH\\it.lane", "NT AUTHORITY\\SYSTEM", "WPH\\WPH-FS01$"]
    script.processes = [
        ProcessSeen("a", None, server, 77, "C:\\ProgramData\\enc.exe", None, None, None, False),
        ProcessSeen("b", None, desk, 78, "C:\\Windows\\explorer.exe", None, None, None, True),
    ]
    return script.tell()
