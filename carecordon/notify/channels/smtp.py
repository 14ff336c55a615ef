"""Notices by mail, through the hospital's own mail server.

Sees nothing of the answer but whether the server took the mail. Can miss: a mail that the server takes and then loses.
Costs one connection a notice. With `starttls` a server that cannot encrypt is refused, and so is one whose certificate
nobody vouches for; a password is never sent in the clear.
"""

from __future__ import annotations

import ssl
from email import policy
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import format_datetime

import aiosmtplib
import msgspec

from carecordon.model.errors import TheirFault
from carecordon.model.times import to_datetime
from carecordon.notify.channel import MAIL, REASON_CHARS, Channel, Delivered, Later, Outcome, Target, message_id
from carecordon.notify.notice import Notice
from carecordon.notify.plain import one_line

TIMEOUT_S = 20.0
_SUBJECT_CHARS = 180
_LEVELS = {"critical": "1 (Highest)", "high": "2 (High)"}


class _Mail(msgspec.Struct, frozen=True):
    """The settings of a mail server, and the one person who is told: what reached one must not wait for another."""

    host: str
    sender: str
    to: str
    port: int = 25
    starttls: bool = False
    user: str | None = None
    ca_file: str | None = None


def message(notice: Notice, target: Target, now: int) -> EmailMessage:
    """Return the mail. Raises TheirFault where an address in the settings is none."""
    mail = _settings(target)
    made = EmailMessage(policy=policy.SMTP)
    sender = _address(mail.sender)
    made["From"] = sender
    made["To"] = _address(mail.to)
    made["Subject"] = one_line(notice.subject, _SUBJECT_CHARS)
    if (moment := to_datetime(now)) is not None:
        made["Date"] = format_datetime(moment)
    made["Message-ID"] = f"<{message_id(notice, target)}@{sender.domain}>"
    made["Auto-Submitted"] = "auto-generated"  # RFC 3834: no out-of-office answers
    if notice.level in _LEVELS:
        made["X-Priority"] = _LEVELS[notice.level]
    made.set_content(notice.text)
    return made


async def send(notice: Notice, target: Target, now: int) -> Outcome:
    """Hand the mail to the server."""
    mail = _settings(target)
    if mail.user is not None and not mail.starttls:
        raise TheirFault(f"{target.name}: a password is sent only over TLS; set `starttls = true`")
    made = message(notice, target, now)
    client = aiosmtplib.SMTP(
        hostname=mail.host,
        port=mail.port,
        timeout=TIMEOUT_S,
        start_tls=mail.starttls,
        use_tls=False,
        tls_context=_context(mail, target) if mail.starttls else None,
        username=mail.user,
        password=target.secret.strip() if mail.user is not None else None,
    )
    try:
        async with client:
            await client.send_message(made)
    except (aiosmtplib.SMTPException, OSError, ValueError) as fault:
        return Later(one_line(f"{type(fault).__name__}: {fault}", REASON_CHARS))
    return Delivered()


def _settings(target: Target) -> _Mail:
    try:
        return msgspec.convert(target.settings, _Mail)
    except msgspec.ValidationError as fault:
        raise TheirFault(f"{target.name}: {fault}") from fault


def _address(text: str) -> Address:
    """Return a bare address. Raises TheirFault where it is none; so no header can be slipped in by it."""
    try:
        found = Address(addr_spec=text)
    except (ValueError, IndexError) as fault:
        raise TheirFault(f"{text!r} is no mail address") from fault
    if not found.domain or not text.isprintable():
        raise TheirFault(f"{text!r} is no mail address")
    return found


def _context(mail: _Mail, target: Target) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=mail.ca_file)
    except (OSError, ssl.SSLError) as fault:
        raise TheirFault(f"{target.name}: ca_file {mail.ca_file}: {fault}") from fault


SMTP = Channel(MAIL, send)
