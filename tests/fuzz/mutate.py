"""Damages bytes in the ways that find faults: flips, cuts, repeats, splices, telling numbers and marks."""

from __future__ import annotations

import random
import struct
from collections.abc import Sequence

_TOKENS = (
    *(
        b"{",
        b"}",
        b"[",
        b"]",
        b'"',
        b"\\",
        b",",
        b":",
        b"\n",
        b"\r\n",
        b"\x1e",
        b"{}",
        b'{"a":',
        b"[[[[[[[[",
        b"\\ud800",
    ),
    *(
        b"<Event>",
        b"</Event>",
        b"<Event ",
        b"<Data Name='a'>",
        b"&#x0;",
        b"&a;",
        b"<!DOCTYPE a [",
        b"]]>",
        b"<![CDATA[",
    ),
    *(b"ElfChnk\0", b"**\0\0", b"\x00", b"\xff", b"\xff\xfe", b"\xef\xbb\xbf", b"\xed\xa0\x80", b"1e999", b"NaN"),
    *(b"PK\x03\x04", b"PK\x01\x02", b"PK\x05\x06", b"\x1f\x8b\x08", b"\x28\xb5\x2f\xfd"),
)
_NUMBERS = (
    0,
    1,
    2,
    3,
    4,
    24,
    27,
    28,
    127,
    128,
    255,
    256,
    511,
    512,
    4095,
    4096,
    65_535,
    65_536,
    2**31 - 1,
    2**31,
    2**32 - 1,
)


def mutated(rng: random.Random, seeds: Sequence[bytes]) -> bytes:
    """Return one of the seeds with one to eight damages; now and then one that is whole."""
    content = bytearray(rng.choice(seeds))
    for _ in range(rng.choice((0, 1, 1, 1, 2, 2, 3, 4, 8))):
        rng.choice(_DAMAGES)(rng, content, seeds)
    return bytes(content)


def _flip(rng: random.Random, content: bytearray, _seeds: Sequence[bytes]) -> None:
    if content:
        content[rng.randrange(len(content))] ^= 1 << rng.randrange(8)


def _noise(rng: random.Random, content: bytearray, _seeds: Sequence[bytes]) -> None:
    at = rng.randrange(len(content) + 1)
    content[at : at + rng.randrange(40)] = rng.randbytes(rng.randrange(40))


def _number(rng: random.Random, content: bytearray, _seeds: Sequence[bytes]) -> None:
    width, form = rng.choice(((2, "<H"), (4, "<I"), (8, "<Q")))
    if len(content) >= width:
        struct.pack_into(form, content, rng.randrange(len(content) - width + 1), rng.choice(_NUMBERS) % 256**width)


def _token(rng: random.Random, content: bytearray, _seeds: Sequence[bytes]) -> None:
    at = rng.randrange(len(content) + 1)
    token = rng.choice(_TOKENS) * rng.choice((1, 1, 1, 2, 50))
    content[at : at + rng.choice((0, len(token)))] = token


def _cut(rng: random.Random, content: bytearray, _seeds: Sequence[bytes]) -> None:
    del content[rng.randrange(len(content) + 1) :]


def _drop(rng: random.Random, content: bytearray, _seeds: Sequence[bytes]) -> None:
    at = rng.randrange(len(content) + 1)
    del content[at : at + rng.choice((1, 4, 8, rng.randrange(2000)))]


def _repeat(rng: random.Random, content: bytearray, _seeds: Sequence[bytes]) -> None:
    at = rng.randrange(len(content) + 1)
    content[at:at] = content[at : at + rng.randrange(1000)] * rng.choice((1, 1, 2, 20))


def _splice(rng: random.Random, content: bytearray, seeds: Sequence[bytes]) -> None:
    other = rng.choice(seeds)
    at = rng.randrange(min(len(content), len(other)) + 1)
    content[at : at + rng.randrange(2000)] = other[at : at + rng.randrange(2000)]


_DAMAGES = (_flip, _flip, _noise, _number, _number, _token, _token, _cut, _drop, _repeat, _splice)
