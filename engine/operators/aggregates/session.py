"""Aggregate in SESSION windows: rows join the sessions they touch, and sessions that a row bridges become one.

The state holds a row a session. Of a batch, rows whose place cannot depend on their order are worked on at once
(`session_rows.py`); the others, which may be late, or whose aggregates mind the order, a row a key and round. A session
that grows has another key: as Kafka Streams does, the session that was gives a tombstone before the one that is.
"""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa
import pyarrow.compute as pc

from ...plan.physical.steps import Aggregate, Evaluate
from ...sql.compile.expression import bind_functions, compile_sql
from ...sql.functions import AggregateSpec, PythonAggregate
from ...sql.types import arrow_type
from ...state.change import GONE, OLD, ROW
from ...state.duckdb import Prepared
from ..context import Context
from ..event_time.closing import Closing, kept_ms
from ..event_time.windows import grace_ms
from ..frame import conform, set_column
from ..operator import (
    DELETED,
    KEY_GROUP,
    PARTITION,
    PASSED,
    ROWTIME,
    SEQUENCE,
    STREAM_TIME,
    WINDOW_END,
    WINDOW_START,
    Frame,
)
from ..rounds import rounds
from .arrivals import Arrivals
from .group_state import GroupState, having_of
from .overflow import tell_overflows
from .python import PythonGroups
from .session_merge import SessionMerge
from .session_rows import FROM, ODD, PLACE, RANK, SLOW, STORED, TO, TOP, islands_sql, slow_sql

_BEFORE = 1000
"""Tombstones stand so far before the session that takes their place, in the order of their ranks."""


class SessionAggregateOperator:
    """Runs an Aggregate step whose window is a session. `after`: as of AggregateOperator."""

    def __init__(self, step: Aggregate, after: Evaluate | None, context: Context) -> None:
        assert step.partial.window is not None
        self._step = step
        self._context = context
        self._window = step.partial.window
        self._layout = layout = GroupState(step)
        self._keys = [f"c{i}" for i in range(step.partial.keys)]
        self._values = [n for n, _ in layout.values()]
        self._having = having_of(after)
        if self._having is not None:
            bind_functions(context.connection, [self._having])
        self._table = context.store.table(step.state, layout.keys(), layout.values(), layout.former())
        self._arrivals = Arrivals(layout, self._table, context)
        self._closing = Closing(step, layout, self._table, context)
        self._ordered = any(_minds_order(call.spec) for call in step.partial.calls)
        self._kept = kept_ms(self._window, final=step.emit_final)
        self._takes = self._window.size_ms + grace_ms(self._window)
        self._behind = min(self._kept - self._window.size_ms, self._takes)
        """So far behind stream time no row is late, nor reaches a session that has expired."""
        self._python = self._python_groups(context)
        connection = context.connection
        self._fold = SessionMerge(layout, context)
        self._slow = Prepared(connection, self._slow_sql)
        self._islands = Prepared(connection, self._islands_sql, size=self._table.size)
        self._merge = Prepared(connection, self._merge_sql)
        self._had_passed = Prepared(connection, self._had_passed_sql)

    def _python_groups(self, context: Context) -> PythonGroups | None:
        if not any(isinstance(c.spec, PythonAggregate) for c in self._step.partial.calls):
            return None
        return PythonGroups(self._layout, self._table, context, f"WHERE NOT {STORED}", self._stored)

    def run(self, frame: Frame) -> None:
        table = frame.edges.get(self._step.input)
        made = self._batch(table) if table is not None and table.num_rows else []
        closed = self._closing.advance(frame.stream_time)
        if self._step.emit_final:
            made = [self._final(closed)] if closed is not None and closed.num_rows else []
        if made:
            whole = pa.concat_tables(made, promote_options="default")
            if not self._step.emit_final:
                whole = self._arrivals.as_sent(whole).sort_by(SEQUENCE)
            frame.edges[self._step.output] = conform(whole, self._step.schema)

    def reload(self) -> None:
        """The state has been rolled back."""
        self._closing.reload()
        self._arrivals.reload()

    # ------------------------------------------------------------------------------------------------------- the batch
    def _batch(self, table: pa.Table) -> list[pa.Table]:
        """The changes of a batch, in pieces."""
        if KEY_GROUP not in table.schema.names:
            table = table.append_column(KEY_GROUP, pa.nulls(table.num_rows, pa.int32()))
        if self._step.emit_final:
            table = self._closing.without_closed(table)
        table = self._arrivals.numbered(table)
        if table.num_rows == 1:
            return self._round(table)
        fast, slow = self._apart(table)
        made = []
        if fast.num_rows:
            islands = self._islands(fast)
            if self._ordered and pc.any(islands.column(ODD)).as_py():
                odd = islands.column(ODD)
                again = islands.filter(pc.and_(odd, pc.invert(islands.column(STORED)))).select(fast.schema.names)
                slow = pa.concat_tables([slow, again]).sort_by(SEQUENCE)
                islands = islands.filter(pc.invert(odd))
            made += self._changed(islands)
        if slow.num_rows:
            for part in rounds(slow, self._keys, self._context):
                made += self._round(part)
        return made

    def _apart(self, table: pa.Table) -> tuple[pa.Table, pa.Table]:
        """The rows that can be worked on at once, and the others."""
        lag = pc.max(pc.subtract(table.column(STREAM_TIME), table.column(ROWTIME))).as_py()
        if not self._ordered and lag <= self._behind:
            return table, table.slice(0, 0)
        marked = self._slow(table)
        slow = marked.column(SLOW)
        marked = marked.drop_columns([SLOW])
        return marked.filter(pc.invert(slow)), marked.filter(slow)

    def _round(self, rows: pa.Table) -> list[pa.Table]:
        """One row a key: whether it is late follows from the session that it would become part of."""
        islands = self._islands(rows)
        open_until = pc.add(islands.column(WINDOW_END), self._takes)
        late = pc.and_(pc.invert(islands.column(STORED)), pc.less(open_until, islands.column(STREAM_TIME)))
        late = pc.fill_null(late, False)
        if pc.any(late).as_py():
            islands = self._without_late(islands, late)
        return self._changed(islands) if islands.num_rows else []

    def _without_late(self, islands: pa.Table, late: pa.ChunkedArray) -> pa.Table:
        for row in pc.indices_nonzero(late).to_pylist():
            rowtime, time = (islands.column(n)[row].as_py() for n in (ROWTIME, STREAM_TIME))
            end = islands.column(WINDOW_END)[row].as_py()
            why = f"the session that ends at {end} is closed: rowtime {rowtime}, stream time {time}"
            self._context.fail(islands, row, "late", why)
        tops = islands.filter(late).column(TOP)
        return islands.filter(pc.invert(pc.is_in(islands.column(TOP), tops.combine_chunks())))

    def _changed(self, islands: pa.Table) -> list[pa.Table]:
        """Merge rows and stored sessions into the state; gives tombstones and new sessions as output rows."""
        if not islands.num_rows:
            return []
        stored = islands.filter(islands.column(STORED))
        ranks = pc.max(stored.column(RANK)).as_py() if stored.num_rows else 0
        merging = islands if ranks <= 1 else self._fold.folded(islands, ranks)
        change = self._python.merge(merging, self._having) if self._python else self._merge(merging)
        tell_overflows(change, self._layout, self._context)
        change = set_column(change, ROWTIME, change.column(WINDOW_END))
        self._table.apply(self._state_change(change, stored))
        if self._step.emit_final:
            return []
        return [self._tombstones(stored), self._output(change, stored)]

    def _state_change(self, change: pa.Table, stored: pa.Table) -> pa.Table:
        """What StateTable takes: a session that keeps its bounds is updated, others go and come."""
        same = stored.filter(_keeps_bounds(stored)).column(PLACE)
        place = change.column(ROW)
        names = [*self._keys, WINDOW_START, WINDOW_END, *self._values, *(OLD + v for v in self._values)]
        made = change.select(names)
        made = made.append_column(ROW, pc.if_else(pc.is_in(place, same.combine_chunks()), place, None))
        made = made.append_column(GONE, pa.repeat(False, made.num_rows))
        gone = stored.filter(pc.invert(_keeps_bounds(stored)))
        if not gone.num_rows:
            return made
        columns = {k: gone.column(k) for k in self._keys}
        columns |= {WINDOW_START: gone.column(FROM), WINDOW_END: gone.column(TO)}
        columns |= {v: gone.column(v) for v in self._values} | {OLD + v: gone.column(v) for v in self._values}
        columns |= {ROW: gone.column(PLACE), GONE: pa.repeat(True, gone.num_rows)}
        return pa.concat_tables([pa.table(columns), made.select(list(columns))], promote_options="permissive")

    # ---------------------------------------------------------------------------------------------------------- output
    def _output(self, change: pa.Table, stored: pa.Table) -> pa.Table:
        """The sessions that are. What the key's session said before, its tombstone has taken back, but for one of a single
        point in time, which is updated."""
        names = [f"c{i}" for i in range(len(self._step.schema))]
        names += [ROWTIME, SEQUENCE, WINDOW_START, WINDOW_END]
        made = change.select([*names, PASSED] if self._having is not None else names)
        if self._having is not None:
            points = stored.filter(_is_point(stored)).column(PLACE).combine_chunks()
            updated = pc.is_in(change.column(ROW), points)
            made = set_column(made, PASSED, pc.and_(made.column(PASSED), updated))
        return self._marked(made, deleted=False)

    def _tombstones(self, stored: pa.Table) -> pa.Table:
        """The sessions that were, just before the ones that are."""
        gone = stored.filter(pc.invert(_is_point(stored)))
        rank = pc.subtract(gone.column(RANK), _BEFORE)
        columns = {k: gone.column(k) for k in self._keys}
        for i, column in list(enumerate(self._step.schema))[len(self._keys) :]:
            columns[f"c{i}"] = pa.nulls(gone.num_rows, arrow_type(column.type))
        columns |= {ROWTIME: gone.column(TO), SEQUENCE: pc.add(gone.column(TOP), rank)}
        columns |= {WINDOW_START: gone.column(FROM), WINDOW_END: gone.column(TO)}
        if self._having is not None:
            columns[PASSED] = self._passed(gone)
        return self._marked(pa.table(columns), deleted=True)

    def _passed(self, gone: pa.Table) -> pa.ChunkedArray:
        if not gone.num_rows:
            return pa.chunked_array([], pa.bool_())
        places = gone.select([*self._keys, FROM, TO, *self._values]).append_column(
            "_at", pa.array(range(gone.num_rows), pa.int64())
        )
        return self._had_passed(places).column(PASSED)

    @staticmethod
    def _marked(table: pa.Table, *, deleted: bool) -> pa.Table:
        table = table.append_column(DELETED, pa.repeat(deleted, table.num_rows))
        return table.append_column(PARTITION, pa.repeat(pa.scalar(0, pa.int32()), table.num_rows))

    def _final(self, closed: pa.Table) -> pa.Table:
        names = [f"c{i}" for i in range(len(self._step.schema))]
        made = closed.select([*names, ROWTIME, SEQUENCE, WINDOW_START, WINDOW_END, PASSED])
        return made.append_column(PARTITION, pa.repeat(pa.scalar(0, pa.int32()), made.num_rows))

    # ------------------------------------------------------------------------------------------------------------- SQL
    def _slow_sql(self, source: str, names: Sequence[str]) -> str:
        return slow_sql(source, self._keys, self._behind, ordered=self._ordered)

    def _islands_sql(self, source: str, names: Sequence[str]) -> str:
        gap = self._window.size_ms
        return islands_sql(source, names, self._table.name, self._keys, self._values, gap, self._kept)

    def _stored(self, source: str) -> str:
        """The stored sessions of `islands_sql`'s rows, at most one a new session, as GroupState joins them."""
        columns = ", ".join([*self._layout.key_names, *self._values, f"{PLACE} AS rowid"])
        return f"(SELECT {columns} FROM {source} WHERE {STORED})"

    def _merge_sql(self, source: str, names: Sequence[str]) -> str:
        groups = self._layout.grouped_sql(source, names, f"WHERE NOT {STORED}")
        return self._layout.merge_sql(f"({groups})", self._stored(source), self._having)

    def _had_passed_sql(self, source: str, names: Sequence[str]) -> str:
        assert self._having is not None
        keys = len(self._keys)
        results = ", ".join(f"{text} AS c{keys + i}" for i, text in enumerate(self._layout.result_texts()))
        rows = f"SELECT *, {FROM} AS {WINDOW_START}, {TO} AS {WINDOW_END}, {results} FROM {source}"
        return f"SELECT coalesce(TRY({compile_sql(self._having)}), false) AS {PASSED} FROM ({rows}) ORDER BY _at"


def _minds_order(spec: AggregateSpec | PythonAggregate) -> bool:
    return isinstance(spec, PythonAggregate) or any("{seq}" in column.partial for column in spec.state)


def _keeps_bounds(stored: pa.Table) -> pa.ChunkedArray:
    starts = pc.equal(stored.column(FROM), stored.column(WINDOW_START))
    return pc.and_(starts, pc.equal(stored.column(TO), stored.column(WINDOW_END)))


def _is_point(stored: pa.Table) -> pa.ChunkedArray:
    """True for a stored session of one point in time that stays one."""
    return pc.and_(_keeps_bounds(stored), pc.equal(stored.column(FROM), stored.column(TO)))
