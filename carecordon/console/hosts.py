"""By which names the API may be called: a page whose name was made to mean this machine is no caller of it.

A browser sends the name that its user went to. An address is always taken: nobody can make one mean another machine.
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Iterable

from carecordon.hub.config import Listen

LOCALHOST = "localhost"


def names_of(listen: Listen) -> frozenset[str]:
    """Return the names of the API: this machine's, and those of the settings. May ask the network's name servers."""
    names = (LOCALHOST, listen.api_host, socket.gethostname(), socket.getfqdn(), *listen.api_names)
    return frozenset(name.casefold().rstrip(".") for name in names)


def is_ours(headers: Iterable[tuple[bytes, bytes]], names: frozenset[str]) -> bool:
    """Return whether a call is meant for one of these names, or for an address, or says nothing of it."""
    return all(_is_ours(value.decode("latin-1"), names) for name, value in headers if name == b"host")


def _is_ours(host: str, names: frozenset[str]) -> bool:
    name = host[1:].partition("]")[0] if host.startswith("[") else host.partition(":")[0]
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return name.casefold().rstrip(".") in names
    return True
