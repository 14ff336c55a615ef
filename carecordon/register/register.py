"""The register as its users see it: one door for each of them, filled in by a backend.

`open_register` of a backend returns a Register. Every method is one short transaction, on disk when it returns. Several
processes, and several threads of each, may use the same register at once. A method that waits in vain for another
process to finish writing (30 s) raises OSError; nothing of it has happened then.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol

from carecordon.model.audit import Act, AuditEntry, Break, Head
from carecordon.model.device import Certificate, Device, EnrolRefusal, EnrolToken, NewDevice
from carecordon.model.kept import (
    AlertQuery,
    AlertRow,
    Commit,
    Committed,
    IncidentQuery,
    IncidentRow,
    KeysUnder,
    Letter,
    LetterRow,
    Trouble,
)
from carecordon.model.notice import NewNotice, NoticeRow, NoticeState
from carecordon.model.person import Organisation, Person, Token


class Devices(Protocol):
    """For the gate and enrolment: who may come in."""

    def get(self, device_id: str) -> Device | None:
        """Return the device with this id."""
        ...

    def by_certificate(self, fingerprint: str) -> Device | None:
        """Return the device that one of the hub's certificates (SHA-256 of its DER, hex) was issued to, new or old."""
        ...

    def all(self, after: str = "", limit: int = 1_000, name: str | None = None) -> list[Device]:
        """Return devices by id, those behind `after`; if a name is given, that of this id, else those of this name.

        Upper and lower case of a name are alike (letters of ASCII).
        """
        ...

    def count(self) -> dict[str, int]:
        """Return how many devices are of each standing."""
        ...

    def changed_since(self, revision: int) -> tuple[int, list[Device]]:
        """Return the revision now, and the devices that changed since that revision (`last_seen` is no change).

        Cheap where nothing has: a gate asks every few seconds, and cuts live sessions of what is revoked.
        """
        ...

    def use_enrol_token(self, secret_hash: str, now: int) -> EnrolToken | EnrolRefusal:
        """Return the token of this secret (SHA-256, hex) with one use less; the last use is given away only once."""
        ...

    def enrol(self, secret_hash: str, device: NewDevice, now: int) -> EnrolToken | EnrolRefusal:
        """Use the token and add the device of the token's kind, both or neither. OurFault for an id that exists."""
        ...

    def add(self, device: NewDevice, enrolled_with: str, now: int) -> None:
        """Add a device whose token is already used. Raises OurFault for an id that exists."""
        ...

    def add_certificate(self, device_id: str, certificate: Certificate, *, is_proof: bool = False) -> None:
        """Remember a renewed certificate; the former stays good until it expires, for the new one may not arrive.

        `is_proof`: the device enrolled again under its id, so all former certificates are forgotten, and an unproven
        device is active again. Raises OurFault for a device that is unknown or revoked.
        """
        ...

    def adopt(self, device_id: str, certificate: Certificate) -> Device | None:
        """Remember a certificate of this hub's CA that it issued between the backup that it was restored from and now.

        Return its device; None where it was issued at another time, or the device is unknown or revoked. A gate asks
        this of a certificate that `by_certificate` does not know: devices renew after a backup, and throw the former
        one away.
        """
        ...

    def restored(self, since: int, now: int) -> None:
        """Remember that what is known here is what was known at `since` (UTC ns), and was taken up at `now`."""
        ...

    def revoke(self, device_id: str, why: str, who: str, now: int) -> bool:
        """Revoke a device for ever and audit it; return False where there is none, or it was revoked before."""
        ...

    def mark_unproven(self, device_id: str, why: str, now: int) -> bool:
        """Mark an active device as unproven and audit it; return False where it is not active."""
        ...

    def hold(self, why: str, who: str, now: int) -> int:
        """Hold all devices that are not revoked (after a restore) and audit it; return how many."""
        ...

    def confirm(self, device_ids: Sequence[str] | None, who: str, now: int) -> int:
        """Let held devices be what they were before, all of them for None, and audit it; return how many."""
        ...

    def seen_since(self, after: int) -> dict[str, int]:
        """Return when devices were last heard, of those that were behind `after`; by id, UTC ns."""
        ...

    def seen(self, last: Mapping[str, int]) -> None:
        """Remember when devices last spoke (UTC ns); never goes back; unknown ids are passed over."""
        ...

    def add_enrol_token(self, token: EnrolToken) -> None:
        """Keep a new enrolment token and audit it."""
        ...

    def enrol_tokens(self) -> list[EnrolToken]:
        """Return all enrolment tokens, the newest first."""
        ...

    def revoke_enrol_token(self, token_id: str, who: str, now: int) -> bool:
        """Let nobody in by this token any more and audit it; return False where there is none that is good."""
        ...


class Checkpoints(Protocol):
    """For workers: a few bytes each that say how far they are."""

    def get(self, worker: str) -> bytes | None:
        """Return what the worker wrote last."""
        ...

    def set(self, worker: str, checkpoint: bytes) -> None:
        """Replace it; on return it is on disk."""
        ...


class Cases(Protocol):
    """For triage: its state, and what it leaves behind; for people: incidents, alerts, what is wrong with the hub."""

    def position(self) -> int:
        """Return the position of stream 2 up to which everything is in the register; 0 at first."""
        ...

    def records(self, but: KeysUnder | None = None) -> Iterator[tuple[tuple[str, ...], bytes]]:
        """Yield the state of triage as it stands now: its records, each with its key, all but those."""
        ...

    def records_under(self, keys: KeysUnder) -> list[tuple[tuple[str, ...], bytes]]:
        """Return the records under these keys. Quick where they are few."""
        ...

    def count_under(self, keys: KeysUnder) -> int:
        """Return how many records there are under these keys."""
        ...

    def record(self, key: tuple[str, ...]) -> bytes | None:
        """Return one record of it; None where there is none under this key."""
        ...

    def commit(self, commit: Commit) -> Committed:
        """Write all of it or nothing. What is in already (`position` reached) is not written again.

        Raises OurFault where the register stands elsewhere than at `after`: two are at work where one may be.
        """
        ...

    def incidents(self, query: IncidentQuery) -> list[IncidentRow]:
        """Return incidents, the latest number first; none that turned out to be part of another."""
        ...

    def count_open(self) -> dict[str, int]:
        """Return how many incidents of each level are new or open."""
        ...

    def incident(self, name: str | int) -> IncidentRow | None:
        """Return the incident that has or had this id, or this number."""
        ...

    def alerts(self, query: AlertQuery) -> list[AlertRow]:
        """Return alerts, the latest first."""
        ...

    def alert(self, alert_id: str) -> AlertRow | None:
        """Return the alert that has or had this id."""
        ...

    def troubles(
        self, *, is_over: bool | None = False, limit: int = 1_000, without_lone: Collection[str] = ()
    ) -> list[Trouble]:
        """Return what is wrong, the latest first: what lasts, what is over, or (None) both.

        Of kinds in `without_lone` only those that are of several devices or events.
        """
        ...

    def trouble(self, troubles: Sequence[Trouble], notices: Sequence[NewNotice] = ()) -> None:
        """Write what a process other than triage found wrong, or that it is over, and what people are told of it."""
        ...


class Letters(Protocol):
    """Dead letters: what nothing could work on."""

    def add(self, letters: Sequence[Letter]) -> None:
        """Set these aside; one whose key waits already changes nothing, one that was played again waits anew.

        100,000 letters and 1 GB of content are kept: beyond it a letter stands without its content, then only counted.
        """
        ...

    def all(self, *, is_replayed: bool | None = False, limit: int = 100) -> list[LetterRow]:
        """Return letters without their payload, the latest first: those that wait, were replayed, or (None) both."""
        ...

    def get(self, number: int) -> LetterRow | None:
        """Return one letter."""
        ...

    def count(self) -> int:
        """Return how many letters wait."""
        ...

    def replayed(self, number: int, who: str, now: int) -> bool:
        """Mark a letter to be played again and audit it; return False where it is not waiting."""
        ...

    def marked(self, limit: int = 10) -> list[LetterRow]:
        """Return letters that are to be played again and were not yet, the oldest first."""
        ...

    def done(self, number: int, now: int) -> None:
        """Remember that a marked letter was played again, and let go of its content."""
        ...


class Outbox(Protocol):
    """For carry: what is to be sent."""

    def resume(self, now: int) -> int:
        """Put what was begun and never finished back to be sent, marked as a perhaps-repeat; return how many.

        Called once when carry starts, before anything else: nobody else carries then.
        """
        ...

    def due(self, now: int, limit: int, besides: Collection[str] = ()) -> list[NoticeRow]:
        """Return notices whose time has come: of each channel but `besides` the oldest, `limit` of it at most.

        One whose time is further away than the longest wait is due too: it was written while the clock was ahead.
        """
        ...

    def begun(self, numbers: Sequence[int], now: int, digest: str = "") -> None:
        """Mark notices as on their way, together in one digest where its key is given: called before they go."""
        ...

    def done(self, numbers: Sequence[int], now: int) -> None:
        """Mark notices as delivered."""
        ...

    def failed(self, numbers: Sequence[int], why: str, next_try: int | None) -> None:
        """Mark notices to be tried again at `next_try` (UTC ns), or given up (None)."""
        ...

    def went(self, channel: str, since: int, until: int | None = None) -> list[NoticeRow]:
        """Return what was delivered by a channel from `since` to `until` (UTC ns), the oldest first; at most 10,000."""
        ...

    def count(self) -> dict[str, int]:
        """Return how many notices are in each state."""
        ...

    def all(self, limit: int = 100, state: NoticeState | None = None, before: int | None = None) -> list[NoticeRow]:
        """Return notices, the latest first: those of a state and of numbers below `before`, if given."""
        ...

    def get(self, numbers: Sequence[int]) -> list[NoticeRow]:
        """Return the notices of these numbers, as many of them as there are."""
        ...

    def again(self, numbers: Sequence[int] | None, who: str, now: int) -> int:
        """Let notices that were given up be sent again, all of them for None, and audit it; return how many.

        They have all the time again that a new one has, and are marked as a perhaps-repeat.
        """
        ...


class People(Protocol):
    """Whose hub it is, who may do what, and by which tokens."""

    def organisation(self) -> Organisation | None:
        """Return whose hub it is; None before `hub init`."""
        ...

    def found(self, organisation: Organisation, admin: Person, token: Token) -> None:
        """Write the organisation, its first person and that person's token, and audit it. Once only, or OurFault."""
        ...

    def all(self) -> list[Person]:
        """Return everybody, by name."""
        ...

    def get(self, name: str) -> Person | None:
        """Return the person of this name."""
        ...

    def add(self, person: Person, who: str) -> bool:
        """Add a person and audit it; return False where the name is taken, gone or not."""
        ...

    def remove(self, name: str, who: str, now: int) -> bool:
        """Let a person do nothing any more, revoke their tokens and audit it; False where there is none."""
        ...

    def token(self, token_id: str) -> tuple[Token, Person] | None:
        """Return a token and whose it is, good or not."""
        ...

    def tokens(self) -> list[Token]:
        """Return all tokens, the newest first."""
        ...

    def add_token(self, token: Token, who: str) -> bool:
        """Keep a new token and audit it; return False where there is no such person."""
        ...

    def revoke_token(self, token_id: str, who: str, now: int) -> bool:
        """Let a token be good for nothing and audit it; False where there is none that is good."""
        ...


class Audit(Protocol):
    """Who did or asked what."""

    def add(self, acts: Sequence[Act], now: int) -> Head:
        """Append acts at the time `now` (UTC ns) and return the end of the log."""
        ...

    def entries(self, before: int | None = None, limit: int = 100, who: str | None = None) -> list[AuditEntry]:
        """Return entries, the latest first, of numbers below `before`, of one person where `who` is given."""
        ...

    def head(self) -> Head:
        """Return the end of the log; number 0 where it is empty."""
        ...

    def verify(self, anchors: Sequence[Head] = ()) -> list[Break]:
        """Return every place where the log is not what was written; `anchors` are ends of it that were kept elsewhere.

        See register/chain.py for what is seen and what cannot be.
        """
        ...


@dataclass(frozen=True, slots=True)
class Register:
    """One hub's register, open. `close` lets go of it; what is on disk stays."""

    devices: Devices
    checkpoints: Checkpoints
    cases: Cases
    letters: Letters
    outbox: Outbox
    people: People
    audit: Audit
    check: Callable[[], list[str]]
    """Returns what the database finds wrong with its own file, in words; nothing where it is sound. Reads all of it."""
    still: Callable[[], AbstractContextManager[None]]
    """While this lasts nobody writes: for a backup to begin everywhere at the same moment. Short, or others wait."""
    settle: Callable[[], bool]
    """Lets nothing lie in a log alone that could lose its end unseen; returns whether nothing does."""
    tidy: Callable[[int], int]
    """Forgets what was over before a time (UTC ns), but no incident, alert or audit entry; returns how much."""
    close: Callable[[], None]
