"""A call that does not fit is told where, what and what would be taken, in the shape of all other refusals."""

from __future__ import annotations

from typing import Any

import pytest

from carecordon.console.unfit import NAME_CHARS
from tests.console.living import DEVICE, NAME, Living

SECRET = "correct horse battery staple " * 50
JSON = {"content-type": "application/json"}
CALLS: list[tuple[str, str, dict[str, Any], list[str]]] = [
    ("GET", "/incidents", {"params": {"limit": 0}}, ["query `limit`: give 1 or more"]),
    ("GET", "/incidents", {"params": {"level": "dreadful"}}, ["query `level`: give one of ", "'critical'"]),
    ("GET", "/incidents", {"params": {"since": "x"}}, ["query `since`: give a whole number"]),
    ("GET", "/events", {}, ["query `device`: it is missing"]),
    ("GET", "/events", {"params": {"device": NAME, "after": "x"}}, ["query `after`: it has another form than"]),
    ("GET", "/counts", {"params": {"by": ["a"] * 6}}, ["query `by`: give at most 5 of them"]),
    ("GET", f"/events/{DEVICE}/x/1", {}, ["path `epoch`: give a whole number"]),
    ("POST", "/ask", {}, ["body: it is missing"]),
    ("POST", "/ask", {"content": b"{broken", "headers": JSON}, ["body: it is no JSON, from character 1 on"]),
    ("POST", "/ask", {"content": b"sql=x"}, ["body: give an object of JSON", "application/json"]),
    ("POST", "/ask", {"json": {"sql": "", "more": 1}}, ["body `sql`: give at least 1 ", "body `more`: nothing has"]),
    ("POST", "/ask", {"json": {"sql": "x", "y" * 99: 1}}, [f"body `{'y' * NAME_CHARS}`: "]),
    ("POST", "/ask", {"json": {"sql": "x"} | {str(n): n for n in range(9)}}, ["; 4 more faults; "]),
    ("POST", "/devices/confirm", {"json": {"devices": ["x", 1]}}, ["body `devices[1]`: give a text"]),
    ("POST", "/enrol-tokens", {"json": {"hours": "inf"}}, ["body `hours`: "]),
    ("POST", "/backup", {"json": {"target": "/x", "passphrase": SECRET}}, ["body `passphrase`: give at most 1000 "]),
]


@pytest.mark.parametrize(("method", "path", "more", "parts"), CALLS)
def test_what_does_not_fit_is_said_in_words(
    hub: Living, method: str, path: str, more: dict[str, Any], parts: list[str]
) -> None:
    with hub.client() as client:
        answer = client.request(method, path, **more)
    assert answer.status_code == 422, answer.text
    told = answer.json()
    assert set(told) == {"detail"}
    for part in parts:
        assert part in told["detail"], told
    assert told["detail"].endswith("openapi.json")
    assert "horse" not in answer.text, "what was sent is not told again"


def test_a_path_or_a_method_that_is_none_is_said_in_words(hub: Living) -> None:
    with hub.client() as client:
        nowhere, other = client.get("/nowhere"), client.put("/incidents")
        unread = client.post("/ask", content=b"\xff", headers=JSON)
        document = client.get("/openapi.json").json()
    assert (nowhere.status_code, "openapi.json" in nowhere.json()["detail"]) == (404, True)
    assert (other.status_code, "another method" in other.json()["detail"]) == (405, True)
    assert (unread.status_code, unread.json()) == (400, {"detail": "body: it is no JSON in UTF-8"})
    shapes = {
        operation["responses"]["422"]["content"]["application/json"]["schema"]["properties"]["detail"]["type"]
        for methods in document["paths"].values()
        for operation in methods.values()
    }
    assert shapes == {"string"}
