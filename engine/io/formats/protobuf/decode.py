"""PROTOBUF bytes to columns: Confluent's header off, one call of the parser a batch, a column a field.

A record that does not parse, or holds what its column cannot, would spoil the call of its whole batch: the batch is then
halved until the record stands alone, so that it costs itself only.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from google.protobuf import descriptor_pb2, message_factory
from google.protobuf.message import DecodeError

from ....errors import RecordError, UserError
from ....sql.types import arrow_type
from ..format import Decoded, FormatColumn
from ..schema_header import HEADER_BYTES, assembled, behind, by_head, schema_id_in
from .compile import Compiled
from .read import Reader, joined, message_reader

Descriptor = Any
_numbers = itertools.count()
FIRST_MESSAGE = (0,)
_INDEX_BITS = 35  # of a number of 32 bits, seven a byte


def rows_class(schema: Compiled, message: Descriptor) -> Any:
    """The class of a message whose one field repeats `message`: a batch of them is parsed in one call."""
    if message.full_name not in schema.parsers:
        name = f"mergus_rows_{next(_numbers)}"
        file = descriptor_pb2.FileDescriptorProto(name=f"{name}.proto", package=name, syntax="proto3")
        file.dependency.append(message.file.name)
        rows = file.message_type.add(name="Rows").field.add(name="rows", number=1)
        rows.type, rows.label = rows.TYPE_MESSAGE, rows.LABEL_REPEATED
        rows.type_name = f".{message.full_name}"
        schema.pool.Add(file)
        made = message_factory.GetMessageClass(schema.pool.FindMessageTypeByName(f"{name}.Rows"))
        schema.parsers[message.full_name] = made
    return schema.parsers[message.full_name]


class MessageDecoder:
    """Messages of one type to the wanted columns."""

    def __init__(self, schema: Compiled, message: Descriptor, columns: Sequence[FormatColumn]) -> None:
        self.types = [arrow_type(c.type) for c in columns]
        self.rows = rows_class(schema, message)
        self.name = message.full_name
        self.refused: str | None = None
        self.readers: list[Reader] = []
        try:
            self.readers = message_reader(message, [(c.name, c.type) for c in columns])
        except RecordError as why:
            self.refused = why.message  # the schema does not fit the columns: each of its records is an error

    def decode(self, payload: pa.Array) -> tuple[list[pa.Array], list[tuple[int, str]]]:
        """Columns, and the rows that are errors (NULL in every column)."""
        if self.refused is not None:
            return self._nothing(len(payload)), [(row, self.refused) for row in range(len(payload))]
        try:
            messages = list(self.rows.FromString(joined(payload)).rows)
            return [read(messages) for read in self.readers], []
        except DecodeError:
            reason = f"not a message of type {self.name}"
        except RecordError as why:
            reason = why.message
        except (ValueError, OverflowError, pa.ArrowException) as why:
            reason = str(why)
        if len(payload) == 1:
            return self._nothing(1), [(0, reason)]
        half = len(payload) // 2
        left, bad_left = self.decode(payload.slice(0, half))
        right, bad_right = self.decode(payload.slice(half))
        columns = [pa.concat_arrays(pair) for pair in zip(left, right, strict=True)]
        return columns, bad_left + [(row + half, why) for row, why in bad_right]

    def _nothing(self, rows: int) -> list[pa.Array]:
        return [pa.nulls(rows, t) for t in self.types]


@dataclass(frozen=True)
class Part:
    """Rows of a batch that were written with one message type: where they stand, and their bytes without the header."""

    rows: pa.Array
    schema_id: int
    indexes: tuple[int, ...]
    body: pa.Array


def parts(payload: pa.Array, errors: list[tuple[int, str]]) -> Iterator[Part]:
    """A batch by the header of its records; records without a header are added to `errors`, NULLs left out."""
    for head, places in by_head(payload, HEADER_BYTES + 1):
        rows = pa.array(places)
        schema_id = schema_id_in(head)
        if schema_id is None or len(head) == HEADER_BYTES:
            errors += [(row, "no schema id before the message: unknown magic byte") for row in rows.to_pylist()]
            continue
        mine = payload if len(rows) == len(payload) else payload.take(rows)
        if head[HEADER_BYTES] == 0:
            yield Part(rows, schema_id, FIRST_MESSAGE, behind(mine, HEADER_BYTES + 1))
        else:
            yield from _indexed(rows, schema_id, mine, errors)


def _indexed(rows: pa.Array, schema_id: int, payload: pa.Array, errors: list[tuple[int, str]]) -> Iterator[Part]:
    # Row by row because the list of message indexes has no fixed length; only schemas of several messages come here.
    by_indexes: dict[tuple[int, ...], list[tuple[int, bytes]]] = {}
    for row, raw in zip(rows.to_pylist(), payload.to_pylist(), strict=True):
        try:
            indexes, end = message_indexes(raw)
        except IndexError:
            errors.append((row, "the message indexes after the schema id are cut short"))
            continue
        by_indexes.setdefault(indexes, []).append((row, raw[end:]))
    for indexes, found in by_indexes.items():
        places, bodies = zip(*found, strict=True)
        yield Part(pa.array(places, pa.int64()), schema_id, indexes, pa.array(bodies, pa.binary()))


def message_indexes(raw: bytes) -> tuple[tuple[int, ...], int]:
    """The message indexes after the schema id, and where the message begins. Raises IndexError where they are cut short."""
    count, at = _zigzag(raw, HEADER_BYTES)
    if not 0 <= count <= len(raw):
        raise IndexError
    indexes: list[int] = []
    for _ in range(count):
        index, at = _zigzag(raw, at)
        indexes.append(index)
    return tuple(indexes) or FIRST_MESSAGE, at


def _zigzag(raw: bytes, at: int) -> tuple[int, int]:
    number = shift = 0
    while True:
        number |= (raw[at] & 0x7F) << shift
        if raw[at] < 0x80:
            return (number >> 1) ^ -(number & 1), at + 1
        at, shift = at + 1, shift + 7
        if shift >= _INDEX_BITS:  # bytes that are no index may go on for megabytes, and the number grow with them
            raise IndexError


class ProtobufDecoder:
    """Bytes to columns. `schema_of` gives the schema of an id; None: records have no header and are of `fixed`."""

    def __init__(
        self,
        columns: Sequence[FormatColumn],
        schema_of: Callable[[int], Compiled] | None,
        fixed: Callable[[], tuple[Compiled, Descriptor]] | None = None,
    ) -> None:
        self.types = [arrow_type(c.type) for c in columns]
        self.places = [i for i, c in enumerate(columns) if c.wanted]
        self.columns = [columns[i] for i in self.places]
        self.schema_of = schema_of
        self.fixed = fixed
        self.known: dict[tuple[int, tuple[int, ...]], MessageDecoder] = {}
        self.asked: dict[int, Compiled | str] = {}  # in this batch: an id that is refused now may be registered later

    def decode(self, payload: pa.Array, connection: duckdb.DuckDBPyConnection) -> Decoded:
        """A NULL payload is a tombstone; an empty one is a message of defaults only where there is no header."""
        errors: list[tuple[int, str]] = []
        self.asked.clear()
        is_null = pc.is_null(payload)
        rows = pa.array(np.arange(len(payload), dtype=np.int64))
        if payload.null_count:
            rows = pc.indices_nonzero(pc.is_valid(payload)).cast(pa.int64())
            payload = payload.take(rows)
        bare = self.schema_of is None
        found = [Part(rows, 0, FIRST_MESSAGE, payload)] if bare else self._placed(rows, payload, errors)
        pieces = []
        for part in found:
            read = self._part(part, errors)
            if read is not None:
                pieces.append((part.rows.to_numpy(), read))
        wanted = assembled(pieces, [self.types[i] for i in self.places], len(is_null))
        columns = [pa.nulls(len(is_null), t) for t in self.types]
        for place, column in zip(self.places, wanted, strict=True):
            columns[place] = column
        return Decoded(columns, is_null, sorted(errors))

    def _placed(self, rows: pa.Array, payload: pa.Array, errors: list[tuple[int, str]]) -> list[Part]:
        bad: list[tuple[int, str]] = []
        found = [Part(rows.take(p.rows), p.schema_id, p.indexes, p.body) for p in parts(payload, bad)]
        errors += [(rows[row].as_py(), why) for row, why in bad]
        return found

    def _part(self, part: Part, errors: list[tuple[int, str]]) -> list[pa.Array] | None:
        """The wanted columns of its rows, None where they are all errors."""
        decoder = self._decoder(part.schema_id, part.indexes)
        if isinstance(decoder, str):
            errors += [(row, decoder) for row in part.rows.to_pylist()]
            return None
        columns, bad = decoder.decode(part.body)
        errors += [(part.rows[row].as_py(), why) for row, why in bad]
        return columns

    def _decoder(self, schema_id: int, indexes: tuple[int, ...]) -> MessageDecoder | str:
        known = self.known.get((schema_id, indexes))
        if known is not None:
            return known
        made = self._made(schema_id, indexes)
        if isinstance(made, MessageDecoder):
            self.known[schema_id, indexes] = made
        return made

    def _made(self, schema_id: int, indexes: tuple[int, ...]) -> MessageDecoder | str:
        if self.fixed is not None and self.schema_of is None:
            return MessageDecoder(*self.fixed(), self.columns)
        if schema_id not in self.asked:
            self.asked[schema_id] = self._asked(schema_id)
        schema = self.asked[schema_id]
        if isinstance(schema, str):
            return schema
        found = schema.at(indexes)
        if found is None:
            return f"schema {schema_id} has no message at {list(indexes)}"
        return MessageDecoder(schema, found, self.columns)

    def _asked(self, schema_id: int) -> Compiled | str:
        assert self.schema_of is not None
        try:
            return self.schema_of(schema_id)
        except UserError as why:
            return f"schema {schema_id} cannot be had: {why.message}"
