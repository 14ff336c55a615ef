"""Many starts of one program by one other, each with another command: the first told one by one, the rest as one."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from carecordon.report.story.runs import Run

ONE_BY_ONE = 5
CROWD = 8
"""So many runs are a crowd: its first ONE_BY_ONE stay, and each that shows a rule for the first time."""
_KIND = "process_start"

Who = tuple[object, ...]


def without_crowds(runs: Sequence[Run]) -> list[Run]:
    """Return the runs, which come in order of time, with each crowd's rest as one run in the place of its first."""
    crowds: dict[Who, list[Run]] = {}
    for run in runs:
        if run.kind.key == _KIND:
            crowds.setdefault(_who(run), []).append(run)
    merged = {id(run) for crowd in crowds.values() for run in _rest(crowd)}
    heads: dict[Who, Run] = {}
    kept: list[Run] = []
    for run in runs:
        if id(run) not in merged:
            kept.append(run)
        elif (head := heads.get(_who(run))) is None:
            heads[_who(run)] = run
            kept.append(run)
        else:
            head.absorb(run)
    return kept


def _who(run: Run) -> Who:
    values = (run.values.get(slot, "").lower() for slot in ("parent", "image"))
    return (run.event.device, run.phase, *values)


def _rest(crowd: Sequence[Run]) -> Iterable[Run]:
    if len(crowd) < CROWD:
        return
    shown: set[str] = set()
    for place, run in enumerate(crowd):
        is_new = bool(run.rules.keys() - shown)
        shown |= run.rules.keys()
        if place >= ONE_BY_ONE and not is_new:
            yield run
