"""JSON: a record as an object of named fields, or, for a single unwrapped column, as a bare value.

Keys of one column are bare values; values are objects unless WRAP_SINGLE_VALUE is false.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from ....errors import AnalysisError, RecordError
from ....sql.types import DOUBLE, FLOAT, STRING, Array, Map, SqlType, Struct, Vector, arrow_type
from ..cells import cells
from ..format import Decoded, FormatColumn
from . import fast as json_fast
from .exact import Reader, parse_record, reader, struct_reader
from .text import text, widened, writer


def is_wrapped(columns: Sequence[FormatColumn], properties: Mapping[str, str], *, is_key: bool) -> bool:
    """Whether the payload is an object of fields rather than one bare value."""
    if is_key:
        return len(columns) > 1
    return len(columns) != 1 or properties.get("WRAP_SINGLE_VALUE", "true").lower() != "false"


class JsonDecoder:
    """Decodes a batch: DuckDB where that is exact, the exact rules row by row for the rest."""

    def __init__(self, columns: Sequence[FormatColumn], *, wrapped: bool) -> None:
        self.columns = columns
        self.types = [arrow_type(c.type) for c in columns]
        self.wanted = [i for i, c in enumerate(columns) if c.wanted]
        self.read = self._wrapped() if wrapped else self._bare()
        self.fast_applies = wrapped and json_fast.applies(columns)
        self.fast: json_fast.JsonFastDecoder | None = None

    def _wrapped(self) -> Reader:
        fields = struct_reader(Struct(tuple((self.columns[i].name, self.columns[i].type) for i in self.wanted)))
        return lambda value: None if value is None else tuple(fields(value).values())

    def _bare(self) -> Reader:
        bare = reader(self.columns[0].type) if self.wanted else (lambda value: None)
        return lambda value: None if value is None else (bare(value),)

    def decode(self, payload: pa.Array, connection: duckdb.DuckDBPyConnection) -> Decoded:
        """Bytes to columns; the JSON literal null counts as a NULL payload."""
        if not self.fast_applies or len(payload) < json_fast.ROWS_MIN:
            return self._exact(payload)
        return self._batch(payload, connection) or self._exact(payload)

    def _exact(self, payload: pa.Array) -> Decoded:
        rows: list[Any] = []
        nulls: list[bool] = []
        errors: list[tuple[int, str]] = []
        nothing = (None,) * len(self.wanted)
        for row, raw in enumerate(payload.to_pylist()):
            try:
                value = None if raw is None else self.read(parse_record(raw))
                nulls.append(value is None)
            except RecordError as why:
                errors.append((row, why.message))
                nulls.append(False)
                value = nothing
            rows.append(nothing if value is None else value)
        columns = [pa.nulls(len(payload), t) for t in self.types]
        for place, values in zip(self.wanted, zip(*rows, strict=True), strict=False):
            columns[place] = pa.array(values, self.types[place])
        return Decoded(columns, pa.array(nulls, pa.bool_()), errors)

    def _batch(self, payload: pa.Array, connection: duckdb.DuckDBPyConnection) -> Decoded | None:
        """The fast path; None where the batch holds a payload that is not JSON text at all."""
        if self.fast is None:
            self.fast = json_fast.JsonFastDecoder([self.columns[i] for i in self.wanted], self._spelling(payload))
        is_null = pc.is_null(payload)
        try:
            text = pc.cast(pc.fill_null(payload, b"null") if payload.null_count else payload, pa.string())
        except pa.ArrowInvalid:
            return None
        found = self.fast.decode(text, connection)
        if found is None:
            return None
        values, odd = found
        odd = pc.and_not(odd, is_null)
        columns = [pa.nulls(len(payload), t) for t in self.types]
        for place, column in zip(self.wanted, values, strict=True):
            columns[place] = column
        if not pc.any(odd).as_py():
            return Decoded(columns, is_null, [])
        return self._mended(payload, odd, Decoded(columns, is_null, []))

    def _mended(self, payload: pa.Array, odd: pa.Array, decoded: Decoded) -> Decoded:
        """`decoded` with the odd rows decoded again exactly."""
        places = pc.indices_nonzero(odd)
        exact = self._exact(payload.take(places))
        for i in self.wanted:
            decoded.columns[i] = pc.replace_with_mask(decoded.columns[i], odd, exact.columns[i])
        is_null = pc.replace_with_mask(decoded.is_null, odd, exact.is_null)
        errors = [(places[row].as_py(), reason) for row, reason in exact.errors]
        return Decoded(decoded.columns, is_null, errors)

    def _spelling(self, payload: pa.Array) -> list[str]:
        """How the first records spell the wanted names: as the columns', else in another case."""
        seen: dict[str, str] = {}
        for raw in payload.slice(0, 20).to_pylist():
            try:
                value = None if raw is None else parse_record(raw)
            except RecordError:
                continue
            for name in value if isinstance(value, dict) else ():
                seen.setdefault(name, name)
                seen.setdefault(name.upper(), name)
        names = [self.columns[i].name for i in self.wanted]
        return [name if seen.get(name) == name else seen.get(name, name) for name in names]


class JsonEncoder:
    """Encodes columns as JSON text: DuckDB where all columns are flat, else value by value. Both write the same bytes."""

    def __init__(self, columns: Sequence[FormatColumn], *, wrapped: bool) -> None:
        self.types = [c.type for c in columns]
        self.names = [text(c.name) + ":" for c in columns]
        self.writers = [writer(c.type) for c in columns]
        self.wrapped = wrapped
        self.fast_applies = wrapped and all(_flat(c.type) for c in columns)
        literals = ["'" + c.name.replace("'", "''") + "'" for c in columns]
        pairs = [f"{literal}, c{i}" for i, literal in enumerate(literals)]
        self.sql = f"SELECT encode(CAST(json_object({', '.join(pairs)}) AS VARCHAR)) FROM payload"

    def encode(
        self, columns: Sequence[pa.Array], is_null: pa.Array | None, connection: duckdb.DuckDBPyConnection
    ) -> tuple[pa.Array, list[tuple[int, str]]]:
        """One JSON text a row; an unwrapped NULL is a NULL payload."""
        if not columns:
            return pa.nulls(0 if is_null is None else len(is_null), pa.binary()), []
        if self.fast_applies and len(columns[0]) >= json_fast.ROWS_MIN and self._finite(columns):
            encoded = self._batch(columns, connection)
        else:
            encoded = self._exact(columns)
        if is_null is not None:
            encoded = pc.if_else(is_null, pa.scalar(None, pa.binary()), encoded)
        return encoded, []

    def _finite(self, columns: Sequence[pa.Array]) -> bool:
        return all(
            pc.all(pc.is_finite(c.flatten() if isinstance(t, Vector) else c)).as_py() is not False
            for c, t in zip(columns, self.types, strict=True)
            if t in (DOUBLE, FLOAT) or isinstance(t, Vector)
        )

    def _batch(self, columns: Sequence[pa.Array], connection: duckdb.DuckDBPyConnection) -> pa.Array:
        wide = [widened(c, t) for c, t in zip(columns, self.types, strict=True)]
        connection.register("payload", pa.table(wide, names=[f"c{i}" for i in range(len(wide))]))
        try:
            return connection.sql(self.sql).to_arrow_table().column(0).combine_chunks()
        finally:
            connection.unregister("payload")

    def _exact(self, columns: Sequence[pa.Array]) -> pa.Array:
        if self.wrapped:
            fields = [
                [name + write(v) for v in cells(column)]
                for name, write, column in zip(self.names, self.writers, columns, strict=True)
            ]
            texts: list[str | None] = ["{" + ",".join(row) + "}" for row in zip(*fields, strict=True)]
        else:
            texts = [None if v is None else self.writers[0](v) for v in cells(columns[0])]
        return pa.array(texts, pa.string()).view(pa.binary())


def _flat(sql_type: SqlType) -> bool:
    return sql_type in json_fast.EXACT_TYPES or sql_type == FLOAT or isinstance(sql_type, Vector)


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
