"""Notices to another program: a signed POST, by the Standard Webhooks specification.

Sees the status of the answer, never its body. A receiver that answers 2xx has it; 410 stops all notices to it; on
anything else it is tried again. Follows no redirect, uses no proxy from the environment, and asks only where the
settings name; costs one connection a notice.
"""

from __future__ import annotations

from typing import Any

import httpx
import msgspec

from carecordon.model.errors import TheirFault
from carecordon.model.times import rfc3339
from carecordon.notify.channel import HOOK, REASON_CHARS, Channel, Delivered, Gone, Later, Outcome, Target, message_id
from carecordon.notify.notice import Notice
from carecordon.notify.plain import one_line
from carecordon.notify.signature import secret_of, signature

TIMEOUT_S = 15.0
MOST_WAIT_S = 3_600.0
_NS = 1_000_000_000
_GONE = 410


class _Hook(msgspec.Struct, frozen=True):
    """The settings of a receiver."""

    url: str


def body_of(notice: Notice) -> bytes:
    """Return what is sent: type, timestamp, data. Source: Standard Webhooks, payload structure."""
    payload: dict[str, Any] = {
        "type": notice.kind,
        "timestamp": rfc3339(notice.at),
        "data": {"subject": notice.subject, "level": notice.level, **notice.data},
    }
    return msgspec.json.encode(payload)


async def send(notice: Notice, target: Target, now: int) -> Outcome:
    """Post the notice."""
    url = _url(target)
    body, named, at = body_of(notice), f"msg_{message_id(notice, target)}", now // _NS
    headers = {
        "content-type": "application/json",
        "user-agent": "carecordon",
        "webhook-id": named,
        "webhook-timestamp": str(at),
        "webhook-signature": signature(secret_of(target.secret), named, at, body),
    }
    try:
        async with (
            httpx.AsyncClient(follow_redirects=False, timeout=TIMEOUT_S, trust_env=False) as client,
            client.stream("POST", url, content=body, headers=headers) as answer,
        ):
            return _outcome(answer)
    except (httpx.HTTPError, OSError) as fault:
        return Later(one_line(f"{type(fault).__name__}: {fault}", REASON_CHARS))


def _outcome(answer: httpx.Response) -> Outcome:
    if answer.is_success:
        return Delivered()
    if answer.status_code == _GONE:
        return Gone("it answered 410: it wants no more notices")
    wait = answer.headers.get("retry-after", "")
    after = min(float(wait), MOST_WAIT_S) if wait.isdecimal() else 0.0
    return Later(f"it answered {answer.status_code}", after)


def _url(target: Target) -> httpx.URL:
    try:
        url = httpx.URL(msgspec.convert(target.settings, _Hook).url)
    except (msgspec.ValidationError, httpx.InvalidURL) as fault:
        raise TheirFault(f"{target.name}: {fault}") from fault
    if url.scheme not in {"http", "https"} or not url.host:
        raise TheirFault(f"{target.name}: a webhook's url begins with https://")
    return url


WEBHOOK = Channel(HOOK, send)
