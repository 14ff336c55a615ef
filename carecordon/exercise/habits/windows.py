"""Windows at its own work: brokers, background tasks, hosts of components, the registry's small changes."""

from __future__ import annotations

from carecordon.exercise import acts
from carecordon.exercise.habit import EVERYWHERE, Habit, Place
from carecordon.exercise.stage import Script
from carecordon.exercise.telemetry import logons, processes, traces
from carecordon.exercise.telemetry.programs import SYSTEM32

COM, SCHEDULER, SERVICES, SEARCH = "svchost:DcomLaunch", "svchost:netsvcs", "services", "search"
HOST = "C:\\Windows\\System32\\svchost.exe -k"
WORK = (
    (COM, "dllhost.exe", "C:\\Windows\\system32\\DllHost.exe /Processid:{AB8902B4-09CA-4BB6-B78D-A8F59079A8D5}"),
    (COM, "wbem\\WmiPrvSE.exe", "C:\\Windows\\system32\\wbem\\wmiprvse.exe -secured -Embedding"),
    (COM, "RuntimeBroker.exe", "C:\\Windows\\System32\\RuntimeBroker.exe -Embedding"),
    (
        COM,
        "backgroundTaskHost.exe",
        '"C:\\Windows\\system32\\backgroundTaskHost.exe" -ServerName:CortanaUI.AppX8z9r6jm9.mca',
    ),
    (SCHEDULER, "taskhostw.exe", "taskhostw.exe Install $(Arg0)"),
    (SCHEDULER, "taskhostw.exe", "taskhostw.exe"),
    (SCHEDULER, "CompatTelRunner.exe", "C:\\Windows\\system32\\compattelrunner.exe -maintenance"),
    (SERVICES, "svchost.exe", f"{HOST} wsappx -p -s ClipSVC"),
    (SERVICES, "svchost.exe", f"{HOST} LocalSystemNetworkRestricted -p -s WdiSystemHost"),
    (SERVICES, "sppsvc.exe", "C:\\Windows\\system32\\sppsvc.exe"),
    (SEARCH, "SearchProtocolHost.exe", f'"{SYSTEM32}SearchProtocolHost.exe" Global\\UsGthrFltPipeMssGthrPipe_41'),
    (SEARCH, "SearchFilterHost.exe", f'"{SYSTEM32}SearchFilterHost.exe" 0 800 804 812 8192 808 784'),
)
SOFTWARE, CONTROL = "HKLM\\SOFTWARE\\Microsoft\\", "HKLM\\System\\CurrentControlSet\\Services\\"
TASKS = f"{SOFTWARE}Windows NT\\CurrentVersion\\Schedule\\TaskCache\\Tasks\\"
KEYS = (
    (f"{TASKS}{{%08X-1C5E-4B1B-9D0E-7A1F2C5B8E41}}\\DynamicInfo", "Binary Data"),
    (f"{CONTROL}W32Time\\SecureTimeLimits\\SecureTimeEstimated", "QWORD (0x01dc5a1f-0x%08x)"),
    (f"{CONTROL}bam\\State\\UserSettings\\S-1-5-18\\SequenceNumber", "DWORD (0x%08x)"),
    (f"{SOFTWARE}Windows\\CurrentVersion\\Diagnostics\\DiagTrack\\Beats\\Default\\LastBeat", "QWORD (0x%08x)"),
    (f"{SOFTWARE}Windows Search\\Gather\\Windows\\SystemIndex\\LastCrawl", "QWORD (0x01dc5a1f-0x%08x)"),
    (
        f"{CONTROL}Tcpip\\Parameters\\Interfaces\\{{3b7a9c4e-52d1-4e0b-8a6f-1c9d7e2b4f30}}\\LeaseObtainedTime",
        "DWORD (0x%08x)",
    ),
)
LIBRARIES = (
    "ntdll.dll",
    "kernel32.dll",
    "combase.dll",
    "wbem\\fastprox.dll",
    "taskschd.dll",
    "amsi.dll",
    "propsys.dll",
)


def _filled(text: str, number: int) -> str:
    return text % number if "%0" in text else text


def play(place: Place) -> Script:
    """A program of Windows comes, loads libraries, sets a value or two and goes."""
    on, rng = place.on, place.rng
    parent, program, line = rng.choice(WORK)
    if parent == SERVICES:
        logons.start_service(on)
    process = processes.start(on, on.state.roots[parent], SYSTEM32 + program, line, directory=SYSTEM32)
    for library in rng.sample(LIBRARIES, rng.randrange(1, 4)):
        processes.load(on, process, SYSTEM32 + library)
    for _ in range(rng.randrange(1, 5)):
        yield rng.random() * 2
        key, value = rng.choice(KEYS)
        number = rng.getrandbits(32)
        traces.set_value(on, on.state.roots["svchost:netsvcs"], _filled(key, number), _filled(value, number))
    if rng.random() < 0.2:
        yield from acts.run(
            on, on.state.roots["services"], SYSTEM32 + "svchost.exe", f"{SYSTEM32}svchost.exe -k appmodel -p -s camsvc"
        )
    yield 3 + rng.random() * 60
    processes.end(on, process)


WINDOWS = Habit("Windows at its own work", play, EVERYWHERE, (55, 75))
