"""What the grammar makes of text that is well formed."""

from __future__ import annotations

from typing import Any

import pytest
from sqlglot import exp

from mergus.engine.errors import Span
from mergus.engine.sql.dialect import Ksql
from mergus.engine.sql.parser.expression import ExpressionParser
from mergus.engine.sql.parser.parse import parse_statement, parse_statements, split_statements
from mergus.engine.sql.scope import span_of
from mergus.engine.sql.statements import statement as s
from mergus.engine.sql.types import BIGINT, FLOAT, STRING, Array, Decimal, Map, Struct, Vector


def query(text: str) -> s.Query:
    statement = parse_statement(text)
    assert isinstance(statement, s.Query)
    return statement


def expression(text: str) -> exp.Expression:
    return ExpressionParser(text).whole_expression()


@pytest.mark.parametrize(
    ("text", "shape"),
    [
        ("a + b * c - d", "((A + (B * C)) - D)"),
        ("a = 1 OR b = 2 AND NOT c = 3", "((A = 1) OR ((B = 2) AND (NOT (C = 3))))"),
        ("a % 2 = 0", "((A % 2) = 0)"),
        ("-a + -1", "((- A) + -1)"),
        ("a NOT BETWEEN 1 AND 2 AND b", "((NOT (A BETWEEN 1 2)) AND B)"),
        ("a || b || 'c'", "CONCAT(CONCAT(A, B), 'c')"),
        ("a->b->c[1]", "(((A -> B) -> C) [] 1)"),
        (".5 + 1.5e3", "(0.5 + 1.5e3)"),
    ],
)
def test_operators_bind_as_in_ksqldb(text: str, shape: str) -> None:
    assert _shape(expression(text)) == shape


_SIGNS: dict[type[exp.Expression], str] = {
    exp.Add: "+",
    exp.Sub: "-",
    exp.Mul: "*",
    exp.Mod: "%",
    exp.EQ: "=",
    exp.And: "AND",
    exp.Or: "OR",
    exp.JSONExtract: "->",
}


def _shape(node: Any) -> str:
    match node:
        case exp.Literal():
            return f"'{node.this}'" if node.args["is_string"] else str(node.this)
        case exp.Column() | exp.Identifier():
            return str(node.name)
        case exp.Not():
            return f"(NOT {_shape(node.this)})"
        case exp.Neg():
            return f"(- {_shape(node.this)})"
        case exp.Between():
            return f"({_shape(node.this)} BETWEEN {_shape(node.args['low'])} {_shape(node.args['high'])})"
        case exp.Bracket():
            return f"({_shape(node.this)} [] {_shape(node.expressions[0])})"
        case exp.Anonymous():
            return f"{node.this}({', '.join(_shape(e) for e in node.expressions)})"
    return f"({_shape(node.this)} {_SIGNS[type(node)]} {_shape(node.expression)})"


def test_names_are_upper_cased_unless_quoted() -> None:
    column = expression("a.`b C`")
    assert isinstance(column, exp.Column)
    assert (column.table, column.name) == ("A", "b C")
    assert expression('"x""y"').name == 'x"y'
    assert expression("`x``y`").name == "x`y"


def test_literals_keep_what_tells_their_type() -> None:
    assert expression("'it''s'").this == "it's"
    assert expression("-9223372036854775808").this == "-9223372036854775808"
    assert expression("1.50").this == "1.50"


def test_lambdas_constructors_and_casts() -> None:
    call = expression("TRANSFORM(m, (k, v) => k + v, x => x)")
    assert [[p.name for p in e.expressions] for e in call.expressions[1:]] == [["K", "V"], ["X"]]
    cast = expression("CAST(a AS STRUCT<x DECIMAL(4, 2), `y` MAP<STRING, ARRAY<INT>>>)")
    assert isinstance(cast.args["to"].meta["sql_type"], Struct)
    assert isinstance(expression("MAP('a' := 1)"), exp.Map)
    assert isinstance(expression("STRUCT(a := 1, b := 'x')"), exp.Struct)
    assert expression("a IS NOT DISTINCT FROM b").key == "nullsafeeq"
    assert isinstance(expression("a LIKE 'x!%' ESCAPE '!'"), exp.Escape)


def test_a_unit_of_time_is_a_word() -> None:
    assert expression("DATEADD(DAYS, 1, d)").expressions[0].this == "DAYS"
    assert isinstance(expression("F(DAYS)").expressions[0], exp.Column)


def test_nodes_know_their_place() -> None:
    text = "a + coalesce(b, 'x')"
    node = expression(text)
    assert span_of(node) == Span(0, len(text))
    assert span_of(node.expression) == Span(4, len(text))


def test_sqlglot_can_be_asked() -> None:
    node = Ksql().parse("a->b = 1")[0]
    assert isinstance(node, exp.EQ)


def test_a_whole_query() -> None:
    made = query(
        "SELECT t.*, a->*, COUNT(*) AS n, b c FROM s AS t WINDOW HOPPING (SIZE 1 MINUTE, ADVANCE BY 10 SECONDS, "
        "RETENTION 1 DAY, GRACE PERIOD 5 SECONDS) WHERE x > 1 GROUP BY (a, b) HAVING COUNT(*) > 2 EMIT FINAL LIMIT 3"
    )
    assert [(i.is_star, i.source, i.is_struct_star, i.alias) for i in made.select] == [
        (True, "T", False, None),
        (False, None, True, None),
        (False, None, False, "N"),
        (False, None, False, "C"),
    ]
    window = made.window
    assert window is not None
    assert (window.kind, window.size_ms, window.advance_ms) == ("HOPPING", 60_000, 10_000)
    assert (window.retention_ms, window.grace_ms) == (86_400_000, 5_000)
    assert made.from_ == s.SourceRef("S", "T", Span(36, 37)) or isinstance(made.from_, s.SourceRef)
    assert len(made.group_by) == 2
    assert (made.emit, made.limit, made.is_push) == ("FINAL", 3, True)


def test_clauses_are_not_taken_for_aliases() -> None:
    made = query("SELECT * FROM s PARTITION BY a EMIT CHANGES")
    assert made.sources()[0].alias == "S"
    assert len(made.partition_by) == 1


def test_group_by_may_start_with_a_parenthesis() -> None:
    assert len(query("SELECT 1 FROM s GROUP BY (a + b) * 2, c").group_by) == 2


@pytest.mark.parametrize(
    ("words", "kind"),
    [
        ("JOIN", "INNER"),
        ("INNER JOIN", "INNER"),
        ("LEFT JOIN", "LEFT"),
        ("LEFT OUTER JOIN", "LEFT"),
        ("RIGHT JOIN", "RIGHT"),
        ("FULL OUTER JOIN", "OUTER"),
        ("OUTER JOIN", "OUTER"),
    ],
)
def test_kinds_of_joins(words: str, kind: str) -> None:
    made = query(f"SELECT * FROM a {words} b WITHIN (1 HOUR, 2 MINUTES) GRACE PERIOD 3 SECONDS ON a.x = b.x")
    assert isinstance(made.from_, s.Join)
    assert made.from_.kind == kind
    within = made.from_.within
    assert within is not None
    assert (within.before_ms, within.after_ms, within.grace_ms) == (3_600_000, 120_000, 3_000)


def test_joins_lean_to_the_left() -> None:
    made = query("SELECT * FROM a JOIN b ON a.x = b.x LEFT JOIN c ON a.x = c.x")
    assert [source.name for source in made.sources()] == ["A", "B", "C"]
    assert isinstance(made.from_, s.Join)
    assert isinstance(made.from_.left, s.Join)


def test_columns_of_every_type() -> None:
    made = parse_statement(
        "CREATE OR REPLACE STREAM s (k BIGINT KEY, a VARCHAR(3), d DECIMAL(5, 2), l ARRAY<DOUBLE>, m MAP<STRING, INT>, "
        "`x` STRUCT<y INT, `z` STRING>, v FLOAT[64], h BYTES HEADER('id')) WITH (kafka_topic = 't', partitions = 3)"
    )
    assert isinstance(made, s.CreateSource)
    types = [e.type for e in made.elements]
    assert types[:3] == [BIGINT, STRING, Decimal(5, 2)]
    assert isinstance(types[3], Array)
    assert isinstance(types[4], Map)
    assert types[6] == Vector(64)
    assert made.elements[0].is_key
    assert made.elements[7].header == "id"
    assert [(p.name, p.value) for p in made.properties] == [("KAFKA_TOPIC", "t"), ("PARTITIONS", 3)]
    assert made.or_replace


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("CREATE TABLE IF NOT EXISTS t AS SELECT * FROM s", s.CreateSourceAs),
        ("CREATE SOURCE TABLE t (k INT PRIMARY KEY) WITH (a = 1)", s.CreateSource),
        ("INSERT INTO t SELECT * FROM s", s.InsertInto),
        ("INSERT INTO t (a, b) VALUES (1, 'x')", s.InsertValues),
        ("DROP TABLE IF EXISTS t DELETE TOPIC", s.DropSource),
        ("TERMINATE ALL", s.Terminate),
        ("PAUSE CSAS_A_1", s.Pause),
        ("RESUME CSAS_A_1", s.Resume),
        ("LIST STREAMS EXTENDED", s.Show),
        ("SHOW ALL TOPICS", s.Show),
        ("SHOW MODELS", s.Show),
        ("DESCRIBE t EXTENDED", s.Describe),
        ("DESCRIBE STREAMS EXTENDED", s.Describe),
        ("DESCRIBE FUNCTION abs", s.DescribeFunction),
        ("EXPLAIN ANALYZE SELECT * FROM s EMIT CHANGES", s.Explain),
        ("EXPLAIN CTAS_T_3", s.Explain),
        ("SET 'auto.offset.reset' = 'earliest'", s.SetProperty),
        ("UNSET 'auto.offset.reset'", s.UnsetProperty),
        ("ALTER SYSTEM 'ksql.x' = '1'", s.AlterSystem),
        ("DEFINE a = 'b'", s.Define),
        ("UNDEFINE a", s.Undefine),
        ("PRINT my-topic.v1 FROM BEGINNING LIMIT 3", s.Print),
        ("CREATE TYPE address AS STRUCT<a INT>", s.CreateType),
        ("DROP TYPE IF EXISTS address", s.DropType),
        ("ALTER STREAM s ADD COLUMN a INT, ADD b STRING", s.AlterSource),
        ("ASSERT VALUES t (a) VALUES (1)", s.AssertValues),
        ("ASSERT NULL VALUES t (a) KEY (1)", s.AssertValues),
        ("ASSERT TOMBSTONE t (a) VALUES (1)", s.AssertValues),
        ("ASSERT STREAM s (a INT) WITH (kafka_topic = 't')", s.AssertSource),
        ("ASSERT NOT EXISTS TOPIC t WITH (partitions = 2) TIMEOUT 3 SECONDS", s.AssertTopic),
        ("ASSERT SCHEMA SUBJECT 'a' ID 3", s.AssertSchema),
        ("RUN SCRIPT 'a.sql'", s.RunScript),
        ("DROP FUNCTION f", s.DropFunction),
    ],
)
def test_every_statement(text: str, wanted: type) -> None:
    assert isinstance(parse_statement(text), wanted)
    assert isinstance(parse_statement(text.lower()) if "'" not in text else parse_statement(text), wanted)


def test_a_null_row_is_asserted_by_its_key() -> None:
    tombstone = parse_statement("ASSERT TOMBSTONE t (a) KEY (1)")
    assert isinstance(tombstone, s.AssertValues)
    assert tombstone.null
    assert not parse_statement("ASSERT VALUES t (a) VALUES (1)").null  # type: ignore[union-attr]


def test_topics_keep_their_case() -> None:
    made = parse_statement("PRINT My-Topic.v1 FROM BEGINNING")
    assert isinstance(made, s.Print)
    assert (made.topic, made.from_beginning) == ("My-Topic.v1", True)


def test_a_function_body_may_hold_anything() -> None:
    body = "\ndef f(x):\n    return x + ';' # don't\n"
    parsed = parse_statements(f"CREATE FUNCTION f(x STRING) RETURNS STRING LANGUAGE PYTHON AS $${body}$$; SHOW TABLES;")
    made = parsed[0].statement
    assert isinstance(made, s.CreateFunction)
    assert made.body == body
    assert made.parameters == (s.FunctionParameter("X", STRING),)
    assert len(parsed) == 2


def test_dollars_in_a_string_are_a_string() -> None:
    assert expression("SPLIT(a, '$$', '$$')").expressions[1].this == "$$"


def test_splitting_respects_quotes_and_comments() -> None:
    text = "SELECT ';', `;` FROM a -- ; no\n; /* ; */ SHOW TABLES ;; -- the end"
    assert [p.text for p in split_statements(text)] == ["SELECT ';', `;` FROM a -- ; no", "SHOW TABLES"]
    assert [text[p.span.start : p.span.end] for p in split_statements(text)] == [p.text for p in split_statements(text)]


def test_types_and_variables_hold_for_what_follows() -> None:
    parsed = parse_statements(
        "CREATE TYPE point AS ARRAY<FLOAT>; DEFINE src = 'clicks'; CREATE STREAM s (a point) WITH (x = '${src}');"
        "SELECT * FROM ${src};"
    )
    made = parsed[2].statement
    assert isinstance(made, s.CreateSource)
    assert made.elements[0].type == Array(FLOAT)
    assert made.properties[0].value == "clicks"
    assert parsed[3].text == "SELECT * FROM clicks"
