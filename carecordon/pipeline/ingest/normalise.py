"""A decoded document becomes a row of a batch: its kind, its header and its fields in Sigma names.

Four shapes are known and told apart document by document: nested (`Event.System`, as EVTX
and XML decode), Winlogbeat (`winlog`), flat (`Channel` and `EventID` on top), and bound
(anything else, when the user says by hand what it is). The conventions stand in docs/detection.md.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from carecordon.model.batch import Rows
from carecordon.model.event import Kind, LogSource
from carecordon.model.fields import flatten
from carecordon.pipeline.ingest.nested import event_id_of, nested_fields, winlogbeat_fields
from carecordon.pipeline.ingest.process4688 import add_process_fields
from carecordon.pipeline.ingest.times import Clockwork

NOT_AN_EVENT = "not a Windows event in a known shape; bind it by hand with --logsource product=…,service=…"
NEVER_SPACED = frozenset(
    {
        "security",
        "microsoft-windows-sysmon/operational",
        "microsoft-windows-powershell/operational",
        "windows powershell",
    }
)
"""Channels whose field names hold no space, so that they need not be looked through."""
MAX_KINDS = 65_536
FLAT_TIMES = ("TimeCreated", "UtcTime", "@timestamp", "EventTime")
BOUND_TIMES = ("@timestamp", "timestamp", "time", "eventTime", "TimeCreated")


class Normaliser:
    """Adds documents to batches. Remembers the kinds it met and the second it read last, nothing else."""

    def __init__(self, bound: LogSource | None = None) -> None:
        """Bind documents of no known shape to `bound`, or refuse them."""
        self._bound = None if bound is None else Kind(None, None, None, bound)
        self._kinds: dict[tuple[Any, Any, Any], tuple[Kind, bool]] = {}
        self._utc_ns: Callable[[Any], int | None] = Clockwork().utc_ns

    def add(self, document: dict[str, Any], position: int, rows: Rows) -> str | None:
        """Append the document to `rows`; or return why it is no event."""
        if "Event" in document and isinstance(document["Event"], dict):
            return self._nested(document["Event"], position, rows)
        if "EventID" in document and "Channel" in document:
            return self._flat(document, position, rows)
        winlog = document.get("winlog")
        if isinstance(winlog, dict):
            return self._winlogbeat(document, winlog, position, rows)
        if self._bound is not None:
            return self._by_hand(self._bound, document, position, rows)
        if "EventID" in document or "Channel" in document:
            return self._flat(document, position, rows)
        return NOT_AN_EVENT

    def _flat(self, document: dict[str, Any], position: int, rows: Rows) -> str | None:
        get = document.get
        provider = get("Provider_Name") or get("SourceName")
        key = (get("Channel"), provider, get("EventID"))
        try:
            kind, may_hold_spaces = self._kinds[key]
        except (KeyError, TypeError):
            kind, may_hold_spaces = self._kind(*key)
        if may_hold_spaces and any(" " in name for name in document):
            document = {name.replace(" ", ""): value for name, value in document.items()}
            get = document.get
        device = get("Computer")
        if device is None:
            device = get("Hostname")
            if device is not None:
                document["Computer"] = device
        record_id = get("EventRecordID")
        if record_id is None:
            record_id = get("RecordNumber")
            if record_id is not None:
                document["EventRecordID"] = record_id
        if provider is not None and "Provider_Name" not in document:
            document["Provider_Name"] = provider
        time = None
        for name in FLAT_TIMES:
            if name in document:
                time = self._utc_ns(document[name])
                if time is not None:
                    break
        self._append(rows, kind, document, time, device, record_id, position)
        return None

    def _nested(self, event: dict[str, Any], position: int, rows: Rows) -> str | None:
        header = event.get("System")
        if not isinstance(header, dict):
            return "an Event without System: no header to tell what it is"
        fields, time = nested_fields(header, event)
        self._headed(fields, self._utc_ns(time), position, rows)
        return None

    def _winlogbeat(self, document: dict[str, Any], winlog: dict[str, Any], position: int, rows: Rows) -> str | None:
        fields = winlogbeat_fields(document, winlog)
        self._headed(fields, self._utc_ns(document.get("@timestamp")), position, rows)
        return None

    def _headed(self, fields: dict[str, Any], time: int | None, position: int, rows: Rows) -> None:
        key = (fields.get("Channel"), fields.get("Provider_Name"), fields.get("EventID"))
        found = self._kinds.get(key)
        kind, _ = found if found is not None else self._kind(*key)
        self._append(rows, kind, fields, time, fields.get("Computer"), fields.get("EventRecordID"), position)

    def _by_hand(self, kind: Kind, document: dict[str, Any], position: int, rows: Rows) -> None:
        fields = flatten(document)
        times = (self._utc_ns(fields.get(name)) for name in BOUND_TIMES)
        time = next((found for found in times if found is not None), None)
        device = fields.get("Computer", fields.get("host.name", fields.get("Hostname")))
        self._append(rows, kind, fields, time, device, None, position)

    def _append(
        self,
        rows: Rows,
        kind: Kind,
        fields: dict[str, Any],
        time: int | None,
        device: Any,
        record_id: Any,
        position: int,
    ) -> None:
        if kind.event_id == 4688:
            add_process_fields(kind, fields)
        rows.kinds.append(kind)
        rows.fields.append(fields)
        rows.times.append(time)
        rows.devices.append(device if device is None or isinstance(device, str) else str(device))
        rows.record_ids.append(record_id if type(record_id) is int else event_id_of(record_id))
        rows.positions.append(position)

    def _kind(self, channel: Any, provider: Any, event_id: Any) -> tuple[Kind, bool]:
        """Return the kind of this triple as it stands in a document, and whether its field names may hold spaces."""
        name = channel if isinstance(channel, str) else None
        source = provider if isinstance(provider, str) else None
        found = Kind(name, source, event_id_of(event_id)), (name or "").lower() not in NEVER_SPACED
        if len(self._kinds) >= MAX_KINDS:
            self._kinds.clear()
        try:
            self._kinds[channel, provider, event_id] = found
        except TypeError:  # a list or mapping where a name should stand
            pass
        return found
