"""What stories ask of the catalogue, and the catalogue read against it."""

from __future__ import annotations

from carecordon.report.story.kinds import KINDS
from carecordon.report.story.words import Asked, Words, read_words

_COMMON = frozenset({"count", "span", "id", "channel", "event"})
_MANY = frozenset({"distinct", "folder", "named", "devices"})
_COPY = frozenset({"sentence", "gravest", "other", "steps", "span", "places", "count"})
_CARE = frozenset({"devices", "count"})
_REACH = frozenset({"count", "devices", "touched", "accounts", "time"})
_CARE_KEYS = (
    "office", "office_now", "ward", "ward_now", "support", "support_now", "clinical", "clinical_now", "unlisted",
    "unlisted_now", "unlisted_one", "unlisted_one_now", "stay_on", "touched", "touched_only",
)  # fmt: skip
_FRAME: dict[str, frozenset[str]] = {
    "frame.fact": frozenset({"sentence", "title"}),
    "frame.again": frozenset({"sentence", "count", "span"}),
    "frame.same_step": _COPY,
    "frame.same_steps": _COPY,
    "frame.same_on_many": _COPY,
    "frame.same_from_many": _COPY,
    "frame.device_account": frozenset({"account"}),
    "frame.all_devices": frozenset({"count"}),
    "frame.a_second": frozenset(),
    "frame.time": frozenset({"time"}),
    "frame.and": frozenset({"most", "last"}),
    "frame.more": frozenset({"count"}),
    "frame.calls_itself": frozenset({"address", "host"}),
    "frame.each": frozenset({"what"}),
    "frame.on": frozenset({"devices", "sentence"}),
    "summary.began": frozenset({"time", "device", "sentence"}),
    "summary.began_elsewhere": frozenset({"time", "device", "sentence"}),
    "summary.began_unknown": frozenset({"time", "device", "sentence"}),
    "summary.did": frozenset({"did"}),
    "summary.reached": _REACH,
    "summary.stayed": _REACH,
    "summary.touched": _REACH,
    **{f"care.{key}": _CARE for key in _CARE_KEYS},
    "copied.asked": frozenset({"devices"}),
    "copied.stolen": frozenset({"devices"}),
    "copied.agent": frozenset(),
    "copied.forwarder": frozenset(),
    "copied.revoke": frozenset({"commands"}),
    "copied.command": frozenset({"own"}),
    "unknown.copy": frozenset({"devices"}),
    "unknown.root": frozenset({"devices"}),
    "unknown.start": frozenset({"images"}),
    "unknown.address": frozenset({"addresses"}),
    "unknown.addresses": frozenset({"addresses"}),
    "unknown.blind": frozenset({"device", "reason"}),
    "unknown.blind_more": frozenset({"count"}),
    "unknown.left": frozenset(),
    "unknown.left_likely": frozenset(),
    "unknown.passwords": frozenset({"accounts"}),
    "unknown.spread": frozenset(),
    "unknown.late": frozenset(),
    "unknown.untold": frozenset({"count"}),
    "unknown.untold_one": frozenset({"count"}),
}
_TABLES = frozenset({
    "programs", "accounts", "access", "targets", "signatures", "wmi", "operations", "ports", "dns", "logons",
    "packages", "statuses", "kerberos", "ciphers", "states", "did", "events",
    "evidence",
})  # fmt: skip
_HINTS = frozenset({"commands", "registry"})


def asked() -> Asked:
    """Return what the code asks for: the sentences of all kinds and of the frame, tables and hints."""
    facts: dict[str, frozenset[str]] = {}
    for kind in KINDS:
        for key in kind.sentences():
            more = _MANY if key.endswith("_many") else frozenset[str]()
            facts[key] = facts.get(key, frozenset()) | kind.slots.keys() | _COMMON | more
    return Asked({**facts, **_FRAME}, _TABLES, _HINTS, frozenset({"devices", "accounts", "sources", "backups"}))


def words_of(text: str, name: str = "words.toml") -> Words:
    """Return the catalogue in a text of TOML. Raises TheirFault, with `name:line`, if it is not what is asked."""
    return read_words(text, asked(), name)
