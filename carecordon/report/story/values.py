r"""What stands in an event, read without trust: any type, any length; shown so that it cannot break a sentence.

A slot has two halves: `read` finds the raw text in the fields (for grouping and counting),
`show` puts it into words. A raw text is at most RAW_CHARS long; None where the event does
not say. Names are shown in backticks, a backtick in one as `\x60`.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from carecordon.model.event import Fields, Value
from carecordon.report.story.words import Words
from carecordon.report.visible import shortened, visible

RAW_CHARS = 4_000
COMMAND_CHARS = 160
PATH_CHARS = 120
NAME_CHARS = 80
_NOTHING = frozenset({"", "-", "(null)", "null", "n/a", "::", "<unknown process>"})
_EDGE = re.compile(r"[\s\\/\"'=,;&|()]+")
_GAP = re.compile(r"\s+")
_NEARBY = 40
_MIDDLE = " [cut] "
"""What stands for what was cut out: a word of its own, that no command can be taken to hold."""
_LONGEST_NOTHING = max(map(len, _NOTHING))
_ITSELF = frozenset({"", "127.0.0.1", "::1", "local", "0.0.0.0"})  # noqa: S104  # read, not bound to
_ROOT = r"(?:[a-z]:|\\device\\harddiskvolume\d{1,3}|%systemroot%|\\systemroot)"
_STANDARD = re.compile(
    rf"{_ROOT}\\(?:windows\\(?:system32|syswow64|microsoft\.net|winsxs|servicing)\\|windows\\(?:explorer|splwow64)\.exe$"
    r"|program files(?: \(x86\))?\\|programdata\\microsoft\\windows defender\\)",
    re.IGNORECASE,
)
"""Where Windows and installers put programs, and where it takes an administrator to do so."""
_SYSTEM = re.compile(
    rf"{_ROOT}\\windows\\(?:system32|syswow64)\\(?:wbem\\|windowspowershell\\v1.0\\)?[^\\]+", re.IGNORECASE
)

Read = Callable[[Fields], str | None]
Show = Callable[[str, Words], str | None]


@dataclass(frozen=True, slots=True)
class Slot:
    """How a place of a sentence gets its value."""

    read: Read
    show: Show


def text_of(value: Value) -> str | None:
    """Return a field's value as text, of a list its elements with commas; None where it says nothing."""
    if isinstance(value, str):
        text = (value if len(value) <= RAW_CHARS else shortened(value, RAW_CHARS)).strip()
        return text if len(text) > _LONGEST_NOTHING or text.lower() not in _NOTHING else None
    if isinstance(value, tuple):
        told = [text for text in map(text_of, value[:50]) if text]
        return shortened(", ".join(told), RAW_CHARS) or None
    if value is None or isinstance(value, bool):
        return None if value is None else str(value).lower()
    return shortened(str(value), RAW_CHARS)


def field(fields: Fields, *names: str) -> str | None:
    """Return the first of the named fields that says something."""
    for name in names:
        if name in fields and (text := text_of(fields[name])):
            return text
    return None


def number(text: str | None) -> int | None:
    """Return a decimal or `0x` number of up to 18 signs; None for any other text."""
    if text and re.fullmatch(r"(?:0[xX][0-9a-fA-F]{1,16}|[0-9]{1,18})", text, re.ASCII):
        return int(text, 16) if text[:2].lower() == "0x" else int(text)
    return None


def leaf(path: str) -> str:
    """Return what stands after the last slash of a path."""
    path = path.rstrip("\\/")
    return path[max(path.rfind("\\"), path.rfind("/")) + 1 :]


def base(path: str) -> str:
    """Return what stands after the last slash of a path, in lower case."""
    return leaf(path).lower()


def quoted(text: str, limit: int = NAME_CHARS) -> str:
    """Return the text in backticks, shortened in the middle, with nothing in it that could end or turn it."""
    return "`" + visible(cut(text, limit)).replace("`", "\\x60") + "`"


def cut(text: str, limit: int) -> str:
    """Return the text, of one longer than `limit` its start and end; no word is cut that has an edge nearby.

    Half a name could not be told from any other word when a result is redacted.
    """
    if len(text) <= limit:
        return text
    head, tail = text[: limit * 2 // 3], text[-(limit // 3) :]
    edges = [edge.end() for edge in _nearest(head[-_NEARBY:])]
    starts = [edge.start() for edge in _nearest(tail[:_NEARBY])]
    end = max(0, len(head) - _NEARBY) + edges[-1] if edges else len(head)
    return head[:end].rstrip() + _MIDDLE + tail[starts[0] if starts else 0 :].lstrip()


def _nearest(text: str) -> list[re.Match[str]]:
    """Return the gaps between words; where there are none all edges."""
    return list(_GAP.finditer(text)) or list(_EDGE.finditer(text))


def name(*fields: str) -> Slot:
    """Return the slot of a name, quoted."""
    return Slot(lambda event: field(event, *fields), lambda raw, _: quoted(raw))


def path(*fields: str) -> Slot:
    """Return the slot of a path of a file, a key or the like."""
    return Slot(lambda event: field(event, *fields), lambda raw, _: quoted(raw, PATH_CHARS))


def command(*fields: str) -> Slot:
    """Return the slot of a command line or script."""
    return Slot(lambda event: field(event, *fields), lambda raw, _: quoted(raw, COMMAND_CHARS))


def program(*fields: str) -> Slot:
    """Return the slot of a program: told by its common name where it lies where that program belongs."""
    return Slot(lambda event: field(event, *fields), show_program)


def account(prefix: str, *others: str) -> Slot:
    r"""Return the slot of an account: `<prefix>DomainName\<prefix>UserName`, else the first of the other fields."""

    def read(event: Fields) -> str | None:
        user = field(event, f"{prefix}UserName")
        if user is None or "\\" in user or "@" in user:
            return user or field(event, *others)
        domain = field(event, f"{prefix}DomainName")
        return f"{domain}\\{user}" if domain else user

    return Slot(read, show_account)


def origin(*fields: str) -> Slot:
    """Return the slot of the address that something came from; nothing if it came from the device itself."""

    def read(event: Fields) -> str | None:
        address = (field(event, *fields) or "").removeprefix("::ffff:")
        return None if address.lower() in _ITSELF else address

    return Slot(read, lambda raw, _: quoted(raw))


def from_table(table: str, *fields: str) -> Slot:
    """Return the slot of a code that a table of the catalogue puts into words; None where it has none for it."""
    return Slot(lambda event: field(event, *fields), lambda raw, words: words.look_up(table, raw))


def told(table: str, *fields: str) -> Slot:
    """Return the slot of a code that a table of the catalogue puts into words; else told as it stands."""
    return Slot(lambda event: field(event, *fields), lambda raw, words: words.look_up(table, raw) or quoted(raw))


def plain(*fields: str) -> Slot:
    """Return the slot of a number or code that needs no quotes; any other text is quoted."""
    return Slot(lambda event: field(event, *fields), lambda raw, _: raw if number(raw) is not None else quoted(raw))


def is_at_home(path: str) -> bool:
    """Say whether a program lies where Windows and installers put programs."""
    return ".." not in path and _STANDARD.match(path) is not None


def show_program(raw: str, words: Words) -> str:
    r"""Return the program's common name or its file's name if it lies where Windows has it, else its whole path."""
    known = words.look_up("programs", base(raw))
    if known and (is_at_home(raw) or raw.lower() == "system"):
        return known
    return quoted(leaf(raw) if _SYSTEM.fullmatch(raw) and is_at_home(raw) else raw, PATH_CHARS)


def show_account(raw: str, words: Words) -> str:
    """Return the account, one of Windows' own or of a device in words."""
    if raw.partition("@")[0].endswith("$"):
        return words.phrase("frame.device_account", {"account": quoted(raw)})
    return words.look_up("accounts", raw) or quoted(raw)
