"""Stream–stream join: each row with the rows of the other side that came before it, within a span of rowtime.

A batch's rows look for partners both in the other side's buffer and among the batch's rows before them, in one
statement; so every pair is found once, by the row that came later, wherever the batch is cut. What a row sees is decided
by the stream times that it carries (`join_sides.py`), never by when the buffer was swept. Rows without a partner are
`unmatched.py`'s.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ...plan.physical.steps import Evaluate, StreamStreamJoin
from ...sql.expressions import Column, Expr
from ...sql.statements.query import WINDOWS_BOUNDED
from ...sql.types import arrow_type
from ...state.duckdb import Prepared
from ..context import Context
from ..evaluate import EvaluateOperator
from ..frame import one_chunk
from ..operator import (
    END_OF_TIME,
    INPUT_ENDED,
    KEY_GROUP,
    LEFT_TIME,
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
from .buffer import BUCKET, ID, OPEN, JoinBuffer
from .sides import AT, STORED_AT, spread_places
from .unmatched import ORDER, Unmatched

_SWEEPS = 8  # a buffer is swept so often in the time that it is kept for


class StreamStreamJoinOperator:
    """Runs a StreamStreamJoin step."""

    def __init__(self, step: StreamStreamJoin, context: Context) -> None:
        self._step = step
        sides = step.sides
        middle, end = 1 + len(sides.left_schema), len(sides.schema)
        self._places = (range(1, middle), range(middle, end))
        windowed = step.windowed is not None
        self._buffers = (
            JoinBuffer(context, f"{step.state}_left", sides.schema, self._places[0], windowed=windowed),
            JoinBuffer(context, f"{step.state}_right", sides.schema, self._places[1], windowed=windowed),
        )
        self._width = step.before_ms + step.after_ms + 1
        self._pairs = Prepared(context.connection, self._pairs_sql, size=self._size)
        self._match = None if step.match is None else EvaluateOperator(_matching(step, step.match), context)
        self._unmatched = Unmatched(step, self._buffers)
        self._times: dict[int, int] = {}
        self._swept: dict[int, int] = {}

    def _size(self) -> int:
        return max(b.table.size() for b in self._buffers)

    def reload(self) -> None:
        """The state has been rolled back."""
        for buffer in self._buffers:
            buffer.reload()
        self._swept.clear()

    def run(self, frame: Frame) -> None:
        self._take_times(frame)
        table = frame.edges.get(self._step.input)
        made: list[pa.Table] = []
        if table is not None and table.num_rows:
            table = self._placed(table)
            pairs = self._pairs(table)
            if self._match is not None:
                pairs = self._match.evaluate(pairs)
            made.append(pairs)
        else:
            table = pairs = None
        now = self._shared_times()
        if INPUT_ENDED in frame.stream_time:
            now = dict.fromkeys(now, END_OF_TIME)
        alone, waiting = self._unmatched.run(table, pairs, now)
        made += alone
        if table is not None:
            self._keep(table, waiting)
        self._sweep()
        rows = self._output(made, _after(frame))
        if rows is not None:
            frame.edges[self._step.output] = rows

    # ---------------------------------------------------------------------------------------------------------- times
    def _take_times(self, frame: Frame) -> None:
        """Take this join's stream times out of the frame: what follows has times of its own."""
        number = self._step.sides.number
        first, last = side_time(number, 0, 0), side_time(number + 1, 0, 0)
        for name in [n for n in frame.stream_time if last < n <= first]:
            time = frame.stream_time.pop(name)
            self._times[name] = max(time, self._times.get(name, time))

    def _side_times(self, side: int) -> dict[int, int]:
        """One side's stream time by partition."""
        first = side_time(self._step.sides.number, side, 0)
        last = side_time(self._step.sides.number, side + 1, 0)
        return {first - name: time for name, time in self._times.items() if last < name <= first}

    def _shared_times(self) -> dict[int, int]:
        left, right = self._side_times(0), self._side_times(1)
        return {p: max(left.get(p, -1), right.get(p, -1)) for p in {*left, *right}}

    # ---------------------------------------------------------------------------------------------------------- state
    def _placed(self, table: pa.Table) -> pa.Table:
        """The batch's rows with their place in the order, their number and their bucket."""
        sides = one_chunk(table.column(SIDE)).to_numpy()
        groups = one_chunk(table.column(KEY_GROUP)).to_numpy()
        ids = np.empty(len(sides), np.int64)
        for side, buffer in enumerate(self._buffers):
            rows = np.flatnonzero(sides == side)
            ids[rows] = buffer.ids(groups[rows])
        at = one_chunk(table.column(SEQUENCE)).to_numpy() * 2 + sides
        bucket = one_chunk(table.column(ROWTIME)).to_numpy() // self._width
        return (
            table.append_column(AT, pa.array(at))
            .append_column(ID, pa.array(ids))
            .append_column(BUCKET, pa.array(bucket))
        )

    def _keep(self, table: pa.Table, waiting: pa.Array) -> None:
        """Into the buffers, but for what is too late to be met by anything, and waits for nothing."""
        own = pc.if_else(pc.equal(table.column(SIDE), 0), table.column(LEFT_TIME), table.column(RIGHT_TIME))
        late = pc.less_equal(table.column(ROWTIME), pc.subtract(own, self._step.sides.retention_ms))
        kept = pc.or_(pc.invert(late), waiting)
        table = table.append_column(OPEN, waiting)
        for side, buffer in enumerate(self._buffers):
            buffer.add(table.filter(pc.and_(kept, pc.equal(table.column(SIDE), side))))

    def _sweep(self) -> None:
        """Forget what no row can see any more: now and then, for it costs a look at the whole buffer."""
        kept = self._step.sides.retention_ms
        for side, buffer in enumerate(self._buffers):
            times = self._side_times(side)
            if not times:
                continue
            now = max(times.values()) if self._step.by_partition else min(times.values())
            before = self._swept.setdefault(side, now)
            if now - before <= max(1, kept // _SWEEPS):
                continue
            self._swept[side] = now
            conditions = [f"{PARTITION} = {p} AND {ROWTIME} <= {t - kept}" for p, t in times.items()]
            buffer.expire(" OR ".join(conditions) if self._step.by_partition else f"{ROWTIME} <= {now - kept}")

    # ------------------------------------------------------------------------------------------------------------ SQL
    def _pairs_sql(self, source: str, names: Sequence[str]) -> str:
        return " UNION ALL ".join(f"({self._probe_sql(source, side)})" for side in (0, 1))

    def _probe_sql(self, source: str, side: int) -> str:
        """The rows of one side with what they meet: p the row, o the other side's."""
        step, other = self._step, 1 - side
        back, on = (step.before_ms, step.after_ms) if side == 0 else (step.after_ms, step.before_ms)
        low, high = f"greatest({ROWTIME} - {back}, 0)", f"({ROWTIME} + {on})"
        buckets = f"unnest(list_distinct([{low} // {self._width}, {high} // {self._width}]))"
        probes = f"SELECT *, {low} AS _low, {high} AS _high, {buckets} AS _probe FROM {source} WHERE {SIDE} = {side}"
        named = [ID, *self._buffers[other].names]
        fresh = [f"false AS {OPEN}" if n == OPEN else n for n in named]
        stored = f"SELECT {', '.join(named)}, {STORED_AT}::BIGINT AS {AT} FROM {self._buffers[other].table.name}"
        others = f"{stored} UNION ALL SELECT {', '.join([*fresh, AT])} FROM {source} WHERE {SIDE} = {other}"
        time = (LEFT_TIME, RIGHT_TIME)[other]
        same = [
            "p.c0 = o.c0",
            f"p._probe = o.{BUCKET}",
            f"o.{ROWTIME} BETWEEN p._low AND p._high",
            f"o.{AT} < p.{AT}",
            f"o.{ROWTIME} > p.{time} - {step.sides.retention_ms}",
        ]
        windows = [] if step.windowed is None else [WINDOW_START, WINDOW_END]
        same += [f"p.{n} = o.{n}" for n in (windows if step.windowed in WINDOWS_BOUNDED else windows[:1])]
        columns = [
            f"{'p' if i in self._places[side] else 'o'}.c{i} AS c{i - 1}" for i in range(1, len(step.sides.schema))
        ]
        columns += [f"greatest(p.{ROWTIME}, o.{ROWTIME}) AS {ROWTIME}", f"p.{SEQUENCE}", f"p.{PARTITION}"]
        columns += [f"{'p' if side == 0 else 'o'}.{n}" for n in windows]
        columns += [f"p.{AT}", "1::BIGINT AS _kind", f"o.{ROWTIME} AS _by1", f"o.{ID} AS _by2", "0::BIGINT AS _by3"]
        columns += [f"{other}::TINYINT AS _met_side", f"o.{ID} AS _met", f"o.{OPEN} AS _met_open"]
        return f"SELECT {', '.join(columns)} FROM ({probes}) AS p JOIN ({others}) AS o ON {' AND '.join(same)}"

    # --------------------------------------------------------------------------------------------------------- output
    def _output(self, parts: Sequence[pa.Table], after: int) -> pa.Table | None:
        """Pairs and rows alone in the order in which they came about."""
        step = self._step
        parts = [p for p in parts if p.num_rows]
        if not parts:
            return None
        names = [ROWTIME, SEQUENCE, PARTITION, *([] if step.windowed is None else [WINDOW_START, WINDOW_END])]
        types = {f"c{i}": arrow_type(c.type) for i, c in enumerate(step.schema)}
        cast = [
            [p.column(n).cast(t) for n, t in types.items()] + [p.column(n) for n in (*names, *ORDER)] for p in parts
        ]
        made = pa.concat_tables([pa.table(columns, names=[*types, *names, *ORDER]) for columns in cast])
        order = np.lexsort([one_chunk(made.column(n)).to_numpy() for n in reversed(ORDER)])
        made = made.take(pa.array(order)).drop_columns(list(ORDER))
        sequence = one_chunk(pc.fill_null(made.column(SEQUENCE), after)).to_numpy()
        return made.set_column(made.schema.get_field_index(SEQUENCE), SEQUENCE, pa.array(spread_places(sequence)))


def _matching(step: StreamStreamJoin, condition: Expr) -> Evaluate:
    """The pairs that meet a condition, as they are."""
    columns = tuple(Column(i, c.name, c.type) for i, c in enumerate(step.schema))
    return Evaluate(step.output, step.output, columns, step.schema, condition)


def _after(frame: Frame) -> int:
    """A place behind every row of the frame."""
    tops = [pc.max(t.column(SEQUENCE)).as_py() for t in frame.edges.values() if t.num_rows]
    return max(tops) + 1 if tops else 0
