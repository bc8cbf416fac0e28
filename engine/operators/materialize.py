"""Materialize: keeps the newest row of every key of a table's changelog, so that pull queries can read it."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

from ..plan.physical.steps import Materialize
from ..state.change import GONE, ROW
from ..state.duckdb import Prepared
from .context import Context
from .event_time.windows import bounds
from .frame import conform, with_missing
from .newest import NewestRows
from .operator import DELETED, Frame


class MaterializeOperator:
    """Runs a Materialize step: of a batch, one row a changed key goes on."""

    def __init__(self, step: Materialize, context: Context) -> None:
        self._step = step
        keys = [i for i, c in enumerate(step.schema) if c.is_key]
        windows = bounds(step.window) if step.window else []
        self._rows = NewestRows(context.store, step.state, step.schema, keys, bounds=windows)
        self._change = Prepared(context.connection, self._rows.change_sql, size=self._rows.table.size)

    def run(self, frame: Frame) -> None:
        table = frame.edges.get(self._step.input)
        if table is None or not table.num_rows:
            return
        change = self._change(with_missing(table, self._step.schema))
        self._rows.table.apply(change)
        if self._step.filtered and DELETED in table.schema.names:
            change = change.filter(pc.or_(pc.invert(change.column(GONE)), pc.is_valid(change.column(ROW))))
        if change.num_rows:
            frame.edges[self._step.output] = self._output(change, table.schema.names)

    def _output(self, change: pa.Table, names: list[str]) -> pa.Table:
        columns = {f"c{i}": change.column(f"c{i}") for i in range(self._rows.width)}
        columns |= {n: change.column(GONE if n == DELETED else n) for n in names if n.startswith("_")}
        return conform(pa.table(columns), self._step.schema)
