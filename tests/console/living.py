"""A hub that lives: its register with incidents found by real rules in events, and its API as a process of its own."""

from __future__ import annotations

import json
import os
import pwd
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from typing import Any

import httpx

from carecordon.hub.config import Paths
from carecordon.hub.keeper.store import open_telemetry
from carecordon.hub.news.found import Found, encode
from carecordon.hub.pulse import Heart
from carecordon.hub.triage.desk import Desk, Office
from carecordon.hub.trust.access import make_token
from carecordon.hub.trust.authority import make_authority
from carecordon.hub.worker.detector import Detector
from carecordon.hub.worker.merge import Sent, merge
from carecordon.model.batch import Rows
from carecordon.model.device import Certificate, DeviceKind, NewDevice
from carecordon.model.event import Fields, Kind
from carecordon.model.gather import gather
from carecordon.model.kept import Commit, Letter, Trouble
from carecordon.model.match import Level
from carecordon.model.merged import Merged
from carecordon.model.person import Organisation, Person, Role
from carecordon.model.stream import Entry, Part
from carecordon.notify.teller import Teller
from carecordon.pipeline.detect.disk.cache import DiskCache
from carecordon.pipeline.detect.disk.rulebook import read_rulebook
from carecordon.pipeline.triage.score import Estate
from carecordon.register.backends.sqlite import SQLITE
from carecordon.report import story
from carecordon.report.story.catalogue import words_of
from carecordon.stream.backends.sqlite import SQLITE as STREAM

DEADLINE_S = 30.0
SECOND = 1_000_000_000
SYSMON = Kind("Microsoft-Windows-Sysmon/Operational", "Microsoft-Windows-Sysmon", 1)
DEVICE, NAME = "0f" * 16, "WARD3-PC.example.org"
EPOCH = 77
RULES = """\
title: Shadow copies deleted
id: 11111111-0000-4000-8000-000000000001
tags: [attack.impact, attack.t1490]
logsource: {product: windows, category: process_creation}
detection:
    sel: {CommandLine|contains|all: [delete, shadows]}
    condition: sel
level: critical
---
title: Who am I
id: 11111111-0000-4000-8000-000000000002
tags: [attack.discovery, attack.t1033]
logsource: {product: windows, category: process_creation}
detection:
    sel: {Image|endswith: '\\\\whoami.exe'}
    condition: sel
level: medium
"""
SHELL = "{11111111-0001-0001-0001-000000000001}"
STARTS = (
    ("C:\\Windows\\System32\\cmd.exe", "cmd.exe /c @run.bat", SHELL, 100, "C:\\Windows\\explorer.exe", "{0}"),
    ("C:\\Windows\\System32\\whoami.exe", "=whoami /all", "{2}", 101, "C:\\Windows\\System32\\cmd.exe", SHELL),
    ("C:\\Windows\\System32\\vssadmin.exe", "vssadmin delete shadows /all", "{3}", 102, "C:\\Windows\\cmd.exe", SHELL),
    ("C:\\Windows\\System32\\notepad.exe", "notepad.exe", "{4}", 103, "C:\\Windows\\explorer.exe", "{0}"),
)


def until(holds: Callable[[], bool], what: str) -> None:
    """Wait until something holds."""
    end = time.monotonic() + DEADLINE_S
    while not holds():
        assert time.monotonic() < end, f"it never came to be: {what}"
        time.sleep(0.02)


def events(now: int) -> Merged:
    """Return what one device sent: four processes began, a second apart."""
    fields: list[Fields] = [
        {
            "Image": image,
            "CommandLine": command,
            "ProcessGuid": guid,
            "ProcessId": pid,
            "ParentImage": parent,
            "ParentProcessGuid": above,
            "User": "WPH\\it.lane",
        }
        for image, command, guid, pid, parent, above in STARTS
    ]
    count = len(fields)
    times: list[int | None] = [now + place * SECOND for place in range(count)]
    rows = Rows([SYSMON] * count, fields, times, [NAME] * count, [None] * count, list(range(count)))
    return merge([Sent(gather(rows), DEVICE, EPOCH, 0, now + 5 * SECOND, NAME)])


@dataclass
class Living:
    """The hub: where it lies, the tokens of its people by role, and the process once it runs."""

    paths: Paths
    tokens: dict[Role, str] = field(default_factory=dict)
    more: str = ""
    """What stands in hub.toml beside what must."""
    base: str = ""
    process: subprocess.Popen[bytes] | None = None
    now: int = field(default_factory=time.time_ns)

    def __post_init__(self) -> None:
        """Make it."""
        self.paths.run.mkdir(parents=True)
        settings = 'ods = "RX1"\nname = "Westpark Hospital"\nown_rules = false\n[listen]\napi = 0\n'
        self.paths.settings.write_text(settings + self.more)
        self.authority = make_authority(self.paths.keys, "RX1", "Westpark Hospital", self.now)
        SQLITE.prepare(str(self.paths.register))
        self.paths.found.parent.mkdir()
        for path, partitions in ((self.paths.events, 2), (self.paths.found, 1)):
            STREAM.open(str(path), partitions).close()
        self.register = SQLITE.open_register(str(self.paths.register))
        self._people()
        self._found()

    def _people(self) -> None:
        ann = Person("Ann", Role.ADMIN, self.now)
        token, self.tokens[Role.ADMIN] = make_token("Ann", "first", self.now)
        self.register.people.found(Organisation("RX1", "Westpark Hospital", self.now), ann, token)
        for role, name in ((Role.ANALYST, "Bea"), (Role.READER, "Cem")):
            self.register.people.add(Person(name, role, self.now), "Ann")
            token, self.tokens[role] = make_token(name, "", self.now)
            self.register.people.add_token(token, "Ann")
        certificate = Certificate("ab" * 32, "01", self.now, self.now + 10**15)
        kind = DeviceKind.AGENT
        self.register.devices.add(NewDevice(DEVICE, NAME, "Windows 11", kind, certificate), "first ward", self.now)
        self.register.devices.seen({DEVICE: self.now})

    def _found(self) -> None:
        """Let real rules find something, and real triage make an incident of it."""
        rules = self.paths.data / "test.yml"
        rules.write_text(RULES)
        cache = DiskCache(self.paths.data / "cache")
        self.book = read_rulebook([rules], cache, None, own=False)
        self.merged = events(self.now - 60 * SECOND)
        self.words = words_of((resources.files(story) / "words.toml").read_text("utf-8"))
        detected = Detector(self.book, cache).find(self.merged, self.now)
        office = Office("RX1", Teller("Westpark Hospital", ("mail/ann@example.org",), Level.HIGH), self.words)
        desk = Desk(self.register.cases, self.book.rules, Estate(1), office)
        data = encode([Found(detected.matches, detected.starts, self.now)])
        desk.turn([Entry(1, self.now, 0, Part("shard-0", 1, 1, 1, data))], self.now)
        self.register.letters.add(
            [Letter("part/ab/7 numbers 1 to 2", "stream 1, position 9", "no batch", b"\x00broken", self.now)]
        )
        trouble = Trouble("silent/x", "silent", NAME, "silent for 11 min", self.now)
        self.register.cases.commit(Commit(self.now, 1, 2, troubles=[trouble]))

    @contextmanager
    def running(self) -> Iterator[subprocess.Popen[bytes]]:
        """Run the API until the end of the block."""
        log_path = self.paths.data / "api.log"
        command = [sys.executable, "-m", "carecordon.console.app", str(self.paths.data), str(self.paths.keys)]
        with log_path.open("ab") as log:
            process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log)
        self.process = process
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == b"ready\n", log_path.read_text()
            until(lambda: bool(self.logged("listening")), "it says where it listens")
            host, port = self.logged("listening")[-1]["api"][:2]
            self.base = f"http://{host}:{port}"
            yield process
        finally:
            process.kill()
            process.communicate()

    @contextmanager
    def storing(self) -> Iterator[None]:
        """Run a keeper that holds its events, until the end of the block."""
        with (self.paths.data / "keeper.log").open("ab") as log:
            command = [sys.executable, "-m", "carecordon.hub.keeper", str(self.paths.data)]
            keeper = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log)
        try:
            assert keeper.stdout is not None
            assert keeper.stdout.readline() == b"ready\n", (self.paths.data / "keeper.log").read_text()
            store = open_telemetry(self.paths)
            store.insert(self.merged, "0:0-4:1")
            store.close()
            yield
        finally:
            keeper.kill()
            keeper.communicate()

    def logged(self, event: str) -> list[dict[str, Any]]:
        """Return what the process logged of one kind."""
        lines = (self.paths.data / "api.log").read_text().splitlines()
        found = [json.loads(line) for line in lines if line.startswith("{") and line.endswith("}")]
        return [line for line in found if line.get("event") == event]

    def client(self, role: Role | None = Role.ADMIN) -> httpx.Client:
        """Return a client over the network, as somebody in a role or as nobody."""
        headers = {} if role is None else {"authorization": f"Bearer {self.tokens[role]}"}
        return httpx.Client(base_url=f"{self.base}/api/v1", headers=headers, trust_env=False, timeout=30)

    def local(self) -> httpx.Client:
        """Return a client over the hub's own socket."""
        transport = httpx.HTTPTransport(uds=str(self.paths.control))
        return httpx.Client(base_url="http://hub/api/v1", transport=transport, timeout=30)

    def audited(self, limit: int = 100) -> list[tuple[str, str, str, str]]:
        """Return the audit log, the latest first."""
        entries = self.register.audit.entries(limit=limit)
        return [(one.act.who, one.act.verb, one.act.subject, one.act.detail) for one in entries]

    def beat(self, name: str, **figures: float) -> None:
        """Say that another process lives."""
        Heart(self.paths.run, name, self.now).beat(time.time_ns(), figures)


@contextmanager
def living(folder: Path, more: str = "") -> Iterator[Living]:
    """Return a hub whose API runs; `more` stands in its hub.toml beside what must."""
    hub = Living(Paths(folder / "data", folder / "keys"), more=more)
    try:
        with hub.running():
            yield hub
    finally:
        hub.register.close()


def user() -> str:
    """Return the name that the local user is audited under."""
    return f"local:{pwd.getpwuid(os.geteuid()).pw_name}"
