"""`carecordon`: the command and its parts."""

from __future__ import annotations

import importlib
import os
import sys
import traceback
from collections.abc import Callable
from typing import Any, NoReturn

import typer
from typer.core import TyperGroup
from typer.exceptions import TyperException

import carecordon
from carecordon.cli.options import UNREAD, USAGE, fail, say
from carecordon.cli.standard_output import OutputLost, losses_told
from carecordon.hub.collector import at_rest

READER_GONE = 141
"""What a shell makes of a program that wrote into a closed pipe: 128 + SIGPIPE."""
DEFECT = 70
"""Source: BSD sysexits.h, EX_SOFTWARE."""


LATE = {
    "scan": ("carecordon.cli.scan", "scan"),
    "rules": ("carecordon.cli.rules", "app"),
    "bench": ("carecordon.cli.bench", "app"),
    "exercise": ("carecordon.cli.exercise", "app"),
    "up": ("carecordon.cli.up", "up"),
    "hub": ("carecordon.cli.hub", "app"),
    "send": ("carecordon.cli.send", "send"),
    "demo": ("carecordon.cli.demo", "demo"),
}
"""Commands; their code is loaded when they are called: a scan need not wait for a hub's libraries, nor have them."""
OF_HUB = frozenset({"up", "hub", "send", "demo"})
"""Those that need more than a scan does."""
HUB_EXTRA = "this command needs more than a scan does: install carecordon[hub] (without it: %s)"


class _Quiet(TyperGroup):
    """The commands; where the reader of standard output goes away, as `| head` does, they end without a word."""

    def list_commands(self, ctx: Any) -> list[str]:
        """Return the names of all commands."""
        return [*super().list_commands(ctx), *LATE]

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """Return a command; one that is loaded late says what it lacks when it is called."""
        if cmd_name not in LATE:
            return super().get_command(ctx, cmd_name)
        module, name = LATE[cmd_name]
        try:
            with at_rest():
                late = getattr(importlib.import_module(module), name)
        except ImportError as fault:
            if cmd_name not in OF_HUB:
                raise
            late = _lacking(str(fault))
        found = typer.main.get_command(late if isinstance(late, typer.Typer) else _alone(late))
        found.name = cmd_name
        return found

    def invoke(self, ctx: Any) -> Any:
        """Run the command that is called."""
        try:
            try:
                return super().invoke(ctx)
            finally:
                sys.stdout.flush()
        except BrokenPipeError:
            os.dup2(
                os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno()
            )  # else Python itself would flush, and complain
            raise typer.Exit(READER_GONE) from None


def _alone(command: Callable[..., None]) -> typer.Typer:
    """Return a command that has no others beside it."""
    alone = typer.Typer(add_completion=False)
    alone.command()(command)
    return alone


def _lacking(reason: str) -> typer.Typer:
    """Return a command that says what is missing, whatever it is called with."""
    lacking = typer.Typer(add_completion=False)

    @lacking.command(context_settings={"ignore_unknown_options": True, "allow_extra_args": True})
    def tell() -> None:
        """Not installed: it comes with carecordon[hub]."""
        fail(HUB_EXTRA % reason)

    return lacking


app = typer.Typer(
    name="carecordon",
    cls=_Quiet,
    help="Find an attack on any device of a health service.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(*, wanted: bool) -> None:
    if wanted:
        typer.echo(f"carecordon {carecordon.__version__}")
        raise typer.Exit


@app.callback()
def options(
    *,
    version: bool = typer.Option(
        False, "--version", callback=lambda value: _version(wanted=value), is_eager=True, help="Show the version."
    ),
) -> None:
    """Find an attack on any device of a health service."""


def main() -> NoReturn:
    """Run the command line and end with its status; what is wrong with the call is told in one line."""
    try:
        with losses_told():
            status = app(prog_name="carecordon", standalone_mode=False)
    except OutputLost as fault:
        say(f"standard output cannot be written: {fault.strerror}; what is in it is not all")
        status = UNREAD
    except TyperException as error:
        _tell(error)
        status = USAGE
    except Exception:  # noqa: BLE001  # the edge of the process: 1 would mean that something was found
        traceback.print_exc()
        say("this is a defect of ours, not of your input; please report the lines above")
        status = DEFECT
    sys.exit(status or 0)


def _tell(error: TyperException) -> None:
    """Say what is wrong; a group of commands named alone has already shown its help."""
    message = " ".join(error.format_message().replace("Value error, ", "").split()).rstrip(".")
    context = getattr(error, "ctx", None)
    if message:
        say(f"{message} (see {context.command_path} --help)" if context else message)


if __name__ == "__main__":
    main()
