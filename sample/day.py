"""What the made-up hospital's devices see on any working day: the hay around the needles."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random

from sample.seen import (
    ADDRESSES,
    ADM,
    DC,
    DEFENDER,
    FS,
    POWERSHELL,
    RAD,
    SCRIPTS,
    SECURITY,
    SERVICES,
    SYSTEM32,
    Seen,
    connection,
    logon,
    process,
    seen,
    setting,
    written,
)

PROGRAMS = [
    ("C:\\Program Files\\Example EPR\\Client\\epr.exe", "epr.exe"),
    ("C:\\Program Files\\Example PACS\\Viewer\\viewer.exe", "viewer.exe /worklist"),
    ("C:\\Program Files\\Microsoft Office\\root\\Office16\\WINWORD.EXE", "WINWORD.EXE /n clinic-letter.docx"),
    ("C:\\Program Files\\Microsoft Office\\root\\Office16\\OUTLOOK.EXE", "OUTLOOK.EXE"),
    ("C:\\Program Files\\Example Browser\\browser.exe", "browser.exe https://intranet.example.org/"),
    (SYSTEM32 + "notepad.exe", "notepad.exe"),
    (SYSTEM32 + "calc.exe", "calc.exe"),
]
OF_WINDOWS = [
    (SYSTEM32 + "svchost.exe", "svchost.exe -k netsvcs -p", SYSTEM32 + "services.exe"),
    (SYSTEM32 + "taskhostw.exe", "taskhostw.exe", SYSTEM32 + "svchost.exe"),
    (SYSTEM32 + "rundll32.exe", f"rundll32.exe {SYSTEM32}shell32.dll,Control_RunDLL", "C:\\Windows\\explorer.exe"),
    (SYSTEM32 + "ipconfig.exe", "ipconfig /all", SYSTEM32 + "cmd.exe"),
    (SYSTEM32 + "splwow64.exe", "splwow64.exe 8192", "C:\\Program Files\\Example EPR\\Client\\epr.exe"),
]
SCRIPT_TEXTS = ["Get-Service | Where-Object Status -eq 'Stopped'", "Get-ChildItem D:\\Exports", "prompt"]
USERS = {ADM: "medsec07", RAD: "radiology"}


def working_day(rng: Random) -> Iterator[Seen]:
    """Yield the day's events of all devices, in no order."""
    for host, count in ((ADM, 110), (RAD, 150)):
        for _ in range(count):
            yield workstation(rng, host)
        yield seen(clock(rng), host, DEFENDER, 1001, **{"Scan Type": "Antimalware"})
    # Plugged in at the desk with a patient's pictures, and nothing to do with the attack.
    disc = {"ClassName": "DiskDrive", "DeviceId": "USBSTOR\\Disk&Ven_Example&Prod_Stick&Rev_1.0\\0000000001&0"}
    yield seen("11:47:30", RAD, SECURITY, 6416, SubjectUserName=RAD + "$", **disc)
    for _ in range(130):
        yield domain_controller(rng)
    for _ in range(110):
        yield file_server(rng)


def clock(rng: Random) -> str:
    """Return a time between 07:00 and 17:59."""
    return f"{rng.randrange(7, 18):02d}:{rng.randrange(60):02d}:{rng.randrange(60):02d}"


def workstation(rng: Random, host: str) -> Seen:
    """Return something that people and Windows do on a workstation."""
    at, user = clock(rng), USERS[host]
    match rng.randrange(8):
        case 0 | 1 | 2:
            image, line = rng.choice(PROGRAMS)
            return process(at, host, image, line, User=f"WPH\\{user}")
        case 3:
            image, line, parent = rng.choice(OF_WINDOWS)
            return process(at, host, image, line, parent, User="NT AUTHORITY\\SYSTEM")
        case 4:
            return connection(at, host, "System", ADDRESSES[FS], 445)
        case 5:
            browser = "C:\\Program Files\\Example Browser\\browser.exe"
            return connection(at, host, browser, f"198.51.100.{rng.randrange(1, 255)}", 443)
        case 6:
            key = f"HKU\\S-1-5-21-1000-2000-3000-1107\\Software\\Example EPR\\Recent\\{rng.randrange(9)}"
            return setting(at, host, PROGRAMS[0][0], key, "Binary Data")
        case _:
            path = f"C:\\Users\\{user}\\Documents\\clinic-letter-{rng.randrange(1000):03d}.docx"
            return written(at, host, PROGRAMS[2][0], path)


def domain_controller(rng: Random) -> Seen:
    """Return a logon or a ticket, with now and then a wrong password."""
    at, ward = clock(rng), f"ward{rng.randrange(12):02d}"
    address = f"192.0.2.{rng.randrange(100, 200)}"
    match rng.randrange(10):
        case 0:
            return logon(at, DC, ward, address, failed=True)
        case 1 | 2 | 3:
            told = {"ServiceName": "WPH-FS01$", "TicketEncryptionType": "0x12", "Status": "0x0"}
            return seen(at, DC, SECURITY, 4769, TargetUserName=f"{ward}@WPH.EXAMPLE.ORG", IpAddress=address, **told)
        case 4:
            return seen(at, DC, SECURITY, 4634, TargetUserName=ward, TargetDomainName="WPH", LogonType="3")
        case _:
            return logon(at, DC, ward, address)


def file_server(rng: Random) -> Seen:
    """Return what a file server does when all is well."""
    at = clock(rng)
    match rng.randrange(6):
        case 0:
            name = rng.choice(["Print Spooler", "Windows Update", "Example PACS Archive"])
            return seen(at, FS, SERVICES, 7036, param1=name, param2=rng.choice(["running", "stopped"]))
        case 1:
            text = rng.choice(SCRIPT_TEXTS)
            return seen(at, FS, SCRIPTS, 4104, MessageNumber="1", MessageTotal="1", ScriptBlockText=text, Path="")
        case 2:
            line = "powershell -File C:\\Scripts\\tidy-exports.ps1"
            return process(at, FS, POWERSHELL, line, SYSTEM32 + "taskeng.exe", User="WPH\\svc-backup")
        case 3:
            image = "C:\\Program Files\\Example PACS\\Archive\\store.exe"
            return written(at, FS, image, f"D:\\Radiology\\Room{rng.randrange(6)}\\img-{rng.randrange(10_000):04d}.dcm")
        case _:
            return logon(at, FS, f"ward{rng.randrange(12):02d}", f"192.0.2.{rng.randrange(100, 200)}")
