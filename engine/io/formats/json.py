"""JSON: a record as an object of named fields, or, for a single unwrapped column, as a bare value.

Keys of one column are bare values; values are objects unless WRAP_SINGLE_VALUE is false.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from ...errors import AnalysisError, RecordError
from ...sql.types import STRING, Array, Map, SqlType, Struct, arrow_type
from .format import Decoded, FormatColumn
from .json_exact import Reader, parse, reader, struct_reader
from .json_text import text, writer


def is_wrapped(columns: Sequence[FormatColumn], properties: Mapping[str, str], *, is_key: bool) -> bool:
    """Whether the payload is an object of fields rather than one bare value."""
    if is_key:
        return len(columns) > 1
    return len(columns) != 1 or properties.get("WRAP_SINGLE_VALUE", "true").lower() != "false"


class JsonDecoder:
    """Decodes by the exact rules, row by row."""

    def __init__(self, columns: Sequence[FormatColumn], *, wrapped: bool) -> None:
        self.columns = columns
        self.types = [arrow_type(c.type) for c in columns]
        self.wanted = [i for i, c in enumerate(columns) if c.wanted]
        self.read = self._wrapped() if wrapped else self._bare()

    def _wrapped(self) -> Reader:
        fields = struct_reader(Struct(tuple((self.columns[i].name, self.columns[i].type) for i in self.wanted)))
        return lambda value: None if value is None else tuple(fields(value).values())

    def _bare(self) -> Reader:
        bare = reader(self.columns[0].type) if self.wanted else (lambda value: None)
        return lambda value: None if value is None else (bare(value),)

    def decode(self, payload: pa.Array, connection: duckdb.DuckDBPyConnection) -> Decoded:
        """Bytes to columns; the JSON literal null counts as a NULL payload."""
        rows: list[Any] = []
        nulls: list[bool] = []
        errors: list[tuple[int, str]] = []
        nothing = (None,) * len(self.wanted)
        for row, raw in enumerate(payload.to_pylist()):
            try:
                value = None if raw is None else self.read(parse(raw))
            except RecordError as why:
                errors.append((row, why.message))
                value = nothing
            nulls.append(value is None)
            rows.append(nothing if value is None else value)
        columns = [pa.nulls(len(payload), t) for t in self.types]
        for place, values in zip(self.wanted, zip(*rows, strict=True), strict=False):
            columns[place] = pa.array(values, self.types[place])
        return Decoded(columns, pa.array(nulls, pa.bool_()), errors)


class JsonEncoder:
    """Encodes columns as JSON text."""

    def __init__(self, columns: Sequence[FormatColumn], *, wrapped: bool) -> None:
        self.names = [text(c.name) + ":" for c in columns]
        self.writers = [writer(c.type) for c in columns]
        self.wrapped = wrapped

    def encode(
        self, columns: Sequence[pa.Array], is_null: pa.Array | None, connection: duckdb.DuckDBPyConnection
    ) -> tuple[pa.Array, list[tuple[int, str]]]:
        """One JSON text a row; an unwrapped NULL is a NULL payload."""
        if not columns:
            return pa.nulls(0 if is_null is None else len(is_null), pa.binary()), []
        if self.wrapped:
            cells = [
                [name + write(v) for v in column.to_pylist()]
                for name, write, column in zip(self.names, self.writers, columns, strict=True)
            ]
            texts: list[str | None] = ["{" + ",".join(row) + "}" for row in zip(*cells, strict=True)]
        else:
            texts = [None if v is None else self.writers[0](v) for v in columns[0].to_pylist()]
        encoded = pc.cast(pa.array(texts, pa.string()), pa.binary())
        if is_null is not None:
            encoded = pc.if_else(is_null, pa.scalar(None, pa.binary()), encoded)
        return encoded, []


def _check_type(sql_type: SqlType, name: str, *, is_key: bool) -> None:
    match sql_type:
        case Map(key, value):
            if is_key:
                raise AnalysisError(f"Map keys, including types that contain maps, are not supported as keys: {name}")
            if key != STRING:
                raise AnalysisError(
                    "JSON only supports MAP types with STRING keys", detail=f"column {name} has keys of {key}"
                )
            _check_type(value, name, is_key=is_key)
        case Array(item):
            _check_type(item, name, is_key=is_key)
        case Struct(fields):
            for _, field_type in fields:
                _check_type(field_type, name, is_key=is_key)
        case _:
            return


class JsonFormat:
    """JSON as ksqlDB reads and writes it."""

    name = "JSON"

    def check(self, columns: Sequence[FormatColumn], properties: Mapping[str, str], *, is_key: bool) -> None:
        """Maps have text keys, and are no part of a key."""
        for column in columns:
            _check_type(column.type, column.name, is_key=is_key)

    def decoder(self, columns: Sequence[FormatColumn], properties: Mapping[str, str], *, is_key: bool) -> JsonDecoder:
        """A decoder of the wanted columns."""
        return JsonDecoder(columns, wrapped=is_wrapped(columns, properties, is_key=is_key))

    def encoder(self, columns: Sequence[FormatColumn], properties: Mapping[str, str], *, is_key: bool) -> JsonEncoder:
        """An encoder of all columns."""
        return JsonEncoder(columns, wrapped=is_wrapped(columns, properties, is_key=is_key))
