"""`carecordon hub`: what a hospital's hub says and does, asked over its own socket; exit status 4 where none runs."""

from __future__ import annotations

import importlib
import json
import os
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer

from carecordon.cli import hub_acts, hub_ready
from carecordon.cli.hub_line import Line, segment
from carecordon.cli.hub_lists import (
    AsCsv,
    AsJson,
    Most,
    device_of,
    form_of,
    list_rows,
    paths_of,
    tell_cut,
    timed,
    write_out,
)
from carecordon.cli.hub_shown import placed, screen, status, stood, table, told_case
from carecordon.cli.hub_watch import watch as watch_hub
from carecordon.cli.options import STOPPED, USAGE, fail, say
from carecordon.cli.places import DATA, KEYS
from carecordon.hub.config import Paths
from carecordon.model.incident import Case
from carecordon.model.match import Level
from carecordon.model.notice import NoticeState
from carecordon.report.layout import number
from carecordon.report.visible import visible

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    help="Ask and run a hospital's hub. Exit status 3: it did not answer; 4: none runs there.",
)
app.command("enrol-token")(hub_acts.enrol_token)
app.command()(hub_acts.revoke)
app.command()(hub_acts.confirm)
app.command()(hub_acts.people)
app.command()(hub_acts.token)
for ready in (hub_ready.events, hub_ready.search, hub_ready.counts, hub_ready.prevalence, hub_ready.tree):
    app.command()(ready)
app.command()(hub_ready.coverage)
MADE = "carecordon.cli.hub_made"
"""Needs the hub's engines, which take long to load and which a machine that only scans does not have."""

INCIDENTS = (
    ("number", "No."), ("level", "Level"), ("score", "Score"), ("title", "What"), ("devices_total", "Devices"),
    ("devices", "Where"), ("last", "Last seen"), ("status", "Status"),
)  # fmt: skip
ALERTS = (
    ("incident", "Incident"), ("level", "Level"), ("title", "Rule"), ("where", "Where"), ("count", "Events"),
    ("first", "First"), ("last", "Last"),
)  # fmt: skip
DEVICES = (
    ("name", "Device"), ("health", "Health"), ("last_seen", "Last seen"), ("system", "System"), ("kind", "Kind"),
    ("id", "Id"),
)  # fmt: skip
AUDIT = (("number", "No."), ("at", "When"), ("who", "Who"), ("verb", "Did"), ("subject", "What"), ("detail", "How"))
NOTICES = (("number", "No."), ("made", "Since"), ("receiver", "Whom"), ("subject", "What"), ("state", "State"),
           ("tries", "Tries"), ("why", "Why"))  # fmt: skip
LETTERS = (("number", "No."), ("at", "When"), ("where", "Where"), ("reason", "Why"), ("size_bytes", "Bytes"))


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
    told = Line(paths_of(data)).one("/status")
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
    seconds: Annotated[float | None, typer.Option(min=0, help="End after so long (default: with Ctrl-C).")] = None,
) -> None:
    """Show the hub as it goes: agents online, events a second, lag, incidents as they appear with their story."""
    try:
        watch_hub(Line(paths_of(data)).followed("/watch"), screen(), seconds)
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
    line = Line(paths_of(data))
    if incident is None:
        query = {"level": level.value if level else None, "device": device, "limit": limit}
        list_rows(line, "/incidents", query, INCIDENTS, form_of(as_json, as_csv), "No incident.", placed)
    elif as_csv:
        fail("--csv is for the list; one incident whole: as text, or --json")
    elif as_json:
        write_out(line.get(f"/incidents/{segment(incident)}"))
    else:
        case = msgspec.json.decode(line.get(f"/incidents/{segment(incident)}/case"), type=Case)
        out = screen()
        out.print(told_case(case, out.width))


@app.command()
def alerts(
    *,
    incident: Annotated[int | None, typer.Option(metavar="NUMBER", min=1, help="Of this incident.")] = None,
    device: Annotated[str | None, typer.Option(metavar="NAME", help="Of this device.")] = None,
    rule: Annotated[str | None, typer.Option(metavar="ID", help="Of this rule or correlation.")] = None,
    limit: Most = 50,
    data: Path = DATA,
    as_json: AsJson = False,
    as_csv: AsCsv = False,
) -> None:
    """List alerts, what incidents are made of: each rule's matches in one process, and each correlation."""
    query = {"incident": incident, "device": device, "rule": rule, "limit": limit}
    form = form_of(as_json, as_csv)
    list_rows(Line(paths_of(data)), "/alerts", query, ALERTS, form, "No alert.", stood)


@app.command()
def devices(
    *,
    device: Annotated[
        str | None, typer.Argument(metavar="[ID|NAME]", help="One of them, with what was seen of it.")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="No more rows than this.")] = 100,
    after: Annotated[str | None, typer.Option(metavar="ID", help="Those behind this one.")] = None,
    data: Path = DATA,
    as_json: AsJson = False,
    as_csv: AsCsv = False,
) -> None:
    """List the devices that are enrolled, or show one of them and what was last seen of each of its logs."""
    line = Line(paths_of(data))
    if device is None:
        query = {"limit": limit, "after": after}
        list_rows(line, "/devices", query, DEVICES, form_of(as_json, as_csv), "No device is enrolled yet.")
        return
    if as_csv:
        fail("--csv is for the list; of one device: `carecordon hub coverage` gives its logs")
    found = line.get(f"/devices/{segment(device_of(line, device) or device)}")
    if as_json:
        write_out(found)
        return
    told = json.loads(found)
    out = screen()
    out.print(table([timed(told)], DEVICES))
    if told["why"]:
        out.print(f"Why: {told['why']}")
    out.print()
    if told["coverage"]:
        out.print(table(map(timed, told["coverage"]), hub_ready.COVERAGE))
    elif told["coverage_cut"]:
        out.print(f"What was seen of it is not known: {told['coverage_cut']}.")
    else:
        out.print("Nothing was seen of it yet.")
    if told["incidents"]:
        out.print()
        out.print(table(map(timed, told["incidents"]), INCIDENTS))
    for what in ("coverage", "incidents"):
        if told[f"{what}_cut"] and told[what]:
            say(f"not all of its {what}: {told[f'{what}_cut']}")


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
    line = Line(paths_of(data))
    body = {"sql": sql} | ({"rows": rows} if rows else {})
    form = form_of(as_json, as_csv)
    if form != "json":
        answered = line.answered("/ask", None, body, form)
        write_out(answered.data)
        tell_cut(answered, "--rows")
        return
    found, answered = line.rows("/ask", None, body)
    if found:
        screen().print(table(found, [(name, name) for name in found[0]]))
    say(number(len(found), "row", "rows"))
    tell_cut(answered, "--rows")


@app.command()
def backup(
    *,
    target: Annotated[Path, typer.Argument(metavar="FILE", help="The backup goes here; it must not be there yet.")],
    data: Path = DATA,
) -> None:
    """Take a backup while the hub runs, keys and all, sealed to a passphrase."""
    line = Line(paths_of(data))
    line.one("/status")
    target = target.absolute()
    body = {"target": str(target), "folder": _folder_for(target), "passphrase": _made().passphrase(is_new=True)}
    try:
        told = json.loads(line.post("/backup", body))
    except KeyboardInterrupt:
        say(f"nobody waits for it any more, but the hub goes on: {target} is there when it is done")
        raise typer.Exit(STOPPED) from None
    typer.echo(f"{told['target']}: {told['size_bytes']:,} bytes, {told['files']:,} files, all events among them.")
    if told["elsewhere"]:
        typer.echo(
            f"Not in it, for it lies elsewhere: {visible(', '.join(told['elsewhere']))}; keep a copy of that too."
        )
    typer.echo("Without its passphrase nobody can open it: keep that elsewhere.")


def _folder_for(target: Path) -> tuple[int, int]:
    """Return by what the hub knows whether it sees the same folder; ends with status 2 where nothing can go there."""
    try:
        if os.path.lexists(target):
            fail(f"{target}: there is something there already: a backup never writes over another")
        status = target.parent.stat()
    except OSError as fault:
        fail(f"{target.parent}: {fault.strerror}: give a folder that is there")
    return status.st_dev, status.st_ino


@app.command()
def check(*, data: Path = DATA, keys: Path = KEYS) -> None:
    """Read all that a hub keeps and say what is not as it was written. Works beside a running hub, and without."""
    _made().check(Paths(data, keys))


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
    list_rows(
        Line(paths_of(data)), "/audit", {"who": who, "limit": limit}, AUDIT, form_of(as_json, as_csv), "No entry."
    )


@app.command()
def notices(
    *,
    numbers: Annotated[
        list[int] | None, typer.Argument(metavar="[NUMBER...]", help="With --again: only these.")
    ] = None,
    again: Annotated[bool, typer.Option("--again", help="Send what was given up again.")] = False,
    everything: Annotated[bool, typer.Option("--all", help="Those that wait or were told, too.")] = False,
    limit: Most = 50,
    data: Path = DATA,
    as_json: AsJson = False,
    as_csv: AsCsv = False,
) -> None:
    """List what people are told, by default what was given up, or send that again."""
    line = Line(paths_of(data))
    if not again:
        if numbers:
            fail("numbers are for --again, which sends these notices again")
        query = {"state": None if everything else NoticeState.FAILED.value, "limit": limit}
        list_rows(line, "/notices", query, NOTICES, form_of(as_json, as_csv), "No notice was given up.")
        return
    told = json.loads(line.post("/notices/again", {"notices": numbers or None}))
    typer.echo(f"Sent again: {number(told['again'], 'notice', 'notices')}.")
    if told["not_failed"]:
        say(f"not given up, so nothing was done: {', '.join(map(str, told['not_failed']))}")


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
    line = Line(paths_of(data))
    if letter is None:
        if replay:
            say("--replay: name the letter by its number")
            raise typer.Exit(USAGE)
        list_rows(line, "/dead-letters", {"limit": limit}, LETTERS, form_of(as_json), "No dead letter waits.")
    elif replay:
        line.post(f"/dead-letters/{letter}/replay", {})
        typer.echo(f"Letter {letter} was played again.")
    else:
        write_out(line.get(f"/dead-letters/{letter}"))


def _made() -> Any:
    """Return carecordon/cli/hub_made.py; where the hub's engines are not installed, say how to get them."""
    try:
        return importlib.import_module(MADE)
    except ModuleNotFoundError as fault:
        fail(f"the hub needs `{fault.name}`, which is not installed: pip install 'carecordon[hub]'")
