"""The edge where rows go out: an edge table to records as the sink's formats write them.

A tombstone's value is NULL. The key of a windowed table is Kafka Streams': the key's bytes, then the window's start,
eight bytes big-endian; of a session its end and its start.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ..io.formats.format import Encoder, FormatColumn
from ..io.formats.registry import find
from ..io.topics import HEADERS
from ..plan.physical.steps import Sink
from .event_time.rowtime import UNUSABLE, rowtimes
from .frame import one_chunk, without_rows
from .operator import CARRIED, DELETED, KEYED, PARTITION, ROWTIME, WINDOW_END, WINDOW_START, Failure, Frame, Report


class SinkEncoder:
    """Makes records for a sink's topic."""

    def __init__(self, sink: Sink, connection: duckdb.DuckDBPyConnection, report: Report) -> None:
        self.sink = sink
        self._connection = connection
        self._report = report
        self._keys = [i for i, c in enumerate(sink.schema) if c.is_key]
        self._values = [i for i, c in enumerate(sink.schema) if not c.is_key]
        self._key_encoder = self._encoder(sink.formats.key, self._keys, is_key=True)
        self._value_encoder = self._encoder(sink.formats.value, self._values, is_key=False)

    def _encoder(self, name: str, places: Sequence[int], *, is_key: bool) -> Encoder | None:
        if not places:
            return None
        columns = [self.sink.schema.columns[i] for i in places]
        return find(name).encoder(
            [FormatColumn(c.name, c.type) for c in columns], self.sink.formats.properties, is_key=is_key
        )

    def encode(self, frame: Frame) -> pa.RecordBatch | None:
        """Records of (part of) PRODUCE_SCHEMA in the rows' order; None when there are none."""
        table = frame.edges.get(self.sink.edge)
        if table is None or not table.num_rows:
            return None
        null = one_chunk(table.column(DELETED)) if DELETED in table.schema.names else None
        bad: dict[int, str] = {}
        times = self._times(table, null, bad)
        columns = {"timestamp": times}
        if self._key_encoder:
            columns["key"] = self._key(table, bad)
        columns["value"] = self._value(table, null, bad)
        if self.sink.carries_headers:
            carried = CARRIED in table.schema.names
            columns["headers"] = (
                one_chunk(table.column(CARRIED)).cast(HEADERS) if carried else pa.nulls(table.num_rows, HEADERS)
            )
        records = pa.RecordBatch.from_arrays(list(columns.values()), names=list(columns))
        return self._without(table, records, bad) if bad else records

    def _key(self, table: pa.Table, bad: dict[int, str]) -> pa.Array:
        assert self._key_encoder is not None
        columns = [one_chunk(table.column(f"c{i}")) for i in self._keys]
        null = None
        if (len(columns) == 1 or self.sink.key_as_read) and all(c.null_count for c in columns):
            null = reduce(pc.and_, map(pc.is_null, columns))
            if self.sink.key_as_read and KEYED in table.schema.names:
                null = pc.and_not(null, pc.fill_null(one_chunk(table.column(KEYED)), False))
        key, errors = self._key_encoder.encode(columns, null, self._connection)
        bad |= dict(errors)
        if self.sink.windowed is None:
            return key
        bounds = (WINDOW_END, WINDOW_START) if self.sink.windowed.is_bounded else (WINDOW_START,)
        return pc.binary_join_element_wise(key, *(_big_endian(one_chunk(table.column(n))) for n in bounds), b"")

    def _value(self, table: pa.Table, null: pa.Array | None, bad: dict[int, str]) -> pa.Array:
        if self._value_encoder is None:
            return pa.nulls(table.num_rows, pa.binary())
        columns = [one_chunk(table.column(f"c{i}")) for i in self._values]
        value, errors = self._value_encoder.encode(columns, null, self._connection)
        for row, reason in errors:
            bad.setdefault(row, reason)
        return value

    def _times(self, table: pa.Table, null: pa.Array | None, bad: dict[int, str]) -> pa.Array:
        own = one_chunk(table.column(ROWTIME))
        if self.sink.timestamp_column is None:
            return own
        times = rowtimes(one_chunk(table.column(f"c{self.sink.timestamp_column}")), self.sink.timestamp_format)
        if null is not None:
            times = pc.if_else(null, own, times)
        for row in pc.indices_nonzero(pc.is_null(times)).to_pylist():
            bad[row] = UNUSABLE
        return times

    def _without(self, table: pa.Table, records: pa.RecordBatch, bad: dict[int, str]) -> pa.RecordBatch | None:
        for row, reason in sorted(bad.items()):
            partition = table.column(PARTITION)[row].as_py() if PARTITION in table.schema.names else None
            self._report(Failure(reason, "serialization", self.sink.topic, partition))
        kept = without_rows(records, bad)
        return kept if kept.num_rows else None


def _big_endian(numbers: pa.Array) -> pa.Array:
    packed = numbers.to_numpy().astype(">i8").tobytes()
    offsets = np.arange(0, 8 * len(numbers) + 1, 8, dtype=np.int32)
    return pa.Array.from_buffers(pa.binary(), len(numbers), [None, pa.py_buffer(offsets), pa.py_buffer(packed)])
