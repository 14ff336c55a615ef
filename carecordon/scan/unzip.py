"""The members of a zip archive as streams, read in place: nothing is extracted, and no name is used as a path."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Iterator
from typing import BinaryIO

from carecordon.scan.layers import Budget, Layer
from carecordon.scan.unpack import Inflated, Unzstd
from carecordon.scan.walk import Unread, os_reason

ZIP_MAGICS = (b"PK\x03\x04", b"PK\x05\x06")
MAX_MEMBERS = 100_000

_ENTRY_MAGIC = b"PK\x01\x02"
_LOCAL_MAGIC = b"PK\x03\x04"
_LOCAL_BYTES = 30
_MAX_DIRECTORY_BYTES = 64 << 20
_ENCRYPTED = 0x2041
"""Flags for encrypted, strongly encrypted, names masked. Source: APPNOTE.TXT section 4.4.4, as are the methods."""
_STORED, _DEFLATED, _ZSTD = 0, 8, 93


def members(file: BinaryIO, name: str, budget: Budget) -> Iterator[tuple[str, Layer] | Unread]:
    """Yield name (`archive.zip!member`) and content of each member in the archive's order.

    `file` must be seekable and stay open; each content is read before the next is asked for.
    """
    try:
        with zipfile.ZipFile(_Watched(file)) as archive:
            entries = archive.infolist()
    except zipfile.BadZipFile as fault:
        reason = f"the zip archive cannot be read, its end is cut off or damaged ({os_reason(fault)[:200]})"
        yield Unread(name, f"{reason}: copy it again, or mend it first, for instance with `zip -FF`", True)
        return
    except Exception as fault:  # noqa: BLE001 - zipfile raises whatever the bytes lead it to
        yield Unread(name, f"the zip archive cannot be read: {os_reason(fault)[:200]}", True)
        return
    for entry in entries:
        if not entry.filename.endswith("/"):
            yield _member(file, f"{name}!{entry.filename}", entry, budget)


def _member(file: BinaryIO, name: str, entry: zipfile.ZipInfo, budget: Budget) -> tuple[str, Layer] | Unread:
    if entry.flag_bits & _ENCRYPTED:
        return Unread(name, "it is encrypted: decrypt the archive first", True)
    stored = _Stored(file, entry, budget)
    if entry.compress_type == _STORED:
        return name, _Checked(stored, entry)
    if entry.compress_type == _DEFLATED:
        return name, _Checked(Inflated(stored, budget, is_bare=True), entry)
    if entry.compress_type == _ZSTD:
        return name, _Checked(Unzstd(stored, budget), entry)
    return Unread(name, f"zip method {entry.compress_type} is not read: pack it with deflate, or unpack it first", True)


class _Watched:
    """A file for zipfile that refuses a directory too large to hold in memory."""

    def __init__(self, file: BinaryIO) -> None:
        """Watch over what is read from `file`."""
        self.seek = file.seek
        self.tell = file.tell
        self._file = file

    def read(self, size: int = -1, /) -> bytes:
        """Return the next bytes. Raises ValueError if that is too many or lists too many members."""
        if size > _MAX_DIRECTORY_BYTES:
            raise ValueError(f"its directory is larger than {_MAX_DIRECTORY_BYTES >> 20} MiB")
        piece = self._file.read(size)
        if piece.count(_ENTRY_MAGIC) > MAX_MEMBERS:
            raise ValueError(f"it has more than {MAX_MEMBERS:,} members")
        return piece


class _Stored:
    """A member's bytes as they stand in the archive."""

    def __init__(self, file: BinaryIO, entry: zipfile.ZipInfo, budget: Budget) -> None:
        """Point at the entry; its local header is read at the first read."""
        self._budget = budget
        self.fault: str | None = None
        self._file = file
        self._entry = entry
        self._at: int | None = None
        self._left = entry.compress_size

    def read(self, size: int, /) -> bytes:
        """Return the next bytes, at most `size`."""
        if self.fault:
            return b""
        try:
            if self._at is None:
                self._at = self._content_at()
            self._file.seek(self._at)
            piece = self._file.read(min(size, self._left))
        except (OSError, ValueError, OverflowError) as fault:
            self.fault = f"the zip member cannot be read: {os_reason(fault)}"
            return b""
        self._at += len(piece)
        self._left -= len(piece)
        if not piece and self._left:
            self.fault = "the archive ends inside the member"
        self.fault = self.fault or self._budget.spend(len(piece))  # members may overlap
        return piece

    def _content_at(self) -> int:
        """Return where the content begins. Raises ValueError if the archive's directory points elsewhere."""
        self._file.seek(self._entry.header_offset)
        header = self._file.read(_LOCAL_BYTES)
        if len(header) < _LOCAL_BYTES or not header.startswith(_LOCAL_MAGIC):
            raise ValueError("there is no member where the archive's directory says")
        name_bytes, extra_bytes = int.from_bytes(header[26:28], "little"), int.from_bytes(header[28:30], "little")
        return self._entry.header_offset + _LOCAL_BYTES + name_bytes + extra_bytes


class _Checked:
    """A member's content, held against the size and the checksum that the archive gives."""

    def __init__(self, content: Layer, entry: zipfile.ZipInfo) -> None:
        """Check `content`."""
        self.fault: str | None = None
        self._content = content
        self._entry = entry
        self._size = 0
        self._checksum = 0

    def read(self, size: int, /) -> bytes:
        """Return the next bytes, at most `size`."""
        piece = self._content.read(size)
        self._size += len(piece)
        self._checksum = zlib.crc32(piece, self._checksum)
        if self._content.fault:
            self.fault = self._content.fault
        elif not piece and (self._size, self._checksum) != (self._entry.file_size, self._entry.CRC):
            self.fault = "size or checksum is not what the archive says: the member is damaged"
        return piece
