"""The help of every command says all of what it was given to say."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import typer

from carecordon.cli.main import app
from tests.cli.calling import Call


def commands(group: Any, above: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Yield each command with its name, those of groups too."""
    context = typer.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        if hasattr(command, "list_commands"):
            yield from commands(command, (*above, name))
        else:
            yield (*above, name), command


COMMANDS = dict(commands(typer.main.get_command(app)))


@pytest.mark.parametrize("name", COMMANDS, ids=" ".join)
def test_no_word_of_the_help_is_lost(name: tuple[str, ...], call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    """Square brackets would be taken for markup, and vanish."""
    monkeypatch.setenv("COLUMNS", "400")
    shown = " ".join(call(*name, "--help").text.split())
    for option in COMMANDS[name].params:
        told = " ".join((getattr(option, "help", None) or "").split())
        assert told in shown, f"{option.name}: {told}"


def test_all_commands_are_looked_at() -> None:
    assert {("scan",), ("rules", "check"), ("hub", "events"), ("bench", "scan"), ("up",)} <= set(COMMANDS)
