"""What has fallen quiet, told: one by one where it is little, as one thing where much stops at once.

At once is not in one look: when a switch dies, who hangs on it was last heard, and is missed, within some minutes. So
who was last heard WINDOW_NS before or behind others counts with them, whenever it is found; as soon as they are many,
what was told of each alone is over and the crowd is told, once, and it grows until nobody of that time is left.
Many are many devices. Of one device many sources may be one trouble too, but a trouble of that device alone: else who
invents sources, and lets them stop, could hide that somebody else has fallen quiet.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from carecordon.model.kept import Trouble
from carecordon.model.times import span_text

SECOND = 1_000_000_000
MANY = 10
"""So many that stop at once are one trouble: a switch, a link, a power cut, an update gone wrong."""
WINDOW_NS = 300 * SECOND
"""How far apart those were last heard that stopped at once: who answers each minute, and is written down each minute,
was heard within two; a source speaks when it has something to say.
"""
NAMED = 12


@dataclass(frozen=True, slots=True)
class Hush:
    """One thing that is quiet: its name for people, the device that it is or is on, when it was last heard (UTC ns)."""

    name: str
    device: str
    last: int


@dataclass(slots=True)
class Quiet:
    """Remembers what was told. `kind` of its troubles; `many` what such things are called.

    `whose` stands in the keys of crowds, where several processes tell of one kind: who goes on from them knows its own.
    """

    kind: str
    many: str
    whose: str = ""
    _lone: dict[str, Trouble] = field(default_factory=dict)
    _crowds: dict[str, tuple[Trouble, frozenset[str]]] = field(default_factory=dict)

    def resume(self, troubles: Iterable[Trouble], quiet: Mapping[str, Hush]) -> None:
        """Take up what a former process told and is not over.

        Who is quiet now was of the oldest crowd that fell quiet when it did, and of one alone; of none, and it is news.
        """
        crowds: list[Trouble] = []
        for trouble in troubles:
            if trouble.kind == self.kind and trouble.device is None:
                crowds.append(trouble)
            elif trouble.kind == self.kind:
                self._lone[trouble.key.removeprefix(f"{self.kind}/")] = trouble
        left = {key: hush.last for key, hush in quiet.items() if key not in self._lone}
        for trouble in sorted(crowds, key=lambda one: (one.since, one.key)):
            newest = _newest(trouble)
            names = frozenset(key for key, last in left.items() if trouble.since <= last <= newest)
            self._crowds[trouble.key] = trouble, names
            for key in names:
                del left[key]

    def knows(self, key: str) -> bool:
        """Return whether this was told to be quiet, and not yet to be over."""
        return key in self._lone or any(key in names for _, names in self._crowds.values())

    def news(self, quiet: Mapping[str, Hush], now: int) -> list[Trouble]:
        """Return what is to be written down, now that these are quiet (by key), all others not."""
        return [*self._over(quiet, now), *self._begun(quiet, now)]

    def _begun(self, quiet: Mapping[str, Hush], now: int) -> list[Trouble]:
        known = set(self._lone).union(*(names for _, names in self._crowds.values()))
        fresh = {key: hush for key, hush in quiet.items() if key not in known}
        found = self._joined(fresh, quiet)
        told: set[str] = set()
        for group in self._together(fresh):
            told |= group
            trouble = self._crowd([quiet[key] for key in group], now)
            self._crowds[trouble.key] = trouble, frozenset(group)
            alone = [self._lone.pop(key) for key in group if key in self._lone]
            found += [trouble, *(_ended(one, now) for one in alone)]
        for key, hush in fresh.items():
            if key not in told:
                text = f"{hush.name} has been quiet for {span_text((now - hush.last) / SECOND)}"
                self._lone[key] = Trouble(f"{self.kind}/{key}", self.kind, hush.device, text, hush.last)
                found.append(self._lone[key])
        return found

    def _joined(self, fresh: dict[str, Hush], quiet: Mapping[str, Hush]) -> list[Trouble]:
        """Take those out of `fresh` who fell quiet when a crowd did that lasts; return the crowds that grew.

        Or had grown when they were taken up: who was found meanwhile was not told.
        """
        grown: list[Trouble] = []
        for own, (trouble, names) in self._crowds.items():
            newest, whose = _newest(trouble), {quiet[key].device for key in names if key in quiet}
            more = {
                key
                for key, hush in fresh.items()
                if trouble.since <= hush.last <= newest and (len(whose) >= MANY or hush.device in whose)
            }
            members = names | more
            count = max(trouble.count + len(more), len(members))
            if count > trouble.count:
                text = self._words(count, [quiet[key].name for key in members if key in quiet])
                self._crowds[own] = replace(trouble, text=text, count=count), members
                grown.append(self._crowds[own][0])
            for key in more:
                del fresh[key]
        return grown

    def _together(self, fresh: Mapping[str, Hush]) -> list[set[str]]:
        """Return who stopped at once, of those that are `fresh` and of those that were told alone; nobody if few."""
        of: dict[str | None, set[str]] = {}
        for key in self._at_once(fresh):
            of.setdefault(fresh[key].device if key in fresh else self._lone[key].device, set()).add(key)
        if len(of) >= MANY:
            return [set().union(*of.values())]
        return [keys for keys in of.values() if len(keys) >= MANY and not fresh.keys().isdisjoint(keys)]

    def _at_once(self, fresh: Mapping[str, Hush]) -> set[str]:
        """Return the most that were last heard within the window, some of `fresh` among them."""
        if not fresh:
            return set()
        lasts = {key: hush.last for key, hush in fresh.items()} | {key: one.since for key, one in self._lone.items()}
        if len(fresh) >= MANY:  # nobody looked for a while: at once for whoever is told
            newest = max(hush.last for hush in fresh.values())
            return {key for key, last in lasts.items() if key in fresh or abs(last - newest) <= WINDOW_NS}
        best: list[str] = []
        line = sorted(lasts, key=lambda key: (lasts[key], key))
        first = 0
        for end, key in enumerate(line, 1):
            while lasts[key] - lasts[line[first]] > WINDOW_NS:
                first += 1
            if end - first > len(best) and not fresh.keys().isdisjoint(line[first:end]):
                best = line[first:end]
        return set(best) if len(best) >= MANY else set()

    def _crowd(self, group: Sequence[Hush], now: int) -> Trouble:
        lasts = [hush.last for hush in group]
        text = self._words(len(group), [hush.name for hush in group])
        key = f"{self.kind}/{self.whose}{now}/{max(lasts) + WINDOW_NS}"  # who goes on from it knows who is of it
        return Trouble(key, self.kind, None, text, min(lasts), None, len(group))

    def _words(self, count: int, names: Sequence[str]) -> str:
        more = f" and {count - NAMED:,} more" if count > NAMED else ""
        return f"{count:,} {self.many} fell quiet together: {', '.join(sorted(names)[:NAMED])}{more}"

    def _over(self, quiet: Mapping[str, Hush], now: int) -> list[Trouble]:
        found = [_ended(trouble, now) for key, trouble in self._lone.items() if key not in quiet]
        self._lone = {key: trouble for key, trouble in self._lone.items() if key in quiet}
        for key, (trouble, names) in list(self._crowds.items()):
            left = frozenset(names.intersection(quiet))
            if left:
                self._crowds[key] = trouble, left
            else:
                found.append(_ended(trouble, now))
                del self._crowds[key]
        return found


def _newest(trouble: Trouble) -> int:
    """Return until when those of a crowd were last heard (UTC ns); of one of an older release, when it was told."""
    last = trouble.key.rpartition("/")[2]
    return int(last) if last.isdecimal() else trouble.since


def _ended(trouble: Trouble, now: int) -> Trouble:
    """Return it over; a clock that was set back ends nothing before it began."""
    return replace(trouble, until=max(now, trouble.since))
