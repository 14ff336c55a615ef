"""`carecordon demo`: a made-up trust on a real hub, over the real wire, watched as it happens."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Group
from rich.live import Live
from rich.text import Text

from carecordon.agent.enrol import read_token
from carecordon.agent.identity import Identity
from carecordon.cli.demo_hub import HOST, enrol_token, hub_in
from carecordon.cli.hub_line import Line
from carecordon.cli.hub_shown import screen
from carecordon.cli.hub_watch import Scene, in_a_line, picture
from carecordon.cli.options import fail, say
from carecordon.exercise.fleet.credentials import enrolled
from carecordon.exercise.fleet.figures import Figures
from carecordon.exercise.fleet.fleet import Fleet, FleetConfig, names_for
from carecordon.exercise.fleet.pattern import Tape, tape_of
from carecordon.exercise.life import Span
from carecordon.exercise.recording import Recording
from carecordon.exercise.scenarios import all_scenarios
from carecordon.hub.config import Paths
from carecordon.model.errors import TheirFault
from carecordon.model.match import Level
from carecordon.model.times import span_text
from carecordon.report.layout import number

SITES = 5
"""Hospitals of a trust: the outbreak is in the first, the others have an ordinary morning."""
END_S = 180.0
"""How long what was sent may take to become incidents."""
QUIET_S = 4.0
"""Nothing new for so long: it is over."""
PLAIN_EVERY_S = 10.0
NS = 1_000_000_000


def demo(
    *,
    scenario: Annotated[str, typer.Argument(metavar="SCENARIO", help="One that `exercise list` names.")] = "friday",
    folder: Annotated[Path, typer.Option("--out", metavar="DIR", help="A new folder for data, keys and devices.")],
    devices: Annotated[int, typer.Option(min=40, max=20_000, help="So many devices in all.")] = 200,
    seed: Annotated[int, typer.Option(min=0, help="The same seed gives the same morning.")] = 7,
    start: Annotated[float, typer.Option("--from", metavar="HOUR", help="The morning begins.")] = 8.5,
    end: Annotated[float, typer.Option("--to", metavar="HOUR", help="The morning ends.")] = 9.5,
    seconds: Annotated[float, typer.Option(min=5.0, help="The morning is played within so many seconds.")] = 150.0,
) -> None:
    """Make a hub, enrol a trust of made-up devices, play a morning and an attack, and watch the hub find it."""
    told = all_scenarios()
    if scenario not in told:
        fail(f"{scenario}: no such scenario; there are {', '.join(told)}")
    if folder.exists() and any(folder.iterdir()):
        fail(f"{folder}: it is not empty: give a folder that does not exist yet")
    say(f"a morning of {devices} devices in {SITES} hospitals is made up ...")
    attacked = tape_of(Recording(told[scenario], seed, span=Span(start, end)))
    ordinary = tape_of(Recording(told["quiet"], seed + 1, span=Span(start, end)))
    play = _Play(Paths(folder / "data", folder / "keys"), folder / "devices", seconds)
    try:
        play.run((attacked, *[ordinary] * (SITES - 1)), devices)
    except TheirFault as fault:
        fail(str(fault))


@dataclass(slots=True)
class _Play:
    """One exercise, from an empty folder to its summary."""

    paths: Paths
    state: Path
    seconds: float
    scene: Scene = field(default_factory=Scene)
    changed: float = 0.0
    found: int | None = None
    """When the first incident was told (UTC ns)."""
    began: int = 0
    told: list[dict[str, Any]] = field(default_factory=list)
    worst: dict[int, tuple[int, int]] = field(default_factory=dict)
    """By incident: level and digits of the number of its devices, as last shown."""
    known: dict[int, dict[str, Any]] = field(default_factory=dict)

    def run(self, tapes: tuple[Tape, ...], devices: int) -> None:
        """Play it."""
        with hub_in(self.paths, "Made-up Trust") as doors:
            names = names_for(tapes, devices)
            say(f"the hub is ready; {len(names)} devices enrol ...")
            token = read_token(enrol_token(self.paths, len(names)))
            identities = enrolled(self.state, names, HOST, doors.enrol, token)
            threading.Thread(target=self._watch, daemon=True).start()
            length_s = max(tape.length for tape in tapes) / NS
            config = FleetConfig(
                tapes,
                speed=length_s / self.seconds,
                is_aligned=True,
                is_endless=False,
                keeps_times=True,
                back_s=length_s,
                ledger=self.state / "ledger",
            )
            figures = asyncio.run(self._play(config, identities))
            self._settle()
            self._summary(tapes[0], figures, config.speed)

    def _watch(self) -> None:
        """Take in what the hub says, until it ends."""
        try:
            for line in Line(self.paths).lines("/watch"):
                self.scene.take(line)
                if line.get("type") == "incident":
                    self.changed = time.monotonic()
                    self.found = self.found or time.time_ns()
                    self.told.append(line)
                    self.known[line["number"]] = line
        except (OSError, ValueError, typer.Exit):
            return

    async def _play(self, config: FleetConfig, identities: list[Identity]) -> Figures:
        """Let the devices connect and live through the morning; return the fleet's last figures."""
        async with Fleet(config, identities) as fleet:
            await fleet.connect()
            self.began = time.time_ns()
            console = screen()
            if console.is_terminal:
                with Live(console=console, refresh_per_second=4) as shown:
                    async for figures in fleet.run():
                        shown.update(Group(_devices(figures, config.speed, self.seconds), Text(), picture(self.scene)))
            else:
                last = 0.0
                async for figures in fleet.run():
                    for line in self._news():
                        console.print(in_a_line(line), soft_wrap=True)
                    if figures.at_s - last >= PLAIN_EVERY_S:
                        last = figures.at_s
                        console.print(_devices(figures, config.speed, self.seconds), soft_wrap=True)
            await fleet.settle()
            return fleet.figures()

    def _news(self) -> list[dict[str, Any]]:
        """Return the incidents of some weight that are new, or got worse, since this was last asked."""
        news, self.told = self.told, []
        worse = []
        for line in news:
            bad = Level(line["level"]).rank, len(str(line["devices_total"]))
            if bad > self.worst.get(line["number"], (Level.LOW.rank, 9)):
                self.worst[line["number"]] = bad
                worse.append(line)
        return worse

    def _settle(self) -> None:
        """Wait until the hub has worked on everything and says nothing new."""
        end = time.monotonic() + END_S
        self.changed = max(self.changed, time.monotonic())
        while time.monotonic() < end:
            lag = self.scene.status.get("now", {}).get("lag_s")
            if lag is not None and lag < 1 and time.monotonic() - self.changed > QUIET_S:
                return
            time.sleep(0.2)

    def _summary(self, attacked: Tape, figures: Figures, speed: float) -> None:
        """Say how it went."""
        line, console = Line(self.paths), screen()
        asked = json.loads(line.post("/ask", {"sql": "SELECT count() AS n FROM events"}))
        console.print()
        console.print(Text("It is over.", style="bold"))
        console.print(
            f"{figures.devices:,} devices wrote {figures.written_total:,} events; "
            f"{figures.acknowledged_total:,} were acknowledged, {asked['rows'][0]['n']:,} are in the store."
        )
        first = _first_attack(attacked)
        if first is not None and self.found is not None:
            written = self.began + int(first / speed)
            console.print(
                f"The first incident was told {span_text((self.found - written) / NS)} after the attack's first event."
            )
        grave = [one for one in self.known.values() if Level(one["level"]).rank >= Level.MEDIUM.rank]
        for one in sorted(grave, key=lambda one: -Level(one["level"]).rank):
            console.print(in_a_line(one), soft_wrap=True)
        if len(grave) < len(self.known):
            console.print(f"{number(len(self.known) - len(grave), 'incident', 'incidents')} of a lower level beside.")
        console.print()
        console.print(
            f"Start it again:   carecordon up --data {self.paths.data} --keys {self.paths.keys}", soft_wrap=True
        )
        console.print(f"The whole story:  carecordon hub incidents 1 --data {self.paths.data}", soft_wrap=True)
        console.print(f'Ask anything:     carecordon hub ask "SELECT …" --data {self.paths.data}', soft_wrap=True)


def _devices(figures: Figures, speed: float, seconds: float) -> Text:
    delay = "?" if figures.ack_p99_ms is None else f"{figures.ack_p99_ms:,.0f} ms"
    return Text(
        f"the devices: {figures.online:,} of {figures.devices:,} online, {figures.written_total:,} events written, "
        f"{figures.waiting:,} not yet acknowledged (99 % within {delay}); the morning goes {speed:,.0f} times as fast, "
        f"{max(0.0, seconds - figures.at_s):,.0f} s left"
    )


def _first_attack(tape: Tape) -> int | None:
    """Return when the attack's first event happens, ns since the recording began; None where there is none."""
    times = [
        offset
        for pattern in tape.patterns
        for offset, is_marked in zip(pattern.offsets, pattern.marked, strict=True)
        if is_marked
    ]
    return min(times, default=None)
