"""A decoded document becomes a row of a batch: its kind, its header and its fields in Sigma names.

Four shapes are known and told apart document by document: nested (`Event.System`, as EVTX
and XML decode), Winlogbeat (`winlog`), flat (`Channel` and `EventID` on top), and bound
(anything else, when the user says by hand what it is). The conventions stand in docs/detection.md.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from carecordon.model.batch import Row
from carecordon.model.block import Bad, Run
from carecordon.model.errors import defect
from carecordon.model.event import Kind, LogSource
from carecordon.model.fields import flatten, unspaced
from carecordon.pipeline.ingest.nested import event_id_of, nested_fields, winlogbeat_fields
from carecordon.pipeline.ingest.process4688 import add_process_fields
from carecordon.pipeline.ingest.times import PLAIN, Clockwork

TOO_DEEP = "nested too deeply to be an event"
NOT_AN_EVENT = "not a Windows event in a known shape; bind it by hand with --logsource product=…,service=…"
NEVER_SPACED = frozenset(
    {
        "security",
        "microsoft-windows-sysmon/operational",
        "microsoft-windows-powershell/operational",
        "windows powershell",
    }
)
"""Channels whose field names hold no space: they are not looked through, and a name with one is left as it is."""
MAX_KINDS = 65_536
PROVIDER = "SourceName"
DEVICE_NAMES = ("Computer", "Hostname")
RECORD_ID_NAMES = ("EventRecordID", "RecordNumber")
PROCESS_STARTED = 4688
FLAT_TIMES = ("TimeCreated", "UtcTime", "@timestamp", "EventTime")
BOUND_TIMES = ("@timestamp", "timestamp", "time", "eventTime", "TimeCreated")


class Layout(NamedTuple):
    """How a flat document of one kind was laid out when it was first met."""

    kind: Kind
    event_id_type: type
    """True and 1.0 are equal to 1 and find its layout, but are no event ids."""
    device: str
    record_id: str
    has_record_id: bool
    time: str
    absent: frozenset[str]
    """Names that would be looked at before these; a document that has one goes the long way."""


class Normaliser:
    """Makes documents events. Remembers kinds, layouts and times that it met, nothing else."""

    def __init__(self, bound: LogSource | None = None) -> None:
        """Bind documents of no known shape to `bound`, or refuse them."""
        self._bound = None if bound is None else Kind(None, None, None, bound)
        self._layouts: dict[tuple[Any, Any, Any], Layout] = {}
        self._kinds: dict[tuple[Any, Any, Any], Kind] = {}
        self._clock = Clockwork()
        self._utc_ns: Callable[[Any], int | None] = self._clock.utc_ns

    def read(self, run: Run) -> tuple[list[Row], list[Bad]]:
        """Return the events of a run, and the documents that are none, with the reason."""
        layouts, seconds, fractions, utc_ns = self._layouts, self._clock.seconds, self._clock.fractions, self._utc_ns
        rows: list[Row] = []
        refused: list[Bad] = []
        add = rows.append
        for position, document in enumerate(run.documents, run.position):
            # The short way, for a flat document of a kind and layout that was met before: nearly all of a big file.
            get = document.get
            event_id = get("EventID")
            try:
                layout = None if event_id is None else layouts[get("Channel"), get(PROVIDER), event_id]
            except (KeyError, TypeError):
                layout = None
            if layout is not None:
                kind, event_id_type, device_name, record_id_name, has_record_id, time_name, absent = layout
                device, record_id = get(device_name), get(record_id_name)
                text: Any = get(time_name)
                try:
                    time: int | None = seconds[text[:PLAIN]] + fractions[text[PLAIN:]]
                except (KeyError, TypeError):
                    time = utc_ns(text)
                if (
                    type(device) is str
                    and time is not None
                    and (type(record_id) is int or not has_record_id)
                    and type(event_id) is event_id_type
                    and document.keys().isdisjoint(absent)
                ):
                    add((kind, document, time, device, record_id, position))
                    continue
            row = self._carefully(document, position)
            if isinstance(row, str):
                refused.append(Bad(position, row))
            else:
                add(row)
        return rows, refused

    def _carefully(self, document: dict[str, Any], position: int) -> Row | str:
        """Return the event or why the document is none: one must not take the others with it."""
        try:
            return self._by_shape(document, position)
        except RecursionError:
            return TOO_DEEP
        except Exception as fault:  # noqa: BLE001  # told as a defect of ours
            return defect(fault)

    def _by_shape(self, document: dict[str, Any], position: int) -> Row | str:
        event = document.get("Event")
        if isinstance(event, dict) and (self._bound is None or isinstance(event.get("System"), dict)):
            return self._nested(event, position)
        winlog = document.get("winlog")
        if isinstance(winlog, dict):
            return self._winlogbeat(document, winlog, position)
        is_flat = "EventID" in document or "Channel" in document
        if is_flat and (self._bound is None or ("EventID" in document and "Channel" in document)):
            return self._flat(document, position)
        if self._bound is not None:
            return self._by_hand(self._bound, document, position)
        return NOT_AN_EVENT

    def _flat(self, document: dict[str, Any], position: int) -> Row | str:
        get = document.get
        provider = get("Provider_Name") or get(PROVIDER)
        kind = self._kind(get("Channel"), provider, get("EventID"))
        never_spaced = (kind.channel or "").lower() in NEVER_SPACED
        if not never_spaced and any(" " in name for name in document):
            document = {name.replace(" ", ""): value for name, value in document.items()}
            get = document.get
        device_name = _first(document, DEVICE_NAMES)
        record_id_name = _first(document, RECORD_ID_NAMES)
        times = ((name, self._utc_ns(get(name))) for name in FLAT_TIMES)
        time_name, time = next(((name, time) for name, time in times if time is not None), ("", None))
        if never_spaced and time is not None and "Provider_Name" not in document and kind.event_id != PROCESS_STARTED:
            self._remember(document, kind, device_name, record_id_name, time_name)
        return _row(kind, document, time, get(device_name), get(record_id_name), position)

    def _remember(self, document: dict[str, Any], kind: Kind, device: str, record_id: str, time: str) -> None:
        """Let later documents go the short way, if what this one uses is there and nothing that goes before it."""
        event_id = document.get("EventID")
        if len(self._layouts) >= MAX_KINDS or not isinstance(event_id, int | str):
            return
        has_record_id = record_id in document
        absent = _before(device, DEVICE_NAMES) | _before(record_id if has_record_id else None, RECORD_ID_NAMES)
        absent |= _before(time, FLAT_TIMES) | {"Provider_Name", "Event", "winlog"}
        layout = Layout(kind, type(event_id), device, record_id, has_record_id, time, absent)
        try:
            self._layouts[document["Channel"], document.get(PROVIDER), event_id] = layout
        except TypeError:
            return  # a provider that is a list or mapping

    def _nested(self, event: dict[str, Any], position: int) -> Row | str:
        header = event.get("System")
        if not isinstance(header, dict):
            return "an Event without System: no header to tell what it is"
        fields, time = nested_fields(header, event)
        return self._headed(fields, self._utc_ns(time), position)

    def _winlogbeat(self, document: dict[str, Any], winlog: dict[str, Any], position: int) -> Row | str:
        fields = winlogbeat_fields(document, winlog)
        return self._headed(fields, self._utc_ns(document.get("@timestamp")), position)

    def _headed(self, fields: dict[str, Any], time: int | None, position: int) -> Row:
        get = fields.get
        names = get("Channel"), get("Provider_Name"), get("EventID")
        try:
            kind = self._kinds[names]
        except (KeyError, TypeError):
            kind = self._kind(*names)
        return _row(kind, fields, time, get("Computer"), get("EventRecordID"), position)

    def _by_hand(self, kind: Kind, document: dict[str, Any], position: int) -> Row:
        fields = unspaced(flatten(document))
        times = (self._utc_ns(fields.get(name)) for name in BOUND_TIMES)
        time = next((found for found in times if found is not None), None)
        device = fields.get("Computer", fields.get("host.name", fields.get("Hostname")))
        return _row(kind, fields, time, device, None, position)

    def _kind(self, channel: Any, provider: Any, event_id: Any) -> Kind:
        """Return the kind of this triple as it stands in a document."""
        name = channel if isinstance(channel, str) else None
        source = provider if isinstance(provider, str) else None
        key = (name, source, event_id_of(event_id))
        kind = self._kinds.get(key)
        if kind is None:
            if len(self._kinds) >= MAX_KINDS:
                self._kinds.clear()
            kind = self._kinds[key] = Kind(*key)
        return kind


def _row(kind: Kind, fields: dict[str, Any], time: int | None, device: Any, record_id: Any, position: int) -> Row:
    if kind.event_id == PROCESS_STARTED:
        add_process_fields(kind, fields)
    name = device if device is None or isinstance(device, str) else str(device)
    return kind, fields, time, name, record_id if type(record_id) is int else event_id_of(record_id), position


def _first(document: dict[str, Any], names: tuple[str, ...]) -> str:
    return next((name for name in names if document.get(name) is not None), names[0])


def _before(name: str | None, names: tuple[str, ...]) -> frozenset[str]:
    """Return the names that are looked at before `name`; all of them if it is None."""
    return frozenset(names if name is None else names[: names.index(name)])
