"""The seal of the audit log: each entry's covers the one before it, so that what was changed later is seen.

What is seen: an entry changed, taken out, put in or moved, at its number; a tail cut off, by the head that is kept
beside the log; a log rewritten from some entry on with all seals made anew, by anchors (former heads) that are kept
elsewhere. What cannot be seen: what was rewritten behind the newest anchor by somebody who may write both the log and
its head; and anything, by somebody who may write the anchors too. So anchors lie in the folder of keys.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence

import msgspec

from carecordon.model.audit import Act, AuditEntry, Break, Head

GENESIS = hashlib.sha256(b"carecordon audit log 1").hexdigest()
EMPTY = Head(0, GENESIS)


def seal_of(former: str, number: int, at: int, act: Act) -> str:
    """Return the seal of an entry: SHA-256 of the former seal and the entry as msgpack, in which no border can move."""
    text = msgspec.msgpack.encode((former, number, at, act.who, act.verb, act.subject, act.detail))
    return hashlib.sha256(text).hexdigest()


def following(head: Head, acts: Iterable[Act], now: int) -> Iterator[AuditEntry]:
    """Yield acts as the entries behind `head`."""
    for act in acts:
        seal = seal_of(head.seal, head.number + 1, now, act)
        head = Head(head.number + 1, seal)
        yield AuditEntry(head.number, now, act, seal)


def breaks(entries: Iterable[AuditEntry], head: Head, anchors: Sequence[Head] = ()) -> Iterator[Break]:
    """Yield where a log, read in order of its numbers, is not what was written. A log that is sound yields nothing."""
    wanted = {anchor.number: anchor.seal for anchor in anchors if anchor.number > 0}
    former, number = GENESIS, 0
    for entry in entries:
        if entry.number != number + 1:
            yield Break(entry.number, _missing(number + 1, entry.number))
            # What is behind a hole is still held against itself: one hole is one break.
            former = ""
        if former and seal_of(former, entry.number, entry.at, entry.act) != entry.seal:
            yield Break(entry.number, "it was changed, or another stands in its place")
        if wanted.pop(entry.number, entry.seal) != entry.seal:
            yield Break(entry.number, "an anchor kept elsewhere says otherwise: it, or one before it, was rewritten")
        former, number = entry.seal, entry.number
    if (number, former or GENESIS) != (head.number, head.seal):
        yield Break(max(number, head.number), _tail(number, head.number))
    for missing in sorted(wanted):
        yield Break(missing, "an anchor kept elsewhere names it, and it is not there")


def _missing(first: int, found: int) -> str:
    if found < first:
        return "its number stands in the log twice, or goes back"
    return (
        f"entry {first} is missing before it" if found == first + 1 else f"entries {first} to {found - 1} are missing"
    )


def _tail(last: int, head: int) -> str:
    if last < head:
        return f"the log ends at {last}, and should at {head}: its tail was cut off"
    if last > head:
        return f"the log ends at {last}, and should at {head}: entries were added that the hub did not write"
    return "the head that is kept beside the log is not its end: one of them was rewritten"
