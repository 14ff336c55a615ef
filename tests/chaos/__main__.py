"""`python -m tests.chaos [SCENARIO...] [--seed N] [--kills N] [--cuts N]`: a line of figures each.

Exit status 1 if one fails or could not be run; what it lacks here is said.
Power cuts of the stream are `tests/chaos/test_stream_power.py`, whole in every run of the tests.
"""

from __future__ import annotations

import argparse
import logging
import signal
import sys
import tempfile
import time
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from tests.chaos.outcome import Options, Outcome
from tests.chaos.scenarios import IN_MEMORY, SCENARIOS
from tests.stream.places import MEMORY


def main() -> int:
    """Run scenarios, each in a folder that is gone afterwards; return 1 unless all is well."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that what was started is ended
    logging.getLogger("asyncio").setLevel(logging.ERROR)  # a fleet whose hub is killed writes to dead sockets
    standard = Options.of()
    options = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    options.add_argument(
        "scenarios", nargs="*", choices=[[], *SCENARIOS], metavar="SCENARIO", help=", ".join(SCENARIOS)
    )
    options.add_argument("--seed", type=int, default=standard.seed)
    options.add_argument("--kills", type=int, default=standard.kills, help="of each process")
    options.add_argument("--cuts", type=int, default=standard.cuts, help="points at which the power fails")
    options.add_argument("--devices", type=int, default=standard.devices)
    options.add_argument("--rate", type=float, default=standard.events_per_s, help="events a second")
    asked = options.parse_args()
    wanted = replace(
        standard,
        seed=asked.seed,
        kills=asked.kills,
        cuts=asked.cuts,
        devices=asked.devices,
        events_per_s=asked.rate,
    )
    return run_all(asked.scenarios or SCENARIOS, wanted)


def run_all(names: Iterable[str], options: Options) -> int:
    """Run scenarios and print what became of each; return 0 where every one was run, and was right and quick."""
    is_good = True
    for name in names:
        began = time.monotonic()
        outcome = run(name, options)
        is_good &= outcome.is_good
        word = "SKIP" if outcome.missing else "ok  " if outcome.is_good else "FAIL"
        print(f"{word} {name} ({time.monotonic() - began:.0f} s): {outcome.line}", flush=True)
        needed = [f"it needs {outcome.missing}"] if outcome.missing else []
        for one in [*needed, *outcome.faults, *outcome.slow]:
            print(f"     {one}"[:500], flush=True)
    return 0 if is_good else 1


def run(name: str, options: Options) -> Outcome:
    """Run one; one that breaks off has failed."""
    memory = MEMORY if name in IN_MEMORY and MEMORY.is_dir() else None
    with tempfile.TemporaryDirectory(prefix="carecordon-chaos-", dir=memory, ignore_cleanup_errors=True) as folder:
        try:
            return SCENARIOS[name](Path(folder), options)
        except Exception as fault:  # noqa: BLE001  # the others are run all the same
            return Outcome(name, "broken off", [f"{type(fault).__name__}: {str(fault)[:1500]}"])


if __name__ == "__main__":
    sys.exit(main())
