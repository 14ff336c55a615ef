"""Calls the real command, in this process or in its own, and takes what it said apart."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from carecordon.cli.main import main

Event = dict[str, Any]
SYSMON = "Microsoft-Windows-Sysmon/Operational"
HOST = "ward3-pc.example.org"

RULES = """\
title: Whoami run
id: 11111111-0000-4000-8000-000000000001
tags: [attack.discovery, attack.t1033]
logsource: {product: windows, category: process_creation}
detection:
    sel: {Image|endswith: '\\whoami.exe'}
    condition: sel
level: high
---
title: File written
id: 11111111-0000-4000-8000-000000000002
logsource: {product: windows, category: file_event}
detection:
    sel: {TargetFilename|startswith: 'C:\\'}
    condition: sel
level: informational
---
title: No level
id: 11111111-0000-4000-8000-000000000003
logsource: {product: windows, category: network_connection}
detection:
    sel: {DestinationPort: 4444}
    condition: sel
---
title: Failed logon
id: 11111111-0000-4000-8000-000000000004
name: failed_logon
logsource: {product: windows, service: security}
detection:
    sel: {EventID: 4625}
    condition: sel
level: low
---
title: Three failed logons
id: 11111111-0000-4000-8000-000000000005
correlation:
    type: event_count
    rules: [failed_logon]
    group-by: [TargetUserName]
    timespan: 5m
    condition: {gte: 3}
    generate: true
level: medium
"""
REFUSED = """\
title: Refused
id: 11111111-0000-4000-8000-000000000006
logsource: {product: windows, category: process_creation}
detection:
    sel: {Image|nosuch: x}
    condition: sel
"""


@dataclass(frozen=True)
class Done:
    """What a call left: its exit status, standard output and standard error."""

    status: int
    out: bytes
    err: str

    @property
    def text(self) -> str:
        return self.out.decode()

    @property
    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.out.splitlines()]

    def of(self, kind: str) -> list[dict[str, Any]]:
        """Return the JSON lines of one type."""
        return [line for line in self.lines if line["type"] == kind]

    @property
    def matches(self) -> list[tuple[str, str, int]]:
        """Return title, file name and position of each match, in order."""
        return [(line["title"], line["file"].rsplit("/", 1)[-1], line["position"]) for line in self.of("match")]

    @property
    def summary(self) -> dict[str, Any]:
        last = self.lines[-1]
        assert last["type"] == "summary"
        return last


Call = Callable[..., Done]


def calling(monkeypatch: Any, captured: Any) -> Call:
    """Return a function that calls the command in this process: fast, and all of it but the start of Python."""

    def call(*args: object, stdin: bytes = b"") -> Done:
        monkeypatch.setattr(sys, "argv", ["carecordon", *map(str, args)])
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin)))
        captured.readouterr()
        try:
            main()
        except SystemExit as end:
            status = int(end.code or 0)
        out, err = captured.readouterr()
        return Done(status, out, err.decode())

    return call


def start(*args: object, **more: Any) -> subprocess.Popen[bytes]:
    """Start the command as a process of its own."""
    command = [sys.executable, "-m", "carecordon", *map(str, args)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=dict(os.environ), **more)


def whoami(second: int = 0, **fields: Any) -> Event:
    """Return an event that rule 1 (high) matches."""
    return process(second, Image=r"C:\Windows\System32\whoami.exe", **fields)


def process(second: int = 0, **fields: Any) -> Event:
    return sysmon(1, second, **fields)


def written(second: int = 0) -> Event:
    """Return an event that rule 2 (informational) matches."""
    return sysmon(11, second, TargetFilename=r"C:\Temp\a.txt")


def connected(second: int = 0) -> Event:
    """Return an event that rule 3 (without level) matches."""
    return sysmon(3, second, DestinationPort="4444")


def failed_logon(second: int, user: str = "ann") -> Event:
    """Return an event that rule 4 (low) matches."""
    time = f"2026-11-20T09:{second // 60:02}:{second % 60:02}.000Z"
    return {
        "Channel": "Security", "EventID": 4625, "Hostname": "dc1.example.org", "RecordNumber": 500 + second,
        "@timestamp": time, "TargetUserName": user, "SourceName": "Microsoft-Windows-Security-Auditing",
    }  # fmt: skip


def sysmon(event_id: int, second: int, **fields: Any) -> Event:
    return {
        "Channel": SYSMON, "EventID": event_id, "Hostname": HOST, "RecordNumber": 100 + second,
        "SourceName": "Microsoft-Windows-Sysmon",
        "UtcTime": f"2026-11-20 09:{second // 60:02}:{second % 60:02}.123", **fields,
    }  # fmt: skip


def nested(event_id: int, channel: str, **data: Any) -> Event:
    """Return an event as EVTX decodes."""
    system = {
        "Channel": channel, "EventID": event_id, "Computer": HOST, "EventRecordID": 7,
        "Provider": {"#attributes": {"Name": "Microsoft-Windows-Sysmon"}},
        "TimeCreated": {"#attributes": {"SystemTime": "2026-11-20T09:00:00.123456Z"}},
    }  # fmt: skip
    return {"Event": {"System": system, "EventData": data}}


def jsonl(events: Iterable[Event]) -> bytes:
    return b"".join(json.dumps(event).encode() + b"\n" for event in events)


def put(path: Path, *events: Event) -> Path:
    """Write events as JSON lines; return the path."""
    path.write_bytes(jsonl(events))
    return path
