"""Standard output that says of itself where it cannot be written: a full disk is no defect of ours."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from pathlib import Path
from typing import Any


class OutputLost(OSError):
    """Standard output could not be written: what is in it is not all."""


class _Raw(io.FileIO):
    """The file behind it."""

    def write(self, data: Any, /) -> int:
        """Write some of the data; return how many bytes. Raises OutputLost."""
        try:
            return super().write(data)
        except BrokenPipeError:  # its reader went away, which is no loss
            raise
        except OSError as fault:
            raise OutputLost(fault.errno, fault.strerror) from fault


@contextmanager
def losses_told() -> Iterator[None]:
    """Let all that is written and flushed within raise OutputLost where that fails; a terminal stays as it is."""
    if sys.stdout is None:  # closed from the start, so that nobody is to read it
        with Path(os.devnull).open("w") as nowhere, redirect_stdout(nowhere):
            yield
        return
    before = sys.stdout
    if not isinstance(before, io.TextIOWrapper) or before.isatty():
        yield
        return
    raw = _Raw(before.fileno(), "wb", closefd=False)
    buffer = raw if before.write_through else io.BufferedWriter(raw)
    sys.stdout = io.TextIOWrapper(buffer, before.encoding, before.errors, line_buffering=before.line_buffering)
    try:
        yield
    finally:
        sys.stdout = before
