"""One of several processes that write to the same register at once: run with its place, a name and how often."""

from __future__ import annotations

import sys

from carecordon.model.audit import Act
from carecordon.model.device import EnrolToken
from carecordon.register.backends.sqlite import SQLITE
from tests.register.example import NOW, device


def main() -> None:
    """Enrol devices with the one token that all share, set checkpoints, write to the audit log; print who came in."""
    place, name, times = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    register = SQLITE.open_register(place)
    print("ready", flush=True)
    sys.stdin.readline()
    entered = 0
    for number in range(times):
        outcome = register.devices.enrol(f"{1:064x}", device(1_000 * name + number), NOW)
        entered += isinstance(outcome, EnrolToken)
        register.checkpoints.set(f"worker {name}", b"%d" % number)
        register.audit.add([Act(f"person {name}", "ask", str(number))], NOW)
        register.devices.changed_since(0)
    register.close()
    print(entered)


if __name__ == "__main__":
    main()
