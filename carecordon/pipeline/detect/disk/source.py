"""A program's own source, by which what it made is told from what another made."""

from __future__ import annotations

import hashlib
from importlib import resources


def source_hash(package: str) -> str:
    """Return 16 hexadecimal digits that are others whenever a module or catalogue of a package is; no folder counts."""
    digest = hashlib.sha256()
    for file in sorted(resources.files(package).iterdir(), key=lambda entry: entry.name):
        if file.name.endswith((".py", ".toml")):
            digest.update(file.name.encode() + b"\0" + hashlib.sha256(file.read_bytes()).digest())
    return digest.hexdigest()[:16]
