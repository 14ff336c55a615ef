"""`carecordon hub`: what a hospital's hub says and does, asked over its own socket; exit status 4 where none runs."""

from __future__ import annotations

import importlib
import json
import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer

from carecordon.cli.hub_line import Line, Query, segment
from carecordon.cli.hub_shown import Row, moment, screen, status, table, told_case
from carecordon.cli.hub_watch import watch as watch_hub
from carecordon.cli.options import USAGE, fail, say
from carecordon.cli.places import DATA, KEYS
from carecordon.hub.config import Paths
from carecordon.model.incident import Case
from carecordon.model.match import Level
from carecordon.model.person import Role
from carecordon.report.layout import number
from carecordon.report.visible import visible

app = typer.Typer(no_args_is_help=True, help="Ask and run a hospital's hub. Exit status 4: no hub runs there.")
MADE = "carecordon.cli.hub_made"
"""Needs the hub's engines, which take long to load and which a machine that only scans does not have."""

AsJson = Annotated[bool, typer.Option("--json", help="JSON lines on standard output.")]
AsCsv = Annotated[bool, typer.Option("--csv", help="CSV on standard output.")]
Most = Annotated[int, typer.Option("--limit", min=1, max=1_000, help="No more rows than this.")]
INCIDENTS = (
    ("number", "No."), ("level", "Level"), ("score", "Score"), ("title", "What"), ("devices_total", "Devices"),
    ("devices", "Where"), ("last", "Last seen"), ("status", "Status"),
)  # fmt: skip
DEVICES = (
    ("name", "Device"), ("health", "Health"), ("last_seen", "Last seen"), ("system", "System"), ("kind", "Kind"),
    ("id", "Id"),
)  # fmt: skip
TOKENS = (
    ("id", "Id"),
    ("label", "Label"),
    ("kind", "For"),
    ("uses_left", "Left"),
    ("expires", "Until"),
    ("revoked", "Revoked"),
)
PEOPLE = (("name", "Name"), ("role", "Role"), ("made", "Since"), ("gone", "Gone"))
API_TOKENS = (("id", "Id"), ("person", "Person"), ("label", "For"), ("expires", "Until"), ("revoked", "Revoked"))
AUDIT = (("number", "No."), ("at", "When"), ("who", "Who"), ("verb", "Did"), ("subject", "What"), ("detail", "How"))
LETTERS = (("number", "No."), ("at", "When"), ("where", "Where"), ("reason", "Why"), ("size_bytes", "Bytes"))
COVERAGE = (("channel", "Channel"), ("device", "Of"), ("events", "Events"), ("last_received", "Last received"))


class DeviceSort(StrEnum):
    """What enrols."""

    AGENT = "agent"
    FORWARDER = "forwarder"


@app.command()
def init(
    *,
    ods: Annotated[str, typer.Option(metavar="CODE", help="The organisation's ODS code, e.g. RX1.")],
    name: Annotated[str, typer.Option(metavar="NAME", help="The organisation's name.")],
    admin: Annotated[str, typer.Option(metavar="NAME", help="Your own name: the first administrator's.")],
    data: Path = DATA,
    keys: Path = KEYS,
) -> None:
    """Make a hub: its certificate authority, its register, and the first administrator's token, shown once."""
    _made().init(Paths(data, keys), ods, name, admin)


@app.command()
def restore(
    *,
    archive: Annotated[Path, typer.Argument(metavar="FILE", help="The backup.")],
    data: Path = DATA,
    keys: Path = KEYS,
) -> None:
    """Bring a hub back from a backup, into an empty folder; nothing that was revoked comes back with it."""
    _made().restore(Paths(data, keys), archive)


@app.command("status")
def show_status(*, data: Path = DATA, as_json: AsJson = False) -> None:
    """Say how the hub is: processes, devices, events a second, lag, what is wrong."""
    told = Line(_paths(data)).one("/status")
    if as_json:
        typer.echo(json.dumps(told))
        return
    out = screen()
    for part in status(told):
        out.print(part)


@app.command()
def watch(
    *,
    data: Path = DATA,
    seconds: Annotated[float | None, typer.Option(min=0, help="End after so long [default: with Ctrl-C].")] = None,
) -> None:
    """Show the hub as it goes: agents online, events a second, lag, incidents as they appear with their story."""
    try:
        watch_hub(Line(_paths(data)).lines("/watch"), screen(), seconds)
    except KeyboardInterrupt:
        return


@app.command()
def incidents(
    *,
    incident: Annotated[str | None, typer.Argument(metavar="[ID]", help="One of them, whole.")] = None,
    level: Annotated[Level | None, typer.Option(help="Of this level and above.")] = None,
    device: Annotated[str | None, typer.Option(metavar="NAME", help="Of this device.")] = None,
    limit: Most = 50,
    data: Path = DATA,
    as_json: AsJson = False,
    as_csv: AsCsv = False,
) -> None:
    """List incidents, or tell one of them whole, by its number or id."""
    line = Line(_paths(data))
    if incident is None:
        query = {"level": level.value if level else None, "device": device, "limit": limit}
        _list(line, "/incidents", query, INCIDENTS, _form(as_json, as_csv), "No incident.")
    elif as_json:
        _write(line.get(f"/incidents/{segment(incident)}"))
    else:
        case = msgspec.json.decode(line.get(f"/incidents/{segment(incident)}/case"), type=Case)
        out = screen()
        out.print(told_case(case, out.width))


@app.command()
def devices(
    *,
    device: Annotated[str | None, typer.Argument(metavar="[ID]", help="One of them, with what was seen of it.")] = None,
    limit: Most = 100,
    data: Path = DATA,
    as_json: AsJson = False,
    as_csv: AsCsv = False,
) -> None:
    """List the devices that are enrolled, or show one of them and what was last seen of each of its logs."""
    line = Line(_paths(data))
    if device is None:
        _list(line, "/devices", {"limit": limit}, DEVICES, _form(as_json, as_csv), "No device is enrolled yet.")
        return
    found = line.get(f"/devices/{segment(device)}")
    if as_json:
        _write(found)
        return
    told = json.loads(found)
    out = screen()
    out.print(table([_timed(told)], DEVICES))
    if told["why"]:
        out.print(f"Why: {told['why']}")
    coverage = told["coverage"]
    out.print()
    if coverage is None:
        out.print("What was seen of it is not known: the store of events does not answer.")
    elif coverage:
        out.print(table(coverage, COVERAGE))
    else:
        out.print("Nothing was seen of it yet.")
    if told["incidents"]:
        out.print()
        out.print(table(map(_timed, told["incidents"]), INCIDENTS))


@app.command()
def ask(
    *,
    sql: Annotated[str, typer.Argument(metavar="SELECT", help="One SELECT over the published views.")],
    data: Path = DATA,
    rows: Annotated[int | None, typer.Option(min=1, max=100_000, help="No more rows than this.")] = None,
    as_json: AsJson = False,
    as_csv: AsCsv = False,
) -> None:
    """Ask a question in SQL: one SELECT over DeviceProcessEvents, DeviceNetworkEvents, … or events."""
    line = Line(_paths(data))
    body = {"sql": sql} | ({"rows": rows} if rows else {})
    form = _form(as_json, as_csv)
    if form != "json":
        _write(line.post("/ask", body, form))
        return
    whole = json.loads(line.post("/ask", body))
    out = screen()
    found: list[Row] = whole["rows"]
    if found:
        out.print(table(found, [(name, name) for name in found[0]]))
    say(number(len(found), "row", "rows") + (f"; the answer was cut: {whole['cut']}" if whole["is_cut"] else ""))


@app.command()
def backup(
    *,
    target: Annotated[Path, typer.Argument(metavar="FILE", help="The backup goes here; it must not be there yet.")],
    data: Path = DATA,
) -> None:
    """Take a backup while the hub runs, keys and all, sealed to a passphrase."""
    line = Line(_paths(data))
    line.one("/status")
    body = {"target": str(target.absolute()), "passphrase": _made().passphrase(is_new=True)}
    told = json.loads(line.post("/backup", body))
    events = "with all events" if told["has_telemetry"] else "WITHOUT the events in the store"
    typer.echo(f"{told['target']}: {told['size_bytes']:,} bytes, {told['files']:,} files, {events}.")
    typer.echo("Without its passphrase nobody can open it: keep that elsewhere.")


@app.command()
def check(*, data: Path = DATA, keys: Path = KEYS) -> None:
    """Read all that a hub keeps and say what is not as it was written. Works beside a running hub, and without."""
    _made().check(Paths(data, keys))


@app.command("enrol-token")
def enrol_token(
    *,
    uses: Annotated[int, typer.Option(min=1, max=100_000, help="So many devices may come with it.")] = 1,
    hours: Annotated[float, typer.Option(min=0.01, max=720, help="It is good for so long.")] = 24,
    label: Annotated[str, typer.Option(metavar="TEXT", help="What you call it.")] = "",
    sort: Annotated[DeviceSort, typer.Option("--kind", help="What enrols with it.")] = DeviceSort.AGENT,
    list_all: Annotated[bool, typer.Option("--list", help="List the tokens there are instead.")] = False,
    data: Path = DATA,
    as_json: AsJson = False,
) -> None:
    """Make a token that devices enrol with; it is shown this once."""
    line = Line(_paths(data))
    if list_all:
        _list(line, "/enrol-tokens", {}, TOKENS, _form(as_json, False), "No enrolment token.")
        return
    made = line.post("/enrol-tokens", {"uses": uses, "hours": hours, "label": label, "kind": sort.value})
    told = json.loads(made)
    if as_json:
        _write(made)
        return
    typer.echo(told["token"])
    say(f"good for {number(uses, 'device', 'devices')} until {moment(told['expires'])}; revoke it: {told['id']}")


@app.command()
def revoke(
    *,
    name: Annotated[str, typer.Argument(metavar="ID", help="Of a device, a person's token or an enrolment token.")],
    why: Annotated[str, typer.Option(metavar="TEXT", help="Why, for the audit log; needed for a device.")] = "",
    data: Path = DATA,
) -> None:
    """Revoke a device, a token or an enrolment token, for ever: a device's live session is cut within a minute."""
    line = Line(_paths(data))
    if line.is_there(f"/devices/{segment(name)}"):
        if not why.strip():
            say("--why: say why this device is revoked")
            raise typer.Exit(USAGE)
        what, told = "device", line.post(f"/devices/{segment(name)}/revoke", {"why": why})
    elif any(row["id"] == name for row in line.rows("/tokens")[0]):
        what, told = "token", line.post(f"/tokens/{segment(name)}/revoke", {})
    else:
        what, told = "enrolment token", line.post(f"/enrol-tokens/{segment(name)}/revoke", {})
    was = "" if json.loads(told)["is_new"] else " (it was revoked before)"
    typer.echo(f"The {what} {name} is revoked{was}.")


@app.command()
def confirm(
    *,
    devices: Annotated[list[str] | None, typer.Argument(metavar="[ID...]", help="Of devices that are held.")] = None,
    everyone: Annotated[bool, typer.Option("--all", help="All that are held.")] = False,
    data: Path = DATA,
) -> None:
    """Let devices in again that are held since a restore: you say that none of them was revoked meanwhile."""
    if bool(devices) is everyone:
        fail("name devices by their ids, or say --all")
    told = json.loads(Line(_paths(data)).post("/devices/confirm", {"devices": None if everyone else devices}))
    typer.echo(f"Let in again: {number(told['confirmed'], 'device', 'devices')}.")


@app.command()
def people(
    *,
    add: Annotated[str | None, typer.Option(metavar="NAME", help="Add a person.")] = None,
    role: Annotated[Role, typer.Option(help="What the one who is added may do.")] = Role.READER,
    remove: Annotated[str | None, typer.Option(metavar="NAME", help="Let a person do nothing any more.")] = None,
    data: Path = DATA,
    as_json: AsJson = False,
) -> None:
    """List who may call the API, add somebody, or let somebody go."""
    line = Line(_paths(data))
    if add is not None and remove is not None:
        fail("--add and --remove exclude each other: choose one")
    if add is not None:
        line.post("/people", {"name": add, "role": role.value})
        typer.echo(f"{visible(add)} is added; a token: carecordon hub token {visible(add)!r}")
    elif remove is not None:
        line.post(f"/people/{segment(remove)}/remove", {})
        typer.echo(f"{visible(remove)} may do nothing any more.")
    else:
        _list(line, "/people", {}, PEOPLE, _form(as_json, False), "Nobody.")


@app.command()
def token(
    *,
    person: Annotated[str | None, typer.Argument(metavar="[NAME]", help="Make one of this person.")] = None,
    label: Annotated[str, typer.Option(metavar="TEXT", help="What it is used for.")] = "",
    days: Annotated[float, typer.Option(min=0.01, max=366, help="It is good for so long.")] = 90,
    data: Path = DATA,
    as_json: AsJson = False,
) -> None:
    """Make a token for the API, shown this once; or list the tokens there are."""
    line = Line(_paths(data))
    if person is None:
        _list(line, "/tokens", {}, API_TOKENS, _form(as_json, False), "No token.")
        return
    told = json.loads(line.post(f"/people/{segment(person)}/tokens", {"label": label, "days": days}))
    typer.echo(told["token"])
    say(f"a token of {person}, good until {moment(told['expires'])}; revoke it: {told['id']}")


@app.command()
def audit(
    *,
    who: Annotated[str | None, typer.Option(metavar="NAME", help="Only what this one did.")] = None,
    limit: Most = 50,
    data: Path = DATA,
    as_json: AsJson = False,
    as_csv: AsCsv = False,
) -> None:
    """List who did or asked what, the latest first."""
    _list(Line(_paths(data)), "/audit", {"who": who, "limit": limit}, AUDIT, _form(as_json, as_csv), "No entry.")


@app.command("dead-letters")
def dead_letters(
    *,
    letter: Annotated[int | None, typer.Argument(metavar="[NUMBER]", help="One of them, with its content.")] = None,
    replay: Annotated[bool, typer.Option("--replay", help="Play this one again.")] = False,
    limit: Most = 50,
    data: Path = DATA,
    as_json: AsJson = False,
) -> None:
    """List what could not be worked on, show one of it, or play one again."""
    line = Line(_paths(data))
    if letter is None:
        if replay:
            say("--replay: name the letter by its number")
            raise typer.Exit(USAGE)
        _list(line, "/dead-letters", {"limit": limit}, LETTERS, _form(as_json, False), "No dead letter waits.")
    elif replay:
        line.post(f"/dead-letters/{letter}/replay", {})
        typer.echo(f"Letter {letter} is marked to be played again.")
    else:
        _write(line.get(f"/dead-letters/{letter}"))


def _made() -> Any:
    """Return carecordon/cli/hub_made.py; where the hub's engines are not installed, say how to get them."""
    try:
        return importlib.import_module(MADE)
    except ModuleNotFoundError as fault:
        fail(f"the hub needs `{fault.name}`, which is not installed: pip install 'carecordon[hub]'")


def _paths(data: Path) -> Paths:
    """Return where the hub lies; its keys are not asked for on the socket."""
    return Paths(data, data)


def _form(as_json: bool, as_csv: bool) -> str:
    if as_json and as_csv:
        say("--json and --csv exclude each other: choose one")
        raise typer.Exit(USAGE)
    return "jsonl" if as_json else "csv" if as_csv else "json"


def _list(line: Line, path: str, query: Query, columns: Any, form: str, nothing: str) -> None:
    if form != "json":
        _write(line.get(path, query, form))
        return
    rows, cut = line.rows(path, query)
    out = screen()
    if rows:
        out.print(table(map(_timed, rows), columns))
    else:
        out.print(nothing)
    if cut:
        say(f"there are more: {cut} (--limit)")


def _timed(row: Row) -> Row:
    """Return a row with its times to the second."""
    times = ("first", "last", "known", "changed", "last_seen", "enrolled", "expires", "at", "made")
    return {name: moment(value) if name in times else value for name, value in row.items()} | {
        name: moment(row[name]) if row[name] else "" for name in ("revoked", "gone") if name in row
    }


def _write(data: bytes) -> None:
    sys.stdout.buffer.write(data if data.endswith(b"\n") else data + b"\n")
    sys.stdout.buffer.flush()
