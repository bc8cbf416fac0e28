"""The bytes of a topic's records as text for people, for PRINT.

Each may be something else, so each is told by what it shows. A window stands behind a key where a stream or table over the
topic says so. Then, in this order: where such a stream or table reads what is no text (KAFKA's numbers, PROTOBUF_NOSR), it
is read so; bytes that begin with the id of a schema in the registry are read by that schema, whole; UTF-8 is given as it
is; all else is hexadecimal.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import duckdb
import pyarrow as pa

from ..errors import RecordError, UnknownName
from ..io.formats.format import Decoder, FormatColumn
from ..io.formats.json.exact import parse
from ..io.formats.registry import find
from ..io.formats.schema_header import HEADER_BYTES, schema_id_in
from ..io.schemas.opening import LOCATION, TOPIC, open_registry
from ..sql.catalog import Relation
from ..sql.properties import INFERRING
from ..sql.schema import ColumnDef, Schema
from ..sql.statements.query import WINDOWS_BOUNDED
from ..sql.types import INTEGER, STRING
from .json_rows import object_texts
from .json_values import value_writer
from .python_values import python_values
from .schemas import is_bare, schema_format

_LONG = struct.Struct(">q")


class Printed:
    """The keys or the values of one topic. `relation`: a stream or table over it; `registry`: where the schemas lie."""

    def __init__(
        self,
        topic: str,
        relation: Relation | None,
        registry: str,
        connection: duckdb.DuckDBPyConnection,
        *,
        is_key: bool,
    ) -> None:
        self._connection = connection
        self._is_key = is_key
        self._properties = {LOCATION: registry, TOPIC: topic}
        self._schemas: dict[int, _Reader | None] = {}
        self._windowed = relation if is_key and relation is not None and relation.windowed is not None else None
        self._declared = None if relation is None else _declared(relation, is_key=is_key)
        self._possible: list[str] | None = None

    def texts(self, payloads: Sequence[bytes | None]) -> pa.Array:
        """A text for each of the payloads, NULL for NULL."""
        cut = [self._cut(payload) for payload in payloads]
        values = [value for value, _ in cut]
        texts, names = self._read(values)
        for value, name in zip(values, names, strict=True):
            if value is not None and self._possible != []:
                self._narrow(_text_formats(value) if name is None else [name])
        for row, value in enumerate(values):
            if value is not None:
                found = texts[row]
                texts[row] = (_plain(value) if found is None else found) + cut[row][1]
        return pa.array(texts, pa.string())

    def formats(self) -> str:
        """The formats that all payloads so far can be of, `JSON or KAFKA_STRING`; empty where there is none."""
        if self._possible is None:
            return "no data processed"
        window = None if self._windowed is None else self._windowed.windowed
        return " or ".join(name if window is None else f"{window}({name})" for name in self._possible)

    def _narrow(self, names: list[str]) -> None:
        self._possible = names if self._possible is None else [n for n in self._possible if n in names]

    def _cut(self, payload: bytes | None) -> tuple[bytes | None, str]:
        """A key's own bytes, and the window behind them as ksqlDB shows one: @start/end in milliseconds."""
        if payload is None or self._windowed is None:
            return payload, ""
        width = 16 if self._windowed.windowed in WINDOWS_BOUNDED else 8
        if len(payload) < width:
            return payload, ""
        (start,) = _LONG.unpack(payload[-8:])
        size_ms = self._windowed.window_size_ms
        end = _LONG.unpack(payload[-16:-8])[0] if width == 16 else "-" if size_ms is None else start + size_ms
        return payload[:-width], f"@{start}/{end}"

    def _read(self, values: Sequence[bytes | None]) -> tuple[list[str | None], list[str | None]]:
        """What the declared format, or a value's schema, makes of each, and the format's name; None where there is none, or
        it does not fit."""
        if self._declared is not None:
            read = self._declared.texts(values, self._connection)
            return read, [None if text is None else self._declared.name for text in read]
        names: list[str | None] = [None] * len(values)
        texts: list[str | None] = [None] * len(values)
        rows: dict[int, list[int]] = {}
        for row, value in enumerate(values):
            number = None if value is None else schema_id_in(value[:HEADER_BYTES])
            if number is not None:
                rows.setdefault(number, []).append(row)
        for number, of_schema in rows.items():
            if (reader := self._reader(number)) is not None:
                found = reader.texts([values[row] for row in of_schema], self._connection)
                for row, each in zip(of_schema, found, strict=True):
                    texts[row], names[row] = each, None if each is None else reader.name
        return texts, names

    def _reader(self, number: int) -> _Reader | None:
        """The reader of a schema; None where the registry has none of that id: the bytes only look so."""
        if number not in self._schemas:
            try:
                self._schemas[number] = _by_schema(number, self._properties, is_key=self._is_key)
            except UnknownName:
                self._schemas[number] = None
        return self._schemas[number]


@dataclass(frozen=True)
class _Reader:
    """A decoder, the format's name, and its columns; `bare`: the one column is the value, and not a field of a record."""

    name: str
    columns: Sequence[FormatColumn]
    decoder: Decoder
    bare: bool

    def texts(self, values: Sequence[bytes | None], connection: duckdb.DuckDBPyConnection) -> list[str | None]:
        """Each value's text: a record as a JSON object; None for NULL, and for what cannot be read."""
        decoded = self.decoder.decode(pa.array(values, pa.binary()), connection)
        unread = {row for row, _ in decoded.errors} | {row for row, value in enumerate(values) if value is None}
        texts: Iterable[str]
        if self.bare:
            (column,), (values_read,) = self.columns, decoded.columns
            texts = map(str if column.type == STRING else value_writer(column.type), python_values(values_read))
        else:
            table = pa.table(decoded.columns, names=[f"c{i}" for i in range(len(decoded.columns))])
            texts = object_texts(Schema(tuple(ColumnDef(c.name, c.type) for c in self.columns)), table)
        return [None if row in unread else text for row, text in enumerate(texts)]


def _declared(relation: Relation, *, is_key: bool) -> _Reader | None:
    """What reads bytes that are no text, as a stream or table over the topic does; None where its format is text, or one
    whose records name their schema."""
    name = relation.key_format if is_key else relation.value_format
    columns = [FormatColumn(c.name, c.type) for c in relation.schema if c.is_key == is_key and c.header is None]
    is_text = name == "KAFKA" and columns and columns[0].type == STRING
    if not columns or is_text or name not in ("KAFKA", "PROTOBUF_NOSR"):
        return None
    shown = f"KAFKA_{'INT' if columns[0].type == INTEGER else columns[0].type}" if name == "KAFKA" else name
    decoder = find(name).decoder(columns, relation.properties, is_key=is_key)
    return _Reader(shown, columns, decoder, bare=name == "KAFKA")


def _by_schema(number: int, properties: Mapping[str, str], *, is_key: bool) -> _Reader:
    """The reader of a schema; raises UnknownName where the registry has none of that id."""
    registry = open_registry(properties[LOCATION])
    schema = registry.by_id(number)
    (name,) = (name for name in INFERRING if schema_format(name).schema_type == schema.type)
    as_written = {**properties, "KEY_SCHEMA_ID" if is_key else "VALUE_SCHEMA_ID": str(number)}
    columns = schema_format(name).columns_of(schema, registry.resolve, as_written, is_key=is_key)
    return _Reader(name, columns, find(name).decoder(columns, as_written, is_key=is_key), is_bare(columns))


def _text_formats(value: bytes) -> list[str]:
    """The formats of text that a payload can be of."""
    try:
        value.decode()
        parse(value)
    except UnicodeDecodeError:
        return []
    except RecordError:
        return ["KAFKA_STRING"] if value else []
    return ["JSON", "KAFKA_STRING"]


def _plain(value: bytes) -> str:
    """UTF-8 that can be shown as it is, else hexadecimal."""
    try:
        text = value.decode()
    except UnicodeDecodeError:
        return "0x" + value.hex()
    return text if "".join(text.split()).isprintable() else "0x" + value.hex()
