"""A table as signatures: for each row the numbers of what its values satisfy, side by side as bytes.

Each distinct value of the columns that plans ask for is looked up once. All rows of all plans
are then put together at once, without a step of Python a row.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from carecordon.model.batch import ABSENT, Table
from carecordon.pipeline.detect.sigma.plan import Plan
from carecordon.pipeline.detect.sigma.program import Program

_MISSING = -1
"""The line of a field that the table does not have."""


def signatures(
    program: Program, table: Table, order: npt.NDArray[np.intp], plans: Sequence[Plan], counts: Sequence[int]
) -> list[bytes]:
    """Return the signatures of a table's rows in `order`: the first `counts[0]` are for `plans[0]`, and so on.

    A number takes four bytes; behind those of the plan's fields stand zeros up to the program's widest plan.
    """
    columns = table.columns
    line_of = np.full(len(program.fields) + 1, _MISSING, np.intp)
    start_of = np.ones(len(program.fields) + 1, np.intp)
    known = [0]  # first, and before the numbers of each column, what the index ABSENT finds
    for place in {place for plan in plans for place in plan.places}:
        name, memo = program.fields[place]
        line = columns.places.get(name)
        if line is not None:
            known.append(0)
            line_of[place], start_of[place] = line, len(known)
            known.extend(map(memo.__getitem__, columns.values(line)))
    if len(known) == 1:
        return [bytes(4 * program.widest)] * len(order)
    asked = np.full((len(plans), program.widest), len(program.fields))
    for places, plan in zip(asked, plans, strict=True):
        places[: len(plan.places)] = plan.places
    lines = line_of[asked].repeat(counts, axis=0)
    index = columns.index[lines, order[:, None]]
    index[lines == _MISSING] = ABSENT
    numbers = np.array(known, "i")[index + start_of[asked].repeat(counts, axis=0)]
    found: list[bytes] = numbers.view(f"V{4 * program.widest}").ravel().tolist()
    return found
