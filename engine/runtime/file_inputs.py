"""Files as a flow's inputs: rows of columns instead of records of bytes, read once to the end, beside topics or alone.

A row travels as a record does, with a topic index, partition 0, its number as offset and the time when reading began; its
columns c0, c1 … lie where a record has key and value. `FileEdges` makes the edge tables of them. Rows of several files, with
no topic beside them, are put in order by the times that their columns give.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ..io.file_rows import RejectedRow
from ..io.files import FileSource
from ..io.topics import TopicIdentity
from ..operators.event_time.rowtime import UNUSABLE, rowtimes
from ..operators.operator import OFFSET, PARTITION, ROWTIME, SEQUENCE, SEQUENCE_STEP, Failure, Frame, Report
from ..plan.physical.steps import Source
from ..sql.statements.query import NO_SOURCE
from .checkpoint import Positions
from .flows.source import BoundedReader
from .inputs import TopicInputs
from .telemetry.processing_log import ProcessingLog


class FileReader:
    """Reads one source's files. `start`: how many rows to pass by; `own` False: another worker reads them. `connection` is
    this reader's own, open to the files alone; `open_log` is asked for when a row is malformed. `ordered`: rows have the times
    of the TIMESTAMP column already here, for they are put in order by them."""

    def __init__(
        self,
        source: Source,
        connect: Callable[[Sequence[Path]], duckdb.DuckDBPyConnection],
        *,
        start: int,
        now_ms: int,
        own: bool,
        allowed: Sequence[Path] | None,
        open_log: Callable[[], ProcessingLog],
        ordered: bool = False,
    ) -> None:
        self._time = source.timestamp_column if ordered else None
        self._time_format = source.timestamp_format
        self.topics: Sequence[str] = [source.input_name]
        self._own = _own(source)
        self._at = 0
        self._start = start
        self._now_ms = now_ms
        self._open_log = open_log
        self._rejected: list[RejectedRow] = []
        self._connection: duckdb.DuckDBPyConnection | None = None
        self._rows: Iterator[pa.RecordBatch] = iter(())
        self._rest: pa.RecordBatch | None = None
        self.finished = not own
        if own and source.file is not None and source.file.format == NO_SOURCE:
            self._rows = iter((pa.record_batch({"c0": pa.nulls(1, pa.bool_())}),))
        elif own and source.file is not None:
            files = FileSource(source.file.path, source.file.format, _lower(source.file.options), allowed=allowed)
            columns = [(c.name, c.type) for c in source.schema]
            self._connection = connect(files.files)
            self._rows = files.read(self._connection, columns, self._rejected.append)

    @property
    def has_more(self) -> bool:
        return not self.finished

    def poll(self, max_records: int, timeout_ms: float = 0.0) -> pa.RecordBatch | None:
        while not self.finished:
            batch = self._rest if self._rest is not None else next(self._rows, None)
            self._rest = None
            if batch is None:
                self._end()
                return None
            if self._at >= self._start:
                self._tell()
            if self._at < self._start:  # rows of an earlier run
                passed = min(batch.num_rows, self._start - self._at)
                self._at += passed
                batch = batch.slice(passed)
            if batch.num_rows > max_records:
                batch, self._rest = batch.slice(0, max_records), batch.slice(max_records)
            if batch.num_rows:
                return self._placed(batch)
        return None

    def _end(self) -> None:
        if self._at > self._start or not self._start:  # else an earlier run came to the end, and told
            self._tell()
        self.finished = True
        self._at = max(self._at, self._start)

    def _tell(self) -> None:
        """The malformed rows so far go to the processing log. Those before `start` were told by an earlier run."""
        rejected, self._rejected[:] = list(self._rejected), []
        if not rejected or self._at < self._start:
            return
        log = self._open_log()
        for row in rejected:
            reason = f"{row.file}, line {row.line}: {row.reason}"
            log.report(Failure(reason, "deserialization", self.topics[0], 0, row.line, record=row.text.encode()))
        log.close()

    def _placed(self, rows: pa.RecordBatch) -> pa.RecordBatch:
        count = rows.num_rows
        columns = {
            "topic": pa.repeat(pa.scalar(0, pa.int32()), count),
            "partition": pa.repeat(pa.scalar(0, pa.int32()), count),
            "offset": pa.array(np.arange(self._at, self._at + count)),
            "timestamp": self._times(rows),
        }
        columns |= {f"{self._own}{n}": column for n, column in zip(rows.schema.names, rows.columns, strict=True)}
        self._at += count
        return pa.RecordBatch.from_pydict(columns)

    def _times(self, rows: pa.RecordBatch) -> pa.Array:
        if self._time is not None:
            return rowtimes(rows.column(f"c{self._time}"), self._time_format)
        return pa.repeat(pa.scalar(self._now_ms, pa.int64()), rows.num_rows)

    def positions(self) -> Positions:
        return {(self.topics[0], 0): max(self._at, self._start)}

    def seek(self, positions: Mapping[tuple[str, int], int]) -> None:
        self._start = positions.get((self.topics[0], 0), 0)

    def close(self) -> None:
        self._rows = iter(())
        if self._connection is not None:
            self._connection.close()


class FileInputs:
    """The inputs of a query that reads files, alone or beside topics (`others`, indexed as their names are)."""

    def __init__(
        self,
        sources: Sequence[Source],
        others: TopicInputs,
        connect: Callable[[Sequence[Path]], duckdb.DuckDBPyConnection],
        now_ms: int,
        allowed: Sequence[Path] | None,
        open_log: Callable[[], ProcessingLog],
    ) -> None:
        self._files = {s.input_name: s for s in sources if s.file is not None}
        self._others = others
        self._connect = connect
        self._now_ms = now_ms
        self._allowed = allowed
        self._open_log = open_log
        self._readers: dict[str, FileReader] = {}
        self.topics = list(dict.fromkeys(s.input_name for s in sources))

    @property
    def come_to_an_end(self) -> bool:
        return not self._others.topics

    def partitions(self) -> int:
        return self._others.partitions() if self._others.topics else 1

    def open(self, topic: int, positions: Positions, parts: Sequence[int]) -> BoundedReader:
        name = self.topics[topic]
        if name not in self._files:
            return self._others.open(self._others.topics.index(name), positions, parts)
        start = positions.get((name, 0), 0)
        reader = FileReader(
            self._files[name],
            self._connect,
            start=start,
            now_ms=self._now_ms,
            own=0 in parts,
            allowed=self._allowed,
            open_log=self._open_log,
            ordered=self.come_to_an_end and len(self._files) > 1,
        )
        if 0 in parts:
            self._readers[name] = reader
        return reader

    def identities(self) -> Mapping[str, TopicIdentity]:
        return self._others.identities()

    def tell(self, what: str) -> None:
        self._others.tell(what)

    def ends(self) -> Mapping[tuple[str, int], int]:
        """A file's end is not known before it is reached: until then it lies one row ahead."""
        ends: Positions = {}
        for name in self._files:
            reader = self._readers.get(name)
            at = 0 if reader is None else reader.positions()[name, 0]
            ends[name, 0] = at if reader is not None and reader.finished else at + 1
        return ends | dict(self._others.ends() if self._others.topics else {})


class FileEdges:
    """Rows of files as the edge tables that stage 0 reads."""

    def __init__(self, sources: Sequence[Source], topics: Sequence[str], report: Report) -> None:
        self._sources = {topics.index(s.input_name): s for s in sources if s.file is not None}
        self._report = report

    def decode(self, records: Sequence[pa.RecordBatch]) -> Frame:
        """As `Decoding.decode`, of the rows that come from files."""
        table = pa.concat_tables([pa.Table.from_batches([b]) for b in records], promote_options="default")
        sequence = np.arange(table.num_rows, dtype=np.int64) * SEQUENCE_STEP
        table = table.append_column(SEQUENCE, pa.array(sequence)).combine_chunks()
        edges = {}
        for topic, source in self._sources.items():
            own = table if len(self._sources) == 1 else table.filter(pc.equal(table.column("topic"), topic))
            if own.num_rows:  # else the columns of this file are in none of the batches
                edges[source.edge] = self._edge(source, own)
        return Frame(edges)

    def _edge(self, source: Source, rows: pa.Table) -> pa.Table:
        columns = {f"c{i}": rows.column(f"{_own(source)}c{i}") for i in sorted(source.wanted)}
        times = rows.column("timestamp")
        if source.timestamp_column is not None:
            times = rowtimes(columns[f"c{source.timestamp_column}"], source.timestamp_format)
        columns |= {ROWTIME: times, PARTITION: rows.column("partition"), OFFSET: rows.column("offset")}
        table = pa.table(columns | {SEQUENCE: rows.column(SEQUENCE)})
        usable = pc.is_valid(table.column(ROWTIME))
        for row in itertools.compress(range(table.num_rows), pc.invert(usable).to_pylist()) if times.null_count else ():
            offset = table.column(OFFSET)[row].as_py()
            self._report(Failure(UNUSABLE, "deserialization", source.input_name, 0, offset))
        return table.filter(usable) if times.null_count else table


def _own(source: Source) -> str:
    """What stands before the names of a file's columns until its edge is made: rows of several files may lie in one batch, and
    their columns have types of their own."""
    return f"e{source.edge}"


def _lower(options: Mapping[str, str]) -> dict[str, str]:
    return {name.lower(): value for name, value in options.items()}
