"""The port against a real keeper: whole events, once, and the ready questions about them."""

from __future__ import annotations

import itertools
import socket
import threading
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from carecordon.console.api.ready import LONGEST_TEXT
from carecordon.model.event import Fields, Kind, LogSource
from carecordon.model.merged import Merged
from carecordon.telemetry.answer import Answer, Ceiling, Denied, Place, Prevalence
from carecordon.telemetry.backends.clickhouse import ClickHouseReader, ClickHouseTelemetry, Where
from carecordon.telemetry.columns import COLUMNS
from carecordon.telemetry.store import DAY
from tests.telemetry.keeping import NOW, PROCESS, SECOND, SYSMON, Keeping, merged
from tests.telemetry.test_values import VALUES

NAMES = st.one_of(st.sampled_from([column.name for column in COLUMNS]), st.text(min_size=1, max_size=8))
EVENTS = st.lists(st.dictionaries(NAMES, VALUES, max_size=6), min_size=1, max_size=6)
EPOCHS = itertools.count(1_000)
FOR_EVER = (-(1 << 62), 1 << 62)


@pytest.fixture
def store(kept: Keeping) -> Iterator[ClickHouseTelemetry]:
    found = kept.telemetry()
    yield found
    found.close()


@pytest.fixture(scope="module")
def reader(kept: Keeping) -> Iterator[ClickHouseReader]:
    found = kept.reader()
    yield found
    found.close()


def whole(batch: Merged, reader: ClickHouseReader) -> None:
    """Hold every event of a batch against what the store gives back."""
    for row in range(len(batch)):
        found = reader.event(Place(batch.senders[batch.sender[row]], int(batch.epoch[row]), int(batch.sequence[row])))
        assert found is not None
        header = batch.table.header(row)
        assert repr(sorted(found.fields.items())) == repr(sorted(batch.table.complete(row).items()))
        assert (found.kind, found.device, found.time) == (header.kind, header.device, header.time)
        assert found.received == batch.received[row]
        assert found.file == batch.file(row)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(EVENTS)
def test_events_come_back_whole(kept: Keeping, reader: ClickHouseReader, events: list[Fields]) -> None:
    epoch = next(EPOCHS)
    batch = merged(events, epoch=epoch)
    telemetry = kept.telemetry()
    telemetry.insert(batch, f"whole:{epoch}")
    telemetry.close()
    whole(batch, reader)


def test_headers_come_back(store: ClickHouseTelemetry, reader: ClickHouseReader) -> None:
    kinds = [
        PROCESS,
        Kind(None, None, None),
        Kind("", "", 0),
        Kind(None, None, None, LogSource("linux", None, "auditd")),
        Kind("Security", None, -1, LogSource()),
    ]
    batch = merged(
        [
            {"Image": "", "ParentImage": None, "ProcessId": "0x1f"},
            {},
            {"ProcessId": 0},
            {"LogonType": "3"},
            {"User": 7},
        ],
        kinds=kinds,
        devices=["a.example.org", None, "", "a.example.org", None],
        times=[NOW, None, 0, -1, NOW + 4_000 * DAY],
        epoch=next(EPOCHS),
    )
    store.insert(batch, "headers")
    whole(batch, reader)


def _count(reader: ClickHouseReader, epoch: int) -> object:
    found = reader.ask(f"SELECT count() FROM events WHERE epoch = {epoch}")  # noqa: S608  # constants of the test
    assert isinstance(found, Answer)
    return found.rows[0][0]


def test_a_token_counts_once_and_another_again(store: ClickHouseTelemetry, reader: ClickHouseReader) -> None:
    epoch = next(EPOCHS)
    batch = merged([{"Image": "a"}, {"Image": "b"}], epoch=epoch)
    for _ in range(5):
        store.insert(batch, f"once:{epoch}")
    assert _count(reader, epoch) == 2
    store.insert(batch, f"again:{epoch}")
    assert _count(reader, epoch) == 4


def test_of_a_token_only_what_is_missing_is_added(store: ClickHouseTelemetry, reader: ClickHouseReader) -> None:
    """A crash between the parts of two days leaves one of them: the same range again completes it."""
    epoch = next(EPOCHS)
    store.insert(merged([{"Image": "a"}], epoch=epoch), f"parts:{epoch}")
    store.insert(merged([{"Image": "a"}, {"Image": "b"}], epoch=epoch, times=[NOW, NOW - DAY]), f"parts:{epoch}")
    assert _count(reader, epoch) == 2


def test_without_a_keeper_it_cannot_be_reached() -> None:
    with socket.create_server(("127.0.0.1", 0)) as held:
        port = held.getsockname()[1]
    found = ClickHouseTelemetry(lambda: Where("127.0.0.1", port, "worker", "x"))
    with pytest.raises(ConnectionError):
        found.insert(merged([{"Image": "a"}]), "t")


def test_a_wrong_secret_cannot_reach_it(kept: Keeping) -> None:
    found = ClickHouseTelemetry(lambda: Where("127.0.0.1", kept.address.port, "worker", "x"))
    with pytest.raises(ConnectionError):
        found.insert(merged([{"Image": "a"}]), "t")


DEVICE = "ward-pc-9.example.org"
GUIDS = [f"{{00000000-0000-0000-0000-00000000000{number}}}" for number in range(5)]


@pytest.fixture(scope="module")
def family(kept: Keeping) -> Merged:
    """A process, its child, two grandchildren and a stranger, and what some of them did."""
    tree: list[Fields] = [
        {"ProcessGuid": GUIDS[0], "ParentProcessGuid": "{x}", "Image": "C:\\Windows\\explorer.exe", "ProcessId": 40},
        {"ProcessGuid": GUIDS[1], "ParentProcessGuid": GUIDS[0], "Image": "C:\\Office\\word.exe", "ProcessId": "41"},
        {
            "ProcessGuid": GUIDS[2],
            "ParentProcessGuid": GUIDS[1],
            "CommandLine": "powershell -enc QUJD",
            "ProcessId": 42,
        },
        {"ProcessGuid": GUIDS[3], "ParentProcessGuid": GUIDS[1], "Image": "C:\\Windows\\cmd.exe", "ProcessId": 43},
        {"ProcessGuid": GUIDS[4], "ParentProcessGuid": "{y}", "Image": "C:\\Windows\\cmd.exe", "ProcessId": 44},
        {"ProcessGuid": GUIDS[2], "DestinationIp": "192.0.2.7", "DestinationPort": "443", "Extra": "Needle in it"},
        {"NewProcessId": "0x2B", "Unit": "100%_x"},
    ]
    kinds = [*[PROCESS] * 5, Kind(SYSMON, None, 3), Kind("Security", None, 4688)]
    batch = merged(tree, kinds=kinds, devices=[DEVICE] * 7, epoch=next(EPOCHS))
    telemetry = kept.telemetry()
    telemetry.insert(batch, "family")
    telemetry.close()
    return batch


@pytest.mark.usefixtures("family")
class TestReadyQuestions:
    def test_pages(self, reader: ClickHouseReader) -> None:
        numbers: list[int] = []
        after = None
        while True:
            page = reader.events(DEVICE, *FOR_EVER, after, 3)
            numbers += [one.place.sequence for one in page.events]
            after = page.after
            if after is None:
                break
        assert numbers == [1, 2, 3, 4, 5, 6, 7]

    def test_span(self, reader: ClickHouseReader) -> None:
        found = reader.events(DEVICE, NOW + SECOND, NOW + 3 * SECOND).events
        assert [one.place.sequence for one in found] == [2, 3]

    @pytest.mark.parametrize(
        ("text", "numbers"),
        [("NEEDLE", [6]), ("EXPLORER", [1]), ("-enc qujd", [3]), ("%_X", [7]), ("cmd.exe", [4, 5]), ("nowhere", [])],
    )
    def test_search(self, reader: ClickHouseReader, text: str, numbers: list[int]) -> None:
        assert [one.place.sequence for one in reader.search(text, *FOR_EVER, DEVICE).events] == numbers

    def test_tree_has_ancestors_and_all_that_came_of_it(self, reader: ClickHouseReader) -> None:
        for process, family in ((GUIDS[1], GUIDS[:4]), (GUIDS[4], GUIDS[4:])):
            found = reader.process_tree(DEVICE, process, *FOR_EVER)
            assert [one.fields["ProcessGuid"] for one in found.events] == family
            assert found.cut == ""

    def test_events_of_processes(self, reader: ClickHouseReader) -> None:
        found = reader.events_of(DEVICE, [GUIDS[2]], [43], *FOR_EVER).events
        assert [one.place.sequence for one in found] == [3, 4, 6, 7]
        assert reader.events_of(DEVICE, [], [], *FOR_EVER).events == ()

    def test_counts(self, reader: ClickHouseReader) -> None:
        found = reader.counts(["device", "event_id"], *FOR_EVER, DEVICE)
        assert isinstance(found, Answer)
        assert found.rows[0][:4] == (DEVICE, 1, 5, 1)
        assert isinstance(reader.counts(["device) FROM x --"], *FOR_EVER), Denied)

    def test_prevalence(self, reader: ClickHouseReader) -> None:
        for field, value in (("Extra", "Needle in it"), ("ProcessGuid", GUIDS[0]), ("DestinationIp", "192.0.2.7")):
            found = reader.prevalence(field, value)
            assert isinstance(found, Prevalence)
            assert found.devices == 1
            assert found.first is not None
        nobody = reader.prevalence("Image", "nobody's")
        assert isinstance(nobody, Prevalence)
        assert (nobody.devices, nobody.first) == (0, None)
        for value in ("x", "9" * 30, "\u0663", ""):
            assert isinstance(reader.prevalence("ProcessId", value), Denied)

    def test_views(self, reader: ClickHouseReader) -> None:
        found = reader.ask(f"SELECT * FROM DeviceNetworkEvents WHERE DeviceName = '{DEVICE}'")  # noqa: S608  # constants of the test
        assert isinstance(found, Answer)
        row = dict(zip(found.columns, found.rows[0], strict=True))
        assert (row["RemoteIP"], row["RemotePort"], row["InitiatingProcessUniqueId"]) == ("192.0.2.7", 443, GUIDS[2])
        assert "shape" not in found.columns
        found = reader.ask(f"SELECT FileName, ProcessId FROM DeviceProcessEvents WHERE DeviceName = '{DEVICE}'")  # noqa: S608  # constants of the test
        assert isinstance(found, Answer)
        assert found.rows[1] == ("word.exe", 41)
        assert found.rows[-1] == ("", 43)

    def test_an_answer_that_was_cut_says_so(self, reader: ClickHouseReader) -> None:
        found = reader.ask("SELECT sequence FROM events", Ceiling(rows=2))
        assert isinstance(found, Answer)
        assert (len(found.rows), found.is_cut) == (2, True)
        assert "2 rows" in found.why
        joins = " CROSS JOIN ".join(f"events {name}" for name in "abcdefgh")
        heavy = f"SELECT groupArray(a.CommandLine) FROM {joins}"  # noqa: S608  # constants of the test
        found = reader.ask(heavy, Ceiling(seconds=1, memory_bytes=30_000_000))
        assert isinstance(found, Answer)
        assert found.is_cut
        assert found.rows == ()

    def test_a_limit_does_not_change_what_sides_of_a_question_hold(self, reader: ClickHouseReader) -> None:
        joined = "SELECT sequence FROM events EXCEPT SELECT sequence FROM events ORDER BY sequence DESC"
        found = reader.ask(joined, Ceiling(rows=1))
        assert isinstance(found, Answer)
        assert (found.rows, found.is_cut) == ((), False)

    def test_a_text_comes_back_whatever_it_is(self, reader: ClickHouseReader) -> None:
        for text in ("it's", "a\\b", "\\n", "%_", "\n\t", "é𝄞", "'; DROP TABLE events --", "{x:String}"):
            quoted = text.replace("\\", "\\\\").replace("'", "\\'")
            found = reader.ask(f"SELECT '{quoted}'")
            assert isinstance(found, Answer)
            assert found.rows == ((text,),)


def test_a_long_question_does_not_hold_up_inserts(kept: Keeping, store: ClickHouseTelemetry) -> None:
    """Inserts go in while a question still runs: the question is the last to end."""
    ended: list[str] = []

    def ask() -> None:
        asking = kept.reader()
        sql = "SELECT count() FROM events a CROSS JOIN events b CROSS JOIN events c CROSS JOIN events d WHERE"
        told = asking.ask(f"{sql} a.sequence + b.sequence + c.sequence + d.sequence = -1", Ceiling(seconds=8))
        ended.append("question")
        asking.close()
        assert isinstance(told, Answer)

    epoch = next(EPOCHS)
    store.insert(merged([{"Image": "a"}] * 1_000, epoch=epoch), f"many:{epoch}")
    asked = threading.Thread(target=ask)
    asked.start()
    for number in range(3):
        store.insert(merged([{"Image": "b"}], epoch=epoch, first=2_000 + number), f"beside:{epoch}:{number}")
    ended.append("inserts")
    asked.join(60)
    assert ended == ["inserts", "question"]


ODD = ("", "a'b\\c\n\t", "\\N", "{value:String}", "ø" * 400, "😀" * 300, "x" * 3_000, "%s %(value)s", "-- ' /*")


@pytest.mark.parametrize("text", ODD)
def test_a_value_is_asked_for_as_it_is(kept: Keeping, reader: ClickHouseReader, text: str) -> None:
    """Beside the question or in it, by its length: the keeper looks for this text and for no other."""
    epoch = next(EPOCHS)
    telemetry = kept.telemetry()
    telemetry.insert(
        merged([{"CommandLine": text, "Odd": text}, {"CommandLine": "another"}], epoch=epoch), f"odd:{epoch}"
    )
    telemetry.close()
    for field in ("CommandLine", "Odd"):
        found = reader.prevalence(field, text)
        assert isinstance(found, Prevalence)
        assert found.events >= 1
    page = reader.search(text[:LONGEST_TEXT], *FOR_EVER, limit=1_000)
    assert text == "" or any(one.fields.get("CommandLine") == text for one in page.events)
