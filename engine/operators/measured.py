"""What the parts of a query have done: rows, bytes, batches and time. EXPLAIN ANALYZE and no operator reads it.

It costs two looks at a stopwatch a part and batch, beside calls of milliseconds: so it is always on.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, MutableMapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import pyarrow as pa

from ..state.table import FEW_ROWS, StateTable
from .context import Operator
from .operator import Frame

Part = tuple[int, int | str]
"""A part of a query: the stage, and the edge that an operator writes, one of those below, or a function in Python by name."""

DECODE = -1
ENCODE = -2
EXCHANGE = -3  # behind the stage: key groups found, rows divided among workers
STAGE = -4  # all of the stage's operators, with what their transaction costs where it is the stage's own


@dataclass
class Measured:
    """One part's work on one worker. Written by the worker's thread, read by any."""

    rows_in: int = 0
    rows_out: int = 0
    bytes_in: int = 0
    batches: int = 0
    rows_max: int = 0
    seconds: float = 0.0
    state_rows: int = 0

    def took(self, rows: int, size: int) -> None:
        """A batch of so many rows and bytes begins."""
        if rows:
            self.rows_in += rows
            self.bytes_in += size
            self.batches += 1
            self.rows_max = max(self.rows_max, rows)

    @contextmanager
    def timed(self) -> Iterator[None]:
        """What is done inside counts as this part's time, whether it fails or not."""
        begun = time.perf_counter()
        try:
            yield
        finally:
            self.seconds += time.perf_counter() - begun

    @contextmanager
    def batch(self, tables: Iterable[pa.Table | pa.RecordBatch]) -> Iterator[None]:
        """What is done inside is this part's work on a batch."""
        self.took(*size_of(tables))
        with self.timed():
            yield

    def plus(self, other: Measured) -> Measured:
        """Both together."""
        return Measured(
            self.rows_in + other.rows_in,
            self.rows_out + other.rows_out,
            self.bytes_in + other.bytes_in,
            self.batches + other.batches,
            max(self.rows_max, other.rows_max),
            self.seconds + other.seconds,
            self.state_rows + other.state_rows,
        )


class Measures:
    """The measures of one worker: made when a part is first asked for, and gone on with after a restart."""

    def __init__(self, kept: MutableMapping[Part, Measured] | None = None) -> None:
        self.kept: MutableMapping[Part, Measured] = {} if kept is None else kept

    def of(self, stage: int, part: int | str) -> Measured:
        """One part's."""
        return self.kept.setdefault((stage, part), Measured())


@dataclass(frozen=True)
class Placed:
    """An operator at its place in a stage: the edges that it reads, the one that it writes, its tables in the state."""

    operator: Operator
    reads: Sequence[int]
    writes: int
    tables: Sequence[StateTable]
    done: Measured

    def run(self, frame: Frame) -> None:
        """The operator's batch, measured."""
        given = [table for edge in self.reads if (table := frame.edges.get(edge)) is not None]
        with self.done.batch(given):
            self.operator.run(frame)
        made = frame.edges.get(self.writes)
        self.done.rows_out += 0 if made is None else made.num_rows
        self.done.state_rows = sum(table.rows for table in self.tables)


def size_of(tables: Iterable[pa.Table | pa.RecordBatch]) -> tuple[int, int]:
    """Rows and bytes. Of few rows the buffers' size: leaving out what a slice does not show costs as much as an operator."""
    known = list(tables)
    rows = sum(t.num_rows for t in known)
    return rows, sum(t.get_total_buffer_size() if rows <= FEW_ROWS else t.nbytes for t in known)
