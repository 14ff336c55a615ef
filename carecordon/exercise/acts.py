"""Small acts that many habits are made of: a short-lived program, a web page, files on the server."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

from carecordon.exercise.hospital import Hospital
from carecordon.exercise.stage import Script
from carecordon.exercise.telemetry import directory, logons, processes, traces
from carecordon.exercise.telemetry.programs import SYSTEM32
from carecordon.exercise.telemetry.sensor import Process, Sensor, Session
from carecordon.exercise.world import Person

CONSOLE_HOST = "\\??\\C:\\Windows\\system32\\conhost.exe 0xffffffff -ForceV1"
MAIL = "10.64.3.25"
"""The mail of the whole health service stands on its private network."""
OUTSIDE = ("198.51.100.", "203.0.113.", "192.0.2.")
SITES = (
    "intranet.wph.example.org", "rota.example.org", "guidance.example.net", "news.example.org", "mail.example.org",
    "search.example.com", "weather.example.org", "drugs.example.net", "learning.example.org", "cdn.example.net",
    "fonts.example.com", "journals.example.net", "travel.example.com", "payslips.example.org",
)  # fmt: skip


def address_of(name: str) -> str:
    """Return the outside address of a name: always the same one, of the blocks kept for documentation (RFC 5737)."""
    if name == "mail.example.org":
        return MAIL
    number = sum(index * ord(sign) for index, sign in enumerate(name, 1))
    return f"{OUTSIDE[number % 3]}{number % 250 + 2}"


def run(
    on: Sensor, parent: Process, image: str, line: str = "", seconds: float = 0.4, session: Session | None = None
) -> Script:
    """Start a program, let it work, and see it end."""
    process = processes.start(on, parent, image, line, session=session)
    yield seconds
    processes.end(on, process)


def console(on: Sensor, parent: Process, image: str, line: str, seconds: float = 0.4) -> Script:
    """Start a program that has a console, which Windows hosts in a process of its own."""
    process = processes.start(on, parent, image, line)
    host = processes.start(on, process, SYSTEM32 + "conhost.exe", CONSOLE_HOST, directory="C:\\Windows")
    yield seconds
    processes.end(on, host)
    processes.end(on, process)


def visit(on: Sensor, process: Process, name: str) -> None:
    """Ask for a name outside, and connect to it."""
    address = address_of(name)
    traces.ask(on, process, name, address)
    traces.connect(on, process, address, 443, host=name)


def use_files(
    hospital: Hospital, on: Sensor, person: Person, names: Sequence[str], rng: Random, share: str = "Shared"
) -> Script:
    """Reach the file server, use these files there, and log off a while later."""
    server = hospital.files
    system = on.state.roots["System"]
    traces.connect(on, system, server.device.address, 445, host=server.name)
    session = hospital.reach(on, person, server)
    directory.open_share(server, session, share, on.device.address, f"D:\\{share}")
    for name in names:
        yield rng.random() * 8
        mask = "0x13019f" if rng.random() < 0.3 else "0x120089"
        directory.use_share(server, session, share, on.device.address, name, mask)
    yield 30 + rng.random() * 300
    logons.log_off(server, session, 3)
