"""The interface developer fetches, decodes and tries things with the tools that Windows has."""

from __future__ import annotations

from carecordon.exercise import acts
from carecordon.exercise.habit import AT_WORK, Habit, Place
from carecordon.exercise.stage import Script
from carecordon.exercise.telemetry import processes, traces
from carecordon.exercise.telemetry.programs import CMD, POWERSHELL, SYSTEM32

LINES = (
    ("certutil.exe", "certutil -hashfile build.zip SHA256"),
    ("certutil.exe", "certutil -urlcache -split -f https://build.example.org/ca.crt ca.crt"),
    ("certutil.exe", "certutil -decode message.b64 message.hl7"),
    ("bitsadmin.exe", "bitsadmin /transfer sdk https://build.example.org/sdk.zip C:\\Work\\sdk.zip"),
    ("curl.exe", "curl -k -o test.json https://wph-epr01.wph.example.org:8443/api/test"),
    ("curl.exe", "curl -F file=@message.hl7 https://build.example.org/validate"),
    ("tar.exe", "tar -xf sdk.zip -C C:\\Work\\sdk"),
    ("wbem\\WMIC.exe", "wmic product get name,version"),
    ("findstr.exe", "findstr /s /i password C:\\Work\\*.config"),
    ("reg.exe", "reg query HKLM\\SOFTWARE\\Example /s"),
    ("cscript.exe", "cscript //nologo C:\\Work\\convert.vbs message.hl7"),
)
SCRIPT = "Invoke-WebRequest -Uri https://build.example.org/tool.zip -OutFile $env:TEMP\\tool.zip"


def play(place: Place) -> Script:
    """A console, some commands in it, now and then a script."""
    on, rng, desk = place.on, place.rng, place.desk
    shell = processes.start(on, desk.desktop, CMD, f'"{CMD}" ', directory="C:\\Work\\")
    for program, line in rng.sample(LINES, rng.randrange(3, 7)):
        process = processes.start(on, shell, SYSTEM32 + program, line)
        if "https://" in line:
            acts.visit(on, process, "build.example.org")
        if "sdk.zip" in line or "ca.crt" in line:
            traces.create(on, process, "C:\\Work\\" + ("sdk.zip" if "sdk" in line else "ca.crt"))
        yield 1 + rng.random() * 5
        processes.end(on, process)
        yield 20 + rng.random() * 200
    if rng.random() < 0.6:
        tool = processes.start(on, shell, POWERSHELL, f"powershell -nop -c {SCRIPT}")
        acts.visit(on, tool, "build.example.org")
        yield 3.0
        traces.create(on, tool, f"C:\\Users\\{desk.person.account}\\AppData\\Local\\Temp\\tool.zip")
        processes.end(on, tool)
    processes.end(on, shell)


DEVELOPER = Habit("a developer's tools", play, frozenset(), (2, 4), AT_WORK, at_desk=True, devices=("wph-dev-ws01",))
