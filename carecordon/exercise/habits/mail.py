"""Mail: the program is opened, letters come, some carry a document that is looked at."""

from __future__ import annotations

from carecordon.exercise import acts
from carecordon.exercise.habit import Habit, Place
from carecordon.exercise.stage import Script
from carecordon.exercise.telemetry import processes, traces
from carecordon.exercise.telemetry.programs import OFFICE
from carecordon.exercise.world import Work

READER = "C:\\Program Files\\Example Reader\\reader.exe"


def play(place: Place) -> Script:
    """Read mail for a while; an attached document is now and then opened in its own program."""
    on, rng, desk = place.on, place.rng, place.desk
    home = f"C:\\Users\\{desk.person.account}\\"
    local = f"{home}AppData\\Local\\Microsoft\\"
    mail = processes.start(on, desk.desktop, f"{OFFICE}OUTLOOK.EXE", f'"{OFFICE}OUTLOOK.EXE"', directory=home)
    acts.visit(on, mail, "mail.example.org")
    for _ in range(rng.randrange(2, 7)):
        yield 60 + rng.random() * 400
        traces.connect(on, mail, acts.address_of("mail.example.org"), 443, host="mail.example.org")
        traces.create(on, mail, f"{local}Outlook\\{desk.person.account}@wph.example.org.ost.tmp")
        key = f"HKU\\{desk.session.sid}\\Software\\Microsoft\\Office\\16.0\\Outlook\\Search\\Item{rng.randrange(20)}"
        traces.set_value(on, mail, key, "Binary Data")
        if rng.random() < 0.35:
            name = rng.choice(("agenda.docx", "referral.pdf", "rota.xlsx", "results.pdf"))
            path = f"{local}Windows\\INetCache\\Content.Outlook\\{rng.getrandbits(32):08X}\\{name}"
            traces.create(on, mail, path)
            image = READER if name.endswith("pdf") else f"{OFFICE}{'WINWORD' if 'doc' in name else 'EXCEL'}.EXE"
            yield from acts.run(on, mail, image, f'"{image}" "{path}"', 30 + rng.random() * 120)
            traces.delete(on, mail, path)
    processes.end(on, mail)


MAIL = Habit("mail is read", play, frozenset({Work.OFFICE, Work.IT}), (5, 9), (7.8, 17.5), at_desk=True)
