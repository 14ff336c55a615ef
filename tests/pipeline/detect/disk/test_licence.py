"""A licence file says what its licence is, not that it is one."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from carecordon.pipeline.detect.disk.licence import is_licence, licence_in

SIGMA = Path(os.environ.get("CARECORDON_SHARED", "../shared")) / "data" / "sigma" / "LICENSE"

MIXED = """# Licenses

What lies here is released under:

- the specification is public domain
- the rules are released under the [Detection Rule License (DRL) 1.1](https://example.org)
"""


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (MIXED, "Detection Rule License (DRL) 1.1"),
        ("                Apache License\n           Version 2.0, January 2004\n", "Apache License Version 2.0"),
        ("MIT License\n\nCopyright", "MIT License"),
        ("GNU GENERAL PUBLIC LICENSE\n Version 3, 29 June 2007", "GNU GENERAL PUBLIC LICENSE Version 3"),
        ("# Licence\n\n===\nAsk the owner first.\n", "Ask the owner first."),
        ("# Some Licence 1.1\n", "Some Licence 1.1"),
        ("License\n", "License"),
        (" \n\n", None),
    ],
)
def test_the_licence_is_named(text: str, told: str | None) -> None:
    assert licence_in(text.encode()) == told


@pytest.mark.parametrize("name", ["LICENSE", "licence.txt", "LICENSE.Detection.Rules.md", "COPYING"])
def test_a_licence_file_is_known_by_its_name(name: str) -> None:
    assert is_licence(name)
    assert not is_licence(f"un{name}")


@pytest.mark.skipif(not SIGMA.exists(), reason="outside data is absent (CARECORDON_SHARED): data/sigma")
def test_what_sigmahq_is_licensed_under() -> None:
    assert "Detection Rule License (DRL) 1.1" in str(licence_in(SIGMA.read_bytes()))
