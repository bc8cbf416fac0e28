"""Before a stream–stream join: both streams as one, each row with the stream times as of it.

What a join may still keep, and which rows have waited long enough, is a matter of stream time, and that is known only
where all rows of a partition pass: before the exchange. Kafka Streams keeps one time for each side's buffer and one
for both; the latter is the greater of the two. A row far behind its own side's time is told as late: it still meets
what is there, and is not kept for what comes.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from ...plan.physical.steps import JoinSides
from ...sql.types import arrow_type
from ..context import Context
from ..event_time.marks import StreamTimes
from ..frame import one_chunk, with_missing
from ..operator import (
    DELETED,
    LEFT_TIME,
    OFFSET,
    PARTITION,
    RIGHT_TIME,
    ROWTIME,
    SEQUENCE,
    SIDE,
    WINDOW_END,
    WINDOW_START,
    Frame,
    side_time,
)
from .sides import with_key

_SYSTEMS = (ROWTIME, SEQUENCE, PARTITION, OFFSET, WINDOW_START, WINDOW_END)
Times = npt.NDArray[np.int64]


class JoinSidesOperator:
    """Runs a JoinSides step."""

    def __init__(self, step: JoinSides, context: Context) -> None:
        self._step = step
        self._context = context
        self._times = StreamTimes(context, f"sides{step.number}", kept=context.keeps_times)

    def reload(self) -> None:
        """The state has been rolled back."""
        self._times.reload()

    def run(self, frame: Frame) -> None:
        self._times.hear({name: time for name, time in frame.stream_time.items() if name < 0})
        parts = [t for t in (self._side(frame, 0), self._side(frame, 1)) if t is not None]
        if parts:
            kept = [n for n in parts[0].schema.names if all(n in p.schema.names for p in parts)]
            both = pa.concat_tables([p.select(kept) for p in parts])
            order = np.lexsort((both.column(SIDE).to_numpy(), both.column(SEQUENCE).to_numpy()))
            frame.edges[self._step.output] = self._timed(both.take(pa.array(order)) if len(parts) > 1 else both)
        self._times.keep()
        frame.stream_time |= self._times.now

    def _side(self, frame: Frame, number: int) -> pa.Table | None:
        """One side's rows in the columns of both."""
        step = self._step
        edge, schema, key, start = (
            (step.left, step.left_schema, step.left_key, 1),
            (step.right, step.right_schema, step.right_key, 1 + len(step.left_schema)),
        )[number]
        table = frame.edges.get(edge)
        if table is None or not table.num_rows:
            return None
        if DELETED in table.schema.names:
            table = table.filter(pc.invert(table.column(DELETED)))
        keyed = with_key(with_missing(table, schema), key, schema, self._context)
        if keyed is None:
            return None
        columns = {f"c{i}": pa.nulls(keyed.num_rows, arrow_type(c.type)) for i, c in enumerate(step.schema)}
        columns |= {f"c{start + i}": keyed.column(f"c{i}").cast(arrow_type(c.type)) for i, c in enumerate(schema)}
        columns["c0"] = columns[f"c{start + key}"]
        columns |= {n: keyed.column(n) for n in _SYSTEMS if n in keyed.schema.names}
        columns[SIDE] = pa.repeat(pa.scalar(number, pa.int8()), keyed.num_rows)
        return pa.table(columns)

    def _timed(self, table: pa.Table) -> pa.Table:
        """The rows with both sides' running stream times, by partition."""
        times = one_chunk(table.column(ROWTIME)).to_numpy()
        sides = one_chunk(table.column(SIDE)).to_numpy()
        partitions = one_chunk(table.column(PARTITION)).to_numpy()
        made = (np.empty(len(times), np.int64), np.empty(len(times), np.int64))
        for partition in np.unique(partitions):
            rows = np.flatnonzero(partitions == partition)
            for side in (0, 1):
                name = side_time(self._step.number, side, int(partition))
                own = np.where(sides[rows] == side, times[rows], -1)
                running = np.maximum(np.maximum.accumulate(own), self._times.now.get(name, -1))
                made[side][rows] = running
                self._times.now[name] = int(running[-1])
        self._tell_late(table, times, np.where(sides == 0, made[0], made[1]))
        return table.append_column(LEFT_TIME, pa.array(made[0])).append_column(RIGHT_TIME, pa.array(made[1]))

    def _tell_late(self, table: pa.Table, times: Times, own: Times) -> None:
        for row in np.flatnonzero(times <= own - self._step.retention_ms).tolist():
            why = f"too late to be kept for the join: rowtime {times[row]}, stream time {own[row]}"
            self._context.fail(table, row, "late", why)
