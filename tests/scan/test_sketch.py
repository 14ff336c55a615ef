"""A block's sketch never lacks a name that one of its events bears."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from carecordon.model.batch import Rows
from carecordon.model.event import Fields, Kind, Value
from carecordon.pipeline.triage.names import EVERY, POWERSHELL, named_in, names_of
from carecordon.scan.sketch import Sketch, bears_any, numbers_of

KINDS = [
    *(Kind("Microsoft-Windows-Sysmon/Operational", None, number) for number in (1, 3, 7, 8, 10, 11, 13, 99)),
    *(Kind("Security", None, number) for number in (4624, 4648, 4688, 4697, 5136, 5145)),
    *(Kind("System", None, number) for number in (7036, 7045)),
    Kind("Microsoft-Windows-PowerShell/Operational", None, 4104),
    Kind("Microsoft-Windows-TaskScheduler/Operational", None, 106),
]
VALUES: st.SearchStrategy[Value] = st.one_of(
    st.sampled_from(
        [
            "{AB-1}",
            "ab-1",
            "0x9",
            "9",
            "0X4E9F63",
            "4",
            " Odd ",
            "::ffff:10.1.2.3",
            "10.1.2.3",
            "k.oakden",
            "0012",
            "+9",
            "9\n",
        ]
    ),
    st.sampled_from(
        [r"C:\x\Tool.EXE -k", r"HKLM\Services\Odd\Start", r"a\Policies\{9A2D4E61-3C7B-4F58-8E10-6B5D2C9F7A34}\b"]
    ),
    st.sampled_from(
        ["2001:db8:0:0:0:0:0:1", "2001:DB8::1%12", "0:0:0:0:0:ffff:10.1.2.3", "0xtools\\run.bat", "-", "{}"]
    ),
    st.text(max_size=8),
    st.integers(0, 1 << 70),
    st.sampled_from([True, False, 1, 9, 9.0, 1988, 1988.0, float("inf"), float("nan")]),
    st.lists(st.text(max_size=2), max_size=2).map(tuple),
    st.none(),
)


EVENTS = st.tuples(
    st.sampled_from(KINDS),
    st.dictionaries(
        st.sampled_from([*EVERY, *POWERSHELL, "TargetUserName", "SubjectUserName", "Initiated", "DestinationPort"]),
        VALUES,
    ),
)


def rows(*events: tuple[Kind, Fields]) -> Rows:
    return Rows.of([(kind, fields, 0, "ws1", 1, 1) for kind, fields in events])


@settings(max_examples=300)
@given(st.lists(EVENTS, min_size=1, max_size=4))
def test_every_name_has_its_number(events: list[tuple[Kind, Fields]]) -> None:
    sketch = Sketch()
    sketch.see(rows(*events))
    found = sketch.numbers()
    assert found is not None
    for kind, fields in events:
        for name in names_of(kind, fields):
            numbers = numbers_of([name])
            assert numbers <= set(found), name
            assert bears_any(kind, fields, numbers), name


@pytest.mark.parametrize("value", [["a"], {"a": 1}, [{}]])
def test_what_is_no_name_hides_no_other(value: Any) -> None:
    fields: Fields = {"ProcessGuid": value, "ProcessId": "9", "TargetFilename": "C:\\a.exe"}
    kind = Kind("Microsoft-Windows-Sysmon/Operational", None, 11)
    sketch, plain = Sketch(), Sketch()
    sketch.see(rows((kind, fields)))
    plain.see(rows((kind, fields | {"ProcessGuid": None})))
    assert sorted(sketch.numbers() or ()) == sorted(plain.numbers() or ()) != []


@pytest.mark.parametrize("value", ["C:\\a" + ".js" * 60_000, "a1.exe " * 60_000, "\\services\\a\\start" * 60_000])
def test_a_value_made_to_tire_us_gives_few_names(value: str) -> None:
    assert len(named_in(value)) <= 64
    assert all(len(name) < 300 for _, name in named_in(value))


def test_a_block_with_too_much_in_it_may_hold_anything(monkeypatch: pytest.MonkeyPatch) -> None:
    kind = Kind("Microsoft-Windows-Sysmon/Operational", None, 5)
    sketch = Sketch()
    many: list[tuple[Kind, Fields]] = [(kind, {"ProcessGuid": f"{{AB-{number}}}"}) for number in range(5_000)]
    sketch.see(rows(*many))
    assert sketch.numbers() is None
    broken = Sketch()
    monkeypatch.setattr("carecordon.scan.sketch.fields_of_kind", None)
    broken.see(rows((kind, {"ProcessGuid": "{AB-1}"})))
    assert broken.numbers() is None
