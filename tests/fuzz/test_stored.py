"""Hostile batches kept by a real keeper: each event comes back as it was sent."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest

from carecordon.hub.worker.merge import joined
from carecordon.model.merged import Merged
from carecordon.telemetry import native
from carecordon.telemetry.answer import Stopped
from carecordon.telemetry.question.ready import Ready
from carecordon.telemetry.restore import SELECTED, stored
from tests.fuzz.merging import compare, merged_of, rows, told
from tests.fuzz.native_read import column_of
from tests.telemetry.keeping import Keeping, keeping

CONTENTS = 150


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Keeping]:
    with keeping(tmp_path_factory.mktemp("keeper")) as found:
        yield found


def hostile(number: int) -> Merged:
    """Return a hostile batch under epochs of its own."""
    merged = merged_of(random.Random(f"kept:{number}"))
    return replace(merged, epoch=merged.epoch + 10 * number)


def test_hostile_batches_come_back_from_a_real_store(kept: Keeping) -> None:
    batches = [hostile(number) for number in range(CONTENTS)]
    telemetry, reader = kept.telemetry(), kept.reader()
    for start in range(0, CONTENTS, 10):
        telemetry.insert(joined(batches[start : start + 10]), f"hostile:{start}")
    asked = f"SELECT {SELECTED} FROM events ORDER BY epoch, sequence"  # noqa: S608  # constants of ours
    kept_rows = reader._rows(Ready(asked, {}))
    assert not isinstance(kept_rows, Stopped)
    found = [told(stored(row)) for row in kept_rows]
    telemetry.close()
    reader.close()
    wanted = [row for batch in batches for row in rows(batch)]
    assert len(wanted) > CONTENTS * 10
    compare(sorted(found, key=_place), sorted(wanted, key=_place))


def _place(row: tuple[object, ...]) -> tuple[str, object]:
    return str(row[0]), row[1]


@pytest.mark.parametrize("keys", [1, 256, 257, 65_536, 65_537])
def test_a_dictionary_of_any_size_is_written_and_read(keys: int) -> None:
    texts = [native.text(str(number).encode()) for number in range(keys)]
    made = native.low_cardinality(texts, np.arange(keys, dtype=np.int64)[::-1])
    assert column_of("LowCardinality(String)", made, keys) == [str(number) for number in reversed(range(keys))]
