"""Renewal within a session, and a device that two go on with: what the register is told."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import structlog

from carecordon.hub.gate.admission import Visitor
from carecordon.hub.gate.clones import Evidence
from carecordon.hub.gate.link import Link
from carecordon.hub.gate.office import Office
from carecordon.hub.trust.authority import Authority, Issued, RequestRefused
from carecordon.hub.trust.identity import IdentityRefusal, RenewalRefusal, may_renew
from carecordon.model.kept import Trouble
from carecordon.register.register import Register

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
    ) -> None:
        """`wall` gives UTC ns, `count` counts by a short name."""
        self._office = office
        self._authority = authority
        self._register = register
        self._wall = wall
        self._count = count
        self._asking: set[str] = set()

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
        """Mark a device as unproven, and tell people once."""
        self._office.ask(partial(self._mark, device, evidence), lambda _: None)

    def _mark(self, device: str, evidence: Evidence) -> None:
        now = self._wall()
        why = f"two may be using its key: {evidence.value}"
        if self._register.devices.mark_unproven(device, why, now):
            known = self._register.devices.get(device)
            name = known.name if known else device
            text = f"{name}: {why}; enrol it anew, and find out who has the copy"
            self._register.cases.trouble([Trouble(f"clone/{device}", "clone", device, text, now)])

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
