"""What processes leave behind: files, registry values, connections, questions for names."""

from __future__ import annotations

from carecordon.exercise.telemetry import kinds
from carecordon.exercise.telemetry.programs import hashes_of
from carecordon.exercise.telemetry.sensor import Process, Sensor

PORT_NAMES = {"80": "http", "443": "https", "445": "microsoft-ds", "88": "kerberos", "389": "ldap", "135": "epmap",
              "53": "domain", "3389": "ms-wbt-server"}  # fmt: skip
EXECUTABLE = (".exe", ".dll", ".sys")


def _by(process: Process) -> dict[str, str]:
    return {"ProcessGuid": process.guid, "ProcessId": str(process.pid), "Image": process.image}


def create(on: Sensor, process: Process, path: str) -> None:
    """Tell that a process created or overwrote a file."""
    moment = _now(on)
    told = {"TargetFilename": path, "CreationUtcTime": moment, "User": process.session.user}
    on.sysmon(kinds.FILE_CREATED, _by(process) | told)


def delete(on: Sensor, process: Process, path: str) -> None:
    """Tell that a process deleted a file, of which Sysmon kept a copy."""
    fields = {
        "ProcessGuid": process.guid,
        "ProcessId": str(process.pid),
        "User": process.session.user,
        "Image": process.image,
        "TargetFilename": path,
        "Hashes": hashes_of(path),
        "IsExecutable": "true" if path.lower().endswith(EXECUTABLE) else "false",
        "Archived": "true",
    }
    on.sysmon(kinds.FILE_DELETED, fields)


def set_value(on: Sensor, process: Process, key: str, details: str) -> None:
    """Tell that a process set a value of the registry."""
    told = {"EventType": "SetValue", **_by(process), "TargetObject": key, "Details": details}
    on.sysmon(kinds.VALUE_SET, told | {"User": process.session.user})


def change_key(on: Sensor, process: Process, key: str, how: str = "CreateKey") -> None:
    """Tell that a process made or deleted a key or value: CreateKey, DeleteKey or DeleteValue."""
    told = {"EventType": how, **_by(process), "TargetObject": key, "User": process.session.user}
    on.sysmon(kinds.KEY_CHANGED, told)


def connect(on: Sensor, process: Process, address: str, port: int, *, host: str = "-", protocol: str = "tcp") -> None:
    """Tell that a process opened a connection to an address."""
    _connection(on, process, (on.device.address, on.name, str(on.rng.randrange(49152, 65536))),
                (address, host, str(port)), protocol, "true")  # fmt: skip


def accept(on: Sensor, process: Process, address: str, port: int, *, host: str = "-", protocol: str = "tcp") -> None:
    """Tell that somebody connected from an address to one of this device's ports."""
    _connection(on, process, (address, host, str(on.rng.randrange(1025, 65536))),
                (on.device.address, on.name, str(port)), protocol, "false")  # fmt: skip


def _connection(
    on: Sensor, process: Process, source: tuple[str, str, str], target: tuple[str, str, str], protocol: str, began: str
) -> None:
    on.sysmon(
        kinds.CONNECTED,
        {
            "ProcessGuid": process.guid,
            "ProcessId": str(process.pid),
            "Image": process.image,
            "User": process.session.user,
            "Protocol": protocol,
            "Initiated": began,
            "SourceIsIpv6": "false",
            "SourceIp": source[0],
            "SourceHostname": source[1],
            "SourcePort": source[2],
            "SourcePortName": "-",
            "DestinationIsIpv6": "false",
            "DestinationIp": target[0],
            "DestinationHostname": target[1],
            "DestinationPort": target[2],
            "DestinationPortName": PORT_NAMES.get(target[2], "-"),
        },
    )


def ask(on: Sensor, process: Process, name: str, answer: str = "", status: str = "0") -> None:
    """Tell that a process asked for a name; 9003 means that there is none of that name."""
    told = {"QueryName": name, "QueryStatus": status, "QueryResults": f"::ffff:{answer};" if answer else "-"}
    on.sysmon(kinds.NAME_ASKED, _by(process) | told | {"User": process.session.user})


def _now(on: Sensor) -> str:
    return on.stage.text()
