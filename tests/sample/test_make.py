"""The shipped sample is what its script writes, small, made up, and flawed in the ways that it says."""

from __future__ import annotations

import gzip
import ipaddress
import json
import re
from itertools import pairwise

from sample.make import DAMAGED_LINE, FOLDER, make

NETS = [ipaddress.ip_network(net) for net in ("192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24")]


def content(name: str, data: bytes) -> str:
    """Return a file's text."""
    return (gzip.decompress(data) if name.endswith(".gz") else data).decode()


def shipped() -> dict[str, str]:
    """Return the text of every shipped file by name."""
    return {file.name: content(file.name, file.read_bytes()) for file in sorted(FOLDER.iterdir())}


def test_shipped_files_are_what_the_script_writes() -> None:
    assert shipped() == {name: content(name, data) for name, data in sorted(make().items())}


def test_it_is_small() -> None:
    assert sum(file.stat().st_size for file in FOLDER.iterdir()) < 300_000


def test_addresses_and_names_are_kept_for_documentation() -> None:
    for text in shipped().values():
        for address in re.findall(r"(?<![\d.])\d{1,3}\.\d{1,3}\.\d{1,3}\.\d{1,3}(?![\d.])", text):
            assert any(ipaddress.ip_address(address) in net for net in NETS), address
        for host in re.findall(r"https?://([^/\"' ]+)", text):
            assert host.endswith("example.org") or host.startswith("203.0.113."), host


def test_exactly_one_line_is_damaged() -> None:
    damaged = []
    for name, text in shipped().items():
        for number, line in enumerate(text.splitlines(), start=1):
            try:
                json.loads(line)
            except ValueError:
                damaged.append((name, number))
    assert damaged == [("wph-adm-ws14.jsonl", DAMAGED_LINE)]


def test_records_are_missing_and_the_clock_goes_back() -> None:
    lines = [json.loads(line) for line in shipped()["wph-rad-ws02.jsonl.gz"].splitlines()]
    sysmon = [line for line in lines if "Sysmon" in line["Channel"]]
    numbers = [line["RecordNumber"] for line in sysmon]
    assert [b - a for a, b in pairwise(numbers) if b != a + 1] == [121]
    times = [line["@timestamp"] for line in sysmon]
    assert sum(1 for a, b in pairwise(times) if b < a) == 1
