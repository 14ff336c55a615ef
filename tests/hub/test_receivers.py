"""Where notices go: over a network only encrypted."""

from __future__ import annotations

from pathlib import Path

import pytest

from carecordon.hub.carry.receivers import targets
from carecordon.hub.config import Mail, Notify, Webhook
from carecordon.model.errors import TheirFault


def of(url: str, folder: Path) -> Notify:
    (folder / "hook.secret").write_text("whsec_AAAA", "utf-8")
    return Notify(webhook=(Webhook(url, "hook.secret"),))


@pytest.mark.parametrize("url", ["https://example.org/hook", "http://127.0.0.1:9/hook", "http://[::1]:9/hook"])
def test_a_webhook_is_https_or_stays_on_this_machine(url: str, tmp_path: Path) -> None:
    assert len(targets(of(url, tmp_path), tmp_path)) == 1


@pytest.mark.parametrize(
    "url",
    ["http://example.org/s3cret", "http://192.0.2.7/s3cret", "ftp://127.0.0.1/s3cret", "http://[/s3cret", "s3cret"],
)
def test_another_is_refused_and_not_told(url: str, tmp_path: Path) -> None:
    with pytest.raises(TheirFault, match="https") as fault:
        targets(of(url, tmp_path), tmp_path)
    assert "s3cret" not in str(fault.value)


def test_mail_is_encrypted_unless_the_settings_say_otherwise() -> None:
    assert Mail("mail.example.org", "hub@example.org", ("ann@example.org",)).starttls
