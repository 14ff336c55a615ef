"""The only way that text becomes HTML: everything is escaped, and only what is harmless can be an attribute.

Text from outside is made visible first (report/visible.py), so that no control character
and no direction mark is left; then `& < > " '` are escaped. Elements and attributes are from
closed lists, in which no attribute can hold a style, a handler or an address of elsewhere.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from carecordon.model.errors import OurFault
from carecordon.report.visible import visible

_ESCAPES = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;"})
_ELEMENTS = frozenset(
    {
        "a", "article", "b", "button", "caption", "code", "dd", "details", "div", "dl", "dt", "figcaption", "figure",
        "footer", "h1", "h2", "h3", "h4", "header", "li", "nav", "ol", "output", "p", "section", "span", "strong",
        "summary", "table", "tbody", "td", "th", "thead", "time", "title", "tr", "ul",
        "svg", "symbol", "g", "line", "path", "rect", "text", "use",
    }
)  # fmt: skip
_ATTRIBUTES = frozenset(
    {
        "class", "datetime", "hidden", "id", "open", "role", "scope", "tabindex", "type",
        "d", "focusable", "height", "overflow", "text-anchor", "viewBox", "width", "x", "x1", "x2", "y", "y1", "y2",
    }
)  # fmt: skip
_PREFIXES = ("aria-", "data-")
_TARGET = re.compile(r"#[a-z][a-z0-9-]*")
_VOID = frozenset({"line", "path", "rect", "use"})


class Safe(str):
    """HTML that may stand in the page as it is; made only by this module and of its own constants."""

    __slots__ = ()


Child = str | None
Attribute = str | float | bool | None


def escaped(text: str) -> Safe:
    """Return text as HTML that shows it, unprintable characters as escapes; fit for attributes too."""
    return text if isinstance(text, Safe) else Safe(visible(text).translate(_ESCAPES))


def el(name: str, *children: Child, **attributes: Attribute) -> Safe:
    """Return an element; None among children and None or False as an attribute are left out.

    Attributes are written `class_`, `data_from`, `aria_label`. Raises OurFault if the
    element or an attribute is not one that can do no harm.
    """
    if name not in _ELEMENTS:
        raise OurFault(f"no element <{name}> belongs on the page")
    start = f"<{name}{''.join(_attribute(key, value) for key, value in attributes.items())}"
    if name in _VOID:
        return Safe(f"{start}/>")
    inside = "".join(escaped(child) for child in children if child is not None)
    return Safe(f"{start}>{inside}</{name}>")


def join(pieces: Iterable[Child], between: str = "") -> Safe:
    """Return all pieces in a row, text escaped."""
    return Safe(escaped(between).join(escaped(piece) for piece in pieces if piece is not None))


def _attribute(key: str, value: Attribute) -> str:
    if value is None or value is False:
        return ""
    name = _name(key)
    if isinstance(value, bool):
        return f" {name}"
    text = f"{value:g}" if isinstance(value, float) else str(value)
    if name == "href" and not _TARGET.fullmatch(text):
        raise OurFault(f"a link on the page leads to a part of it, not to {text[:40]!r}")
    return f' {name}="{escaped(text)}"'


def _name(key: str) -> str:
    name = key.rstrip("_").replace("_", "-") if key != "viewBox" else key
    if name != "href" and name not in _ATTRIBUTES and not name.startswith(_PREFIXES):
        raise OurFault(f"no attribute {name} belongs on the page")
    return name
