"""A hub's rules while it runs: read again when their files change, with the last that worked until then."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from importlib import resources
from pathlib import Path
from typing import NamedTuple

import carecordon
from carecordon.hub.config import Paths, Settings, read_settings
from carecordon.hub.worker.exceptions import SUFFIXES, rule_files, sort_documents
from carecordon.hub.worker.last_good import Good, keep, last_good, missed, standing
from carecordon.model.errors import TheirFault
from carecordon.pipeline.detect.disk.cache import DiskCache
from carecordon.pipeline.detect.disk.rulebook import (
    Collection,
    Rulebook,
    compile_rules,
    note,
    read_files,
    recalled,
    recalled_abridged,
)
from carecordon.pipeline.detect.sigma.ir import Abridged, abridged
from carecordon.pipeline.detect.sigma.texts import RuleText

AGAIN_S = 300.0
"""What could not be read is tried again after so long: what passes by itself changes nothing that shows."""
SETTLED_NS = 2_000_000_000
"""A file that changed since may change once more without a sign: what it holds is not taken for known."""


def cache_of(paths: Paths) -> DiskCache:
    """Return where a hub keeps what compiling gave."""
    return DiskCache(paths.data / "cache")


def read_rules(settings: Settings, paths: Paths, today: date, looked: State | None = None) -> Rulebook:
    """Return our own rules, those that the settings name, and those in the hub's own folder, compiled.

    Exceptions that are over on the day `today` (UTC) are left out. For what does not load, or cannot be read, its last
    good text stands, see `last_good.py`; the book says so. Files that are as they were the last time are not read
    again: there are thousands. `looked`: what was just found of them.
    """
    began, cache = time.time_ns(), cache_of(paths)
    state = looked or _state(settings, paths, today)
    book = recalled(state.name, cache)
    if book is None:
        book = _read(settings, paths, today, cache)
        if not book.unread and state.changed < began - SETTLED_NS and state == _state(settings, paths, today):
            note(book, state.name, cache)
    return book


def _read(settings: Settings, paths: Paths, today: date, cache: DiskCache) -> Rulebook:
    places = _read_places(settings, paths)
    beside = sort_documents(places.beside, today)
    texts = [RuleText(*one) for one in {**places.named, **dict(beside.texts)}.items()]
    known = last_good(cache)
    stood: list[Good] = []
    while True:
        given = [*texts, *(one.text() for one in stood)]
        book = compile_rules(given, cache, own=settings.own_rules)
        more = [one for one in missed(known.rules, book.rules, places.unread) if one not in stood]
        if not more:
            break
        stood += more
    stood = standing(stood, book.rules)
    if known.key != book.key:
        keep(book, places.roots, texts, stood, cache)
    return replace(
        book,
        collections=tuple(places.collections),
        unused=beside.unused,
        unread=tuple(places.unread.values()),
        former=tuple(sorted(one.id for one in stood if one.root not in places.unread)),
    )


@dataclass(slots=True)
class _Places:
    """What lies where a hub's rules are: texts by path, and which place each came from; `unread` why, by place."""

    named: dict[str, bytes] = field(default_factory=dict)
    beside: list[RuleText] = field(default_factory=list)
    roots: dict[str, str] = field(default_factory=dict)
    unread: dict[str, str] = field(default_factory=dict)
    collections: list[Collection] = field(default_factory=list)


def _read_places(settings: Settings, paths: Paths) -> _Places:
    found = _Places()
    for path in [*_named(settings, paths), *rule_files(paths.rules)]:
        try:
            files = read_files(path)
        except TheirFault as fault:
            found.unread[str(path)] = str(fault)
            continue
        is_own = path.is_relative_to(paths.rules)
        if is_own and files.texts and not any(text.strip() for text in files.texts.values()):
            found.unread[str(path)] = f"{path}: it is empty; where it is to be no rule any more, remove it"
            continue
        found.roots.update(dict.fromkeys(files.texts, str(path)))
        if files.collection is not None:
            found.collections.append(files.collection)
        if is_own and path != paths.rules:
            found.beside += [RuleText(*one) for one in files.texts.items()]
        else:
            found.named.update(files.texts)
    return found


def today() -> date:
    """Return the day, UTC."""
    return datetime.now(UTC).date()


def _named(settings: Settings, paths: Paths) -> list[Path]:
    return [paths.data / one for one in settings.rules]  # an absolute one stays what it is


class RuleWatch:
    """Says when the rules are other ones. Compiling happens in a process of its own, so that nothing waits for it."""

    def __init__(self, settings: Settings, paths: Paths) -> None:
        """Take the files as they are now for known."""
        self._settings = settings
        self._paths = paths
        self._known = _state(settings, paths, today())
        self._making: subprocess.Popen[bytes] | None = None
        self._tried = self._known
        self._unread: tuple[str, ...] = ()
        self._again_at = 0.0
        """When what could not be read is read again though nothing shows a change, by `time.monotonic`."""
        self.trouble: str | None = None

    def first(self) -> Rulebook:
        """Return the rules to begin with."""
        return self._noted(read_rules(self._settings, self._paths, today(), self._known))

    def first_abridged(self) -> Abridged:
        """Return what there is to tell of them."""
        kept = recalled_abridged(self._known.name, cache_of(self._paths))
        return abridged(self.first().rules) if kept is None else kept

    def changed(self) -> Rulebook | None:
        """Return the new rules where they have changed and compile; what is wrong with them stands in `trouble`."""
        if self._making is not None:
            return self._made()
        state = _state(self._settings, self._paths, today())
        if state != self._tried or (self._unread and time.monotonic() >= self._again_at):
            self._tried = state
            command = [
                sys.executable,
                "-m",
                "carecordon.hub.worker.rules",
                str(self._paths.data),
                str(self._paths.keys),
            ]
            self._making = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)  # noqa: S603  # our own module
        return None

    def _made(self) -> Rulebook | None:
        going = self._making
        if going is None or going.poll() is None:
            return None
        self._making = None
        _, said = going.communicate()
        if going.returncode:
            self.trouble = said.decode("utf-8", "replace").strip()[-500:] or f"status {going.returncode}"
            return None
        before = self._unread
        book = self._noted(read_rules(self._settings, self._paths, today()))
        self.trouble = None
        is_same, self._known = self._known == self._tried and before == book.unread, self._tried
        return None if is_same else book

    def _noted(self, book: Rulebook) -> Rulebook:
        """Return it, noted whether something is to be read again."""
        self._unread, self._again_at = book.unread, time.monotonic() + AGAIN_S
        return book


class State(NamedTuple):
    """A name that is another one whenever a rule is, or which are used, and when a file changed last (UTC ns)."""

    name: str
    changed: int


def _state(settings: Settings, paths: Paths, today: date) -> State:
    changed = 0
    digest = hashlib.sha256(f"{today} {settings.own_rules}\n".encode())  # an exception may end
    own = [Path(str(resources.files(carecordon) / "rules"))] if settings.own_rules else []
    for place in [*own, *_named(settings, paths), paths.rules]:
        digest.update(f"{place}\n".encode("utf-8", "surrogatepass"))
        for line, at in sorted(_stamps(str(place))):
            digest.update(line.encode("utf-8", "surrogatepass"))
            changed = max(changed, at)
    return State(digest.hexdigest(), changed)


def _stamps(place: str) -> Iterator[tuple[str, int]]:
    """Yield what tells of a change, and when it was, of a file, or of those in a folder that `rule_files` would name.

    By entries and not by paths, which cost 2.6 times as much: this is asked every few seconds of thousands of files.
    """
    try:
        entries = list(os.scandir(place))
    except NotADirectoryError:
        yield _stamp(place, Path(place).stat())
        return
    except OSError:
        return
    for entry in entries:
        try:
            if entry.is_dir(follow_symlinks=False):
                yield from _stamps(entry.path)
            elif entry.name.lower().endswith(tuple(SUFFIXES)) and entry.is_file():
                yield _stamp(entry.path, entry.stat())
        except OSError:
            continue


def _stamp(path: str, status: os.stat_result) -> tuple[str, int]:
    line = f"{path}\0{status.st_size}\0{status.st_mtime_ns}\0{status.st_ctime_ns}\0{status.st_ino}\n"
    return line, status.st_ctime_ns


def main() -> None:
    """Compile the rules of the hub in `sys.argv`, so that the next who asks has them at once."""
    paths = Paths(Path(sys.argv[1]), Path(sys.argv[2]))
    try:
        read_rules(read_settings(paths.settings), paths, today())
    except TheirFault as fault:
        sys.exit(str(fault))


if __name__ == "__main__":
    main()
