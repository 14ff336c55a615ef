"""How far long work has come, on standard error: files, events a second, matches so far, time left."""

from __future__ import annotations

from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, Progress, ProgressColumn, Task, TimeRemainingColumn
from rich.text import Text

_PER_S = 1.0
"""Seconds after which a rate says something."""
_WIDE = 90
"""Columns from which on there is room for a bar beside the words."""


class ScanProgress:
    """A line that keeps itself up to date while work is done; nothing at all where no terminal is.

    Bytes are what time left is told by, since the number of events is known only at the end.
    """

    def __init__(self, console: Console, files: int, size_bytes: int | None) -> None:
        """Show progress on `console` towards `files` files of `size_bytes` bytes (None: not known, as on a pipe)."""
        bar = () if console.width < _WIDE else (BarColumn(bar_width=20),)
        self._progress = Progress(
            *bar,
            _Told(),
            TimeRemainingColumn(compact=True),
            console=console,
            transient=True,
            disable=not console.is_terminal,
        )
        self._task = self._progress.add_task("", total=size_bytes, files=0, all_files=files, events=0, matches=0)
        self._files = self._events = self._matches = 0

    def __enter__(self) -> Self:
        """Begin to show."""
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Take the line away."""
        self._progress.stop()

    def advance(self, *, size_bytes: int = 0, files: int = 0, events: int = 0, matches: int = 0) -> None:
        """Add what has been done since the last call."""
        self._files += files
        self._events += events
        self._matches += matches
        self._progress.update(
            self._task, advance=size_bytes, files=self._files, events=self._events, matches=self._matches
        )

    def say(self, text: str) -> None:
        """Put a line above the progress; nothing where no terminal is."""
        if not self._progress.disable:
            self._progress.console.print(Text(text))


class _Told(ProgressColumn):
    """Files, events, events a second and matches, in words."""

    def render(self, task: Task) -> Text:
        fields = task.fields
        files = f"{fields['files']:,} of {fields['all_files']:,} {'file' if fields['all_files'] == 1 else 'files'}"
        elapsed = task.elapsed or 0.0
        rate = f", {fields['events'] / elapsed:,.0f} events/s" if elapsed >= _PER_S else ""
        share = "" if task.total is None else f"{task.percentage:.0f} %, "
        return Text(f"{share}{files}{rate}, {fields['matches']:,} {'match' if fields['matches'] == 1 else 'matches'}")
