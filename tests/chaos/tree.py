"""Folders in folders on a disk whose power fails, as a trace of system calls tells what became of them.

Two disks. A plain one keeps what POSIX promises: a file's bytes once the file is synced, a name once its folder is. A
journalled one is what servers have (ext4, XFS): changes of names are on disk in their order, all those that were made
before anything at all was synced. Bytes that were not synced are gone on both.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath


@dataclass(slots=True, eq=False)
class File:
    """Bytes as programs see them, and as they are on disk."""

    seen: bytearray = field(default_factory=bytearray)
    held: bytes = b""


@dataclass(slots=True, eq=False)
class Folder:
    """Names as programs see them, and as they are on disk."""

    seen: dict[str, File | Folder] = field(default_factory=dict)
    held: dict[str, File | Folder] = field(default_factory=dict)


class TracedDisk:
    """One folder, call by call. Paths are relative to it; what lies elsewhere was left out before."""

    def __init__(self, *, is_journalled: bool) -> None:
        """Begin with an empty folder."""
        self.root = Folder()
        self._is_journalled = is_journalled
        self._changed: set[Folder] = set()
        self.receipts: list[str] = []
        self.syncs = 0

    def find(self, path: str) -> File | Folder | None:
        """Return what has a name now."""
        node: File | Folder | None = self.root
        for name in PurePosixPath(path).parts:
            if not isinstance(node, Folder):
                return None
            node = node.seen.get(name)
        return node

    def file(self, path: str) -> File:
        """Return a file, made where it is not there."""
        found = self.find(path)
        if isinstance(found, File):
            return found
        made = File()
        self._put(path, made)
        return made

    def mkdir(self, path: str) -> None:
        """Make a folder."""
        if path not in ("", ".") and self.find(path) is None:
            self._put(path, Folder())

    def rename(self, old: str, new: str) -> None:
        """Give something another name."""
        node = self.find(old)
        if node is None:
            return
        self.remove(old)
        self._put(new, node)

    def exchange(self, one: str, other: str) -> None:
        """Let two names change places."""
        first, second = self.find(one), self.find(other)
        if first is not None and second is not None:
            self._put(one, second)
            self._put(other, first)

    def link(self, old: str, new: str) -> None:
        """Give a file one more name."""
        node = self.find(old)
        if node is not None:
            self._put(new, node)

    def remove(self, path: str) -> None:
        """Take a name away."""
        parent, name = self._parent(path)
        if parent is not None and name in parent.seen:
            del parent.seen[name]
            self._changed.add(parent)

    def sync(self, node: File | Folder) -> None:
        """Put a file's bytes or a folder's names on disk, and with a journal every name."""
        self.syncs += 1
        if isinstance(node, File):
            node.held = bytes(node.seen)
        else:
            node.held = dict(node.seen)
        if self._is_journalled:
            for folder in self._changed:
                folder.held = dict(folder.seen)
            self._changed.clear()

    def write_to(self, target: Path) -> None:
        """Write the folder as it is found after the power fails now."""
        _write(self.root, target)

    def _parent(self, path: str) -> tuple[Folder | None, str]:
        at = PurePosixPath(path)
        parent = self.find(str(at.parent))
        return (parent if isinstance(parent, Folder) else None), at.name

    def _put(self, path: str, node: File | Folder) -> None:
        parent, name = self._parent(path)
        if parent is not None:
            parent.seen[name] = node
            self._changed.add(parent)


def _write(folder: Folder, target: Path) -> None:
    target.mkdir(mode=0o700)
    for name, node in folder.held.items():
        if isinstance(node, Folder):
            _write(node, target / name)
        else:
            (target / name).write_bytes(node.held)
