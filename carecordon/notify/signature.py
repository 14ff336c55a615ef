"""A webhook's signature, so that its receiver knows who sent it and that nobody changed or repeats it.

Source: Standard Webhooks specification 1.0.0 (standardwebhooks.com, read 2026-11), symmetric scheme.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac

from carecordon.model.errors import TheirFault

PREFIX = "whsec_"
_LEAST, _MOST = 24, 64
"""Bytes of a secret. Source: the specification."""


def secret_of(text: str) -> bytes:
    """Return the key in a `whsec_<base64>` secret. Raises TheirFault where it is none; the text is not repeated."""
    text = text.strip()
    try:
        key = base64.b64decode(text.removeprefix(PREFIX), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if not text.startswith(PREFIX) or not _LEAST <= len(key) <= _MOST:
        raise TheirFault(
            f"a webhook's secret is `{PREFIX}` and the base64 of {_LEAST} to {_MOST} bytes; this one is not"
        )
    return key


def signature(key: bytes, message_id: str, timestamp_s: int, body: bytes) -> str:
    """Return the value of `webhook-signature`."""
    signed = b".".join((message_id.encode(), str(timestamp_s).encode(), body))
    return "v1," + base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode()
