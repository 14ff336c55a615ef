"""Text and shapes stand out from every ground they stand on, in light and dark. Source: WCAG 2.2, 1.4.3 and 1.4.11."""

from __future__ import annotations

import pytest

from carecordon.report.page.style import DARK, LIGHT

TEXT = ("ink", "soft", "link", "critical", "high", "medium", "low", "informational")
GROUNDS = ("paper", "card", "code", "note")
SHAPES = ("edge", "focus")


def luminance(colour: str) -> float:
    """Return the relative luminance of `#rrggbb`. Source: WCAG 2.2, definition of relative luminance."""
    parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def test_contrast_is_reckoned_as_published() -> None:
    assert round(contrast("#000000", "#ffffff"), 2) == 21
    assert round(contrast("#777777", "#ffffff"), 2) == 4.48


@pytest.mark.parametrize("colours", [LIGHT, DARK], ids=["light", "dark"])
def test_text_can_be_read_on_every_ground(colours: dict[str, str]) -> None:
    for ground in GROUNDS:
        for text in TEXT:
            assert contrast(colours[text], colours[ground]) >= 4.5, (text, ground)
        for shape in SHAPES:
            assert contrast(colours[shape], colours[ground]) >= 3, (shape, ground)


def test_light_and_dark_name_the_same_colours() -> None:
    assert LIGHT.keys() == DARK.keys()
