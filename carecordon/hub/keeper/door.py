"""What may come through the keeper's door: of each role one shape of statement, held against closed lists."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import assert_never

from carecordon.hub.keeper.address import Role
from carecordon.hub.keeper.engine import QUESTION_MEMORY
from carecordon.telemetry.answer import Denied
from carecordon.telemetry.columns import COLUMNS, DATABASE, TABLE
from carecordon.telemetry.question.asked import rebuild
from carecordon.telemetry.question.parameters import Parameter


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


SYNTAX_ERROR, ACCESS_DENIED, UNKNOWN_DATABASE, UNKNOWN_SETTING, BAD_ARGUMENTS, UNKNOWN_FORMAT = 62, 497, 81, 115, 36, 73
"""ClickHouse's own numbers. Source: ClickHouse, src/Common/ErrorCodes.cpp."""
FORMATS = _words(
    "Native JSONCompactEachRowWithNamesAndTypes JSONCompactEachRow JSONEachRow JSON JSONCompact CSV CSVWithNames "
    "TabSeparated TSV TabSeparatedWithNames TSVWithNames TabSeparatedWithNamesAndTypes RowBinary "
    "RowBinaryWithNamesAndTypes Null"
)
TRANSPORT = _words(
    "query database query_id default_format wait_end_of_query client_protocol_version session_id session_timeout "
    "session_check compress enable_http_compression send_progress_in_http_headers http_headers_progress_interval_ms "
    "cancel_http_readonly_queries_on_client_close buffer_size quota_key"
)
"""Names in the address that are no settings: they change nothing in the store."""
CEILINGS = {"max_execution_time": 60, "max_memory_usage": QUESTION_MEMORY, "limit": 1_000_001}
"""Settings that a reader may lower, and the most that they may be."""
STANDARD = {"max_execution_time": 30, "max_memory_usage": QUESTION_MEMORY, "limit": 0}
PARAMETER = "param_"
"""How words begin that are values of a question's parameters; an empty one is a value too."""
TOKEN_SETTING = "insert_deduplication_token"  # noqa: S105  # a name of ClickHouse's, no secret
_TOKEN = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:/-]{0,199}")
_FORMAT = re.compile(r"\s+FORMAT\s+(\w+)\s*;?\s*\Z", re.IGNORECASE)
_INSERT = re.compile(
    rf"INSERT INTO (?:`?{DATABASE}`?\.)?`?{TABLE}`?\s*\(([`A-Za-z0-9_, ]*)\)\s*FORMAT Native\s*", re.ASCII
)
_SETTINGS_QUESTION = re.compile(r"SELECT name, value, readonly FROM system\.settings LIMIT \d+")
_GREETINGS = {
    "SELECT version(), timezone()": "SELECT VERSION(), timezone()",
    "SELECT 1 AS check": 'SELECT 1 AS "check"',
}
"""What the client asks of every server when it connects, as `rebuild` gives it: so that no parser is needed for it."""
_SETTINGS_ANSWER = "SELECT 'enable_http_compression' AS name, '1' AS value, toUInt8(1) AS readonly"
MAX_INSERT_HEAD = 16_384


@dataclass(frozen=True, slots=True)
class Insert:
    """A block to keep, under a token that it is known by."""

    token: str
    block: memoryview


@dataclass(frozen=True, slots=True)
class Ask:
    """A question as the store is to read it, the format of its answer, and its limits."""

    sql: str
    form: str
    limits: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Shut:
    """What the door does not let through: ClickHouse's number for it, and why."""

    code: int
    reason: str


def admit(role: Role, words: Mapping[str, str], body: bytes) -> Insert | Ask | Shut:
    """Return what a request asks for, or why it may not. `words` are those of the address, each once."""
    if words.get("database", DATABASE) != DATABASE:
        return Shut(UNKNOWN_DATABASE, f"there is no database but {DATABASE}")
    match role:
        case Role.WORKER:
            return _insert(words, body)
        case Role.READER:
            return _ask(words, body)
        case _:
            assert_never(role)


def _insert(words: Mapping[str, str], body: bytes) -> Insert | Ask | Shut:
    statement, data = words.get("query", ""), memoryview(body)
    if not statement:
        head, _, _ = body[:MAX_INSERT_HEAD].partition(b"\n")
        statement, data = head.decode("utf-8", "replace"), data[len(head) + 1 :]
    if _is_greeting(statement):
        return _ask(words, body)
    found = _INSERT.fullmatch(statement)
    if found is None:
        return Shut(ACCESS_DENIED, f"a worker may only insert into {TABLE}, in Native format, all columns named")
    names = [name.strip().strip("`") for name in found.group(1).split(",")]
    if names != [column.name for column in COLUMNS]:
        return Shut(ACCESS_DENIED, "the columns are not those of this release: bring worker and keeper to one release")
    for name in words:
        if name not in TRANSPORT and name != TOKEN_SETTING:
            return Shut(UNKNOWN_SETTING, f"the setting {name[:60]!r} is not a worker's to set")
    token = words.get(TOKEN_SETTING, "")
    if not _TOKEN.fullmatch(token):
        return Shut(BAD_ARGUMENTS, f"an insert needs {TOKEN_SETTING}, of letters, digits and _.:/-")
    return Insert(token, data)


def _is_greeting(statement: str) -> bool:
    """Return whether it is one of the questions that the client asks of every server when it connects."""
    return _greeted(_FORMAT.sub("", statement)) is not None


def _greeted(bare: str) -> str | None:
    """Return a question of the client's own as the store is to read it; None for any other."""
    return _SETTINGS_ANSWER if _SETTINGS_QUESTION.fullmatch(bare) else _GREETINGS.get(bare)


def _ask(words: Mapping[str, str], body: bytes) -> Ask | Shut:
    try:
        statement = f"{words.get('query', '')}\n{body.decode()}".strip()
    except UnicodeDecodeError:
        return Shut(SYNTAX_ERROR, "the question is no UTF-8")
    limits = dict(STANDARD)
    parameters: dict[str, Parameter] = {}
    for name, value in words.items():
        if name.startswith(PARAMETER):
            parameters[name.removeprefix(PARAMETER)] = _unescaped(value)
        elif name in CEILINGS:
            if not value.isascii() or not value.isdigit() or not 0 < int(value[:19]) <= CEILINGS[name]:
                return Shut(BAD_ARGUMENTS, f"{name} is a number from 1 to {CEILINGS[name]}")
            limits[name] = int(value)
        elif name not in TRANSPORT:
            return Shut(UNKNOWN_SETTING, f"the setting {name[:60]!r} is not a reader's to set")
    form = words.get("default_format", "TabSeparated")
    found = _FORMAT.search(statement)
    if found is not None:
        form, statement = found.group(1), statement[: found.start()]
    if form not in FORMATS:
        return Shut(UNKNOWN_FORMAT, f"the format {form[:60]!r} is not given here")
    greeted = _greeted(statement)
    if greeted is not None:
        return Ask(greeted, form, limits)
    made = rebuild(statement, parameters)
    if isinstance(made, Denied):
        return Shut(ACCESS_DENIED if made.line == 0 else SYNTAX_ERROR, str(made))
    # The store would hold each side of a UNION or EXCEPT to `limit` by itself, and so answer wrongly.
    whole = f"SELECT * FROM ({made.sql})" if made.is_joined else made.sql  # noqa: S608  # rebuilt just now
    return Ask(whole, form, limits)


def _unescaped(value: str) -> str:
    """Return a parameter's value as it was meant: clients escape it as in tab-separated text."""
    known = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f", "0": "\0", "a": "\a", "v": "\v"}
    return re.sub(r"\\(.)", lambda found: known.get(found.group(1), found.group(1)), value, flags=re.DOTALL)
