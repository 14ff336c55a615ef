"""A chat program that lives in each user's folder, starts itself and updates itself, as many do."""

from __future__ import annotations

from carecordon.exercise import acts
from carecordon.exercise.habit import Habit, Place
from carecordon.exercise.stage import Script
from carecordon.exercise.telemetry import processes, traces
from carecordon.exercise.world import Work


def play(place: Place) -> Script:
    """Talk for a while; now and then the updater lays down a new version and writes its run key."""
    on, rng, desk = place.on, place.rng, place.desk
    folder = f"C:\\Users\\{desk.person.account}\\AppData\\Local\\Example Chat\\"
    app = f"{folder}current\\chat.exe"
    chat = processes.start(on, desk.desktop, app, f'"{app}" --system-initiated', directory=folder)
    parts = [
        processes.start(on, chat, app, f'"{app}" --type={kind} --user-data-dir="{folder}data"', integrity="Low")
        for kind in ("gpu-process", "renderer")
    ]
    for _ in range(rng.randrange(3, 10)):
        acts.visit(on, chat, "chat.example.com")
        yield 60 + rng.random() * 300
    if rng.random() < 0.2:
        updater = processes.start(
            on, chat, f"{folder}Update.exe", f'"{folder}Update.exe" --checkForUpdate', directory=folder
        )
        acts.visit(on, updater, "cdn.example.net")
        for name in ("chat.exe", "ffmpeg.dll", "resources.pak"):
            traces.create(on, updater, f"{folder}stage\\{name}")
            yield 1.0
        key = f"HKU\\{desk.session.sid}\\Software\\Microsoft\\Windows\\CurrentVersion\\Run\\com.example.chat"
        traces.set_value(on, updater, key, f'{folder}Update.exe --processStart "chat.exe"')
        processes.end(on, updater)
    for one in (*parts, chat):
        processes.end(on, one)


CHAT = Habit("people chat", play, frozenset({Work.OFFICE, Work.IT}), (2, 4), (8.0, 17.0), at_desk=True)
