"""Windows events as XML: the shape of EVTX, in any encoding, and nothing that expands or reaches out."""

from __future__ import annotations

import codecs
from io import BytesIO
from typing import Any

import pytest
from evtx import PyEvtxParser

from carecordon.pipeline.ingest.feeds.evtx import EVTX
from carecordon.pipeline.ingest.feeds.winxml import WINXML
from tests.pipeline.ingest.feeds.evtx_sample import needs_sample, sample
from tests.pipeline.ingest.feeds.reading import Repeated, read_all
from tests.pipeline.ingest.feeds.test_jsonlines import MIB

EVENT = """<Event xmlns='http://schemas.microsoft.com/win/2004/08/events/event'><System>
<Provider Name='Microsoft-Windows-Security-Auditing' Guid='{00000000-0000-0000-0000-000000000001}'/>
<EventID Qualifiers='16384'>4624</EventID><Version>2</Version><Level>0</Level><Task>12544</Task><Opcode>0</Opcode>
<Keywords>0x8020000000000000</Keywords><TimeCreated SystemTime='2026-11-25T01:02:03.1234567Z'/>
<EventRecordID>77</EventRecordID><Correlation/><Execution ProcessID='4' ThreadID='8'/><Channel>Security</Channel>
<Computer>ward7.example.org</Computer><Security/></System>
<EventData><Data Name='TargetUserName'>nurse &amp; co</Data><Data Name='Empty'></Data><Data>one</Data><Data>two</Data>
<Binary>AABB</Binary></EventData>
<RenderingInfo Culture='en-GB'><Message>An account was logged on.</Message><Keywords><Keyword>a</Keyword>
<Keyword>b</Keyword></Keywords></RenderingInfo></Event>"""
GOOD = EVENT.encode()


def small(value: str) -> bytes:
    data = f"<EventData><Data Name='a'>{value}</Data></EventData>"
    return f"<Event><System><EventID>1</EventID></System>{data}</Event>".encode()


def values(source: bytes) -> list[Any]:
    return [event["Event"]["EventData"]["a"] for event in read_all(WINXML, source).events.values()]


def test_an_event_has_the_shape_that_evtx_gives() -> None:
    event = read_all(WINXML, GOOD).events[1]["Event"]
    system = event["System"]
    assert system["EventID"] == {"#attributes": {"Qualifiers": 16384}, "#text": 4624}
    assert (system["Level"], system["EventRecordID"], system["Correlation"]) == (0, 77, None)
    assert system["Execution"] == {"#attributes": {"ProcessID": 4, "ThreadID": 8}}
    assert system["TimeCreated"] == {"#attributes": {"SystemTime": "2026-11-25T01:02:03.1234567Z"}}
    assert event["EventData"] == {
        "TargetUserName": "nurse & co",
        "Empty": "",
        "Data": {"#text": ["one", "two"]},
        "Binary": "AABB",
    }
    assert event["RenderingInfo"]["Message"] == "An account was logged on."
    assert event["RenderingInfo"]["Keywords"] == {"Keyword": "a", "Keyword_1": "b"}


def without_namespaces(value: Any) -> Any:
    """Return a document as text values, without what XML does not carry over."""
    if isinstance(value, dict):
        inner = {name: without_namespaces(item) for name, item in value.items() if name != "xmlns"}
        return {name: item for name, item in inner.items() if (name, item) != ("#attributes", {})}
    if isinstance(value, list):
        return [without_namespaces(item) for item in value]
    return value if value is None else str(value).replace("\r\n", "\n")


@needs_sample
def test_the_same_log_as_xml_and_as_evtx_gives_the_same_documents() -> None:
    xml = "".join(record["data"] for record in PyEvtxParser(BytesIO(sample()), 1).records() if record)
    from_xml, from_evtx = read_all(WINXML, xml.encode()), read_all(EVTX, sample())
    assert without_namespaces(from_xml.events) == without_namespaces(from_evtx.events)


@pytest.mark.parametrize(
    "source",
    [
        GOOD * 3,
        b"<?xml version='1.0' encoding='utf-8' standalone='yes'?>\r\n<Events>" + GOOD * 3 + b"</Events>",
        codecs.BOM_UTF16_LE + ("<?xml version='1.0' encoding='utf-16'?><Events>" + EVENT * 3).encode("utf-16-le"),
        codecs.BOM_UTF8 + GOOD + b"\r\n" + GOOD + b"\n\n" + GOOD,
        (EVENT * 3).encode("utf-16-be"),
    ],
)
def test_every_layout_and_encoding_is_read(source: bytes) -> None:
    reading = read_all(WINXML, source)
    assert len(reading.events) == 3
    assert len({str(event) for event in reading.events.values()}) == 1
    assert not reading.bad


@pytest.mark.parametrize(
    ("value", "read"),
    [
        ("x\x00y", "x\ufffdy"),
        ("x\x1by", "x\ufffdy"),
        ("x&#x1;y&#0;&#27;", "x\ufffdy\ufffd\ufffd"),
        ("x&#xD800;y", "x\ufffdy"),
        ("x&#9;&#xA;&#xd;y", "x\t\n\ry"),
        ("&lt;Event&gt;", "<Event>"),
        ("\n    ", ""),
        (" ", " "),
    ],
)
def test_characters_that_xml_forbids_are_replaced(value: str, read: str) -> None:
    assert values(small(value)) == [read]


def test_bytes_that_are_no_utf8_are_replaced() -> None:
    assert values(small("caf@").replace(b"@", b"\xe9")) == ["caf\ufffd"]


def test_a_document_type_is_told_and_its_entities_mean_nothing() -> None:
    laughs = "".join(f"<!ENTITY a{n + 1} '{f'&a{n};' * 10}'>" for n in range(9))
    head = f"<?xml version='1.0'?><!DOCTYPE Events [<!ENTITY a0 'ha'><!ENTITY file SYSTEM 'file:///etc/hostname'>{laughs}]>"
    reading = read_all(WINXML, head.encode() + small("&a9;") + small("&file;") + small("good"))
    assert list(reading.events) == [3]
    assert reading.lost == [(1, 1), (2, 1)]
    assert "document type" in reading.notes[0]


def test_a_document_type_inside_an_event_makes_it_bad() -> None:
    reading = read_all(WINXML, small("x<!DOCTYPE a [<!ENTITY b 'c'>]>&b;") + small("good"))
    assert reading.lost == [(1, 1)]
    assert list(reading.events) == [2]


@pytest.mark.parametrize(
    "broken",
    [
        b"<Event><System></Event>",
        b"<Event><System><EventID>1</System></Event>",
        b"<Event><System><EventID>",
        b"<Event><System a=></System></Event>",
        b"<Event>" + b"<a>" * 10_000 + b"</a>" * 10_000 + b"</Event>",
        b"<Event " + b"<" * 100 + b"</Event>",
    ],
)
def test_a_broken_event_hides_no_other(broken: bytes) -> None:
    reading = read_all(WINXML, b"<Events>" + small("1") + broken + small("2") + b"</Events>")
    assert [event["Event"]["EventData"]["a"] for event in reading.events.values()] == ["1", "2"]
    assert list(reading.events) == [1, 3]
    assert reading.lost == [(2, 1)]


def test_a_cut_file_gives_what_stands_before_the_cut() -> None:
    reading = read_all(WINXML, (small("1") + small("2"))[:-9])
    assert list(reading.events) == [1]
    assert reading.lost == [(2, 1)]


def test_an_event_of_100_mib_is_skipped_and_never_held() -> None:
    stream = Repeated((small("1"), 1), (b"<Event><a>", 1), (b"A" * MIB, 100), (b"</a></Event>", 1), (small("2"), 1))
    reading = read_all(WINXML, stream)
    assert list(reading.events) == [1, 3]
    assert reading.lost == [(2, 1)]
    assert stream.largest <= 4 * MIB


def test_an_event_of_a_million_elements_is_skipped() -> None:
    reading = read_all(WINXML, b"<Event>" + b"<a/>" * 1_000_000 + b"</Event>" + small("1"))
    assert list(reading.events) == [2]
    assert reading.lost == [(1, 1)]
