"""Letters and tables: a document is opened from the desktop or the share, worked on, saved, printed."""

from __future__ import annotations

from carecordon.exercise import acts
from carecordon.exercise.habit import AT_WORK, Habit, Place
from carecordon.exercise.stage import Script
from carecordon.exercise.telemetry import processes, traces
from carecordon.exercise.telemetry.programs import OFFICE as FOLDER
from carecordon.exercise.telemetry.programs import SYSTEM32
from carecordon.exercise.telemetry.sensor import Process
from carecordon.exercise.world import Work

SUBJECTS = (
    "clinic-letter",
    "referral",
    "rota",
    "minutes",
    "waiting-list",
    "discharge-summary",
    "budget",
    "leaflet",
    "audit",
)
LIBRARIES = (f"{FOLDER}wwlib.dll", f"{FOLDER}mso20win32client.dll", SYSTEM32 + "d2d1.dll", SYSTEM32 + "bcrypt.dll")


def play(place: Place) -> Script:
    """Open, edit, save, and now and then print."""
    on, rng, desk = place.on, place.rng, place.desk
    program, ending, room = rng.choice(
        (("WINWORD.EXE", "docx", "Word"), ("WINWORD.EXE", "docx", "Word"), ("EXCEL.EXE", "xlsx", "Excel"))
    )
    home = f"C:\\Users\\{desk.person.account}\\"
    name = f"{rng.choice(SUBJECTS)}-{rng.randrange(1, 400):03d}.{ending}"
    path = f"{home}Documents\\{name}"
    process = processes.start(
        on, desk.desktop, FOLDER + program, f'"{FOLDER}{program}" /n "{path}" /o ""', directory=home
    )
    for library in LIBRARIES if room == "Word" else LIBRARIES[1:]:
        processes.load(on, process, library, signed_by="Microsoft Corporation")
    base = f"HKU\\{desk.session.sid}\\Software\\Microsoft\\Office\\16.0\\{room}\\"
    traces.set_value(
        on, process, f"{base}File MRU\\Item 1", f"[F00000000][T01DC5A1F{rng.getrandbits(32):08X}][O00000000]*{path}"
    )
    traces.create(on, process, f"{home}Documents\\~${name[2:]}")
    traces.create(on, process, f"{home}AppData\\Roaming\\Microsoft\\Windows\\Recent\\{name}.lnk")
    if rng.random() < 0.1:  # most answers come from a cache
        acts.visit(on, process, "office.example.com")
    for _ in range(rng.randrange(1, 5)):
        yield 40 + rng.random() * 300
        traces.create(on, process, f"{home}Documents\\{rng.getrandbits(32):08X}.tmp")
        traces.create(on, process, path)
        traces.set_value(
            on,
            process,
            f"{base}Reading Locations\\Document {rng.randrange(40)}\\Position",
            f"{rng.randrange(40)} {rng.randrange(40)}",
        )
    if rng.random() < 0.35:
        yield from _print(place, process, home)
    yield 2.0
    traces.delete(on, process, f"{home}Documents\\~${name[2:]}")
    processes.end(on, process)


def _print(place: Place, process: Process, home: str) -> Script:
    """Send a letter to the printer: two files of the spooler, and the way to the print server."""
    on, rng, files = place.on, place.rng, place.hospital.files
    spooler, job = on.state.roots["spooler"], rng.randrange(2, 400)
    splwow = "C:\\Windows\\splwow64.exe"
    driver = processes.start(on, process, splwow, f"{splwow} 12288", directory=home)
    yield 1.5
    for ending in ("SPL", "SHD"):
        traces.create(on, spooler, f"C:\\Windows\\System32\\spool\\PRINTERS\\{job:05d}.{ending}")
    traces.connect(on, spooler, files.device.address, 445, host=files.name)
    yield 20
    processes.end(on, driver)


OFFICE = Habit("letters and tables", play, frozenset({Work.OFFICE, Work.IT}), (14, 24), AT_WORK, at_desk=True)
