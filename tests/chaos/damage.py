"""Torn and bit-flipped ends of files: what reads them says so, keeps the rest, and does not die of them."""

from __future__ import annotations

import random
import shutil
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path

import msgspec

from carecordon.agent.queued import Part as Spooled
from carecordon.agent.rank import Rank
from carecordon.agent.spool import Spool
from carecordon.hub.backup.forgotten import forgotten, look_at_end, told
from carecordon.hub.config import Paths
from carecordon.hub.worker.checkpoint import DETECT, STORE, Checkpoint, name_of
from carecordon.model.audit import Act
from carecordon.model.errors import TheirFault
from carecordon.model.stream import Part
from carecordon.register.backends.sqlite import SQLITE as REGISTER
from carecordon.stream.backends.sqlite import SQLITE as STREAM
from tests.agent.spooling import TELL, batch
from tests.chaos.outcome import Options, Outcome
from tests.register.example import NOW, device

TAIL = 6_000
"""Bytes from the end that are damaged."""
PARTS = 60
END = "end"
"""The number of the last entry in a register's audit log."""
Open = Callable[[Path], str]
"""Opens what is in a folder and returns what became of it: `whole`, `told` (less, and it says so), `less`, `shut`."""


def damage(folder: Path, options: Options) -> Outcome:
    """Tear or flip the ends of a log, a register's write-ahead log and a spool; open each twice."""
    rng = random.Random(options.seed)
    kinds = (("stream", _stream, _open_stream), ("register", _register, _open_register), ("spool", _spool, _open_spool))
    faults: list[str] = []
    words: list[str] = []
    for name, make, look in kinds:
        origin = folder / name
        origin.mkdir(parents=True)
        files = make(origin)
        counted: dict[str, int] = {}
        for number in range(options.cuts):
            place = folder / f"{name}-{number}"
            shutil.copytree(origin, place)
            how = _spoil(place / rng.choice(files), rng)
            try:
                became = look(place)
                again = look(place)
                if became == "less":
                    faults.append(f"{name} {how}: something is gone, and nobody is told")
                if became == "shut" or again == "shut":
                    faults.append(f"{name} {how}: it does not open any more")
            except Exception as fault:  # noqa: BLE001  # whatever it is, it would be a crash loop
                became = "crash"
                faults.append(f"{name} {how}: {type(fault).__name__}: {fault}")
            counted[became] = counted.get(became, 0) + 1
            shutil.rmtree(place)
        words.append(f"{name}: " + ", ".join(f"{number} {became}" for became, number in sorted(counted.items())))
    return Outcome("damage", f"{options.cuts} torn or flipped ends each; " + "; ".join(words), faults)


def _spoil(path: Path, rng: random.Random) -> str:
    content = bytearray(path.read_bytes())
    at = rng.randrange(max(0, len(content) - TAIL), len(content))
    if rng.random() < 0.5:
        path.write_bytes(content[:at])
        return f"{path.name} torn at {at} of {len(content)}"
    content[at] ^= 1 << rng.randrange(8)
    path.write_bytes(content)
    return f"{path.name} flipped at {at} of {len(content)}"


def _stream(folder: Path) -> list[str]:
    with closing(STREAM.open(str(folder / "log.db"), 2)) as stream:
        for number in range(PARTS):
            stream.publish([Part("ward", 7, number, number, bytes([number]) * 700)], NOW)
        _copy_open(folder)
    return _back(folder)


def _open_stream(folder: Path) -> str:
    try:
        stream = STREAM.open(str(folder / "log.db"), None)
    except (TheirFault, OSError):
        return "shut"
    with closing(stream):
        partition = stream.partition_of("ward")
        got: list[int] = []
        with suppress(OSError, TheirFault):
            for entry in stream.pull(partition, 0, 1 << 24):
                assert entry.part.data == bytes([entry.part.first % 256]) * len(entry.part.data), "changed, not told"
                got.append(entry.part.first)
        damaged = stream.damaged()
        with suppress(OSError, TheirFault):
            stream.publish([Part("other", 7, 0, 0, b"x")], NOW)
        return "whole" if len(got) == PARTS else "told" if damaged else "less"


def _register(folder: Path) -> list[str]:
    """Write what a hub writes, with what is written elsewhere behind it: a worker's turn follows each."""
    paths = Paths(folder, folder)
    paths.events.parent.mkdir()
    REGISTER.prepare(str(paths.register))
    with (
        closing(STREAM.open(str(paths.events), 1)) as events,
        closing(STREAM.open(str(paths.found), 1)),
        closing(REGISTER.open_register(str(paths.register))) as register,
    ):
        for number in range(PARTS):
            register.devices.add(device(number), "chaos", NOW)
            register.audit.add([Act("ada", "ask", str(number))], NOW)
            events.publish([Part("ward", 7, number, number, b"x")], NOW)
            at = Checkpoint(events.epoch, number + 1, number + 1)
            register.checkpoints.set(name_of(0), msgspec.msgpack.encode(at))
            for consumer in (DETECT, STORE):
                events.ack(consumer, 0, number + 1)
        (folder / END).write_text(str(register.audit.head().number), "ascii")
        _copy_open(folder)
    return _back(folder)


def _open_register(folder: Path) -> str:
    paths = Paths(folder, folder)
    try:
        forgotten(paths, look_at_end(paths), NOW)
        register = REGISTER.open_register(str(paths.register))
    except (TheirFault, OSError):
        return "shut"
    with closing(register):
        if register.check() or register.audit.verify() or told(register):
            return "told"
        register.checkpoints.set("after", b"x")
        return "whole" if register.audit.head().number == int((folder / END).read_text("ascii")) else "less"


def _spool(folder: Path) -> list[str]:
    spool = Spool(folder, TELL)
    for number in range(PARTS):
        spool.append([Spooled(Rank.PROCESS, number, number, batch(number, 1))])
    spool.close()
    return [path.name for path in folder.iterdir() if path.suffix == ".seg" or path.name == "tally"]


def _open_spool(folder: Path) -> str:
    spool = Spool(folder, TELL)
    with closing(spool):
        old, new = spool.carried, spool.epoch
        if sum(one.last - one.first + 1 for one in spool.read(old, -1, 1 << 24) if one.last < PARTS) == PARTS:
            return "whole"
        return "told" if old != new and spool.read(new, -1, 1 << 24) else "less"


def _copy_open(folder: Path) -> None:
    """Keep the files as a power cut leaves them: with their write-ahead logs."""
    shutil.copytree(folder, folder.with_name(f"{folder.name}-held"), ignore=shutil.ignore_patterns("*-shm"))


def _back(folder: Path) -> list[str]:
    held = folder.with_name(f"{folder.name}-held")
    shutil.rmtree(folder)
    held.rename(folder)
    return [path.name for path in folder.iterdir() if path.name.endswith("-wal")]
