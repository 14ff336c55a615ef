"""What has fallen quiet, told: one by one where it is little, as one thing where much stops at once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from carecordon.model.kept import Trouble
from carecordon.model.times import span_text

SECOND = 1_000_000_000
MANY = 10
"""So many that stop between two looks are one trouble: a switch, a link, a power cut, an update gone wrong."""
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
        if len(fresh) >= MANY:
            trouble = self._crowd(list(fresh.values()), now)
            self._crowds[trouble.key] = trouble, frozenset(fresh)
            return [trouble]
        for key, hush in fresh.items():
            text = f"{hush.name} has been quiet for {span_text((now - hush.last) / SECOND)}"
            self._lone[key] = Trouble(f"{self.kind}/{key}", self.kind, hush.device, text, hush.last)
        return [self._lone[key] for key in fresh]

    def _crowd(self, fresh: Sequence[Hush], now: int) -> Trouble:
        names = ", ".join(sorted(hush.name for hush in fresh)[:NAMED])
        more = f" and {len(fresh) - NAMED:,} more" if len(fresh) > NAMED else ""
        text = f"{len(fresh):,} {self.many} fell quiet together: {names}{more}"
        lasts = [hush.last for hush in fresh]
        key = f"{self.kind}/{self.whose}{now}/{max(lasts)}"  # the last: who goes on from it knows who was of it
        return Trouble(key, self.kind, None, text, min(lasts), None, len(fresh))

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
    """Return when the last of a crowd was last heard (UTC ns); of one of an older release, when it was told."""
    last = trouble.key.rpartition("/")[2]
    return int(last) if last.isdecimal() else trouble.since


def _ended(trouble: Trouble, now: int) -> Trouble:
    """Return it over; a clock that was set back ends nothing before it began."""
    return replace(trouble, until=max(now, trouble.since))
