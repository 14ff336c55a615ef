"""A file sealed to a passphrase, piece by piece: nothing of it is believed, or given out, before its seal is checked.

A sealed file: 16 random bytes, then pieces of 1 MiB, each AES-256-GCM with a key of this file alone (HKDF of the
passphrase's key, the random bytes and the file's name) and a nonce that counts and marks the last: pieces cannot be
moved, left out or added, nor a file put under another name. Source: Hoang, Reyhanitabar, Rogaway, Vizar, "Online
Authenticated-Encryption and its Nonce-Reuse Misuse-Resistance" (STREAM), 2015; RFC 5869; RFC 7914.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO, Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from carecordon.model.errors import TheirFault

PIECE = 1024 * 1024
TAG = 16
SALT = 16
PASSPHRASE_CHARS = 12
COST = 2**17
"""Of scrypt: 128 MB and about half a second. Source: OWASP Password Storage Cheat Sheet, 2025 (N=2^17, r=8, p=1)."""
MAX_COST = 2**18
BLOCK = 8


class Readable(Protocol):
    """Something to read bytes from."""

    def read(self, size: int = ..., /) -> bytes:
        """Return at most so many of the next bytes; none at the end."""
        ...


@dataclass(frozen=True, slots=True)
class Lock:
    """A passphrase's key. `salt` and `cost` stand openly beside what is sealed."""

    key: bytes
    salt: bytes
    cost: int


def lock_of(passphrase: str, salt: bytes, cost: int = COST) -> Lock:
    """Return the key of a passphrase. Raises TheirFault for one that is short, or a cost that nobody chose honestly."""
    if len(passphrase) < PASSPHRASE_CHARS:
        raise TheirFault(
            f"the passphrase has fewer than {PASSPHRASE_CHARS} characters: four or five words are good ones"
        )
    if cost > MAX_COST or cost < 2 or cost & (cost - 1) or not SALT <= len(salt) <= 64:
        raise TheirFault("the backup asks for more work than any backup of ours: it is none, or was altered")
    return Lock(Scrypt(salt=salt, length=32, n=cost, r=BLOCK, p=1).derive(passphrase.encode()), salt, cost)


def sealed_size(size: int) -> int:
    """Return how many bytes a file of this size has when it is sealed."""
    return SALT + size + TAG * max(1, -(-size // PIECE))


class Sealing:
    """A file as it is read to be sealed: `read` gives sealed bytes. `sha256` of what was read, when all is."""

    def __init__(self, lock: Lock, name: str, file: Readable, size: int, salt: bytes) -> None:
        """Seal exactly `size` bytes; `salt` is drawn at random for this file alone."""
        self._pieces = self._sealed(AESGCM(_file_key(lock, name, salt)), file, size, salt)
        self._left = b""
        self._name = name
        self._hash = hashlib.sha256()

    @property
    def sha256(self) -> str:
        """Return the SHA-256 (hex) of what was read so far, before sealing."""
        return self._hash.hexdigest()

    def read(self, size: int = -1, /) -> bytes:
        """Return the next sealed bytes, exactly `size` unless there are fewer."""
        wanted = PIECE if size < 0 else size
        while len(self._left) < wanted:
            more = next(self._pieces, b"")
            if not more:
                break
            self._left += more
        taken, self._left = self._left[:wanted], self._left[wanted:]
        return taken

    def _sealed(self, cipher: AESGCM, file: Readable, size: int, salt: bytes) -> Iterator[bytes]:
        yield salt
        count = max(1, -(-size // PIECE))
        for number in range(count):
            wanted = min(PIECE, size - number * PIECE)
            piece = file.read(wanted)
            if len(piece) != wanted:
                raise TheirFault(f"{self._name}: it became shorter while it was read: take the backup again")
            self._hash.update(piece)
            yield cipher.encrypt(_nonce(number, is_last=number == count - 1), piece, None)


def unseal(lock: Lock, name: str, file: Readable, size: int) -> Iterator[bytes]:
    """Yield what was sealed under this name, piece by piece, each checked; `size` is that of the sealed file.

    Raises TheirFault, without the name, at the first piece that does not fit: what was yielded before is no whole file.
    """
    salt = file.read(SALT)
    left = size - SALT
    if left < TAG:
        raise _broken()
    cipher = AESGCM(_file_key(lock, name, salt))
    number = 0
    while left > 0:
        piece = file.read(min(PIECE + TAG, left))
        left -= len(piece)
        if len(piece) < TAG:
            raise _broken()
        try:
            yield cipher.decrypt(_nonce(number, is_last=left == 0), piece, None)
        except InvalidTag as fault:
            raise _broken() from fault
        number += 1


def copy_unsealed(lock: Lock, name: str, file: Readable, size: int, target: IO[bytes]) -> str:
    """Write what was sealed to `target` and return its SHA-256 (hex)."""
    digest = hashlib.sha256()
    for piece in unseal(lock, name, file, size):
        digest.update(piece)
        target.write(piece)
    return digest.hexdigest()


def _broken() -> TheirFault:
    return TheirFault("the passphrase is another one, or the backup is damaged or was altered")


def _file_key(lock: Lock, name: str, salt: bytes) -> bytes:
    return HKDF(hashes.SHA256(), 32, salt, b"carecordon backup 1 " + name.encode()).derive(lock.key)


def _nonce(number: int, *, is_last: bool) -> bytes:
    return number.to_bytes(11, "big") + bytes([is_last])
