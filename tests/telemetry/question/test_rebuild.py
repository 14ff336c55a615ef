"""What a question may be, what comes out of it, and what is refused."""

from __future__ import annotations

import pytest
import sqlglot
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlglot.tokenizer_core import TokenType

from carecordon.telemetry.answer import Denied
from carecordon.telemetry.question.prepared import Rebuilt, Slot, Slots
from carecordon.telemetry.question.rebuild import rebuild
from carecordon.telemetry.question.views import VIEWS
from carecordon.telemetry.question.words import DIALECT, MAX_CHARACTERS
from tests.telemetry.injections import INJECTIONS

ALLOWED = (
    "SELECT DeviceName, count() AS n FROM DeviceProcessEvents GROUP BY DeviceName HAVING n > 1 ORDER BY n DESC",
    "SELECT FileName FROM DeviceProcessEvents WHERE Timestamp > now() - INTERVAL 1 DAY AND MD5 ILIKE '%-enc%'",
    "SELECT e.Image, f.Image FROM events e LEFT JOIN events AS f ON e.ProcessGuid = f.ParentProcessGuid",
    "WITH t AS (SELECT User AS d, count() AS c FROM events GROUP BY d) SELECT d FROM t WHERE c BETWEEN 1 AND 3",
    "SELECT row_number() OVER (PARTITION BY DeviceName ORDER BY Timestamp) AS r FROM DeviceFileEvents",
    "SELECT sum(sequence) OVER (ORDER BY time ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) FROM events",
    "SELECT Image FROM events WHERE Image IN (SELECT FolderPath FROM DeviceProcessEvents) OR User IN ('a', 'b')",
    "SELECT CASE WHEN event_id = 1 THEN 'a' ELSE 'b' END, CAST(event_id AS String), event_id::Int64 FROM events",
    "SELECT fields['Unit'], mapKeys(fields)[1] FROM events WHERE mapContains(fields, 'Unit') AND device IS NOT NULL",
    "SELECT Image FROM events UNION ALL SELECT FileName FROM DeviceFileEvents",
    "SELECT DISTINCT Image FROM events LIMIT 1 BY Image",
    "SELECT count(DISTINCT Image), count(*), quantile(0.9)(sequence), uniqIf(Image, User = '') FROM events",
    "select image from (select Image as image from events) limit 3 offset 2",
    "SELECT 1 -- why\n",
    "SELECT /* why */ 1",
    "SELECT shape, day, SHA256 FROM events",
)


@pytest.mark.parametrize("sql", ALLOWED)
def test_allowed_and_the_same_when_rebuilt_again(sql: str) -> None:
    found = rebuild(sql)
    assert isinstance(found, Rebuilt), found
    assert rebuild(found.sql) == found


@pytest.mark.parametrize("sql", INJECTIONS)
def test_refused(sql: str) -> None:
    found = rebuild(sql)
    assert isinstance(found, Denied), found
    assert found.reason


def test_a_refusal_says_where() -> None:
    found = rebuild("SELECT Image,\n  sleep(3) FROM events")
    assert isinstance(found, Denied)
    assert (found.line, "sleep" in found.reason) == (2, True)


def test_names_go_out_quoted_with_their_database_and_comments_do_not() -> None:
    found = rebuild("select Image i from events -- drop")
    assert found == Rebuilt('SELECT "Image" AS "i" FROM "carecordon"."events"')


def test_a_star_means_what_is_published() -> None:
    found = rebuild("SELECT * FROM DeviceLogonEvents")
    assert isinstance(found, Rebuilt)
    assert found.sql.count(", ") == len(VIEWS["DeviceLogonEvents"].columns) - 1
    found = rebuild("SELECT * FROM events")
    assert isinstance(found, Rebuilt)
    assert '"shape"' not in found.sql
    found = rebuild("WITH t AS (SELECT Image AS a FROM events) SELECT * FROM t")
    assert isinstance(found, Rebuilt)
    assert found.sql.endswith('SELECT "a" FROM "t"')


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT " + "(" * 500 + "1" + ")" * 500,
        "SELECT " + "NOT " * 3_000 + "1",
        "SELECT " + "- " * 3_000 + "1",
        "SELECT " + "1 + " * 3_900 + "1",
        "SELECT " + "[" * 30 + "1" + "]" * 30 + "1",
        "SELECT " + "CASE WHEN 1 THEN " * 900 + "1",
        "SELECT '" + "a" * MAX_CHARACTERS + "'",
        "SELECT 1" + " UNION ALL SELECT 1" * 1_200,
    ],
)
def test_bombs_are_refused_and_not_fallen_over(sql: str) -> None:
    assert isinstance(rebuild(sql), Denied)


@given(st.text())
def test_text_stays_text(text: str) -> None:
    """A parameter is one literal of what is asked, whatever stands in it."""
    found = rebuild("SELECT {x:String} AS a FROM events", {"x": text})
    if isinstance(found, Rebuilt):
        again = rebuild(found.sql)
        assert again == found or "\0" in text
        assert found.sql.startswith("SELECT '")
        assert found.sql.endswith('\' AS "a" FROM "carecordon"."events"')


PLACES = (
    "SELECT {} AS a FROM events",
    "SELECT * FROM (SELECT {} FROM events)",
    "SELECT * FROM (SELECT CAST({} AS String) FROM events)",
    "SELECT * FROM (SELECT ({}) FROM events)",
    "SELECT * FROM (SELECT {}::String FROM events)",
    "WITH t AS (SELECT ({}) FROM events) SELECT * FROM t",
    "SELECT * FROM (SELECT Image FROM events UNION ALL SELECT {} FROM events)",
    "SELECT dateTrunc({}, time) FROM events",
    "SELECT dateDiff({}, time, time) FROM events",
    "SELECT fields[{}] FROM events WHERE Image = {} ORDER BY {}",
    "SELECT Image FROM events WHERE Image IN ({}, 'b') OR Image LIKE {}",
    "SELECT CASE WHEN Image = {} THEN {} ELSE 'b' END FROM events GROUP BY {}",
    "SELECT now() - INTERVAL {} DAY",
    "SELECT {} AS Image, Image || {} FROM events",
)
TABLES = '", (SELECT count() FROM system.tables), 1 AS "'
HOSTILE = (TABLES, "' OR 1 --", "\\' OR 1 /*", "`", "{x:String}", "", "\n", "é" * 9)


@given(st.sampled_from(PLACES), st.sampled_from(HOSTILE) | st.text(max_size=12))
def test_a_value_is_a_literal_wherever_it_stands_or_is_refused(place: str, text: str) -> None:
    """What is asked is the question with a harmless value in it, but for that literal."""
    sql = place.replace("{}", "{x:String}")
    harmless, found = rebuild(sql, {"x": "harmless"}), rebuild(sql, {"x": text})
    if isinstance(harmless, Denied):
        assert found == harmless
        return
    assert isinstance(found, Rebuilt)
    assert rebuild(found.sql) == found or "\0" in text
    for token, other in zip(_tokens(found.sql), _tokens(harmless.sql), strict=True):
        assert token == other or other == (TokenType.STRING, "harmless") == (token[0], "harmless")


@pytest.mark.parametrize(
    "typed",
    ["slot0n0n", "'slot0n0n'", "'sl\\x6ft1n0n'", '"slot1n0n"', "`SLOT1N0N`", "fields['slot0n0n']", "slot1n0n.Image"],
)
def test_nobody_types_the_mark_of_a_value(typed: str) -> None:
    """Not by itself, not by an escape: it stays a text, or is refused."""
    found = rebuild(f"SELECT {{x:String}} AS a, {typed} AS b, 'slot0n' AS c FROM events", {"x": "VALUE"})  # noqa: S608  # it goes to rebuild, to no store
    if isinstance(found, Rebuilt):
        assert _tokens(found.sql).count((TokenType.STRING, "VALUE")) == 1
        assert found.sql.count("VALUE") == 1


def _tokens(sql: str) -> list[tuple[TokenType, str]]:
    return [(token.token_type, token.text) for token in sqlglot.tokenize(sql, dialect=DIALECT)]


PIECES = """SELECT FROM WHERE events file( url( 'x' ) ( , * SETTINGS FORMAT Null ; -- /* */ UNION ALL INSERT INTO
FUNCTION Image system.one JOIN ON 1 = IN WITH x AS ` " ' \\ { } : :: -> $$ LIMIT [ ] INTERVAL DAY OVER"""
WORDS = st.sampled_from(PIECES.split())


@settings(max_examples=200, deadline=None)
@given(st.lists(WORDS, max_size=14).map(" ".join).map("SELECT ".__add__))
def test_whatever_is_typed_only_the_known_comes_out(sql: str) -> None:
    found = rebuild(sql)
    if isinstance(found, Rebuilt):
        assert rebuild(found.sql) == found
        for bad in ("file(", "url(", "SETTINGS", "FORMAT", ";", "INSERT", "->", "--", "/*"):
            assert bad not in found.sql.replace("'x'", "")


def _stars(deep: int) -> str:
    sql = "SELECT device FROM events"
    for _ in range(deep):
        sql = f"SELECT * FROM ({sql})"  # noqa: S608  # it goes to rebuild, to no store
    return sql


def _doubled(select: str, times: int) -> str:
    steps = ", ".join(f"a{place + 1} AS ({select.format(place)})" for place in range(times))
    return f"WITH a0 AS (SELECT sequence AS q FROM events), {steps} SELECT count() FROM a{times}"  # noqa: S608  # it goes to rebuild, to no store


def _joined(views: int) -> str:
    """Return a question that joins the widest view with itself."""
    more = (f" JOIN DeviceEvents AS a{place} ON a0.Sequence = a{place}.Sequence" for place in range(1, views))
    return f"SELECT count() FROM DeviceEvents AS a0{''.join(more)}"  # noqa: S608  # it goes to rebuild, to no store


def test_a_subquery_is_rebuilt_once_however_deep_stars_stand(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each `*` used to rebuild what stood under it again: twelve levels took 4,096 times."""
    made: list[str] = []
    mark = Slots.mark

    def noted(slots: Slots, slot: Slot) -> str:
        made.append(slot.name)
        return mark(slots, slot)

    monkeypatch.setattr(Slots, "mark", noted)
    sql = _stars(11).replace("device", "{x:String} AS device")
    assert isinstance(rebuild(sql, {"x": "y"}), Rebuilt)
    assert made == ["x"]


def test_the_same_question_is_taken_apart_once_and_filled_with_other_values() -> None:
    sql = "SELECT Image FROM events WHERE sequence > {from:Int64} AND device = {device:String} LIMIT 7"
    first = rebuild(sql, {"from": -5, "device": "a' OR '1'='1"})
    other = rebuild(sql, {"from": "12", "device": "{from:Int64}"})
    assert isinstance(first, Rebuilt)
    assert isinstance(other, Rebuilt)
    assert first.sql.endswith(""" WHERE "sequence" > (-5) AND "device" = 'a'' OR ''1''=''1' LIMIT 7""")
    assert other.sql.endswith(""" WHERE "sequence" > 12 AND "device" = '{from:Int64}' LIMIT 7""")
    assert rebuild(first.sql) == first
    assert rebuild(other.sql) == other
    for values, says in (({"from": 1}, "'device'"), ({"from": "x", "device": "a"}, "is no Int64")):
        refused = rebuild(sql, values)
        assert isinstance(refused, Denied)
        assert says in refused.reason


@pytest.mark.parametrize(
    ("sql", "says"),
    [
        (_stars(13), "nested more than"),
        (_doubled("SELECT x.q AS q FROM a{0} x JOIN a{0} y ON x.q = y.q", 4), "more than 8 views"),
        (_doubled("SELECT * FROM a{0} x, a{0} y", 4).replace("sequence AS q", "*"), "columns"),
        ("WITH a AS (SELECT q FROM b), b AS (SELECT sequence AS q FROM events) SELECT q FROM a", "before"),
        ("SELECT 1 FROM events" + " UNION ALL SELECT 1 FROM events" * 8, "more than 8 views"),
        (_joined(9), "more than 8 views"),
        (f"SELECT 1 FROM ({_joined(5)}) AS x, ({_joined(4)}) AS y", "more than 8 views"),  # noqa: S608  # it goes to rebuild, to no store
        (_joined(8) + " WHERE a0.Sequence IN (SELECT sequence FROM events)", "more than 8 views"),  # noqa: S608  # it goes to rebuild, to no store
        ("SELECT fields" + "['a']" * 200 + " FROM events", "brackets"),
        (f"SELECT sequence AS a0, {', '.join(f'a{n} + a{n} AS a{n + 1}' for n in range(12))}", "names"),
        ("SELECT sequence + b AS a, a AS b FROM events", "each other"),
    ],
)
def test_what_the_store_would_make_huge_is_refused(sql: str, says: str) -> None:
    found = rebuild(sql)
    assert isinstance(found, Denied), found
    assert says in found.reason


def test_a_name_used_now_and_then_is_none_of_that() -> None:
    for sql in (
        _doubled("SELECT x.q AS q FROM a{0} x JOIN a{0} y ON x.q = y.q", 3),
        _joined(8),
        " UNION ALL ".join(f"SELECT count() FROM {name}" for name in VIEWS),  # noqa: S608  # it goes to rebuild alone
        "SELECT lower(Image) AS Image, count() AS n FROM events GROUP BY Image HAVING n > 1 ORDER BY n",
        "SELECT n + 1 AS n FROM (SELECT count() AS n FROM events)",
    ):
        assert isinstance(rebuild(sql), Rebuilt), sql
