"""Aggregate: a batch's groups merged into the state, which is the table.

One row a changed key goes on, in the order of the changes. With EMIT FINAL a row goes on when its window closes: at the
least stream time of the live partitions, told to every key group by every frame, so that silent keys close too.
"""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa
import pyarrow.compute as pc

from ..errors import Unsupported
from ..plan.steps import Aggregate, Evaluate
from ..sql.compile import bind_functions
from ..sql.functions import AggregateSpec, PythonAggregate
from ..state.duckdb import Prepared, fetch
from ..state.table import ROW, StateTable
from .context import Context
from .frame import conform, one_chunk, set_column
from .group_state import GroupState, having_of
from .operator import KEY_GROUP, PARTITION, PASSED, ROWTIME, SEQUENCE, WINDOW_END, WINDOW_START, Frame
from .python_aggregate import PythonGroups
from .windows import grace_ms, retention_ms


class AggregateOperator:
    """Runs an Aggregate step. `after`: the evaluation over its output, whose HAVING decides what takes rows back."""

    def __init__(self, step: Aggregate, after: Evaluate | None, context: Context) -> None:
        _check(step)
        self._step = step
        self._context = context
        self._layout = GroupState(step)
        self._having = having_of(after)
        if self._having is not None:
            bind_functions(context.connection, [self._having])
        self._table = context.store.table(step.state, self._layout.keys(), self._layout.values())
        python = any(isinstance(c.spec, PythonAggregate) for c in step.partial.calls)
        self._python = PythonGroups(self._layout, self._table, context) if python else None
        self._merge = Prepared(context.connection, self._merge_sql, size=self._table.size)
        self._closing = _Closing(step, self._layout, self._table, context) if step.partial.window else None

    def run(self, frame: Frame) -> None:
        table = frame.edges.get(self._step.input)
        made = self._batch(table, frame.parts) if table is not None and table.num_rows else None
        if self._closing:
            closed = self._closing.advance(frame.stream_time)
            made = closed if self._step.emit_final else made
        if made is not None and made.num_rows:
            frame.edges[self._step.output] = self._output(made)

    def reload(self) -> None:
        """The state has been rolled back."""
        if self._closing:
            self._closing.reload()

    def _batch(self, table: pa.Table, parts: int) -> pa.Table | None:
        if KEY_GROUP not in table.schema.names:
            table = table.append_column(KEY_GROUP, pa.nulls(table.num_rows, pa.int32()))
        if self._step.emit_final and self._closing:
            table = self._closing.without_closed(table)
            if not table.num_rows:
                return None
        if not self._step.partial.combine:
            return self._change(table)
        rounds = _rounds(table, self._layout.key_names, parts, self._context)
        changes = [self._change(part) for part in rounds]
        return changes[0] if len(changes) == 1 else self._newest(changes)

    def _change(self, table: pa.Table) -> pa.Table:
        change = self._python.merge(table, self._having) if self._python else self._merge(table)
        self._table.apply(change)
        return change

    def _merge_sql(self, source: str, names: Sequence[str]) -> str:
        if self._step.table_input:
            return self._layout.merge_table_sql(source, names, self._table.name, self._having)
        groups = source if self._step.partial.combine else f"({self._layout.grouped_sql(source, names)})"
        return self._layout.merge_sql(groups, self._table.name, self._having)

    def _newest(self, changes: Sequence[pa.Table]) -> pa.Table:
        """Of several rounds over the same keys, the last row of each; it passed before if it did before the first."""
        merged = pa.concat_tables([c.select(_without(c, ROW)) for c in changes])
        keys = ", ".join(self._layout.key_names)
        first = f"first_value({PASSED}) OVER (PARTITION BY {keys} ORDER BY {SEQUENCE}) AS {PASSED}"
        columns = f"* REPLACE ({first})" if PASSED in merged.schema.names else "*"
        newest = f"QUALIFY row_number() OVER (PARTITION BY {keys} ORDER BY {SEQUENCE} DESC) = 1"
        prepared = Prepared(self._context.connection, lambda source, _: f"SELECT {columns} FROM {source} {newest}")
        try:
            return prepared(merged)
        finally:
            prepared.close()

    def _output(self, change: pa.Table) -> pa.Table:
        window = self._step.partial.window
        names = [f"c{i}" for i in range(len(self._step.schema))] + [ROWTIME, SEQUENCE]
        names += [n for n in (WINDOW_START, PASSED) if n in change.schema.names]
        order = [(SEQUENCE, "ascending")] + ([(WINDOW_START, "ascending")] if window else [])
        made = change.select(names)
        if made.num_rows > 1 and not self._step.emit_final:
            made = made.take(pc.sort_indices(made.select([n for n, _ in order]), sort_keys=order))
        if window:
            made = set_column(made, WINDOW_END, pc.add(made.column(WINDOW_START), window.size_ms))
        made = set_column(made, PARTITION, pa.repeat(pa.scalar(0, pa.int32()), made.num_rows))
        return conform(made, self._step.schema)


class _Closing:
    """The windows' end: emits them once (EMIT FINAL), and deletes what is past retention."""

    def __init__(self, step: Aggregate, layout: GroupState, table: StateTable, context: Context) -> None:
        assert step.partial.window is not None
        self._window = step.partial.window
        self._final = step.emit_final
        self._keys = step.partial.keys
        self._layout = layout
        self._table = table
        self._context = context
        self._times: dict[int, int] = {}
        self._marks = context.store.table(f"{step.state}_marks", [("mark", "VARCHAR")], [("until", "BIGINT")])
        self._until: dict[str, int] = {}
        self._expired = -1
        self.reload()

    def reload(self) -> None:
        """Read again what is stored: the state has been rolled back."""
        stored = self._context.connection.execute(f"SELECT mark, until FROM {self._marks.name}").fetchall()
        self._until = dict(stored)

    def advance(self, stream_time: dict[int, int]) -> pa.Table | None:
        """Close and expire up to the least stream time; gives the rows of windows that closed."""
        for partition, time in stream_time.items():
            self._times[partition] = max(time, self._times.get(partition, time))
        if not self._times:
            return None
        now = min(self._times.values())
        made = self._emit(now) if self._final else None
        self._expire(now)
        return made

    def _emit(self, now: int) -> pa.Table | None:
        closed, before = self._last_closed(now), self._until.get("closed", -1)
        if closed <= before:
            return None
        where = f"{WINDOW_START} > {before} AND {WINDOW_START} <= {closed}"
        keys = ", ".join(f"c{i}" for i in range(self._keys))
        rows = f"{self._layout.view_sql(self._table.name, where)} ORDER BY {WINDOW_START}, {keys}"
        made = fetch(self._context.connection, f"SELECT *, false AS {PASSED} FROM ({rows})")
        self._mark("closed", closed)
        return set_column(made, SEQUENCE, pa.array(range(made.num_rows), pa.int64()))

    def _last_closed(self, now: int) -> int:
        """The start of the newest window that `now` has closed, below 0 when there is none."""
        grace = grace_ms(self._window)
        start = now - grace - self._window.size_ms
        return start // self._window.advance_ms * self._window.advance_ms if start >= 0 else -1

    def _mark(self, mark: str, until: int) -> None:
        known = self._context.connection.execute(
            f"SELECT rowid FROM {self._marks.name} WHERE mark = '{mark}'"
        ).fetchone()
        change = {
            "mark": [mark],
            "until": pa.array([until], pa.int64()),
            ROW: pa.array([known[0] if known else None], pa.int64()),
            "old_until": pa.array([self._until.get(mark)], pa.int64()),
        }
        self._marks.apply(pa.table(change))
        self._until[mark] = until

    def _expire(self, now: int) -> None:
        edge = (now - retention_ms(self._window)) // self._window.advance_ms * self._window.advance_ms
        if edge > self._expired and edge >= 0:
            if self._expired >= 0 or self._table.rows:
                self._table.expire(f"{WINDOW_START} < {edge}")
            self._expired = edge

    def without_closed(self, table: pa.Table) -> pa.Table:
        """Rows of windows that were emitted already are late: by another partition's time than their own."""
        closed = self._until.get("closed", -1)
        late = pc.less_equal(table.column(WINDOW_START), closed)
        rows = pc.indices_nonzero(late).to_pylist()
        for row in rows:
            start = table.column(WINDOW_START)[row].as_py()
            self._context.fail(table, row, "late", f"the window that starts at {start} has given its final result")
        return table.filter(pc.invert(late)) if rows else table


def _check(step: Aggregate) -> None:
    if not step.table_input:
        return
    for call in step.partial.calls:
        if not isinstance(call.spec, AggregateSpec) or call.spec.undo is None:
            raise Unsupported(
                f"The aggregation function {call.name} cannot be applied to a table",
                detail="a table's rows change, and this function cannot take a row back",
                hint="aggregate the stream that the table is made from",
            )


def _without(table: pa.Table, name: str) -> list[str]:
    return [n for n in table.schema.names if n != name]


def _rounds(table: pa.Table, keys: Sequence[str], parts: int, context: Context) -> list[pa.Table]:
    """Tables in which no key comes twice, in order. A key comes twice where frames were put together, or where rows of
    one key came from several partitions."""
    if parts == 1 and (PARTITION not in table.schema.names or _constant(table.column(PARTITION))):
        return [table]
    ranked = f"row_number() OVER (PARTITION BY {', '.join(keys)} ORDER BY {SEQUENCE}) AS _round"
    prepared = Prepared(context.connection, lambda source, _: f"SELECT *, {ranked} FROM {source} ORDER BY {SEQUENCE}")
    try:
        made = prepared(table)
    finally:
        prepared.close()
    number = one_chunk(made.column("_round"))
    made = made.drop_columns(["_round"])
    last = pc.max(number).as_py()
    return [made] if last == 1 else [made.filter(pc.equal(number, r)) for r in range(1, last + 1)]


def _constant(column: pa.ChunkedArray) -> bool:
    bounds = pc.min_max(column).as_py()
    return bool(bounds["min"] == bounds["max"])
