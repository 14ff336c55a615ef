"""The columns of the table of events: which fields have one of their own, of which type, and what is beside them."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

DATABASE = "carecordon"
TABLE = "events"


class Storage(Enum):
    """How a column is kept: the type it has in the store, and the codec."""

    WORD = ("LowCardinality(String)", "")
    """Text that repeats itself: each distinct value stands once."""
    MAYBE = ("LowCardinality(Nullable(String))", "")
    """As WORD, where null says something else than ''."""
    TEXT = ("String", "CODEC(ZSTD(3))")
    """Text that is often new."""
    NUMBER = ("Nullable(Int64)", "CODEC(ZSTD(1))")
    COUNT = ("Int64", "CODEC(Delta, ZSTD(1))")
    TIME = ("DateTime64(9, 'UTC')", "CODEC(Delta, ZSTD(1))")
    DAY = ("Date", "")
    FLAG = ("Bool", "")
    REST = ("Map(LowCardinality(String), String)", "CODEC(ZSTD(3))")


@dataclass(frozen=True, slots=True)
class Column:
    """A column of the table: its name, how it is kept, and what it says."""

    name: str
    storage: Storage
    says: str


def _all(storage: Storage, names: str) -> tuple[Column, ...]:
    return tuple(Column(name, storage, f"the field {name}") for name in names.split())


HEADER = (
    Column("day", Storage.DAY, "the partition: the day of `time`, held to days around `received`"),
    Column("time", Storage.TIME, "when it happened, as the device says; `received` where it does not say"),
    Column("is_timed", Storage.FLAG, "false where the event gave no time"),
    Column("received", Storage.TIME, "when the hub received it"),
    Column("sender", Storage.WORD, "who sent it: the id in the certificate"),
    Column("epoch", Storage.COUNT, "the sender's epoch"),
    Column("sequence", Storage.COUNT, "the sender's own number in that epoch"),
    Column("device", Storage.MAYBE, "the machine that it is of"),
    Column("channel", Storage.MAYBE, "the log it stood in"),
    Column("provider", Storage.MAYBE, "what wrote it"),
    Column("event_id", Storage.NUMBER, "the number of its kind"),
    Column("bound", Storage.MAYBE, "the log source it was bound to by hand: JSON of product, category, service"),
)

FIELDS = (
    *_all(
        Storage.WORD,
        "Image ParentImage User ParentUser Hashes OriginalFileName IntegrityLevel CurrentDirectory LogonId LogonGuid "
        "ProcessGuid ParentProcessGuid Computer Provider_Name EventType Protocol SourceIp DestinationIp "
        "DestinationHostname SourceHostname QueryName QueryResults ImageLoaded Signature SignatureStatus "
        "SourceImage TargetImage SourceProcessGUID TargetProcessGUID GrantedAccess CallTrace "
        "TargetUserName TargetDomainName IpAddress WorkstationName SubjectUserName SubjectDomainName SubjectUserSid "
        "TargetUserSid SubjectLogonId TargetLogonId LogonProcessName Status ServiceName ProcessName RuleName PipeName",
    ),
    *_all(Storage.TEXT, "CommandLine ParentCommandLine TargetFilename TargetObject Details ScriptBlockText UtcTime"),
    *_all(
        Storage.NUMBER,
        "ProcessId ParentProcessId SourceProcessId TargetProcessId SourcePort DestinationPort LogonType IpPort",
    ),
    *_all(Storage.NUMBER, "EventRecordID"),
)
"""The fields that have a column of their own, in Sigma's names; all others stand in `fields`."""

REST = (
    Column("fields", Storage.REST, "all other fields by name, as text"),
    Column("shape", Storage.WORD, "which values were no text: what an event needs to come back whole"),
)

COLUMNS = (*HEADER, *FIELDS, *REST)
HASHES = ("SHA1", "SHA256", "MD5")
"""What is read out of the field Hashes when it is asked for."""
