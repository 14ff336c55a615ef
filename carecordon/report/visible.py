"""Text from outside made fit for a terminal: no character can move the cursor, hide or turn other text around."""

from __future__ import annotations

from carecordon.model.event import Value

_MIDDLE = " ... "
_SHORT = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}


def visible(text: str) -> str:
    r"""Return the text with every character that is no plain sign or space written as its escape: `\x1b`, `\u202e`.

    Among these are control characters, terminal escapes, direction marks, zero-width and
    unassigned characters and lone surrogates. Source: Unicode categories Cc Cf Cs Co Cn Zl Zp, and Zs but the space.
    """
    return text if text.isprintable() else "".join(char if char.isprintable() else _escaped(char) for char in text)


def visible_json(data: bytes) -> bytes:
    r"""Return JSON lines, or CSV, fit for a terminal: the same, with unsafe characters as escapes like `\u202e`.

    JSON's own escapes are used, which stand for the character itself. Line ends and tabs stay.
    """
    text = data.decode("utf-8", "backslashreplace")
    if text.isprintable():
        return data
    return "".join(char if char.isprintable() or char in "\n\r\t" else _json_escaped(char) for char in text).encode()


def _json_escaped(char: str) -> str:
    units = char.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[at : at + 2].hex()}" for at in range(0, len(units), 2))


def shortened(text: str, limit: int) -> str:
    """Return the text, or its start and end around `...` if it has more than `limit` characters."""
    if len(text) <= limit:
        return text
    keep = max(2, limit - len(_MIDDLE))
    return text[: keep - keep // 3] + _MIDDLE + text[-(keep // 3) :] if keep >= 3 else text[:keep] + _MIDDLE


def value_text(value: Value) -> str:
    """Return a field's value as text: a list with commas, null and '' as words, so that they differ."""
    match value:
        case None:
            return "(null)"
        case "":
            return "(empty)"
        case bool():
            return "true" if value else "false"
        case tuple():
            return ", ".join(value_text(item) for item in value)
    return str(value)


def _escaped(char: str) -> str:
    if char in _SHORT:
        return _SHORT[char]
    code = ord(char)
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
