"""Personal identifiers become tokens, the same one for the same person: a result can be shared and still be read.

What is replaced: NHS numbers, e-mail addresses, telephone numbers and user names, in every
text that comes from the input or the command line. What is kept: built-in and machine
accounts, domains, SIDs, names of logs and providers, what the rules say of themselves, and
our own words: into our sentences data is put, and only that is cleaned (own.py). What it can
miss: a person named only in free text, a date of birth, an address.

A token is `[user-3f2a9c01]`: kind and 32 bits of HMAC-SHA-256 under the caller's key. With a
random key for each run the tokens hold within one result and cannot be turned back by
trying all ten-digit numbers; a key that is kept makes the tokens of several runs agree,
and must then be kept as secret as the names.
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import TypeVar

from msgspec import structs

from carecordon.model.errors import Refused
from carecordon.model.event import Fields, Scalar, Value
from carecordon.model.incident import Case, EventSeen
from carecordon.model.match import BlindSpot, CorrelationMatch, Match, Unseen
from carecordon.model.result import Begin, Closing, InputFile, SourceSeen
from carecordon.report.case_texts import Cleaning, accounts_of, cleaned_case, texts_of
from carecordon.report.identifiers import bears_log, bears_user, counts, is_nhs_number, is_system, personal
from carecordon.report.names import TEXT_KEPT_CHARS, TEXTS_KEPT, Names, account_of, items_of, unescaped
from carecordon.report.own import Own
from carecordon.report.story.values import PATH_CHARS, quoted

TOKENS_KEPT = 100_000
_ROUNDS = 4
_LOG = re.compile(r"[\w .\-/()%=]+")
"""How a log or a provider is called; what holds other marks is taken for data."""
_LINK = re.compile(r"([a-z]+(?: address| hash| name| event)? )(.*)( on \d+ devices)", re.DOTALL)
"""What ties devices: a kind, what it is, on how many."""
_OF_RULES = frozenset({Unseen.LOGSOURCE, Unseen.FIELD})
"""Blind spots whose reasons tell of rules and of no event."""
_OPTION = re.compile(r"--[a-z]+(?:-[a-z]+)*")
_NOT_DIGITS = re.compile(r"[^0-9]")
_T = TypeVar("_T")


class Redactor:
    """Replaces personal identifiers; remembers the user names it met.

    A name is replaced everywhere in the line that shows it to be a name, and in all lines
    after. To catch it in the lines before too, first `learn` from all matches.
    """

    def __init__(self, key: bytes, texts: Iterable[str] = ()) -> None:
        """Make tokens under `key`, which should be at least 16 random bytes; `texts` hold the words of stories."""
        self._key = key
        self._own = Own(texts)
        self._tokens: dict[tuple[str, str], str] = {}
        self._names = Names()
        self._cleaned: dict[str, str] = {}
        self._cleaned_at = 0

    def spare(self, title: str, advice: Iterable[str] = ()) -> None:
        """Remember what a rule says of itself, which stays as it is in a sentence: its title, what it says to do."""
        if not self._own.is_phrase(title):
            self._own.spare(title)
            self._own.spare(quoted(title, PATH_CHARS)[1:-1])
            self._own.add(advice)

    def learn_case(self, case: Case) -> None:
        """Remember the user names that an incident and its events show."""
        for event in case.events:
            self._learn_event(event)
        for rule in (*(alert.rule for alert in case.incident.alerts), *(chain.rule for chain in case.incident.chains)):
            self.spare(rule.title, rule.triage)
        for text in texts_of(case):
            self._names.learn_text(text)
        for account in accounts_of(case.incident):
            self._names.learn_fields({"User": account})
        for alert in case.incident.alerts:
            self.learn(alert.sample)

    def learn(self, found: Match | CorrelationMatch) -> None:
        """Remember the user names that a match shows, and those in the rest of its event."""
        self.spare(found.rule.title, found.rule.triage)
        if isinstance(found, CorrelationMatch):
            self._names.learn_fields(found.group)
            return
        self._learn_log(found.channel, found.fields)
        self._names.learn_fields(found.carried, found.event_id)
        self._names.learn_fields(found.fields, found.event_id)
        self._names.learn_text(found.file)

    def match(self, match: Match) -> Match:
        """Return the match without personal identifiers, and without what it carries of its event."""
        return _settled(match, self.learn, self._match_once)

    def correlation(self, found: CorrelationMatch) -> CorrelationMatch:
        """Return the correlation without personal identifiers."""
        return _settled(found, self.learn, self._correlation_once)

    def case(self, case: Case) -> Case:
        """Return the incident, its story and its events without personal identifiers."""
        self.learn_case(case)
        return cleaned_case(case, Cleaning(self.text, self.sentence, self.link, self.account, self.match, self.event))

    def event(self, event: EventSeen) -> EventSeen:
        """Return the event of an incident without personal identifiers."""
        return _settled(event, self._learn_event, self._event_once)

    def account(self, name: str) -> str:
        """Return the name of an account with the person in it replaced."""
        return _settled(name, lambda text: self._names.learn_fields({"User": text}), self._account_once)

    def text(self, text: str) -> str:
        """Return any other text without personal identifiers."""
        return _settled(text, self._names.learn_text, self._text_once)

    def sentence(self, text: str) -> str:
        """Return a sentence of ours with what is put into it cleaned."""
        return _settled(text, self._names.learn_text, self._sentence_once)

    def link(self, text: str) -> str:
        """Return what ties devices, with the name in it cleaned."""
        found = _LINK.fullmatch(text)
        return found[1] + self.text(found[2]) + found[3] if found else self.text(text)

    def begin(self, begin: Begin) -> Begin:
        """Return how the run began, its command line cleaned."""
        command = (word if _OPTION.fullmatch(word) else self.text(word) for word in begin.command)
        return replace(begin, command=tuple(command))

    def input(self, file: InputFile) -> InputFile:
        """Return the input, its path cleaned."""
        return replace(file, file=self.text(file.file))

    def refused(self, refused: Refused) -> Refused:
        """Return the refusal, its path and reason cleaned."""
        return replace(refused, path=self.text(refused.path), reason=self.sentence(refused.reason))

    def unseen(self, spot: BlindSpot) -> BlindSpot:
        """Return the blind spot, its texts cleaned."""
        reason = spot.reason if spot.kind in _OF_RULES else self.sentence(spot.reason)
        return replace(spot, file=self._maybe(spot.file), device=self._maybe(spot.device), reason=reason)

    def source(self, source: SourceSeen) -> SourceSeen:
        """Return what was seen of a log, the name of its device cleaned."""
        return replace(source, device=self._maybe(source.device), channel=self._log(source.channel))

    def closing(self, closing: Closing) -> Closing:
        """Return all that stands after the matches, cleaned."""
        for source in closing.sources:
            self._learn_log(source.channel, {})
        return replace(
            closing,
            inputs=tuple(map(self.input, closing.inputs)),
            refused=tuple(map(self.refused, closing.refused)),
            unseen=tuple(map(self.unseen, closing.unseen)),
            sources=tuple(map(self.source, closing.sources)),
        )

    def _learn_log(self, channel: str | None, fields: Fields) -> None:
        """Remember the names of logs that stand in sentences: that of an event and those it speaks of."""
        told = (item for field, value in fields.items() if bears_log(field) for item in items_of(value))
        for log in (channel, *told):
            if isinstance(log, str) and self._log(log) == log:
                self._own.spare(log)

    def _learn_event(self, event: EventSeen) -> None:
        self._learn_log(event.channel, event.fields)
        self._names.learn_fields(event.fields, event.event_id)
        self._names.learn_text(event.file)

    def _event_once(self, event: EventSeen) -> EventSeen:
        return replace(
            event,
            file=self._text_once(event.file),
            device=None if event.device is None else self._text_once(event.device),
            channel=self._log(event.channel),
            fields=self._fields_once(event.fields, event.event_id),
        )

    def _match_once(self, match: Match) -> Match:
        return structs.replace(
            match,
            file=self._text_once(match.file),
            device=None if match.device is None else self._text_once(match.device),
            channel=self._log(match.channel),
            fields=self._fields_once(match.fields, match.event_id),
            carried={},
            subject={},
            digest=b"",
        )

    def _correlation_once(self, found: CorrelationMatch) -> CorrelationMatch:
        members = tuple((self._text_once(file), position) for file, position in found.members)
        return structs.replace(found, group=self._fields_once(found.group), members=members)

    def _fields_once(self, fields: Fields, event_id: int | None = None) -> Fields:
        return {field: self._field_once(field, value, event_id) for field, value in fields.items()}

    def _field_once(self, field: str, value: Value, event_id: int | None) -> Value:
        if counts(field, value):
            return value
        if bears_log(field) and isinstance(value, str):
            return self._log(value)
        return self._value_once(value, is_user=bears_user(field, event_id))

    def _log(self, name: str | None) -> str | None:
        """Return the name of a log or a provider: as it is, unless it holds what no such name does."""
        if name is None or (_LOG.fullmatch(name) and self._shapes_once(name) == name):
            return name
        return self.text(name)

    def _value_once(self, value: Value, *, is_user: bool) -> Value:
        if isinstance(value, tuple):
            return tuple(self._scalar_once(item, is_user=is_user) for item in value)
        return self._scalar_once(value, is_user=is_user)

    def _scalar_once(self, value: Scalar, *, is_user: bool) -> Scalar:
        if isinstance(value, str):
            return self._account_once(value) if is_user else self._text_once(value)
        if isinstance(value, int) and not isinstance(value, bool):
            digits = str(value)
            if is_user:
                return self._token("user", digits)
            if len(digits) == 10 and value > 0 and is_nhs_number(digits):
                return self._token("nhs", digits)
            if self._names.replaced(digits, self._user) != digits:
                return self._user(digits)
        return value

    def _account_once(self, text: str) -> str:
        r"""Return the value of a user's field with the name replaced whole: `DOMAIN\[user-…]`."""
        domain, name = account_of(text)
        if is_system(domain, name):
            return self._text_once(text)
        cleaned = self._text_once(text) if "@" in name else text
        if cleaned != text:
            return cleaned
        head, tail = text.rsplit(name, 1)
        return self._text_once(head) + self._user(name) + self._text_once(tail)

    def _text_once(self, text: str) -> str:
        """Return the text cleaned; remembers short ones, since the values of events repeat themselves."""
        if self._cleaned_at != self._names.version or len(self._cleaned) > TEXTS_KEPT:
            self._cleaned.clear()
            self._cleaned_at = self._names.version
        cleaned = self._cleaned.get(text)
        if cleaned is None:
            cleaned = self._names.replaced(self._shapes_once(text), self._user)
            if len(text) <= TEXT_KEPT_CHARS:
                self._cleaned[text] = cleaned
        return cleaned

    def _sentence_once(self, text: str) -> str:
        return self._names.replaced(self._shapes_once(text), self._user, self._own)

    def _shapes_once(self, text: str) -> str:
        """Return the text without what is recognised by its shape."""
        pattern = personal(text)
        return pattern.sub(self._shaped, text) if pattern else text

    def _user(self, name: str) -> str:
        return self._token("user", unescaped(name))

    def _shaped(self, found: re.Match[str]) -> str:
        """Return the token for what is recognised by its shape; what is stepped over as it is."""
        kind = found.lastgroup
        if kind == "email":
            return self._token("email", found[0].replace("%40", "@"))
        if kind == "name" and not is_system("", found["name"]):
            return found["before"] + self._token("user", found["name"])
        if kind == "nhs" and is_nhs_number(digits := _digits(found[0])):
            return self._token("nhs", digits)
        if kind == "phone":
            return self._token("phone", _phone_digits(found[0]))
        return found[0]

    def _token(self, kind: str, what: str) -> str:
        what = what.lower()
        token = self._tokens.get((kind, what))
        if token is None:
            code = hmac.digest(self._key, f"{kind}\0{what}".encode("utf-8", "surrogatepass"), "sha256").hex()[:8]
            token = f"[{kind}-{code}]"
            if len(self._tokens) < TOKENS_KEPT:
                self._tokens[kind, what] = token
        return token

    def _maybe(self, text: str | None) -> str | None:
        return None if text is None else self.text(text)


def _settled(item: _T, learn: Callable[[_T], None], once: Callable[[_T], _T]) -> _T:
    """Repeat until nothing changes: a replaced name can lay bare the edge of a number beside it."""
    for _ in range(_ROUNDS):
        learn(item)
        cleaned = once(item)
        if cleaned == item:
            break
        item = cleaned
    return item


def _digits(text: str) -> str:
    return _NOT_DIGITS.sub("", text.replace("%20", ""))


def _phone_digits(text: str) -> str:
    """Return the digits of a telephone number in one form: +44 and 0044 as 0, other countries with their code."""
    digits = _digits(text.replace("(0)", ""))
    if not text.startswith(("+", "00")):
        return digits
    digits = digits.removeprefix("00")
    return "0" + digits[2:] if digits.startswith("44") else digits
