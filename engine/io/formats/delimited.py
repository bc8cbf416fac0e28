"""DELIMITED: one line of CSV a record, fields by place, as ksqlDB writes it.

Quoting follows RFC 4180. A record with another number of fields is an error. An empty unquoted field is NULL for types
other than STRING as well as for STRING, as ksqlDB reads it. Rows are read by Python's csv module.
"""

from __future__ import annotations

import base64
import csv
import decimal
import io
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from ...errors import AnalysisError, RecordError
from ...sql.compile.java_text import java_double
from ...sql.types import (
    BIGINT,
    BOOLEAN,
    BYTES,
    DATE,
    DOUBLE,
    FLOAT,
    INTEGER,
    STRING,
    TIME,
    TIMESTAMP,
    Array,
    Decimal,
    Map,
    SqlType,
    Struct,
    Vector,
    arrow_type,
)
from .cells import cells
from .format import Decoded, FormatColumn
from .json.exact import reader as json_reader
from .json.text import writer as json_writer

csv.field_size_limit(1 << 30)  # a process's own; 128 KiB otherwise, and what is longer would be lost
_NAMED_DELIMITERS = {"SPACE": " ", "TAB": "\t"}


def delimiter(properties: Mapping[str, str], *, is_key: bool) -> str:
    """The one character between fields: a character, SPACE or TAB. Raises AnalysisError."""
    name = "KEY_DELIMITER" if is_key else "VALUE_DELIMITER"
    given = properties.get(name, ",")
    character = _NAMED_DELIMITERS.get(given.upper(), given)
    if len(character) != 1:
        raise AnalysisError(
            f"Invalid delimiter value: '{given}'", hint=f"{name} is one character, or one of SPACE, TAB"
        )
    return character


def _boolean(field: str) -> bool:
    return field.lower() == "true"


def _number(parse: Callable[[str], Any], wanted: SqlType, low: int | None = None) -> Callable[[str], Any]:
    def read(field: str) -> Any:
        try:
            value = None if "_" in field else parse(field.strip())
        except ValueError:
            value = None
        if value is None:
            raise RecordError(f"a field is not of type {wanted}")
        if low is not None and not low <= value < -low:
            raise RecordError(f"a field is out of range for {wanted}")
        return value

    return read


def field_reader(sql_type: SqlType) -> Callable[[str], Any]:
    """A function from a field's text to the Python value Arrow takes."""
    if isinstance(sql_type, Decimal):
        return json_reader(sql_type)
    readers: dict[SqlType, Callable[[str], Any]] = {
        STRING: str,
        BOOLEAN: _boolean,
        INTEGER: _number(int, INTEGER, -(1 << 31)),
        BIGINT: _number(int, BIGINT, -(1 << 63)),
        DOUBLE: _number(float, DOUBLE),
        FLOAT: _number(float, FLOAT),
        BYTES: json_reader(BYTES),
        DATE: json_reader(DATE),
        TIME: json_reader(TIME),
        TIMESTAMP: json_reader(TIMESTAMP),
    }
    return readers[sql_type]


class DelimitedDecoder:
    """Lines to columns."""

    def __init__(self, columns: Sequence[FormatColumn], separator: str) -> None:
        self.columns = columns
        self.types = [arrow_type(c.type) for c in columns]
        self.readers = [field_reader(c.type) if c.wanted else None for c in columns]
        self.separator = separator

    def _row(self, raw: bytes) -> list[Any]:
        try:
            line = raw.decode()
            fields = next(csv.reader(io.StringIO(line, newline=""), delimiter=self.separator, strict=True), [""])
        except UnicodeDecodeError as why:
            raise RecordError(f"not UTF-8 at byte {why.start}") from None
        except csv.Error as why:
            raise RecordError(f"not a delimited record: {why}") from None
        if len(fields) != len(self.columns):
            raise RecordError(f"expected {len(self.columns)} fields, the record has {len(fields)}")
        return [None if f == "" or read is None else read(f) for f, read in zip(fields, self.readers, strict=True)]

    def decode(self, payload: pa.Array, connection: duckdb.DuckDBPyConnection) -> Decoded:
        """A line a record; a NULL payload is a tombstone."""
        nothing: list[Any] = [None] * len(self.columns)
        rows: list[list[Any]] = []
        errors: list[tuple[int, str]] = []
        # Row by row because a record is a file of its own to a CSV reader: a quote left open must spoil one record only.
        for row, raw in enumerate(payload.to_pylist()):
            try:
                rows.append(nothing if raw is None else self._row(raw))
            except RecordError as why:
                errors.append((row, why.message))
                rows.append(nothing)
        cells = zip(*rows, strict=True) if rows else [()] * len(self.types)
        columns = [pa.array(list(c), t) for c, t in zip(cells, self.types, strict=True)]
        return Decoded(columns, pc.is_null(payload), errors)


class DelimitedEncoder:
    """Columns to lines."""

    def __init__(self, columns: Sequence[FormatColumn], separator: str) -> None:
        self.types = [c.type for c in columns]
        self.separator = separator

    def _cell(self, value: Any, sql_type: SqlType) -> Any:
        if value is None or sql_type == STRING:
            return value
        if isinstance(sql_type, Decimal):
            return format(decimal.Decimal(value), "f")
        if sql_type == BYTES:
            return base64.b64encode(value).decode()
        if sql_type in (DOUBLE, FLOAT):
            return java_double(value, single=sql_type == FLOAT)
        return json_writer(sql_type)(value)

    def encode(
        self, columns: Sequence[pa.Array], is_null: pa.Array | None, connection: duckdb.DuckDBPyConnection
    ) -> tuple[pa.Array, list[tuple[int, str]]]:
        """One line a row, without its end."""
        if not columns:  # keys or values that there are none of
            return pa.nulls(0 if is_null is None else len(is_null), pa.binary()), []
        fields = [[self._text(v, t) for v in cells(c)] for c, t in zip(columns, self.types, strict=True)]
        fields[0] = [self._first(text) for text in fields[0]]
        lines = [self.separator.join(row) for row in zip(*fields, strict=True)]
        encoded = pc.cast(pa.array(lines, pa.string()), pa.binary())
        if is_null is not None:
            encoded = pc.if_else(is_null, pa.scalar(None, pa.binary()), encoded)
        return encoded, []

    def _text(self, value: Any, sql_type: SqlType) -> str:
        """A field, in quotes where a reader could take it for something else."""
        if value is None:
            return ""
        text = str(self._cell(value, sql_type))
        if not text:
            return "" if len(self.types) > 1 else '""'
        doubtful = text[0] <= "#" or text[-1] <= " " or self.separator in text or _SPECIAL.search(text)
        return _quoted(text) if doubtful else text

    def _first(self, field: str) -> str:
        """A line's first field is in quotes unless it begins with a letter or a digit, so that nobody takes the line for a
        comment: the rule of Commons CSV's minimal quoting, which ksqlDB writes by."""
        return field if not field or field[0] == '"' or _PLAIN.match(field) else _quoted(field)


_SPECIAL = re.compile(r'["\r\n]')
_PLAIN = re.compile(r"[0-9A-Za-z]")


def _quoted(text: str) -> str:
    doubled = text.replace('"', '""')
    return f'"{doubled}"'


class DelimitedFormat:
    """CSV, a line a record."""

    name = "DELIMITED"

    def check(self, columns: Sequence[FormatColumn], properties: Mapping[str, str], *, is_key: bool) -> None:
        """Flat columns only."""
        delimiter(properties, is_key=is_key)
        for column in columns:
            if isinstance(column.type, (Array, Map, Struct, Vector)):
                kind = type(column.type).__name__.upper()
                raise AnalysisError(
                    f"The 'DELIMITED' format does not support type '{kind}', column: {column.name}",
                    hint="use JSON for nested columns",
                )

    def decoder(
        self, columns: Sequence[FormatColumn], properties: Mapping[str, str], *, is_key: bool
    ) -> DelimitedDecoder:
        """A decoder of the wanted columns."""
        return DelimitedDecoder(columns, delimiter(properties, is_key=is_key))

    def encoder(
        self, columns: Sequence[FormatColumn], properties: Mapping[str, str], *, is_key: bool
    ) -> DelimitedEncoder:
        """An encoder of all columns."""
        return DelimitedEncoder(columns, delimiter(properties, is_key=is_key))
