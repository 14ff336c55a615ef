"""Which words of a result are user names: learnt where a name must stand, found wherever it stands."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator

from carecordon.model.event import Fields, Scalar, Value
from carecordon.report.identifiers import (
    COMMON_WORDS,
    REDACTED,
    accounts_in_command,
    bears_domain,
    bears_user,
    has_profile,
    is_system,
    personal,
    without_numbers,
)
from carecordon.report.own import Own

NAMES_KNOWN = 100_000
"""User names and domains that are looked for in all texts; more are known only where they are seen to be names."""
TEXTS_KEPT = 10_000
TEXT_KEPT_CHARS = 2_000
_WORDS = re.compile(rf"{REDACTED}|[^\W_]+")
_SHORT = 2
"""Names of this length are found only where no underscore touches them."""
_SHORTEST_NUMBER = 4
_NUMBER = re.compile(rf"[0-9a-f]{{{_SHORTEST_NUMBER},}}")
"""What may be part of a GUID, an address, a version: also a name such as `abed`."""
_AFTER_DOMAIN = re.compile(r"(?<=\\)[^\s\\/:*?\"<>|,;'`()\[\]{}=&]+")
_WHOLE = re.compile(r"(?:[A-Z]{2,3}|[A-Z][A-Za-z.'\-]*[a-z][A-Za-z.'\-]*)(?: [A-Z&][\w.'\-]*)+(?=$|[\"`<>,;|\r\n])")
"""A name of several words, each with a capital: `Records Management`, `Anna Example`; none that begins as `JSMITH`."""
_OPENS = '"`<>,;|\r\n'
"""What may stand before a value that is listed or quoted."""
_OF_A_FILE = re.compile(r"\.(?:exe|dll|ps1|bat|cmd|vbs|js|hta|lnk|txt|log|tmp|zip|iso|docx?|xlsx?|pdf)$")
"""What stands in the folder of profiles with such an ending is a file, not a profile."""
_DOMAIN = re.compile(r"(?<![\w.\-\\])([\w.\-]+)\\+$")  # after a backslash it is a folder or a server
_LONGEST_DOMAIN = 260
_DOMAINS_TRIED = 32


class Names:
    """The user names met so far, and the domains that users were seen in."""

    def __init__(self) -> None:
        """Start knowing nobody."""
        self._names: dict[str, list[str]] = {}
        self._domains: set[str] = set()
        self._learnt: set[str] = set()
        self._learnt_domains = 0
        self.version = 0
        """Rises with each name and each domain that is learnt."""

    def learn_fields(self, fields: Fields, event_id: int | None = None) -> None:
        """Remember the names that the fields show: by the field's own name, then in the text of any field."""
        for field, value in fields.items():
            if bears_user(field, event_id):
                for item in items_of(value):
                    if isinstance(item, str | int):
                        self._learn_account(str(item))
            elif bears_domain(field):
                for item in items_of(value):
                    if isinstance(item, str):
                        self._learn_domain(item)
        for value in fields.values():
            for item in items_of(value):
                if isinstance(item, str):
                    self.learn_text(item)

    def learn_text(self, text: str) -> None:
        r"""Remember the names that a text shows: profiles, arguments of commands, `DOMAIN\name` of a known domain."""
        if text in self._learnt and self._learnt_domains == len(self._domains):
            return
        if self._learnt_domains != len(self._domains) or len(self._learnt) >= TEXTS_KEPT:
            self._learnt.clear()
            self._learnt_domains = len(self._domains)
        if len(text) <= TEXT_KEPT_CHARS:
            self._learnt.add(text)
        self._learn_text(text)

    def _learn_text(self, text: str) -> None:
        pattern = personal(text) if has_profile(text) else None
        for found in pattern.finditer(text) if pattern else ():
            if found.lastgroup == "name" and not is_system("", found["name"]) and not _OF_A_FILE.search(found["name"]):
                self._learn_name(found["name"])
        for account in accounts_in_command(text):
            self._learn_account(account)
        for start, end in self._accounts(text):
            self._learn_name(text[start:end])

    def replaced(self, text: str, token: Callable[[str], str], own: Own | None = None) -> str:
        r"""Return the text with `token(name)` for each name behind its domain and each known name as a word.

        In a sentence of ours, with `own`, a name stays that is made of nothing but words of ours.
        """
        text = _exchanged(text, self._accounts(text), token)
        if self._names and not self._names.keys().isdisjoint(map(str.lower, _WORDS.findall(text))):
            text = _exchanged(text, self._known(text, own.starts(text) if own else frozenset()), token)
        return text

    def _known(self, text: str, ours: frozenset[int]) -> Iterator[tuple[int, int]]:
        """Yield where known names stand, some within others."""
        over = without_numbers(text)
        for word in _WORDS.finditer(text):
            if name := self._name_at(text, word):
                start, end = word.start(), word.start() + len(name)
                is_number = _NUMBER.fullmatch(name) and any(first <= start < last for first, last in over)
                if not is_number and not all(part.start() in ours for part in _WORDS.finditer(text, start, end)):
                    yield start, end

    def _name_at(self, text: str, word: re.Match[str]) -> str | None:
        """Return the longest known name that starts with this word and ends at the edge of a word."""
        for name in self._names.get(word[0].lower(), ()):
            start, end = word.start(), word.start() + len(name)
            around = text[max(0, start - 1) : start] + text[end : end + 1]
            if text[start:end].lower() != name or text[end : end + 1].isalnum():
                continue
            if len(name) > _SHORT or "_" not in around:
                return name
        return None

    def _learn_account(self, text: str) -> None:
        domain, name = account_of(text)
        if not is_system(domain, name) and "@" not in name:
            self._learn_name(name, _SHORT)
            self._learn_name(unescaped(name), _SHORT)
            self._learn_domain(domain)

    def _learn_domain(self, domain: str) -> None:
        if len(domain) > 1 and self.version < NAMES_KNOWN and not is_system(domain, "x"):
            known = len(self._domains)
            self._domains.add(domain.lower())
            self.version += len(self._domains) - known

    def _learn_name(self, name: str, shortest: int = _SHORT + 1) -> None:
        """Remember a name to be found anywhere: none that is too short or a common word."""
        name = re.sub(r"^[\W_]+|[\W_]+$", "", name.lower())
        first = _WORDS.match(name)
        shortest = _SHORTEST_NUMBER if name.isdecimal() else shortest
        if first is None or len(name) < shortest or name in COMMON_WORDS or "[" in name:
            return
        names = self._names.setdefault(first[0], [])
        if name not in names and self.version < NAMES_KNOWN:
            names.append(name)
            names.sort(key=len, reverse=True)
            self.version += 1

    def _accounts(self, text: str) -> Iterator[tuple[int, int]]:
        r"""Yield where names stand behind a known domain: of a whole value `DOMAIN\A B C` all words, else the first.

        One word of a group's or a service's name, `Records` or `Security`, would be found in any sentence.
        """
        if not self._may_have_domain(text):
            return
        for found in _AFTER_DOMAIN.finditer(text):
            if domain := self._domain_before(found):
                whole = _WHOLE.match(text, found.start()) if _opens(text, domain.start()) else None
                yield found.start(), max(found.end(), whole.end() if whole else 0, self._known_end(text, found))

    def _known_end(self, text: str, found: re.Match[str]) -> int:
        word = _WORDS.match(text, found.start())
        name = self._name_at(text, word) if word else None
        return found.start() + len(name or "")

    def _may_have_domain(self, text: str) -> bool:
        if not self._domains or "\\" not in text:
            return False
        lower = text.lower()
        return len(self._domains) > _DOMAINS_TRIED or any(domain in lower for domain in self._domains)

    def _domain_before(self, found: re.Match[str]) -> re.Match[str] | None:
        """Return the known domain that stands before a word and its backslashes, if the word belongs to a person."""
        start = max(0, found.start() - _LONGEST_DOMAIN)
        domain = _DOMAIN.search(found.string, start, found.start())
        is_person = domain and domain[1].lower() in self._domains and not is_system(domain[1], found[0])
        return domain if is_person else None


def _opens(text: str, at: int) -> bool:
    """Say whether a value begins at a place of the text."""
    at -= text[at - 1 : at] == " "
    return at == 0 or text[at - 1] in _OPENS


def _exchanged(text: str, spans: Iterable[tuple[int, int]], token: Callable[[str], str]) -> str:
    """Return the text with the token of what stands in each span; a span within another is stepped over."""
    pieces: list[str] = []
    done = 0
    for start, end in spans:
        if start >= done:
            pieces += [text[done:start], token(text[start:end])]
            done = end
    return "".join([*pieces, text[done:]])


def items_of(value: Value) -> tuple[Scalar, ...]:
    """Return the elements of a list, or the value as the only one."""
    return value if isinstance(value, tuple) else (value,)


def unescaped(name: str) -> str:
    r"""Return a name of a directory as people write it: `Smith\, John` without its backslash."""
    return re.sub(r"\\([^0-9A-Fa-f])", r"\1", name)


def account_of(text: str) -> tuple[str, str]:
    r"""Return domain and user name of `DOMAIN\name`; of `CN=name,OU=…` the name alone, as escaped there."""
    named = re.match(r"CN=((?:[^,\\]|\\.)+)", text, re.IGNORECASE)
    if named:
        return "", named[1]
    domain, _, name = text.rpartition("\\")
    return domain.rstrip("\\"), name
