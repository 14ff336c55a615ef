"""Each channel against a real receiver: what arrives, what a repeat looks like, and what becomes of a refusal."""

from __future__ import annotations

import asyncio
import socket
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from carecordon.model.errors import TheirFault
from carecordon.notify.channel import Delivered, Gone, Later, Target
from carecordon.notify.channels import CHANNELS
from carecordon.notify.channels.smtp import SMTP, message
from carecordon.notify.channels.webhook import WEBHOOK
from tests.notify.certificates import server_context
from tests.notify.receiving import SECRET, hook_server, is_signed, mail_server
from tests.notify.telling import NOON, notice

PASSWORD, WRONG = "open sesame", "open poppy"


def mail(port: int, **settings: Any) -> Target:
    known = {"host": "127.0.0.1", "port": port, "sender": "hub@example.org", "to": "ann@example.org"}
    return Target("mail", "mail/ann", known | settings)


def hook(url: str, secret: str = SECRET) -> Target:
    return Target("webhook", "webhook/1", {"url": url}, secret)


def closed_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def test_a_channel_is_found_by_its_name() -> None:
    assert set(CHANNELS) == {"mail", "webhook"}


def test_a_mail_arrives_whole_and_a_repeat_bears_the_same_id() -> None:
    with mail_server() as box:
        target = mail(box.port)
        assert asyncio.run(SMTP.send(notice(), target, NOON)) == Delivered()
        assert asyncio.run(SMTP.send(notice(), target, NOON + 1)) == Delivered()
        assert asyncio.run(SMTP.send(notice("incident/other/high/1"), target, NOON)) == Delivered()
    (to, first), (_, again), (_, other) = box.mails
    assert to == ["ann@example.org"]
    assert first["Subject"] == notice().subject
    assert first.get_content().replace("\r\n", "\n") == notice().text
    assert first["Message-ID"] == again["Message-ID"] != other["Message-ID"]
    assert first["Auto-Submitted"] == "auto-generated"
    assert first["Date"] == "Fri, 27 Nov 2026 12:00:00 +0000"


@pytest.mark.parametrize("text", ["a\r\nBcc: eve@example.org", "a\nSubject: b", "a\u2028b", "a\x00b", "\r\n\r\nbody"])
def test_no_header_can_be_slipped_in(text: str) -> None:
    made = message(replace_subject(text), mail(25), NOON)
    assert made["Bcc"] is None
    assert b"\nBcc" not in made.as_bytes()
    assert len(made.get_all("Subject")) == 1  # type: ignore[arg-type]  # there is one
    with pytest.raises(TheirFault, match="no mail address"):
        message(notice(), mail(25, to=f"ann@example.org{text}"), NOON)


def replace_subject(text: str) -> Any:
    one = notice()
    return type(one)(one.key, one.kind, one.level, text, one.text, one.data, one.at)


@pytest.mark.parametrize("answer", ["451 not now", "550 not you"])
def test_a_mail_that_is_refused_is_tried_again(answer: str) -> None:
    with mail_server() as box:
        box.answers.append(answer)
        outcome = asyncio.run(SMTP.send(notice(), mail(box.port), NOON))
    assert isinstance(outcome, Later)
    assert answer[4:] in outcome.reason


def test_a_mail_server_that_is_away_is_tried_again() -> None:
    assert isinstance(asyncio.run(SMTP.send(notice(), mail(closed_port()), NOON)), Later)


def test_mail_goes_over_tls_with_a_password(tmp_path: Path) -> None:
    context, ca_file = server_context(tmp_path)
    with mail_server(tls=context) as box:
        target = mail(box.port, starttls=True, user="hub", ca_file=str(ca_file), host="localhost")
        assert asyncio.run(SMTP.send(notice(), replace(target, secret=PASSWORD + "\n"), NOON)) == Delivered()
        wrong = asyncio.run(SMTP.send(notice(), replace(target, secret=WRONG), NOON))
        unknown = replace(target, settings={**target.settings, "ca_file": None}, secret=PASSWORD)
        stranger = asyncio.run(SMTP.send(notice(), unknown, NOON))
    assert box.logins[0] == ("hub", PASSWORD)
    assert isinstance(wrong, Later)
    assert isinstance(stranger, Later), "a certificate that nobody vouches for"
    assert len(box.mails) == 1


def test_a_server_without_tls_gets_no_mail_where_tls_is_asked_for() -> None:
    with mail_server() as box:
        assert isinstance(asyncio.run(SMTP.send(notice(), mail(box.port, starttls=True), NOON)), Later)
    assert box.mails == []


def test_a_password_is_not_sent_in_the_clear() -> None:
    with pytest.raises(TheirFault, match="starttls"):
        asyncio.run(SMTP.send(notice(), mail(25, user="hub"), NOON))


def test_a_webhook_arrives_signed_and_a_repeat_bears_the_same_id() -> None:
    with hook_server() as hooks:
        assert asyncio.run(WEBHOOK.send(notice(), hook(hooks.url), NOON)) == Delivered()
        assert asyncio.run(WEBHOOK.send(notice(), hook(hooks.url), NOON + 10**10)) == Delivered()
    (headers, body), (again, _) = hooks.got
    assert is_signed(headers, body)
    assert headers["webhook-id"] == again["webhook-id"]
    assert headers["webhook-timestamp"] == str(NOON // 10**9)
    told = hooks.bodies()[0]
    assert (told["type"], told["timestamp"]) == ("incident.found", "2026-11-27T12:00:00.000000Z")
    assert told["data"]["id"] == notice().key


@pytest.mark.parametrize(
    ("status", "headers", "outcome"),
    [
        (200, {}, Delivered()),
        (410, {}, Gone("it answered 410: it wants no more notices")),
        (500, {}, Later("it answered 500")),
        (429, {"retry-after": "7"}, Later("it answered 429", 7.0)),
        (503, {"retry-after": "soon"}, Later("it answered 503")),
        (404, {}, Later("it answered 404")),
    ],
)
def test_what_becomes_of_an_answer(status: int, headers: dict[str, str], outcome: object) -> None:
    with hook_server() as hooks:
        hooks.answers.append((status, headers))
        assert asyncio.run(WEBHOOK.send(notice(), hook(hooks.url), NOON)) == outcome


def test_no_redirect_is_followed() -> None:
    with hook_server() as hooks:
        hooks.answers.append((307, {"location": hooks.url + "/elsewhere"}))
        assert asyncio.run(WEBHOOK.send(notice(), hook(hooks.url), NOON)) == Later("it answered 307")
    assert len(hooks.got) == 1


def test_a_receiver_that_is_away_is_tried_again() -> None:
    url = f"http://127.0.0.1:{closed_port()}/"
    assert isinstance(asyncio.run(WEBHOOK.send(notice(), hook(url), NOON)), Later)


@pytest.mark.parametrize("url", ["ftp://example.org/", "example.org", "http://", "file:///etc/passwd"])
def test_only_the_web_is_asked(url: str) -> None:
    with pytest.raises(TheirFault):
        asyncio.run(WEBHOOK.send(notice(), hook(url), NOON))


def test_a_target_does_not_show_its_secret() -> None:
    assert SECRET not in repr(hook("http://example.org/"))
