"""Who may do what: every endpoint of the API's own document, held against nobody, each role and unknown names."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from carecordon.console.app import bound
from carecordon.console.guard import BODY_BYTES
from carecordon.hub.config import Listen
from carecordon.model.errors import TheirFault
from carecordon.model.person import Role
from tests.console.living import DEVICE, EPOCH, NAME, SHELL, Living, user
from tests.notify.certificates import server_context

UNKNOWN = {"name": "0badc0de0badc0de", "alert": "0" * 32, "device": "ee" * 16, "token": "dd" * 8, "number": "987654"}
UNKNOWN |= {"person": "nobody", "sender": "ee" * 16, "epoch": "1", "sequence": "1"}
KNOWN = {"name": "1", "device": DEVICE, "number": "1", "sender": DEVICE, "epoch": str(EPOCH), "sequence": "1"}
QUERIES: dict[str, dict[str, Any]] = {
    "/events": {"device": NAME},
    "/search": {"text": "shadows"},
    "/counts": {"by": "Image"},
    "/prevalence": {"field": "Image", "value": "x"},
    "/tree": {"device": NAME, "process": SHELL},
}
BODIES: dict[str, dict[str, Any]] = {
    "/ask": {"sql": "SELECT FileName FROM DeviceProcessEvents"},
    "/enrol-tokens": {},
    "/people": {"name": "Ann"},
    "/people/{person}/tokens": {},
    "/devices/confirm": {"devices": []},
    "/notices/again": {"notices": []},
    "/devices/{device}/revoke": {"why": "a made-up reason"},
    "/backup": {"target": "/nowhere/at/all", "passphrase": "correct horse battery staple"},
}
STREAMS = {"/watch"}


def operations(hub: Living) -> Iterator[tuple[str, str, Role]]:
    """Yield method, path below the root and the role that it takes, from the document itself."""
    with hub.client() as client:
        document = client.get("/openapi.json").json()
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield method.upper(), path.removeprefix("/api/v1"), Role(operation["x-role"])


def call(client: httpx.Client, method: str, path: str, names: dict[str, str]) -> httpx.Response:
    """Call an operation of the document, its names filled in, with a body and a query that fit."""
    body = BODIES.get(path, {}) if method == "POST" else None
    target = path.format_map(names)
    return client.request(method, target, params=QUERIES.get(path), json=body)


def test_the_document_names_every_promised_endpoint(hub: Living) -> None:
    paths = {path for _, path, _ in operations(hub)}
    assert paths >= {
        "/incidents", "/incidents/{name}", "/alerts", "/devices", "/devices/{device}", "/ask", "/events", "/search",
        "/counts", "/prevalence", "/tree", "/status", "/audit", "/enrol-tokens", "/enrol-tokens/{token}/revoke",
        "/devices/{device}/revoke", "/dead-letters", "/dead-letters/{number}/replay", "/backup", "/watch",
    }  # fmt: skip


def test_nobody_gets_in_without_a_token_and_nothing_is_told(hub: Living) -> None:
    shown = ["", "Bearer", "Bearer x", "Basic QW5uOng=", f"Bearer carecordon_{'0' * 16}_{'0' * 64}"]
    right = hub.tokens[Role.ADMIN]
    shown.append(f"Bearer {right[:-1]}{'1' if right.endswith('0') else '0'}")
    shown.append("Bearer " + "x" * 10_000)
    for method, path, _ in [*operations(hub), ("GET", "/openapi.json", Role.READER), ("GET", "/nowhere", Role.READER)]:
        for text in shown if path == "/incidents" else shown[:1]:
            headers = {"authorization": text} if text else {}
            with httpx.Client(base_url=f"{hub.base}/api/v1", headers=headers, trust_env=False) as client:
                answer = call(client, method, path, UNKNOWN)
            assert answer.status_code == 401, (method, path, text[:20])
            assert set(answer.json()) == {"detail"}
            assert answer.headers["www-authenticate"] == "Bearer"


def test_two_tokens_at_once_are_no_token(hub: Living) -> None:
    headers = [("authorization", f"Bearer {hub.tokens[Role.ADMIN]}")] * 2
    assert httpx.get(f"{hub.base}/api/v1/incidents", headers=headers, trust_env=False).status_code == 401


@pytest.mark.parametrize("role", [Role.READER, Role.ANALYST])
def test_no_role_may_more_than_the_document_says(hub: Living, role: Role) -> None:
    with hub.client(role) as client:
        for method, path, needed in operations(hub):
            if not role.may(needed):
                answer = call(client, method, path, KNOWN | {"token": "dd" * 8, "person": "Ann"})
                assert answer.status_code == 403, (role, method, path, answer.text)


def test_a_reader_may_what_the_document_says(hub: Living) -> None:
    with hub.client(Role.READER) as client:
        for method, path, needed in operations(hub):
            if Role.READER.may(needed) and path not in STREAMS:
                answer = call(client, method, path, UNKNOWN)
                assert answer.status_code in {200, 404}, (method, path, answer.text)


def test_what_nobody_knows_is_not_found(hub: Living) -> None:
    """Names of another organisation are unknown here, and told apart from nothing."""
    with hub.client() as client:
        for method, path, _ in operations(hub):
            if "{" in path:
                answer = call(client, method, path, UNKNOWN)
                assert answer.status_code == 404, (method, path, answer.text)


def test_ids_of_another_organisation_are_not_found_wherever_they_stand(hub: Living) -> None:
    """In the path (above), the query and the body; a machine's name is none of them: it is asked for in events."""
    other = "ee" * 16
    with hub.client() as client:
        before = hub.register.devices.count()
        for answer in (
            client.get("/alerts", params={"incident": 987_654}),
            client.post("/devices/confirm", json={"devices": [other]}),
            client.post("/devices/confirm", json={"devices": [DEVICE, other]}),
            client.post("/notices/again", json={"notices": [1, 987_654]}),
        ):
            assert answer.status_code == 404, answer.text
            assert answer.json()["detail"].startswith("no such ")
        assert "no such notice: 987654" in answer.json()["detail"]
        assert client.get(f"/devices/{other}").json() == {"detail": f"no such device: {other}"}
        assert hub.register.devices.count() == before
        free = client.post("/devices/confirm", json={"devices": [DEVICE]})
        assert (free.status_code, free.json()) == (200, {"confirmed": 0, "not_held": [DEVICE]})


def test_what_is_known_is_found(hub: Living) -> None:
    with hub.client() as client:
        for method, path, _ in operations(hub):
            if method == "GET" and path not in STREAMS and "{alert}" not in path:
                answer = call(client, method, path, KNOWN)
                assert answer.status_code == 200, (method, path, answer.text)


def test_hostile_names_are_not_found_and_break_nothing(hub: Living) -> None:
    with hub.client() as client:
        for name in ("..%2f..%2fetc%2fpasswd", "%00", "' OR 1=1 --", "9" * 400, "\u202e", "a" * 8_000):
            for path in ("/incidents/", "/devices/", "/alerts/", "/events/x/1/"):
                answer = client.get(path + name)
                assert answer.status_code in {404, 422}, (path, name[:20], answer.text[:200])


def test_every_call_is_in_the_audit_log_under_its_name_before_it_is_done(hub: Living) -> None:
    with hub.client(Role.READER) as client:
        client.post("/ask", json={"sql": "SELECT nothing FROM nowhere"})
        client.post("/devices/" + DEVICE + "/revoke", json={"why": "not allowed to"})
    refused, asked = hub.audited(2)
    assert asked[:3] == ("Cem", "ask", "/api/v1/ask"), "though it was answered with a refusal"
    assert "SELECT nothing FROM nowhere" in asked[3]
    assert refused[:3] == ("Cem", "refused", f"/api/v1/devices/{DEVICE}/revoke")
    with hub.client() as client:
        newest = client.get("/audit", params={"limit": 1}).json()["rows"][0]
    assert (newest["who"], newest["subject"]) == ("Ann", "/api/v1/audit"), "this question itself"


def test_a_secret_is_not_in_the_audit_log(hub: Living) -> None:
    with hub.local() as client:
        client.post("/backup", json={"target": "relative", "passphrase": "correct horse battery staple"})
    who, verb, _, detail = hub.audited(1)[0]
    assert (who, verb) == (user(), "backup")
    assert "horse" not in detail
    assert '"target":"relative"' in detail, "where to is no secret"
    assert "horse" not in (hub.paths.data / "api.log").read_text()


def test_the_local_user_needs_no_token_and_is_named(hub: Living) -> None:
    assert hub.paths.control.stat().st_mode & 0o777 == 0o600
    with hub.local() as client:
        assert client.get("/devices").status_code == 200
    assert hub.audited(1)[0][:2] == (user(), "read")


def test_nobody_on_the_network_becomes_the_local_user(hub: Living) -> None:
    headers = {"carecordon.uid": "0", "x-forwarded-for": "unix:", "host": "hub"}
    for path in ("/api/v1/status", "//api/v1/status", "/api/v1/../v1/status"):
        assert httpx.get(hub.base + path, headers=headers, trust_env=False).status_code in {401, 404, 421}


def test_a_call_that_is_too_large_is_refused(hub: Living) -> None:
    with hub.client() as client:
        said = client.post("/ask", content=b"x" * (BODY_BYTES + 1))
        unsaid = client.post("/ask", content=iter([b"x" * 65_536] * 8))
    assert said.status_code == 413
    assert unsaid.status_code == 413


def test_nothing_of_an_answer_may_be_kept_framed_or_run(hub: Living) -> None:
    with hub.client() as client:
        for path in ("/incidents", "/nowhere"):
            headers = client.get(path).headers
            assert headers["x-content-type-options"] == "nosniff"
            assert "default-src 'none'" in headers["content-security-policy"]
            assert headers["cache-control"] == "no-store"
            assert "access-control-allow-origin" not in headers
            assert "server" not in headers
        asked = client.options("/incidents", headers={"origin": "https://example.org"})
        assert "access-control-allow-origin" not in asked.headers


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "localhost", "hub.example.org", ""])  # noqa: S104  # these are to be refused
def test_without_tls_it_listens_on_this_machine_alone(host: str) -> None:
    with pytest.raises(TheirFault, match="api_certificate"):
        bound(Listen(api_host=host, api=0))


def test_with_tls_it_listens_anywhere(tmp_path: Path) -> None:
    server_context(tmp_path)
    certificate, key = str(tmp_path / "server.pem"), str(tmp_path / "server.key")
    anywhere = Listen(api_host="0.0.0.0", api=0, api_certificate=certificate, api_key=key)  # noqa: S104  # over TLS it may
    listening, context = bound(anywhere)
    with listening:
        assert listening.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
    assert isinstance(context, ssl.SSLContext)
    with pytest.raises(TheirFault, match="cannot be used"):
        bound(Listen(api=0, api_certificate=certificate, api_key=str(tmp_path / "nothing")))


def test_a_port_that_is_taken_is_told() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(TheirFault, match="cannot listen"):
        bound(Listen(api=taken.getsockname()[1]))
