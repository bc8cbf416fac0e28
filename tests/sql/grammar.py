"""Statements at random from a grammar of the language: most are right in form, many wrong in types, some broken on purpose."""

from __future__ import annotations

import random

from mergus.engine.sql.builtin.registry import default_registry
from mergus.engine.sql.functions import AggregateFunction, ScalarFunction, TableFunction

COLUMNS = {
    "s": "k STRING KEY, b BOOLEAN, i INT, l BIGINT, d DOUBLE, p DECIMAL(9, 2), t STRING, y BYTES, da DATE, ti TIME,"
    " ts TIMESTAMP, a ARRAY<INT>, m MAP<STRING, INT>, r STRUCT<x INT, z ARRAY<STRING>>",
    "q": "k STRING KEY, i INT, t STRING",
}
SOURCES = "".join(
    f"CREATE STREAM {name} ({columns}) WITH (KAFKA_TOPIC = '{name}', VALUE_FORMAT = 'JSON', PARTITIONS = 1);\n"
    for name, columns in COLUMNS.items()
)
SOURCES += "CREATE TABLE u (k STRING PRIMARY KEY, i INT, t STRING)"
SOURCES += " WITH (KAFKA_TOPIC = 'u', VALUE_FORMAT = 'JSON', PARTITIONS = 1);\n"
NAMES = (
    "k",
    "b",
    "i",
    "l",
    "d",
    "p",
    "t",
    "y",
    "da",
    "ti",
    "ts",
    "a",
    "m",
    "r",
    "ROWTIME",
    "nothing",
    "r->x",
    "r->z",
    "a[1]",
    "m['x']",
)
LITERALS = (
    "1",
    "-1",
    "0",
    "2147483647",
    "9223372036854775807",
    "1.5",
    "1e10",
    "''",
    "'abc'",
    "'2024-02-30'",
    "NULL",
    "TRUE",
    "'é''s'",
)
TYPES = (
    "BOOLEAN", "INT", "BIGINT", "DOUBLE", "DECIMAL(4, 2)", "STRING", "BYTES", "DATE", "TIME", "TIMESTAMP",
    "ARRAY<INT>", "MAP<STRING, DOUBLE>", "STRUCT<x INT>", "DECIMAL(40, 2)", "NOTHING",
)  # fmt: skip
OPERATORS = ("+", "-", "*", "/", "%", "||", "=", "<>", "<", ">=", "AND", "OR", "LIKE", "IS DISTINCT FROM")
WINDOWS = (
    "", "", "WINDOW TUMBLING (SIZE 1 MINUTE)", "WINDOW HOPPING (SIZE 1 MINUTE, ADVANCE BY 7 SECONDS)",
    "WINDOW SESSION (1 HOUR)", "WINDOW TUMBLING (SIZE 0 SECONDS)", "WINDOW TUMBLING (SIZE 1 MINUTE, GRACE PERIOD 5 SECONDS)",
)  # fmt: skip


class Grammar:
    """A generator of statements; equal seeds give equal statements."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        functions = default_registry().functions
        self.scalars = sorted(n for n, f in functions.items() if isinstance(f, ScalarFunction))
        self.aggregates = sorted(n for n, f in functions.items() if isinstance(f, AggregateFunction))
        self.tables = sorted(n for n, f in functions.items() if isinstance(f, TableFunction))

    def statement(self) -> str:
        """One statement; one in ten has a word too many or too few."""
        made = self.pick((self.select, self.select, self.grouped, self.insert, self.create, self.join, self.other))()
        return self.broken(made) if self.random.random() < 0.1 else made

    def pick(self, options):
        return options[self.random.randrange(len(options))]

    def many(self, make, least=1, most=3):
        return ", ".join(make() for _ in range(self.random.randint(least, most)))

    def expression(self, depth: int = 3) -> str:
        kind = self.random.randrange(12) if depth else self.random.randrange(2)
        inner = lambda: self.expression(depth - 1)  # noqa: E731
        match kind:
            case 0:
                return self.pick(NAMES)
            case 1:
                return self.pick(LITERALS)
            case 2 | 3:
                return f"({inner()} {self.pick(OPERATORS)} {inner()})"
            case 4 | 5 | 6:
                return f"{self.pick(self.scalars)}({self.many(inner, 0)})"
            case 7:
                return f"CAST({inner()} AS {self.pick(TYPES)})"
            case 8:
                return f"CASE WHEN {inner()} THEN {inner()} ELSE {inner()} END"
            case 9:
                texts = (
                    f"ARRAY[{self.many(inner, 0)}]",
                    f"MAP('x' := {inner()})",
                    f"STRUCT(x := {inner()}, w := {inner()})",
                )
                return self.pick(texts)
            case 10:
                end = (
                    f"IS {self.pick(('', 'NOT '))}NULL",
                    f"IN ({self.many(inner)})",
                    f"BETWEEN {inner()} AND {inner()}",
                )
                return f"({inner()} {self.pick(end)})"
            case _:
                call = self.pick(("TRANSFORM", "FILTER", "REDUCE"))
                start = f"{inner()}, " if call == "REDUCE" else ""
                parameters = "(x, y)" if call == "REDUCE" else "x"
                return f"{call}({self.pick(('a', 'm', inner()))}, {start}{parameters} => {self.pick(('x', 'x + 1', inner()))})"

    def where(self) -> str:
        return f" WHERE {self.expression()}" if self.random.random() < 0.5 else ""

    def select(self) -> str:
        items = ["k", *(f"{self.expression()} AS c{i}" for i in range(self.random.randint(1, 3)))]
        if self.random.random() < 0.1:
            items.append(f"{self.pick(self.tables)}({self.expression()}) AS e")
        by = f" PARTITION BY {self.expression(1)}" if self.random.random() < 0.2 else ""
        return f"CREATE STREAM o AS SELECT {', '.join(items)} FROM s{self.where()}{by};"

    def grouped(self) -> str:
        items = [
            f"{self.pick(self.aggregates)}({self.many(lambda: self.expression(1), 0, 2)}) AS c{i}" for i in range(2)
        ]
        key = self.pick(("k", "k", "i", "t", self.expression(1)))
        having = f" HAVING {self.expression(1)}" if self.random.random() < 0.2 else ""
        end = self.pick(("", " EMIT CHANGES", " EMIT FINAL"))
        source = f"s {self.pick(WINDOWS)}{self.where()}"
        return f"CREATE TABLE o AS SELECT {key}, {', '.join(items)} FROM {source} GROUP BY {key}{having}{end};"

    def insert(self) -> str:
        columns = self.random.sample(("k", "b", "i", "l", "d", "p", "t", "da", "a", "m", "ROWTIME", "nothing"), 3)
        return f"INSERT INTO s ({', '.join(columns)}) VALUES ({self.many(lambda: self.expression(2), 3, 3)});"

    def create(self) -> str:
        columns = ", ".join(f"c{i} {self.pick(TYPES)}{self.pick(('', '', ' KEY', ' PRIMARY KEY'))}" for i in range(3))
        form = self.pick(("JSON", "KAFKA", "DELIMITED", "NOTHING"))
        head = f"CREATE {self.pick(('STREAM', 'TABLE'))} o ({columns})"
        return f"{head} WITH (KAFKA_TOPIC = 'o', FORMAT = '{form}', PARTITIONS = 1);"

    def join(self) -> str:
        kind = self.pick(("", "LEFT ", "RIGHT ", "FULL OUTER "))
        within = self.pick(("", "WITHIN 1 HOUR ", "WITHIN (1 HOUR, 2 HOURS) GRACE PERIOD 1 MINUTE "))
        on = self.pick(("l.k = r.k", "l.i = r.i", "l.t = r.k", "l.k = r.i", f"l.k = {self.expression(1)}"))
        left, right, what = self.pick(("q", "s", "u")), self.pick(("q", "u")), self.pick(("STREAM", "TABLE"))
        return f"CREATE {what} o AS SELECT * FROM {left} l {kind}JOIN {right} r {within}ON {on}{self.where()};"

    def other(self) -> str:
        return self.pick(
            (
                f"ALTER STREAM s ADD COLUMN {self.pick(('w', 'i'))} {self.pick(TYPES)};",
                f"CREATE TYPE o AS {self.pick(TYPES)};",
                f"DROP {self.pick(('STREAM', 'TABLE'))} {self.pick(('', 'IF EXISTS '))}{self.pick(('q', 'u', 'nothing'))};",
                f"DESCRIBE {self.pick(('s', 'nothing'))};",
                f"SHOW {self.pick(('STREAMS', 'TYPES', 'NOTHING'))};",
                f"SET '{self.pick(('auto.offset.reset', 'nothing'))}' = '{self.pick(('earliest', 'x'))}';",
                f"EXPLAIN SELECT {self.expression()} FROM s EMIT CHANGES;",
                f"TERMINATE {self.pick(('ALL', 'nothing'))};",
            )
        )

    def broken(self, text: str) -> str:
        words = text.split(" ")
        at = self.random.randrange(len(words))
        other = self.pick((*words, "(", ")", ",", "'", '"', "SELECT", "->", "é", ";", "${x}", "--", "/*"))
        words[at : at + self.random.randrange(2)] = [other]
        return " ".join(words)
