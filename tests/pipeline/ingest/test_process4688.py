"""Security 4688 speaks the words of process creation beside its own."""

from __future__ import annotations

from typing import Any

import pytest

from carecordon.model.event import Kind
from carecordon.pipeline.ingest.process4688 import ADDED, INTEGRITY, add_process_fields

SECURITY = Kind("SECURITY", None, 4688)


@pytest.mark.parametrize(
    ("given", "added"),
    [
        ({"NewProcessName": "x", "ParentProcessName": None}, {"Image": "x", "ParentImage": None}),
        ({"SubjectLogonId": "0x3e7", "LogonId": "kept"}, {}),
        ({"SubjectUserName": "anna", "SubjectDomainName": "WEXLEY"}, {"User": "WEXLEY\\anna"}),
        ({"SubjectUserName": "anna", "SubjectDomainName": "-"}, {"User": "anna"}),
        ({"SubjectUserName": "anna"}, {"User": "anna"}),
        ({"SubjectUserName": None}, {}),
        ({"SubjectUserName": ["anna"]}, {}),
        ({"MandatoryLabel": "S-1-16-8192"}, {"IntegrityLevel": ("Medium", "S-1-16-8192")}),
        ({"MandatoryLabel": "S-1-16-1"}, {}),
        ({"MandatoryLabel": ["S-1-16-0"]}, {}),
    ],
)
def test_fields_are_added_and_none_is_changed(given: dict[str, Any], added: dict[str, Any]) -> None:
    fields = dict(given)
    add_process_fields(SECURITY, fields)
    assert fields == added | given


def test_other_channels_are_left_alone() -> None:
    fields: dict[str, Any] = {"NewProcessName": "x"}
    add_process_fields(Kind("System", None, 4688), fields)
    assert fields == {"NewProcessName": "x"}


def test_every_text_that_is_added_is_told_to_the_keyword_gate() -> None:
    assert all(level.encode() in ADDED for level in INTEGRITY.values())
