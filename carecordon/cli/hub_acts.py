"""What an administrator does at a hub: who and what may come in, and who may no longer."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path
from typing import Annotated

import typer

from carecordon.cli.hub_line import Line, segment
from carecordon.cli.hub_lists import AsJson, device_of, form_of, is_device, list_rows, paths_of, write_out
from carecordon.cli.hub_shown import moment
from carecordon.cli.options import USAGE, fail, say
from carecordon.cli.places import DATA, data_option
from carecordon.model.device import DeviceKind
from carecordon.model.person import Role
from carecordon.report.layout import number
from carecordon.report.visible import visible

TOKENS = (
    ("id", "Id"),
    ("label", "Label"),
    ("kind", "For"),
    ("uses_left", "Left"),
    ("expires", "Until"),
    ("revoked", "Revoked"),
)
TOKEN_ID = re.compile(r"[0-9a-f]{16}", re.ASCII)
"""What the ids of tokens of both kinds look like (hub/trust/access.py)."""
PEOPLE = (("name", "Name"), ("role", "Role"), ("made", "Since"), ("gone", "Gone"))
API_TOKENS = (("id", "Id"), ("person", "Person"), ("label", "For"), ("expires", "Until"), ("revoked", "Revoked"))


def enrol_token(
    *,
    uses: Annotated[int, typer.Option(min=1, max=100_000, help="So many devices may come with it.")] = 1,
    hours: Annotated[float, typer.Option(min=0.01, max=720, help="It is good for so long.")] = 24,
    label: Annotated[str, typer.Option(metavar="TEXT", help="What you call it.")] = "",
    forwarder: Annotated[
        bool, typer.Option("--forwarder", help="For what passes on other machines' events, as `carecordon send` does.")
    ] = False,
    list_all: Annotated[bool, typer.Option("--list", help="List the tokens there are instead.")] = False,
    data: Path = DATA,
    as_json: AsJson = False,
) -> None:
    """Make a token that devices enrol with; it is shown this once."""
    line = Line(paths_of(data))
    if list_all:
        list_rows(line, "/enrol-tokens", {}, TOKENS, form_of(as_json), "No enrolment token.")
        return
    kind = DeviceKind.FORWARDER if forwarder else DeviceKind.AGENT
    made = line.post("/enrol-tokens", {"uses": uses, "hours": hours, "label": label, "kind": kind.value})
    told = json.loads(made)
    if as_json:
        write_out(made)
        return
    typer.echo(told["token"])
    where = "on the machine that passes the logs on" if forwarder else "on the device, for its own logs"
    good = f"good for {number(uses, 'device', 'devices')} until {moment(told['expires'])}"
    say(f"{good}; revoke it: {_revoking(data, told['id'])}")
    say(f"{where}: carecordon send PATH... --hub {told['hub']} --token {told['token']}")


def revoke(
    *,
    name: Annotated[
        str,
        typer.Argument(
            metavar="ID|NAME", help="The id of a device, a person's token or an enrolment token; or a device's name."
        ),
    ],
    why: Annotated[str, typer.Option(metavar="TEXT", help="Why, for the audit log; needed for a device.")] = "",
    data: Path = DATA,
) -> None:
    """Revoke a device, a token or an enrolment token, for ever: a device's live session is cut within a minute."""
    line = Line(paths_of(data))
    what, told, device = "", None, name if is_device(line, name) else None
    if device is None and TOKEN_ID.fullmatch(name):  # before names: a device may call itself like the id of a token
        what, told = "token", line.tried(f"/tokens/{segment(name)}/revoke")
        if told is None:
            what, told = "enrolment token", line.tried(f"/enrol-tokens/{segment(name)}/revoke")
    if device is None and told is None:
        device = device_of(line, name)
    if device is not None:
        if not why.strip():
            say("--why: say why this device is revoked")
            raise typer.Exit(USAGE)
        what, told = "device", line.tried(f"/devices/{segment(device)}/revoke", {"why": why})
        name = name if name == device else f"{visible(name)} ({device})"
    if told is None:
        fail(
            f"{name}: no device has this id or name, and no token or enrolment token this id; `carecordon hub devices`,"
            " `token` and `enrol-token --list` list them"
        )
    was = "" if json.loads(told)["is_new"] else " (it was revoked before)"
    typer.echo(f"The {what} {name} is revoked{was}.")


def confirm(
    *,
    devices: Annotated[list[str] | None, typer.Argument(metavar="[ID|NAME...]", help="Devices that are held.")] = None,
    everyone: Annotated[bool, typer.Option("--all", help="All that are held.")] = False,
    data: Path = DATA,
) -> None:
    """Let devices in again that are held since a restore: you say that none of them was revoked meanwhile."""
    if bool(devices) is everyone:
        fail("name devices by their ids or names, or say --all")
    line = Line(paths_of(data))
    named = None if everyone else [device_of(line, name) or name for name in devices or ()]
    told = json.loads(line.post("/devices/confirm", {"devices": named}))
    typer.echo(f"Let in again: {number(told['confirmed'], 'device', 'devices')}.")
    if told["not_held"]:
        say(f"not held, so nothing was done: {', '.join(told['not_held'])}")


def people(
    *,
    add: Annotated[str | None, typer.Option(metavar="NAME", help="Add a person.")] = None,
    role: Annotated[Role, typer.Option(help="What the one who is added may do.")] = Role.READER,
    remove: Annotated[str | None, typer.Option(metavar="NAME", help="Let a person do nothing any more.")] = None,
    data: Path = DATA,
    as_json: AsJson = False,
) -> None:
    """List who may call the API, add somebody, or let somebody go."""
    line = Line(paths_of(data))
    if add is not None and remove is not None:
        fail("--add and --remove exclude each other: choose one")
    if add is not None:
        line.post("/people", {"name": add, "role": role.value})
        how = f"carecordon hub token {shlex.quote(add)}{data_option(paths_of(data))}"
        typer.echo(visible(f"{add} is added; a token: {how}"))
    elif remove is not None:
        line.post(f"/people/{segment(remove)}/remove", {})
        typer.echo(f"{visible(remove)} may do nothing any more.")
    else:
        list_rows(line, "/people", {}, PEOPLE, form_of(as_json), "Nobody.")


def token(
    *,
    person: Annotated[str | None, typer.Argument(metavar="[NAME]", help="Make one of this person.")] = None,
    label: Annotated[str, typer.Option(metavar="TEXT", help="What it is used for.")] = "",
    days: Annotated[float, typer.Option(min=0.01, max=366, help="It is good for so long.")] = 90,
    data: Path = DATA,
    as_json: AsJson = False,
) -> None:
    """Make a token for the API, shown this once; or list the tokens there are."""
    line = Line(paths_of(data))
    if person is None:
        list_rows(line, "/tokens", {}, API_TOKENS, form_of(as_json), "No token.")
        return
    told = json.loads(line.post(f"/people/{segment(person)}/tokens", {"label": label, "days": days}))
    typer.echo(told["token"])
    good = f"a token of {person}, good until {moment(told['expires'])}"
    say(f"{good}; revoke it: {_revoking(data, told['id'])}")


def _revoking(data: Path, name: str) -> str:
    return f"carecordon hub revoke {name}{data_option(paths_of(data))}"
