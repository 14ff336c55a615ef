"""The cache on disk: what compiling gave, so that the next start need not compile."""

from __future__ import annotations

import hashlib
import os
import tempfile
from pathlib import Path

import platformdirs

DIGEST = 32
MAX_BYTES = 512 * 1024 * 1024
"""The folder is trimmed to this, oldest use first."""
UNFINISHED = ".part"
STALE_S = 3_600
"""An unfinished file so much older than the newest was left by a process that was killed."""


class DiskCache:
    """One file a key, each behind its own SHA-256: a torn or altered one reads as absent and is made again."""

    def __init__(self, folder: Path | None = None) -> None:
        """Use `folder`, or CARECORDON_CACHE, or the user's own cache folder."""
        named = os.environ.get("CARECORDON_CACHE")
        self._folder = folder or (Path(named) if named else platformdirs.user_cache_path("carecordon"))

    def _path(self, key: str) -> Path:
        return self._folder / f"{key}.cache"

    def load(self, key: str) -> bytes | None:
        """Return what was saved under `key`, or None."""
        path = self._path(key)
        try:
            whole = path.read_bytes()
            os.utime(path)
        except OSError:
            return None
        blob = whole[DIGEST:]
        return blob if hashlib.sha256(blob).digest() == whole[:DIGEST] else None

    def save(self, key: str, blob: bytes) -> None:
        """Keep `blob`; where the folder cannot be written, the next start compiles again."""
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            with tempfile.NamedTemporaryFile(dir=self._folder, suffix=UNFINISHED, delete=False) as file:
                try:
                    file.write(hashlib.sha256(blob).digest() + blob)
                    file.close()
                    Path(file.name).replace(self._path(key))
                except OSError:
                    Path(file.name).unlink()
                    raise
            self._trim()
        except OSError:
            return

    def _trim(self) -> None:
        files = sorted(self._folder.glob("*.cache"), key=_changed, reverse=True)
        total = 0
        for path in files:
            total += path.stat().st_size
            if total > MAX_BYTES:
                path.unlink(missing_ok=True)
        for path in self._folder.glob(f"tmp*{UNFINISHED}"):
            if _changed(path) < _changed(files[0]) - STALE_S:
                path.unlink(missing_ok=True)


def _changed(path: Path) -> float:
    return path.stat().st_mtime
