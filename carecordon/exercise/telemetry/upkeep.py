"""What Windows tells of its own upkeep: services, tasks, scripts, Defender, and its logs."""

from __future__ import annotations

from carecordon.exercise.telemetry import kinds
from carecordon.exercise.telemetry.logons import subject
from carecordon.exercise.telemetry.sensor import Process, Sensor, Session
from carecordon.exercise.telemetry.traces import set_value

STARTS = {"auto start": "2", "demand start": "3"}


def install_service(
    on: Sensor, session: Session, name: str, command: str, start: str = "auto start", title: str = ""
) -> None:
    """Tell that a service was installed: by its title in the System log, elsewhere by its name."""
    services = on.state.roots["services"]
    key = f"HKLM\\System\\CurrentControlSet\\Services\\{name}"
    set_value(on, services, f"{key}\\Start", f"DWORD (0x0000000{STARTS[start]})")
    set_value(on, services, f"{key}\\ImagePath", command)
    on.emit(
        kinds.SERVICE_INSTALLED,
        {
            "ServiceName": title or name,
            "ImagePath": command,
            "ServiceType": "user mode service",
            "StartType": start,
            "AccountName": "LocalSystem",
        },
    )
    on.emit(
        kinds.SERVICE_AUDITED,
        subject(session)
        | {
            "ServiceName": name,
            "ServiceFileName": command,
            "ServiceType": "0x10",
            "ServiceStartType": STARTS[start],
            "ServiceAccount": "LocalSystem",
        },
    )


def install_driver(on: Sensor, name: str, path: str) -> None:
    """Tell that a driver was installed as a service of the kernel, which only the System log and the registry do."""
    key = f"HKLM\\System\\CurrentControlSet\\Services\\{name}\\ImagePath"
    set_value(on, on.state.roots["services"], key, path)
    told = {"ServiceName": name, "ImagePath": path, "ServiceType": "kernel mode driver"}
    on.emit(kinds.SERVICE_INSTALLED, told | {"StartType": "demand start", "AccountName": ""})


def change_service(on: Sensor, name: str, state: str) -> None:
    """Tell that a service entered a state: running or stopped."""
    on.emit(kinds.SERVICE_STATE, {"param1": name, "param2": state})


def register_task(on: Sensor, session: Session, name: str, command: str, arguments: str = "", run_as: str = "") -> None:
    """Tell that a task was registered, in the task scheduler's log and in the Security log."""
    who = run_as or session.user
    content = (
        '<?xml version="1.0" encoding="UTF-16"?>\r\n<Task version="1.2">\r\n  <Principals>\r\n    <Principal'
        f' id="Author">\r\n      <UserId>{who}</UserId>\r\n    </Principal>\r\n  </Principals>\r\n  <Actions'
        f' Context="Author">\r\n    <Exec>\r\n      <Command>{command}</Command>\r\n      <Arguments>{arguments}'
        "</Arguments>\r\n    </Exec>\r\n  </Actions>\r\n</Task>"
    )
    told = {"TaskName": name, "TaskContent": content, "ClientProcessStartKey": "4785074604081153"}
    on.emit(kinds.TASK_REGISTERED, {"TaskName": name, "UserContext": session.user})
    on.emit(kinds.TASK_AUDITED, subject(session) | told | {"ClientProcessId": "1124", "RpcCallClientLocality": "0"})


def start_task(on: Sensor, name: str, action: str) -> None:
    """Tell that the task scheduler started what a task does."""
    instance = f"{{{on.rng.getrandbits(32):08x}-7b1e-4c0d-8f2a-{on.rng.getrandbits(48):012x}}}"
    told = {"TaskName": name, "ActionName": action, "TaskInstanceId": instance, "EnginePID": "1124"}
    on.emit(kinds.TASK_STARTED, told)


def run_script(on: Sensor, process: Process, text: str, path: str = "") -> None:
    """Tell what PowerShell ran: the text of a block of script."""
    told = {"MessageNumber": "1", "MessageTotal": "1", "ScriptBlockText": text}
    block = f"{on.rng.getrandbits(32):08x}-40c7-4d3b-9e1f-{on.rng.getrandbits(48):012x}"
    told |= {"ScriptBlockId": block, "Path": path}
    on.emit(kinds.SCRIPT_BLOCK, told | {"Execution_ProcessID": process.pid, "Security_UserID": process.session.sid})


def run_command(on: Sensor, process: Process, command: str, parameters: dict[str, str], script: str = "") -> None:
    """Tell which command PowerShell carried out, with its parameters."""
    lines = [f'CommandInvocation({command}): "{command}"']
    lines += [f'ParameterBinding({command}): name="{name}"; value="{value}"' for name, value in parameters.items()]
    program = process.line.replace('"', "")
    context = (
        "        Severity = Informational\r\n        Host Name = ConsoleHost\r\n"
        "        Host Version = 5.1.19041.4522\r\n"
        f"        Host Application = {program}\r\n        Engine Version = 5.1.19041.4522\r\n"
        f"        Command Name = {command}\r\n        Command Type = Cmdlet\r\n        Script Name = {script}\r\n"
        f"        User = {process.session.user}\r\n        Shell ID = Microsoft.PowerShell\r\n"
    )
    told = {"ContextInfo": context, "UserData": "", "Payload": "\r\n".join(lines) + "\r\n"}
    on.emit(kinds.SCRIPT_COMMAND, told | {"Execution_ProcessID": process.pid, "Security_UserID": process.session.sid})


PRODUCT = {"Product Name": "Microsoft Defender Antivirus", "Product Version": "4.18.24060.7"}


def update_defender(on: Sensor, version: str) -> None:
    """Tell that Defender has new signatures."""
    told = {"Current Signature Version": version, "Signature Type": "AntiVirus", "Update Type": "Delta"}
    on.emit(kinds.DEFENDER_UPDATED, PRODUCT | told | {"Domain": "NT AUTHORITY", "User": "SYSTEM", "SID": "S-1-5-18"})


def scan_with_defender(on: Sensor) -> None:
    """Tell that Defender has finished a scan."""
    told = {"Scan Type": "Antimalware", "Scan Parameters": "Quick Scan", "Scan Resources": ""}
    on.emit(kinds.DEFENDER_SCANNED, PRODUCT | told | {"Domain": "NT AUTHORITY", "User": "SYSTEM", "SID": "S-1-5-18"})


def change_defender(on: Sensor, value: str) -> None:
    """Tell that a setting of Defender was changed; `value` is key and value as Defender writes them."""
    on.emit(kinds.DEFENDER_CHANGED, PRODUCT | {"Old Value": "", "New Value": value})


def disarm_defender(on: Sensor) -> None:
    """Tell that Defender's protection in real time was switched off."""
    on.emit(kinds.DEFENDER_OFF, PRODUCT)


def clear_security(on: Sensor, session: Session) -> None:
    """Tell that the Security log was cleared."""
    on.emit(kinds.SECURITY_CLEARED, subject(session))


def clear_log(on: Sensor, session: Session, log: str) -> None:
    """Tell that another log was cleared."""
    told = {"SubjectUserName": session.account, "SubjectDomainName": session.domain, "BackupPath": ""}
    on.emit(kinds.LOG_CLEARED, told | {"EventData_Channel": log})
