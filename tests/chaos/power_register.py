"""Power loss of the register: at each cut it is as it was after the last act that returned, or the one under way."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from carecordon.model.audit import Act as AuditAct
from carecordon.model.kept import Commit
from carecordon.register.backends import sqlite
from carecordon.register.backends.sqlite import SQLITE
from carecordon.register.register import Register
from tests.chaos.dbapi import clothe
from tests.chaos.disk import Act, Disk, Receipt
from tests.chaos.outcome import Options, Outcome
from tests.chaos.recorder import recording
from tests.register.example import NOW, device, dump, notice
from tests.register.test_effect_once import Town

COPY_BACK_AT = 200_000
"""So that a short life has its checkpoints."""
REOPEN = 60


def power_register(folder: Path, options: Options) -> Outcome:
    """Let the power fail at `options.cuts` points, once with nothing unsynced there and once with any part of it."""
    acts = record(folder / "life", options.seed, 2 * options.cuts)
    faults: list[str] = []
    for some in (False, True):
        faults += broken(folder / f"cuts-{some}", acts, options, some=some)
    receipts = sum(isinstance(act, Receipt) for act in acts)
    line = f"2 x {options.cuts} cuts of {len(acts):,} acts ({receipts} receipts): {len(faults)} broken or missing"
    return Outcome("power-register", line, faults)


def broken(folder: Path, acts: list[Act], options: Options, *, some: bool) -> list[str]:
    """Return what is wrong at cuts drawn from the seed; `some`: any part of what was not synced may be there."""
    folder.mkdir()
    rng = random.Random(options.seed)
    told = [number for number, act in enumerate(acts) if isinstance(act, Receipt)]
    half = options.cuts // 2
    behind = [number + 1 for number in told]
    cuts = sorted(rng.sample(behind, half) + rng.sample(range(told[0] + 1, len(acts)), options.cuts - half))
    disk, at, faults = Disk(), 0, []
    for number, cut in enumerate(cuts):
        disk.apply(acts[at:cut])
        at = cut
        coming = next((act.what for act in acts[cut:] if isinstance(act, Receipt)), None)
        place = folder / f"{number}"
        disk.write_to(place, rng if some else None)
        faults += [f"cut {number} at act {cut}: {one}" for one in _wrong(place, disk.receipts, coming)]
    return faults


def _wrong(place: Path, receipts: list[object], coming: object) -> list[str]:
    path = place / "register.db"
    try:
        with closing(SQLITE.open_register(str(path))) as register:
            found = [*register.check(), *(f"audit: {one}" for one in register.audit.verify())]
            state = _state(path)
            if state not in (receipts[-1], coming):
                where = "an older one" if state in receipts else "none that ever was"
                found.append(f"its state is {where} (of {len(receipts)})")
            register.checkpoints.set("after", b"it goes on")
        return found
    except Exception as fault:  # noqa: BLE001  # whatever it is, the register did not come back
        return [f"it does not open: {type(fault).__name__}: {fault}"]


def record(folder: Path, seed: int, turns: int) -> list[Act]:
    """Return the acts of one life, with a receipt (a hash of everything in it) behind each act that returned."""
    folder.mkdir()
    path = folder / "register.db"
    rng = random.Random(seed)
    with recording(folder) as recorder, pytest.MonkeyPatch.context() as patch:
        clothe(patch, recorder)
        patch.setattr(sqlite, "COPY_BACK_AT", COPY_BACK_AT)
        patch.setattr(sqlite, "_sync", recorder.sync)
        SQLITE.prepare(str(path))
        register = SQLITE.open_register(str(path))
        life = _Life(rng, seed)
        recorder.receipt(_state(path))
        for turn in range(turns):
            life.act(register, turn)
            recorder.receipt(_state(path))
            if turn % REOPEN == REOPEN - 1:
                register.close()
                register = SQLITE.open_register(str(path))
        register.close()
        return list(recorder.acts)


class _Life:
    """What triage, workers, carry and the gate write, in turns that a seed draws."""

    def __init__(self, rng: random.Random, seed: int) -> None:
        self._rng = rng
        self._town = Town(seed)
        self._position = 0

    def act(self, register: Register, turn: int) -> None:
        """Do one thing that is on disk when it returns."""
        acts: list[Callable[[Register, int], None]] = [self._commit, self._commit, self._point, self._send, self._admit]
        self._rng.choice(acts)(register, turn)

    def _commit(self, register: Register, turn: int) -> None:
        told = self._town.step()
        records: dict[tuple[str, ...], bytes | None] = {("last",): b"%d" % turn, (f"{turn % 9}",): bytes(turn * 20)}
        commit = Commit(NOW + turn, self._position, turn + 1, records, told, notices=[notice(one.id) for one in told])
        register.cases.commit(commit)
        self._position = turn + 1

    def _point(self, register: Register, turn: int) -> None:
        register.checkpoints.set(f"shard-{turn % 2}", b"%d" % turn + bytes(turn))

    def _send(self, register: Register, turn: int) -> None:
        due = register.outbox.due(NOW + 10**6, 3)
        if due:
            register.outbox.begun([one.number for one in due], NOW + turn)
        else:
            self._point(register, turn)

    def _admit(self, register: Register, turn: int) -> None:
        if self._rng.random() < 0.5:
            register.devices.add(device(turn), "chaos", NOW + turn)
        else:
            register.audit.add([AuditAct("ada", "ask", str(turn))], NOW + turn)


def _state(path: Path) -> str:
    return hashlib.sha256(repr(dump(path)).encode()).hexdigest()
