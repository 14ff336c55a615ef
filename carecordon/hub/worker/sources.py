"""When each source of each sender was heard, as columns: looked at in one go, and kept in pieces of some senders each.

Theory. What a source's silence means is counted in the time in which its sender was awake, that is, spoke through any
source: from one message to the next, but for AWAKE_S at most. So a device that was switched off, a hub that was away
and a clock that was set prove nothing against a source. What the silence of all of them means is counted in the same
way in the time in which the sender was there: spoke, or answered the gate. But who is there may have nothing to say, a
whole night or weekend: so it must last for twice the longest that there was. All times are whole seconds.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from carecordon.hub.worker.sources_piece import LAST, SENDER, SOURCE, Piece, Words

AWAKE_S = 120
"""A longer pause of a sender is no time in which it was awake."""
OFTEN = 20
"""Times that a source must have been heard before it counts as one that speaks."""
PAUSES = 30
"""How many of its usual pauses a source may be silent."""
NIGHTS = 2
"""How many of its longest pauses a sender that is there may be silent."""
WINDOW_S = 7 * 86_400
"""What is usual is what was so in about this time: older things count half."""
KEPT = 200_000
OF_SENDER = 128
"""Sources: of all, and of one sender, which may make up names."""
FORGOTTEN_H = 30 * 24
"""Hours without a word, of a sender while the hub listened, of a source while its sender spoke: it is let go of."""
PIECE = 1_024
"""Senders in one piece."""
_HOUR_S = 3_600
_ROOM = 1_024
_SHIFT = 32
_Numbers = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Heard:
    """Pairs of who spoke and through what: `sender` and `channel` are places in `senders` and `channels`.

    A channel is None for what has none. `name` gives that of the device of a pair.
    """

    senders: Sequence[str]
    channels: Sequence[str | None]
    sender: _Numbers
    channel: _Numbers
    name: Callable[[int], str]


@dataclass(slots=True)
class Sources:
    """The table. `partition_of` says where a sender's messages lie: a piece is of one of these, whoever works on it."""

    partition_of: Callable[[str], int]
    ids: list[str] = field(default_factory=list)
    changed: set[int] = field(default_factory=set)
    """Numbers of pieces in which something was heard since they were taken by `pack`."""
    urgent: set[int] = field(default_factory=set)
    """Those of them in which a source fell quiet, or was heard again."""
    pieces: list[int] = field(default_factory=list)
    """The partition of each piece."""
    _held: list[int] = field(default_factory=list)
    """How many senders each piece holds."""
    _numbers: dict[str, int] = field(default_factory=dict)
    _sizes: list[int] = field(default_factory=list)
    """How many sources each sender has."""
    _rows: dict[int, int] = field(default_factory=dict)
    """By number of the sender and place of the channel, as one."""
    _senders: npt.NDArray[Any] = field(default_factory=lambda: np.zeros(_ROOM, SENDER))
    _sources: npt.NDArray[Any] = field(default_factory=lambda: np.zeros(_ROOM, SOURCE))
    _count: int = 0
    _channels: Words = field(default_factory=Words)
    _names: Words = field(default_factory=Words)
    _ticked: int | None = None

    def __len__(self) -> int:
        """Return how many sources there are."""
        return self._count

    def hear(self, heard: Heard, now: int) -> bool:
        """Take in what spoke; return whether a source that had been quiet is among it."""
        known = [self._numbers.get(sender, -1) for sender in heard.senders]
        if -1 in known:
            known = [self._number(sender) for sender in heard.senders]
        numbers = np.array(known, np.int64)
        speaking = numbers[numbers >= 0]
        self._awake(speaking, now)
        is_back = self._speak(speaking, now)
        which = np.array(self._find(heard, numbers), np.int64)
        sources = self._sources
        sources["at"][which] = self._senders["awake"][sources["owner"][which]]
        sources["last"][which] = now
        fresh = which[sources["times"][which] == 0]
        sources["since"][fresh] = sources["at"][fresh]
        sources["times"][which] += 1
        back = which[sources["is_quiet"][which]]
        sources["is_quiet"][back] = False
        self._mark(back)
        return len(back) > 0 or is_back

    def there(self, seen: Mapping[str, int], now: int, *, counts: bool) -> None:
        """Take in when senders were last there; where it does not count, what they said may not be known yet."""
        signs = {number: at for one, at in seen.items() if (number := self._numbers.get(one)) is not None and at <= now}
        if signs:
            who, at = np.array(list(signs), np.int64), np.array(list(signs.values()), np.int64)
            later = at > self._senders["seen"][who]
            self._be_there(who[later], at[later], AWAKE_S if counts else 0)

    def look(self, silent_after_s: float, now: int) -> bool:
        """See which sources have stopped, and let go of what is long gone; return whether any was."""
        all_of = self._sources[: self._count]
        awake = self._senders["awake"][all_of["owner"]].astype(np.int64)
        span = all_of["at"].astype(np.int64) - all_of["since"]
        allowed = np.maximum(silent_after_s, PAUSES * span / np.maximum(all_of["times"], 1))
        silent = awake - all_of["at"]
        stopped = np.flatnonzero((silent > allowed) & (all_of["times"] >= OFTEN) & ~all_of["is_quiet"])
        all_of["is_quiet"][stopped] = True
        self._mark(stopped)
        old = np.flatnonzero(span > WINDOW_S)
        all_of["since"][old] += (span[old] // 2).astype(np.uint32)
        all_of["times"][old] //= 2
        is_other = self._look_at_senders(silent_after_s)
        is_forgotten = self._is_hour(now) and self._forget(silent)
        return len(stopped) > 0 or is_other or is_forgotten

    def quiet(self) -> Iterator[tuple[str, str, str, int]]:
        """Yield (sender, channel, name of the device, when it was last heard) of each source that is quiet."""
        for row in np.flatnonzero(self._sources["is_quiet"][: self._count]).tolist():
            owner, channel, name, last = self._sources[row][["owner", "channel", "name", "last"]].tolist()
            yield self.ids[owner], self._channels.texts[channel], self._names.texts[name], last

    def silent(self) -> Iterator[tuple[str, str, int]]:
        """Yield (sender, name of a device, when it last spoke) of each that is there and has fallen silent."""
        silent = np.flatnonzero(self._senders["is_silent"][: len(self.ids)])
        if not len(silent):
            return
        owners, first = np.unique(self._sources["owner"][: self._count], return_index=True)
        names = dict(zip(owners.tolist(), self._sources["name"][first].tolist(), strict=True))
        for number in silent.tolist():
            name = self._names.texts[names[number]] if number in names else self.ids[number]
            yield self.ids[number], name, int(self._senders["spoke"][number])

    def pack(self, piece: int) -> Piece:
        """Return a piece as it stands now."""
        numbers = np.flatnonzero(self._senders["piece"][: len(self.ids)] == piece)
        all_of = self._sources[: self._count]
        sources = all_of[self._senders["piece"][all_of["owner"]] == piece]
        sources["owner"] = np.searchsorted(numbers, sources["owner"])
        channels, names = self._channels.some(sources["channel"]), self._names.some(sources["name"])
        ids = tuple(self.ids[number] for number in numbers.tolist())
        return Piece(ids, channels, names, self._senders[numbers], sources)

    def load(self, partition: int, piece: Piece | None) -> None:
        """Take up the next piece of a partition; None for one that cannot be read: it is written anew."""
        number = self._new_piece(partition)
        if piece is None:
            self.changed.add(number)
            return
        fresh = [place for place, sender in enumerate(piece.ids) if sender not in self._numbers]
        owners = np.full(len(piece.ids), -1, np.int64)
        owners[fresh] = [self._add_sender(piece.ids[place], number) for place in fresh]
        self._senders[owners[fresh]] = piece.senders[fresh]
        self._senders["piece"][owners[fresh]] = number
        sources = piece.sources[owners[piece.sources["owner"]] >= 0][: KEPT - self._count]
        sources["owner"] = owners[sources["owner"]]
        sources["channel"] = self._channels.all(piece.channels)[sources["channel"]]
        sources["name"] = self._names.all(piece.names)[sources["name"]]
        self._extend(sources)

    def add_quiet(self, sender: str, channel: str, name: str, last: int) -> None:
        """Take up a source that was told to be quiet; where it is known already, what is known of it counts."""
        number, place = self._number(sender), self._channels.find(channel)
        if number < 0 or (place is not None and (number << _SHIFT) + place in self._rows):
            return
        row = self._add_where_room(number, channel, name)
        if row >= 0:
            self._sources["times"][row], self._sources["last"][row] = OFTEN, last
            self._sources["is_quiet"][row] = True

    def add_silent(self, sender: str, last: int) -> None:
        """Take up a sender that was told to be silent; where it is known already, what is known of it counts."""
        number = self._number(sender)
        if number >= 0 and self._senders["times"][number] == 0:
            one = self._senders[number]
            one["times"], one["spoke"], one["is_silent"] = OFTEN, last, True
            self.changed.add(int(one["piece"]))

    def _awake(self, who: _Numbers, now: int) -> None:
        senders = self._senders
        spoke = senders["spoke"][who].astype(np.int64)
        step = np.minimum(np.maximum(now - spoke, 0), AWAKE_S)
        step[spoke == 0] = 0
        senders["awake"][who] += step.astype(np.uint32)
        senders["spoke"][who] = now
        senders["idle"][who] = 0
        self.changed.update(senders["piece"][who].tolist())

    def _be_there(self, who: _Numbers, at: _Numbers | int, most: int = AWAKE_S) -> None:
        senders = self._senders
        seen = senders["seen"][who].astype(np.int64)
        step = np.clip(at - seen, 0, most)
        step[seen == 0] = 0
        senders["heard"][who] += step.astype(np.uint32)
        senders["seen"][who] = at
        self.changed.update(np.unique(senders["piece"][who]).tolist())

    def _speak(self, who: _Numbers, now: int) -> bool:
        """Note that these speak; return whether one of them had been silent."""
        self._be_there(who, now)
        senders = self._senders
        heard, is_first = senders["heard"][who], senders["times"][who] == 0
        pauses = np.where(is_first, 0, heard - senders["said"][who])
        senders["longest"][who] = np.maximum(senders["longest"][who], pauses)
        senders["since"][who] = np.where(is_first, heard, senders["since"][who])
        senders["said"][who] = heard
        senders["times"][who] += 1
        back = who[senders["is_silent"][who]]
        senders["is_silent"][back] = False
        self.urgent.update(senders["piece"][back].tolist())
        return len(back) > 0

    def _look_at_senders(self, silent_after_s: float) -> bool:
        """See who is there and has fallen silent; return whether anybody has."""
        senders = self._senders[: len(self.ids)]
        span = senders["said"].astype(np.int64) - senders["since"]
        usual = np.maximum(
            PAUSES * span / np.maximum(senders["times"], 1), NIGHTS * senders["longest"].astype(np.int64)
        )
        silent = senders["heard"].astype(np.int64) - senders["said"]
        is_missed = (silent > np.maximum(silent_after_s, usual)) & (senders["times"] >= OFTEN)
        stopped = np.flatnonzero(is_missed & ~senders["is_silent"])
        senders["is_silent"][stopped] = True
        pieces = np.unique(senders["piece"][stopped]).tolist()
        self.changed.update(pieces)
        self.urgent.update(pieces)
        old = np.flatnonzero(span > WINDOW_S)
        senders["since"][old] += (span[old] // 2).astype(np.uint32)
        senders["times"][old] //= 2
        senders["longest"][old] -= senders["longest"][old] // 4
        return len(stopped) > 0

    def _find(self, heard: Heard, numbers: _Numbers) -> list[int]:
        """Return the rows of what was heard, each once, new ones where there is room."""
        places = [None if one is None else self._channels.find(one) for one in heard.channels]
        known = np.array([-1 if one is None else one for one in places], np.int64)
        keys = (numbers[heard.sender] << _SHIFT) + known[heard.channel]
        keys[(numbers[heard.sender] < 0) | (known[heard.channel] < 0)] = -1
        rows = [self._rows.get(key, -1) for key in keys.tolist()]
        for at in [at for at, row in enumerate(rows) if row < 0]:
            number, channel = int(numbers[heard.sender[at]]), heard.channels[int(heard.channel[at])]
            if number >= 0 and channel is not None:
                rows[at] = self._add_where_room(number, channel, heard.name(at))
        return [row for row in set(rows) if row >= 0]

    def _number(self, sender: str) -> int:
        """Return the number of a sender, a new one where there is room, otherwise -1."""
        number = self._numbers.get(sender)
        if number is None:
            return self._add_sender(sender) if len(self.ids) < KEPT else -1
        return number

    def _add_where_room(self, number: int, channel: str, name: str) -> int:
        has_room = self._count < KEPT and self._sizes[number] < OF_SENDER
        return self._add(number, channel, name) if has_room else -1

    def _mark(self, rows: _Numbers) -> None:
        pieces = np.unique(self._senders["piece"][self._sources["owner"][rows]]).tolist()
        self.changed.update(pieces)
        self.urgent.update(pieces)

    def _add_sender(self, sender: str, piece: int | None = None) -> int:
        number = self._numbers[sender] = len(self.ids)
        self.ids.append(sender)
        self._sizes.append(0)
        if number == len(self._senders):
            self._senders = _larger(self._senders)
        piece = self._roomy_piece(self.partition_of(sender)) if piece is None else piece
        self._held[piece] += 1
        self._senders[number] = np.zeros((), SENDER)
        self._senders["piece"][number] = piece
        return number

    def _roomy_piece(self, partition: int) -> int:
        roomy = (at for at, of in enumerate(self.pieces) if of == partition and self._held[at] < PIECE)
        found = next(roomy, None)
        return self._new_piece(partition) if found is None else found

    def _new_piece(self, partition: int) -> int:
        self.pieces.append(partition)
        self._held.append(0)
        return len(self.pieces) - 1

    def _add(self, number: int, channel: str, name: str) -> int:
        place = self._channels.place(channel)
        key = (number << _SHIFT) + place
        if key in self._rows:  # another kind of event of it was first, in the same batch
            return self._rows[key]
        row = self._rows[key] = self._count
        self._count += 1
        self._sizes[number] += 1
        if row == len(self._sources):
            self._sources = _larger(self._sources)
        self._sources[row] = (number, place, self._names.place(name), 0, 0, 0, 0, False)
        return row

    def _is_hour(self, now: int) -> bool:
        """Return whether an hour went by in which the hub listened, or the clock was set."""
        if self._ticked is not None and 0 <= now - self._ticked < _HOUR_S:
            return False
        is_first, self._ticked = self._ticked is None, now
        return not is_first

    def _forget(self, silent: _Numbers) -> bool:
        """Count an hour for those that say nothing, and let go of what said nothing for too long."""
        senders, sources = self._senders[: len(self.ids)], self._sources[: self._count]
        senders["idle"] += 1
        gone = (senders["idle"][sources["owner"]] > FORGOTTEN_H) | (silent > FORGOTTEN_H * _HOUR_S)
        if not gone.any():
            return False
        self.changed.update(np.unique(senders["piece"][sources["owner"][gone]]).tolist())
        stay = sources[~gone]
        owners, stay["owner"] = np.unique(stay["owner"], return_inverse=True)
        ids, kept = [self.ids[owner] for owner in owners.tolist()], senders[owners]
        channels, names = self._channels.some(stay["channel"]), self._names.some(stay["name"])
        self.ids, self._numbers, self._sizes, self._rows, self._count = [], {}, [], {}, 0
        self._held = [0] * len(self.pieces)
        for sender, piece in zip(ids, kept["piece"].tolist(), strict=True):
            self._add_sender(sender, piece)
        self._senders[: len(ids)] = kept
        self._channels, self._names = Words(), Words()
        self._channels.all(channels)
        self._names.all(names)
        self._extend(stay)
        return True

    def _extend(self, sources: npt.NDArray[Any]) -> None:
        """Add sources whose places are those of this table."""
        first, self._count = self._count, self._count + len(sources)
        while len(self._sources) < self._count:
            self._sources = _larger(self._sources)
        self._sources[first : self._count] = sources
        owners = sources["owner"].astype(np.int64)
        keys = (owners << _SHIFT) + sources["channel"]
        self._rows.update(zip(keys.tolist(), range(first, self._count), strict=True))
        for owner, size in zip(*(part.tolist() for part in np.unique(owners, return_counts=True)), strict=True):
            self._sizes[owner] += size


def whole_seconds(time: int) -> int:
    """Return a time in UTC ns as one that the table can hold; 0 stands for never."""
    return min(max(time // 1_000_000_000, 1), LAST)


def _larger(table: npt.NDArray[Any]) -> npt.NDArray[Any]:
    return np.concatenate([table, np.zeros_like(table)])
