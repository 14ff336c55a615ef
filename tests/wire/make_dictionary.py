"""`python -m tests.wire.make_dictionary`: trains the codec's dictionary on small batches of made-up hospitals.

The same code, seeds and zstd give the same dictionary. One that was ever in a release is never made anew: frames name
their dictionary, and a changed one gets the next number and a file of its own.
"""

from __future__ import annotations

import base64
import random
import textwrap
from collections import defaultdict
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import zstandard

from carecordon.exercise.life import Span
from carecordon.exercise.recording import Recording
from carecordon.exercise.scenarios import all_scenarios
from carecordon.model.batch import Row, Rows, Table
from carecordon.model.block import Bad, Run
from carecordon.model.gather import gather
from carecordon.pipeline.ingest.normalise import Normaliser
from carecordon.wire import codec, frame

NUMBER = 1
ID = 40_000 + NUMBER
SIZE = 32 * 1024
MOST = 3
"""Events in a batch, of which a calm device sends one to three."""
COUNT = 3_000
WORLDS = (("friday", 3, Span(8.9, 9.7)), ("quiet", 4, Span(6, 22)), ("hands-on", 5, Span(9, 10.7)))
PATH = Path(__file__).resolve().parents[2] / "carecordon" / "wire" / f"dictionary_{NUMBER}.py"
HEAD = f'''"""Dictionary {NUMBER} of the codec, zstd and base85, made by `python -m tests.wire.make_dictionary`."""

from __future__ import annotations

ID = {ID}
PACKED = """
'''


def small_batches(scenario: str, seed: int, span: Span, most: int = MOST) -> Iterator[Table]:
    """Yield batches as the devices of a hospital would send them: one device's, of one to `most` events."""
    normaliser, rng = Normaliser(None), random.Random(seed)
    waiting: dict[str | None, list[Row]] = defaultdict(list)
    for document, _ in Recording(all_scenarios()[scenario], seed, span=span).lines():
        rows, _ = normaliser.read(Run(1, [document]))
        for row in rows:
            assert not isinstance(row, Bad)
            waiting[row[3]].append(row)
            if len(waiting[row[3]]) >= rng.randint(1, most):
                yield gather(Rows.of(waiting.pop(row[3])))


def train() -> bytes:
    """Return the dictionary."""
    samples: list[bytes | bytearray | memoryview] = [
        frame.unpack(codec.encode(table))
        for scenario, seed, span in WORLDS
        for table in islice(small_batches(scenario, seed, span), COUNT)
    ]
    random.Random(NUMBER).shuffle(samples)
    trained = zstandard.train_dictionary(SIZE, samples, dict_id=ID, level=frame.LEVEL, k=256, d=8, f=20, accel=1)
    return trained.as_bytes()


def main() -> None:
    """Write the file."""
    packed = base64.b85encode(zstandard.ZstdCompressor(level=19).compress(train())).decode("ascii")
    lines = "\n".join(textwrap.wrap(packed, 116))
    PATH.write_text(f'{HEAD}{lines}\n"""\n', "ascii")


if __name__ == "__main__":
    main()
