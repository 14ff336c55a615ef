"""A device's key in two places, as triage takes it: the rule that says so, its matches, and their way to stream 2.

What it sees: the gate's evidence (hub/gate/clones.py) that two go on with one device's count, and each half day that
nobody has enrolled the device anew. What it can miss: a copy that is never used beside the device. A machine that was
cloned, or set back to an earlier state, shows the same as one whose key was stolen: only people can tell which it was.
"""

from __future__ import annotations

from enum import IntEnum
from typing import NamedTuple

from carecordon.hub.news.found import Found, encode
from carecordon.model.errors import OurFault
from carecordon.model.event import Fields
from carecordon.model.match import Level, Match, RuleHead
from carecordon.model.stream import Outcome, Part, Stream

CHANNEL = "Carecordon-Hub/Devices"
"""The log that the hub's own events of devices are told of."""
COPIED = RuleHead(
    id="carecordon.device-key-in-two-places",
    title="A device's key is in use in two places",
    level=Level.HIGH,
    techniques=(),
    path="carecordon/hub/news/doubts.py",
    line=1,
    triage=(
        (
            "Ask who looks after the device whether it was cloned, set back to a snapshot or restored from an image: "
            "that is the usual cause, and then nobody has broken in."
        ),
        (
            "Enrol the one that is the device anew, with a token of its own (`carecordon hub enrol-token`), and then "
            "revoke its old key by the id above (`carecordon hub revoke ID --why TEXT`): whatever else holds that key "
            "is shut out, and nothing that the device tells is missed."
        ),
        (
            "Where nobody can say what the second one is, take the key as stolen: find out who could read it on the "
            "device, and doubt what was sent under its name since then."
        ),
    ),
    benign=("A virtual machine that was cloned or set back to a snapshot", "A disk image restored on two machines"),
)
EPOCH = 1
_MILLISECOND = 1_000_000


class Named(NamedTuple):
    """A device: its id, and the name that its events go by."""

    id: str
    name: str


class Sign(IntEnum):
    """What is told of a device: the ids of the hub's own events."""

    EVIDENCE = 1
    STILL = 2
    """It is unproven, and nobody has enrolled it anew."""


def doubt(sign: Sign, device: Named, why: str, at: int, evidence: str = "") -> Match:
    """Return the match of what was told of a device: `why` in words, `evidence` by its short name; `at` UTC ns."""
    place = (device.id, at // _MILLISECOND, None, at)
    fields: Fields = {"DeviceId": device.id, "Text": why}
    if evidence:
        fields["Evidence"] = evidence
    return Match(COPIED, *place, device.name, CHANNEL, int(sign), fields)


def hand_over(stream: Stream, sender: str, match: Match, now: int) -> None:
    """Put a match into stream 2, as the next of `sender`, of whom there is one at a time. Raises OSError."""
    mark = stream.mark(sender, EPOCH)
    number = 0 if mark is None else mark + 1
    part = Part(sender, EPOCH, number, number, encode([Found([match], (), now)]))
    (published,) = stream.publish([part], now)
    if published.outcome is not Outcome.APPENDED:
        raise OurFault(f"stream 2: {sender} {number} is {published.outcome.value}: two hand over under one name")
