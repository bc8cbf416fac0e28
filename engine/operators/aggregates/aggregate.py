"""Aggregate: a batch's groups merged into the state, which is the table.

One row a changed key goes on, in the order of the changes; where a stream meets the table, one for every change. With EMIT
FINAL a row goes on when its window closes: at the least stream time of the live partitions, told to every key group by every
frame, so that silent keys close too.
"""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa
import pyarrow.compute as pc

from ...errors import Unsupported
from ...plan.physical.steps import Aggregate, Evaluate
from ...sql.compile.expression import bind_functions
from ...sql.functions import PythonAggregate
from ...state.change import OLD, ROW
from ...state.duckdb import Prepared
from ...state.recent import RecentRows
from ...state.table import FEW_ROWS
from ..context import Context
from ..event_time.closing import Closing
from ..event_time.time_to_live import TimeToLive
from ..event_time.windows import bounds
from ..frame import concat, conform, is_constant, set_column
from ..operator import KEY_GROUP, PARTITION, PASSED, ROWTIME, SEQUENCE, WINDOW_END, WINDOW_START, Frame
from ..rounds import rounds
from .few_rows import FewRows
from .group_state import GroupState, having_of
from .overflow import tell_overflows
from .python import PythonGroups
from .running_groups import RunningGroups


class AggregateOperator:
    """Runs an Aggregate step. `after`: the evaluation over its output, whose HAVING decides what takes rows back; `every`: all
    updates of a batch go on."""

    def __init__(self, step: Aggregate, after: Evaluate | None, context: Context, *, every: bool = False) -> None:
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
        self._merge_recent = Prepared(context.connection, self._merge_recent_sql)
        self._every = every
        merges = not python and not step.table_input
        self._running = RunningGroups(self._layout, self._table, context) if every and merges else None
        self._recent = self._table.keep_recent() if merges and not every else None
        self._few = FewRows.of(self._layout) if self._recent is not None and self._having is None else None
        self._closing = Closing(step, self._layout, self._table, context) if step.partial.window else None
        mortal = self._layout.mortal
        self._ttl = TimeToLive(step, self._layout, self._table, self._having, context) if mortal else None

    def run(self, frame: Frame) -> None:
        table = frame.edges.get(self._step.input)
        made = self._batch(table, frame.parts) if table is not None and table.num_rows else None
        if made is not None:
            tell_overflows(made, self._layout, self._context)
        if self._closing:
            closed = self._closing.advance(frame.stream_time)
            made = closed if self._step.emit_final else made
        told = [self._output(made)] if made is not None and made.num_rows else []
        gone = self._ttl.sweep(frame.stream_time, made) if self._ttl else None
        if gone is not None:
            told.append(self._placed(gone))
        if told:
            frame.edges[self._step.output] = concat(told)

    def reload(self) -> None:
        """The state has been rolled back."""
        if self._closing:
            self._closing.reload()
        if self._ttl:
            self._ttl.reload()

    def _batch(self, table: pa.Table, parts: int) -> pa.Table | None:
        if KEY_GROUP not in table.schema.names:
            table = table.append_column(KEY_GROUP, pa.nulls(table.num_rows, pa.int32()))
        if self._step.emit_final and self._closing:
            table = self._closing.without_closed(table)
            if not table.num_rows:
                return None
        if self._every:
            return self._each(table)
        if not self._combined(table.schema.names):
            return self._change(self._ttl.last_lives(table) if self._ttl else table)
        rounds = _rounds(table, self._layout.key_names, parts, self._context)
        changes = [self._change(part) for part in rounds]
        return changes[0] if len(changes) == 1 else self._newest(changes)

    def _each(self, table: pa.Table) -> pa.Table:
        """Every update, one a row; of a table's changes and of users' aggregates, which know no merge, round by round."""
        if self._running is not None:
            return concat(list(self._running.updates(table)))
        changes = rounds(table, self._layout.key_names, self._context, changes=True)
        return pa.concat_tables([self._change(part) for part in changes])

    def _change(self, table: pa.Table) -> pa.Table:
        if self._recent is not None and table.num_rows <= FEW_ROWS:
            change = self._merged_few(table, self._recent)
            self._recent.put(change, change.column(ROW).null_count)
            return change
        self._table.settle()
        change = self._python.merge(table, self._having) if self._python else self._merge(table)
        self._table.apply(change)
        return change

    def _merged_few(self, table: pa.Table, recent: RecentRows) -> pa.Table:
        keys, stored = recent.find_all(table)
        made = self._few.merge(table, keys, stored) if self._few else None
        if made is None:
            made = self._merge_recent(recent.joined(table, stored))
            if self._few:
                self._few.learn(made)
        return made

    def _merge_sql(self, source: str, names: Sequence[str]) -> str:
        if self._step.table_input:
            return self._layout.merge_table_sql(source, names, self._table.name, self._having)
        return self._layout.merge_sql(self._groups_sql(source, names), self._table.name, self._having)

    def _merge_recent_sql(self, source: str, names: Sequence[str]) -> str:
        return self._layout.merge_sql(self._groups_sql(source, names), None, self._having)

    def _groups_sql(self, source: str, names: Sequence[str]) -> str:
        return source if self._combined(names) else f"({self._layout.grouped_sql(source, names)})"

    def _combined(self, names: Sequence[str]) -> bool:
        """Whether rows are groups already: a small batch's may not be, where none is saved an exchange by it."""
        return self._step.partial.combine and ("p0" in names or not self._step.partial.calls)

    def _newest(self, changes: Sequence[pa.Table]) -> pa.Table:
        """Of several rounds over the same keys, the last row of each; it passed before if it did before the first. A small
        round carries no old rows."""
        told = [n for n in changes[0].schema.names if n != ROW and not n.startswith(OLD)]
        merged = pa.concat_tables([c.select(told) for c in changes])
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
        windows = bounds(window) if window else []
        names += [n for n in (*windows, PASSED) if n in change.schema.names]
        order = [(n, "ascending") for n in (SEQUENCE, *windows)]
        made = change.select(names)
        if made.num_rows > 1 and not self._step.emit_final:
            made = made.take(pc.sort_indices(made.select([n for n, _ in order]), sort_keys=order))
        if window and not window.is_bounded:
            made = set_column(made, WINDOW_END, pc.add(made.column(WINDOW_START), window.size_ms))
        return self._placed(made)

    def _placed(self, made: pa.Table) -> pa.Table:
        """Rows of the output, which are of no partition of the source."""
        made = set_column(made, PARTITION, pa.repeat(pa.scalar(0, pa.int32()), made.num_rows))
        return conform(made, self._step.schema)


def _check(step: Aggregate) -> None:
    if not step.table_input:
        return
    for call in step.partial.calls:
        if not call.spec.can_undo:
            raise Unsupported(
                f"The aggregation function {call.name} cannot be applied to a table",
                detail="a table's rows change, and this function cannot take a row back",
                hint="aggregate the stream that the table is made from",
            )


def _rounds(table: pa.Table, keys: Sequence[str], parts: int, context: Context) -> list[pa.Table]:
    """Tables in which no key comes twice. A key comes twice where frames were put together, or where rows of one key came
    from several partitions."""
    if parts == 1 and (PARTITION not in table.schema.names or is_constant(table.column(PARTITION))):
        return [table]
    return rounds(table, keys, context)
