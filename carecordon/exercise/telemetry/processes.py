"""Processes: started, ended, opened by another, and what they load."""

from __future__ import annotations

from carecordon.exercise.telemetry import kinds
from carecordon.exercise.telemetry.programs import (
    MICROSOFT,
    WINDOWS_PRODUCT,
    WINDOWS_VERSION,
    Facts,
    facts_of,
    hashes_of,
)
from carecordon.exercise.telemetry.sensor import Process, Sensor, Session

LABELS = {"Low": "4096", "Medium": "8192", "High": "12288", "System": "16384"}
TRACE = (
    "C:\\Windows\\SYSTEM32\\ntdll.dll+9d4c4|C:\\Windows\\System32\\KERNELBASE.dll+2c13e"
    "|C:\\Windows\\System32\\KERNEL32.DLL+1c2ba"
)


def start(
    on: Sensor,
    parent: Process,
    image: str,
    line: str = "",
    *,
    session: Session | None = None,
    integrity: str = "",
    directory: str = "",
    facts: Facts | None = None,
) -> Process:
    """Return a process that `parent` has started; without a line, the line is the quoted path."""
    who = session or parent.session
    level = integrity or (who.integrity if session else parent.integrity)
    where = directory or parent.directory
    command = line or f'"{image}"'
    what = facts or facts_of(image)
    process = Process(on.new_guid(), on.new_pid(), image, command, where, level, who)
    on.sysmon(
        kinds.PROCESS_STARTED,
        {
            "ProcessGuid": process.guid,
            "ProcessId": str(process.pid),
            "Image": image,
            "FileVersion": what.version,
            "Description": what.description,
            "Product": what.product,
            "Company": what.company,
            "OriginalFileName": what.original,
            "CommandLine": command,
            "CurrentDirectory": where,
            "User": who.user,
            "LogonGuid": who.logon_guid,
            "LogonId": who.logon_id,
            "TerminalSessionId": who.terminal,
            "IntegrityLevel": level,
            "Hashes": what.hashes,
            "ParentProcessGuid": parent.guid,
            "ParentProcessId": str(parent.pid),
            "ParentImage": parent.image,
            "ParentCommandLine": parent.line,
            "ParentUser": parent.session.user,
        },
    )
    if on.device.is_server:
        _audited(on, parent, process)
    return process


def _audited(on: Sensor, parent: Process, process: Process) -> None:
    """Tell the start once more in the Security log: the hospital's policy audits it on servers."""
    who = process.session
    on.emit(
        kinds.AUDITED_START,
        {
            "SubjectUserSid": who.sid,
            "SubjectUserName": who.account if who.sid != "S-1-5-18" else f"{on.device.name.upper()}$",
            "SubjectDomainName": who.domain,
            "SubjectLogonId": who.logon_id,
            "NewProcessId": hex(process.pid),
            "NewProcessName": process.image,
            "TokenElevationType": "%%1936",
            "ProcessId": hex(parent.pid),
            "CommandLine": process.line,
            "TargetUserSid": "S-1-0-0",
            "TargetUserName": "-",
            "TargetDomainName": "-",
            "TargetLogonId": "0x0",
            "ParentProcessName": parent.image,
            "MandatoryLabel": f"S-1-16-{LABELS[process.integrity]}",
        },
    )


def end(on: Sensor, process: Process) -> None:
    """Tell that a process has ended; its id may be given again."""
    on.state.pids.discard(process.pid)
    on.sysmon(
        kinds.PROCESS_ENDED,
        {
            "ProcessGuid": process.guid,
            "ProcessId": str(process.pid),
            "Image": process.image,
            "User": process.session.user,
        },
    )


def load(on: Sensor, process: Process, path: str, *, signed_by: str = "Microsoft Windows") -> None:
    """Tell that a process loaded a library; `signed_by` '' means that nobody signed it."""
    name = path.rpartition("\\")[2]
    ours = signed_by.startswith("Microsoft")
    on.sysmon(
        kinds.IMAGE_LOADED,
        {
            "ProcessGuid": process.guid,
            "ProcessId": str(process.pid),
            "Image": process.image,
            "ImageLoaded": path,
            "FileVersion": WINDOWS_VERSION if ours else "-",
            "Description": name if ours else "-",
            "Product": WINDOWS_PRODUCT if ours else "-",
            "Company": MICROSOFT if ours else signed_by or "-",
            "OriginalFileName": name if ours else "-",
            "Hashes": hashes_of(name.lower() if ours else path.lower()),
            "Signed": "true" if signed_by else "false",
            "Signature": signed_by or "-",
            "SignatureStatus": "Valid" if signed_by else "Unavailable",
            "User": process.session.user,
        },
    )


def open_process(on: Sensor, source: Process, target: Process, access: str, trace: str = TRACE) -> None:
    """Tell that one process opened another with these rights."""
    on.sysmon(
        kinds.PROCESS_OPENED,
        {
            "SourceProcessGUID": source.guid,
            "SourceProcessId": str(source.pid),
            "SourceThreadId": str(4 * on.rng.randrange(300, 3000)),
            "SourceImage": source.image,
            "TargetProcessGUID": target.guid,
            "TargetProcessId": str(target.pid),
            "TargetImage": target.image,
            "GrantedAccess": access,
            "CallTrace": trace,
            "SourceUser": source.session.user,
            "TargetUser": target.session.user,
        },
    )


def pipe(on: Sensor, process: Process, name: str, *, created: bool = False) -> None:
    """Tell that a process created a named pipe or connected to one."""
    on.sysmon(
        kinds.PIPE_CREATED if created else kinds.PIPE_CONNECTED,
        {
            "EventType": "CreatePipe" if created else "ConnectPipe",
            "ProcessGuid": process.guid,
            "ProcessId": str(process.pid),
            "PipeName": name,
            "Image": process.image,
            "User": process.session.user,
        },
    )
