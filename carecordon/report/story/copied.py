"""What is to be done where a device's key is in two places: by its id, and by the kind of device that it is."""

from __future__ import annotations

from collections.abc import Sequence

from carecordon.model.device import COPIED_RULE, DeviceKind
from carecordon.model.incident import Incident
from carecordon.model.match import Match
from carecordon.report.story.values import field
from carecordon.report.story.voice import Voice

NAMED = 3
_ID_CHARS = 64


def is_of_hub_alone(incident: Incident) -> bool:
    """Say whether all that is told of an incident is the hub's own: no event of a device stands in it."""
    return bool(incident.alerts) and not incident.chains and len(_copied(incident)) == len(incident.alerts)


def copied_steps(incident: Incident, voice: Voice) -> list[str]:
    """Return the steps, in the order in which they are to be taken; none where no key is in two places."""
    found = _copied(incident)
    if not found:
        return []
    devices = {"devices": voice.devices(dict.fromkeys(match.device for match in found if match.device), NAMED)}
    kinds = {field(match.fields, "DeviceKind") == DeviceKind.FORWARDER for match in found}
    steps = [voice.words.say(f"copied.{key}", devices) for key in ("asked", "stolen")]
    steps += [voice.words.say("copied.forwarder" if kind else "copied.agent", {}) for kind in sorted(kinds)]
    commands = voice.words.listed(_commands(found, voice), NAMED) or None
    return [*steps, voice.words.say("copied.revoke", {"commands": commands})]


def _copied(incident: Incident) -> list[Match]:
    return [alert.sample for alert in incident.alerts if alert.rule.id == COPIED_RULE]


def _commands(found: Sequence[Match], voice: Voice) -> list[str]:
    """Return what revokes each of the old keys, once."""
    ids = dict.fromkeys(field(match.fields, "DeviceId") or "" for match in found)
    own = [one for one in ids if one.isascii() and one.isalnum() and len(one) <= _ID_CHARS]
    return [voice.words.phrase("copied.command", {"own": one}) for one in own]
