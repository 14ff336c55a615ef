"""What a file is that is no event file: said by its first bytes, so that the reader knows what to do about it."""

from __future__ import annotations

# (magic, what it is, whether it may hold events)
_MAGICS: tuple[tuple[bytes, str, bool], ...] = (
    (b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive: unpack it first", True),
    (b"Rar!\x1a\x07", "a RAR archive: unpack it first", True),
    (b"\xfd7zXZ\x00", "xz data: unpack it first", True),
    (b"BZh", "bzip2 data: unpack it first", True),
    (b"\x04\x22\x4d\x18", "lz4 data: unpack it first", True),
    (b"MSCF", "a cabinet file: unpack it first", True),
    (b"0\x00\x00\x00LfLe", "an event log of Windows XP or older: convert it with `wevtutil export-log`", True),
    (b"EVF\x09\x0d\x0a\xff\x00", "an EnCase disk image: give the files in it", True),
    (b"vhdxfile", "a virtual disk: give the files in it", True),
    (b"regf", "a registry hive, not an event file", False),
    (b"MZ", "a Windows program, not an event file", False),
    (b"\x7fELF", "a program, not an event file", False),
    (b"%PDF", "a PDF document, not an event file", False),
    (b"\x89PNG", "a picture, not an event file", False),
    (b"\xff\xd8\xff", "a picture, not an event file", False),
    (b"SQLite format 3\x00", "a SQLite database, not an event file", False),
)
_TAR_MAGIC, _TAR_OFFSET = b"ustar", 257
_EVENT_SUFFIXES = (".evtx", ".jsonl", ".ndjson")
_PACKED_SUFFIXES = (".gz", ".gzip", ".zst", ".zstd")


def describe(head: bytes) -> tuple[str, bool]:
    """Return what a file that no feed recognises is, and whether it may hold events."""
    for magic, text, may_hold_events in _MAGICS:
        if head.startswith(magic):
            return text, may_hold_events
    if head.startswith(_TAR_MAGIC, _TAR_OFFSET):
        return "a tar archive: unpack it first", True
    if not head:
        return "it is empty", False
    if not head.strip(b"\0"):
        return "the file begins with nothing but zero bytes: if it was a log, take it from another copy", False
    return "not an event file by its beginning: neither EVTX, JSON events nor Windows event XML", False


def promises_events(name: str) -> bool:
    """Return whether a file of this name ought to hold events, so that its holding none is a loss."""
    name = name.lower()
    for suffix in _PACKED_SUFFIXES:
        name = name.removesuffix(suffix)
    return name.endswith(_EVENT_SUFFIXES)
