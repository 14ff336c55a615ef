"""Blocks made of pieces whose borders the bytes themselves do not show: the lengths travel in the block's context."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from carecordon.model.block import Bad, Block

_LENGTH = np.dtype("<u4")


def into_blocks(feed: str, pieces: Iterable[bytes | Bad], block_bytes: int) -> Iterator[Block | Bad]:
    """Yield the pieces (each below 4 GiB) in blocks of at least `block_bytes`; a Bad ends the block before it."""
    held: list[bytes] = []
    size = 0
    for piece in pieces:
        if isinstance(piece, bytes):
            held.append(piece)
            size += len(piece)
        if held and (size >= block_bytes or isinstance(piece, Bad)):
            yield _block(feed, held)
            held, size = [], 0
        if isinstance(piece, Bad):
            yield piece
    if held:
        yield _block(feed, held)


def pieces_of(block: Block) -> Iterator[bytes]:
    """Yield the pieces of a block in order."""
    start = 0
    for length in np.frombuffer(block.context, _LENGTH).tolist():
        yield block.data[start : start + length]
        start += length


def _block(feed: str, pieces: Sequence[bytes]) -> Block:
    return Block(feed, b"".join(pieces), np.array([len(piece) for piece in pieces], _LENGTH).tobytes())
