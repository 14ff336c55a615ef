"""A hub made anew, brought back from a backup, or read through: what needs the hub's engines, but no running hub."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

import typer

from carecordon.cli.options import USAGE, fail, say
from carecordon.cli.places import data_option, options, owner_of
from carecordon.console.caller import local_name
from carecordon.hub.backup.by_hand import named
from carecordon.hub.backup.check import audited
from carecordon.hub.backup.check import check as check_hub
from carecordon.hub.backup.restore import restore as bring_back
from carecordon.hub.config import Paths, read_settings
from carecordon.hub.founding import Wishes, found
from carecordon.hub.naming import LOCAL
from carecordon.model.errors import TheirFault
from carecordon.report.layout import number
from carecordon.report.visible import visible

PASSPHRASE = "CARECORDON_PASSPHRASE"  # noqa: S105  # the name of a variable, no secret
WRONG = 3
"""Exit status: something is not as it was written."""


def init(paths: Paths, ods: str, name: str, admin: str) -> None:
    """Make a hub and say what to do next; its first administrator's token is shown this once."""
    try:
        made = found(paths, Wishes(ods, name, admin), time.time_ns())
    except (TheirFault, OSError) as fault:
        fail(str(fault))
    typer.echo(f"A hub is made in {paths.data}; its keys lie in {paths.keys}.")
    typer.echo("Keep a copy of the keys elsewhere, away from the data.")
    typer.echo("")
    typer.echo("Your token for the API, shown this once; keep it like a password:")
    typer.echo(f"  {made.token}")
    typer.echo("")
    typer.echo("What to do next:")
    typer.echo(f"  1. start the hub:                    carecordon up{options(paths)}")
    typer.echo(f"  2. make a token for `carecordon send`: carecordon hub enrol-token --forwarder{data_option(paths)}")
    typer.echo(f"  3. say in {paths.settings} who is told of incidents ([notify]), and start the hub again")


def restore(paths: Paths, archive: Path) -> None:
    """Bring a hub back into an empty folder, and say what did not come back."""
    if not archive.is_file():
        fail(f"{archive}: there is no backup here")
    try:
        came = bring_back(archive, paths.data, paths.keys, passphrase(is_new=False), time.time_ns())
    except (TheirFault, OSError) as fault:
        fail(str(fault))
    typer.echo(f"The hub of {came.manifest.ods} is back in {paths.data}, its keys in {paths.keys}.")
    if came.token is not None:  # before all else that may fail: it is the only one there is
        typer.echo(f"All tokens are revoked. A new one of {came.person}, shown this once; keep it like a password:")
        typer.echo(f"  {came.token}")
    if not came.manifest.has_telemetry:
        typer.echo("The backup holds no events: incidents are there, what else the devices did is not.")
    _tell_lacking(paths)
    if came.revoked:
        typer.echo(f"Revoked again, by the journal of revocations: {len(came.revoked):,}.")
    if came.held:
        held = number(came.held, "device is", "devices are")
        typer.echo(
            f"{held} held until you let them in again, for what was revoked since is not known; once the hub runs:"
        )
        typer.echo(f"  carecordon hub confirm --all{data_option(paths)} (or their ids, from carecordon hub devices)")
    typer.echo("")
    typer.echo(f"Start it with: carecordon up{options(paths)}")


def _tell_lacking(paths: Paths) -> None:
    """Say what the settings name that is not there, or that they cannot be read: the hub is back all the same."""
    try:
        lacking = [
            f"{path} ({what})" for what, path in named(paths, read_settings(paths.settings)) if not _is_seen(path)
        ]
    except (TheirFault, OSError) as fault:
        typer.echo(f"Its settings cannot be read; mend them before you start it: {visible(str(fault))}")
        return
    if lacking:
        typer.echo(
            f"{paths.settings} names what is not here, or not to be seen by you; put it there again, or look: "
            f"{visible(', '.join(lacking))}"
        )


def _is_seen(path: Path) -> bool:
    try:
        return path.exists()
    except OSError:  # it lies where this user may not look
        return False


def check(paths: Paths) -> None:
    """Read all that a hub keeps; exit status 3 where something was lost or altered."""
    try:
        is_there = paths.settings.exists()
    except OSError as fault:
        fail(f"{paths.data}: {fault.strerror}: check it as the user that runs the hub ({owner_of(paths)}), or as root")
    if not is_there:
        fail(f"{paths.data}: there is no hub here; make one with `carecordon hub init`, or name its folder with --data")
    findings = check_hub(paths, time.time_ns())
    unnoted = audited(paths, findings, LOCAL + local_name(os.geteuid()), time.time_ns())
    for one in findings:
        typer.echo(f"{'WRONG' if one.is_grave else 'note '}  {one.where}: {one.what}")
    if not findings:
        typer.echo("All is as it was written: register, audit log, streams and keys.")
    if unnoted:
        say(f"this check is not in the audit log: {unnoted}")
    raise typer.Exit(WRONG if any(one.is_grave for one in findings) else 0)


def passphrase(*, is_new: bool) -> str:
    """Return the passphrase of a backup, from the environment or asked for at the terminal."""
    given = os.environ.get(PASSPHRASE)
    if given is not None:
        return given
    if not _has_terminal():
        found = sys.stdin.readline().rstrip("\n")
        if not found:
            fail(f"a passphrase is needed: set {PASSPHRASE}, or give it on standard input")
        return found
    try:
        found = typer.prompt("The backup's passphrase", hide_input=True, confirmation_prompt=is_new, err=True)
    except typer.Abort:
        say(f"no passphrase was given; without a terminal, set {PASSPHRASE}")
        raise typer.Exit(USAGE) from None
    return str(found)


def _has_terminal() -> bool:
    """Return whether somebody can be asked for what must not be seen: at the terminal, wherever standard input is."""
    try:
        os.close(os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY))
    except OSError:
        return sys.stdin.isatty()
    return True
