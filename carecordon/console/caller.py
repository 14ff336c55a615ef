"""Who calls, and what they may: by a token over the network, by the operating system's word on the hub's own socket."""

from __future__ import annotations

import os
import pwd
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from carecordon.hub.naming import LOCAL
from carecordon.hub.trust.access import AccessRefusal, bearer_of
from carecordon.model.person import Bearer, Role
from carecordon.register.register import People

LOCAL_UID = "carecordon.uid"
"""The key in a request's scope of the local user's number; only console/control.py sets it, for its own socket."""
CALLER = "caller"
TOKEN_CHARS = 200


@dataclass(frozen=True, slots=True)
class Unknown:
    """Nobody whom the hub knows; `why` is for the log."""

    why: str


def caller_of(scope: Mapping[str, Any], people: People, now: int) -> Bearer | Unknown:
    """Return who speaks. Reads the register: not to be called in the event loop."""
    uid = scope.get(LOCAL_UID)
    if uid is not None:
        return _local(uid)
    shown = [value for name, value in scope.get("headers", ()) if name == b"authorization"]
    if len(shown) != 1 or len(shown[0]) > TOKEN_CHARS:
        return Unknown("no token was shown" if not shown else "not one token was shown")
    way, _, token = shown[0].decode("latin-1").partition(" ")
    if way.lower() != "bearer":
        return Unknown("no bearer token was shown")
    found = bearer_of(token.strip(), people, now)
    return Unknown(str(found)) if isinstance(found, AccessRefusal) else found


def _local(uid: int) -> Bearer | Unknown:
    """Return the local user. The socket is 0600: who can open it is the hub's own user, or root."""
    if uid not in {0, os.geteuid()}:
        return Unknown(f"the local user {uid} is not the hub's")
    return Bearer(LOCAL + local_name(uid), Role.ADMIN)


def local_name(uid: int) -> str:
    """Return a local user's name, or the number of one that has none."""
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)
