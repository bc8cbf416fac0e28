"""The edge where records come in: bytes of all of a query's topics to one edge table a source.

The batch's order is the order of things: `_seq` numbers the records across topics. A record that cannot be read costs
itself only; it goes to the processing log with its bytes.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from functools import reduce

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ..io.formats.format import Decoded, Decoder, FormatColumn
from ..io.formats.registry import find
from ..plan.origins import topics_read
from ..plan.physical.steps import Source
from .event_time.rowtime import UNUSABLE, rowtimes, usable
from .frame import without_rows
from .operator import (
    CARRIED,
    DELETED,
    KEYED,
    OFFSET,
    PARTITION,
    ROWTIME,
    SEQUENCE,
    SEQUENCE_STEP,
    WINDOW_END,
    WINDOW_START,
    Failure,
    Frame,
    Report,
)

Records = pa.RecordBatch | pa.Table


def needed_columns(sources: Sequence[Source]) -> tuple[str, ...]:
    """Which of key, value, headers and timestamp a reader must give for a query's sources."""
    needed = set()
    if len(topics_read(sources)) > 1 or any(s.timestamp_column is None for s in sources):
        needed.add("timestamp")  # it is the rowtime, or the order between topics
    for source in (s for s in sources if s.file is None):
        if (
            source.is_table
            or source.windowed
            or any(c.is_key and i in source.wanted for i, c in enumerate(source.schema))
        ):
            needed.add("key")
        needed.add("value")  # a NULL value means something, whatever is read of it
        if source.carries_headers or any(
            c.header is not None and i in source.wanted for i, c in enumerate(source.schema)
        ):
            needed.add("headers")
    return tuple(c for c in ("key", "value", "headers", "timestamp") if c in needed)


class Decoding:
    """All of a query's sources. `topics`: the reader's, which a record's `topic` counts into."""

    def __init__(
        self, sources: Sequence[Source], topics: Sequence[str], connection: duckdb.DuckDBPyConnection, report: Report
    ) -> None:
        self._sources = [(_indices(s, topics), SourceDecoder(s, connection, report)) for s in sources]
        self._one_source = len({s.topic for s in sources}) == 1
        self._again = [topics.index(s.again) for s in sources if s.again is not None]

    def decode(self, records: Sequence[pa.RecordBatch]) -> Frame:
        """The frame of some batches of RECORD_SCHEMA, in their order."""
        table = pa.Table.from_batches(records)
        if len(records) > 1:
            table = table.combine_chunks()
        sequence = pa.array(np.arange(table.num_rows, dtype=np.int64) * SEQUENCE_STEP)
        table = table.append_column(SEQUENCE, sequence)
        for topic in self._again:
            table = _told_apart(table, topic)
        edges = {}
        for indices, decoder in self._sources:
            own = table if self._one_source else table.filter(pc.is_in(table.column("topic"), indices))
            if own.num_rows:
                made = decoder.decode(own)
                if made.num_rows:
                    edges[decoder.source.edge] = made
        return Frame(edges)


def _indices(source: Source, topics: Sequence[str]) -> pa.Array:
    """By which indices records of a source come."""
    own = [source.topic, *([] if source.again is None else [source.again])]
    return pa.array([topics.index(name) for name in own], pa.int32())


def _told_apart(table: pa.Table, topic: int) -> pa.Table:
    """Offsets in the topic of what comes again are below 0, so that none is taken for the source's own."""
    again = pc.equal(table.column("topic"), topic)
    if not pc.any(again).as_py():
        return table
    offsets = table.column("offset")
    place = table.schema.get_field_index("offset")
    return table.set_column(place, "offset", pc.if_else(again, pc.subtract(-1, offsets), offsets))


class SourceDecoder:
    """One source's records to its edge table."""

    def __init__(self, source: Source, connection: duckdb.DuckDBPyConnection, report: Report) -> None:
        self.source = source
        self._connection = connection
        self._report = report
        self._keys = [i for i, c in enumerate(source.schema) if c.is_key]
        self._values = [i for i, c in enumerate(source.schema) if not c.is_key and c.header is None]
        self._headers = [i for i, c in enumerate(source.schema) if c.header is not None and i in source.wanted]
        self._key_decoder = self._decoder(source.formats.key, self._keys, is_key=True)
        self._value_decoder = self._decoder(source.formats.value, self._values, is_key=False)

    def _decoder(self, name: str, places: Sequence[int], *, is_key: bool) -> Decoder | None:
        if not places:
            return None
        columns = [self.source.schema.columns[i] for i in places]
        wanted = [FormatColumn(c.name, c.type, i in self.source.wanted) for i, c in zip(places, columns, strict=True)]
        return find(name).decoder(wanted, self.source.formats.properties, is_key=is_key)

    def decode(self, records: pa.Table) -> pa.Table:
        """The rows that can be read."""
        bad: dict[int, str] = {}
        bad_keys: dict[int, str] = {}
        columns: dict[str, pa.Array] = {}
        values = _chunk(records, "value")
        null = pc.is_null(values)
        if self._value_decoder:
            self._take(self._value_decoder.decode(values, self._connection), self._values, columns, bad)
        self._take_key(records, columns, bad, bad_keys)
        for i in self._headers:
            columns[f"c{i}"] = header_column(_chunk(records, "headers"), self.source.schema.columns[i].header or "")
        bad |= {row: f"key: {why}" for row, why in bad_keys.items()}
        columns[ROWTIME] = self._times(records, columns, null, bad)
        columns |= {PARTITION: _chunk(records, "partition"), OFFSET: _chunk(records, "offset")}
        columns[SEQUENCE] = _chunk(records, SEQUENCE)
        if self.source.carries_headers and (headers := _chunk(records, "headers")).null_count < len(headers):
            columns[CARRIED] = headers
        if pc.any(null).as_py():
            columns[DELETED] = null
        made = pa.table(columns)
        return self._without(records, made, bad, bad_keys) if bad else made

    def _take(self, decoded: Decoded, places: Sequence[int], columns: dict[str, pa.Array], bad: dict[int, str]) -> None:
        for i, column in zip(places, decoded.columns, strict=True):
            if i in self.source.wanted:
                columns[f"c{i}"] = column
        for row, reason in decoded.errors:
            bad.setdefault(row, reason)

    def _take_key(
        self, records: pa.Table, columns: dict[str, pa.Array], bad: dict[int, str], bad_keys: dict[int, str]
    ) -> None:
        if "key" not in records.schema.names:
            return
        keys = _chunk(records, "key")
        if self.source.windowed is not None:
            keys = self._take_window(keys, columns, bad_keys)
        if self.source.is_table:
            for row in pc.indices_nonzero(pc.is_null(keys)).to_pylist():
                bad.setdefault(row, "a table's record has no key")
        if self._key_decoder:
            decoded = self._key_decoder.decode(keys, self._connection)
            self._take(decoded, self._keys, columns, bad_keys)
            if self.source.carries_headers and len(self._keys) > 1:
                self._mark_keyed(decoded, columns)

    def _mark_keyed(self, decoded: Decoded, columns: dict[str, pa.Array]) -> None:
        """Tell rows whose key is there, with columns that are all NULL, from rows without one."""
        keyed = reduce(pc.and_, map(pc.is_null, decoded.columns), pc.invert(decoded.is_null))
        if pc.any(keyed).as_py():
            columns[KEYED] = keyed

    def _take_window(self, keys: pa.Array, columns: dict[str, pa.Array], bad: dict[int, str]) -> pa.Array:
        """Kafka Streams' layout: the key's bytes, the window's end where the start does not tell it, the start."""
        window = self.source.windowed
        assert window is not None
        width = 16 if window.is_bounded else 8
        lengths = pc.binary_length(keys)
        for row in pc.indices_nonzero(pc.fill_null(pc.less(lengths, width), False)).to_pylist():
            bad.setdefault(row, f"a windowed key has at least {width} bytes, this one {lengths[row].as_py()}")
        starts = _big_endian(pc.binary_slice(keys, -8), lengths, width)
        columns[WINDOW_START] = starts
        if window.is_bounded:
            columns[WINDOW_END] = _big_endian(pc.binary_slice(keys, -16, -8), lengths, width)
        else:
            columns[WINDOW_END] = pc.add(starts, window.size_ms)
        return pc.binary_slice(keys, 0, -width)

    def _times(self, records: pa.Table, columns: dict[str, pa.Array], null: pa.Array, bad: dict[int, str]) -> pa.Array:
        own = _chunk(records, "timestamp")
        place = self.source.timestamp_column
        if place is None:
            times = usable(own)
        else:
            times = rowtimes(columns[f"c{place}"], self.source.timestamp_format)
            times = pc.if_else(null, usable(own), times)  # a tombstone has no columns: its own time stands
        if times.null_count:
            for row in pc.indices_nonzero(pc.is_null(times)).to_pylist():
                bad.setdefault(row, UNUSABLE)
        return times

    def _without(self, records: pa.Table, made: pa.Table, bad: dict[int, str], bad_keys: Collection[int]) -> pa.Table:
        """The rows that are not bad; the others are reported, with the bytes that could not be read: a key's, or the value."""
        rows = sorted(bad)
        told = records.take(pa.array(rows))
        columns = [told.column(name).to_pylist() for name in ("partition", "offset", "value")]
        keys = told.column("key").to_pylist() if bad_keys else [None] * len(rows)
        for row, partition, offset, value, key in zip(rows, *columns, keys, strict=True):
            record = key if row in bad_keys else value
            self._report(Failure(bad[row], "deserialization", self.source.topic, partition, offset, None, record))
        return without_rows(made, rows)


def _chunk(table: pa.Table, name: str) -> pa.Array:
    column = table.column(name)
    return column.chunk(0) if column.num_chunks == 1 else column.combine_chunks()


def _big_endian(eight: pa.Array, lengths: pa.Array, width: int) -> pa.Array:
    good = pc.fill_null(pc.greater_equal(lengths, width), False)
    packed = b"".join(pc.if_else(good, eight, b"\0" * 8).to_pylist())
    return pa.array(np.frombuffer(packed, ">i8").astype(np.int64))


def header_column(headers: pa.Array, name: str) -> pa.Array:
    """All headers (`name` empty) as the language has them, or the newest value of one."""
    if not name:
        kind = pa.list_(pa.struct([("f0", pa.string()), ("f1", pa.binary())]))
        rows = [None if r is None else [{"f0": h["key"], "f1": h["value"]} for h in r] for r in headers.to_pylist()]
        return pa.array([r or [] for r in rows], kind)
    # Row by row: a record has few headers, and most queries read none.
    newest = [{h["key"]: h["value"] for h in row or []}.get(name) for row in headers.to_pylist()]
    return pa.array(newest, pa.binary())
