"""The shelf of feeds: one file a form of event file; adding a file is all it takes."""

from __future__ import annotations

import functools
import importlib
import pkgutil

from carecordon.model.feed import Feed


@functools.cache
def all_feeds() -> tuple[Feed, ...]:
    """Return every feed of this folder, in order of their names."""
    names = sorted(module.name for module in pkgutil.iter_modules(__path__))
    return tuple(getattr(importlib.import_module(f"{__name__}.{name}"), name.upper()) for name in names)


@functools.cache
def feed_named(name: str) -> Feed:
    """Return the feed of this name. Raises KeyError if there is none."""
    return {feed.name: feed for feed in all_feeds()}[name]


def sniff(head: bytes) -> Feed | None:
    """Return the first feed that recognises the beginning of a file (HEAD_BYTES of it), or None."""
    return next((feed for feed in all_feeds() if feed.recognise(head)), None)
