"""A device's key in two places, as triage takes it: the rule that says so, its matches, and their way to stream 2.

What it sees: the gate's evidence (hub/gate/clones.py) that two go on with one device's count, and some times, each half
day, that its old key has not been revoked. What it can miss: a copy that is never used beside the device. A machine
that was cloned, or set back to an earlier state, shows the same as one whose key was stolen: only people can tell which
it was. What they are to do, the story says (report/story/copied.py), by the device's id and kind in each match.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import IntEnum
from typing import NamedTuple

from carecordon.hub.news.found import Found, encode
from carecordon.model.device import COPIED_RULE, DeviceKind
from carecordon.model.errors import OurFault
from carecordon.model.event import Fields
from carecordon.model.match import Level, Match, RuleHead
from carecordon.model.stream import Outcome, Part, Stream

CHANNEL = "Carecordon-Hub/Devices"
"""The log that the hub's own events of devices are told of."""
COPIED = RuleHead(
    id=COPIED_RULE,
    title="A device's key is in use in two places",
    level=Level.HIGH,
    techniques=(),
    path="carecordon/hub/news/doubts.py",
    line=1,
    benign=("A virtual machine that was cloned or set back to a snapshot", "A disk image restored on two machines"),
)
EPOCH = 1
_MILLISECOND = 1_000_000


class Named(NamedTuple):
    """A device: its id, the name that its events go by, and its kind."""

    id: str
    name: str
    kind: DeviceKind = DeviceKind.AGENT


class Sign(IntEnum):
    """What is told of a device: the ids of the hub's own events."""

    EVIDENCE = 1
    STILL = 2
    """It is unproven, and its old key has not been revoked."""


def doubt(sign: Sign, device: Named, why: str, at: int, evidence: str = "") -> Match:
    """Return the match of what was told of a device: `why` in words, `evidence` by its short name; `at` UTC ns."""
    place = (device.id, at // _MILLISECOND, None, at)
    fields: Fields = {"DeviceId": device.id, "DeviceKind": device.kind.value, "Text": why}
    if evidence:
        fields["Evidence"] = evidence
    return Match(COPIED, *place, device.name, CHANNEL, int(sign), fields)


def hand_over(stream: Stream, sender: str, matches: Sequence[Match], now: int) -> None:
    """Put matches into stream 2 as one part, the next of `sender`, of whom there is one at a time. Raises OSError."""
    mark = stream.mark(sender, EPOCH)
    number = 0 if mark is None else mark + 1
    part = Part(sender, EPOCH, number, number, encode([Found(list(matches), (), now)]))
    (published,) = stream.publish([part], now)
    if published.outcome is not Outcome.APPENDED:
        raise OurFault(f"stream 2: {sender} {number} is {published.outcome.value}: two hand over under one name")
