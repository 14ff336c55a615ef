"""`carecordon`: the command and its parts."""

from __future__ import annotations

import sys

import typer

import carecordon
from carecordon.cli import bench, rules, scan

app = typer.Typer(
    name="carecordon",
    help="Find an attack on any device of a health service.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("scan")(scan.scan)
app.add_typer(rules.app, name="rules")
app.add_typer(bench.app, name="bench")


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


def main() -> None:
    """Run the command line."""
    try:
        app()
    except BrokenPipeError:  # the reader went away, e.g. `| head`
        sys.stderr.close()
        raise SystemExit(141) from None


if __name__ == "__main__":
    main()
