"""A batch as it travels: packed with zstd and a dictionary, within limits that are checked before anything is unpacked.

Frames are packed with the latest dictionary (wire/dictionary.py); those of every dictionary, and of none, are read.
"""

from __future__ import annotations

import zstandard

from carecordon.model.errors import TheirFault
from carecordon.wire.dictionary import LATEST, dictionary

MAX_PACKED = 16 * 1024 * 1024
MAX_UNPACKED = 16 * 1024 * 1024
MAX_RATIO = 200
FREE_BYTES = 1024 * 1024
"""What unpacks to no more than this is taken at any ratio: rows that are all alike pack very well."""
LEVEL = 3


def pack(raw: bytes) -> bytes:
    """Return a frame. Raises TheirFault if it is larger than `unpack` takes."""
    packed = zstandard.ZstdCompressor(level=LEVEL, dict_data=dictionary(LATEST, LEVEL)).compress(raw)
    _check_size(len(packed), len(raw))
    return packed


def unpacked_size(data: bytes) -> int:
    """Return what a frame says that it unpacks to; 0 where it is none, or does not say."""
    try:
        size = zstandard.get_frame_parameters(data).content_size
    except zstandard.ZstdError:
        return 0
    return size if size <= MAX_UNPACKED else 0


def check_frame(data: bytes) -> None:
    """Raise TheirFault where the frame's header alone says that `decode` will not take it; unpacks nothing."""
    _dictionary_of(data)


def unpack(data: bytes) -> bytes:
    """Return what is in a frame. Raises TheirFault where it is none, or too large; sizes are checked before."""
    return Unpacker().unpack(data)


class Unpacker:
    """Unpacks many frames, in one thread: what that takes is kept, since making it costs more than a small batch."""

    def __init__(self) -> None:
        """Begin with nothing made."""
        self._made: dict[int, zstandard.ZstdDecompressor] = {}

    def unpack(self, data: bytes) -> bytes:
        """Do what the function does."""
        known = _dictionary_of(data)
        number = 0 if known is None else known.dict_id()
        if number not in self._made:
            self._made[number] = zstandard.ZstdDecompressor(dict_data=known)
        try:
            return self._made[number].decompress(data, allow_extra_data=False)
        except zstandard.ZstdError as error:
            raise TheirFault(f"batch: not zstd: {error}") from error


def _dictionary_of(data: bytes) -> zstandard.ZstdCompressionDict | None:
    """Return the dictionary that a frame was packed with, None for none, if its header is within the limits."""
    try:
        head = zstandard.get_frame_parameters(data)
    except zstandard.ZstdError as error:
        raise TheirFault(f"batch: not zstd: {error}") from error
    _check_size(len(data), head.content_size)
    if not head.dict_id:
        return None
    known = dictionary(head.dict_id, LEVEL)
    if known is None:
        raise TheirFault(
            f"batch: packed with dictionary {head.dict_id}, unknown here: bring the hub to a newer release"
        )
    return known


def _check_size(packed: int, unpacked: int) -> None:
    if packed > MAX_PACKED:
        raise TheirFault(f"batch: {packed} bytes, at most {MAX_PACKED} are taken: send smaller batches")
    if unpacked > min(MAX_UNPACKED, max(FREE_BYTES, MAX_RATIO * packed)):
        raise TheirFault(f"batch: {packed} bytes would unpack to {unpacked}, too many: send smaller batches")
