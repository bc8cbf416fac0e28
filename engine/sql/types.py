"""SQL types: ksqlDB's, and 32-bit FLOAT with fixed vectors FLOAT[n] for models.

A type is an immutable value with three faces: ksqlDB's text, the Arrow type a batch carries, and the DuckDB type that
evaluates it. Names never reach DuckDB, which folds case (DESIGN §7.5): struct fields are f0, f1 … there and in Arrow.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import assert_never

import pyarrow as pa

from ..errors import ParseError


@dataclass(frozen=True)
class Scalar:
    """A type without parts. Use the module's constants, not new instances: they are compared by identity, also in the
    processes that a plan is sent to."""

    name: str

    def __str__(self) -> str:
        return self.name

    def __reduce__(self) -> tuple[Callable[[str], Scalar], tuple[str]]:
        return _scalar, (self.name,)


@functools.cache
def _scalar(name: str) -> Scalar:
    """The one type of this name."""
    return Scalar(name)


@dataclass(frozen=True)
class Decimal:
    """Exact numbers of `precision` digits, `scale` of them after the point; 1 ≤ precision ≤ 38."""

    precision: int
    scale: int

    def __post_init__(self) -> None:
        if not 1 <= self.precision <= 38:
            raise ParseError(f"DECIMAL precision must be between 1 and 38: {self.precision}")
        if not 0 <= self.scale <= self.precision:
            raise ParseError(f"DECIMAL precision must be >= scale: DECIMAL({self.precision}, {self.scale})")

    def __str__(self) -> str:
        return f"DECIMAL({self.precision}, {self.scale})"


@dataclass(frozen=True)
class Array:
    """A list of any length."""

    item: SqlType

    def __str__(self) -> str:
        return f"ARRAY<{self.item}>"


@dataclass(frozen=True)
class Vector:
    """`size` 32-bit floats: what a model takes and gives."""

    size: int

    def __str__(self) -> str:
        return f"FLOAT[{self.size}]"


@dataclass(frozen=True)
class Map:
    """Keys to values; entries are unordered."""

    key: SqlType
    value: SqlType

    def __str__(self) -> str:
        return f"MAP<{self.key}, {self.value}>"


@dataclass(frozen=True)
class Struct:
    """Named fields in order; names keep their case. `any_case`: they are a file's, inferred, and found in any case."""

    fields: Columns
    any_case: bool = field(default=False, compare=False, repr=False)

    def __str__(self) -> str:
        return "STRUCT<" + ", ".join(f"{quote_if_needed(n)} {t}" for n, t in self.fields) + ">"


SqlType = Scalar | Decimal | Array | Vector | Map | Struct
Columns = tuple[tuple[str, SqlType], ...]
"""Names and types, in order."""

BOOLEAN = _scalar("BOOLEAN")
INTEGER = _scalar("INTEGER")
BIGINT = _scalar("BIGINT")
FLOAT = _scalar("FLOAT")
DOUBLE = _scalar("DOUBLE")
STRING = _scalar("STRING")
BYTES = _scalar("BYTES")
DATE = _scalar("DATE")
TIME = _scalar("TIME")
TIMESTAMP = _scalar("TIMESTAMP")
NULL = _scalar("NULL")
"""The type of a bare NULL literal; coerces to every type and is never a column's."""
INTERVAL_UNIT = _scalar("INTERVALUNIT")
"""The type of DAYS, HOURS … as an argument; never a column's."""

SCALARS = {
    "BOOLEAN": BOOLEAN,
    "BOOL": BOOLEAN,
    "INTEGER": INTEGER,
    "INT": INTEGER,
    "BIGINT": BIGINT,
    "FLOAT": FLOAT,
    "DOUBLE": DOUBLE,
    "STRING": STRING,
    "VARCHAR": STRING,
    "BYTES": BYTES,
    "DATE": DATE,
    "TIME": TIME,
    "TIMESTAMP": TIMESTAMP,
}
_ARROW = {
    BOOLEAN: pa.bool_(),
    INTEGER: pa.int32(),
    BIGINT: pa.int64(),
    FLOAT: pa.float32(),
    DOUBLE: pa.float64(),
    STRING: pa.string(),
    BYTES: pa.binary(),
    DATE: pa.date32(),
    TIME: pa.time64("us"),
    TIMESTAMP: pa.timestamp("ms"),
    NULL: pa.null(),
    INTERVAL_UNIT: pa.string(),
}
_DUCKDB = {
    BOOLEAN: "BOOLEAN",
    INTEGER: "INTEGER",
    BIGINT: "BIGINT",
    FLOAT: "FLOAT",
    DOUBLE: "DOUBLE",
    STRING: "VARCHAR",
    BYTES: "BLOB",
    DATE: "DATE",
    TIME: "TIME",
    TIMESTAMP: "TIMESTAMP_MS",
    NULL: '"NULL"',
    INTERVAL_UNIT: "VARCHAR",
}
NUMERIC_ORDER = (INTEGER, BIGINT, "DECIMAL", FLOAT, DOUBLE)
"""Widening order of numbers: each fits where a later one is wanted."""

PLAIN_NAME = re.compile(r"[A-Z_@][A-Z0-9_@]*\Z")


def quote_if_needed(name: str) -> str:
    """`name` as SQL text: bare when it survives upper-casing, else in back-quotes."""
    return name if PLAIN_NAME.match(name) else back_quoted(name)


def back_quoted(name: str) -> str:
    """A name in back-quotes; those in it are doubled."""
    return "`" + name.replace("`", "``") + "`"


def arrow_type(sql_type: SqlType) -> pa.DataType:
    """The Arrow type that a batch carries; struct fields are named f0, f1 …"""
    match sql_type:
        case Scalar():
            return _ARROW[sql_type]
        case Decimal(precision, scale):
            return pa.decimal128(precision, scale)
        case Array(item):
            return pa.list_(arrow_type(item))
        case Vector(size):
            return pa.list_(pa.float32(), size)
        case Map(key, value):
            return pa.map_(arrow_type(key), arrow_type(value))
        case Struct(fields):
            return pa.struct([(f"f{i}", arrow_type(t)) for i, (_, t) in enumerate(fields)])
        case _:
            assert_never(sql_type)


def duckdb_type(sql_type: SqlType) -> str:
    """The DuckDB type's text; struct fields are named f0, f1 …"""
    match sql_type:
        case Scalar():
            return _DUCKDB[sql_type]
        case Decimal(precision, scale):
            return f"DECIMAL({precision}, {scale})"
        case Array(item):
            return f"{duckdb_type(item)}[]"
        case Vector(size):
            return f"FLOAT[{size}]"
        case Map(key, value):
            return f"MAP({duckdb_type(key)}, {duckdb_type(value)})"
        case Struct(fields):
            return "STRUCT(" + ", ".join(f"f{i} {duckdb_type(t)}" for i, (_, t) in enumerate(fields)) + ")"
        case _:
            assert_never(sql_type)


def is_numeric(sql_type: SqlType) -> bool:
    """INTEGER, BIGINT, DECIMAL, FLOAT or DOUBLE."""
    return isinstance(sql_type, Decimal) or sql_type in (INTEGER, BIGINT, FLOAT, DOUBLE)


_TOKEN = re.compile(r"\s*(?:(`(?:[^`]|``)+`)|([A-Za-z_][A-Za-z0-9_]*)|(\d+)|([<>(),\[\]]))")


def parse_type(text: str) -> SqlType:
    """Read a type as ksqlDB writes it, e.g. ``STRUCT<A INT, B ARRAY<STRING>>`` or ``FLOAT[64]``.

    Raises ParseError when `text` is not wholly a type.

    >>> str(parse_type("map<string, array<int>>"))
    'MAP<STRING, ARRAY<INTEGER>>'
    """
    tokens: list[str] = []
    at = 0
    while at < len(text.rstrip()):
        found = _TOKEN.match(text, at)
        if not found:
            raise ParseError(f"not a type: {text!r}", detail=f"unexpected {text[at:]!r}")
        tokens.append(found.group().strip())
        at = found.end()
    sql_type, rest = _read(tokens, text)
    if rest:
        raise ParseError(f"not a type: {text!r}", detail=f"unexpected {rest[0]!r}")
    return sql_type


def _expect(tokens: list[str], wanted: str, text: str) -> list[str]:
    if not tokens or tokens[0] != wanted:
        raise ParseError(f"not a type: {text!r}", detail=f"expected {wanted!r}")
    return tokens[1:]


def _number(tokens: list[str], text: str) -> tuple[int, list[str]]:
    if not tokens or not tokens[0].isdecimal():
        raise ParseError(f"not a type: {text!r}", detail="expected a number")
    return int(tokens[0]), tokens[1:]


def _read(tokens: list[str], text: str) -> tuple[SqlType, list[str]]:
    if not tokens:
        raise ParseError(f"not a type: {text!r}")
    word, rest = tokens[0].upper(), tokens[1:]
    sql_type: SqlType
    if word in ("DECIMAL", "DEC"):
        precision, rest = _number(_expect(rest, "(", text), text)
        scale = 0
        if rest[:1] == [","]:
            scale, rest = _number(rest[1:], text)
        return Decimal(precision, scale), _expect(rest, ")", text)
    if word == "ARRAY":
        item, rest = _read(_expect(rest, "<", text), text)
        return Array(item), _expect(rest, ">", text)
    if word == "MAP":
        key, rest = _read(_expect(rest, "<", text), text)
        value, rest = _read(_expect(rest, ",", text), text)
        return Map(key, value), _expect(rest, ">", text)
    if word == "STRUCT":
        return _read_struct(_expect(rest, "<", text), text)
    if word not in SCALARS:
        raise ParseError(f"unknown type: {tokens[0]}", detail=f"in {text!r}")
    sql_type = SCALARS[word]
    if word in ("VARCHAR", "STRING") and rest[:1] == ["("]:
        _, rest = _number(rest[1:], text)
        rest = _expect(rest, ")", text)
    while rest[:1] == ["["]:
        if rest[1:2] == ["]"]:
            sql_type, rest = Array(sql_type), rest[2:]
            continue
        size, rest = _number(rest[1:], text)
        rest = _expect(rest, "]", text)
        if sql_type is not FLOAT or size < 1:
            raise ParseError(f"not a type: {text!r}", detail="a fixed vector is FLOAT[n], n at least 1")
        sql_type = Vector(size)
    return sql_type, rest


def _read_struct(tokens: list[str], text: str) -> tuple[SqlType, list[str]]:
    fields: list[tuple[str, SqlType]] = []
    while tokens and tokens[0] != ">":
        if fields:
            tokens = _expect(tokens, ",", text)
        raw, tokens = tokens[0], tokens[1:]
        name = raw[1:-1].replace("``", "`") if raw.startswith("`") else raw.upper()
        field_type, tokens = _read(tokens, text)
        fields.append((name, field_type))
    return Struct(tuple(fields)), _expect(tokens, ">", text)
