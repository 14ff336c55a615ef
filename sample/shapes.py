"""The three shapes in which the sample's events are written: flat, nested and Winlogbeat."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from sample.seen import DOMAIN, SYSMON, Seen


@dataclass(frozen=True, slots=True)
class Record:
    """An event in its log: number and time (UTC) as the device wrote them."""

    seen: Seen
    number: int
    time: datetime

    @property
    def computer(self) -> str:
        """Return the device's full name."""
        return f"{self.seen.host}.{DOMAIN}"

    def iso(self) -> str:
        """Return the time as RFC 3339, in milliseconds."""
        return self.time.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


Shape = Callable[[Record], dict[str, object]]


def flat(record: Record) -> dict[str, object]:
    """Return header and fields side by side, as forwarders write them."""
    what = record.seen
    header: dict[str, object] = {
        "@timestamp": record.iso(),
        "Channel": what.channel,
        "SourceName": what.provider,
        "EventID": what.event_id,
        "Hostname": record.computer,
        "RecordNumber": record.number,
    }
    return header | _own_time(record) | what.fields


def nested(record: Record) -> dict[str, object]:
    """Return `Event.System` and `Event.EventData` (`UserData` for a cleared log), as EVTX decoders write them."""
    what = record.seen
    system = {
        "Provider": {"#attributes": {"Name": what.provider}},
        "EventID": what.event_id,
        "Level": 4,
        "TimeCreated": {"#attributes": {"SystemTime": record.iso()}},
        "EventRecordID": record.number,
        "Execution": {"#attributes": {"ProcessID": 4, "ThreadID": 88}},
        "Channel": what.channel,
        "Computer": record.computer,
        "Security": None,
    }
    data = _own_time(record) | what.fields
    if what.event_id in (104, 1102):
        return {"Event": {"System": system, "UserData": {"LogFileCleared": data}}}
    return {"Event": {"System": system, "EventData": data}}


def winlogbeat(record: Record) -> dict[str, object]:
    """Return `winlog.*` beside a few ECS fields, as Winlogbeat sends them."""
    what = record.seen
    winlog = {
        "channel": what.channel,
        "provider_name": what.provider,
        "event_id": str(what.event_id),
        "record_id": record.number,
        "computer_name": record.computer,
        "event_data": _own_time(record) | what.fields,
    }
    return {"@timestamp": record.iso(), "event": {"code": str(what.event_id), "kind": "event"}, "winlog": winlog}


def _own_time(record: Record) -> dict[str, str]:
    if record.seen.channel != SYSMON[0]:
        return {}
    return {"UtcTime": record.iso().replace("T", " ").removesuffix("Z")}
