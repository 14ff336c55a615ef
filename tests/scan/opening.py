"""Makes small inputs, packed or not, opens them as a scan does and collects all that comes of it."""

from __future__ import annotations

import io
import zipfile
from dataclasses import dataclass, field
from pathlib import Path

import zstandard

from carecordon.model.block import Bad
from carecordon.scan.open import Facts, open_source
from carecordon.scan.walk import Unread, walk

LINE = b'{"Channel": "Security", "EventID": 4624}\n'
LINES = LINE * 5
MIB = 1 << 20


@dataclass
class Found:
    """All inputs of some paths: events by name, facts by name, bad records, and what is not read."""

    events: dict[str, int] = field(default_factory=dict)
    facts: dict[str, Facts] = field(default_factory=dict)
    bad: list[tuple[str, str]] = field(default_factory=list)
    unread: list[Unread] = field(default_factory=list)

    @property
    def failures(self) -> list[Unread]:
        return [unread for unread in self.unread if unread.is_failure]

    @property
    def faults(self) -> list[str]:
        return [fault for facts in self.facts.values() for fault in facts.faults]


def find(*paths: Path | str) -> Found:
    """Return all that the paths hold."""
    found = Found()
    for source in walk(str(path) for path in paths):
        if isinstance(source, Unread):
            found.unread.append(source)
            continue
        for opened in open_source(source):
            if isinstance(opened, Unread):
                found.unread.append(opened)
                continue
            found.events[opened.name] = 0
            for item in opened.blocks():
                for run in (item,) if isinstance(item, Bad) else opened.feed.read(item):
                    if isinstance(run, Bad):
                        found.bad.append((opened.name, run.reason))
                    else:
                        found.events[opened.name] += len(run.documents)
            found.facts[opened.name] = opened.facts()
    return found


def zipped(*members: tuple[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    """Return a zip archive of these members."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        for name, content in members:
            archive.writestr(zipfile.ZipInfo(name), content, method)
    return buffer.getvalue()


def zstd(content: bytes) -> bytes:
    """Return zstd data."""
    return zstandard.ZstdCompressor().compress(content)


def put(folder: Path, content: bytes, name: str = "input") -> Path:
    """Write a file and return its path."""
    (folder / name).write_bytes(content)
    return folder / name
