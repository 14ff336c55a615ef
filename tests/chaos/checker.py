"""What a hub has, held against the fleet's own account: nothing acknowledged is missing, nothing is there twice."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from carecordon.exercise.fleet.ledger import Account, Act, acknowledged, marks, read_ledger
from carecordon.exercise.fleet.member import Planted
from carecordon.hub.config import Paths
from carecordon.hub.keeper.store import open_reader
from carecordon.model.kept import AlertQuery, AlertRow, IncidentQuery
from carecordon.register.backends.sqlite import SQLITE as REGISTER
from carecordon.register.identity import alert_of, incident_of
from carecordon.telemetry.answer import Answer, Ceiling
from carecordon.telemetry.backends.clickhouse import ClickHouseReader
from tests.chaos.load import RULE, Played
from tests.chaos.trust import Trust

SETTLE_S = 120.0
CALM_S = 3.0
ROWS = 1_000_000
Key = tuple[str, int]


@dataclass
class Verdict:
    """What was found; all but the counts of what is right must be 0."""

    acknowledged: int = 0
    stored: int = 0
    stored_after_s: float = 0.0
    """How long behind the last event everything was stored and told."""
    lost: list[str] = field(default_factory=list)
    twice: list[str] = field(default_factory=list)
    strange: list[str] = field(default_factory=list)
    """In the store, and never written by any device."""
    planted: int = 0
    unseen: list[str] = field(default_factory=list)
    """Planted, and in no alert."""
    alerts: int = 0
    alerts_twice: list[str] = field(default_factory=list)
    notices: int = 0
    notices_repeated: int = 0
    notices_too_often: list[str] = field(default_factory=list)
    notices_waiting: int = 0
    letters: list[str] = field(default_factory=list)

    @property
    def faults(self) -> list[str]:
        """Return everything that is wrong, in words."""
        return [
            f"{name}: {len(found)}, such as {found[0]}"
            for name in ("lost", "twice", "strange", "unseen", "alerts_twice", "notices_too_often", "letters")
            if (found := getattr(self, name))
        ] + [
            words
            for words, is_so in (
                (f"notices that never went: {self.notices_waiting}", self.notices_waiting),
                ("nothing was acknowledged: there was nothing to hold the hub to", not self.acknowledged),
            )
            if is_so
        ]

    def line(self) -> str:
        """Return the figures in one line."""
        return (
            f"{self.acknowledged:,} acknowledged, {self.stored:,} stored (after {self.stored_after_s:.0f} s), "
            f"{len(self.lost)} lost, "
            f"{len(self.twice)} twice; {self.planted} planted, {len(self.unseen)} unseen, {self.alerts} alerts, "
            f"{len(self.alerts_twice)} twice; {self.notices} notices, {self.notices_repeated} repeated, "
            f"{len(self.notices_too_often)} too often"
        )


def check(
    trust: Trust, played: Played, told: Callable[[], Sequence[str]] = tuple, within_s: float = SETTLE_S
) -> Verdict:
    """Wait until the hub has worked on all, and hold it against the account; `told`: ids of notices, as they came.

    Storing follows as fast as it can: it is waited for as long as less is missing each time, `within_s` for the next.
    """
    began = time.monotonic()
    end = began + within_s
    account = read_ledger(played.ledger)
    verdict = Verdict()
    calm = 0.0
    least: int | None = None
    while time.monotonic() < end:
        verdict = judge(trust.paths, account, played.planted, told())
        if least is None or len(verdict.lost) < least:
            least, end = len(verdict.lost), time.monotonic() + within_s
        is_calm = not (verdict.lost or verdict.unseen or verdict.notices_waiting)
        calm = (calm or time.monotonic()) if is_calm else 0.0
        if is_calm and time.monotonic() - calm > CALM_S:
            break
        time.sleep(0.5)
    verdict.stored_after_s = (calm or time.monotonic()) - began
    return verdict


def judge(paths: Paths, account: Account, planted: Sequence[Planted], told: Sequence[str]) -> Verdict:
    """Return what there is to say of a hub now."""
    verdict = Verdict()
    try:
        _store(paths, account, verdict)
    except ConnectionError as fault:
        verdict.lost.append(f"the store does not answer: {fault}")
    _register(paths, planted, verdict)
    counted = Counter(told)
    verdict.notices = len(counted)
    verdict.notices_repeated = sum(number - 1 for number in counted.values())
    verdict.notices_too_often = [name for name, number in counted.items() if number > 2]
    return verdict


def _store(paths: Paths, account: Account, verdict: Verdict) -> None:
    needed: dict[Key, set[int]] = {}
    for device, epoch, first, last in acknowledged(account):
        needed.setdefault((device, epoch), set()).update(range(first, last + 1))
    verdict.acknowledged = sum(map(len, needed.values()))
    upto = {key: mark for key, mark in marks(account).items() if key in needed}
    written: dict[Key, int] = {}
    for entry in account.entries:
        if entry.act is not Act.ACKNOWLEDGED:
            key = (account.devices[entry.device], entry.epoch)
            written[key] = max(written.get(key, -1), entry.last)
    reader = open_reader(paths)
    try:
        asked = (
            "SELECT sender, epoch, count() AS n, uniqExact(sequence) AS u, min(sequence) AS a, max(sequence) AS b "
            "FROM events GROUP BY sender, epoch"
        )
        there = {(str(sender), int(epoch)): (n, u, a, b) for sender, epoch, n, u, a, b in rows_of(reader, asked)}
        verdict.stored = sum(int(n) for n, *_ in there.values())
        for key, numbers in needed.items():
            n, unique, low, high = there.get(key, (0, 0, 0, -1))
            is_gapless = unique == high - low + 1 and low <= min(numbers) and high >= upto[key]
            if n != unique or not is_gapless:
                _compare(reader, key, numbers, verdict)
        ours = {device for device, _ in needed}
        for key, (_, _, _, high) in there.items():
            if key[0] in ours and high > written.get(key, -1):
                verdict.strange.append(f"{key} up to {high}")
            if key not in needed and there[key][0] != there[key][1]:
                verdict.twice.append(str(key))
    finally:
        reader.close()


def _compare(reader: ClickHouseReader, key: Key, numbers: set[int], verdict: Verdict) -> None:
    """Look at each number of a device's epoch."""
    asked = f"SELECT sequence FROM events WHERE sender = '{key[0]}' AND epoch = {key[1]}"  # noqa: S608  # ids of ours
    found = Counter(int(sequence) for (sequence,) in rows_of(reader, asked))
    verdict.lost += [f"{key[0]}/{key[1]} number {number}" for number in sorted(numbers - found.keys())]
    verdict.twice += [f"{key[0]}/{key[1]} number {number}" for number, times in found.items() if times > 1]


def rows_of(reader: ClickHouseReader, sql: str) -> list[tuple[Any, ...]]:
    """Return a whole answer. Raises ConnectionError where there is none."""
    answer = reader.ask(sql, Ceiling(seconds=60, rows=ROWS))
    if not isinstance(answer, Answer) or answer.is_cut:
        raise ConnectionError(f"no whole answer: {answer}"[:300])
    return [tuple(row) for row in answer.rows]


def _register(paths: Paths, planted: Sequence[Planted], verdict: Verdict) -> None:
    register = REGISTER.open_register(str(paths.register))
    try:
        alerts = _alerts(register.cases.alerts)
        incidents = register.cases.incidents(IncidentQuery(limit=100_000))
        standing = [register.cases.incident(row.number) for row in incidents]
        counts = register.outbox.count()
        verdict.letters = [f"{row.letter.where}: {row.letter.reason}" for row in register.letters.all(limit=20)]
    finally:
        register.close()
    verdict.alerts = len(alerts)
    verdict.notices_waiting = sum(number for state, number in counts.items() if state not in {"done", "failed"})
    samples: Counter[tuple[str, int, str]] = Counter()
    for row in alerts:
        sample = alert_of(row.body).sample
        samples[(sample.file, sample.position, row.rule_id)] += 1
    verdict.alerts_twice += [str(one) for one, times in samples.items() if times > 1]
    same = Counter((row.rule_id, row.device, row.entity) for row in alerts)
    verdict.alerts_twice += [str(one) for one, times in same.items() if times > 1]
    places: Counter[tuple[str, int, str]] = Counter()
    for one in standing:
        if one is not None:
            places.update({(place.file, place.position, place.rule_id) for place in incident_of(one.body).places})
    verdict.alerts_twice += [f"in two incidents: {one}" for one, times in places.items() if times > 1]
    sent = [one for one in planted if one.acknowledged is not None]
    verdict.planted = len(sent)
    verdict.unseen += [f"none of {len(planted)} planted was acknowledged"] if planted and not sent else []
    by_place = {_place(row): row for row in alerts if row.rule_id == RULE}
    for plant in sent:
        place = (f"{plant.device}/{plant.epoch}", plant.number)
        found = by_place.get(place)
        if found is None or samples[(*place, RULE)] != 1:
            verdict.unseen.append(f"{place}")
        elif found.count != 1:
            verdict.alerts_twice.append(f"{place} counted {found.count} times")


def _place(row: AlertRow) -> tuple[str, int]:
    sample = alert_of(row.body).sample
    return sample.file, sample.position


def _alerts(ask: Callable[[AlertQuery], list[AlertRow]]) -> list[AlertRow]:
    found: list[AlertRow] = []
    before: tuple[int, str] | None = None
    while some := ask(AlertQuery(before=before, limit=5_000)):
        found += some
        before = (some[-1].first, some[-1].id)
    return found
