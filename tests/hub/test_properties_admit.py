"""What a device sends twice, in whatever pieces and sessions, is admitted once: in the log, in the store, in alerts."""

from __future__ import annotations

import queue
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from carecordon.hub.gate.commit import Committer, Group, Written
from carecordon.hub.news.found import Found
from carecordon.hub.worker.detector import Detector
from carecordon.model.stream import Outcome, Part
from carecordon.stream.backends.sqlite import SQLITE as STREAM
from tests.hub.property_kit import EPOCH, Hub, Memory, founded, part, template
from tests.hub.property_moves import SENT
from tests.hub.property_world import PARTITIONS, SECOND, STARTED, T0, Event, detector_of

PHASES = (Phase.explicit, Phase.generate)
"""What fails is not made smaller: that would take minutes."""
NUMBERS = 24
"""Of each device: so few that no more ranges can be missing than the log remembers."""
LINES = ("quiet", "ransom", "quiet", "knock")
Cut = tuple[int, int, int]
CUTS = st.tuples(st.integers(0, 3), st.integers(0, NUMBERS - 1), st.integers(1, 8))
SESSIONS = st.lists(st.lists(st.lists(CUTS, min_size=1, max_size=4), min_size=1, max_size=4), min_size=1, max_size=3)
"""Gates, one after another; the groups that each writes; of each batch the sender, its first number, and how many."""


def told(sender: str) -> list[Event]:
    """Return all that a device has to tell; half of it matches."""
    fields = [{"CommandLine": f"{LINES[one % 4]} {one}", "ProcessId": 7} for one in range(NUMBERS)]
    return [Event(sender, "ward", STARTED, T0 + one * SECOND, one, fields[one]) for one in range(NUMBERS)]


EVENTS = {sender: told(sender) for sender in SENT[:4]}


def batch(cut: Cut) -> Part:
    sender, first, count = cut
    return part(EVENTS[SENT[sender]], first, min(NUMBERS, first + count) - 1)


def written(path: Path, groups: Sequence[Sequence[Part]]) -> list[Written]:
    """Return what became of groups that a gate which begins now writes; it ends then."""
    answers: queue.Queue[Written] = queue.Queue()
    committer = Committer(lambda: STREAM.open(str(path), PARTITIONS), path.parent, lambda act: act())
    committer.start(lambda _: None, lambda _: None)
    for parts in groups:
        committer.write(Group(parts, [(sender, EPOCH) for sender in EVENTS]), answers.put)
    found = [answers.get(timeout=30) for _ in groups]
    committer.stop()
    return found


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("admit")


@pytest.fixture(scope="module")
def registered(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return template(tmp_path_factory.mktemp("register") / "register.db")


@pytest.fixture(scope="module")
def detector(tmp_path_factory: pytest.TempPathFactory) -> Detector:
    return detector_of(tmp_path_factory.mktemp("detector") / "rules")


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(SESSIONS)
def test_receipts_say_what_is_on_disk_and_nothing_lies_there_twice(
    place: Path, sessions: list[list[list[Cut]]]
) -> None:
    path = founded_log(place)
    held: dict[str, set[int]] = {sender: set() for sender in EVENTS}
    for groups in sessions:
        parts = [[batch(cut) for cut in cuts] for cuts in groups]
        for group, answer in zip(parts, written(path, parts), strict=True):
            assert answer.failure is None
            for one, published in zip(group, answer.published, strict=True):
                own = held[one.sender]
                fresh = set(range(one.first, one.last + 1)) - own
                expected = max(own, default=-1) + 1
                kind = Outcome.GAP if one.first > expected else Outcome.APPENDED
                own |= fresh
                assert published.outcome is (kind if fresh else Outcome.ALREADY)
                assert (published.expected, published.mark) == (expected, max(own))
            assert [tail.mark for tail in answer.tails] == [max(own, default=-1) for own in held.values()]
    assert lying(path) == sorted((sender, number) for sender, own in held.items() for number in own)


def founded_log(place: Path) -> Path:
    path = place / f"{len(list(place.iterdir()))}.db"
    STREAM.open(str(path), PARTITIONS).close()
    return path


def lying(path: Path) -> list[tuple[str, int]]:
    """Return every number that the log holds, as who reads it takes them."""
    log = STREAM.open(str(path), None)
    entries = [entry for partition in range(PARTITIONS) for entry in log.pull(partition, 0, 1 << 30)]
    log.close()
    return sorted(
        (entry.part.sender, number)
        for entry in entries
        for number in range(entry.part.first + entry.skip, entry.part.last - entry.drop + 1)
    )


@settings(
    max_examples=6, phases=PHASES, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(sessions=SESSIONS)
def test_what_is_admitted_twice_is_stored_and_matched_once(
    place: Path, registered: Path, detector: Detector, sessions: list[list[list[Cut]]]
) -> None:
    folder = founded(place / f"hub-{len(list(place.iterdir()))}", registered)
    for groups in sessions:
        written(folder / "1.db", [[batch(cut) for cut in cuts] for cuts in groups])
    hub = Hub(folder, detector, now=T0 + NUMBERS * SECOND)
    for partition in range(PARTITIONS):
        while hub.work(partition):
            pass
    memory, words = hub.telemetry, hub.told()
    hub.close()
    assert isinstance(memory, Memory)
    sent = {
        (SENT[sender], number)
        for groups in sessions
        for cuts in groups
        for sender, first, count in cuts
        for number in range(first, min(NUMBERS, first + count))
    }
    assert [event[:2] for event in memory.events()] == sorted((f"{sender}/{EPOCH}", number) for sender, number in sent)
    matches = [match for word in words if isinstance(word, Found) for match in word.matches]
    assert sorted((match.file, match.position) for match in matches) == sorted(
        (f"{sender}/{EPOCH}", number) for sender, number in sent if number % 2
    )
