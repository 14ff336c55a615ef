"""How long it takes from an event on a device to the first answer of the hub that holds its incident."""

from __future__ import annotations

import contextlib
import json
import threading
import time
from dataclasses import dataclass, field
from math import ceil
from typing import Any

import typer

from carecordon.cli.hub_line import Line
from carecordon.exercise.fleet.fleet import Fleet
from carecordon.exercise.fleet.member import Planted
from carecordon.hub.config import Paths
from carecordon.model.times import rfc3339

EVERY_S = 0.1
RULE = "0bb8fec1-a31e-4937-b3cf-b8be588559cc"
"""All shadow copies deleted: one alert for each device and process."""
MOST = 1_000
NS = 1_000_000_000

Sign = tuple[str, str | None]
"""A device's name and when the event happened, as the API writes it."""


def event(number: int) -> dict[str, Any]:
    """Return an event that RULE finds, in a process of its own, of an account that nobody else has."""
    return {
        "Channel": "Microsoft-Windows-Sysmon/Operational",
        "Provider_Name": "Microsoft-Windows-Sysmon",
        "EventID": 1,
        "Image": "C:\\Windows\\System32\\vssadmin.exe",
        "CommandLine": "vssadmin delete shadows /all /quiet",
        "ParentImage": "C:\\Windows\\System32\\cmd.exe",
        "ProcessGuid": f"{{be9c0000-{number >> 16 & 0xFFFF:04x}-{number & 0xFFFF:04x}-0000-000000000001}}",
        "ProcessId": 40_000 + number % 20_000,
        "User": f"BENCH\\u{number:06d}",
    }


@dataclass(slots=True)
class Finds:
    """Plants events on the devices of a fleet, in turn, and asks the hub's API for them ten times a second."""

    paths: Paths
    planted: dict[Sign, Planted] = field(default_factory=dict)
    delays_s: list[float] = field(default_factory=list)
    receipts_s: list[float] = field(default_factory=list)
    incidents: set[int] = field(default_factory=set)
    asked: int = 0
    asking_s: float = 0.0
    number: int = 0
    _waiting: set[Sign] = field(default_factory=set)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _stop: threading.Event = field(default_factory=threading.Event)

    def plant(self, fleet: Fleet) -> None:
        """Let the next device see an event: devices far apart in the list, so that hospitals take turns."""
        index = self.number * 7_919 % len(fleet.members)
        made = fleet.plant(index, event(self.number))
        self.number += 1
        sign = (made.name.lower(), rfc3339(made.dated))
        with self._lock:
            self.planted[sign] = made
            self._waiting.add(sign)

    def start(self) -> None:
        """Begin to ask."""
        threading.Thread(target=self._run, name="finds", daemon=True).start()

    def stop(self) -> None:
        """Ask no longer."""
        self._stop.set()

    @property
    def waiting(self) -> int:
        """Return how many have not been found yet."""
        return len(self._waiting)

    def told(self) -> dict[str, Any]:
        """Return the figures."""
        with self._lock:
            delays = sorted(self.delays_s)
            receipts = sorted(
                (one.acknowledged - one.written) / NS for one in self.planted.values() if one.acknowledged is not None
            )
        return {
            "planted": len(self.planted),
            "found": len(delays),
            "incidents": len(self.incidents),
            "p50_s": share(delays, 0.5),
            "p99_s": share(delays, 0.99),
            "max_s": share(delays, 1.0),
            "receipt_p50_s": share(receipts, 0.5),
            "receipt_p99_s": share(receipts, 0.99),
            "asked": self.asked,
            "ask_mean_ms": round(1000 * self.asking_s / self.asked, 1) if self.asked else None,
        }

    def _run(self) -> None:
        line = Line(self.paths)
        while not self._stop.is_set():
            began = time.monotonic()
            with contextlib.suppress(OSError, ValueError, KeyError, typer.Exit):  # the hub may be on its way back
                self._ask(line)
            self._stop.wait(max(0.0, EVERY_S - (time.monotonic() - began)))

    def _ask(self, line: Line) -> None:
        """Look through the latest alerts, as many as may hold what is waited for."""
        with self._lock:
            wanted = len(self._waiting)
        if not wanted:
            return
        began = time.monotonic()
        body = line.get("/alerts", {"rule": RULE, "limit": min(MOST, wanted + 20)})
        now = time.time_ns()
        self.asked += 1
        self.asking_s += time.monotonic() - began
        for row in json.loads(body)["rows"]:
            sign = (str(row["device"]).lower(), row["first"])
            if row["incident"] is not None and sign in self._waiting:
                with self._lock:
                    self._waiting.discard(sign)
                    self.delays_s.append((now - self.planted[sign].written) / NS)
                    self.incidents.add(row["incident"])


def share(ordered: list[float], part: float) -> float | None:
    """Return a percentile of sorted values; None where there are none."""
    return round(ordered[max(0, ceil(part * len(ordered)) - 1)], 3) if ordered else None
