"""The API is called by its own names, and by no page's that was made to mean this machine."""

from __future__ import annotations

import pytest

from carecordon.console.hosts import is_ours, names_of
from carecordon.hub.config import Listen
from tests.console.living import Living

NAMES = names_of(Listen(api_names=("hub.example.org",)))


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "127.0.0.1:8480", "[::1]:8480", "192.0.2.7", "localhost:1", "HUB.example.org.", "hub.example.org"],
)
def test_its_own_names_and_addresses(host: str) -> None:
    assert is_ours([(b"host", host.encode())], NAMES)
    assert is_ours([], NAMES)


@pytest.mark.parametrize("host", ["evil.example.com", "127.0.0.1.example.com", "example.org", "", "[hub.example.com]"])
def test_no_other(host: str) -> None:
    assert not is_ours([(b"host", host.encode())], NAMES)


def test_a_call_by_another_name_is_refused_even_with_a_token(hub: Living) -> None:
    with hub.client() as client:
        assert client.get("/devices").status_code == 200
        assert client.get("/devices", headers={"Host": "evil.example.com"}).status_code == 421
    with hub.local() as client:
        assert client.get("/devices", headers={"Host": "anything"}).status_code == 200
