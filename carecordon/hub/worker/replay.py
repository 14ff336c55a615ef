"""A dead letter played again: `python -m carecordon.hub.worker.replay DATA KEYS NUMBER WHO`, a process of its own.

What could not be worked on before is tried anew, by the rules and the program of now: a part of stream 1 is opened,
stored and held against the rules, an event that lies in the store is held against them, and what is found goes into
stream 2. Each step is single by the letter's number, so that a crash in between, and a second try, tell nothing twice.
"""

from __future__ import annotations

import re
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from carecordon.hub.config import Paths, read_settings
from carecordon.hub.keeper.store import open_reader, open_telemetry
from carecordon.hub.news import found as stream2
from carecordon.hub.news.found import Found, Word
from carecordon.hub.trust.roster import Roster
from carecordon.hub.worker.detector import Detector
from carecordon.hub.worker.merge import Sent, merge
from carecordon.hub.worker.opened import Opener, entry_of
from carecordon.hub.worker.rules import cache_of, read_rules, today
from carecordon.model.batch import Rows
from carecordon.model.errors import TheirFault
from carecordon.model.gather import gather
from carecordon.model.kept import Letter
from carecordon.model.merged import Merged
from carecordon.model.stream import Entry, Part
from carecordon.register.backends.sqlite import SQLITE as REGISTER
from carecordon.register.register import Register
from carecordon.stream.backends.sqlite import SQLITE as STREAM
from carecordon.telemetry.answer import Place, Stored

SENDER = "replay"
"""Who publishes what is found; the epoch is the letter's number, so that each letter is played once for ever."""
_EVENT = re.compile(r"event/(.+)/(\d+) number (\d+)", re.ASCII)
_WORDS = re.compile(r"stream 2: .+", re.ASCII)


@dataclass(frozen=True, slots=True)
class Player:
    """What playing takes: the rules are made ready only for what is to be held against them."""

    register: Register
    store: Callable[[Merged, str], None]
    event: Callable[[Place], Stored | None]
    detector: Callable[[], Detector]
    publish: Callable[[Sequence[Part], int], object]

    def play(self, number: int, who: str, now: int) -> None:
        """Play a letter again. Raises TheirFault where it still cannot be worked on, and ConnectionError."""
        row = self.register.letters.get(number)
        if row is None:
            raise TheirFault(f"letter {number}: there is none")
        if row.done is not None:
            raise TheirFault(f"letter {number}: it was played again before")
        words = self._words(number, row.letter, now)
        if words:
            self.publish([Part(SENDER, number, 1, 1, stream2.encode(words))], now)
        self.register.letters.replayed(number, who, now)
        self.register.letters.done(number, now)

    def _words(self, number: int, letter: Letter, now: int) -> list[Word]:
        if _WORDS.fullmatch(letter.key):
            return stream2.decode(letter.payload)
        if (entry := entry_of(letter)) is not None:
            merged = self._opened(entry)
            if len(merged) and self.event(_place(merged, 0)) is None:  # a worker may have stored it before it died
                self.store(merged, f"replay:{number}")
            return self._found(merged, now)
        if event := _EVENT.fullmatch(letter.key):
            return self._found(self._again(Place(event[1], int(event[2]), int(event[3]))), now)
        raise TheirFault(f"letter {number}: nothing of it was kept that could be played again")

    def _opened(self, entry: Entry) -> Merged:
        opened = Opener(Roster(self.register.devices)).open([entry])
        if opened.letters:
            raise TheirFault(f"it still cannot be opened: {opened.letters[0].reason}")
        return opened.merged

    def _again(self, place: Place) -> Merged:
        """Return an event of the store as a batch."""
        one = self.event(place)
        if one is None:
            raise TheirFault("the event is no longer in the store: its time is over, or it was never stored")
        rows = Rows([one.kind], [dict(one.fields)], [one.time], [one.device], [None], [place.sequence])
        return merge([Sent(gather(rows), place.sender, place.epoch, place.sequence, one.received, one.device)])

    def _found(self, merged: Merged, now: int) -> list[Word]:
        detected = self.detector().find(merged, now)
        if detected.poisoned:
            raise TheirFault(f"it still cannot be held against the rules: {detected.poisoned[0][1]}")
        if not (detected.matches or detected.starts):
            return []
        return [Found(detected.matches, detected.starts, int(merged.received.max()))]


def _place(merged: Merged, row: int) -> Place:
    sender = merged.senders[int(merged.sender[row])]
    return Place(sender, int(merged.epoch[row]), int(merged.sequence[row]))


def play(paths: Paths, number: int, who: str) -> None:
    """Play a letter of a hub again. Raises TheirFault, ConnectionError or OSError where that cannot be."""
    settings = read_settings(paths.settings)
    with (
        closing(REGISTER.open_register(str(paths.register))) as register,
        closing(STREAM.open(str(paths.found), None)) as found,
        closing(open_telemetry(paths)) as store,
        closing(open_reader(paths)) as reader,
    ):

        def detector() -> Detector:
            return Detector(read_rules(settings, paths, today()), cache_of(paths))

        Player(register, store.insert, reader.event, detector, found.publish).play(number, who, time.time_ns())


def main() -> int:
    """Play one letter; 2, with the reason on standard error, where that cannot be."""
    paths, number, who = Paths(Path(sys.argv[1]), Path(sys.argv[2])), int(sys.argv[3]), sys.argv[4]
    try:
        play(paths, number, who)
    except (TheirFault, OSError) as fault:  # a store that is away is an OSError too
        sys.stderr.write(f"{fault}\n")
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
