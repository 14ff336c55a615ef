"""Whom to ask before a device is cut off: the first of the next steps, by what the devices are for.

Where files are being destroyed, what may be cut off at once stands first; else whom to speak
to. No device is told to be cut off that shows nothing itself, or that no list says is an office's.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from carecordon.model.incident import DeviceAsset, Incident
from carecordon.report.story.reach import Reach
from carecordon.report.story.summary import has_technique
from carecordon.report.story.voice import Voice

CLINICAL = 10
"""So many devices that serve patients directly are named; of the life-critical every one."""
NAMED = 12
"""So many of the others are named."""
TOUCHED = 6
SUPPORT = "it."
"""How the classes of such devices begin that others depend on: they serve no ward of their own."""
_DESTROYS = ("T1485", "T1486", "T1561")
_PATIENTS, _LIFE, _WARD, _OFFICE = ("S3", "S2"), "S3", "S1", "S0"
Parts = tuple[str, ...]


def care_steps(incident: Incident, reach: Reach, voice: Voice) -> list[str]:
    """Return at most three steps: what may be cut off and whom to ask first, and what not to cut off for this."""
    is_now = has_technique(incident, *_DESTROYS)
    said = _Said(voice, {device: _listed(incident, device) for device in reach.shown}, is_now=is_now)
    office, ward, clinical, rest = said.office(), said.ward(), said.clinical(), (said.support(), said.unlisted())
    turns = ((office, ward), (clinical, *rest)) if is_now else ((clinical, ward), (office, *rest))
    steps = [" ".join(filter(None, turn)) for turn in turns if any(turn)]
    if steps and is_now:
        steps[0] += " " + voice.words.say("care.stay_on", {})
    if reach.touched:
        key = "care.touched" if reach.shown else "care.touched_only"
        steps.append(voice.words.say(key, _places(voice, reach.touched, TOUCHED)))
    return steps


def _listed(incident: Incident, device: str) -> DeviceAsset | None:
    return next((asset for asset in incident.assets if asset.device == device), None)


def _places(voice: Voice, devices: Sequence[str], most: int = NAMED) -> dict[str, str | None]:
    return {"devices": voice.devices(devices, most), "count": f"{len(devices):,}"}


class _Said:
    """Says what is to be done about the devices of each class; nothing where there are none."""

    def __init__(self, voice: Voice, assets: dict[str, DeviceAsset | None], *, is_now: bool) -> None:
        """Hold the devices in order, each with what the list says of it."""
        self._voice = voice
        self._assets = assets
        self._tail = "_now" if is_now else ""

    def office(self) -> str | None:
        """Say what of the office devices."""
        return self._say("office", self._of(_OFFICE))

    def ward(self) -> str | None:
        """Say what of devices whose loss delays care."""
        return self._say("ward", [device for device in self._of(_WARD) if not self._is_support(device)])

    def support(self) -> str | None:
        """Say what of devices that others depend on, such as domain controllers, file and backup servers."""
        return self._say("support", [device for device in self._of(_WARD) if self._is_support(device)])

    def clinical(self) -> str | None:
        """Say what of devices that serve patients, the life-critical first."""
        devices = [device for impact in _PATIENTS for device in self._of(impact)]
        if not devices:
            return None
        named = [f"{self._voice.device(device)} ({self._impact(device)})" for device in devices]
        most = max(CLINICAL, len(self._of(_LIFE)))
        places = {"devices": self._voice.words.listed(named, most)}
        return self._voice.words.say(f"care.clinical{self._tail}", places)

    def unlisted(self) -> str | None:
        """Say what of devices that no list names."""
        devices = [device for device, asset in self._assets.items() if asset is None]
        return self._say("unlisted_one" if len(devices) == 1 else "unlisted", devices)

    def _say(self, key: str, devices: Sequence[str]) -> str | None:
        return self._voice.words.say(f"care.{key}{self._tail}", _places(self._voice, devices)) if devices else None

    def _of(self, impact: str) -> list[str]:
        return [device for device in self._assets if self._impact(device) == impact]

    def _is_support(self, device: str) -> bool:
        asset = self._assets[device]
        return asset is not None and asset.kind.startswith(SUPPORT)

    def _impact(self, device: str) -> str | None:
        asset = self._assets[device]
        return asset.impact if asset else None


def names(devices: Iterable[str], voice: Voice, most: int) -> str | None:
    """Return the devices by name; of more than `most` how many there are."""
    devices = tuple(devices)
    if len(devices) > most:
        return voice.words.phrase("frame.all_devices", {"count": f"{len(devices):,}"})
    return voice.devices(devices, most)
