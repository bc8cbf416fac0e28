"""What the grammar refuses: in which words, where, and that it never fails in another way."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mergus.engine.errors import MergusError, ParseError, UnknownName, Unsupported, UserError
from mergus.engine.sql.defines import substitute
from mergus.engine.sql.parser.parse import parse_statement, parse_statements
from mergus.engine.sql.statements.statement import Query


@pytest.mark.parametrize(
    ("text", "words", "place"),
    [
        ("SELEC * FROM a", "did you mean SELECT", "SELEC"),
        ("CREATE STREEM s (a INT)", "did you mean STREAM", "STREEM"),
        ("SHOW TABELS", "did you mean TABLES", "TABELS"),
        ("SELECT a FROM select", "reserved word", "select"),
        ("SELECT a FROM s WHERE", "the statement ends", "E"),
        ("SELECT a, FROM s", "expected an expression", "FROM"),
        ("SELECT a FROM s LIMIT 1 WHERE b", "wrong place", "WHERE"),
        (
            "SELECT DISTINCT a FROM s EMIT CHANGES",
            "EMIT CHANGES cannot stand in a query with DISTINCT",
            "SELECT DISTINCT",
        ),
        (
            "CREATE STREAM t AS SELECT a FROM s ORDER BY a",
            "ORDER BY is not supported in a persistent query",
            "ORDER BY",
        ),
        ("SELECT a FROM s WHERE a IN (SELECT b FROM s EMIT CHANGES)", "cannot stand in a sub-query", "SELECT"),
        ("SELECT a FROM s LIMIT 1 ORDER BY a", "wrong place", "ORDER"),
        ("CREATE STREAM x AS SELECT a FROM s, t", "CROSS JOIN is not supported in a persistent query", ","),
        ("SELECT TOP 5 a FROM s", "LIMIT 5", "5"),
        ("SELECT a FROM s WHERE a ~ 'x'", "REGEXP_MATCHES", "~"),
        ("SELECT LISTAGG(a) WITHIN GROUP (ORDER BY b) FROM s", "in the order of FROM", "WITHIN"),
        ("SELECT ARRAY_AGG(a ORDER BY b) FROM s", "in the order of FROM", "ORDER"),
        ("SELECT DISTINCT ON (a) b FROM s", "QUALIFY", "ON"),
        ("SELECT a AT TIME ZONE 'UTC' FROM s", "CONVERT_TZ", "TIME"),
        ("SELECT * FROM s PIVOT (COUNT(*) FOR a IN (1))", "FILTER", "("),
        ("DELETE FROM s", "STATE_TTL", "DELETE"),
        ("CREATE VIEW v AS SELECT a FROM s", "CREATE STREAM … AS SELECT", "VIEW"),
        ("SELECT a FROM 's.csv'", "PATH = 'file.csv'", "'s.csv'"),
        ("SELECT a FROM TABLE(TUMBLE(TABLE s))", "WINDOW TUMBLING", "("),
        ("SELECT a FROM EXPLODE(x)", "cannot stand in FROM", "("),
        ("SELECT a.b.c FROM s", "reached with ->", "."),
        ("SELECT a FROM s GROUP BY a AND b", "unexpected AND", "AND"),
        ("SELECT a FROM s PARTITION BY ()", "at least one", "("),
        ("SELECT a FROM s WHERE a IN ()", "unexpected )", ")"),
        ("SELECT 1 < 2 < 3 FROM s", "do not chain", "<"),
        ("SELECT CAST(a AS NULL) FROM s", "expected a type", "NULL"),
        ("SELECT CAST(a AS STRNG) FROM s", "did you mean STRING", "STRNG"),
        ("CREATE STREAM s (a DECIMAL(50, 2)) WITH (x = 1)", "between 1 and 38", "DECIMAL(50, 2)"),
        ("CREATE STREAM s (a STRUCT<x INT, X INT>) WITH (x = 1)", "duplicate field", "<"),
        ("CREATE STREAM s (a INT) WITH (x = 1, X = 2)", "given twice", "X = 2"),
        ("CREATE STREAM s (a INT HEADERS) WITH (x = 1)", "invalid type", "a INT HEADERS"),
        ("SELECT a FROM s WINDOW TUMBLING (SIZE 0 SECONDS) GROUP BY a", "larger than zero", "0 SECONDS"),
        ("SELECT a FROM s WINDOW TUMBLING (SIZE 3 BOBS) GROUP BY a", "a unit of time", "BOBS"),
        ("SELECT a FROM s WINDOW HOPPING (SIZE 3 HOURS) GROUP BY a", "ADVANCE BY", "HOPPING"),
        ("INSERT INTO t (a, b) VALUES (1)", "differs", "INSERT"),
        ("SHOW TABLES EXTENDED now", "the end of the statement", "now"),
        ("CREATE OR REPLACE STREAM IF NOT EXISTS s AS SELECT * FROM t", "exclude", "CREATE"),
    ],
)
def test_a_refusal_says_what_and_where(text: str, words: str, place: str) -> None:
    with pytest.raises(UserError) as caught:
        parse_statement(text)
    error = caught.value
    assert words in str(error)
    assert error.span is not None
    assert text[error.span.start : error.span.end].startswith(place)
    assert "^" in str(error)


def test_the_place_is_a_line_and_a_column() -> None:
    with pytest.raises(ParseError) as caught:
        parse_statement("SELECT a\nFROM s\nWERE b")
    assert "line 3:6" in str(caught.value)


@pytest.mark.parametrize("text", ["SELECT 1.5e FROM s", "CREATE STREAM s WITH (partitions = 1e)"])
def test_a_number_is_whole(text: str) -> None:
    with pytest.raises(ParseError):
        parse_statement(text)


@pytest.mark.parametrize("text", ["SELECT 'a FROM s", "SELECT `a FROM s", "SELECT a /* no end", "AS $$ body"])
def test_what_is_opened_must_be_closed(text: str) -> None:
    with pytest.raises(ParseError, match="not closed"):
        parse_statements(text)


@pytest.mark.parametrize("text", ["CREATE SINK CONNECTOR c", "SPOOL x"])
def test_what_there_is_not_yet_is_said(text: str) -> None:
    with pytest.raises((Unsupported, ParseError)):
        parse_statement(text)


def test_values_cannot_leave_their_quotes() -> None:
    made = substitute("SELECT '${a}', `${a}` -- ${b}", {"A": "x' OR `y"})
    assert made == "SELECT 'x'' OR `y', `x' OR ``y` -- ${b}"


def test_an_unknown_variable_is_named() -> None:
    with pytest.raises(UnknownName, match="variable tabel is not defined") as caught:
        substitute("SELECT * FROM ${tabel}", {"TABLE": "t"})
    assert caught.value.hint == "did you mean TABLE?"
    assert substitute("SELECT '${tabel}'", {}) == "SELECT '${tabel}'"


def test_deep_nesting_is_refused() -> None:
    for text in ("(" * 5000, "-" * 1 + " - " * 5000, "CASE WHEN " * 3000, "f(" * 4000):
        with pytest.raises(ParseError):
            parse_statement(f"SELECT {text} FROM s")
    with pytest.raises(ParseError):
        parse_statement("CREATE STREAM s (a " + "ARRAY<" * 4000 + "INT)")
    with pytest.raises(ParseError):
        parse_statement(f"SELECT {' + '.join(['a'] * 3000)} FROM s")


def test_a_long_list_of_conditions_is_not_deep() -> None:
    query = parse_statement("SELECT a FROM s WHERE " + " OR ".join(f"a = {i}" for i in range(3000)))
    assert isinstance(query, Query)
    assert query.where is not None
    assert len(list(query.where.walk())) > 3000


_SIGNS_AND_WORDS = """
    SELECT FROM WHERE CREATE STREAM TABLE AS WITH ( ) [ ] < > , . * + - / % = != := -> => || 'x' `y` "z" 1 2.5 3e4 a b
    WINDOW TUMBLING SIZE SECONDS GROUP BY HAVING EMIT CHANGES LIMIT JOIN ON WITHIN CASE WHEN THEN ELSE END CAST STRUCT
    MAP ARRAY INT DECIMAL NOT NULL IS IN BETWEEN AND OR LIKE INSERT INTO VALUES DROP SHOW DESCRIBE EXPLAIN ASSERT ALTER
    TOPIC $$ ${a} ; -- /* */ @ # ? \\ ~ & | ^ ! : { } ' ` " KEY PRIMARY TYPE FUNCTION RETURNS LANGUAGE 1R
"""
_PIECES = st.sampled_from(_SIGNS_AND_WORDS.split())
_GOOD = """
    CREATE TABLE t WITH ( kafka_topic = 'x' ) AS SELECT a -> b , COUNT ( * ) AS n FROM s JOIN u ON s . a = u . a
    WINDOW TUMBLING ( SIZE 1 MINUTE ) WHERE a IN ( 1 , 2 ) GROUP BY a HAVING COUNT ( * ) > 1 EMIT CHANGES
"""


@settings(max_examples=400, deadline=None)
@given(st.one_of(st.lists(_PIECES, max_size=30).map(" ".join), st.text(max_size=60)))
def test_no_text_fails_in_another_way(text: str) -> None:
    with contextlib.suppress(MergusError):
        parse_statements(text, variables={"A": "b"})


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_a_good_statement_with_a_piece_changed_is_read_or_refused(data: st.DataObject) -> None:
    words = _GOOD.split()
    at = data.draw(st.integers(0, len(words) - 1))
    words[at : at + data.draw(st.integers(0, 2))] = data.draw(st.lists(_PIECES, max_size=2))
    try:
        parse_statements(" ".join(words), variables={"A": "b"})
    except UserError as error:
        str(error)  # the place can be drawn


def test_a_long_line_is_shown_around_the_place():
    names = ", ".join(f"column_{i} INT" for i in range(40))
    with pytest.raises(ParseError) as refused:
        parse_statement(
            f"CREATE STREAM s ({names}, oops IN, {names.replace('column', 'other')}) WITH (KAFKA_TOPIC = 's')"
        )
    shown, caret = str(refused.value).splitlines()[1:3]
    place, text = shown.split(": ", 1)
    assert place == f"line 1:{len(f'CREATE STREAM s ({names}, oops ') + 1}"
    assert (text[0], text[-1], len(text)) == ("…", "…", 162)
    assert shown[caret.index("^") : caret.rindex("^") + 1] == "IN"
