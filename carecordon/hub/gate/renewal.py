"""Renewal within a session, and a device that two go on with: what the register and triage are told."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial

import structlog

from carecordon.hub.gate.admission import Visitor
from carecordon.hub.gate.clones import Evidence
from carecordon.hub.gate.link import Link
from carecordon.hub.gate.office import Office
from carecordon.hub.news.doubts import Named, Sign, doubt, hand_over
from carecordon.hub.trust.authority import Authority, Issued, RequestRefused
from carecordon.hub.trust.identity import IdentityRefusal, RenewalRefusal, may_renew
from carecordon.hub.trust.roster import Roster
from carecordon.model.device import Standing
from carecordon.model.errors import OurFault
from carecordon.model.stream import Stream
from carecordon.register.register import Register

SENDER = "gate"
"""Who hands over to triage that a device's key is in two places."""
AGAIN_S = 10.0
"""After so long it is tried again where register or stream could not be written."""
FRESH = 0.25
"""In this first part of its life a certificate is not renewed: nobody fills the register by asking all day."""
log = structlog.get_logger("gate")

_Outcome = Issued | RequestRefused | RenewalRefusal | IdentityRefusal | None


class Clerk:
    """Does the register's work for sessions."""

    def __init__(
        self,
        office: Office,
        authority: Authority,
        register: Register,
        wall: Callable[[], int],
        count: Callable[[str], None],
        found: Callable[[], Stream],
    ) -> None:
        """`wall` gives UTC ns, `count` counts by a short name, `found` opens stream 2, where it is first needed."""
        self._office = office
        self._authority = authority
        self._register = register
        self._wall = wall
        self._count = count
        self._found = found
        self._roster: Roster | None = None
        self._asking: set[str] = set()
        self._stream: Stream | None = None
        self._suspected: set[tuple[str, Evidence]] = set()
        """What is being told of: of each there is one that tries."""

    def close(self) -> None:
        """Close stream 2; in the office's thread, after all else."""
        stream, self._stream = self._stream, None
        if stream is not None:
            stream.close()

    def renew(self, link: Link, request: str) -> None:
        """Send a new certificate where the device may have one; where not, the log says why and it may ask again."""
        visitor = link.visitor
        if visitor is None or visitor.device in self._asking or self._office.is_full:
            self._count("renewals_refused")
            return
        self._asking.add(visitor.device)
        self._office.ask(
            partial(self._issue, visitor, request),
            partial(self._send, link, visitor.device),
            partial(self._asking.discard, visitor.device),
        )

    def suspect(self, device: str, evidence: Evidence) -> None:
        """Mark a device as unproven, and hand the evidence over to triage; tried until it is done, by one at a time."""
        if (device, evidence) not in self._suspected:
            self._suspected.add((device, evidence))
            self._suspect(device, evidence, self._wall())

    def _suspect(self, device: str, evidence: Evidence, at: int) -> None:
        def again() -> None:
            asyncio.get_running_loop().call_later(AGAIN_S, self._suspect, device, evidence, at)

        def done(_: None) -> None:
            self._suspected.discard((device, evidence))

        self._office.ask(partial(self._mark, device, evidence, at), done, again)

    def _mark(self, device: str, evidence: Evidence, at: int) -> None:
        self._register.devices.mark_unproven(device, f"two may be using its key: {evidence.value}", at)
        known = self._register.devices.get(device)
        if known is None or known.standing is Standing.REVOKED:
            return
        if self._roster is None:
            self._roster = Roster(self._register.devices)
        self._roster.refresh()
        named = Named(device, self._roster.name(device) or known.name, known.kind)
        match = doubt(Sign.EVIDENCE, named, evidence.value, at, evidence.name.lower())
        if self._stream is None:
            self._stream = self._found()
        try:
            hand_over(self._stream, SENDER, [match], self._wall())
        except (OSError, OurFault):
            self.close()
            raise

    def _issue(self, visitor: Visitor, request: str) -> _Outcome:
        now = self._wall()
        identity = self._authority.identify(visitor.certificate, now)
        if isinstance(identity, IdentityRefusal):
            return identity
        shown = identity.certificate
        refusal = may_renew(self._register.devices.get(visitor.device), shown, now)
        if refusal is not None:
            return refusal
        if now < shown.issued + (shown.expires - shown.issued) * FRESH:
            return None
        issued = self._authority.issue(request, visitor.device, now)
        if isinstance(issued, Issued):
            self._register.devices.add_certificate(visitor.device, issued.certificate)
        return issued

    def _send(self, link: Link, device: str, outcome: _Outcome) -> None:
        self._asking.discard(device)
        if isinstance(outcome, Issued):
            self._count("renewals")
            log.info("renewed", device=device)
            if link.is_open:
                link.send(link.session.issued(outcome.chain))
            return
        self._count("renewals_refused")
        why = "the certificate is still fresh" if outcome is None else _why(outcome)
        log.warning("renewal_refused", device=device, why=why)


def _why(outcome: RequestRefused | RenewalRefusal | IdentityRefusal) -> str:
    return outcome.reason if isinstance(outcome, RequestRefused) else outcome.value
