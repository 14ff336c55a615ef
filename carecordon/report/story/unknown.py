"""What is not known of an incident: each a sentence, said only where it applies."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Mapping, Sequence

from carecordon.model.incident import EventSeen, Incident, ProcessSeen
from carecordon.model.match import BlindSpot, Unseen
from carecordon.report.story.kind import HUB, log_of
from carecordon.report.story.runs import Rules
from carecordon.report.story.summary import has_technique, people
from carecordon.report.story.values import base, field, quoted, show_program
from carecordon.report.story.voice import Voice
from carecordon.report.visible import shortened, visible

NAMED = 5
SPOTS = 8
"""So many blind spots are told one by one."""
_REASON_CHARS = 240
_STARTS = frozenset({4624, 4648, 4697, 7045, 21, 25, 200, 129})
"""Events that say how something came to run: logons, services, sessions, tasks."""
_RUNS = frozenset({("sysmon", 1), ("security", 4688)})
_ROOTS = frozenset({
    "services.exe", "winlogon.exe", "userinit.exe", "explorer.exe", "wininit.exe", "system", "smss.exe", "lsass.exe",
    "svchost.exe", "taskeng.exe", "wmiprvse.exe", "wsmprovhost.exe",
})  # fmt: skip
"""Programs that stand for a logon or a service themselves."""
_LEAVES = ("T1020", "T1041", "T1048", "T1052", "T1537", "T1567", "T1560", "T1005", "T1039", "T1114", "T1213", "T1486")
_PRIVATE = tuple(map(ipaddress.ip_network, ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7")))
_SENDS = ("T1041", "T1048", "T1537", "T1567")
_SECRETS = ("T1003", "T1555", "T1552", "T1558", "T1110", "T1056", "T1550")
_SPREADS = ("T1021", "T1210", "T1570", "T1569", "T1047", "T1080", "T1484", "T1072")


def unknown_of(
    incident: Incident,
    events: Sequence[EventSeen],
    rules: Rules,
    strange: Mapping[str, str | None],
    unseen: Sequence[BlindSpot],
    voice: Voice,
    *,
    untold: int,
) -> tuple[str, ...]:
    """Return what is not known; `rules` by place, `strange` as `strangers` finds them, `untold` events of no fact."""
    found = [
        *_copies(events, rules, voice),
        *_roots(incident, events, voice),
        *_starts(incident, voice),
        *_addresses(strange, voice),
        *_blind(incident, unseen, voice),
        *_consequences(incident, voice),
    ]
    if incident.is_late:
        found.append(voice.words.say("unknown.late", {}))
    if untold:
        found.append(
            voice.words.say("unknown.untold" if untold > 1 else "unknown.untold_one", {"count": f"{untold:,}"})
        )
    return tuple(dict.fromkeys(found))


def _copies(events: Sequence[EventSeen], rules: Rules, voice: Voice) -> Iterator[str]:
    """Yield the devices whose key is in two places."""
    logs = ((event.device, log_of(event, rules.get((event.file, event.position), ()))) for event in events)
    devices = dict.fromkeys(device for device, log in logs if device and log == HUB)
    if devices:
        yield voice.words.say("unknown.copy", {"devices": voice.devices(list(devices), NAMED)})


def _roots(incident: Incident, events: Sequence[EventSeen], voice: Voice) -> Iterator[str]:
    """Yield the devices for which neither a logon nor a service was found as the root of what ran."""
    rooted = {event.device for event in events if event.event_id in _STARTS and log_of(event) != "sysmon"}
    rooted |= {event.device for event in events if base(field(event.fields, "ParentImage") or "") in _ROOTS}
    rooted |= {process.device for process in incident.processes if base(process.image or "") in _ROOTS}
    ran: set[str | None] = {process.device for process in incident.processes}
    ran |= {event.device for event in events if (log_of(event), event.event_id) in _RUNS}
    lost = [device for device in incident.devices if device in ran - rooted]
    if lost:
        yield voice.words.say("unknown.root", {"devices": voice.devices(lost, NAMED)})


def _starts(incident: Incident, voice: Voice) -> Iterator[str]:
    """Yield the processes whose start no event told."""
    lost: dict[str, ProcessSeen] = {}
    for process in incident.processes:
        is_root = base(process.image or "") in _ROOTS
        if process.start is None and not process.is_context and process.image and not is_root:
            lost.setdefault(show_program(process.image, voice.words), process)
    if lost:
        yield voice.words.say("unknown.start", {"images": voice.words.listed(list(lost), NAMED)})


def strangers(incident: Incident, events: Sequence[EventSeen]) -> dict[str, str | None]:
    """Return addresses from which somebody came in and that are no known device's, with what they call themselves."""
    own: set[str] = set()
    sources: dict[str, str | None] = {}
    known = {device.partition(".")[0].lower() for device in incident.devices}
    for event in events:
        is_connection = log_of(event) == "sysmon" and event.event_id == 3
        is_inbound = (field(event.fields, "Initiated") or "").lower() == "false"
        source = field(event.fields, "SourceIp" if is_connection else "IpAddress")
        if is_connection:
            own.add(field(event.fields, "DestinationIp" if is_inbound else "SourceIp") or "")
        source = (source or "").removeprefix("::ffff:")
        if source and (is_inbound or not is_connection):
            host = field(event.fields, "SourceHostname" if is_connection else "WorkstationName") or _computer(event)
            sources[source] = sources.get(source) or host
    strange = [address for address in sources if address not in own and _is_address(address)]
    return {one: sources[one] for one in strange if (sources[one] or "").partition(".")[0].lower() not in known}


def _computer(event: EventSeen) -> str | None:
    """Return the computer whose own account an event names."""
    names = (field(event.fields, name) for name in ("TargetUserName", "SubjectUserName"))
    return next((name.partition("@")[0].removesuffix("$") for name in names if name and "$" in name), None)


def _addresses(strange: Mapping[str, str | None], voice: Voice) -> Iterator[str]:
    if strange:
        listed = voice.words.listed([_named(address, host, voice) for address, host in strange.items()], NAMED)
        yield voice.words.say("unknown.address" if len(strange) == 1 else "unknown.addresses", {"addresses": listed})


def _named(address: str, host: str | None, voice: Voice) -> str:
    if host is None:
        return quoted(address)
    return voice.words.phrase("frame.calls_itself", {"address": quoted(address), "host": quoted(host)})


def _blind(incident: Incident, unseen: Sequence[BlindSpot], voice: Voice) -> Iterator[str]:
    """Yield what could not be seen on the incident's devices."""
    devices = {device.lower() for device in incident.devices}
    spots = [spot for spot in unseen if spot.device and spot.device.lower() in devices]
    spots.sort(key=lambda spot: spot.kind is not Unseen.CLEARED)
    for spot in spots[:SPOTS]:
        reason = visible(shortened(spot.reason, _REASON_CHARS)).rstrip(".")
        yield voice.words.say("unknown.blind", {"device": voice.device(spot.device or ""), "reason": reason})
    if len(spots) > SPOTS:
        yield voice.words.say("unknown.blind_more", {"count": f"{len(spots) - SPOTS:,}"})


def _consequences(incident: Incident, voice: Voice) -> Iterator[str]:
    """Yield what no event of a device can say: whether files left, where passwords were used, who else is hit."""
    accounts = voice.words.listed([quoted(entity.name) for entity in people(incident, voice)], NAMED) or None
    if has_technique(incident, *_SENDS):
        yield voice.words.say("unknown.left_likely", {})
    elif has_technique(incident, *_LEAVES):
        yield voice.words.say("unknown.left", {})
    if has_technique(incident, *_SECRETS):
        yield voice.words.say("unknown.passwords", {"accounts": accounts})
    if has_technique(incident, *_SPREADS):
        yield voice.words.say("unknown.spread", {})


def is_inside(address: str) -> bool:
    """Say whether an address belongs to a private network. Source: RFC 1918, RFC 4193."""
    found = ipaddress.ip_address(address.split("%", maxsplit=1)[0])
    return any(found in network for network in _PRIVATE)


def _is_address(text: str) -> bool:
    """Say whether a text is an address of another device: neither this one itself nor none."""
    try:
        address = ipaddress.ip_address(text.split("%", maxsplit=1)[0])
    except ValueError:
        return False
    return not address.is_loopback and not address.is_unspecified
