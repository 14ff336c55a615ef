"""A block's sketch never lacks a name that one of its events bears."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carecordon.model.batch import Rows
from carecordon.model.event import Fields, Kind, Value
from carecordon.pipeline.triage.names import EVERY, POWERSHELL, names_of
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
        ["{AB-1}", "ab-1", "0x9", "9", "0X4E9F63", "4", " Odd ", "::ffff:10.1.2.3", "10.1.2.3", "k.oakden"]
    ),
    st.sampled_from(
        [r"C:\x\Tool.EXE -k", r"HKLM\Services\Odd\Start", r"a\Policies\{9A2D4E61-3C7B-4F58-8E10-6B5D2C9F7A34}\b"]
    ),
    st.text(max_size=8),
    st.integers(0, 1 << 33),
    st.none(),
)


def rows(kind: Kind, fields: Fields) -> Rows:
    return Rows.of([(kind, fields, 0, "ws1", 1, 1)])


@given(st.sampled_from(KINDS), st.data())
def test_every_name_has_its_number(kind: Kind, data: st.DataObject) -> None:
    every = sorted({*EVERY, *POWERSHELL, "TargetUserName", "SubjectUserName", "Initiated", "DestinationPort"})
    fields = data.draw(st.dictionaries(st.sampled_from(every), VALUES))
    sketch = Sketch()
    sketch.see(rows(kind, fields))
    for name in names_of(kind, fields):
        numbers = numbers_of([name])
        assert numbers <= set(sketch.numbers()), name
        assert bears_any(kind, fields, numbers)


@pytest.mark.parametrize("value", [["a"], {"a": 1}, [{}]])
def test_what_is_no_name_hides_no_other(value: Any) -> None:
    fields: Fields = {"ProcessGuid": value, "ProcessId": "9", "TargetFilename": "C:\\a.exe"}
    kind = Kind("Microsoft-Windows-Sysmon/Operational", None, 11)
    sketch, plain = Sketch(), Sketch()
    sketch.see(rows(kind, fields))
    plain.see(rows(kind, fields | {"ProcessGuid": None}))
    assert sorted(sketch.numbers()) == sorted(plain.numbers()) != []
