"""A hub whose disk fills up: it refuses before it takes, answers questions meanwhile, and goes on once it is freed."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

from carecordon.cli.hub_line import Line
from carecordon.exercise.fleet.fleet import Fleet
from carecordon.wire.session import Turned
from tests.chaos.checker import check
from tests.chaos.load import Load, play
from tests.chaos.outcome import Options, Outcome
from tests.chaos.shaken import told_in_time
from tests.chaos.trust import Trust, trust_in, wait_for
from tests.hub.gate_kit import Member, Talk

MIB = 1 << 20
DISK, RESERVE = 220 * MIB, 40 * MIB
STAGES = (("reserve", 30 * MIB), ("brim", 0))
"""What is left of the disk: less than the reserve, with room for what questions write, and nothing."""
NEEDED = "the right to mount a small disk (run it as root, or by `unshare -mr`)"
AGAIN_S = 90.0
STORED_S = 60.0


@dataclass
class _Seen:
    """What happened at each stage."""

    faults: list[str] = field(default_factory=list)
    words: list[str] = field(default_factory=list)


def disk_full(folder: Path, options: Options) -> Outcome:
    """Fill the disk under a hub and free it: nothing is taken meanwhile, nothing is lost, and it goes on by itself."""
    place = folder / "small"
    place.mkdir()
    with _small_disk(place) as is_there:
        if not is_there:
            return Outcome.unrun("disk-full", NEEDED)
        seen = _Seen()
        with trust_in(place, reserve_bytes=RESERVE) as trust:
            before = trust.pids()  # on a full disk the hub cannot write down who died
            callers = trust.identities(folder / "callers", [f"{name}.example.org" for name, _ in STAGES])

            async def disturb(fleet: Fleet) -> None:
                filler = place / "filler"
                await asyncio.to_thread(wait_for, lambda: not _unanswered(trust), STORED_S, "something is stored")
                for (name, left), caller in zip(STAGES, callers, strict=True):
                    await asyncio.to_thread(_fill, filler, place, left)
                    seen.faults += await asyncio.to_thread(_refused, trust, cast("Member", caller), name)
                    seen.faults += await asyncio.to_thread(_unanswered, trust) if left else []
                    await asyncio.sleep(options.seconds / 2)
                    seen.words.append(f"{fleet.written_total - fleet.acknowledged_total:,} waiting at {name}")
                filler.unlink()
                taken, began = fleet.acknowledged_total, time.monotonic()
                async with asyncio.timeout(AGAIN_S):
                    while fleet.acknowledged_total == taken:  # noqa: ASYNC110  # the fleet has no event for it
                        await asyncio.sleep(0.05)
                seen.words.append(f"taken again after {time.monotonic() - began:.1f} s")

            load = Load(devices=options.devices, events_per_s=options.events_per_s, seed=options.seed)
            played = asyncio.run(play(trust, folder, load, disturb))
            verdict = check(trust, played)
            died = [f"{name} died" for name, pid in trust.pids().items() if pid != before.get(name)]
    return Outcome("disk-full", f"{', '.join(seen.words)}; {verdict.line()}", verdict.faults + seen.faults + died)


def _refused(trust: Trust, caller: Member, when: str) -> list[str]:
    """Offer five events as a device of its own; return what is wrong unless they, and the fleet's, are refused."""
    refusals = told_in_time(trust, "refused_disk_total", 1)  # the gate looks at its disk each second
    if not refusals:
        return ["the gate refused nothing for its disk"]
    with Talk(caller, trust.port) as talk:  # of a member a session asks only its context
        talk.send(0, 4)
        talk.until(lambda: talk.session.mark >= 0 or any(isinstance(event, Turned) for event in talk.events))
        return [f"a batch was taken at {when}"] if talk.session.mark >= 0 else []


def _unanswered(trust: Trust) -> list[str]:
    """Ask the store and the register as a person would; return what is wrong unless both answer."""
    line = Line(trust.paths)
    events = json.loads(line.post("/ask", {"sql": "SELECT count() AS n FROM events"}))["rows"][0]["n"]
    devices = line.rows("/devices")[0]
    return [] if events and devices else [f"questions had no answer: {events} events, {len(devices)} devices"]


def _fill(filler: Path, place: Path, left: int) -> None:
    """Fill a disk up to `left` bytes."""
    with filler.open("wb", buffering=0) as file:
        try:
            while (free := _free(place)) > left:
                file.write(bytes(min(MIB, free - left)))
        except OSError:
            return


def _free(place: Path) -> int:
    found = os.statvfs(place)
    return found.f_bavail * found.f_frsize


@contextmanager
def _small_disk(place: Path) -> Iterator[bool]:
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={DISK}", "chaos", str(place)], capture_output=True, check=False
    )
    if done.returncode:
        yield False
        return
    try:
        yield True
    finally:
        subprocess.run(["umount", "-l", str(place)], check=True)
