"""The tree of a process: the events that began it, its ancestors and all that came of it, generation by generation."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from carecordon.telemetry.answer import Page, Place, Stored

GENERATIONS = 12
PROCESSES = 1_000
Ask = Callable[[Sequence[str], bool], Page]
"""Returns at most PROCESSES events that began these processes (by ProcessGuid), or (True) their children."""


def process_tree(ask: Ask, process: str) -> Page:
    """Return the tree in order of time: at most PROCESSES events, and GENERATIONS up and down; `cut` says so."""
    found: dict[Place, Stored] = {}
    cuts = [_follow(ask, process, found, of_parents=of_parents) for of_parents in (False, True)]
    events = sorted(found.values(), key=lambda one: (one.moment, one.place))
    return Page(tuple(events), None, "; ".join(dict.fromkeys(filter(None, cuts))))


def _follow(ask: Ask, process: str, found: dict[Place, Stored], *, of_parents: bool) -> str:
    """Add one direction of the tree to what was found; return why that is not all of it, '' where it is."""
    names = [process]
    for _ in range(GENERATIONS):
        page = ask(names, of_parents)
        new = [one for one in page.events if one.place not in found]
        room = PROCESSES - len(found)
        found |= {one.place: one for one in new[:room]}
        if page.cut:
            return page.cut
        if page.after is not None or len(new) > room:
            return f"only {PROCESSES:,} processes of the tree are told: ask for a shorter time, or for one below it"
        names = _children(new) if of_parents else _parents(page.events, found)
        if not names:
            return ""
    page = ask(names, of_parents)  # asked for, and not told: a tree of just so many generations is whole
    if page.cut or all(one.place in found for one in page.events):
        return page.cut
    return f"only {GENERATIONS} generations {'down' if of_parents else 'up'} are told: ask for one at the end of them"


def _parents(events: Sequence[Stored], known: Mapping[Place, Stored]) -> list[str]:
    seen = {one.fields.get("ProcessGuid") for one in known.values()}
    wanted = {one.fields.get("ParentProcessGuid") for one in events} - seen
    return sorted(str(name) for name in wanted if name)


def _children(events: Sequence[Stored]) -> list[str]:
    return list(dict.fromkeys(str(one.fields["ProcessGuid"]) for one in events if one.fields.get("ProcessGuid")))
