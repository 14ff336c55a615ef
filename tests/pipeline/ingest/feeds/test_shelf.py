"""The shelf of feeds: each file one feed, and each form recognised by exactly one of them."""

from __future__ import annotations

import codecs
import json
from pathlib import Path

import pytest

from carecordon.pipeline.ingest import feeds
from carecordon.pipeline.ingest.feeds import all_feeds, feed_named, sniff

EVENT = {"Channel": "Security", "EventID": 4624, "TargetUserName": "ward-nurse"}
LINE = json.dumps(EVENT).encode()
PRETTY = json.dumps(EVENT, indent=2).encode()
XML = b"<Event xmlns='http://schemas.microsoft.com/win/2004/08/events/event'><System/></Event>"


def test_every_file_on_the_shelf_is_a_feed_of_its_name() -> None:
    files = {path.stem for path in Path(feeds.__file__).parent.glob("*.py")} - {"__init__"}
    assert {feed.name for feed in all_feeds()} == files


@pytest.mark.parametrize(
    ("name", "head"),
    [
        ("jsonlines", LINE),
        ("jsonlines", LINE + b"\n" + LINE + b"\n"),
        ("jsonlines", codecs.BOM_UTF8 + LINE + b"\r\n" + LINE),
        ("jsonlines", codecs.BOM_UTF16_LE + (LINE + b"\r\n" + LINE).decode().encode("utf-16-le")),
        ("jsonlines", (LINE + b"\n").decode().encode("utf-16-be")),
        ("jsonlines", b"garbage before the log\n" + LINE + b"\n"),
        ("jsonlines", b'{"broken": \n' + LINE + b"\n"),
        ("jsonlines", b'{"a": "' + b"A" * 81_913),
        ("jsonstream", b"[" + LINE + b"," + LINE + b"]"),
        ("jsonstream", b"[\n  " + LINE + b",\n  " + LINE + b"\n]\n"),
        ("jsonstream", PRETTY + b"\n" + PRETTY),
        ("jsonstream", codecs.BOM_UTF16_LE + PRETTY.decode().encode("utf-16-le")),
        ("jsonstream", LINE + LINE),
        ("jsonstream", (LINE * 2000)[:81_920]),
        ("winxml", XML),
        ("winxml", b"<?xml version='1.0' encoding='utf-8' standalone='yes'?>\n<Events>" + XML + b"</Events>"),
        ("winxml", codecs.BOM_UTF16_LE + XML.decode().encode("utf-16-le")),
        ("evtx", b"ElfFile\0" + bytes(100)),
        ("evtx", b"X" * 4096 + b"ElfChnk\0"),
        ("evtx", b"X" * (4096 + 65_536) + b"ElfChnk\0"),
    ],
)
def test_a_form_is_recognised_by_its_content(name: str, head: bytes) -> None:
    assert sniff(head) is feed_named(name)


@pytest.mark.parametrize(
    "head",
    [
        b"",
        b"\n\n",
        b"# A page about events\n\nAn event looks like this:\n\n    " + LINE + b"\n\nThat is all.\n",
        b"title: a rule\nlogsource:\n  product: windows\n",
        b"[section]\nkey = value\n",
        b"[1, 2, 3]",
        b"<html><body>Event</body></html>",
        b"<Sysmon><EventFiltering/></Sysmon>",
        bytes(81_920),
        b"\xff" * 1000,
    ],
)
def test_what_holds_no_events_is_not_recognised(head: bytes) -> None:
    assert sniff(head) is None
