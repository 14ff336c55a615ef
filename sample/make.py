"""Writes the sample anew, the same to the byte each time: `python -m sample.make [FOLDER]`."""

from __future__ import annotations

import gzip
import json
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random

from sample.attack import attack
from sample.day import working_day
from sample.seen import ADM, DC, FS, RAD, SECURITY, SYSMON, Seen, seen
from sample.shapes import Record, Shape, flat, nested, winlogbeat

FOLDER = Path(__file__).parent / "wexley-park"
DAY = datetime(2026, 11, 20, tzinfo=UTC)
FILES: dict[str, tuple[str, Shape]] = {
    "wph-adm-ws14.jsonl": (ADM, flat),
    "wph-rad-ws02.jsonl.gz": (RAD, flat),
    "wph-dc01.winlogbeat.jsonl": (DC, winlogbeat),
    "wph-fs01.evtx.jsonl": (FS, nested),
}

# What could not be seen: three things that go wrong in real collections.
LOST = 120
"""Sysmon records of the imaging workstation missing between 13:45 and 14:00."""
SET_BACK = timedelta(minutes=47)
"""The imaging workstation's clock stands back by this from 14:30 to 15:00."""
DAMAGED_LINE = 60
"""The administration workstation's file is cut in the middle of this line."""


def make() -> dict[str, bytes]:
    """Return each file's name and content."""
    events = [*working_day(Random(20261120)), *attack(), *clock_changes()]  # noqa: S311 - a repeatable day, no secret
    made: dict[str, bytes] = {}
    for name, (host, shape) in FILES.items():
        records = numbered(event for event in events if event.host == host)
        lines = [json.dumps(shape(record), ensure_ascii=False, separators=(",", ":")) for record in records]
        if host == ADM:
            lines[DAMAGED_LINE - 1] = lines[DAMAGED_LINE - 1][: len(lines[DAMAGED_LINE - 1]) // 2]
        content = "".join(line + "\n" for line in lines).encode()
        made[name] = gzip.compress(content, mtime=0) if name.endswith(".gz") else content
    return made


def clock_changes() -> Iterator[Seen]:
    """Yield the two changes of the imaging workstation's clock."""
    told = {"SubjectUserName": "LOCAL SERVICE", "ProcessName": "C:\\Windows\\System32\\svchost.exe"}
    yield seen("14:30:00", RAD, SECURITY, 4616, **told)
    yield seen("15:00:00", RAD, SECURITY, 4616, **told)


def numbered(events: Iterable[Seen]) -> Iterator[Record]:
    """Yield one device's events in the order they happened, with the numbers and times that it gave them."""
    numbers: Counter[str] = Counter()
    in_second: Counter[str] = Counter()
    for event in sorted(events, key=lambda event: event.clock):
        number = 1000 * len(event.channel) + numbers[event.channel]
        time = DAY + timedelta(seconds=_seconds(event.clock), milliseconds=137 + 13 * in_second[event.clock])
        numbers[event.channel] += 1
        in_second[event.clock] += 1
        if event.host == RAD:
            number += LOST if event.channel == SYSMON[0] and event.clock >= "14:00:00" else 0
            time -= SET_BACK if "14:30:00" <= event.clock < "15:00:00" else timedelta()
        yield Record(event, number, time)


def _seconds(clock: str) -> int:
    hours, minutes, seconds = map(int, clock.split(":"))
    return (hours * 60 + minutes) * 60 + seconds


def main() -> None:
    """Write the files into the folder named on the command line, else into the shipped one."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in make().items():
        (folder / name).write_bytes(content)


if __name__ == "__main__":
    main()
