"""Steps 7 to 9: from device to device with stolen passwords, up to the domain controller and an own account."""

from __future__ import annotations

from carecordon.exercise.intrusion.steps import ACCOUNT, CROWN, MOVE, Gives, Intrusion, shell, there, typed
from carecordon.exercise.stage import Script
from carecordon.exercise.telemetry import directory, kinds, logons, processes, traces, upkeep
from carecordon.exercise.telemetry.logons import Manner
from carecordon.exercise.telemetry.programs import EXPLORER, POWERSHELL, SYSTEM32, made_of
from carecordon.exercise.telemetry.sensor import Process, Sensor, Session
from carecordon.exercise.world import DOMAIN

GET_CHANGES = ("1131f6aa-9c07-11d1-f79f-00c04fc2dcd2", "1131f6ad-9c07-11d1-f79f-00c04fc2dcd2")
"""The rights to replicate the directory, and its secrets. Source: [MS-ADTS] 5.1.3.2.1, control access rights."""


def movement(plan: Intrusion) -> Script:
    """By hash and service to the file server, by WMI to the records server, by remote desktop to management."""
    yield from _by_service(plan)
    yield 120 + plan.rng.random() * 120
    yield from _by_wmi(plan, "wph-epr01", "cmd.exe /Q /c tasklist /v > C:\\Windows\\Temp\\t.log")
    yield 120 + plan.rng.random() * 120
    yield from _by_desktop(plan)


def _by_service(plan: Intrusion) -> Script:
    """Go to the file server with the stolen hash, copy a program there, and start it as a service."""
    first, server, elevated = plan.first, plan.hospital.files, there(plan.elevated)
    by_hash, by_share = MOVE.mark("T1550.002"), MOVE.mark("T1021.002")
    logons.log_on_as_other(first.marked(by_hash), elevated.session, plan.ruler)
    yield 3.0
    traces.connect(first.marked(by_share), elevated, server.device.address, 445, host=server.name)
    directory.check_password(plan.hospital.controller.marked(by_hash), plan.ruler.account, first.device.name)
    manner = Manner(3, first.device.address, first.device.name, "NTLM", special=True, key_length="0")
    session = logons.log_on(server.marked(MOVE.mark("T1021.002", "T1550.002")), plan.ruler, manner)
    _copy(plan, session, first.marked(by_share), server.marked(by_share))
    yield 1.0
    served = server.marked(MOVE.mark("T1569.002"))
    plan.on_files = _serve(plan, session, served)
    run = shell(served, plan.on_files, "whoami & hostname")
    yield from typed(served, run, "whoami.exe", "whoami", plan.rng)
    processes.end(served, run)


def _copy(plan: Intrusion, session: Session, first: Sensor, server: Sensor) -> None:
    """Copy the program over the admin share."""
    name, elevated, address = f"{plan.kit.service.lower()}.exe", there(plan.elevated), first.device.address
    directory.open_share(server, session, "ADMIN$", address, "C:\\Windows")
    traces.create(first, elevated, f"C:\\ProgramData\\{name}")
    copied = shell(first, elevated, f"copy C:\\ProgramData\\{name} \\\\wph-fs01\\C$\\Windows\\{name}")
    directory.open_share(server, session, "C$", address, "C:")
    for mask in ("0x2", "0x13019f"):
        directory.use_share(server, session, "C$", address, f"Windows\\{name}", mask)
    processes.end(first, copied)
    traces.create(server, server.state.roots["System"], f"C:\\Windows\\{name}")


def _serve(plan: Intrusion, session: Session, server: Sensor) -> Process:
    """Return the program, started as a service from afar."""
    kit, name = plan.kit, f"{plan.kit.service.lower()}.exe"
    directory.use_share(server, session, "IPC$", plan.first.device.address, "svcctl", "0x12019f")
    upkeep.install_service(server, session, kit.service, f"%SystemRoot%\\{name}", "demand start")
    path, facts = f"C:\\Windows\\{name}", made_of(f"service:{kit}")
    process = processes.start(server, server.state.roots["services"], path, path, directory=SYSTEM32, facts=facts)
    upkeep.change_service(server, kit.service, "running")
    return process


def _by_wmi(plan: Intrusion, name: str, line: str) -> Gives:
    """Return the shell that WMI started on a server."""
    first, server, elevated = plan.first, plan.hospital.sensor(name), there(plan.elevated)
    asking, view = first.marked(MOVE.mark("T1047")), server.marked(MOVE.mark("T1047"))
    logons.use_credentials(asking, elevated.session, plan.ruler.account, server.name, SYSTEM32 + "wbem\\WMIC.exe")
    tool = processes.start(
        asking, elevated, SYSTEM32 + "wbem\\WMIC.exe", f'wmic /node:{name} process call create "{line}"'
    )
    traces.connect(asking, tool, server.device.address, 135, host=server.name)
    session = plan.hospital.reach(asking, plan.ruler, view, special=True)
    yield 0.6
    host = processes.start(
        view, server.state.roots["svchost:DcomLaunch"], SYSTEM32 + "wbem\\WmiPrvSE.exe",
        f"{SYSTEM32}wbem\\wmiprvse.exe -secured -Embedding",
    )  # fmt: skip
    run = processes.start(view, host, SYSTEM32 + "cmd.exe", line, session=session, integrity="High", directory="C:\\")
    yield 0.6
    processes.end(asking, tool)
    yield 3.0
    return run


def _by_desktop(plan: Intrusion) -> Script:
    first, server, elevated = plan.first, plan.hospital.sensor("wph-mgmt01"), there(plan.elevated)
    asking, view = first.marked(MOVE.mark("T1021.001")), server.marked(MOVE.mark("T1021.001"))
    tool = processes.start(asking, elevated, SYSTEM32 + "mstsc.exe", "mstsc.exe /v:wph-mgmt01")
    traces.connect(asking, tool, server.device.address, 3389, host=server.name)
    traces.accept(view, server.state.roots["svchost:NetworkService"], first.device.address, 3389)
    yield 2.0
    dc = plan.hospital.controller.marked(MOVE.mark("T1021.001"))
    directory.grant_service(dc, plan.ruler.account, "TERMSRV/wph-mgmt01", first.device.address)
    manner = Manner(10, first.device.address, server.device.name, "Negotiate", SYSTEM32 + "svchost.exe", special=True)
    session = logons.log_on(view, plan.ruler, manner, terminal="3")
    desktop = _desktop(view, session)
    yield 8.0
    process = processes.start(
        view, desktop, POWERSHELL, f'"{POWERSHELL}"', directory=f"C:\\Users\\{plan.ruler.account}\\"
    )
    yield 20.0
    upkeep.run_script(view, process, "Get-ADDomainController -Filter * | Select-Object HostName, IPv4Address")
    yield 60.0
    processes.end(view, process)
    processes.end(view, desktop)
    logons.log_off(view, session, 10)
    processes.end(asking, tool)


def _desktop(view: Sensor, session: Session) -> Process:
    starter = processes.start(
        view, view.state.roots["winlogon"], SYSTEM32 + "userinit.exe", SYSTEM32 + "userinit.exe", session=session
    )
    desktop = processes.start(view, starter, EXPLORER, EXPLORER)
    processes.end(view, starter)
    return desktop


def _bring_script(plan: Intrusion) -> Script:
    """Copy a command file to the controller's disk."""
    mark = MOVE.mark("T1021.002")
    dc, first = plan.hospital.controller.marked(mark), plan.first.marked(mark)
    address = first.device.address
    traces.connect(first, there(plan.elevated), dc.device.address, 445, host=dc.name)
    session = plan.hospital.reach(first, plan.ruler, dc, special=True)
    directory.open_share(dc, session, "C$", address, "C:")
    directory.use_share(dc, session, "C$", address, "Windows\\Temp\\d.cmd", "0x2")
    traces.create(dc, dc.state.roots["System"], "C:\\Windows\\Temp\\d.cmd")
    yield 2.0
    logons.log_off(dc, session, 3)


def crown(plan: Intrusion) -> Script:
    """Copy the directory's database on the controller, and its secrets over the network; then make an account."""
    yield from _bring_script(plan)
    plan.on_controller = yield from _by_wmi(plan, "wph-dc01", "cmd.exe /Q /c C:\\Windows\\Temp\\d.cmd")
    dc = plan.hospital.controller
    view, run, folder = dc.marked(CROWN.mark("T1003.003")), there(plan.on_controller), "C:\\Windows\\Temp\\d"
    yield 10.0
    line = f'ntdsutil "ac i ntds" "ifm" "create full {folder}" q q'
    process = processes.start(view, run, SYSTEM32 + "ntdsutil.exe", line)
    yield 12.0
    traces.create(view, process, f"{folder}\\Active Directory\\ntds.dit")
    traces.create(view, process, f"{folder}\\registry\\SYSTEM")
    processes.end(view, process)
    yield from typed(view, run, "vssadmin.exe", "vssadmin create shadow /for=C:", plan.rng)
    copy = "copy \\\\?\\GLOBALROOT\\Device\\HarddiskVolumeShadowCopy2\\Windows\\NTDS\\ntds.dit C:\\Windows\\Temp\\n.dat"
    taken = shell(view, run, copy)
    traces.create(view, taken, "C:\\Windows\\Temp\\n.dat")
    processes.end(view, taken)
    yield 60.0
    yield from _replicate(plan)
    yield 60 + plan.rng.random() * 120
    yield from _account(plan)


def _replicate(plan: Intrusion) -> Script:
    mark = CROWN.mark("T1003.006")
    dc, first = plan.hospital.controller.marked(mark), plan.first.marked(mark)
    traces.connect(first, there(plan.elevated), dc.device.address, 135, host=dc.name)
    session = plan.hospital.reach(first, plan.ruler, dc, special=True)
    for number in range(12):
        directory.replicate(dc, session, GET_CHANGES[number % 2])
        yield 0.3
    logons.log_off(dc, session, 3)


def _account(plan: Intrusion) -> Script:
    dc, kit, run = plan.hospital.controller, plan.kit, there(plan.on_controller)
    made, raised = dc.marked(ACCOUNT.mark("T1136.002")), dc.marked(ACCOUNT.mark("T1098"))
    sid = f"{dc.world.domain_sid}-1477"

    def create() -> None:
        directory.create_account(made, run.session, kit.account, sid)
        target = {"TargetUserName": kit.account, "TargetDomainName": DOMAIN, "TargetSid": sid}
        made.emit(kinds.ACCOUNT_ENABLED, target | logons.subject(run.session))
        made.emit(kinds.PASSWORD_RESET, target | logons.subject(run.session))

    def add() -> None:
        directory.add_to_group(raised, run.session, kit.account, sid, "Domain Admins", 512)

    yield from typed(made, run, "net.exe", f"net user {kit.account} {kit.password} /add /domain", plan.rng, create)
    yield from typed(raised, run, "net.exe", f'net group "Domain Admins" {kit.account} /add /domain', plan.rng, add)
