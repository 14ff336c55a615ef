"""The TLS of the gate's two listeners: 1.3 and nothing older, with the hub's own certificate."""

from __future__ import annotations

import ssl
import time
from pathlib import Path

from carecordon.hub.start import server_names
from carecordon.hub.trust.authority import (
    CA_CERTIFICATE,
    SERVER_CERTIFICATE,
    SERVER_KEY,
    Authority,
    server_is_due,
)


def _empty() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.num_tickets = 0
    return context


_made_at_import = [_empty()]
"""OpenSSL draws the key of its tickets when a context is made. The supervisor imports this module and forks the gates
from itself: all of them hold that key, so that the next one resumes the sessions of one that was killed. None of the
hub's own keys is in it before the gate loads them.
"""


def devices_context(keys: Path) -> ssl.SSLContext:
    """Return the TLS that takes only who holds the key of a certificate that this hub's CA made.

    Each device gets a ticket: when ten thousand come back at once, a resumed session costs both sides together half.
    A ticket is good for two hours (OpenSSL's own limit), and Admission judges whoever comes with one as any other.
    """
    context = _made_at_import.pop() if _made_at_import else _empty()
    context.num_tickets = 1
    context.load_cert_chain(keys / SERVER_CERTIFICATE, keys / SERVER_KEY)
    context.load_verify_locations(keys / CA_CERTIFICATE)
    context.verify_mode = ssl.CERT_REQUIRED
    return context


def enrolment_context(keys: Path) -> ssl.SSLContext:
    """Return the TLS of the enrolment path: the hub shows its certificate and the CA, and asks for none."""
    context = _empty()
    context.load_cert_chain(keys / SERVER_CERTIFICATE, keys / SERVER_KEY)
    return context


def renew_server(authority: Authority, keys: Path) -> str:
    """Make the server's certificate anew where it is due, and return why; '' where it was good."""
    names, now = server_names(), time.time_ns()
    why = server_is_due(authority, keys, names, now)
    if why:
        authority.issue_server(keys, names, now)
    return why
