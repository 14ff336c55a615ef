"""Sources that stop while their device goes on: a log that was switched off, a sensor that was killed, or all of them.

A source is missed only when it was heard often enough for its silence to mean something. What was heard is noted in the
register, each part of it about once a minute where it changed, and whatever falls quiet or is heard again before it is
told: so a restart forgets nothing and tells nothing twice. A device that says nothing at all any more is missed while
it is there, that is, answers the gate. What it can miss: a source that was silent before, or speaks rarely; more than
OF_SENDER sources of one sender. What it can mistake: a device that is left on overnight and has nothing to say is told
the first time; of a worker that was killed, the last minute is not noted; a source that had long been silent and spoke
just then is told too early, until it speaks again.
What it costs (10,000 devices with 5 sources each, 1,100 events/s): 42 kB a look are noted, 425 kB in all.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from itertools import count

import numpy as np

from carecordon.hub.news.quiet import SECOND, Hush, Quiet
from carecordon.hub.worker.notes import Notes
from carecordon.hub.worker.sources import Heard, Sources, whole_seconds
from carecordon.hub.worker.sources_piece import decode, encode
from carecordon.model.event import Kind
from carecordon.model.kept import Trouble
from carecordon.model.merged import Merged

KIND = "source"
ROUND = 12
"""In so many looks each piece that changed is noted."""
CHARS = 200
"""Of a channel or a name: senders may say anything."""
UNNAMED = "events of no log"
_QUIET = " has been quiet"


class ChannelsHeard:
    """When each source of each sender was last heard. `silent_after_s`: the shortest silence that is told.

    `partition_of` as a stream has it; `whose` tells the crowds of this worker from those of others; `called` gives the
    name under which a sender enrolled.
    """

    def __init__(
        self,
        silent_after_s: float,
        partition_of: Callable[[str], int] = lambda _: 0,
        whose: str = "0/",
        called: Callable[[str], str | None] = lambda _: None,
    ) -> None:
        """Begin with nothing known."""
        self._called = called
        self._silent_after_s = silent_after_s
        self._sources = Sources(partition_of)
        self._quiet = Quiet(KIND, "sources", whose)
        self._hushed: dict[str, Hush] = {}
        self._is_other = False
        """Whether others are quiet than at the last look."""
        self._next = 0

    def see(self, merged: Merged) -> None:
        """Take in what a merged batch shows."""
        if not len(merged):
            return
        table = merged.table
        channels = [_source_of(kind) for kind in table.kinds]
        code = merged.sender.astype(np.int64) * len(channels) + table.kind
        pairs, rows = np.unique(code, return_index=True)

        def name(pair: int) -> str:
            device = table.devices[int(table.device[rows[pair]])]
            return (device or merged.senders[int(merged.sender[rows[pair]])])[:CHARS]

        heard = Heard(merged.senders, channels, pairs // len(channels), pairs % len(channels), name)
        self._is_other |= self._sources.hear(heard, whole_seconds(int(merged.received.max())))

    def news(self, now: int) -> list[Trouble]:
        """Return which sources have stopped, and which are heard again; to be written after what `note` writes."""
        self._is_other |= self._sources.look(self._silent_after_s, whole_seconds(now))
        if not self._is_other:
            return []
        self._is_other = False
        self._hushed = self._hushes(now)
        return self._quiet.news(self._hushed, now)

    def there(self, seen: Mapping[str, int], now: int, *, counts: bool) -> None:
        """Take in when senders were last there, whether they spoke or not (UTC ns, by id).

        `counts`: whether all that they said until then was seen; else their silence may be ours.
        """
        self._sources.there({one: whole_seconds(at) for one, at in seen.items()}, whole_seconds(now), counts=counts)

    def note(self, notes: Notes) -> None:
        """Note down those pieces whose turn it is, and those in which a source fell quiet or was heard again.

        Raises OSError where the register takes none: they are noted at the next call.
        """
        sources = self._sources
        turn = max(1, -(-len(sources.pieces) // ROUND))
        order = [(self._next + step) % len(sources.pieces) for step in range(turn)] if sources.pieces else []
        self._next += turn
        for piece in sorted(sources.urgent.union(sources.changed.intersection(order))):
            notes.write(self._name(piece), encode(sources.pack(piece)))
            sources.urgent.discard(piece)
            sources.changed.discard(piece)

    def note_all(self, notes: Notes) -> None:
        """Note down everything that changed: the worker ends. Raises OSError."""
        self._sources.urgent.update(self._sources.changed)
        self.note(notes)

    def resume(self, notes: Notes, partitions: Collection[int], told: Iterable[Trouble], now: int) -> None:
        """Go on from what a former process noted of these partitions, and from what it told and is not over."""
        for partition in partitions:
            for number in count():
                name = f"sources/{partition}/{number}"
                if not notes.holds(name):
                    break
                self._sources.load(partition, notes.read(name, decode))
        own = [one for one in told if one.kind == KIND]
        for trouble in own:
            if trouble.key == f"{KIND}/{trouble.device}/":
                self._sources.add_silent(str(trouble.device), whole_seconds(trouble.since))
            elif trouble.device is not None:
                channel = trouble.key.removeprefix(f"{KIND}/{trouble.device}/")
                name = trouble.text.removeprefix(f"{channel} of ").rpartition(_QUIET)[0]
                self._sources.add_quiet(trouble.device, channel, name, whole_seconds(trouble.since))
        self._hushed = self._hushes(now)
        self._quiet.resume(own, self._hushed)
        self._is_other = True

    def _name(self, piece: int) -> str:
        """Return the name of a piece's note: the partition, and which of its pieces it is."""
        partitions = self._sources.pieces
        return f"sources/{partitions[piece]}/{partitions[:piece].count(partitions[piece])}"

    def _hushes(self, now: int) -> dict[str, Hush]:
        quiet = [
            (sender, channel, f"{channel} of {name}", last) for sender, channel, name, last in self._sources.quiet()
        ]
        silent = [
            (sender, "", f"every source of {self._called(sender) or name}", last)
            for sender, name, last in self._sources.silent()
        ]
        return {
            f"{sender}/{channel}": Hush(words, sender, min(last * SECOND, now))
            for sender, channel, words, last in [*quiet, *silent]
        }


def _source_of(kind: Kind) -> str:
    """Return what an event says of where it was written: its log, else what it was bound to, else who wrote it."""
    bound = "/".join(filter(None, kind.bound or ()))
    return (kind.channel or bound or kind.provider or UNNAMED)[:CHARS]


def whose(number: int) -> str:
    """Return how the crowds of a worker are told from those of others."""
    return f"{number}/"


def teller_of(trouble: Trouble) -> int:
    """Return the number of the worker that told of a crowd; 0 where it does not say."""
    number, _, rest = trouble.key.removeprefix(f"{KIND}/").partition("/")
    return int(number) if rest and number.isdecimal() else 0
