"""A backup holds what people put into a hub's folders by hand, and says what they keep elsewhere."""

from __future__ import annotations

from pathlib import Path

import pytest

from carecordon.hub.backup.by_hand import elsewhere
from carecordon.hub.backup.restore import restore
from carecordon.hub.config import Paths, read_settings
from carecordon.model.errors import TheirFault
from tests.hub.hub_kit import HOUR, NOW, ODS, PASSPHRASE, back_up, found_hub

IMPACT = "device,class,impact\nward-1.example.org,monitor,S3\n"


@pytest.fixture
def paths(tmp_path: Path) -> Paths:
    made = Paths(tmp_path / "data", tmp_path / "keys")
    found_hub(made)
    return made


def come_back(paths: Paths, folder: Path) -> Paths:
    back_up(paths, folder / "hub.backup", NOW)
    new = Paths(folder / "new" / "data", folder / "new" / "keys")
    restore(folder / "hub.backup", new.data, new.keys, PASSPHRASE, NOW + HOUR)
    return new


def test_the_list_of_what_devices_are_for_comes_back(paths: Paths, tmp_path: Path) -> None:
    paths.devices.write_text(IMPACT, "utf-8")
    assert come_back(paths, tmp_path).devices.read_text("utf-8") == IMPACT


def test_a_hub_without_such_a_list_comes_back_without(paths: Paths, tmp_path: Path) -> None:
    assert not come_back(paths, tmp_path).devices.exists()


def test_rules_and_secrets_that_links_lead_to_come_back_as_files(paths: Paths, tmp_path: Path) -> None:
    (tmp_path / "theirs.yml").write_text("title: theirs\n", "utf-8")
    (paths.rules / "linked.yml").symlink_to(tmp_path / "theirs.yml")
    (paths.rules / "nowhere.yml").symlink_to(tmp_path / "gone.yml")
    (tmp_path / "archived.pem").write_text("invented", "utf-8")
    (paths.keys / "api.pem").symlink_to(tmp_path / "archived.pem")
    new = come_back(paths, tmp_path)
    assert sorted(one.name for one in new.rules.iterdir()) == ["linked.yml", "own.yml"]
    for copy, text in ((new.rules / "linked.yml", "title: theirs\n"), (new.keys / "api.pem", "invented")):
        assert not copy.is_symlink()
        assert copy.read_text("utf-8") == text


def test_what_the_settings_name_is_in_it_or_said_to_lie_elsewhere(paths: Paths, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    paths.settings.write_text(
        f"""\
ods = "{ODS}"
name = "Example Trust"
rules = ["sigma", "packs/strict.zip", "{outside}/rules", "../outside/more", "stream", "rules/mine", "."]
[limits]
reserve_bytes = 1000
[listen]
api_certificate = "{paths.data}/api.crt"
api_key = "{outside}/api.key"
[[notify.mail]]
host = "mail.example.org"
sender = "hub@example.org"
to = ["on-call@example.org"]
password_file = "notify/mail.password"
[[notify.webhook]]
url = "https://example.org/hook"
secret_file = "{outside}/hook.secret"
""",
        "utf-8",
    )
    held = ("sigma/deep/a.yml", "packs/strict.zip", "rules/mine/b.yml", "api.crt")
    for name in held:
        (paths.data / name).parent.mkdir(parents=True, exist_ok=True)
        (paths.data / name).write_text(f"this is {name}", "utf-8")
    new = come_back(paths, tmp_path)
    for name in held:
        assert (new.data / name).read_text("utf-8") == f"this is {name}"
    assert elsewhere(paths, read_settings(paths.settings)) == [
        f"{outside}/rules (rules)",
        f"{outside}/more (rules)",
        f"{paths.data}/stream (rules)",
        f"{paths.data} (rules)",
        f"{outside}/api.key (api_key)",
        f"{outside}/hook.secret (secret_file)",
    ]


@pytest.mark.parametrize("name", ["a\\b.yml", "a\u202eb.yml", "a\nb.yml"])
def test_a_name_that_would_not_come_back_is_told_when_the_backup_is_taken(
    paths: Paths, tmp_path: Path, name: str
) -> None:
    (paths.rules / name).write_text("title: own\n", "utf-8")
    with pytest.raises(TheirFault, match="rename it"):
        back_up(paths, tmp_path / "hub.backup", NOW)
    assert not (tmp_path / "hub.backup").exists()
