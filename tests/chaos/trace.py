"""What one process did to the files of a folder, by a trace of its system calls (strace 6), replayed call by call.

A line that the process writes to its standard error and that begins with RECEIPT says that somebody was told.
Source: strace(1), options -f -y -xx -s -e trace.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.chaos.tree import File, Folder, TracedDisk

CALLS = (
    "open openat creat write writev pwrite64 pwritev pwritev2 lseek fsync fdatasync ftruncate truncate rename renameat "
    "renameat2 unlink unlinkat rmdir mkdir mkdirat link linkat symlink symlinkat sync_file_range syncfs sync fallocate "
    "copy_file_range sendfile io_submit io_uring_enter dup dup2 dup3"
)
UNKNOWN = {"io_submit", "io_uring_enter", "copy_file_range", "sendfile", "pwritev", "pwritev2"}
"""Ways to write that are not replayed: a trace that has them for a file of the folder is no good."""
RECEIPT = b"RECEIPT "
NEEDED = "strace, and the right to trace (apt-get install strace; in a container: --cap-add=SYS_PTRACE)"
TIMEOUT_S = 600
_LINE = re.compile(r"(\d+) +(\w+)\((.*)\) += (-?\d+|\?)(?:<([^>]*)>)?(?: .*)?\Z")
_UNFINISHED = re.compile(r"(\d+) +(\w+)\((.*) <unfinished \.\.\.>\Z")
_RESUMED = re.compile(r"(\d+) +<\.\.\. (\w+) resumed>(.*)\Z")
_TEXT = re.compile(r'"((?:\\x[0-9a-f]{2})*)"')
_FD = re.compile(r"(-?\d+|AT_FDCWD)<([^>]*)>")


def is_here() -> bool:
    """Return whether processes can be traced on this machine."""
    found = shutil.which("strace")
    return (
        found is not None
        and subprocess.run([found, "-o", os.devnull, "true"], capture_output=True, check=False).returncode == 0
    )


def traced(command: Sequence[str], to: Path) -> str:
    """Run a command to its end under a trace, and return what it said. Raises AssertionError where it fails."""
    tracer = ["strace", "-f", "-y", "-xx", "-s", "100000000", "-e", f"trace={','.join(CALLS.split())}", "-o", str(to)]
    done = subprocess.run([*tracer, *command], capture_output=True, timeout=TIMEOUT_S, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


@dataclass
class Replay:
    """A trace, replayed on one or several disks at once. `step` does one call."""

    folder: Path
    disks: Sequence[TracedDisk]
    odd: list[str] = field(default_factory=list)
    """Calls on the folder that could not be replayed."""
    _places: dict[int, int] = field(default_factory=dict)
    _appends: set[int] = field(default_factory=set)
    _open: dict[int, str] = field(default_factory=dict)

    def run(self, trace: Path) -> Iterator[str]:
        """Yield after each call that matters what it was: `sync`, `receipt` or `other`."""
        for name, words, result, at in _calls(trace):
            if result.startswith("-") or result == "?":
                continue
            done = self._do(name, words, int(result), at)
            if done is not None:
                yield done

    def _inside(self, path: str) -> str | None:
        """Return a path within the folder; None for all others."""
        path = path.removesuffix("(deleted)")
        root = str(self.folder)
        return None if path != root and not path.startswith(f"{root}/") else path[len(root) + 1 :] or "."

    def _paths(self, words: str) -> list[str | None]:
        """Return the paths that a call names, each against the folder that stands before it."""
        found: list[str | None] = []
        base = ""
        for one in re.finditer(rf"{_FD.pattern}|{_TEXT.pattern}", words):
            if one[1] is not None:
                base = _text(one[2])
            else:
                text = _text(one[3])
                found.append(self._inside(os.path.normpath(os.path.join(base or str(Path.cwd()), text))))  # noqa: PTH118  # paths of a trace
        return found

    def _do(self, name: str, words: str, result: int, at: str | None) -> str | None:
        if name in ("open", "openat", "creat"):
            return self._opened(words, result, at)
        descriptor = _FD.match(words)
        if descriptor is not None and descriptor[1].lstrip("-").isdigit() and name not in _NAMED:
            return self._on_file(name, words, int(descriptor[1]), _text(descriptor[2]), result)
        return self._on_names(name, words)

    def _opened(self, words: str, result: int, at: str | None) -> str | None:
        path = self._inside(_text(at or ""))
        if path is None:
            self._open.pop(result, None)
            return None
        self._open[result] = path
        self._places[result] = 0
        self._appends.discard(result)
        if "O_APPEND" in words:
            self._appends.add(result)
        for disk in self.disks:
            if "O_CREAT" in words:
                disk.file(path)
            node = disk.find(path)
            if "O_TRUNC" in words and isinstance(node, File):
                node.seen.clear()
        return "other"

    def _on_file(self, name: str, words: str, number: int, at: str, result: int) -> str | None:
        if number == 2 and name == "write":
            said = _bytes(words)
            if said.startswith(RECEIPT):
                for disk in self.disks:
                    disk.receipts.append(said[len(RECEIPT) :].decode().strip())
                return "receipt"
        path = self._inside(at)
        if path is None:
            return None
        if name in UNKNOWN:
            self.odd.append(f"{name} {at}")
            return None
        for disk in self.disks:
            node = disk.find(path)
            if node is not None:
                self._change(disk, node, name, words, number, result)
        if name in ("write", "writev"):
            size = len(_node_bytes(self.disks[0].find(path)))
            self._places[number] = size if number in self._appends else self._places.get(number, 0) + result
        elif name == "lseek":
            self._places[number] = result
        return "sync" if name in ("fsync", "fdatasync", "syncfs") else "other"

    def _change(self, disk: TracedDisk, node: File | Folder, name: str, words: str, number: int, result: int) -> None:
        if name in ("fsync", "fdatasync", "syncfs"):
            disk.sync(node)
        if not isinstance(node, File):
            return
        numbers = re.findall(r", (\d+)", _TEXT.sub('""', words))
        if name in ("write", "writev"):
            at = len(node.seen) if number in self._appends else self._places.get(number, 0)
            _put(node, at, _bytes(words)[:result])
        elif name == "pwrite64":
            _put(node, int(numbers[-1]), _bytes(words)[:result])
        elif name == "ftruncate":
            _cut(node, int(numbers[-1]))
        elif name == "fallocate" and "KEEP_SIZE" not in words:
            _cut(node, max(len(node.seen), int(numbers[-2]) + int(numbers[-1])))

    def _on_names(self, name: str, words: str) -> str | None:
        paths = self._paths(words)
        if name == "sync":
            self.odd.append(name)
        if all(path is None for path in paths):
            return None
        if len(paths) > 1 and None in paths[:2] and not name.startswith("symlink"):
            self.odd.append(f"{name} {paths}")
            return None
        first = paths[0] or "."
        for disk in self.disks:
            match name:
                case "mkdir" | "mkdirat":
                    disk.mkdir(first)
                case "unlink" | "unlinkat" | "rmdir":
                    disk.remove(first)
                case "rename" | "renameat" | "renameat2":
                    second = paths[1] or "."
                    (disk.exchange if "RENAME_EXCHANGE" in words else disk.rename)(first, second)
                case "link" | "linkat":
                    disk.link(first, paths[1] or ".")
                case "truncate":
                    node = disk.find(first)
                    if isinstance(node, File):
                        _cut(node, int(words.rsplit(", ", 1)[1]))
                case "symlink" | "symlinkat":
                    pass  # its target is a path of the machine; who needs it makes it again
                case _:
                    self.odd.append(f"{name} {paths}")
        return "other"


_NAMED = {"unlinkat", "renameat", "renameat2", "mkdirat", "linkat", "symlinkat"}


def _calls(trace: Path) -> Iterator[tuple[str, str, str, str | None]]:
    """Yield name, words, result and the path of the result of each call, where it ended."""
    begun: dict[str, str] = {}
    with trace.open("r", encoding="ascii", errors="replace") as file:
        for line in file:
            text = line.rstrip("\n")
            if (one := _UNFINISHED.match(text)) is not None:
                begun[one[1]] = f"{one[1]} {one[2]}({one[3]}"
                continue
            if (one := _RESUMED.match(text)) is not None:
                text = begun.pop(one[1], "") + one[3]
            if (whole := _LINE.match(text)) is not None:
                yield whole[2], whole[3], whole[4], whole[5]


def _text(hexed: str) -> str:
    return os.fsdecode(bytes.fromhex(hexed.replace("\\x", ""))) if hexed.startswith("\\x") else hexed


def _bytes(words: str) -> bytes:
    return b"".join(bytes.fromhex(one.replace("\\x", "")) for one in _TEXT.findall(words))


def _node_bytes(node: File | Folder | None) -> bytearray:
    return node.seen if isinstance(node, File) else bytearray()


def _put(file: File, at: int, data: bytes) -> None:
    file.seen.extend(bytes(max(0, at - len(file.seen))))
    file.seen[at : at + len(data)] = data


def _cut(file: File, size: int) -> None:
    del file.seen[size:]
    file.seen.extend(bytes(max(0, size - len(file.seen))))
