"""What could be seen: per log of a device its first and last time, missing records, clearings and clock steps."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from carecordon.model.batch import Rows
from carecordon.model.event import Fields, Kind, LogSource
from carecordon.model.match import BlindSpot, Unseen
from carecordon.model.result import SourceSeen
from carecordon.model.times import rfc3339, span_text
from carecordon.pipeline.ingest.recordids import UNTIMED, Gap
from carecordon.pipeline.ingest.times import Clockwork
from carecordon.pipeline.ingest.track import STEPS_KEPT, TELLING, TOLD_KEPT, Told, Track

LOGS_FOLLOWED = 16_384
"""Logs followed one by one (the first by device and channel); the events of the others are only counted."""

CHANGE_NS = 60 * 1_000_000_000
"""A change of the clock that an event tells is told from this on; less is a clock being kept right."""
_EVENTLOG = "microsoft-windows-eventlog"
_CLOCK = {
    ("security", 4616): ("microsoft-windows-security-auditing", "PreviousTime"),
    ("system", 1): ("microsoft-windows-kernel-general", "OldTime"),
}
"""Events of a changed clock: provider, and the field of the old time beside NewTime. Source: as below."""
_TELLING = {
    ("security", 1102): (Unseen.CLEARED, "the Security log was cleared (event 1102)"),
    ("system", 104): (Unseen.CLEARED, "{log} was cleared (System event 104)"),
    ("security", 1101): (Unseen.GAP, "Security events were dropped before they were written (event 1101)"),
    ("security", 1104): (Unseen.GAP, "the Security log was full: what came after was not written (event 1104)"),
}
"""Events that say themselves that something is missing; `{log}` is the one that the event names in its data.

Source: Microsoft Learn, security auditing, 2025-11.
"""
_CHANNEL = "EventData_Channel"
"""The log that event 104 names, where it stands beside that of the event itself (nested.py)."""
_NAME_CHARS = 255
"""As long as Windows lets the name of a log be. Source: Microsoft Learn, eventmanifest schema, ChannelType, 2025-11."""

_Key = tuple[str | None, str | None]


class Watch:
    """What the events seen so far say about what they do not show.

    Each block of a file is seen by a Watch of its own (`see`), in the order of the file;
    this is then put in its place in the watch of a worker or of the whole result (`merge`).
    For any order of blocks and any number of workers the result is the same. Memory: a
    bounded record for each of at most LOGS_FOLLOWED logs, and some 200 bytes for each block
    while blocks before it are still to come. A watch can be pickled.
    """

    __slots__ = ("_beyond", "_found", "_placed", "_tracks")

    def __init__(self) -> None:
        self._tracks: dict[_Key, Track] = {}
        self._found: dict[tuple[Kind, str | None], Track] = {}
        self._placed: dict[str, tuple[int, set[int]]] = {}
        self._beyond = 0

    def see(self, rows: Rows) -> None:
        """Take in the next events of a block."""
        found = self._found
        for kind, device, rid, time, position, fields in zip(
            rows.kinds, rows.devices, rows.record_ids, rows.times, rows.positions, rows.fields, strict=True
        ):
            track = found.get((kind, device)) or self._find(kind, device, time, position, fields)
            # Nearly every event is the next one of its log: the two lines that a whole file passes through.
            if rid == track.next and time is not None and time >= track.time:
                track.next = rid + 1
                track.time = time
            elif rid is None:
                track.loose(time)
            else:
                track.turn(rid, time)
        self._shed(2 * LOGS_FOLLOWED)

    def merge(self, part: Watch, file: str = "", block: int = 0) -> None:
        """Take in what another watch saw, which is spent by it.

        What `part` saw itself becomes block number `block` (from 0) of `file`, which may be a
        block without events; what it merged before keeps its place.
        """
        if file:
            self._cover(file, block)
        for other, (until, later) in part._placed.items():
            for number in [*range(until), *later]:
                self._cover(other, number)
        for key, track in part._tracks.items():
            mine = self._tracks.get(key)
            if mine is None:
                mine = self._tracks[key] = Track(track.name)
            mine.absorb(track, file, block)
            mine.forget_seams(self._placed)
        self._beyond += part._beyond
        self._shed(2 * LOGS_FOLLOWED)

    def blind_spots(self, before: Callable[[str, int], int] = lambda _file, _block: 0) -> list[BlindSpot]:
        """Return what the events seen do not show, by device and log; at most some for each log.

        `before(file, block)` is the number of records in the file before that block.
        """
        spots = [spot for key in self._order() for spot in _spots(key[0], self._tracks[key], before)]
        if self._beyond:
            reason = f"more than {LOGS_FOLLOWED:,} logs: the events of the others were matched, their gaps not followed"
            spots.append(BlindSpot(Unseen.GAP, reason, count=self._beyond))
        return spots

    def sources(self) -> list[SourceSeen]:
        """Return each log of each device with its number of events, first and last time, by device and name."""
        return [self._tracks[key].source(key[0]) for key in self._order()]

    def _find(self, kind: Kind, device: str | None, time: int | None, position: int, fields: Fields) -> Track:
        name = kind.channel if kind.bound is None else _bound_name(kind.bound)
        folded = None if name is None else name.lower()
        track = self._tracks.get((device, folded))
        if track is None:
            track = self._tracks[device, folded] = Track(name)
        track.spell(name)
        event = (folded or "", kind.event_id or 0)
        telling = _TELLING.get(event)
        provider, old = _CLOCK.get(event, ("", ""))
        if telling and (kind.provider or _EVENTLOG).lower() == _EVENTLOG:
            unseen, words = telling
            track.tell(Told("", 0, position, time or UNTIMED, unseen, words.replace("{log}", _log(fields))))
        elif old and (kind.provider or "").lower() == provider:
            if reason := _change(fields.get(old), fields.get("NewTime"), f"{name} event {kind.event_id}"):
                track.tell(Told("", 0, position, time or UNTIMED, Unseen.CLOCK, reason))
        else:
            if len(self._found) > 8 * LOGS_FOLLOWED:
                self._found.clear()
            self._found[kind, device] = track
        return track

    def _cover(self, file: str, block: int) -> None:
        """Note that a block is in place, and how many blocks from the first one on are."""
        until, later = self._placed.get(file, (0, set()))
        later.add(block)
        while until in later:
            later.remove(until)
            until += 1
        self._placed[file] = until, later

    def _shed(self, bound: int) -> None:
        """Keep to the bound: the logs that come last by device and name go, whatever order they came in."""
        if len(self._tracks) > bound:
            for key in _ordered(self._tracks)[LOGS_FOLLOWED:]:
                track = self._tracks.pop(key)
                track.close()
                self._beyond += track.events
            self._found.clear()

    def _order(self) -> list[_Key]:
        self._shed(LOGS_FOLLOWED)
        return _ordered(self._tracks)

    def __getstate__(self) -> tuple[object, ...]:
        """Return what travels between processes: all but the look-up of kinds."""
        return self._tracks, self._placed, self._beyond

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        """Take up what another process saw."""
        self._tracks, self._placed, self._beyond = state
        self._found = {}


def _ordered(keys: Iterable[_Key]) -> list[_Key]:
    return sorted(keys, key=lambda key: (key[0] or "", key[1] or ""))


def _bound_name(bound: LogSource) -> str | None:
    return " ".join(f"{name}={part}" for name, part in bound._asdict().items() if part) or None


def _log(fields: Fields) -> str:
    """Return in words which log an event names."""
    name = fields.get(_CHANNEL)
    return f"the {name[:_NAME_CHARS]} log" if isinstance(name, str) and name else "a log that is not named"


def _spots(device: str | None, track: Track, before: Callable[[str, int], int]) -> Iterator[BlindSpot]:
    track.finish()
    name = track.name or "unnamed log"
    yield from _told(device, track, before)
    yield from _missing(device, name, track)
    if track.steps:
        yield _clock(device, name, track)
    if track.untimed:
        events = f"{track.untimed:,} events; they" if track.untimed > 1 else "1 event; it"
        reason = f"{name}: no time that can be read in {events} cannot be ordered or correlated"
        yield BlindSpot(Unseen.CLOCK, reason, device=device, count=track.untimed)


def _told(device: str | None, track: Track, before: Callable[[str, int], int]) -> Iterator[BlindSpot]:
    for told in track.first_told():
        reason = told.reason + (f" at {when}" if (when := _when(told.time)) else "")
        position = before(told.file, told.block) + told.position
        yield BlindSpot(told.kind, reason, told.file or None, position, device, 1)
    for kind in TELLING:
        if (rest := track.told_count[kind] - TOLD_KEPT) > 0:
            yield BlindSpot(kind, f"{track.name}: more events that say so themselves", device=device, count=rest)


def _missing(device: str | None, name: str, track: Track) -> Iterator[BlindSpot]:
    ids = track.ids
    if ids.low is None or ids.high is None:
        return
    if ids.is_selection:
        reason = f"{name}: record ids {ids.low} to {ids.high} with too many gaps to follow: a selection of a log"
        yield BlindSpot(Unseen.GAP, reason, device=device, count=max(0, ids.high - ids.low + 1 - track.events))
        return
    gaps = ids.gaps()
    if not gaps:
        return
    largest = max(gaps, key=lambda gap: (gap.missing, -gap.low))
    count = sum(gap.missing for gap in gaps)
    if len(gaps) == 1:
        reason = f"{name}: missing: {_named(largest)}"
    else:
        reason = f"{name}: records are missing in {len(gaps):,} places; the largest: {_named(largest)}"
    yield BlindSpot(Unseen.GAP, reason, device=device, count=count)


def _named(gap: Gap) -> str:
    ids = f"record id {gap.low}" if gap.missing == 1 else f"record ids {gap.low} to {gap.high}"
    before, after = _when(gap.before), _when(gap.after)
    return ids + (f", between {before} and {after}" if before and after else "")


def _clock(device: str | None, name: str, track: Track) -> BlindSpot:
    largest = min(track.steps, key=lambda step: (-step.back_ns, step))
    often = f"more than {STEPS_KEPT} times" if len(track.steps) > STEPS_KEPT else f"{len(track.steps)} times"
    often = "once" if len(track.steps) == 1 else often
    reason = (
        f"{name}: the clock was set back {often}, at most by {span_text(largest.back_ns / 1e9)}"
        f" to {_when(largest.high_time)}, between record ids {largest.low} and {largest.high}"
    )
    return BlindSpot(Unseen.CLOCK, reason, device=device, count=min(len(track.steps), STEPS_KEPT))


def _change(old: object, new: object, event: str) -> str | None:
    """Return what to tell of an event that says that the clock was changed; None where it was by little."""
    clock = Clockwork()
    # What has been rendered for people holds marks of the direction of writing.
    before, after = (
        clock.utc_ns(value.replace("\u200e", "") if isinstance(value, str) else value) for value in (old, new)
    )
    if before is None or after is None:
        return f"the clock was changed, the event does not say by how much ({event})"
    if abs(after - before) < CHANGE_NS:
        return None
    way = "forward" if after > before else "back"
    span = span_text(abs(after - before) / 1e9)
    return f"the clock was set {way} by {span}, from {_when(before)} to {_when(after)} ({event})"


def _when(time: int) -> str | None:
    """Return a time to the second: for people, who also get the records."""
    text = None if time == UNTIMED else rfc3339(time)
    return None if text is None else f"{text[:19]}Z"
