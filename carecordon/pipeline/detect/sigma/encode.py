r"""The modifiers that we do ourselves, because the specification asks for more than pySigma gives.

base64 after a utf16 modifier works on bytes, so any text can be encoded (pySigma: ASCII only);
`utf16le` exists; `windash` takes any number of dashes; `expand` knows `\%`.
"""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Iterable, Iterator
from itertools import product

from sigma.types import Placeholder, SigmaExpansion, SigmaString, SigmaType, SpecialChars

from carecordon.pipeline.detect.sigma.refusal import BadRule
from carecordon.pipeline.detect.sigma.texts import Values

Part = str | SpecialChars | Placeholder
"""What a text of pySigma's is made of."""


DASH = "_windash"
"""Name of the placeholder that stands for any one of DASHES in a text with many dashes."""
DASHES = "-/\u2013\u2014\u2015"
"""Source: Sigma modifiers appendix 2.1, `windash`."""
MAX_TEXTS = 10_000

_DASH = re.compile(rf"\B[{DASHES.replace('-', '')}-]\b")
_FEW_DASHES = 3
_HOLDER = re.compile(r"\\\\|\\%|%([^%\\]+)%")
_ENCODINGS = {"utf16": ("utf-16-le", b"\xff\xfe"), "utf16be": ("utf-16-be", b"")}
UTF16 = frozenset({"utf16", "utf16le", "utf16be", "wide"})
BASE64 = frozenset({"base64", "base64offset"})


def windash(value: SigmaString) -> list[SigmaType]:
    """Return the text with every dash at the start of a word in all its forms."""
    marked = value.replace_with_placeholder(_DASH, DASH)
    dashes = sum(isinstance(part, Placeholder) for part in marked.s)
    if dashes > _FEW_DASHES:
        return [marked]
    choices = [DASHES if isinstance(part, Placeholder) else (part,) for part in marked.s]
    return [SigmaExpansion([_of_parts(parts) for parts in product(*choices)])]


def utf16(value: SigmaString, name: str) -> SigmaString:
    """Return the text with its UTF-16 bytes as characters, which only ASCII text has."""
    mark, encoding = ("\ufeff" if name == "utf16" else ""), ("utf-16-be" if name == "utf16be" else "utf-16-le")
    parts: list[Part] = [mark] if mark else []
    for part in value.s:
        if isinstance(part, str) and not part.isascii():
            raise BadRule(f"`{name}` without base64 compares ASCII text only")
        parts.append(part.encode(encoding).decode("ascii") if isinstance(part, str) else part)
    return _of_parts(parts)


def base64(value: SigmaString, before: str | None) -> SigmaString:
    """Return the Base64 of the text's bytes: UTF-16 if a utf16 modifier stands `before`, else UTF-8."""
    return SigmaString.from_str(b64encode(_bytes(value, before)).decode("ascii"))


def base64offset(value: SigmaString, before: str | None) -> SigmaExpansion:
    """Return what the text's bytes look like in Base64 after 0, 1 or 2 other bytes, edges cut off."""
    data = _bytes(value, before)
    texts: list[SigmaString] = []
    for shift in range(3):
        # A character of Base64 is ours alone if all its 6 bits come from our bytes.
        first, end = -(-shift * 8 // 6), (shift + len(data)) * 8 // 6
        texts.append(SigmaString.from_str(b64encode(bytes(shift) + data).decode("ascii")[first:end]))
    return SigmaExpansion([text for text in texts if text.s != [""]])


def expand(text: str, values: Values) -> list[str]:
    """Return the text with its `%placeholders%` replaced, once for every combination of their values.

    Raises BadRule for a placeholder without values in the values file.
    """
    texts = [""]
    for choices in _segments(text, values):
        texts = [before + choice for before in texts for choice in choices]
        if len(texts) > MAX_TEXTS:
            raise BadRule(f"its placeholders stand for more than {MAX_TEXTS:,} texts; give fewer values")
    return texts


def _of_parts(parts: Iterable[Part]) -> SigmaString:
    made = SigmaString()
    made.s = list(parts)
    return made


def _segments(text: str, values: Values) -> Iterator[list[str]]:
    at = 0
    for found in _HOLDER.finditer(text):
        yield [text[at : found.start()]]
        at = found.end()
        name = found.group(1)
        if name is None:
            yield ["%" if found.group() == "\\%" else found.group()]
        elif name not in values:
            raise BadRule(f"nothing is known of the placeholder %{name}%; give its values with a values file")
        elif not values[name]:
            raise BadRule(f"the values file has an empty list for the placeholder %{name}%; give it a value there")
        else:
            yield [str(value) for value in values[name]]
    yield [text[at:]]


def _bytes(value: SigmaString, before: str | None) -> bytes:
    if not all(isinstance(part, str) for part in value.s):
        raise BadRule("Base64 needs a text without wildcards and with few dashes")
    text = "".join(part for part in value.s if isinstance(part, str))
    if not text:
        raise BadRule("Base64 needs a text that is not empty")
    encoding, mark = _ENCODINGS.get(before or "", ("utf-16-le", b"") if before in UTF16 else ("utf-8", b""))
    return mark + text.encode(encoding)
