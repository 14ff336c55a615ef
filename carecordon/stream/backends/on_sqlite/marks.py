"""Which numbers of which epochs are on disk: in memory as far as the newest groups say it, else in a table.

The rows of the log carry the numbers, so a publish writes nothing else. From time to time they are folded into the
table: before their rows are trimmed, and when memory has many. In memory lie the epochs of groups not yet folded (at
most FOLD_AT and what one call brings) and CACHED others. So of a million epochs (of many senders) all lie in the
table, and one that memory has not costs a look-up. Of one sender the EPOCHS_KEPT that were last used are kept: an
enrolled device that invents epochs loses the knowledge of its own old ones, and nobody else's.
"""

from __future__ import annotations

from typing import NamedTuple

import msgspec

from carecordon.model.stream import Damage
from carecordon.stream.backends.on_sqlite.bounds import Bounds, End, read_bounds, write_bounds
from carecordon.stream.backends.on_sqlite.groups import Groups
from carecordon.stream.frame import seal, unseal
from carecordon.stream.numbers import NOTHING, Held, take

FOLD_AT = 4_096
"""Epochs, or groups, not yet folded at which a publisher folds."""
CACHED = 65_536
EPOCHS_KEPT = 256

Key = tuple[str, int]
"""Sender and epoch."""

_HELD = msgspec.msgpack.Decoder(Held)


class _Recent(NamedTuple):
    """An epoch that groups behind `folded` speak of: the first of them is at `since`, the last at `touched`."""

    held: Held
    since: int
    touched: int
    is_new: bool
    """Whether the table had nothing of it."""


class Marks:
    """What is on disk of the senders of one partition, as far as this object has looked: `refresh` looks again."""

    def __init__(self, groups: Groups, partition: int) -> None:
        """Know nothing yet."""
        self._groups = groups
        self._partition = partition
        self._bounds: Bounds | None = None
        self._recent: dict[Key, _Recent] = {}
        self._cache: dict[Key, Held] = {}
        self.end = End(0, 0, 0)
        """The last group looked at."""

    @property
    def has_looked(self) -> bool:
        """Return whether it knows anything yet."""
        return self._bounds is not None

    def refresh(self) -> Bounds:
        """Look at what was published since, by whomever, inside a transaction; return the partition's bounds."""
        bounds = read_bounds(self._groups, self._partition)
        if self._bounds is None or self.end.position < bounds.trimmed.position:
            # At first, or groups came and went unseen: what is in the table counts.
            self._recent, self._cache, self.end = {}, {}, bounds.folded
        elif self._bounds.folded != bounds.folded:
            self._release(bounds.folded.position)
        self._bounds = bounds
        for row, heads, size in self._groups.heads(self._partition, self.end.position):
            if heads is None:  # the row's own counts cannot be trusted either
                self.end = End(row.position, self.end.parts + 1, self.end.size + size)
                continue
            for head in heads:
                key = (head.sender, head.epoch)
                taken = take(self.get(key), head.first + head.skip, head.last - head.drop, head.check)
                self._note(key, taken.held, row.position)
            self.end = End(row.position, row.parts, row.size)
        return bounds

    def get(self, key: Key) -> Held:
        """Return what is on disk of an epoch."""
        recent = self._recent.get(key)
        if recent is not None:
            return recent.held
        held = self._cache.pop(key, None) or self._look_up(key)
        if held != NOTHING:
            self._keep(key, held)
        return held

    def adopt(self, end: End, changed: dict[Key, Held]) -> None:
        """Take over what a commit of this object has added: its group, and what is held since."""
        for key, held in changed.items():
            self._note(key, held, end.position)
        self.end = end

    def is_full(self) -> bool:
        """Return whether it is time to fold."""
        folded = 0 if self._bounds is None else self._bounds.folded.position
        return len(self._recent) >= FOLD_AT or self.end.position - folded >= FOLD_AT

    def fold(self, upto: End, trimmed: End) -> Bounds:
        """Write what the groups up to `upto` speak of into the table, and the bounds that hold then, and return these.

        It stands right behind `refresh` in one transaction; `folded` follows when that is committed.
        """
        folded = max(upto, read_bounds(self._groups, self._partition).folded)
        sql = "INSERT OR REPLACE INTO marks VALUES (?, ?, ?, ?)"
        new: set[str] = set()
        for key in sorted(key for key, recent in self._recent.items() if recent.since <= folded.position):
            recent = self._recent[key]
            state = seal(_about(key), msgspec.msgpack.encode(recent.held))
            self._groups.connection.execute(sql, (*key, recent.touched, state))
            if recent.is_new:
                new.add(key[0])
        for sender in new:
            self._forget_oldest(sender)
        bounds = Bounds(folded, trimmed)
        write_bounds(self._groups, self._partition, bounds)
        return bounds

    def folded(self, bounds: Bounds) -> None:
        """Let go of what was folded, once that is committed."""
        self._bounds = bounds
        self._release(bounds.folded.position)

    def _note(self, key: Key, held: Held, position: int) -> None:
        recent = self._recent.get(key)
        if recent is None:
            self._recent[key] = _Recent(held, position, position, self.get(key) == NOTHING)
            self._cache.pop(key, None)
        else:
            self._recent[key] = _Recent(held, recent.since, position, recent.is_new)

    def _release(self, folded: int) -> None:
        """Move what the table holds by now from what must stay in memory to what may go."""
        for key, recent in list(self._recent.items()):
            if recent.touched <= folded:
                self._keep(key, self._recent.pop(key).held)
            elif recent.since <= folded:
                self._recent[key] = _Recent(recent.held, folded + 1, recent.touched, is_new=False)

    def _keep(self, key: Key, held: Held) -> None:
        self._cache[key] = held
        if len(self._cache) > CACHED:
            del self._cache[next(iter(self._cache))]

    def _look_up(self, key: Key) -> Held:
        sql = "SELECT CAST(state AS BLOB) FROM marks WHERE sender = ? AND epoch = ?"
        row = self._groups.connection.execute(sql, key).fetchone()
        if row is None:
            return NOTHING
        raw = unseal(_about(key), row[0])
        if raw is None:
            reason = f"what is there of {key[0]!r} epoch {key[1]} cannot be read: it counts as nothing"
            self._groups.tell(Damage(self._partition, 0, 0, reason))
            return NOTHING
        return _HELD.decode(raw)

    def _forget_oldest(self, sender: str) -> None:
        count = "SELECT count(*) FROM marks WHERE sender = ?"
        if self._groups.connection.execute(count, (sender,)).fetchone()[0] <= EPOCHS_KEPT:
            return
        sql = (
            "DELETE FROM marks WHERE sender = ?1 AND epoch IN"
            " (SELECT epoch FROM marks WHERE sender = ?1 ORDER BY touched DESC LIMIT -1 OFFSET ?2) RETURNING epoch"
        )
        for (epoch,) in self._groups.connection.execute(sql, (sender, EPOCHS_KEPT)).fetchall():
            key = (sender, epoch)
            self._recent.pop(key, None)
            self._cache.pop(key, None)


def _about(key: Key) -> bytes:
    return f"{key[1]}:{key[0]}".encode()
