"""The tables of the register, in one place: what alembic's versions must lead to, and what all statements are made of.

Times are UTC ns integers; hashes and ids hexadecimal text; closed lists their own words.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Index, Integer, LargeBinary, MetaData, Table, Text, UniqueConstraint

METADATA = MetaData()
REVISION = "devices"
"""The counter that grows whenever the standing or a certificate of a device changes."""
RESTORED_SINCE, RESTORED_AT = "restored_since", "restored_at"
"""The time of the backup that the register was restored from, and when that was."""
LETTERS_COUNT, LETTERS_BYTES = "letters_count", "letters_bytes"
"""How many dead letters there are, and how many bytes of content they hold."""
FOUND = "found"
"""The place in stream 2."""


def _text(name: str, *, is_key: bool = False) -> Column[str]:
    return Column(name, Text, primary_key=is_key, nullable=False)


def _count(name: str) -> Column[int]:
    return Column(name, BigInteger, nullable=False)


def _time(name: str, *, is_always: bool = True) -> Column[int]:
    return Column(name, BigInteger, nullable=not is_always)


def _bytes(name: str) -> Column[bytes]:
    return Column(name, LargeBinary, nullable=False)


def _number() -> Column[int]:
    """Return a key that counts from 1; SQLite counts only columns declared INTEGER, which hold 64 bits there."""
    return Column("number", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True)


ORGANISATIONS = Table("organisations", METADATA, _text("ods", is_key=True), _text("name"), _time("made"))

COUNTERS = Table("counters", METADATA, _text("name", is_key=True), _count("value"))
"""Small whole numbers that grow: the revision of devices, the place in stream 2."""

DEVICES = Table(
    "devices",
    METADATA,
    _text("id", is_key=True),
    _text("name"),
    _text("system"),
    _text("kind"),
    _text("standing"),
    _text("why"),
    _text("before"),
    _time("enrolled"),
    _text("enrolled_with"),
    _text("fingerprint"),
    _text("serial"),
    _time("expires"),
    _count("revision"),
    Index("devices_by_revision", "revision"),
)

"""`before`: the standing that a held device goes back to, '' for all others."""

SEEN = Table("seen", METADATA, _text("device", is_key=True), _time("last"))
"""Apart from the devices: it changes all the time, they hardly ever."""

CERTIFICATES = Table(
    "certificates",
    METADATA,
    _text("fingerprint", is_key=True),
    _text("device"),
    _text("serial"),
    _time("issued"),
    _time("expires"),
    Index("certificates_by_device", "device"),
)

ENROL_TOKENS = Table(
    "enrol_tokens",
    METADATA,
    _text("id", is_key=True),
    _text("label"),
    _text("secret_hash"),
    _text("kind"),
    _count("uses_left"),
    _time("made"),
    _text("made_by"),
    _time("expires"),
    _time("revoked", is_always=False),
    UniqueConstraint("secret_hash"),
)

PEOPLE = Table(
    "people", METADATA, _text("name", is_key=True), _text("role"), _time("made"), _time("gone", is_always=False)
)

TOKENS = Table(
    "tokens",
    METADATA,
    _text("id", is_key=True),
    _text("person"),
    _text("label"),
    _text("secret_hash"),
    _time("made"),
    _time("expires"),
    _time("revoked", is_always=False),
    Index("tokens_by_person", "person"),
)

CHECKPOINTS = Table("checkpoints", METADATA, _text("worker", is_key=True), _bytes("checkpoint"))

RECORDS = Table("records", METADATA, Column("key", LargeBinary, primary_key=True), _bytes("record"))
"""The state of triage. `key` is the tuple of texts as msgpack: no text in it can be mistaken for a border."""

INCIDENTS = Table(
    "incidents",
    METADATA,
    _number(),
    Column("id", Text, nullable=True, unique=True),
    _text("title"),
    _text("level"),
    _count("rank"),
    _count("score"),
    _bytes("devices"),
    _time("first"),
    _time("last"),
    _text("status"),
    _text("status_by"),
    _text("status_why"),
    _count("alerts"),
    _count("version"),
    _count("reopened"),
    _time("known"),
    _time("changed"),
    Column("merged_into", BigInteger, nullable=True),
    _bytes("digest"),
    _bytes("body"),
    Index("incidents_by_change", "changed"),
    Index("incidents_by_merger", "merged_into"),
)
"""`id` is empty where the incident became part of another, `merged_into`. `digest` of what triage told, as below."""

INCIDENT_IDS = Table(
    "incident_ids", METADATA, _text("id", is_key=True), _count("incident"), Index("ids_by_incident", "incident")
)
"""Every id that an incident has or had."""

INCIDENT_DEVICES = Table(
    "incident_devices",
    METADATA,
    _text("device", is_key=True),
    Column("incident", BigInteger, primary_key=True),
    Index("devices_by_incident", "incident"),
)

ALERTS = Table(
    "alerts",
    METADATA,
    _text("id", is_key=True),
    _count("incident"),
    _text("rule_id"),
    _text("title"),
    _text("level"),
    _text("device"),
    _text("entity"),
    _time("first"),
    _time("last"),
    _count("events"),
    _time("known"),
    _time("changed"),
    _bytes("digest"),
    _bytes("body"),
    UniqueConstraint("incident", "rule_id", "device", "entity"),
    Index("alerts_by_time", "first", "id"),
    Index("alerts_by_device", "device", "first"),
    Index("alerts_by_rule", "rule_id", "first", "id"),
)
"""`digest` of everything that may change, so that what has not is not written again."""

ALERT_IDS = Table("alert_ids", METADATA, _text("former", is_key=True), _text("id"), Index("former_by_id", "id"))
"""The ids that an alert had before an earlier event of it arrived."""

NOTICES = Table(
    "notices",
    METADATA,
    _number(),
    _text("channel"),
    _text("key"),
    _count("incident"),
    _text("level"),
    _text("subject"),
    _bytes("body"),
    _text("state"),
    _count("tries"),
    _time("made"),
    _time("next_try"),
    _text("why"),
    _text("digest"),
    _count("is_repeat"),
    _time("sent", is_always=False),
    UniqueConstraint("incident", "key", "channel"),
    Index("notices_by_time", "state", "next_try"),
    Index("notices_by_sent", "channel", "sent"),
)
"""`incident` 0: of none."""

TROUBLES = Table(
    "troubles",
    METADATA,
    _text("key", is_key=True),
    _text("kind"),
    Column("device", Text, nullable=True),
    _text("text"),
    _time("since"),
    _time("until", is_always=False),
    _count("events"),
    Index("troubles_by_time", "since"),
)

LETTERS = Table(
    "dead_letters",
    METADATA,
    _number(),
    _text("key"),
    _text("where"),
    _text("reason"),
    _bytes("payload"),
    _time("at"),
    _time("replayed", is_always=False),
    _time("done", is_always=False),
    UniqueConstraint("key"),
)

AUDIT = Table(
    "audit",
    METADATA,
    Column("number", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=False),
    _time("at"),
    _text("who"),
    _text("verb"),
    _text("subject"),
    _text("detail"),
    _text("seal"),
    Index("audit_by_who", "who", "number"),
)

AUDIT_HEAD = Table(
    "audit_head",
    METADATA,
    Column("one", Integer, primary_key=True, autoincrement=False),
    _count("number"),
    _text("seal"),
)
"""One row: the end of the log, so that cutting off its tail alone is seen."""
