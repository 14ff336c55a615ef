"""Anchors of the audit log: its end, noted now and then in the folder of keys, where who may write the log may not."""

from __future__ import annotations

import os
import re
from pathlib import Path

from carecordon.hub.trust.keyfile import FILE_MODE, sync_folder
from carecordon.model.audit import Head
from carecordon.model.errors import TheirFault

ANCHORS = "audit.anchors"
EVERY_S = 600.0
"""So often an anchor is noted while the hub runs: 4 MB a year."""
_LINE = re.compile(r"(\d{1,18}) ([0-9a-f]{64})", re.ASCII)


def note_anchor(keys: Path, head: Head) -> bool:
    """Note the end of the log where it has moved since; return whether it has. On return it is on disk."""
    known = read_anchors(keys)
    if head.number == 0 or (known and known[-1].number >= head.number):
        return False
    descriptor = os.open(keys / ANCHORS, os.O_RDWR | os.O_CREAT | os.O_APPEND, FILE_MODE)
    with os.fdopen(descriptor, "r+b") as file:
        text = (keys / ANCHORS).read_bytes()
        file.truncate(text.rfind(b"\n") + 1)  # a line that a crash cut off
        file.write(f"{head.number} {head.seal}\n".encode())
        file.flush()
        os.fsync(file.fileno())
    sync_folder(keys)
    return True


def read_anchors(keys: Path) -> list[Head]:
    """Return what was noted, the oldest first. Raises TheirFault, with its line, for what is no anchor."""
    path = keys / ANCHORS
    try:
        text = path.read_text("ascii")
    except FileNotFoundError:
        return []
    except UnicodeDecodeError as fault:
        raise TheirFault(
            f"{path}: this is no file of anchors: put it back from a copy of the folder of keys"
        ) from fault
    found = []
    for number, line in enumerate(text.split("\n")[:-1], 1):
        parts = _LINE.fullmatch(line)
        if parts is None:
            raise TheirFault(f"{path}:{number}: this is no anchor: put the file back from a copy of the folder of keys")
        found.append(Head(int(parts[1]), parts[2]))
    return found
