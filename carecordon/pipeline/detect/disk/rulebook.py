"""The rules of a run: read from folders, files and zips and from our own, compiled, and kept in the cache."""

from __future__ import annotations

import hashlib
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from importlib import metadata, resources
from pathlib import Path
from typing import TypeVar

import msgspec
import yaml

import carecordon
from carecordon.model.errors import TheirFault
from carecordon.model.paths import shown_path
from carecordon.model.ports import Cache
from carecordon.pipeline.detect.disk.licence import is_licence, licence_in
from carecordon.pipeline.detect.disk.source import source_hash
from carecordon.pipeline.detect.sigma.documents import is_blank
from carecordon.pipeline.detect.sigma.ir import IR_VERSION, Abridged, RuleSet
from carecordon.pipeline.detect.sigma.texts import RuleText, Values, rule_set_hash

SUFFIXES = (".yml", ".yaml")
MAX_RULE_BYTES = 8 * 1024 * 1024
MAX_MEMBERS = 100_000
MAX_ZIP_BYTES = 256 * 1024 * 1024
"""What the rules of one zip may unpack to."""
BLANK = "holds no rule: the file is empty, or all comment"
COMPILER = "carecordon.pipeline.detect.sigma"
T = TypeVar("T", RuleSet, Abridged)


@dataclass(frozen=True, slots=True)
class Collection:
    """A zip of rules: its SHA-256 and what its licence file says (None if it carries none)."""

    path: str
    sha256: str
    licence: str | None


@dataclass(frozen=True, slots=True)
class Files:
    """What was read at one path: text by place, and the zip it came in, if it did."""

    texts: dict[str, bytes]
    collection: Collection | None = None


@dataclass(frozen=True, slots=True)
class Rulebook:
    """The compiled rules, the collections they came in, and whether the cache held them."""

    rules: RuleSet
    collections: tuple[Collection, ...] = ()
    was_cached: bool = False
    empty: tuple[str, ...] = ()
    """What to say of paths and files that hold no rule, beside others that do."""
    unused: tuple[str, ...] = ()
    """What to say of documents that were left out, for whoever chose which are used."""
    unread: tuple[str, ...] = ()
    """What to say of places that could not be read, for whoever goes on without them."""
    former: tuple[str, ...] = ()
    """Ids of rules and correlations that stand as they once were, since they do not load as they are now."""
    key: str = ""
    """Under which the cache holds what compiling gave."""


class _Note(msgspec.Struct, frozen=True, array_like=True):
    """All of a rulebook but its rules."""

    key: str
    collections: tuple[Collection, ...]
    empty: tuple[str, ...]
    unused: tuple[str, ...]
    unread: tuple[str, ...]
    former: tuple[str, ...]


class NoRules(TheirFault):
    """A path that can be read and holds no rules."""


def read_rulebook(paths: Sequence[Path], cache: Cache, values: Values | None = None, *, own: bool = True) -> Rulebook:
    """Return the rules under `paths`, and our own, compiled.

    Raises TheirFault where a path does not exist, cannot be read, or where none of the paths holds a rule.
    """
    texts: dict[str, bytes] = {}
    collections: list[Collection] = []
    empty: list[NoRules] = []
    for path in paths:
        try:
            files = read_files(path)
        except NoRules as fault:
            empty.append(fault)
            continue
        texts.update(files.texts)
        empty += (NoRules(f"{place}: {BLANK}") for place in sorted(files.texts) if is_blank(files.texts[place]))
        if files.collection is not None:
            collections.append(files.collection)
    if empty and all(map(is_blank, texts.values())):
        raise empty[0]
    book = compile_rules([RuleText(*one) for one in texts.items()], cache, values, own=own)
    return replace(book, collections=tuple(collections), empty=tuple(map(str, empty)))


def compile_rules(
    texts: Iterable[RuleText], cache: Cache, values: Values | None = None, *, own: bool = True
) -> Rulebook:
    """Return the rules in these texts, and our own, compiled, or as the cache holds them."""
    ours = (RuleText(*one) for one in own_files()) if own else ()
    rule_texts = sorted([*ours, *texts])
    key = _key(rule_texts, values or {})
    rules = _kept(key, cache, RuleSet)
    was_cached = rules is not None
    if rules is None:
        rules = _compiled(rule_texts, values or {})
        cache.save(key, msgspec.msgpack.encode(rules))
    return Rulebook(rules, was_cached=was_cached, key=key)


def note(book: Rulebook, name: str, cache: Cache) -> None:
    """Let `recalled` give this book again; `name` changes whenever a file does that it was read from."""
    kept = _Note(*(getattr(book, field) for field in _Note.__struct_fields__))
    cache.save(_note_key(name), msgspec.msgpack.encode(kept))


def recalled(name: str, cache: Cache) -> Rulebook | None:
    """Return the book that was noted under this name without reading its files; None where it is not there any more.

    Nor where another program compiled it.
    """
    found = _noted(name, cache)
    rules = None if found is None else _kept(found.key, cache, RuleSet)
    if found is None or rules is None:
        return None
    return Rulebook(rules, was_cached=True, **msgspec.structs.asdict(found))


def recalled_abridged(name: str, cache: Cache) -> Abridged | None:
    """Return what there is to tell of the rules that `recalled` gives: what they ask is not decoded."""
    found = _noted(name, cache)
    return None if found is None else _kept(found.key, cache, Abridged)


def read_files(path: Path, beside: tuple[str, ...] = ()) -> Files:
    """Return the rules in a file, folder or zip, and the other files whose names end as `beside` says.

    Raises TheirFault where the path does not exist, cannot be read or holds no rule.
    """
    if path.suffix.lower() == ".zip" and path.is_file():
        return _read_zip(path, SUFFIXES + beside)
    return Files(dict(_read_plain(path, SUFFIXES + beside)))


def read_values(path: Path) -> dict[str, list[str | int]]:
    """Return placeholder values: a YAML mapping of name to value or list. Raises TheirFault if it is none."""
    try:
        document = yaml.safe_load(path.read_bytes())
    except (OSError, yaml.YAMLError, ValueError, RecursionError) as error:
        raise TheirFault(f"{path}: cannot be read as placeholder values: {error}") from error
    if not isinstance(document, dict):
        raise TheirFault(f"{path}: placeholder values are a YAML mapping of name to a value or a list of values")
    found: dict[str, list[str | int]] = {}
    for name, given in document.items():
        parts = given if isinstance(given, list) else [given]
        if not all(isinstance(part, str | int) for part in parts):
            raise TheirFault(f"{path}: the values of {name} must be texts or numbers")
        found[str(name).strip("%")] = parts
    return found


def own_files(beside: tuple[str, ...] = ()) -> Iterator[tuple[str, bytes]]:
    """Yield (path, text) of the rules that Carecordon ships, and of files that end as `beside` says.

    Paths start with `carecordon/rules/`.
    """
    root = resources.files(carecordon) / "rules"
    for tactic in sorted(root.iterdir(), key=lambda entry: entry.name):
        if tactic.is_dir():
            for rule in sorted(tactic.iterdir(), key=lambda entry: entry.name):
                if rule.name.endswith(SUFFIXES + beside):
                    yield f"carecordon/rules/{tactic.name}/{rule.name}", rule.read_bytes()


def _read_plain(path: Path, suffixes: tuple[str, ...]) -> Iterator[tuple[str, bytes]]:
    if path.is_file():
        files: Iterable[Path] = (path,)
    elif path.is_dir():
        files = [file for file in path.rglob("*") if file.name.lower().endswith(suffixes) and file.is_file()]
        if not any(file.suffix.lower() in SUFFIXES for file in files):
            raise NoRules(f"{path}: no rule file (.yml, .yaml) in this folder")
    else:
        raise TheirFault(f"{path}: no such file or folder of rules")
    for file in files:
        try:
            with file.open("rb") as stream:
                yield shown_path(str(file)), stream.read(MAX_RULE_BYTES + 1)
        except OSError as error:
            raise TheirFault(f"{file}: cannot be read: {error.strerror}") from error


def _read_zip(path: Path, suffixes: tuple[str, ...]) -> Files:
    texts: dict[str, bytes] = {}
    try:
        sha256 = _sha256(path)
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
            if len(members) > MAX_MEMBERS:
                raise TheirFault(f"{path}: holds {len(members)} members; at most {MAX_MEMBERS} are read")
            licence = None
            left = MAX_ZIP_BYTES
            for member in members:
                name = member.filename.rsplit("/", 1)[-1].lower()
                if name.endswith(suffixes):
                    text = texts[shown_path(f"{path}!{member.filename}")] = _member(archive, member)
                    left -= len(text)
                elif is_licence(name) and licence is None:
                    licence = licence_in(_member(archive, member))
                if left < 0:
                    raise TheirFault(f"{path}: its rules unpack to more than {MAX_ZIP_BYTES >> 20} MiB; split it")
    except TheirFault:
        raise
    except Exception as error:  # zipfile raises whatever the bytes lead it to
        raise TheirFault(f"{path}: cannot be read as a zip of rules: {error}; make it anew or unpack it") from error
    if not any(name.lower().endswith(SUFFIXES) for name in texts):
        raise NoRules(f"{path}: no rule file (.yml, .yaml) in this zip")
    return Files(texts, Collection(shown_path(str(path)), sha256, licence))


def _member(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> bytes:
    with archive.open(member) as stream:
        return stream.read(MAX_RULE_BYTES + 1)


def _sha256(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _note_key(name: str) -> str:
    return f"book-{name}"


def _key(texts: Sequence[RuleText], values: Values) -> str:
    places = hashlib.sha256()
    for text in texts:
        places.update(text.path.encode() + b"\0" + hashlib.sha256(text.text).digest())
    return f"{_made_by()}{rule_set_hash(texts, values)[:40]}-{places.hexdigest()[:16]}"


def _made_by() -> str:
    return f"rules-{carecordon.__version__}-{metadata.version('pysigma')}-{IR_VERSION}-{source_hash(COMPILER)}-"


def _noted(name: str, cache: Cache) -> _Note | None:
    try:
        found = msgspec.msgpack.decode(cache.load(_note_key(name)) or b"", type=_Note)
    except msgspec.DecodeError:
        return None
    return found if found.key.startswith(_made_by()) else None


def _kept(key: str, cache: Cache, kind: type[T]) -> T | None:
    blob = cache.load(key)
    try:
        return None if blob is None else msgspec.msgpack.decode(blob, type=kind)
    except msgspec.DecodeError:  # written by another layout of the program
        return None


def _compiled(texts: Sequence[RuleText], values: Values) -> RuleSet:
    from carecordon.pipeline.detect.sigma.load import load  # noqa: PLC0415  # brings pySigma with it

    return load(texts, values)
