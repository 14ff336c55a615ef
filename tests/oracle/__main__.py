"""`python -m tests.oracle [--tenth SEED]`: compares the engine with the plain evaluator and says how many agree."""

import argparse
import sys
import time

from tests.oracle.compare import compare
from tests.oracle.corpora import missing_data


def main() -> int:
    """Runs the comparison; returns 1 if anything differs or the outside data is absent."""
    options = argparse.ArgumentParser(prog="python -m tests.oracle", description=__doc__)
    options.add_argument("--tenth", type=int, metavar="SEED", help="compare a seeded tenth only")
    absent = missing_data()
    if absent is not None:
        print(absent)
        return 1
    began = time.monotonic()
    passed, failed = compare(options.parse_args().tenth)
    print(f"{time.monotonic() - began:.0f} s")
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
