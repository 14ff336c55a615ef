"""The catalogue: the one that ships is whole, a bad one is refused with its line, and no wording stands in the code."""

from __future__ import annotations

import ast
import re
import tomllib
from collections.abc import Iterator
from importlib import resources
from pathlib import Path

import pytest

from carecordon.model.errors import TheirFault
from carecordon.report.story.catalogue import asked, words_of
from carecordon.report.story.kind import LOGS
from carecordon.report.story.template import template_of
from carecordon.report.story.words import is_within
from tests.report.story.script import CATALOGUE, TOP, words

TEXT = CATALOGUE.read_text(encoding="utf-8")


def test_the_catalogue_ships_as_data_of_the_package() -> None:
    shipped = resources.files("carecordon") / "report" / "story" / "words.toml"
    assert words_of(shipped.read_text(encoding="utf-8")).sentences == words().sentences
    project = tomllib.loads((TOP / "pyproject.toml").read_text(encoding="utf-8"))
    assert "report/story/words.toml" in project["tool"]["setuptools"]["package-data"]["carecordon"]


def test_the_code_asks_for_every_sentence_and_the_catalogue_has_no_other() -> None:
    document = tomllib.loads(TEXT)
    sections = {key.split(".")[0] for key in asked().sentences}
    written = {f"{section}.{key}" for section in sections for key in document[section]}
    assert written == set(asked().sentences)


ALWAYS = frozenset({
    "count", "span", "distinct", "sentence", "most", "last", "places", "gravest", "steps", "other", "did", "addresses",
    "accounts", "host", "images", "own", "reason", "sources", "why",
})  # fmt: skip
"""Places that the code always fills."""


def test_the_places_that_must_be_filled_and_no_others_have_a_word_for_when_they_are_missing() -> None:
    templates = [*words().sentences.values(), *(step.text for step in words().steps)]
    parts = [part for template in templates for part in template.parts if not part.may_lack]
    must = {piece.name for part in parts for piece in part.forms[0] if not isinstance(piece, str)}
    assert must - ALWAYS == words().missing.keys() - ALWAYS


def test_facts_have_no_full_stop_and_what_people_read_alone_has_one() -> None:
    for section, table in tomllib.loads(TEXT).items():
        if section in ("care", "unknown", "summary"):
            assert all(text.endswith(".") for text in table.values()), section
        if section in ("facts", "programs", "did", "events"):
            assert not any(text.endswith(".") for text in table.values()), section
        if section == "steps":
            assert all(step["do"].endswith(".") for step in table)


def test_no_sentence_says_more_than_events_can() -> None:
    assert not re.search(r"malware|malicious|attacker|hacker|infected|virus\b", re.sub(r"#.*|anti-virus", "", TEXT))


# what is changed in the catalogue that ships, by what, and what the refusal says
BAD = [
    ('process_end = "{image} ended"\n', "", "words.toml:", "the sentence `process_end` is missing"),
    ("process_end = ", 'process_over = "x"\nprocess_end = ', "process_over", "no such sentence is asked for"),
    ('"{image} ended"', '"{imag} ended"', "facts.process_end", "`{imag}` is no place of this sentence"),
    ('"{image} ended"', '"{image ended"', "facts.process_end", "a brace that is no place"),
    ('"{image} ended"', '"{image} [ended"', "facts.process_end", "a bracket `[` that is not closed"),
    ('"{image} ended"', '"{image} ended]"', "facts.process_end", "brackets that do not pair"),
    ('"{image} ended"', '"{image} [a[b]]"', "facts.process_end", "brackets that do not pair"),
    ('"{image} ended"', '"{image} | ended"', "facts.process_end", "`|` parts the forms within brackets"),
    ('"{image} ended"', "7", "facts.process_end", "must be a text"),
    ('"{image} ended"', '" "', "facts.process_end", "must be a text that is not empty"),
    ("[ports]", "[harbours]", "harbours", "nothing asks for this section"),
    ('\nurl = "an', '\nurls = "an', "missing.urls", "no sentence has such a place"),
    ('about = ["T1480"]', 'for = ["T1480"]', "steps", "step 1 needs `about`"),
    ("Let a senseless name", "Stop {image}", "steps.1", "`{image}` is no place"),
    ('has = ["comsvcs", "minidump"]', "has = []", "commands", "would hold for anything"),
    ('has = ["comsvcs", "minidump"]', "has = [7]", "commands", "lists `program` or `has`"),
    ("[care]", "[care", "no TOML", "line"),
]


@pytest.mark.parametrize(("before", "after", "where", "says"), BAD)
def test_a_bad_catalogue_is_refused_with_its_place(before: str, after: str, where: str, says: str) -> None:
    assert TEXT.count(before) == 1
    with pytest.raises(TheirFault, match=r"^words\.toml:\d+: ") as refused:
        words_of(TEXT.replace(before, after))
    assert where in str(refused.value)
    assert says in str(refused.value)


@pytest.mark.parametrize("key", ["process_end", "lookup_many", "fact"])
def test_the_line_of_a_bad_sentence_is_named(key: str) -> None:
    lines = TEXT.splitlines()
    (place,) = [place for place, line in enumerate(lines) if line.startswith(f"{key} = ")]
    lines[place] = f'{key} = "{{nothing_known}}"'
    with pytest.raises(TheirFault, match=rf"^mine\.toml:{place + 1}: "):
        words_of("\n".join(lines), "mine.toml")


def test_the_line_of_a_bad_step_is_that_of_its_entry() -> None:
    heads = [place for place, line in enumerate(TEXT.splitlines(), 1) if line == "[[steps]]"]
    with pytest.raises(TheirFault, match=rf"^words\.toml:{heads[1]}: steps\.2"):
        words_of(TEXT.replace("Find the policy that was changed", "Find {image}"))


def test_no_catalogue_at_all_is_refused() -> None:
    with pytest.raises(TheirFault, match="is missing or empty"):
        words_of("")


TEMPLATES = [
    ("{a} wrote {b}", {"a": "x", "b": "y"}, "x wrote y"),
    ("{a} wrote {b}", {"a": "x"}, "x wrote a file"),
    ("{a}[ as {c}]", {"a": "x"}, "x"),
    ("{a}[ as {c}]", {"a": "x", "c": "{a}[|]"}, "x as {a}[|]"),
    ("[{a} began {b}|{b} began] now", {"b": "y"}, "y began now"),
    ("[{a} began|something began]", {"a": None}, "something began"),
    ("[{a}][{c}]", {"a": ""}, ""),
]


@pytest.mark.parametrize(("text", "values", "told"), TEMPLATES)
def test_a_template_is_filled(text: str, values: dict[str, str | None], told: str) -> None:
    assert template_of(text).fill(values, {"b": "a file"}) == told


@pytest.mark.parametrize(
    ("things", "told"),
    [([], ""), (["a"], "a"), (["a", "b"], "a and b"), (list("abc"), "a, b and c"), (list("abcdef"), "a, b and 4 more")],
)
def test_things_are_listed(things: list[str], told: str) -> None:
    assert words().listed(things, most=2) == told


def test_a_technique_is_within_itself_its_parent_and_anything() -> None:
    assert is_within("T1003.001", "T1003")
    assert is_within("T1003", "=T1003")
    assert is_within("T1003", "*")
    assert not is_within("T1003.001", "=T1003")
    assert not is_within("T10031", "T1003")
    assert not is_within("T1003", "T1003.001")


WORDING = re.compile(r"[A-Za-z]{2,} [a-z]{2,} [a-z]{2,}")
FAULTS = frozenset({"words.py", "template.py"})
"""Files whose sentences say what is wrong with a catalogue."""


def _texts(path: Path) -> Iterator[tuple[int, str]]:
    """Yield the texts of a file that are no docstrings, with their lines."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    told = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in told:
            yield node.lineno, node.value


def test_no_wording_stands_in_the_code() -> None:
    files = [path for path in CATALOGUE.parent.glob("*.py") if path.name not in FAULTS]
    assert len(files) > 10
    found = [
        f"{path.name}:{line}: {text}"
        for path in files
        for line, text in _texts(path)
        if WORDING.search(text) and text not in LOGS
    ]
    assert not found, "\n" + "\n".join(found)
