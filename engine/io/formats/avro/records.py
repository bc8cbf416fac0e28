"""AVRO: records by schemas of a registry, in Confluent's wire format (a zero byte, the schema's id, Avro's own bytes).

A record says which schema wrote it; its fields are matched with the columns by name. Readers are compiled once for each
schema that is met. Flat records go field by field over the whole batch (avro_columns.py), the others, and batches with an
odd record, record by record through fastavro: Avro's bytes say how long they are only while being read.
"""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import duckdb
import fastavro
import pyarrow as pa
import pyarrow.compute as pc

from ....errors import MergusError, RecordError
from ....sql.types import BIGINT, BOOLEAN, BYTES, DATE, DOUBLE, INTEGER, STRING, TIMESTAMP, SqlType, arrow_type
from ...schemas.compatibility import add_schema_type
from ...schemas.opening import full_name_of, registry_of, schema_id_of, written_schema
from ...schemas.schema import Resolve, Schema, SchemaType
from ..cells import cells
from ..format import Decoded, FormatColumn
from ..json.records import is_wrapped
from ..schema_header import HEADER_BYTES, assembled, behind, by_head, header, schema_id_in
from .columns import ROWS_MIN, Field, Odd, flat_fields, read_columns, write_records
from .compatibility import can_read, canonical
from .schema import NAMESPACE, branches, check_name, check_type, columns_in, kind_of, parsed, record_of, type_of
from .values import Convert, Unreadable, found_in, reading, record_writing, writing

_BAD = (ValueError, EOFError, IndexError, KeyError, TypeError, OverflowError, StopIteration, UnicodeDecodeError)


_WRITTEN_AS: dict[SqlType, str] = {
    BOOLEAN: "boolean",
    INTEGER: "int",
    BIGINT: "long",
    DOUBLE: "double",
    STRING: "string",
    BYTES: "bytes",
    DATE: "int",
    TIMESTAMP: "long",
}
"""Columns that go as they are, field by field; others go row by row."""


class _Reader:
    """Reads what one schema has written into the wanted columns."""

    def __init__(self, schema: Schema, resolve: Resolve, columns: Sequence[FormatColumn], *, wrapped: bool) -> None:
        self.schema = parsed(schema, resolve, raw=True)
        node = parsed(schema, resolve, raw=False)
        self.fields: list[tuple[int, str | None, Convert | None]] = []
        self.flat: list[Field] | None = None
        wanted = [(i, c) for i, c in enumerate(columns) if c.wanted]
        real, _ = branches(node)
        if not wrapped:
            self.fields = [(i, None, reading(c.type, node)) for i, c in wanted]
            return
        if len(real) != 1 or kind_of(real[0]) != "record":
            raise Unreadable(f"{kind_of(node)} cannot be read as a record of columns")
        written = {f["name"]: f["type"] for f in real[0]["fields"]}
        for i, column in wanted:
            spelled = found_in(written, column.name)
            if spelled is not None:
                self.fields.append((i, spelled, reading(column.type, written[spelled])))
        self.flat = flat_fields(node)

    def read(self, bodies: Sequence[bytes | None], bad: Callable[[int, str], object]) -> list[Any]:
        """The values of records, None for those that are NULL or bad."""
        read, schema, stream = fastavro.schemaless_reader, self.schema, io.BytesIO
        try:
            return [None if b is None else read(stream(b), schema, None) for b in bodies]
        except _BAD:
            return [self._one(row, body, bad) for row, body in enumerate(bodies)]

    def _one(self, row: int, body: bytes | None, bad: Callable[[int, str], object]) -> Any:
        try:
            return None if body is None else fastavro.schemaless_reader(io.BytesIO(body), self.schema, None)
        except _BAD as why:
            bad(row, f"not a record of its schema: {type(why).__name__} {why}".rstrip())
            return None


class AvroDecoder:
    """Bytes to columns, a schema at a time."""

    def __init__(self, columns: Sequence[FormatColumn], properties: Mapping[str, str], *, wrapped: bool) -> None:
        self.columns = columns
        self.types = [arrow_type(c.type) for c in columns]
        self.wrapped = wrapped
        self.registry = registry_of(properties, "AVRO")
        self.readers: dict[int, _Reader | str] = {}

    def decode(self, payload: pa.Array, connection: duckdb.DuckDBPyConnection) -> Decoded:
        """Columns of a batch, each record read by its own schema."""
        is_null = pc.is_null(payload)
        errors: dict[int, str] = {}
        pieces = []
        for head, rows in by_head(payload, HEADER_BYTES):
            reader = self._reader(head)
            if isinstance(reader, str):
                errors |= dict.fromkeys(rows.tolist(), reader)
            elif len(rows) == len(payload):
                pieces.append((rows, self._read(reader, payload, errors)))
            else:
                own: dict[int, str] = {}
                pieces.append((rows, self._read(reader, payload.take(pa.array(rows)), own)))
                errors |= {int(rows[row]): why for row, why in own.items()}
        columns = assembled(pieces, self.types, len(payload))
        if not self.wrapped and self.columns and self.columns[0].wanted:
            is_null = pc.and_(pc.is_null(columns[0]), pa.array([r not in errors for r in range(len(payload))]))
        return Decoded(columns, is_null, sorted(errors.items()))

    def _read(self, reader: _Reader, payload: pa.Array, errors: dict[int, str]) -> list[pa.Array]:
        """The columns of records of one schema."""
        columns = [pa.nulls(len(payload), t) for t in self.types]
        if reader.flat is not None and len(payload) >= ROWS_MIN:
            try:
                return self._flat(reader, reader.flat, payload, columns, errors)
            except Odd:
                columns = [pa.nulls(len(payload), t) for t in self.types]
        bodies = behind(payload).to_pylist()
        rows = reader.read(bodies, errors.setdefault)
        for place, name, convert in reader.fields:
            values = rows if name is None else [None if r is None else r[name] for r in rows]
            columns[place] = self._column(place, values, convert, errors)
        return columns

    def _flat(
        self, reader: _Reader, flat: Sequence[Field], payload: pa.Array, columns: list[pa.Array], errors: dict[int, str]
    ) -> list[pa.Array]:
        """All columns at once. Raises Odd."""
        found = read_columns(payload, HEADER_BYTES, flat, [n for _, n, _ in reader.fields if n is not None])
        for place, name, convert in reader.fields:
            if name is not None:
                made = found[name]
                whole = convert is None
                columns[place] = (
                    made.cast(self.types[place]) if whole else self._column(place, made.to_pylist(), convert, errors)
                )
        return columns

    def _column(self, place: int, values: list[Any], convert: Convert | None, errors: dict[int, str]) -> pa.Array:
        try:
            return pa.array(values if convert is None else [convert(v) for v in values], self.types[place])
        except (RecordError, pa.ArrowException, ValueError, OverflowError, TypeError):
            return pa.array([self._cell(r, v, place, convert, errors) for r, v in enumerate(values)], self.types[place])

    def _cell(self, row: int, value: Any, place: int, convert: Convert | None, errors: dict[int, str]) -> Any:
        """One value of a column that holds one which cannot be read."""
        try:
            made = value if convert is None else convert(value)
            pa.array([made], self.types[place])
        except (MergusError, pa.ArrowException, ValueError, OverflowError, TypeError) as why:
            errors.setdefault(row, f"{self.columns[place].name}: {getattr(why, 'message', why)}")
            return None
        return made

    def _reader(self, head: bytes) -> _Reader | str:
        """The reader of a schema, or why there is none. A registry that cannot be reached is no record's fault."""
        number = schema_id_in(head)
        if number is None:
            return "not a record with a schema: it does not begin with a zero byte and a schema's id"
        if number not in self.readers:
            try:
                schema = self.registry.by_id(number)
            except MergusError as why:
                if why.kind != "user":
                    raise
                return f"schema {number}: {why.message}"  # not remembered: it may be registered later
            self.readers[number] = self._made(number, schema)
        return self.readers[number]

    def _made(self, number: int, schema: Schema) -> _Reader | str:
        if schema.type != "AVRO":
            return f"schema {number} is of type {schema.type}"
        try:
            return _Reader(schema, self.registry.resolve, self.columns, wrapped=self.wrapped)
        except MergusError as why:
            if why.kind != "user":
                raise
            return f"schema {number}: {why.message}"
        except (Unreadable, ValueError) as why:
            return f"schema {number}: {why}"


class AvroEncoder:
    """Columns to bytes, by the schema that was registered for them or that the statement names."""

    def __init__(
        self,
        columns: Sequence[FormatColumn],
        properties: Mapping[str, str],
        made: Schema,
        *,
        wrapped: bool,
        is_key: bool,
    ) -> None:
        registry = registry_of(properties, "AVRO")
        number, schema = written_schema(properties, made, "AVRO", is_key=is_key)
        self.wrapped = wrapped
        self.schema = parsed(schema, registry.resolve, raw=True)
        self.head = header(number)
        node = parsed(schema, registry.resolve, raw=False)
        self.names = [f"c{i}" for i in range(len(columns))]
        self.refused: str | None = None
        self.convert: Convert = lambda value: value
        self.flat: list[tuple[Field, int]] | None = None
        try:
            if wrapped:
                real, _ = branches(node)
                if len(real) != 1 or kind_of(real[0]) != "record":
                    raise Unreadable(f"a record of columns cannot be written as {kind_of(node)}")
                named = [(c, column.name, column.type) for c, column in zip(self.names, columns, strict=True)]
                self.convert = record_writing(named, real[0])
            else:
                self.convert = writing(columns[0].type, node, columns[0].name)
            self.flat = self._flat(columns, node) if wrapped else None
        except Unreadable as why:
            self.refused = f"schema {number}: {why}"

    def encode(
        self, columns: Sequence[pa.Array], is_null: pa.Array | None, connection: duckdb.DuckDBPyConnection
    ) -> tuple[pa.Array, list[tuple[int, str]]]:
        """Bytes of each row, NULL for tombstones and for an unwrapped NULL."""
        whole = self._columns(columns, is_null)
        if whole is not None:
            return whole, []
        rows = self._rows(columns, is_null)
        out = io.BytesIO()
        ends, errors = [0], []
        write, schema, head, convert = fastavro.schemaless_writer, self.schema, self.head, self.convert
        for place, row in enumerate(rows):  # row by row: see the module's head
            start = ends[-1]
            if row is not None:
                try:
                    if self.refused is not None:
                        raise RecordError(self.refused)
                    value = convert(row)
                    out.write(head)
                    write(out, schema, value)
                except (RecordError, *_BAD) as why:
                    errors.append((place, str(getattr(why, "message", why))))
                    out.seek(start)
                    out.truncate()
            ends.append(out.tell())
        return _binary(out.getbuffer(), ends, rows, {p for p, _ in errors}), errors

    @staticmethod
    def _flat(columns: Sequence[FormatColumn], node: Any) -> list[tuple[Field, int]] | None:
        """The fields with the places of their columns, where all are flat and written as what the columns are."""
        fields, places = flat_fields(node), {c.name: i for i, c in enumerate(columns)}
        if fields is None:
            return None
        made = []
        for field in fields:
            place = places.get(field.name)
            if place is None or _WRITTEN_AS.get(columns[place].type) != field.kind:
                return None
            made.append((field, place))
        return made

    def _columns(self, columns: Sequence[pa.Array], is_null: pa.Array | None) -> pa.Array | None:
        """All rows at once; None where that cannot be, as with a NULL that the schema takes none of."""
        flat = self.flat
        if flat is None or len(columns[0]) < ROWS_MIN:
            return None
        plain = {f.name: _plain(columns[place]) for f, place in flat}
        gone = None if is_null is None else is_null.to_numpy(zero_copy_only=False)
        try:
            return write_records([f for f, _ in flat], plain, self.head, gone)
        except Odd:
            return None

    def _rows(self, columns: Sequence[pa.Array], is_null: pa.Array | None) -> list[Any]:
        lists = [cells(c) for c in columns]
        gone = [False] * len(columns[0]) if is_null is None else is_null.to_pylist()
        if not self.wrapped:
            return [None if n else v for n, v in zip(gone, lists[0], strict=True)]
        names = self.names
        rows = zip(*lists, strict=True)
        return [None if n else dict(zip(names, r, strict=True)) for n, r in zip(gone, rows, strict=True)]


def _binary(data: memoryview, ends: list[int], rows: Sequence[Any], bad: set[int]) -> pa.Array:
    """The pieces of a buffer as an array, NULL for a row that is None or bad."""
    valid = pa.array([r is not None and i not in bad for i, r in enumerate(rows)], pa.bool_())
    offsets = pa.array(ends, pa.int32()).buffers()[1]
    return pa.Array.from_buffers(pa.binary(), len(rows), [valid.buffers()[1], offsets, pa.py_buffer(bytes(data))])


def _plain(column: pa.Array) -> pa.Array:
    """Times and dates as the numbers that Avro writes."""
    if pa.types.is_date32(column.type):
        return column.cast(pa.int32())
    return column.cast(pa.int64()) if pa.types.is_timestamp(column.type) else column


class AvroFormat:
    """AVRO as ksqlDB reads and writes it (a SchemaFormat)."""

    name = "AVRO"
    schema_type: SchemaType = "AVRO"

    def check(self, columns: Sequence[FormatColumn], properties: Mapping[str, str], *, is_key: bool) -> None:
        """Names that Avro takes; maps with text keys."""
        for part in (full_name_of(properties, is_key=is_key) or "_").split("."):
            check_name(part)
        for column in columns:
            check_name(column.name)
            check_type(column.name, column.type)

    def schema_of(self, columns: Sequence[FormatColumn], properties: Mapping[str, str], *, is_key: bool) -> Schema:
        """What ksqlDB registers: a record of optional fields, or one optional value."""
        full_name = full_name_of(properties, is_key=is_key) or f"{NAMESPACE}.{self._default_name(properties, is_key)}"
        if is_wrapped(columns, properties, is_key=is_key):
            made: Any = record_of([(c.name, c.type) for c in columns], full_name)
        else:
            made = type_of(columns[0].type, full_name)
        return Schema("AVRO", json.dumps(made, separators=(",", ":")))

    @staticmethod
    def _default_name(properties: Mapping[str, str], is_key: bool) -> str:
        if not is_key:
            return "KsqlDataSourceSchema"
        words = properties.get("SOURCE", "KSQL_DEFAULT").split("_")
        return "".join(w.capitalize() for w in words) + "Key"

    def columns_of(
        self, schema: Schema, resolve: Resolve, properties: Mapping[str, str], *, is_key: bool
    ) -> list[FormatColumn]:
        """A record's fields, or the one column ROWKEY or ROWVAL of keys and unwrapped values. Names are upper-case, but
        where the statement names the schema by its id."""
        unwrapped = is_key or properties.get("WRAP_SINGLE_VALUE", "true").lower() == "false"
        name = ("ROWKEY" if is_key else "ROWVAL") if unwrapped else None
        keep_case = schema_id_of(properties, is_key=is_key) is not None
        return columns_in(parsed(schema, resolve, raw=False), unwrapped=name, keep_case=keep_case)

    def decoder(self, columns: Sequence[FormatColumn], properties: Mapping[str, str], *, is_key: bool) -> AvroDecoder:
        """A decoder of the wanted columns."""
        return AvroDecoder(columns, properties, wrapped=is_wrapped(columns, properties, is_key=is_key))

    def encoder(self, columns: Sequence[FormatColumn], properties: Mapping[str, str], *, is_key: bool) -> AvroEncoder:
        """An encoder of all columns; registers their schema if need be."""
        made = self.schema_of(columns, properties, is_key=is_key)
        wrapped = is_wrapped(columns, properties, is_key=is_key)
        return AvroEncoder(columns, properties, made, wrapped=wrapped, is_key=is_key)


add_schema_type("AVRO", canonical=canonical, can_read=can_read)
