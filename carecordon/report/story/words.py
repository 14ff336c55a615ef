"""The catalogue of a story's wording, read and checked: every sentence the code asks for, and no other."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from carecordon.model.errors import TheirFault
from carecordon.report.story.template import Template, template_of

Places = frozenset[str]


@dataclass(frozen=True, slots=True)
class Hint:
    """What a command line or a name says to one who knows: `says` holds where all of `has` stand in it.

    `program` the file names that it holds for, of any program if empty. All in lower case.
    """

    program: frozenset[str]
    has: tuple[str, ...]
    says: str

    def holds(self, program: str, text: str) -> bool:
        """Say whether it speaks of this program (its file's name) and text, both in lower case."""
        return (not self.program or program in self.program) and all(part in text for part in self.has)


@dataclass(frozen=True, slots=True)
class Step:
    """Something to do where an incident has one of the techniques (`T1003` means its sub-techniques too; `*` any)."""

    techniques: tuple[str, ...]
    text: Template

    @property
    def is_general(self) -> bool:
        """Say whether it is to be done about any incident."""
        return "*" in self.techniques

    def fits(self, techniques: tuple[str, ...]) -> bool:
        """Say whether it is to be done about an incident of these techniques."""
        return any(is_within(technique, wanted) for wanted in self.techniques for technique in techniques)


@dataclass(frozen=True, slots=True)
class Words:
    """All wording of stories. Sentences by `section.key`; tables by name, their keys in lower case."""

    sentences: Mapping[str, Template]
    missing: Mapping[str, str]
    """What stands for a place that has no value."""
    tables: Mapping[str, Mapping[str, str]]
    hints: Mapping[str, tuple[Hint, ...]]
    steps: tuple[Step, ...]

    def say(self, key: str, values: Mapping[str, str | None]) -> str:
        """Return the sentence with its places filled; begins with a capital unless a quoted name stands first."""
        text = self.sentences[key].fill(values, self.missing)
        return text[:1].upper() + text[1:]

    def phrase(self, key: str, values: Mapping[str, str | None]) -> str:
        """Return the part of a sentence with its places filled, as it stands."""
        return self.sentences[key].fill(values, self.missing)

    def texts(self) -> Iterator[str]:
        """Yield all wording, that of sentences piece by piece without their places."""
        for template in (*self.sentences.values(), *(step.text for step in self.steps)):
            yield from template.texts
        yield from self.missing.values()
        yield from (text for table in self.tables.values() for text in table.values())
        yield from (hint.says for hints in self.hints.values() for hint in hints)

    def look_up(self, table: str, code: str) -> str | None:
        """Return what a table has for a code, in any case; None if nothing."""
        return self.tables[table].get(code.lower())

    def hint(self, about: str, program: str, text: str) -> str | None:
        """Return what the first hint that holds says of a program's (file's name) command line, or of a name."""
        program, text = program.lower(), text.lower()
        return next((hint.says for hint in self.hints[about] if hint.holds(program, text)), None)

    def listed(self, things: list[str], most: int = 5) -> str:
        """Return `a, b and c`; of many the first `most` and how many more."""
        if len(things) > most + 1:
            things = [*things[:most], self.phrase("frame.more", {"count": f"{len(things) - most:,}"})]
        if len(things) < 2:
            return "".join(things)
        return self.phrase("frame.and", {"most": ", ".join(things[:-1]), "last": things[-1]})


def is_within(technique: str, wanted: str) -> bool:
    """Say whether a technique is the wanted one, or a part of it; `=T1003` is T1003 alone, `*` any."""
    return wanted in ("*", technique, f"={technique}") or technique.startswith(wanted + ".")


@dataclass(frozen=True, slots=True)
class Asked:
    """What the code asks of the catalogue: sentences with the places that it fills, tables, lists of hints."""

    sentences: Mapping[str, Places]
    tables: Places
    hints: Places
    steps: Places
    """The places of a step."""


def read_words(text: str, asked: Asked, name: str) -> Words:
    """Return the catalogue that a text in TOML holds.

    Raises TheirFault, with `name:line`, if it is no TOML, lacks a sentence or table, has one that
    nobody asks for, or a sentence has a place that is not filled.
    """
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as fault:
        line = re.search(r"at line (\d+)", str(fault))
        raise TheirFault(f"{name}:{line[1] if line else 1}: no TOML: {fault}") from fault
    return _Reading(document, text, asked, name).words()


class _Reading:
    """Takes a catalogue apart and says where it is wrong."""

    def __init__(self, document: dict[str, Any], text: str, asked: Asked, file: str) -> None:
        """Hold the document and its text, which says on what line a key stands."""
        self._document = document
        self._lines = text.splitlines()
        self._asked = asked
        self._file = file

    def words(self) -> Words:
        """Return the catalogue, wholly checked."""
        asked = self._asked
        sections = {key.split(".", 1)[0] for key in asked.sentences}
        for section in self._document.keys() - sections - asked.tables - asked.hints - {"missing", "steps"}:
            raise self._fault(section, None, "nothing asks for this section: remove it or mend its name")
        known = frozenset().union(*asked.sentences.values())
        return Words(
            {key: template for section in sorted(sections) for key, template in self._sentences(section)},
            self._missing(known),
            {table: self._table(table) for table in sorted(asked.tables)},
            {about: tuple(self._hints(about)) for about in sorted(asked.hints)},
            tuple(self._steps()),
        )

    def _sentences(self, section: str) -> Iterator[tuple[str, Template]]:
        wanted = {key.split(".", 1)[1]: places for key, places in self._asked.sentences.items() if _in(key, section)}
        found = self._table(section)
        for key in sorted(wanted.keys() - found.keys()):
            raise self._fault(section, None, f"the sentence `{key}` is missing: add it")
        for key, text in found.items():
            if key not in wanted:
                raise self._fault(section, key, "no such sentence is asked for: remove it or mend its name")
            yield f"{section}.{key}", self._template(section, key, text, wanted[key])

    def _template(self, section: str, key: str, text: str, places: Places) -> Template:
        try:
            template = template_of(text)
        except ValueError as fault:
            raise self._fault(section, key, str(fault)) from fault
        for place in sorted(template.places - places):
            offer = ", ".join(sorted(places)) or "none"
            raise self._fault(section, key, f"`{{{place}}}` is no place of this sentence; there are: {offer}")
        return template

    def _missing(self, known: Places) -> dict[str, str]:
        found = self._table("missing")
        for place in sorted(found.keys() - known):
            raise self._fault("missing", place, "no sentence has such a place: remove it or mend its name")
        return found

    def _table(self, section: str) -> dict[str, str]:
        table = self._document.get(section)
        if not isinstance(table, dict) or not table:
            raise self._fault(section, None, f"the section [{section}] is missing or empty: add it")
        for key, text in table.items():
            if not isinstance(text, str) or not text.strip():
                raise self._fault(section, key, "the wording must be a text that is not empty")
        return {key.lower(): text for key, text in table.items()}

    def _hints(self, about: str) -> Iterator[Hint]:
        for place, entry in self._entries(about):
            says, program, has = entry.get("says"), entry.get("program", []), entry.get("has", [])
            if not isinstance(says, str) or not says or not _texts(program) or not _texts(has):
                raise self._fault(about, None, f"hint {place} needs `says`, a text, and lists `program` or `has`")
            if not program and not has:
                raise self._fault(about, None, f"hint {place} would hold for anything: give `program` or `has`")
            yield Hint(frozenset(map(str.lower, program)), tuple(map(str.lower, has)), says)

    def _steps(self) -> Iterator[Step]:
        for place, entry in self._entries("steps"):
            techniques, text = entry.get("about"), entry.get("do")
            if not _texts(techniques) or not techniques or not isinstance(text, str):
                raise self._fault("steps", None, f"step {place} needs `about`, a list of techniques, and `do`, a text")
            yield Step(tuple(techniques), self._template("steps", str(place), text, self._asked.steps))

    def _entries(self, section: str) -> Iterator[tuple[int, dict[str, Any]]]:
        entries = self._document.get(section)
        if not isinstance(entries, list) or not entries or not all(isinstance(entry, dict) for entry in entries):
            raise self._fault(section, None, f"the list [[{section}]] is missing: add it")
        yield from enumerate(entries, 1)

    def _fault(self, section: str, key: str | None, reason: str) -> TheirFault:
        return TheirFault(f"{self._file}:{self._line(section, key)}: {section}{'.' + key if key else ''}: {reason}")

    def _line(self, section: str, key: str | None) -> int:
        """Return the line of a key, of a section, or of the n-th entry of a list; 1 where it is nowhere."""
        heads = [line for line, text in enumerate(self._lines, 1) if re.match(rf"\[+{re.escape(section)}\]", text)]
        if not heads:
            return 1
        if key and key.isdecimal() and int(key) <= len(heads) and len(heads) > 1:
            return heads[int(key) - 1]
        wanted = re.compile(rf"[\"']?{re.escape(key or '')}[\"']?\s*=", re.IGNORECASE)
        for line in range(heads[0], len(self._lines)) if key else ():
            if self._lines[line].startswith("["):
                break
            if wanted.match(self._lines[line]):
                return line + 1
        return heads[0]


def _in(key: str, section: str) -> bool:
    return key.split(".", 1)[0] == section


def _texts(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(part, str) and part for part in value)
