"""Partial aggregate: what is done to rows before the exchange, in one call with the evaluation before it.

Windows are assigned, late rows taken out, rows without a key dropped, and where every aggregate allows it the rows of
one key and window become one. So an exchange sends a row a group and not a row a record. The greatest rowtime of each
source partition is its new stream time: of a batch of several, rows beside the groups tell it. Which session a row belongs to,
and whether it is late for it, or whether its group's time to live is over, only the state knows: such rows go on one by
one, with their stream time.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from ...plan.physical.steps import AggregateCall, Evaluate, PartialAggregate
from ...sql.compile.expression import bind_functions
from ...sql.functions import AggregateSpec
from ...sql.template import fill
from ...state.duckdb import Prepared
from ...state.table import FEW_ROWS
from ..context import Context
from ..evaluate import EvaluateOperator, evaluate_sql
from ..event_time.marks import WindowTimes
from ..event_time.windows import advance_stream_time, bounds, bounds_sql, expired, may_be_late, with_stream_time
from ..frame import conform, is_constant, systems
from ..operator import DELETED, PARTITION, PASSED, ROWTIME, SEQUENCE, STREAM_TIME, UNDO, WINDOW_END, WINDOW_START, Frame
from ..salvage import ENVIRONMENT

_HANDLED = frozenset((DELETED, UNDO, PASSED, WINDOW_START))
"""System columns whose meaning is in the SQL."""


class PartialAggregateOperator:
    """Runs a PartialAggregate step, together with the Evaluate that makes its input where there is one."""

    def __init__(self, step: PartialAggregate, before: Evaluate | None, context: Context) -> None:
        self._step = step
        self._before = before
        self._input = before.input if before else step.input
        self._context = context.at(self._input)
        self._session = step.window is not None and step.window.is_session
        self._window = None if self._session else step.window
        self._timed = step.window is not None or step.ttl_ms is not None
        self._stamped = self._session or step.ttl_ms is not None
        self._judges = self._timed and step.below is None
        self._times = WindowTimes(context, step.number, kept=context.keeps_times and self._judges)
        self._evaluate = EvaluateOperator(before, context) if before else None
        if before:
            bind_functions(context.evaluation, [*before.columns, *([before.where] if before.where else [])])
        self._passes_on = context.alone and step.combine and bool(step.calls) and self._in_arrow()
        self._fused = Prepared(context.evaluation, self._fused_sql)
        self._fused_across = Prepared(context.evaluation, partial(self._fused_sql, across=True))
        self._assigned = Prepared(context.evaluation, self._assigned_sql)
        self._grouped = Prepared(context.evaluation, self._grouped_sql)

    def reload(self) -> None:
        """The state has been rolled back."""
        self._times.reload()

    def run(self, frame: Frame) -> None:
        if self._judges:
            self._times.hear(frame.began)
        table = frame.edges.get(self._input)
        if table is not None and table.num_rows:
            made = self._batch(table)
            if self._judges and PARTITION in made.schema.names:
                advance_stream_time(made, self._times.now)
            if made.num_rows:
                frame.edges[self._step.output] = made
        if self._judges:
            self._times.keep()
            for name, time in self._times.told().items():
                frame.stream_time[name] = max(time, frame.stream_time.get(name, time))

    def _batch(self, table: pa.Table) -> pa.Table:
        if self._window and self._judges and may_be_late(self._window, table.column(ROWTIME), self._times.now):
            return self._carefully(table)
        if self._passes_on and table.num_rows <= FEW_ROWS and not _HANDLED.intersection(table.schema.names):
            rows = self._rows(table)
            if self._without_key(rows) is None:
                return rows
        across = self._step.combine and PARTITION in table.schema.names and not is_constant(table.column(PARTITION))
        try:
            made = (self._fused_across if across else self._fused)(table)
        except ENVIRONMENT:
            raise
        except duckdb.Error:
            return self._carefully(table)
        tops = None
        if across and self._timed:
            tells = pc.is_valid(made.column(PARTITION))
            tops, made = made.filter(tells), made.filter(pc.invert(tells)).drop_columns([PARTITION])
        if self._without_key(made) is not None:
            return self._carefully(table)
        if tops is not None:
            advance_stream_time(tops, self._times.now)
        made = conform(made, self._step.input_schema)
        return self._with_time(made) if self._stamped else made

    def _with_time(self, rows: pa.Table) -> pa.Table:
        """The rows with the stream time of each; of windows that have closed none is late."""
        if self._judges:
            return with_stream_time(rows, self._times.now)
        return rows.append_column(STREAM_TIME, pa.repeat(pa.scalar(-1, pa.int64()), rows.num_rows))

    def _in_arrow(self) -> bool:
        """Whether rows can be made, and their windows assigned, without DuckDB."""
        window = self._window
        tumbling = window is None or (window.size_ms == window.advance_ms and not window.is_bounded)
        return tumbling and not self._session and (self._evaluate is None or self._evaluate.in_arrow)

    def _rows(self, table: pa.Table) -> pa.Table:
        """The rows as they are, for the aggregate's own call: of few rows hardly fewer groups would be made, in a call that
        costs as much as for many."""
        rows = self._evaluate.evaluate(table) if self._evaluate else table
        if self._window is not None:
            times, size = rows.column(ROWTIME), self._window.size_ms
            rows = rows.append_column(WINDOW_START, pc.multiply(pc.divide(times, size), size))
        return conform(rows, self._step.input_schema)

    def _carefully(self, table: pa.Table) -> pa.Table:
        """Step by step, so that rows which failed, have no key or come late can be told one by one."""
        rows = self._evaluate.evaluate(table) if self._evaluate else table
        if DELETED in rows.schema.names and UNDO not in rows.schema.names:
            rows = rows.filter(pc.invert(rows.column(DELETED)))
        rows = rows.drop_columns(_bounds_of_source(rows.schema.names))
        rows = self._drop_without_key(rows)
        if not rows.num_rows:
            return self._grouped(self._assigned(rows)) if self._step.combine else self._assigned(rows)
        if self._timed:
            rows = self._with_time(rows)
        rows = self._assigned(rows)
        if self._window:
            late = expired(rows, self._window, rows.column(STREAM_TIME))
            self._tell_late(rows, late)
            rows = rows.filter(pc.invert(late)).drop_columns([STREAM_TIME])
        return self._grouped(rows) if self._step.combine else rows

    def _without_key(self, rows: pa.Table) -> pa.Array | None:
        """True for the rows that lack a key column; None when all have theirs."""
        missing = None
        for key in range(self._step.keys):
            column = rows.column(f"c{key}")
            if column.null_count:
                empty = pc.is_null(column)
                missing = empty if missing is None else pc.or_(missing, empty)
        return missing

    def _drop_without_key(self, rows: pa.Table) -> pa.Table:
        missing = self._without_key(rows)
        if missing is None:
            return rows
        names = [c.name for c in self._step.input_schema.columns[: self._step.keys]]
        for row in pc.indices_nonzero(missing).to_pylist():
            self._context.fail(rows, row, "expression", f"a grouping column is NULL: {', '.join(names)}")
        return rows.filter(pc.invert(missing))

    def _tell_late(self, rows: pa.Table, late: pa.Array) -> None:
        for row in pc.indices_nonzero(late).to_pylist():
            start, time = rows.column(WINDOW_START)[row].as_py(), rows.column(STREAM_TIME)[row].as_py()
            rowtime = rows.column(ROWTIME)[row].as_py()
            why = f"the window that starts at {start} is closed: rowtime {rowtime}, stream time {time}"
            self._context.fail(rows, row, "late", why)

    # ------------------------------------------------------------------------------------------------------------ SQL
    def _fused_sql(self, source: str, names: Sequence[str], *, across: bool = False) -> str:
        """`across`: groups are not kept apart by partition."""
        if self._before is None:
            alive = f"(SELECT * FROM {source} WHERE NOT {DELETED})" if _drops_deleted(names) else source
            return self._group_or_not(alive, names, across=across)
        text = evaluate_sql(self._before, source, names)
        if _drops_deleted(names):
            text = f"SELECT * FROM ({text}) WHERE NOT {DELETED}"
        return self._group_or_not(f"({text})", names, across=across)

    def _group_or_not(self, source: str, names: Sequence[str], *, across: bool) -> str:
        theirs = _bounds_of_source(names)
        kept = [n for n in systems(names) if n not in theirs and (n != DELETED or not _drops_deleted(names))]
        columns = [f"c{i}" for i in range(len(self._step.input_schema))]
        if self._window:
            own = f"* EXCLUDE ({', '.join(theirs)})" if theirs else "*"
            source = f"(SELECT {own}, {bounds_sql(self._window)} FROM {source})"
            kept += bounds(self._window)
        if across:
            return self._across_sql(source, [*columns, *kept])
        if self._step.combine:
            return self._grouped_sql(source, [*columns, *kept])
        return f"SELECT {', '.join([*columns, *kept])} FROM {source}"

    def _assigned_sql(self, source: str, names: Sequence[str]) -> str:
        if self._window is None:
            return f"SELECT * FROM {source}"
        return f"SELECT *, {bounds_sql(self._window)} FROM {source}"

    def _across_sql(self, source: str, names: Sequence[str]) -> str:
        """One row a group, whatever partitions it is of; with windows, also one a partition: how far it has come."""
        groups = self._grouped_sql("_rows" if self._timed else source, [n for n in names if n != PARTITION])
        if not self._timed:
            return groups
        tops = f"SELECT {PARTITION}, max({ROWTIME}) AS {ROWTIME} FROM _rows GROUP BY {PARTITION}"
        return f"WITH _rows AS MATERIALIZED (SELECT * FROM {source}) {groups} UNION ALL BY NAME {tops}"

    def _grouped_sql(self, source: str, names: Sequence[str]) -> str:
        by = [f"c{i}" for i in range(self._step.keys)]
        by += bounds(self._window) if self._window else []
        by += [n for n in (PARTITION,) if n in names]
        states = [f"{text} AS p{i}" for i, text in enumerate(partial_texts(self._step.calls))]
        tops = [f"max({ROWTIME}) AS {ROWTIME}", f"max({SEQUENCE}) AS {SEQUENCE}"]
        return f"SELECT {', '.join([*by, *states, *tops])} FROM {source} GROUP BY {', '.join(by) or 'ALL'}"


def _bounds_of_source(names: Sequence[str]) -> list[str]:
    """The columns of the windows that rows' keys have carried so far, which groups are not made by."""
    return [n for n in (WINDOW_START, WINDOW_END) if n in names]


def _drops_deleted(names: Sequence[str]) -> bool:
    return DELETED in names and UNDO not in names


def partial_texts(calls: Sequence[AggregateCall]) -> list[str]:
    """The SQL of each state column over a group's rows, aggregate by aggregate."""
    texts = []
    for call in calls:
        assert isinstance(call.spec, AggregateSpec)
        values = {str(i): f"c{a}" for i, a in enumerate(call.args)} | {"seq": SEQUENCE}
        texts += [f"CAST({fill(column.partial, values)} AS {column.duckdb_type})" for column in call.spec.state]
    return texts
