"""Text becomes HTML in one way, and no value can become markup, an attribute that runs, or an address of elsewhere."""

from __future__ import annotations

from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carecordon.model.errors import OurFault
from carecordon.report.page.markup import Safe, el, escaped, join
from carecordon.report.visible import visible
from tests.report.hostile import SCRIPTS


class Reader(HTMLParser):
    """Notes what a browser would see: elements with their attributes, and text."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data


def read(html: str) -> Reader:
    reader = Reader()
    reader.feed(html)
    reader.close()
    return reader


@given(st.one_of(st.text(), st.sampled_from(SCRIPTS)), st.text())
def test_text_is_text_in_an_element_and_in_an_attribute(text: str, label: str) -> None:
    seen = read(el("p", text, aria_label=label))
    assert seen.elements == [("p", {"aria-label": visible(label)})]
    assert seen.text == visible(text)


@given(st.text())
def test_what_is_escaped_holds_no_sign_of_markup_and_nothing_unprintable(text: str) -> None:
    assert not set(escaped(text)) & set("<>\"'")
    assert escaped(text).isprintable()
    assert escaped(escaped(text)) == escaped(text)


@pytest.mark.parametrize("name", ["script", "iframe", "img", "style", "object", "form", "base", "meta", "link"])
def test_an_element_that_could_do_harm_is_a_fault(name: str) -> None:
    with pytest.raises(OurFault, match=name):
        el(name)


@pytest.mark.parametrize("name", ["onclick", "style", "src", "srcdoc", "action", "xlink_href", "formaction"])
def test_an_attribute_that_could_do_harm_is_a_fault(name: str) -> None:
    with pytest.raises(OurFault, match="no attribute"):
        el("p", **{name: "x"})


@pytest.mark.parametrize("target", ["https://example.org", "javascript:alert(1)", "//x", "#", "#a b", '#a"', "", "x#a"])
def test_a_link_leads_only_to_a_part_of_the_page(target: str) -> None:
    with pytest.raises(OurFault, match="part of it"):
        el("a", "x", href=target)


def test_none_and_false_are_left_out_and_numbers_are_short() -> None:
    assert el("p", None, "a", hidden=False, id=None) == "<p>a</p>"
    assert el("details", open=True) == "<details open></details>"
    assert el("rect", x=1.50, y=2, width="3%") == '<rect x="1.5" y="2" width="3%"/>'
    assert join(["a<", None, el("b", "&")], ", ") == "a&lt;, <b>&amp;</b>"
    assert isinstance(join([]), Safe)
